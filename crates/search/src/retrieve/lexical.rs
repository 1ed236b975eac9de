//! Lexical retrieval: scores chunks by the query words they contain.

mod word_tallies;

use std::ops::Range;

use super::top_k::select_top;
use crate::query::terms::QueryTerms;
use crate::snapshot::Snapshot;
use store::StoreError;
use store::inverted_index::{self, ChunkField};
use word_tallies::{WordTally, acquire_tallies, release_tallies};

/// Maximum number of bits for query words in a tally; further words share the last bit.
pub(crate) const MAX_WORD_BITS: usize = 32;

/// Weight of an inflection, relative to the weight of the word.
const INFLECTION_WEIGHT: f32 = 0.6;

/// The lexical scores of all chunks for one query.
pub(crate) struct LexicalScores<'s> {
    snapshot: &'s Snapshot,
    /// The tally of each chunk, by number.
    tallies: Vec<WordTally>,
    /// The chunks with a nonempty tally.
    touched: Vec<u32>,
    /// BM25F scores of adjacent words that form one identifier ("connection pool" and `ConnectionPool`), with
    /// chunk numbers in ascending order.
    joined: Vec<(u32, f32)>,
    /// For each query word, the inverse document frequency of the most common of the word and its inflections.
    idf: Vec<f32>,
    /// The sum of `idf`.
    total_idf: f32,
}

impl<'s> LexicalScores<'s> {
    /// Scores the chunks that contain words of the query, their inflections or their compounds.
    ///
    /// # Errors
    /// If the inverted index cannot be read.
    pub fn compute(snapshot: &'s Snapshot, terms: &QueryTerms) -> Result<Self, StoreError> {
        let tallies = acquire_tallies(snapshot.chunk_count());
        let mut scores =
            Self { snapshot, tallies, touched: Vec::new(), joined: Vec::new(), idf: Vec::new(), total_idf: 0.0 };
        for (index, word) in terms.lexical_words.iter().enumerate() {
            let mut best = 0.0_f32;
            for (form, text) in std::iter::once(&word.text).chain(&word.inflections).enumerate() {
                let weight = if form == 0 { 1.0 } else { INFLECTION_WEIGHT };
                let idf = scores.add_matches(index, inverted_index::hash_term(text), weight)?;
                // The most common form counts; a form that does not occur has an IDF of 0.
                best = if best == 0.0 { idf } else { best.min(if idf > 0.0 { idf } else { best }) };
            }
            scores.idf.push(best);
        }
        for compound in &terms.compounds {
            let matches = &mut scores.joined;
            snapshot.match_word(inverted_index::hash_term(compound), |chunk, matched| {
                matches.push((chunk, matched.score))
            })?;
        }
        scores.total_idf = scores.idf.iter().sum();
        scores.joined.sort_by_key(|(chunk, _)| *chunk);
        Ok(scores)
    }

    /// Adds the matches of the query word at `index`, or of an inflection of it, and returns the inverse document
    /// frequency of this word or inflection.
    fn add_matches(&mut self, index: usize, hash: u64, weight: f32) -> Result<f32, StoreError> {
        let Self { snapshot, tallies, touched, .. } = self;
        let bit = 1 << index.min(MAX_WORD_BITS - 1);
        snapshot.match_word(hash, |chunk, matched| {
            let tally = &mut tallies[chunk as usize];
            if tally.words == 0 {
                touched.push(chunk);
            }
            if tally.words & bit == 0 || index >= MAX_WORD_BITS {
                tally.score += weight * matched.score;
            }
            tally.words |= bit;
            if matched.counts.contains(ChunkField::Name) {
                tally.name_words |= bit;
            }
        })
    }

    /// Returns the inverse document frequency of the query word at `index`, in its most common form.
    pub fn idf(&self, index: usize) -> f32 {
        self.idf.get(index).copied().unwrap_or(0.0)
    }

    /// Returns the BM25F score of a chunk.
    pub fn score(&self, chunk: u32) -> f32 {
        self.tallies[chunk as usize].score
    }

    /// Returns the `count` highest-scoring chunks that pass `is_allowed`, best first. Chunks with equal scores are
    /// sorted by number.
    pub fn select_best(&self, count: usize, is_allowed: impl Fn(u32) -> bool) -> Vec<u32> {
        select_top(self.touched.iter().map(|chunk| (*chunk, self.score(*chunk))), count, 0.0, is_allowed)
    }

    /// Returns the tallies of a range of chunks.
    pub fn tallies(&self, chunks: Range<u32>) -> &[WordTally] {
        &self.tallies[chunks.start as usize..chunks.end as usize]
    }

    /// Returns the highest score of a chunk in `chunks` for identifiers that consist of adjacent query words.
    pub fn joined_score(&self, chunks: &Range<u32>) -> f32 {
        let start = self.joined.partition_point(|(chunk, _)| *chunk < chunks.start);
        let inside = self.joined[start..].iter().take_while(|(chunk, _)| *chunk < chunks.end);
        let mut highest = 0.0_f32;
        let mut sum = (u32::MAX, 0.0);
        for (chunk, score) in inside {
            sum = if sum.0 == *chunk { (*chunk, sum.1 + score) } else { (*chunk, *score) };
            highest = highest.max(sum.1);
        }
        highest
    }

    /// Returns the share of the query words whose bits are set in `mask`, weighted by inverse document frequency.
    pub fn coverage(&self, mask: u32) -> f32 {
        let inside = |index: usize| mask & (1 << index.min(MAX_WORD_BITS - 1)) != 0;
        let inside: f32 = (0..).zip(&self.idf).filter(|(index, _)| inside(*index)).map(|(_, idf)| idf).sum();
        if self.total_idf > 0.0 { inside / self.total_idf } else { 0.0 }
    }
}

impl Drop for LexicalScores<'_> {
    fn drop(&mut self) {
        let mut tallies = std::mem::take(&mut self.tallies);
        // If many tallies are touched, clearing all of them is faster.
        if self.touched.len() > tallies.len() / 8 {
            tallies.fill(WordTally::default());
        } else {
            self.touched.iter().for_each(|chunk| tallies[*chunk as usize] = WordTally::default());
        }
        release_tallies(tallies);
    }
}
