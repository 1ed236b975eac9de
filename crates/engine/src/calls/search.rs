//! Searches the index.

use super::explain_empty::{explain_empty, lacks_files};
use super::explain_left_out::note_left_out_names;
use super::explain_missed::{note_large_files, note_missed_files};
use crate::answer::{SearchAnswer, build_answer};
use crate::error::EngineError;
use crate::query_source::{QuerySource, track_damage};
use crate::state::Engine;
use platform::cancel::CancelToken;
use retrieval::{PartRequest, load_part};
use search::{
    CheckedQuery, QueryError, RankingWeights, RetrievalMode, SearchContext, SearchQuery, check_query, search,
};

impl Engine {
    /// Searches like [`QueryCalls::search`](crate::QueryCalls::search), with other ranking weights.
    ///
    /// # Errors
    /// Fails like [`QueryCalls::search`](crate::QueryCalls::search).
    pub fn search_with_weights(
        &self,
        query: &SearchQuery,
        weights: RankingWeights,
        cancel: &CancelToken,
    ) -> Result<SearchAnswer, EngineError> {
        search_in(self, query, &weights, cancel)
    }
}

/// Searches the index of a folder, or the indexes of a group as one.
///
/// # Errors
/// Fails like [`QueryCalls::search`](crate::QueryCalls::search).
pub(crate) fn search_in<S: QuerySource + ?Sized>(
    source: &S,
    query: &SearchQuery,
    weights: &RankingWeights,
    cancel: &CancelToken,
) -> Result<SearchAnswer, EngineError> {
    track_damage(source, search_snapshot(source, query, weights, cancel))
}

fn search_snapshot<S: QuerySource + ?Sized>(
    source: &S,
    query: &SearchQuery,
    weights: &RankingWeights,
    cancel: &CancelToken,
) -> Result<SearchAnswer, EngineError> {
    let missing_model = source.missing_base_model();
    let mode = if missing_model.is_some() { RetrievalMode::Lexical } else { query.mode };
    let query = check_query_in(source, &SearchQuery { mode, ..query.clone() })?;
    let whole = source.snapshot()?;
    let embedder = source.embedder_of(&whole)?;
    let folders = source.find_folders(&whole, &query.filter, &query.query_filters)?;
    let snapshot =
        load_part(&whole, &PartRequest::Query { query: &query, folders: &folders, embedder: embedder.as_ref() })?;
    let context = SearchContext { snapshot: &snapshot, embedder: embedder.as_ref(), weights, cancel };
    let (text, filter, query_filters) = (query.text.clone(), query.filter.clone(), query.query_filters.clone());
    let mut results = search(&context, query, &folders)?;
    let filters = (&filter, &query_filters, &folders);
    if results.hits.is_empty() {
        if lacks_files(&snapshot) {
            // That one name is nowhere in an index without files says nothing.
            results.notes.retain(|note| !note.contains(search::NAME_IS_NOWHERE));
        }
        results.notes.extend(explain_empty(source, &snapshot, &filter, &query_filters, &folders)?);
    } else {
        let lacks_name = results.notes.iter().any(|note| note.contains(search::NAME_IS_NOWHERE));
        results.notes.extend(note_missed_files(source, &snapshot, &text, filters, &results.hits)?);
        results.notes.extend(note_large_files(&snapshot).filter(|_| lacks_name));
    }
    let left_out = note_left_out_names(&whole, &results, filters, cancel)?;
    results.notes.extend(left_out);
    results.notes.extend(missing_model);
    build_answer(source, &snapshot, results, cancel)
}

/// Parses the filters of a query and checks that the query is valid. The error for an unknown language lists those of
/// the index, if there is one.
///
/// # Errors
/// If the query is invalid.
pub(crate) fn check_query_in<S: QuerySource + ?Sized>(
    source: &S,
    query: &SearchQuery,
) -> Result<CheckedQuery, EngineError> {
    check_query(query).map_err(|error| match error {
        QueryError::UnknownLanguage { .. } => match source.snapshot() {
            Ok(snapshot) => error.with_languages_of(&snapshot).into(),
            Err(_) => error.into(),
        },
        other => other.into(),
    })
}
