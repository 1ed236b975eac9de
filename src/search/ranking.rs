//! File-first ranking: the best files, and in each its best chunks.
//!
//! A file's score is the sum of its features, each times a weight. The weights are learned:
//! `tools/train_ranker.rs` writes `assets/ranker.txt`.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::candidates::{CandidateChunk, CandidateFile};
use super::features::{self, FEATURES, Feature, Features};
use super::places::NamedFile;
use super::query::QueryTerms;
use super::snapshot::Snapshot;
use super::{Explanation, Mode, Term};

/// What each feature counts for one kind of question.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Vector(pub [f32; FEATURES]);

/// What each feature counts. For a name it is something else than for words: the file that defines
/// the very name is right wherever it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weights {
    /// For names and paths.
    pub names: Vector,
    pub words: Vector,
}

impl Vector {
    /// The score of a file with these features.
    pub fn score(&self, features: &Features) -> f32 {
        self.0.iter().zip(&features.0).map(|(weight, value)| weight * value).sum()
    }
}

impl Weights {
    /// Reads lines of a feature's name, its weight for names and its weight for words; a feature
    /// without a line weighs nothing, and `#` begins a comment.
    ///
    /// # Errors
    /// The line that is not so.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut weights = Self { names: Vector([0.0; FEATURES]), words: Vector([0.0; FEATURES]) };
        for line in text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty()) {
            let bad = || format!("{line:?} is no feature and its two weights");
            let columns: Vec<&str> = line.split_whitespace().collect();
            let [name, names, words] = columns.as_slice() else { return Err(bad()) };
            let feature = Feature::ALL.iter().find(|feature| feature.name() == *name).ok_or_else(bad)?;
            let number = |text: &str| text.parse().ok().filter(|weight: &f32| weight.is_finite()).ok_or_else(bad);
            weights.names.0[*feature as usize] = number(names)?;
            weights.words.0[*feature as usize] = number(words)?;
        }
        Ok(weights)
    }

    /// What [`Weights::parse`] reads.
    pub fn write(&self) -> String {
        let line = |feature: &Feature| {
            let at = *feature as usize;
            format!("{} {:.4} {:.4}\n", feature.name(), self.names.0[at], self.words.0[at])
        };
        Feature::ALL.iter().map(line).collect()
    }

    /// Those for a question.
    pub(super) fn of(&self, terms: &QueryTerms) -> &Vector {
        if terms.is_name() { &self.names } else { &self.words }
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

/// What a place that the question names counts: it comes before all that the question describes.
const NAMED: f32 = 100.0;

/// What a file counts that is called as the question says, one of many: more than most of what words tell.
const CALLED: f32 = 4.0;

/// What a file counts that has all of a snippet, token by token.
const WHOLE_SNIPPET: f32 = 20.0;

/// What is known of candidates beside their features.
#[derive(Default)]
pub(super) struct Extra {
    /// By index of the file.
    pub named: HashMap<usize, NamedFile>,
    /// See [`exact::shares`](super::exact::shares); by number of the chunk.
    pub shares: HashMap<u32, f32>,
}

/// A question, as the ranking sees it.
#[derive(Clone, Copy)]
pub(super) struct Question<'q> {
    pub terms: &'q QueryTerms,
    pub mode: Mode,
    pub extra: &'q Extra,
}

impl Extra {
    fn terms(&self, candidate: &CandidateFile) -> Vec<Term> {
        let mut terms = Vec::new();
        if let Some(named) = self.named.get(&candidate.file) {
            let name = if named.sure { "the question names the file" } else { "one of the files the question names" };
            terms.push(Term { name, value: 1.0, share: weight(named) });
        }
        let shares = candidate.chunks.iter().filter_map(|chunk| self.shares.get(&chunk.chunk));
        let value = shares.copied().fold(0.0, f32::max);
        if value > 0.0 {
            terms.push(Term { name: "runs of tokens of the snippet", value, share: WHOLE_SNIPPET * value });
        }
        terms
    }

    /// What it adds to a chunk: that it is the place, or has the snippet.
    fn of_chunk(&self, snapshot: &Snapshot, chunk: &CandidateChunk) -> f32 {
        let share = self.shares.get(&chunk.chunk).map_or(0.0, |share| WHOLE_SNIPPET * share);
        let named = self.named.get(&snapshot.owner(chunk.chunk));
        share + named.map_or(0.0, |named| named.fit(snapshot, chunk.chunk) * weight(named))
    }
}

/// What it counts that the question names a file.
fn weight(named: &NamedFile) -> f32 {
    if named.sure { NAMED - f32::from(named.order) } else { CALLED }
}

