//! Per-chunk scores that lexical retrieval accumulates.

use std::sync::{Mutex, PoisonError};

/// The matches of the query words in one chunk.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct WordTally {
    /// The BM25F score over all words.
    pub score: f32,
    /// The words found anywhere in the chunk, as bits.
    pub words: u32,
    /// The words found in names that the chunk defines, as bits.
    pub name_words: u32,
}

/// A pool of cleared tally vectors, because allocating a vector per query takes longer than filling it.
#[derive(Default)]
pub(crate) struct TallyPool(Mutex<Vec<Vec<WordTally>>>);

impl TallyPool {
    /// Takes a cleared vector of `count` tallies from the pool, or creates one.
    pub fn acquire(&self, count: usize) -> Vec<WordTally> {
        let pooled = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        pooled.unwrap_or_else(|| vec![WordTally::default(); count])
    }

    /// Returns a vector to the pool. All its tallies must be cleared.
    pub fn release(&self, tallies: Vec<WordTally>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(tallies);
    }
}
