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

/// A pool of cleared tally vectors, because allocating a vector takes longer than filling it. All snapshots of the
/// process share it. It has at most as many vectors as were in use at the same time.
static POOL: Mutex<Vec<Vec<WordTally>>> = Mutex::new(Vec::new());

/// Takes a cleared vector of `count` tallies from the pool, or creates one.
pub(crate) fn acquire_tallies(count: usize) -> Vec<WordTally> {
    let mut tallies = POOL.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default();
    tallies.reserve_exact(count.saturating_sub(tallies.len()));
    tallies.resize(count, WordTally::default());
    tallies
}

/// Returns a vector to the pool. All its tallies must be cleared.
pub(crate) fn release_tallies(tallies: Vec<WordTally>) {
    POOL.lock().unwrap_or_else(PoisonError::into_inner).push(tallies);
}
