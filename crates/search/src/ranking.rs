//! Ranks files, and orders the chunks within each file.
//!
//! A file's score is the weighted sum of its features. The weights are learned: `tools/train_ranker.rs` writes
//! `assets/ranker.txt`.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::candidates::{CandidateChunk, CandidateFile};
use super::features::{self, FEATURE_COUNT, Feature, Features};
use super::places::NamedFile;
use super::query::QueryTerms;
use super::snapshot::Snapshot;
use super::{Explanation, RetrievalMode, ScoreTerm};

/// The weight of each feature, indexed by [`Feature`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FeatureWeights(pub [f32; FEATURE_COUNT]);

/// The weights of the ranking, for two classes of queries.
///
/// A query for a name is weighted differently: the file that defines the exact name is right wherever it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RankingWeights {
    /// For queries that are a name or a path.
    pub names: FeatureWeights,
    pub words: FeatureWeights,
}

impl FeatureWeights {
    /// Returns the score of a file with these features.
    pub fn score(&self, features: &Features) -> f32 {
        self.0.iter().zip(&features.0).map(|(weight, value)| weight * value).sum()
    }
}

impl RankingWeights {
    /// Parses weights: lines with a feature's name, its weight for names and its weight for words.
    ///
    /// A feature without a line weighs 0; lines that start with `#` are comments.
    ///
    /// # Errors
    /// If a line has another form, naming the line.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut weights =
            Self { names: FeatureWeights([0.0; FEATURE_COUNT]), words: FeatureWeights([0.0; FEATURE_COUNT]) };
        for line in text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty()) {
            let invalid = || format!("{line:?} is not a feature name and two weights");
            let columns: Vec<&str> = line.split_whitespace().collect();
            let [name, names, words] = columns.as_slice() else { return Err(invalid()) };
            let feature = Feature::ALL.iter().find(|feature| feature.name() == *name).ok_or_else(invalid)?;
            let number = |text: &str| text.parse().ok().filter(|weight: &f32| weight.is_finite()).ok_or_else(invalid);
            weights.names.0[*feature as usize] = number(names)?;
            weights.words.0[*feature as usize] = number(words)?;
        }
        Ok(weights)
    }

    /// Formats the weights as [`RankingWeights::parse`] reads them.
    pub fn to_text(&self) -> String {
        let line = |feature: &Feature| {
            let at = *feature as usize;
            format!("{} {:.4} {:.4}\n", feature.name(), self.names.0[at], self.words.0[at])
        };
        Feature::ALL.iter().map(line).collect()
    }

    /// Returns the weights for a query.
    pub(super) fn for_query(&self, terms: &QueryTerms) -> &FeatureWeights {
        if terms.is_name() { &self.names } else { &self.words }
    }
}

/// The learned weights.
static LEARNED_WEIGHTS: LazyLock<RankingWeights> = LazyLock::new(|| {
    RankingWeights::parse(include_str!("../assets/ranker.txt")).expect("assets/ranker.txt is checked by the tests")
});

impl Default for RankingWeights {
    fn default() -> Self {
        *LEARNED_WEIGHTS
    }
}

/// A scored file, with its chunks best first.
pub(super) struct RankedFile {
    pub file: usize,
    pub score: f32,
    pub chunks: Vec<CandidateChunk>,
    pub explanation: Explanation,
}

/// The score of a file or chunk that the query certainly means; larger than any sum of features.
const CERTAIN_FILE_SCORE: f32 = 100.0;

/// The score of one of many files with a name in the query; larger than most features.
const POSSIBLE_FILE_SCORE: f32 = 4.0;

/// The score of a file that contains all token runs of a snippet.
const FULL_SNIPPET_SCORE: f32 = 20.0;

/// Evidence about candidates besides their features.
#[derive(Default)]
pub(super) struct QueryEvidence {
    /// Files that the query names, by file index.
    pub named: HashMap<usize, NamedFile>,
    /// The share of the snippet's token runs in a chunk, by chunk number; see
    /// [`exact::snippet_shares`](super::exact::snippet_shares).
    pub snippet_shares: HashMap<u32, f32>,
}

/// The inputs of the ranking that belong to the query.
#[derive(Clone, Copy)]
pub(super) struct RankingQuery<'q> {
    pub terms: &'q QueryTerms,
    pub mode: RetrievalMode,
    pub evidence: &'q QueryEvidence,
}

