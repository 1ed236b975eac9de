//! The words of one text, counted for a model.
//!
//! Invariants: equal words give equal bags, whatever was counted before; a bag's order is that in
//! which its vectors are summed up. Must never import anything but its parent module, the words and the hasher of `embed`.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::ops::Range;

use super::StaticModel;
use crate::embed::hashed::AsItIs;
use crate::embed::words::Word;

/// The tokens of a text and how much each of them weighs in it, in the order they are summed up in. A
/// token that is a word and a piece of another comes once for each.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bag(pub(super) Vec<(u32, f32)>);

/// Counts the words of one text after another.
pub struct Tally<'m> {
    pub(super) model: &'m StaticModel,
    pub(super) scratch: Scratch,
}

impl Tally<'_> {
    /// Counts a word of the text at hand.
    pub fn add(&mut self, word: Word<'_>) {
        match self.model.tokens.probe(word.text.as_bytes(), word.hash) {
            Some(token) => self.scratch.count(token),
            None => self.add_unknown(word),
        }
    }

    /// Counts a word that is no token; its pieces are looked for the first time only.
    fn add_unknown(&mut self, word: Word<'_>) {
        let Scratch { unknown, unknown_at, pieces, .. } = &mut self.scratch;
        if let Some(&at) = unknown_at.get(&word.hash) {
            if let Some(at) = at {
                unknown[at].count += 1;
            }
            return;
        }
        let first = pieces.len();
        let covered_bytes = self.model.find_pieces(word.text.as_bytes(), pieces);
        let pieces = first..pieces.len();
        let at = (!pieces.is_empty()).then_some(unknown.len());
        if at.is_some() {
            let weight = as_f32(covered_bytes) / as_f32(word.text.len()) / as_f32(pieces.len()).sqrt();
            unknown.push(Unknown { count: 1, weight, pieces });
        }
        unknown_at.insert(word.hash, at);
    }

    /// The bag of the text at hand; the next word is another text's.
    pub fn take(&mut self) -> Bag {
        let Scratch { counts, seen, unknown, unknown_at, pieces } = &mut self.scratch;
        let mut bag = Vec::with_capacity(seen.len() + pieces.len());
        bag.extend(seen.drain(..).map(|token| (token, dampened(std::mem::take(&mut counts[token as usize])))));
        for word in unknown.drain(..) {
            let weight = dampened(word.count) * word.weight;
            bag.extend(pieces[word.pieces].iter().map(|token| (*token, weight)));
        }
        unknown_at.clear();
        pieces.clear();
        Bag(bag)
    }
}

impl Drop for Tally<'_> {
    fn drop(&mut self) {
        self.take();
        self.model.scratches().push(std::mem::take(&mut self.scratch));
    }
}

/// What one text's words are counted in; empty between texts, and kept for its memory.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    /// Count of each token, 0 but for those in `seen`.
    counts: Vec<u32>,
    /// Tokens in order of their first occurrence.
    seen: Vec<u32>,
    /// Unknown words that have pieces, in order of their first occurrence.
    unknown: Vec<Unknown>,
    /// Place in `unknown` of every unknown word, by its hash: two words of one text share one of 64 bits
    /// never. `None` for one without pieces.
    unknown_at: HashMap<u64, Option<usize>, BuildHasherDefault<AsItIs>>,
    /// Tokens of the unknown words' pieces.
    pieces: Vec<u32>,
}

/// A word that is no token.
#[derive(Debug)]
struct Unknown {
    count: u32,
    /// Of each piece: the share of the word's bytes that the pieces cover / √pieces; in (0, 1].
    weight: f32,
    /// Range of [`Scratch::pieces`], not empty.
    pieces: Range<usize>,
}

impl Scratch {
    pub fn new(tokens: usize) -> Self {
        Self { counts: vec![0; tokens], ..Self::default() }
    }

    fn count(&mut self, token: u32) {
        let count = &mut self.counts[token as usize];
        if *count == 0 {
            self.seen.push(token);
        }
        *count = count.saturating_add(1);
    }
}

/// 1 + ln count: the tenth mention of a word says less than the first.
fn dampened(count: u32) -> f32 {
    if count == 1 { 1.0 } else { 1.0 + as_f32(count as usize).ln() }
}

#[expect(clippy::cast_precision_loss, reason = "counts; a part in 16 million does not matter")]
fn as_f32(count: usize) -> f32 {
    count as f32
}
