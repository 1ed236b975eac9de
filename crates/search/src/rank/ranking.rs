//! Ranks places: chunks, each by the score of its file and by its own.
//!
//! A file's score is the weighted sum of its features; see [`RankingWeights`]. The best chunk of a file, by a weighted
//! sum of its own features, has the score of the file, and a part of its own. Every further chunk loses a fixed cost for
//! each place before it and a part of what its own sum lacks, so that one file fills an answer only if nothing else fits.

use super::chunk_features::{ChunkFeature, ChunkFeatures, measure_chunks};
use super::evidence::QueryEvidence;
use super::features::{Feature, Features};
use super::hit::{Explanation, ScoreTerm};
use super::weights::{PartWeights, RankingWeights};
use crate::query::parsed_query::ParsedQuery;
use crate::query::request::RetrievalMode;
use crate::retrieve::candidate_filter::CandidateFilter;
use crate::retrieve::candidates::{CandidateFile, MIN_COSINE, PartCandidates};
use crate::retrieve::retrieval::QueryCandidates;
use crate::snapshot::Snapshot;

/// Minimum number of files whose chunks are ranked.
const MIN_RANKED_FILES: usize = 20;

/// Maximum number of chunks of a file that are all ranked. Of a larger file, the candidates are ranked.
const MAX_RANKED_CHUNKS: usize = 400;

/// Maximum number of other chunks that are noted with the best chunk of a file.
const MAX_RELATED: usize = 8;

/// A scored file.
pub(crate) struct RankedFile {
    /// The index of the file in the candidates.
    pub candidate: usize,
    pub file: usize,
    pub score: f32,
    terms: Vec<ScoreTerm>,
}

/// A scored place.
pub(crate) struct RankedPlace {
    pub chunk: u32,
    pub score: f32,
    pub explanation: Explanation,
    /// With the best place of a file: other chunks of the file that fit half as well, best first.
    pub related: Vec<u32>,
}

/// A chunk with the score that orders the chunks of its file.
struct ScoredChunk {
    chunk: u32,
    score: f32,
    terms: Vec<ScoreTerm>,
}

/// Ranks places, best first, up to the limit of `query`.
pub(crate) fn rank(
    snapshot: &Snapshot,
    query: &ParsedQuery,
    evidence: &QueryEvidence,
    found: &QueryCandidates<'_>,
    weights: &RankingWeights,
) -> Vec<RankedPlace> {
    let weights = weights.for_query(&query.terms);
    let mut files = rank_files(query, evidence, found, &weights);
    files.truncate(query.limit.max(MIN_RANKED_FILES));
    let chunks = chunks_of_files(snapshot, &found.parts, &found.filter, &files);
    let scored = score_chunks(snapshot, query, evidence, &found.parts, &weights, &chunks);
    let mut places: Vec<(bool, RankedPlace)> = Vec::new();
    let mut scored = scored.into_iter();
    for (file, chunks) in files.iter().zip(&chunks) {
        let mut of_file: Vec<ScoredChunk> = scored.by_ref().take(chunks.len()).collect();
        of_file.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.chunk.cmp(&b.chunk)));
        let best = of_file.first().map_or(0.0, |chunk| chunk.score);
        let related = of_file.iter().skip(1).filter(|chunk| chunk.score * 2.0 >= best);
        let mut related: Vec<u32> = related.take(MAX_RELATED).map(|chunk| chunk.chunk).collect();
        for (depth, chunk) in of_file.into_iter().enumerate().take(query.limit) {
            let further = further_term(query.mode, &weights, depth, best - chunk.score, file.score);
            let share = best * weights.chunk_share;
            let lift = ScoreTerm { name: "best place of the file", value: best, share };
            let lift = Some(lift).filter(|lift| lift.share != 0.0);
            let terms: Vec<ScoreTerm> = file.terms.iter().cloned().chain(lift).chain(further).collect();
            let score = terms.iter().map(|term| term.share).sum();
            let explanation = if query.explain {
                Explanation { terms, chunk: chunk.terms.into_iter().filter(|term| term.share != 0.0).collect() }
            } else {
                Explanation::default()
            };
            let related = std::mem::take(&mut related);
            places.push((depth > 0, RankedPlace { chunk: chunk.chunk, score, explanation, related }));
        }
    }
    // Files with equal scores stay in the order of their paths, and chunks of a file in their order.
    places.sort_by(|(_, a), (_, b)| b.score.total_cmp(&a.score));
    if query.mode != RetrievalMode::Hybrid {
        places.sort_by_key(|(is_further, _)| *is_further);
    }
    places.into_iter().map(|(_, place)| place).take(query.limit).collect()
}

/// Returns what the chunk at `depth` of its file loses against the best one; `gap` is the difference of their scores.
fn further_term(
    mode: RetrievalMode,
    weights: &PartWeights<'_>,
    depth: usize,
    gap: f32,
    file: f32,
) -> Option<ScoreTerm> {
    #[expect(clippy::cast_precision_loss, reason = "a small count")]
    let value = depth as f32;
    let share = match (depth, mode) {
        (0, _) => return None,
        (_, RetrievalMode::Hybrid) => -(weights.repeat_cost * value + weights.repeat_slope * gap),
        // Further chunks are listed after the best chunks of all files.
        _ => -file,
    };
    Some(ScoreTerm { name: "further place of a file above", value, share })
}

