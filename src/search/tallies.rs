//! What is counted for each chunk while a question's words are looked up.
//!
//! Must never import anything of this crate.

use std::sync::{Mutex, PoisonError};

/// What the words of a question found in a chunk.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    /// BM25F over all words.
    pub score: f32,
    /// Which words it has anywhere, as bits.
    pub any: u32,
    /// Which words the names it defines have.
    pub names: u32,
}

/// Tallies of all chunks, none of which says anything: kept from one question to the next, for making
/// them takes longer than using them.
#[derive(Default)]
pub(super) struct Tallies(Mutex<Vec<Vec<Tally>>>);

impl Tallies {
    /// Some for `count` chunks.
    pub fn take(&self, count: usize) -> Vec<Tally> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        kept.unwrap_or_else(|| vec![Tally::default(); count])
    }

    /// Keeps those of a question; they say nothing again.
    pub fn put(&self, tallies: Vec<Tally>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(tallies);
    }
}
