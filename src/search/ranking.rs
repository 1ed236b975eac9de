//! File-first ranking: the best files, and in each its best chunks.
//!
//! A file's score is the sum of its features, each times a weight. The weights are learned:
//! `tools/train_ranker.rs` writes `assets/ranker.txt`.

use std::sync::LazyLock;

use super::candidates::{CandidateChunk, CandidateFile};
use super::features::{self, FEATURES, Feature, Features};
use super::query::QueryTerms;
use super::snapshot::Snapshot;
use super::{Explanation, Mode, Term};

/// What each feature counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weights(pub [f32; FEATURES]);

impl Weights {
    /// Reads lines of a feature's name and its weight; a feature without a line weighs nothing, and
    /// `#` begins a comment.
    ///
    /// # Errors
    /// The line that is not so.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut weights = Self([0.0; FEATURES]);
        for line in text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty()) {
            let parsed = line.split_once(char::is_whitespace).and_then(|(name, weight)| {
                let feature = Feature::ALL.iter().find(|feature| feature.name() == name)?;
                Some((*feature, weight.trim().parse().ok().filter(|weight: &f32| weight.is_finite())?))
            });
            let (feature, weight) = parsed.ok_or_else(|| format!("{line:?} is no feature and its weight"))?;
            weights.0[feature as usize] = weight;
        }
        Ok(weights)
    }

    /// What [`Weights::parse`] reads.
    pub fn write(&self) -> String {
        Feature::ALL.iter().map(|feature| format!("{} {:.4}\n", feature.name(), self.0[*feature as usize])).collect()
    }

    /// The score of a file with these features.
    pub fn score(&self, features: &Features) -> f32 {
        self.0.iter().zip(&features.0).map(|(weight, value)| weight * value).sum()
    }
}

/// The learned ones.
static LEARNED: LazyLock<Weights> = LazyLock::new(|| {
    Weights::parse(include_str!("../../assets/ranker.txt")).expect("assets/ranker.txt is checked by the tests")
});

impl Default for Weights {
    fn default() -> Self {
        *LEARNED
    }
}

/// A file in its place, with its chunks best first.
pub(super) struct RankedFile {
    pub file: usize,
    pub score: f32,
    pub chunks: Vec<CandidateChunk>,
    pub explanation: Explanation,
}

/// Orders files by score; equal ones by path.
pub(super) fn rank(
    snapshot: &Snapshot,
    terms: &QueryTerms,
    mode: Mode,
    weights: &Weights,
    candidates: Vec<CandidateFile>,
) -> Vec<RankedFile> {
    let features = if mode == Mode::Hybrid { features::features(snapshot, terms, &candidates) } else { Vec::new() };
    let mut ranked: Vec<RankedFile> = Vec::with_capacity(candidates.len());
    for (index, candidate) in candidates.into_iter().enumerate() {
        let explanation = match mode {
            Mode::Dense => alone("nearest chunk (cosine)", candidate.dense_best),
            Mode::Lexical => alone("best chunk (BM25F)", candidate.lexical_best),
            Mode::Hybrid => explain(&features[index], weights),
        };
        let score = explanation.terms.iter().map(|term| term.share).sum();
        ranked.push(RankedFile { file: candidate.file, score, chunks: candidate.chunks, explanation });
    }
    ranked.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.file.cmp(&b.file)));
    ranked
}

fn alone(name: &'static str, value: f32) -> Explanation {
    Explanation { terms: vec![Term { name, value, share: value }] }
}

/// Why a chunk that is a hit of its own is where it is.
pub(super) fn of_chunk(chunk: &CandidateChunk) -> Explanation {
    alone("the chunk alone", chunk.score)
}

fn explain(features: &Features, weights: &Weights) -> Explanation {
    let term = |feature: &Feature| {
        let value = features.of(*feature);
        Term { name: feature.words(), value, share: weights.0[*feature as usize] * value }
    };
    Explanation { terms: Feature::ALL.iter().map(term).filter(|term| term.share != 0.0).collect() }
}

/// Puts a file's chunks in order, best first: by both scores within the file and by how well the
/// names they define fit, an exact definition before all.
pub(super) fn order_chunks(snapshot: &Snapshot, terms: &QueryTerms, chunks: &mut [CandidateChunk], mode: Mode) {
    let most = |score: fn(&CandidateChunk) -> f32| chunks.iter().map(score).fold(f32::EPSILON, f32::max);
    let (dense, lexical) = (most(|chunk| chunk.dense), most(|chunk| chunk.lexical));
    let fit = features::name_fit(terms);
    for chunk in &mut *chunks {
        chunk.score = match mode {
            Mode::Dense => chunk.dense,
            Mode::Lexical => chunk.lexical,
            Mode::Hybrid => {
                let exact = if chunk.defines { 2.0 } else { 0.0 };
                chunk.dense / dense + chunk.lexical / lexical + fit(snapshot.chunk(chunk.chunk)) + exact
            }
        };
    }
    chunks.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.chunk.cmp(&b.chunk)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_learned_weights_are_read_and_written() {
        let weights = Weights::default();
        assert!(weights.0.iter().any(|weight| *weight > 0.0));
        let again = Weights::parse(&weights.write()).expect("what was written");
        assert!(again.0.iter().zip(weights.0).all(|(again, weight)| (again - weight).abs() < 1e-3));
        for bad in ["Nothing 1", "Size x", "Size inf", "Size"] {
            assert!(Weights::parse(bad).is_err(), "{bad}");
        }
    }
}