/// Orders files by score; equal ones by path.
pub(super) fn rank(
    snapshot: &Snapshot,
    question: &Question<'_>,
    weights: &Weights,
    candidates: Vec<CandidateFile>,
) -> Vec<RankedFile> {
    let Question { terms, mode, extra } = *question;
    let features = if mode == Mode::Hybrid { features::features(snapshot, terms, &candidates) } else { Vec::new() };
    let mut ranked: Vec<RankedFile> = Vec::with_capacity(candidates.len());
    for (index, candidate) in candidates.into_iter().enumerate() {
        let mut explanation = match mode {
            Mode::Dense => alone("nearest chunk (cosine)", candidate.dense_best),
            Mode::Lexical => alone("best chunk (BM25F)", candidate.lexical_best),
            Mode::Hybrid => explain(&features[index], weights.of(terms)),
        };
        explanation.terms.extend(extra.terms(&candidate));
        let score = explanation.terms.iter().map(|term| term.share).sum();
        ranked.push(RankedFile { file: candidate.file, score, chunks: candidate.chunks, explanation });
    }
    ranked.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.file.cmp(&b.file)));
    ranked
}

fn alone(name: &'static str, value: f32) -> Explanation {
    Explanation { terms: vec![Term { name, value, share: value }], chunk: Vec::new() }
}

fn explain(features: &Features, weights: &Vector) -> Explanation {
    let term = |feature: &Feature| {
        let value = features.of(*feature);
        Term { name: feature.words(), value, share: weights.0[*feature as usize] * value }
    };
    Explanation { terms: Feature::ALL.iter().map(term).filter(|term| term.share != 0.0).collect(), chunk: Vec::new() }
}

/// Puts a file's chunks in order, best first: by both scores within the file and by how well the
/// names they define fit, an exact definition before all.
pub(super) fn order_chunks(snapshot: &Snapshot, question: &Question<'_>, chunks: &mut [CandidateChunk]) {
    let terms = chunk_terms(snapshot, question, chunks);
    let scores: Vec<f32> = chunks.iter().map(|chunk| terms(chunk).iter().map(|term| term.share).sum()).collect();
    chunks.iter_mut().zip(scores).for_each(|(chunk, score)| chunk.score = score);
    chunks.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.chunk.cmp(&b.chunk)));
}

/// What makes the place of a chunk among `chunks`: the shares add up to its score.
pub(super) fn why_chunk<'a, 'q>(
    snapshot: &'a Snapshot,
    question: &'a Question<'q>,
    chunks: &[CandidateChunk],
) -> impl Fn(&CandidateChunk) -> Vec<Term> + use<'a, 'q> {
    let terms = chunk_terms(snapshot, question, chunks);
    move |chunk| terms(chunk).into_iter().filter(|term| term.share != 0.0).collect()
}

/// The terms of a chunk's score among `chunks`. Their weights are set by hand: what answers inside of a file is
/// rarely labelled.
fn chunk_terms<'a, 'q>(
    snapshot: &'a Snapshot,
    question: &'a Question<'q>,
    chunks: &[CandidateChunk],
) -> impl Fn(&CandidateChunk) -> [Term; 7] + use<'a, 'q> {
    let Question { terms, mode, extra } = *question;
    let most = |score: fn(&CandidateChunk) -> f32| chunks.iter().map(score).fold(f32::EPSILON, f32::max);
    let (dense, lexical) = (most(|chunk| chunk.dense), most(|chunk| chunk.lexical));
    let fit = features::name_fit(terms);
    let hybrid = mode == Mode::Hybrid;
    move |chunk| {
        let meta = snapshot.chunk(chunk.chunk);
        let defines = hybrid && chunk.defines;
        let term = |name, value: f32, weight: f32| Term { name, value, share: value * weight };
        let flag = |name, is: bool, weight: f32| term(name, if is { 1.0 } else { 0.0 }, weight);
        // Of one retrieval its own score, of two each as much as the other.
        let of = |alone: Mode, best: f32| if hybrid { 1.0 / best } else { f32::from(u8::from(mode == alone)) };
        [
            term("chunk: nearest (cosine)", chunk.dense, of(Mode::Dense, dense)),
            term("chunk: words (BM25F)", chunk.lexical, of(Mode::Lexical, lexical)),
            term("chunk: best fitting definition", if hybrid { fit(meta) } else { 0.0 }, 1.0),
            flag("chunk: defines the very name", defines, 2.0),
            // `Session` is the class, not the function `session` beside it.
            flag("chunk: … spelled as in the query", defines && terms.spells(meta.defines()), 1.0),
            flag("chunk: … in what the query says it is in", defines && terms.places_name_in(meta.container), 2.0),
            term(
                "chunk: the place or the snippet asked for",
                if hybrid { extra.of_chunk(snapshot, chunk) } else { 0.0 },
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
        let weights = Weights::default();
        let again = Weights::parse(&weights.write()).expect("what was written");
        for (vector, again) in [(weights.names, again.names), (weights.words, again.words)] {
            assert!(vector.0.iter().any(|weight| *weight > 0.0));
            assert!(again.0.iter().zip(vector.0).all(|(again, weight)| (again - weight).abs() < 1e-3));
        }
        for bad in ["Nothing 1 1", "Size 1 x", "Size inf 1", "Size", "Size 1"] {
            assert!(Weights::parse(bad).is_err(), "{bad}");
        }
    }
}
