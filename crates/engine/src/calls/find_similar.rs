//! Finds code that is similar to a given piece of code.

use super::explain_empty::explain_empty_filter;
use super::find_symbol::note_invalid_filters;
use super::read_code::{ReadRequest, read_code_in};
use crate::answer::{SearchAnswer, build_answer};
use crate::error::{EngineError, PathError, fail_if_cancelled};
use crate::query_source::{QuerySource, compile_filter, track_damage};
use platform::cancel::CancelToken;
use retrieval::{PartRequest, load_part};
use search::{Filter, QueryError, QueryFilters, Snapshot, find_nearest_chunks};
use types::RepoPath;

/// The code that a similarity search starts from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SimilarTarget {
    /// The chunk at this line (1-based) of an indexed file, or else the next chunk or the last one. Chunks of the same
    /// definition are not among the hits.
    Location { path: String, line: u32 },
    /// The text of a code snippet.
    Snippet(String),
}

/// A request for code that is similar to a given piece of code.
#[derive(Clone, Debug)]
pub struct SimilarQuery {
    pub target: SimilarTarget,
    /// Maximum number of hits, from 1 to [`MAX_LIMIT`](crate::MAX_LIMIT).
    pub limit: usize,
    pub filter: Filter,
    /// Further filters, written as in a search: `lang:go -test`. Words that are no filters are ignored.
    pub written_filters: String,
}

/// Finds the chunks whose vectors are nearest to the vector of the target.
///
/// # Errors
/// Fails like [`QueryCalls::find_similar`](crate::QueryCalls::find_similar).
pub(crate) fn find_similar_in<S: QuerySource + ?Sized>(
    source: &S,
    query: &SimilarQuery,
    cancel: &CancelToken,
) -> Result<SearchAnswer, EngineError> {
    let SimilarQuery { target, limit, filter, written_filters } = query;
    let (filters, _) = QueryFilters::parse(written_filters);
    let snapshot = source.snapshot()?;
    let embedder = source.embedder_of(&snapshot)?;
    let compiled = compile_filter(source, &snapshot, filter, &filters)?;
    fail_if_cancelled(cancel)?;
    let (vector, at) = match target {
        SimilarTarget::Snippet(text) if text.trim().is_empty() => return Err(QueryError::EmptyQuery.into()),
        SimilarTarget::Snippet(text) => (embedder.embed_query(text)?, None),
        SimilarTarget::Location { path, line } => {
            let located = source.locate(path)?;
            let inner = located.engine.resolve_path(&located.path)?;
            let path = located.to_group_path(&inner);
            let snapshot = load_part(&snapshot, &PartRequest::Files(std::slice::from_ref(&path)))?;
            let chunk = snapshot.chunk_at_line(path.as_str(), *line);
            let chunk = chunk.map_or_else(|| find_last_chunk(source, &snapshot, &path, *line, cancel), Ok)?;
            (snapshot.vector(chunk), Some((path, snapshot.chunk(chunk).span.start_line)))
        }
    };
    let snapshot = load_part(&snapshot, &PartRequest::Vector { vector: &vector, filter: &compiled })?;
    let except = at.and_then(|(path, line)| snapshot.chunk_at_line(path.as_str(), line));
    let compiled = compiled.for_snapshot(&snapshot);
    let found = find_nearest_chunks(&snapshot, &vector, compiled, *limit, except, cancel);
    let mut results = track_damage(source, found.map_err(EngineError::from))?;
    if results.hits.is_empty() {
        results.notes = explain_empty_filter(source, &snapshot, filter, &filters)?;
    }
    results.notes.extend(note_invalid_filters(&filters, &snapshot));
    build_answer(source, &snapshot, results, cancel)
}

/// Returns the last chunk of a file, for a line of the file after all chunks.
///
/// # Errors
/// If the file is not indexed, cannot be read, or has no such line; [`EngineError::Cancelled`].
fn find_last_chunk<S: QuerySource + ?Sized>(
    source: &S,
    snapshot: &Snapshot,
    path: &RepoPath,
    line: u32,
    cancel: &CancelToken,
) -> Result<u32, EngineError> {
    let file = snapshot.file_index(path.as_str());
    let Some(last) = file.and_then(|file| snapshot.chunks_of_file(file).next_back()) else {
        let reason = source.find_exclusion(snapshot, path.as_str());
        return Err(PathError::NotIndexed { path: path.clone(), line, reason }.into());
    };
    let path = Some(path.as_str().to_owned());
    read_code_in(source, &ReadRequest { path, lines: Some((line, line)), ..ReadRequest::default() }, cancel)?;
    Ok(last)
}
