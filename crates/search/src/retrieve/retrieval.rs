//! Retrieves the candidates of a parsed query.

use std::collections::HashMap;

use super::candidate_filter::CandidateFilter;
use super::candidates::{CandidateFile, retrieve_candidates};
use super::named_files::{NamedFile, find_named_files};
use super::phrases::{PhraseMatches, find_phrase_matches};
use crate::query::error::QueryError;
use crate::query::parsed_query::ParsedQuery;
use crate::query::request::RetrievalMode;
use crate::snapshot::Snapshot;
use embed::Embedder;
use platform::cancel::CancelToken;

/// The candidates of a query.
pub(crate) struct QueryCandidates {
    /// The candidate files, by index.
    pub candidates: Vec<CandidateFile>,
    /// Files that the query names, by file index.
    pub named: HashMap<usize, NamedFile>,
    /// A note on phrases that were not found or not searched for in all chunks.
    pub note: Option<String>,
}

/// Retrieves the candidates of `query`: chunks with near vectors or matching words, definitions of its names, and files
/// named in it.
///
/// # Errors
/// If the inverted index or a text cannot be read, the query cannot be embedded, or a stop was requested.
pub(crate) fn retrieve(
    snapshot: &Snapshot,
    embedder: &dyn Embedder,
    query: &ParsedQuery,
    cancel: &CancelToken,
) -> Result<QueryCandidates, QueryError> {
    let kinds = (!query.filter.allows_all_kinds()).then_some(&query.filter);
    let mut filter = CandidateFilter { files: query.allowed_files.clone(), kinds, only: None, named: Vec::new() };
    let named = if query.mode == RetrievalMode::Hybrid { find_query_files(snapshot, query) } else { HashMap::new() };
    for (file, named) in &named {
        filter.files[*file] = true;
        filter.named.push(named.find_chunk(snapshot, *file));
    }
    QueryError::check_cancelled(cancel)?;
    let vector = embedder.embed_query(&query.terms.embedding_text)?;
    let note = restrict_to_phrases(snapshot, &query.phrases, &mut filter, cancel)?;
    QueryError::check_cancelled(cancel)?;
    let candidates = retrieve_candidates(snapshot, &query.terms, &vector, query.mode, &filter)?;
    Ok(QueryCandidates { candidates, named, note })
}

/// Finds the files that the query names.
fn find_query_files(snapshot: &Snapshot, query: &ParsedQuery) -> HashMap<usize, NamedFile> {
    let is_allowed = |file: usize| query.allowed_files[file] || query.filter.allows_named(&snapshot.files[file]);
    let mut named = find_named_files(snapshot, &query.terms, is_allowed);
    // Drops configuration files if many files have the name, because a query in prose means none of them.
    named.retain(|file, named| query.allowed_files[*file] || named.is_certain);
    named
}

/// Restricts `filter` to the chunks that contain all phrases, unless no chunk contains them.
///
/// Returns a note if no chunk contains the phrases or the search stopped early.
fn restrict_to_phrases(
    snapshot: &Snapshot,
    phrases: &[String],
    filter: &mut CandidateFilter<'_>,
    cancel: &CancelToken,
) -> Result<Option<String>, QueryError> {
    if phrases.is_empty() {
        return Ok(None);
    }
    let PhraseMatches { chunks, texts_read, chunks_with_words } =
        find_phrase_matches(snapshot, phrases, |chunk| filter.allows(snapshot, chunk), cancel)?;
    let written: Vec<String> = phrases.iter().map(|phrase| format!("\"{phrase}\"")).collect();
    let written = written.join(" and ");
    let partly = (texts_read < chunks_with_words)
        .then(|| format!("{texts_read} of the {chunks_with_words} chunks that contain the words"));
    if chunks.is_empty() {
        let among = partly.map_or_else(String::new, |partly| format!(" among {partly}"));
        return Ok(Some(format!("no chunk contains {written} word for word{among}; showing similar results")));
    }
    let mut files = vec![false; filter.files.len()];
    chunks.iter().for_each(|chunk| files[snapshot.file_of_chunk(*chunk)] = true);
    (filter.files, filter.only) = (files, Some(chunks));
    Ok(partly.map(|partly| format!("searched for {written} in {partly}")))
}
