//! Retrieves the candidates of a parsed query.

use std::collections::HashMap;

use super::candidate_filter::CandidateFilter;
use super::candidates::{PartCandidates, retrieve_candidates};
use super::lexical::LexicalScores;
use super::named_files::{NamedFile, find_named_files};
use super::pasted_text::measure_pasted_shares;
use super::phrases::{PhraseMatches, find_phrase_matches};
use crate::query::error::QueryError;
use crate::query::parsed_query::ParsedQuery;
use crate::query::request::RetrievalMode;
use crate::query::terms::{QueryKind, QueryTerms};
use crate::snapshot::Snapshot;
use embed::Embedder;
use platform::cancel::CancelToken;

/// Maximum number of chunks in which a message of a trace or a report is looked for.
const MAX_MESSAGE_CHUNKS: usize = 200;

/// The candidates of a query.
pub(crate) struct QueryCandidates<'s> {
    /// The candidates as each part of the query scores them, in the order of [`ParsedQuery::parts`].
    pub parts: Vec<PartCandidates<'s>>,
    /// The highest share of a pasted text that a chunk contains word for word, by chunk number.
    pub pasted: HashMap<u32, f32>,
    /// The filter that the candidates passed.
    pub filter: CandidateFilter<'s>,
    /// Files that the query names, by file index.
    pub named: HashMap<usize, NamedFile>,
    /// A note on phrases that were not found or not searched for in all chunks.
    pub note: Option<String>,
}

/// Retrieves the candidates of `query`. In dense mode, these are chunks with near vectors; in lexical mode, chunks with
/// matching words and definitions of its names. In hybrid mode, they are all of these, files named in the query, and
/// chunks that contain a message of a trace or a report.
///
/// # Errors
/// If the inverted index or a text cannot be read, the query cannot be embedded, its vector has other dimensions than
/// those of the snapshot, or a stop was requested.
pub(crate) fn retrieve<'s>(
    snapshot: &'s Snapshot,
    embedder: &dyn Embedder,
    query: &'s ParsedQuery,
    cancel: &CancelToken,
) -> Result<QueryCandidates<'s>, QueryError> {
    let kinds = (!query.filter.allows_all_chunks()).then_some(&query.filter);
    let mut filter = CandidateFilter {
        files: query.allowed_files.clone(),
        kinds,
        only: None,
        except: Vec::new(),
        named: Vec::new(),
    };
    let named = if query.mode == RetrievalMode::Hybrid { find_query_files(snapshot, query) } else { HashMap::new() };
    for (file, named) in &named {
        filter.files[*file] = true;
        filter.named.push(named.find_chunk(snapshot, *file));
    }
    QueryError::check_cancelled(cancel)?;
    let note = restrict_to_phrases(snapshot, &query.phrases, &mut filter, cancel)?;
    QueryError::check_cancelled(cancel)?;
    let is_own_text = query.terms.kind == QueryKind::Words;
    let mut pasted = HashMap::new();
    if query.mode == RetrievalMode::Hybrid && !is_own_text {
        for text in &query.pasted_texts {
            let terms = QueryTerms::from_words(text);
            let lexical = LexicalScores::compute(snapshot, &terms)?;
            let best = lexical.select_best(MAX_MESSAGE_CHUNKS, |chunk| filter.allows(snapshot, chunk));
            add_shares(&mut pasted, measure_pasted_shares(snapshot, text, (&terms, &lexical), best.into_iter())?);
            QueryError::check_cancelled(cancel)?;
        }
        filter.named.extend(pasted.keys());
    }
    let mut parts = Vec::new();
    for terms in query.parts() {
        parts.push((terms, embedder.embed_query(&terms.embedding_text)?));
    }
    let parts = retrieve_candidates(snapshot, &parts, query.mode, &filter)?;
    if query.mode == RetrievalMode::Hybrid
        && is_own_text
        && let Some(PartCandidates { lexical: Some(lexical), files, .. }) = parts.first()
    {
        let chunks = || files.iter().flat_map(|file| &file.chunks).map(|chunk| chunk.chunk);
        for text in &query.pasted_texts {
            add_shares(&mut pasted, measure_pasted_shares(snapshot, text, (&query.terms, lexical), chunks())?);
        }
    }
    Ok(QueryCandidates { pasted, parts, filter, named, note })
}

/// Keeps the highest share of each chunk.
fn add_shares(all: &mut HashMap<u32, f32>, shares: HashMap<u32, f32>) {
    for (chunk, share) in shares {
        let kept = all.entry(chunk).or_default();
        *kept = kept.max(share);
    }
}

/// Finds the indexed files that the query names.
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
        return Ok(Some(format!("no code or text has {written} word for word{among}; showing what is near it")));
    }
    let mut files = vec![false; filter.files.len()];
    chunks.iter().for_each(|chunk| files[snapshot.file_of_chunk(*chunk)] = true);
    (filter.files, filter.only) = (files, Some(chunks));
    Ok(partly.map(|partly| format!("searched for {written} in {partly}")))
}
