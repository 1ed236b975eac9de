//! Ranks files or chunks.
//!
//! A file's score is the weighted sum of its features; see [`RankingWeights`].

use super::chunk_order::{explain_chunk, sort_chunks};
use super::evidence::QueryEvidence;
use super::features::{Feature, Features};
use super::hit::{Explanation, ScoreTerm};
use super::weights::{FeatureWeights, RankingWeights};
use crate::query::parsed_query::ParsedQuery;
use crate::query::request::RetrievalMode;
use crate::retrieve::candidates::{CandidateChunk, CandidateFile};
use crate::snapshot::Snapshot;

/// A scored file, with its chunks best first.
pub(crate) struct RankedFile {
    pub file: usize,
    pub score: f32,
    pub chunks: Vec<CandidateChunk>,
    pub explanation: Explanation,
}

/// Ranks candidates, best first: files with their sorted chunks, or single chunks if `query.per_chunk` is set.
pub(crate) fn rank(
    snapshot: &Snapshot,
    query: &ParsedQuery,
    evidence: &QueryEvidence,
    candidates: Vec<CandidateFile>,
    weights: &RankingWeights,
) -> Vec<RankedFile> {
    let mut ranked = rank_files(query, evidence, candidates, weights);
    if query.per_chunk {
        return rank_chunks(snapshot, query, evidence, ranked);
    }
    ranked.truncate(query.limit);
    for file in &mut ranked {
        sort_chunks(snapshot, query, evidence, &mut file.chunks);
    }
    ranked
}

/// Scores the candidate files and sorts them, best first. Files with equal scores are sorted by path.
fn rank_files(
    query: &ParsedQuery,
    evidence: &QueryEvidence,
    candidates: Vec<CandidateFile>,
    weights: &RankingWeights,
) -> Vec<RankedFile> {
    let mut ranked: Vec<RankedFile> = Vec::with_capacity(candidates.len());
    for (index, candidate) in candidates.into_iter().enumerate() {
        let mut explanation = match query.mode {
            RetrievalMode::Dense => explain_single("nearest chunk (cosine)", candidate.dense_best),
            RetrievalMode::Lexical => explain_single("best chunk (BM25F)", candidate.lexical_best),
            RetrievalMode::Hybrid => explain_features(&evidence.features[index], weights.for_query(&query.terms)),
        };
        explanation.terms.extend(evidence.terms(&candidate));
        let score = explanation.terms.iter().map(|term| term.share).sum();
        ranked.push(RankedFile { file: candidate.file, score, chunks: candidate.chunks, explanation });
    }
    ranked.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.file.cmp(&b.file)));
    ranked
}

fn explain_single(name: &'static str, value: f32) -> Explanation {
    Explanation { terms: vec![ScoreTerm { name, value, share: value }], chunk: Vec::new() }
}

fn explain_features(features: &Features, weights: &FeatureWeights) -> Explanation {
    let term = |feature: &Feature| {
        let value = features.get(*feature);
        ScoreTerm { name: feature.label(), value, share: weights.0[*feature as usize] * value }
    };
    Explanation { terms: Feature::ALL.iter().map(term).filter(|term| term.share != 0.0).collect(), chunk: Vec::new() }
}

/// Ranks the chunks of all files by their own scores, each as a file with one chunk.
fn rank_chunks(
    snapshot: &Snapshot,
    query: &ParsedQuery,
    evidence: &QueryEvidence,
    files: Vec<RankedFile>,
) -> Vec<RankedFile> {
    let mut chunks: Vec<CandidateChunk> = files.into_iter().flat_map(|file| file.chunks).collect();
    sort_chunks(snapshot, query, evidence, &mut chunks);
    let explain = explain_chunk(snapshot, query, evidence, &chunks);
    let to_file = |chunk: &CandidateChunk| RankedFile {
        file: snapshot.file_of_chunk(chunk.chunk),
        score: chunk.score,
        explanation: Explanation { terms: explain(chunk), chunk: Vec::new() },
        chunks: vec![chunk.clone()],
    };
    chunks.iter().take(query.limit).map(to_file).collect()
}
