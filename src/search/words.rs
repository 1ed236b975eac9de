//! Lexical retrieval: which chunks have which words of a question.
//!
//! Must never import: anything above `search`.

use super::query::QueryTerms;
use super::snapshot::Snapshot;
use crate::lexical::{self, Bm25f, Field};
use crate::store::StoreError;

/// Words of a question that are told apart; further ones share the last place.
pub(super) const MAX_WORDS: usize = 32;

/// What another form of a word counts beside the word itself.
const OTHER_FORM: f32 = 0.6;

/// What the words of a question found, by number of the chunk.
#[derive(Default)]
pub(super) struct WordScores {
    /// BM25F over all words.
    pub scores: Vec<f32>,
    /// Which words it has anywhere, as bits.
    pub any: Vec<u32>,
    /// Which words the names it defines have.
    pub names: Vec<u32>,
    /// BM25F of neighbouring words that are one identifier here: "connection pool", `ConnectionPool`.
    pub joined: Vec<f32>,
    /// Inverse document frequency of each word.
    pub idf: Vec<f32>,
}

impl WordScores {
    /// Asks the words of `terms`; chunks of files that are not allowed have nothing.
    pub fn of(snapshot: &Snapshot, terms: &QueryTerms, allowed: &[bool]) -> Result<Self, StoreError> {
        let count = snapshot.chunk_count();
        let mut found = Self {
            scores: vec![0.0; count],
            any: vec![0; count],
            names: vec![0; count],
            joined: vec![0.0; count],
            idf: Vec::new(),
        };
        let bm25f = Bm25f::default();
        for (place, word) in terms.lexical.iter().enumerate() {
            let bit = 1 << place.min(MAX_WORDS - 1);
            let mut best = 0.0_f32;
            for (form, text) in std::iter::once(&word.text).chain(&word.forms).enumerate() {
                let weight = if form == 0 { 1.0 } else { OTHER_FORM };
                let idf = snapshot.word(lexical::hash(text), &bm25f, |chunk, matched| {
                    let at = chunk as usize;
                    if !allowed[snapshot.owner(chunk)] {
                        return;
                    }
                    if found.any[at] & bit == 0 || place >= MAX_WORDS {
                        found.scores[at] += weight * matched.score;
                    }
                    found.any[at] |= bit;
                    if matched.counts.of(Field::Name) > 0.0 {
                        found.names[at] |= bit;
                    }
                })?;
                // A word that is nowhere weighs as its commonest form does.
                best = if best == 0.0 { idf } else { best.min(if idf > 0.0 { idf } else { best }) };
            }
            found.idf.push(best);
        }
        for joined in &terms.joined {
            snapshot.word(lexical::hash(joined), &bm25f, |chunk, matched| {
                if allowed[snapshot.owner(chunk)] {
                    found.joined[chunk as usize] += matched.score;
                }
            })?;
        }
        Ok(found)
    }

    /// BM25F of a chunk.
    pub fn score(&self, chunk: u32) -> f32 {
        self.scores.get(chunk as usize).copied().unwrap_or(0.0)
    }

    /// Share of the question's words, each by its inverse document frequency, that are in `mask`.
    pub fn coverage(&self, mask: u32) -> f32 {
        let of = |all: bool| -> f32 {
            let inside = |place: usize| all || mask & (1 << place.min(MAX_WORDS - 1)) != 0;
            self.idf.iter().enumerate().filter(|(place, _)| inside(*place)).map(|(_, idf)| idf).sum()
        };
        let whole = of(true);
        if whole > 0.0 { of(false) / whole } else { 0.0 }
    }
}
