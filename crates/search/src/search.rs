//! Answers a query over one snapshot: parse → retrieve → gather evidence → rank → read hits.

use crate::query::error::QueryError;
use crate::query::parsed_query::{CheckedQuery, ParsedQuery};
use crate::query::request::FolderScope;
use crate::rank::evidence::gather_evidence;
use crate::rank::features::{Features, measure_features};
use crate::rank::hit::Hit;
use crate::rank::ranking::rank;
use crate::rank::weights::RankingWeights;
use crate::read_hits::read_hits;
use crate::retrieve::candidates::CandidateFile;
use crate::retrieve::retrieval::retrieve;
use crate::snapshot::Snapshot;
use embed::Embedder;
use platform::cancel::CancelToken;
use source::secrets::MASK;
use types::RepoPath;

/// The inputs of a search in addition to its query.
#[derive(Clone, Copy)]
pub struct SearchContext<'s> {
    pub snapshot: &'s Snapshot,
    /// The model that made the vectors of the snapshot.
    pub embedder: &'s dyn Embedder,
    pub weights: &'s RankingWeights,
    /// A token that stops the search, which then fails with [`QueryError::Cancelled`].
    pub cancel: &'s CancelToken,
}

/// The hits of a query, best first, with notes.
#[derive(Clone, Debug, Default)]
pub struct SearchResults {
    pub hits: Vec<Hit>,
    /// Notes for the user: sentences that start in lower case and have no full stop.
    pub notes: Vec<String>,
    /// A description of how the query was interpreted.
    pub understood: String,
}

/// The features of a query's candidates, from which weights are learned.
#[derive(Clone, Debug)]
pub struct QueryFeatures {
    /// Whether the query is ranked with the weights for names instead of the weights for words.
    pub is_name: bool,
    /// The candidate files.
    pub candidates: Vec<(RepoPath, Features)>,
}

/// Returns the best hits: the files by rank, each with its best chunk.
///
/// Further chunks of the same files fill up the list if there are fewer files than requested hits. `folders` are the
/// folders of the projects in the query's filters. [`Hit::stale`] and [`Hit::project`] are not set.
///
/// # Errors
/// If reading the store or embedding fails, or a stop was requested.
pub fn search(
    context: &SearchContext<'_>,
    query: CheckedQuery,
    folders: &FolderScope,
) -> Result<SearchResults, QueryError> {
    let SearchContext { snapshot, embedder, weights, cancel } = *context;
    let query = ParsedQuery::parse(snapshot, query, folders, cancel)?;
    let found = retrieve(snapshot, embedder, &query, cancel)?;
    let evidence = gather_evidence(snapshot, &query, &found.candidates, found.named, cancel)?;
    let ranked = rank(snapshot, &query, &evidence, found.candidates, weights);
    let (hits, masked) = read_hits(snapshot, &query, &evidence, &ranked, cancel)?;
    let notes = query.notes.into_iter().chain(found.note).chain(masked_note(masked)).collect();
    Ok(SearchResults { hits, notes, understood: query.understood })
}

/// Returns the note of an answer that has `places` with masked credentials.
pub fn masked_note(places: usize) -> Option<String> {
    match places {
        0 => None,
        1 => Some(format!("{MASK} stands for a credential in 1 place")),
        places => Some(format!("{MASK} stands for a credential in {places} places")),
    }
}

/// Returns the features of all candidates of a query; the weights of the context have no effect.
///
/// # Errors
/// Fails under the same conditions as [`search`].
pub fn measure_query(
    context: &SearchContext<'_>,
    query: CheckedQuery,
    folders: &FolderScope,
) -> Result<QueryFeatures, QueryError> {
    let SearchContext { snapshot, embedder, cancel, .. } = *context;
    let query = ParsedQuery::parse(snapshot, query, folders, cancel)?;
    let found = retrieve(snapshot, embedder, &query, cancel)?;
    let features = measure_features(snapshot, &query.terms, &found.candidates);
    let path = |candidate: &CandidateFile| snapshot.files[candidate.file].path.clone();
    let candidates = found.candidates.iter().map(path).zip(features).collect();
    Ok(QueryFeatures { is_name: query.terms.is_name(), candidates })
}
