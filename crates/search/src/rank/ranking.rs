//! Ranks places: chunks, each by the score of its file and by its own score.
//!
//! In hybrid mode, a file's score is the weighted sum of its features (see [`RankingWeights`]) and other evidence, such
//! as its name in the query. The chunks of a file are ordered likewise. Every chunk has the score of its file, plus a
//! share of the evidence in the file's best chunk. Every further chunk loses a fixed cost for each place of the file
//! before it and a part of the gap to the best one, and after a few places of a file, those of all other files follow:
//! one file fills an answer only if nothing else fits. In the other modes, a file has the score of its best chunk, and further chunks come after the best chunks of all files.

use std::collections::HashSet;

use super::chunk_features::{ChunkFeature, ChunkFeatures, measure_chunks};
use super::evidence::QueryEvidence;
use super::features::{Feature, Features};
use super::hit::{Explanation, ScoreTerm};
use super::translations::PageTexts;
use super::weights::{PartWeights, RankingWeights};
use crate::query::parsed_query::ParsedQuery;
use crate::query::request::RetrievalMode;
use crate::retrieve::candidate_filter::CandidateFilter;
use crate::retrieve::candidates::{CandidateFile, MIN_COSINE, PartCandidates};
use crate::retrieve::retrieval::QueryCandidates;
use crate::snapshot::Snapshot;
use source::language;
use types::ContentKind;

/// Number of files whose chunks are ranked, unless the limit of the query is higher.
const MIN_RANKED_FILES: usize = 20;

/// Maximum number of chunks of a file in which chunks other than the candidates are ranked too.
const MAX_RANKED_CHUNKS: usize = 400;

/// Maximum number of chunks in [`RankedPlace::related`].
const MAX_RELATED: usize = 8;

/// Maximum number of places of a file before the places of all other files.
const MAX_FIRST_PLACES: usize = 5;

/// What a copy of another file, and a place after [`MAX_FIRST_PLACES`] of its file, loses of its score: more than
/// learned weights give.
const LAST_COST: f32 = 1_000.0;

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
    /// Other chunks of the file with at least half the score of its best chunk, best first, at most [`MAX_RELATED`].
    /// Empty except for the first place of a file.
    pub related: Vec<u32>,
}

/// A chunk with the scores that order the chunks of its file.
struct ScoredChunk {
    chunk: u32,
    score: f32,
    /// The part of the score that compares the chunk with the query.
    evidence: f32,
    /// The terms of the score; complete only if [`ParsedQuery::explain`] is set.
    terms: Vec<ScoreTerm>,
}

/// A place before the best ones are chosen.
struct PlaceDraft<'r> {
    file: &'r RankedFile,
    chunk: ScoredChunk,
    score: f32,
    /// The terms that the place adds to the terms of the file.
    terms: [Option<ScoreTerm>; 2],
    is_further: bool,
    related: Vec<u32>,
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
    let count = query.limit.max(MIN_RANKED_FILES);
    if query.mode == RetrievalMode::Hybrid {
        put_copies_last(snapshot, query, evidence, &mut files, count);
    }
    files.truncate(count);
    let chunks = chunks_of_files(snapshot, &found.parts, &found.filter, &files);
    let mut scored = score_chunks(snapshot, query, evidence, &found.parts, &weights, &chunks).into_iter();
    let mut places: Vec<PlaceDraft<'_>> = Vec::new();
    for (file, chunks) in files.iter().zip(&chunks) {
        let mut of_file: Vec<ScoredChunk> = scored.by_ref().take(chunks.len()).collect();
        of_file.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.chunk.cmp(&b.chunk)));
        let (best, lift) = of_file.first().map_or((0.0, 0.0), |chunk| (chunk.score, chunk.evidence));
        // The definition that a query for a name means comes before its implementations in the same file, and a chunk
        // with a rare identifier of the query before others.
        let is_first = |chunk: u32| evidence.meant.contains(&chunk) || evidence.rare.chunks.contains(&chunk);
        of_file.sort_by_key(|chunk| !is_first(chunk.chunk));
        let related = of_file.iter().skip(1).filter(|chunk| chunk.score * 2.0 >= best);
        let mut related: Vec<u32> = related.take(MAX_RELATED).map(|chunk| chunk.chunk).collect();
        for (depth, chunk) in of_file.into_iter().enumerate().take(query.limit) {
            let terms = [
                lift_term(query.mode, &weights, lift),
                further_term(
                    query.mode,
                    &weights,
                    depth,
                    best - chunk.score,
                    file.score,
                    evidence.rare_score(file.file),
                ),
            ];
            let score = file.score + terms.iter().flatten().map(|term| term.share).sum::<f32>();
            let related = std::mem::take(&mut related);
            places.push(PlaceDraft { file, chunk, score, terms, is_further: depth > 0, related });
        }
    }
    // Files with equal scores stay in the order of their paths, and chunks of a file in their order.
    places.sort_by(|a, b| b.score.total_cmp(&a.score));
    if query.mode != RetrievalMode::Hybrid {
        places.sort_by_key(|place| place.is_further);
    }
    places.into_iter().take(query.limit).map(PlaceDraft::finish).collect()
}

