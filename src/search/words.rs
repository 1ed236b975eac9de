//! Lexical retrieval: which chunks have which words of a question.
//!
//! Must never import: anything above `search`.

use std::ops::Range;

use super::best::best;
use super::query::QueryTerms;
use super::snapshot::Snapshot;
use super::tallies::Tally;
use crate::lexical::{self, Field};
use crate::store::StoreError;

/// Words of a question that are told apart; further ones share the last place.
pub(super) const MAX_WORDS: usize = 32;

/// What another form of a word counts beside the word itself.
const OTHER_FORM: f32 = 0.6;

/// What the words of a question found.
pub(super) struct WordScores<'s> {
    snapshot: &'s Snapshot,
    /// By number of the chunk.
    tallies: Vec<Tally>,
    /// The chunks whose tally says something.
    touched: Vec<u32>,
    /// BM25F of neighbouring words that are one identifier here: "connection pool", `ConnectionPool`;
    /// by number of the chunk.
    joined: Vec<(u32, f32)>,
    /// Inverse document frequency of each word.
    idf: Vec<f32>,
    /// Of all of them.
    whole: f32,
}

impl<'s> WordScores<'s> {
    /// Asks the words of `terms`.
    pub fn of(snapshot: &'s Snapshot, terms: &QueryTerms) -> Result<Self, StoreError> {
        let tallies = snapshot.tallies.take(snapshot.chunk_count());
        let mut found =
            Self { snapshot, tallies, touched: Vec::new(), joined: Vec::new(), idf: Vec::new(), whole: 0.0 };
        for (place, word) in terms.lexical.iter().enumerate() {
            let mut best = 0.0_f32;
            for (form, text) in std::iter::once(&word.text).chain(&word.forms).enumerate() {
                let weight = if form == 0 { 1.0 } else { OTHER_FORM };
                let idf = found.add(place, lexical::hash(text), weight)?;
                // A word that is nowhere weighs as its commonest form does.
                best = if best == 0.0 { idf } else { best.min(if idf > 0.0 { idf } else { best }) };
            }
            found.idf.push(best);
        }
        for joined in &terms.joined {
            let with = &mut found.joined;
            snapshot.word(lexical::hash(joined), |chunk, matched| with.push((chunk, matched.score)))?;
        }
        found.whole = found.idf.iter().sum();
        found.joined.sort_by_key(|(chunk, _)| *chunk);
        Ok(found)
    }

    /// Adds what a form of the word at `place` finds; its inverse document frequency.
    fn add(&mut self, place: usize, hash: u64, weight: f32) -> Result<f32, StoreError> {
        let Self { snapshot, tallies, touched, .. } = self;
        let bit = 1 << place.min(MAX_WORDS - 1);
        snapshot.word(hash, |chunk, matched| {
            let tally = &mut tallies[chunk as usize];
            if tally.any == 0 {
                touched.push(chunk);
            }
            if tally.any & bit == 0 || place >= MAX_WORDS {
                tally.score += weight * matched.score;
            }
            tally.any |= bit;
            if matched.counts.has(Field::Name) {
                tally.names |= bit;
            }
        })
    }

    /// BM25F of a chunk.
    pub fn score(&self, chunk: u32) -> f32 {
        self.tallies[chunk as usize].score
    }

    /// The `count` chunks that `may` and score highest, best first; equal ones by number.
    pub fn best(&self, count: usize, may: impl Fn(u32) -> bool) -> Vec<u32> {
        best(self.touched.iter().map(|chunk| (*chunk, self.score(*chunk))), count, 0.0, may)
    }

    /// The tallies of some chunks.
    pub fn tallies(&self, chunks: Range<u32>) -> &[Tally] {
        &self.tallies[chunks.start as usize..chunks.end as usize]
    }

    /// The most that neighbouring words which are one identifier score in one of these chunks.
    pub fn joined(&self, chunks: &Range<u32>) -> f32 {
        let start = self.joined.partition_point(|(chunk, _)| *chunk < chunks.start);
        let inside = self.joined[start..].iter().take_while(|(chunk, _)| *chunk < chunks.end);
        let mut most = 0.0_f32;
        let mut sum = (u32::MAX, 0.0);
        for (chunk, score) in inside {
            sum = if sum.0 == *chunk { (*chunk, sum.1 + score) } else { (*chunk, *score) };
            most = most.max(sum.1);
        }
        most
    }

    /// Share of the question's words, each by its inverse document frequency, that are in `mask`.
    pub fn coverage(&self, mask: u32) -> f32 {
        let inside = |place: usize| mask & (1 << place.min(MAX_WORDS - 1)) != 0;
        let inside: f32 = (0..).zip(&self.idf).filter(|(place, _)| inside(*place)).map(|(_, idf)| idf).sum();
        if self.whole > 0.0 { inside / self.whole } else { 0.0 }
    }
}

impl Drop for WordScores<'_> {
    fn drop(&mut self) {
        let mut tallies = std::mem::take(&mut self.tallies);
        // Of many, all are sooner done than each one.
        if self.touched.len() > tallies.len() / 8 {
            tallies.fill(Tally::default());
        } else {
            self.touched.iter().for_each(|chunk| tallies[*chunk as usize] = Tally::default());
        }
        self.snapshot.tallies.put(tallies);
    }
}