impl QueryEvidence {
    fn terms(&self, candidate: &CandidateFile) -> Vec<ScoreTerm> {
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
    fn chunk_score(&self, snapshot: &Snapshot, chunk: &CandidateChunk) -> f32 {
        let share = self.snippet_shares.get(&chunk.chunk).map_or(0.0, |share| FULL_SNIPPET_SCORE * share);
        let named = self.named.get(&snapshot.file_of_chunk(chunk.chunk));
        share + named.map_or(0.0, |named| named.chunk_fit(snapshot, chunk.chunk) * named_file_score(named))
    }
}

/// Returns the score of a file that the query names.
fn named_file_score(named: &NamedFile) -> f32 {
    if named.is_certain { CERTAIN_FILE_SCORE - f32::from(named.rank) } else { POSSIBLE_FILE_SCORE }
}

/// Scores the candidate files and sorts them, best first; equal scores by path.
pub(super) fn rank_files(
    snapshot: &Snapshot,
    query: &RankingQuery<'_>,
    weights: &RankingWeights,
    candidates: Vec<CandidateFile>,
) -> Vec<RankedFile> {
    let RankingQuery { terms, mode, evidence } = *query;
    let features = if mode == RetrievalMode::Hybrid {
        features::measure_features(snapshot, terms, &candidates)
    } else {
        Vec::new()
    };
    let mut ranked: Vec<RankedFile> = Vec::with_capacity(candidates.len());
    for (index, candidate) in candidates.into_iter().enumerate() {
        let mut explanation = match mode {
            RetrievalMode::Dense => explain_single("nearest chunk (cosine)", candidate.dense_best),
            RetrievalMode::Lexical => explain_single("best chunk (BM25F)", candidate.lexical_best),
            RetrievalMode::Hybrid => explain_features(&features[index], weights.for_query(terms)),
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

/// Scores the chunks of a file and sorts them, best first.
pub(super) fn sort_chunks(snapshot: &Snapshot, query: &RankingQuery<'_>, chunks: &mut [CandidateChunk]) {
    let terms = chunk_score_terms(snapshot, query, chunks);
    let scores: Vec<f32> = chunks.iter().map(|chunk| terms(chunk).iter().map(|term| term.share).sum()).collect();
    chunks.iter_mut().zip(scores).for_each(|(chunk, score)| chunk.score = score);
    chunks.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.chunk.cmp(&b.chunk)));
}

/// Returns a function that explains the score of a chunk among `chunks`; the shares add up to it.
pub(super) fn explain_chunk<'a, 'q>(
    snapshot: &'a Snapshot,
    query: &'a RankingQuery<'q>,
    chunks: &[CandidateChunk],
) -> impl Fn(&CandidateChunk) -> Vec<ScoreTerm> + use<'a, 'q> {
    let terms = chunk_score_terms(snapshot, query, chunks);
    move |chunk| terms(chunk).into_iter().filter(|term| term.share != 0.0).collect()
}

/// Returns a function that computes the score terms of a chunk among `chunks`.
///
/// The weights are set by hand, because labels within files are rare.
fn chunk_score_terms<'a, 'q>(
    snapshot: &'a Snapshot,
    query: &'a RankingQuery<'q>,
    chunks: &[CandidateChunk],
) -> impl Fn(&CandidateChunk) -> [ScoreTerm; 7] + use<'a, 'q> {
    let RankingQuery { terms, mode, evidence } = *query;
    let highest = |score: fn(&CandidateChunk) -> f32| chunks.iter().map(score).fold(f32::EPSILON, f32::max);
    let (dense, lexical) = (highest(|chunk| chunk.dense), highest(|chunk| chunk.lexical));
    let fit = features::definition_fit(terms);
    let hybrid = mode == RetrievalMode::Hybrid;
    move |chunk| {
        let meta = snapshot.chunk(chunk.chunk);
        let defines = hybrid && chunk.defines;
        let term = |name, value: f32, weight: f32| ScoreTerm { name, value, share: value * weight };
        let flag = |name, is: bool, weight: f32| term(name, if is { 1.0 } else { 0.0 }, weight);
        // With one retriever, its own score counts; with two, each counts equally, relative to the best chunk.
        let weight_of =
            |alone: RetrievalMode, best: f32| if hybrid { 1.0 / best } else { f32::from(u8::from(mode == alone)) };
        [
            term("chunk: nearest (cosine)", chunk.dense, weight_of(RetrievalMode::Dense, dense)),
            term("chunk: words (BM25F)", chunk.lexical, weight_of(RetrievalMode::Lexical, lexical)),
            term("chunk: best-fitting definition", if hybrid { fit(meta) } else { 0.0 }, 1.0),
            flag("chunk: defines the exact name", defines, 2.0),
            // Prefers the class `Session` to a function `session` beside it.
            flag("chunk: … spelled as in the query", defines && terms.spells(meta.defines()), 1.0),
            flag(
                "chunk: … in the container given by the query",
                defines && terms.qualifies_name_with(meta.container),
                2.0,
            ),
            term(
                "chunk: named line or function, or snippet",
                if hybrid { evidence.chunk_score(snapshot, chunk) } else { 0.0 },
                1.0,
            ),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_learned_weights_are_read_and_written() {
        let weights = RankingWeights::default();
        let again = RankingWeights::parse(&weights.to_text()).expect("written weights");
        for (vector, again) in [(weights.names, again.names), (weights.words, again.words)] {
            assert!(vector.0.iter().any(|weight| *weight > 0.0));
            assert!(again.0.iter().zip(vector.0).all(|(again, weight)| (again - weight).abs() < 1e-3));
        }
        for bad in ["Nothing 1 1", "Size 1 x", "Size inf 1", "Size", "Size 1"] {
            assert!(RankingWeights::parse(bad).is_err(), "{bad}");
        }
    }
}
