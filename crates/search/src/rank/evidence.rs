//! Gathers the evidence with which candidates are ranked: features, named files, and matches of a snippet.

use std::collections::HashMap;

use super::features::{Features, measure_features};
use super::hit::ScoreTerm;
use crate::query::error::QueryError;
use crate::query::parsed_query::ParsedQuery;
use crate::query::request::RetrievalMode;
use crate::query::terms::QueryKind;
use crate::retrieve::candidates::{CandidateChunk, CandidateFile};
use crate::retrieve::named_files::NamedFile;
use crate::retrieve::snippet_match::measure_snippet_shares;
use crate::snapshot::Snapshot;
use platform::cancel::CancelToken;

/// Score added to a file or chunk that the query certainly means. It exceeds any weighted sum of features.
const CERTAIN_FILE_SCORE: f32 = 100.0;

/// Score added to each of several files with the same name, which the query contains. It exceeds most weighted
/// features.
const POSSIBLE_FILE_SCORE: f32 = 4.0;

/// Score added to a file that contains all token runs of a snippet.
const FULL_SNIPPET_SCORE: f32 = 20.0;

/// The evidence with which candidates are ranked.
#[derive(Default)]
pub(crate) struct QueryEvidence {
    /// Files that the query names, by file index.
    pub named: HashMap<usize, NamedFile>,
    /// The share of the snippet's token runs in a chunk, by chunk number; see
    /// [`measure_snippet_shares`].
    pub snippet_shares: HashMap<u32, f32>,
    /// The features of each candidate; empty unless dense and lexical retrieval are ranked together.
    pub features: Vec<Features>,
}

/// Gathers the evidence about `candidates`; `named` are the files that the query names.
///
/// # Errors
/// If a text cannot be read, or a stop was requested.
pub(crate) fn gather_evidence(
    snapshot: &Snapshot,
    query: &ParsedQuery,
    candidates: &[CandidateFile],
    named: HashMap<usize, NamedFile>,
    cancel: &CancelToken,
) -> Result<QueryEvidence, QueryError> {
    QueryError::check_cancelled(cancel)?;
    let mut evidence = QueryEvidence { named, ..QueryEvidence::default() };
    if query.mode == RetrievalMode::Hybrid {
        if query.terms.kind == QueryKind::Snippet {
            evidence.snippet_shares = measure_snippet_shares(snapshot, &query.text, candidates)?;
            QueryError::check_cancelled(cancel)?;
        }
        evidence.features = measure_features(snapshot, &query.terms, candidates);
    }
    Ok(evidence)
}

impl QueryEvidence {
    /// Returns the score terms of a file that do not come from features.
    pub fn terms(&self, candidate: &CandidateFile) -> Vec<ScoreTerm> {
        let mut terms = Vec::new();
        if let Some(named) = self.named.get(&candidate.file) {
            let name = if named.is_certain { "the query names the file" } else { "one of the files the query names" };
            terms.push(ScoreTerm { name, value: 1.0, share: named_file_score(named) });
        }
        let shares = candidate.chunks.iter().filter_map(|chunk| self.snippet_shares.get(&chunk.chunk));
        let value = shares.copied().fold(0.0, f32::max);
        if value > 0.0 {
            terms.push(ScoreTerm { name: "token runs of the snippet", value, share: FULL_SNIPPET_SCORE * value });
        }
        terms
    }

    /// Returns the score that the evidence adds to a chunk.
    pub fn chunk_score(&self, snapshot: &Snapshot, chunk: &CandidateChunk) -> f32 {
        let share = self.snippet_shares.get(&chunk.chunk).map_or(0.0, |share| FULL_SNIPPET_SCORE * share);
        let named = self.named.get(&snapshot.file_of_chunk(chunk.chunk));
        share + named.map_or(0.0, |named| named.chunk_fit(snapshot, chunk.chunk) * named_file_score(named))
    }
}

/// Returns the score of a file that the query names.
fn named_file_score(named: &NamedFile) -> f32 {
    if named.is_certain { CERTAIN_FILE_SCORE - f32::from(named.rank) } else { POSSIBLE_FILE_SCORE }
}
