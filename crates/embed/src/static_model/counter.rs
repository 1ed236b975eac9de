//! Counts the words of texts as tokens of a model.
//!
//! Equal texts give equal bags, independently of earlier texts. The order of a bag is the order in which vectors
//! are summed.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use super::token_table::TokenTable;
use crate::identity_hasher::IdentityHasher;
use text::words::SplitWord;

/// The tokens of a text with their weights, in the order in which their vectors are summed. A token that is
/// both a word and a piece of another word appears once for each.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TokenBag(pub(super) Vec<(u32, f32)>);

/// Counts the words of texts, one text at a time.
pub struct WordCounter<'m> {
    tokens: &'m TokenTable,
    free_scratch: &'m FreeScratch,
    scratch: CounterScratch,
}

/// Buffers of the finished counters of one model, for reuse.
pub(super) type FreeScratch = Mutex<Vec<CounterScratch>>;

impl<'m> WordCounter<'m> {
    /// Creates a counter that reuses the buffers of a finished one, if there is one.
    pub(super) fn new(tokens: &'m TokenTable, free_scratch: &'m FreeScratch) -> Self {
        let kept = free_scratch.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let scratch = kept.unwrap_or_else(|| CounterScratch::new(tokens.count()));
        Self { tokens, free_scratch, scratch }
    }

    /// Counts a word of the current text.
    pub fn add_word(&mut self, word: SplitWord<'_>) {
        match self.tokens.probe(word.text.as_bytes(), word.hash) {
            Some(token) => self.scratch.count_token(token),
            None => self.add_unknown_word(word),
        }
    }

    /// Counts a word that is not a token. Its pieces are searched at its first occurrence only.
    fn add_unknown_word(&mut self, word: SplitWord<'_>) {
        let CounterScratch { unknown, unknown_at, pieces, .. } = &mut self.scratch;
        if let Some(&at) = unknown_at.get(&word.hash) {
            if let Some(at) = at {
                unknown[at].count += 1;
            }
            return;
        }
        let first = pieces.len();
        let covered_bytes = self.tokens.find_pieces(word.text.as_bytes(), pieces);
        let pieces = first..pieces.len();
        let at = (!pieces.is_empty()).then_some(unknown.len());
        if at.is_some() {
            let weight =
                count_to_f32(covered_bytes) / count_to_f32(word.text.len()) / count_to_f32(pieces.len()).sqrt();
            unknown.push(UnknownWord { count: 1, weight, pieces });
        }
        unknown_at.insert(word.hash, at);
    }

    /// Returns the bag of the current text and begins the next text.
    pub fn take_bag(&mut self) -> TokenBag {
        let CounterScratch { counts, seen, unknown, unknown_at, pieces } = &mut self.scratch;
        let mut bag = Vec::with_capacity(seen.len() + pieces.len());
        bag.extend(seen.drain(..).map(|token| (token, dampen_count(std::mem::take(&mut counts[token as usize])))));
        for word in unknown.drain(..) {
            let weight = dampen_count(word.count) * word.weight;
            bag.extend(pieces[word.pieces].iter().map(|token| (*token, weight)));
        }
        unknown_at.clear();
        pieces.clear();
        TokenBag(bag)
    }
}

impl Drop for WordCounter<'_> {
    fn drop(&mut self) {
        self.take_bag();
        let scratch = std::mem::take(&mut self.scratch);
        self.free_scratch.lock().unwrap_or_else(PoisonError::into_inner).push(scratch);
    }
}

/// The counts of one text. Empty between texts; kept to reuse its memory.
#[derive(Debug, Default)]
pub(super) struct CounterScratch {
    /// The count of each token; 0 except for the tokens in `seen`.
    counts: Vec<u32>,
    /// Tokens in the order of their first occurrence.
    seen: Vec<u32>,
    /// Unknown words that have pieces, in the order of their first occurrence.
    unknown: Vec<UnknownWord>,
    /// The index in `unknown` of each unknown word, by the word's 64-bit hash; a collision within one text is
    /// too unlikely to matter. `None` for a word without pieces.
    unknown_at: HashMap<u64, Option<usize>, BuildHasherDefault<IdentityHasher>>,
    /// The pieces of all unknown words.
    pieces: Vec<u32>,
}

/// A word that is not a token.
#[derive(Debug)]
struct UnknownWord {
    count: u32,
    /// The weight of each piece: (share of the word's bytes that the pieces cover) / √pieces, in (0, 1].
    weight: f32,
    /// The word's range in [`CounterScratch::pieces`]; not empty.
    pieces: Range<usize>,
}

impl CounterScratch {
    pub fn new(tokens: usize) -> Self {
        Self { counts: vec![0; tokens], ..Self::default() }
    }

    fn count_token(&mut self, token: u32) {
        let count = &mut self.counts[token as usize];
        if *count == 0 {
            self.seen.push(token);
        }
        *count = count.saturating_add(1);
    }
}

/// Returns 1 + ln count: the tenth occurrence of a word adds less than the first.
fn dampen_count(count: u32) -> f32 {
    if count == 1 { 1.0 } else { 1.0 + count_to_f32(count as usize).ln() }
}

#[expect(clippy::cast_precision_loss, reason = "counts; a part in 16 million does not matter")]
fn count_to_f32(count: usize) -> f32 {
    count as f32
}