/// Scores the candidate files and sorts them, best first. Files with equal scores are sorted by path.
pub(crate) fn rank_files(
    query: &ParsedQuery,
    evidence: &QueryEvidence,
    found: &QueryCandidates<'_>,
    weights: &PartWeights<'_>,
) -> Vec<RankedFile> {
    let Some(first) = found.parts.first() else { return Vec::new() };
    let score = |(index, candidate): (usize, &CandidateFile)| {
        let single = |name, value| vec![ScoreTerm { name, value, share: value }];
        let mut terms = match query.mode {
            RetrievalMode::Dense => single("nearest chunk (cosine)", candidate.dense_best),
            RetrievalMode::Lexical => single("best chunk (BM25F)", candidate.lexical_best),
            RetrievalMode::Hybrid => {
                let parts = evidence.features.iter().zip(weights.files);
                parts.flat_map(|(features, weights)| file_terms(&features[index], weights)).collect()
            }
        };
        terms.extend(evidence.terms(candidate));
        let score = terms.iter().map(|term| term.share).sum();
        RankedFile { candidate: index, file: candidate.file, score, terms }
    };
    let mut ranked: Vec<RankedFile> = first.files.iter().enumerate().map(score).collect();
    ranked.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.file.cmp(&b.file)));
    ranked
}

fn file_terms(features: &Features, weights: &[f32; Feature::ALL.len()]) -> impl Iterator<Item = ScoreTerm> {
    let term = |feature: &Feature| {
        let value = features.get(*feature);
        ScoreTerm { name: feature.label(), value, share: weights[*feature as usize] * value }
    };
    Feature::ALL.iter().map(term).filter(|term| term.share != 0.0)
}

/// Returns the chunks of each file that may become places, in order.
pub(crate) fn chunks_of_files(
    snapshot: &Snapshot,
    parts: &[PartCandidates<'_>],
    filter: &CandidateFilter<'_>,
    files: &[RankedFile],
) -> Vec<Vec<u32>> {
    let of_file = |file: &RankedFile| {
        let candidates = || parts[0].files[file.candidate].chunks.iter().map(|chunk| chunk.chunk);
        let chunks = snapshot.chunks_of_file(file.file);
        if chunks.len() > MAX_RANKED_CHUNKS {
            return candidates().collect();
        }
        let is_near = |chunk: u32| {
            parts.iter().any(|part| part.lexical_score(chunk) > 0.0 || part.cosine(chunk) >= MIN_COSINE)
                || candidates().any(|candidate| candidate == chunk)
        };
        chunks.filter(|chunk| filter.allows_in_file(snapshot, *chunk) && is_near(*chunk)).collect()
    };
    files.iter().map(of_file).collect()
}

/// Scores the chunks of the files, in order.
fn score_chunks(
    snapshot: &Snapshot,
    query: &ParsedQuery,
    evidence: &QueryEvidence,
    parts: &[PartCandidates<'_>],
    weights: &PartWeights<'_>,
    chunks: &[Vec<u32>],
) -> Vec<ScoredChunk> {
    let all: Vec<u32> = chunks.iter().flatten().copied().collect();
    let single = |name, value| vec![ScoreTerm { name, value, share: value }];
    let to_chunk = |chunk: u32, mut terms: Vec<ScoreTerm>| {
        let value = evidence.chunk_score(snapshot, chunk);
        if value != 0.0 {
            terms.push(ScoreTerm { name: "chunk: named line or function, or words in order", value, share: value });
        }
        ScoredChunk { chunk, score: terms.iter().map(|term| term.share).sum(), terms }
    };
    match query.mode {
        RetrievalMode::Dense => all
            .iter()
            .map(|chunk| to_chunk(*chunk, single("chunk: nearest (cosine)", parts[0].cosine(*chunk))))
            .collect(),
        RetrievalMode::Lexical => {
            let score = |chunk: u32| single("chunk: words (BM25F)", parts[0].lexical_score(chunk));
            all.iter().map(|chunk| to_chunk(*chunk, score(*chunk))).collect()
        }
        RetrievalMode::Hybrid => {
            let measured: Vec<Vec<ChunkFeatures>> = query
                .parts()
                .zip(parts)
                .map(|(terms, part)| measure_chunks(snapshot, terms, part, evidence, &all))
                .collect();
            let terms = |index: usize| {
                let parts = measured.iter().zip(weights.chunks);
                parts.flat_map(|(features, weights)| chunk_terms(&features[index], weights)).collect()
            };
            all.iter().enumerate().map(|(index, chunk)| to_chunk(*chunk, terms(index))).collect()
        }
    }
}

fn chunk_terms(features: &ChunkFeatures, weights: &[f32; ChunkFeature::ALL.len()]) -> impl Iterator<Item = ScoreTerm> {
    let term = |feature: &ChunkFeature| {
        let value = features.get(*feature);
        ScoreTerm { name: feature.label(), value, share: weights[*feature as usize] * value }
    };
    ChunkFeature::ALL.iter().map(term).filter(|term| term.share != 0.0)
}