/// Puts copies behind all other files by their scores: files with the contents of a better one, and pages of documentation that say the
/// same as another one in another language. Of such pages, the original stays, or for a query that is not in ASCII and
/// without an original, the best one. Files that the query names stay. Looks at the files before the `count`th one that
/// stays.
fn put_copies_last(
    snapshot: &Snapshot,
    query: &ParsedQuery,
    evidence: &QueryEvidence,
    files: &mut [RankedFile],
    count: usize,
) {
    let path_of_page = |file: &RankedFile| {
        let page = &snapshot.files[file.file];
        (language::language_content(page.language) == ContentKind::Docs).then(|| page.path.as_str())
    };
    let mut texts = match query.text.is_ascii() {
        true => PageTexts::prefer_originals(files.iter().filter_map(path_of_page)),
        false => PageTexts::default(),
    };
    let (mut contents, mut staying) = (HashSet::new(), 0);
    for file in files.iter_mut() {
        if staying >= count {
            break;
        }
        let record = snapshot.record(&snapshot.files[file.file].path);
        let is_copy = record.is_some_and(|record| !contents.insert(record.content.hash))
            || path_of_page(file).is_some_and(|path| texts.is_repeated(path));
        if is_copy && !evidence.named.contains_key(&file.file) {
            file.terms.push(ScoreTerm { name: "copy or translation of another file", value: 1.0, share: -LAST_COST });
            file.score -= LAST_COST;
        } else {
            staying += 1;
        }
    }
    files.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.file.cmp(&b.file)));
}

impl PlaceDraft<'_> {
    fn finish(self) -> RankedPlace {
        let Self { file, chunk, score, terms, related, .. } = self;
        let terms = file.terms.iter().cloned().chain(terms.into_iter().flatten()).collect();
        RankedPlace { chunk: chunk.chunk, score, explanation: Explanation { terms, chunk: chunk.terms }, related }
    }
}

/// Returns the term that the evidence in the best chunk of a file adds to all places of the file; `None` if it adds
/// nothing.
fn lift_term(mode: RetrievalMode, weights: &PartWeights<'_>, value: f32) -> Option<ScoreTerm> {
    let share = value * weights.chunk_share;
    let is_added = mode == RetrievalMode::Hybrid && share != 0.0;
    is_added.then_some(ScoreTerm { name: "best place of the file", value, share })
}

/// Returns the penalty on the chunk at index `depth` of its file's ranked chunks; `None` for the first one. `gap` is
/// the score of the best chunk less that of this one, `file` the score of the file, and `rare` the part of it that only
/// the first place of the file has.
fn further_term(
    mode: RetrievalMode,
    weights: &PartWeights<'_>,
    depth: usize,
    gap: f32,
    file: f32,
    rare: f32,
) -> Option<ScoreTerm> {
    #[expect(clippy::cast_precision_loss, reason = "a small count")]
    let value = depth as f32;
    let share = match (depth, mode) {
        (0, _) => return None,
        (_, RetrievalMode::Hybrid) => {
            let last = if depth < MAX_FIRST_PLACES { 0.0 } else { LAST_COST };
            -(weights.repeat_cost * value + weights.repeat_slope * gap + rare + last)
        }
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

/// Returns, for each of `files`, its chunks that may become places.
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

/// Returns the chunks of all files, in the order of `chunks`, with their scores.
fn score_chunks(
    snapshot: &Snapshot,
    query: &ParsedQuery,
    evidence: &QueryEvidence,
    parts: &[PartCandidates<'_>],
    weights: &PartWeights<'_>,
    chunks: &[Vec<u32>],
) -> Vec<ScoredChunk> {
    let all: Vec<u32> = chunks.iter().flatten().copied().collect();
    let measured: Vec<Vec<ChunkFeatures>> = if query.mode == RetrievalMode::Hybrid {
        let parts = query.parts().zip(parts);
        parts.map(|(terms, part)| measure_chunks(snapshot, terms, part, evidence, &all)).collect()
    } else {
        Vec::new()
    };
    let score = |(index, chunk): (usize, &u32)| {
        let chunk = *chunk;
        let named = evidence.chunk_score(snapshot, chunk);
        let (score, compared, mut terms) = match query.mode {
            RetrievalMode::Dense => score_alone("chunk: nearest (cosine)", parts[0].cosine(chunk)),
            RetrievalMode::Lexical => score_alone("chunk: words (BM25F)", parts[0].lexical_score(chunk)),
            RetrievalMode::Hybrid => {
                let features = || measured.iter().map(|part| &part[index]).zip(weights.chunks);
                let sum = |is_counted: fn(ChunkFeature) -> bool| {
                    features().map(|(features, weights)| weighted_sum(features, weights, is_counted)).sum()
                };
                let terms = if query.explain {
                    features().flat_map(|(features, weights)| chunk_terms(features, weights)).collect()
                } else {
                    Vec::new()
                };
                (sum(|_| true), sum(ChunkFeature::is_evidence), terms)
            }
        };
        if named != 0.0 && query.explain {
            terms.push(ScoreTerm {
                name: "chunk: named line or function, or words in order",
                value: named,
                share: named,
            });
        }
        ScoredChunk { chunk, score: score + named, evidence: compared, terms }
    };
    all.iter().enumerate().map(score).collect()
}

fn score_alone(name: &'static str, value: f32) -> (f32, f32, Vec<ScoreTerm>) {
    (value, value, vec![ScoreTerm { name, value, share: value }])
}

/// Returns the weighted sum of the features that `is_counted` accepts.
fn weighted_sum(
    features: &ChunkFeatures,
    weights: &[f32; ChunkFeature::ALL.len()],
    is_counted: impl Fn(ChunkFeature) -> bool,
) -> f32 {
    let counted = ChunkFeature::ALL.iter().filter(|feature| is_counted(**feature));
    counted.map(|feature| weights[*feature as usize] * features.get(*feature)).sum()
}

fn chunk_terms(features: &ChunkFeatures, weights: &[f32; ChunkFeature::ALL.len()]) -> impl Iterator<Item = ScoreTerm> {
    let term = |feature: &ChunkFeature| {
        let value = features.get(*feature);
        ScoreTerm { name: feature.label(), value, share: weights[*feature as usize] * value }
    };
    ChunkFeature::ALL.iter().map(term).filter(|term| term.share != 0.0)
}
