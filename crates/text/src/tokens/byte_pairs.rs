//! Counts the tokens of a piece by byte-pair encoding (Sennrich, Haddow and Birch, 2016): starting from single bytes,
//! the neighbours that together are the token of the lowest rank are joined, until no two neighbours together are a
//! token.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::LazyLock;

use fst::Map;

/// Maps the bytes of a token to its rank.
static VOCABULARY: LazyLock<Map<&'static [u8]>> = LazyLock::new(|| {
    Map::new(include_bytes!("../../assets/o200k.fst").as_slice()).expect("the vocabulary is part of the program")
});

/// The length of the vocabulary's longest token, in bytes.
const MAX_TOKEN_BYTES: usize = 128;

/// Number of counts above which they are forgotten.
const MAX_KNOWN: usize = 2_048;

/// Maximum length of a piece whose count is remembered, in bytes.
const MAX_KNOWN_BYTES: usize = 32;

/// Stands for "no neighbour".
const NONE: usize = usize::MAX;

/// A part of a piece while its neighbours are joined.
#[derive(Clone, Copy)]
struct Part {
    end: usize,
    previous: usize,
    next: usize,
}

/// Counts the tokens of pieces; reuses its buffers, and remembers counts, because an answer is rendered several times with
/// nearly the same words until it fits.
#[derive(Default)]
pub(super) struct PieceCounter {
    /// Indexed by the part's first byte. A part that was joined with the one before has the end 0.
    parts: Vec<Part>,
    /// Pairs that are a token: rank, start of the left part, end of the right part.
    pairs: BinaryHeap<Reverse<(u64, usize, usize)>>,
    /// The counts of short pieces.
    known: HashMap<Box<[u8]>, usize>,
}

impl PieceCounter {
    /// Returns the number of tokens of `piece`, or `None` when there are more than `limit`.
    pub(super) fn count_up_to(&mut self, piece: &[u8], limit: usize) -> Option<usize> {
        if piece.len().div_ceil(MAX_TOKEN_BYTES) > limit {
            return None;
        }
        let count = match self.known.get(piece) {
            Some(count) => *count,
            None => self.count_new(piece),
        };
        (count <= limit).then_some(count)
    }

    /// Returns the number of tokens of `piece`, and remembers it.
    fn count_new(&mut self, piece: &[u8]) -> usize {
        if piece.len() <= 1 {
            return piece.len();
        }
        let count = if VOCABULARY.contains_key(piece) { 1 } else { self.join_pairs(piece) };
        if piece.len() <= MAX_KNOWN_BYTES {
            if self.known.len() >= MAX_KNOWN {
                self.known.clear();
            }
            self.known.insert(piece.into(), count);
        }
        count
    }

    /// Joins pairs of neighbours, lowest rank first and then leftmost, and returns how many parts are left.
    fn join_pairs(&mut self, piece: &[u8]) -> usize {
        let length = piece.len();
        self.pairs.clear();
        self.parts.clear();
        self.parts.extend((0..length).map(|at| Part {
            end: at + 1,
            previous: at.checked_sub(1).unwrap_or(NONE),
            next: if at + 1 < length { at + 1 } else { NONE },
        }));
        for start in 0..length - 1 {
            self.push_pair(piece, start);
        }
        let mut count = length;
        while let Some(Reverse((_, start, end))) = self.pairs.pop() {
            let left = self.parts[start];
            // The pair is outdated when one of its parts was joined with another since.
            if left.end == 0 || left.next == NONE || self.parts[left.next].end != end {
                continue;
            }
            let right = left.next;
            let after = self.parts[right].next;
            self.parts[right].end = 0;
            self.parts[start].end = end;
            self.parts[start].next = after;
            if after != NONE {
                self.parts[after].previous = start;
            }
            count -= 1;
            self.push_pair(piece, start);
            if left.previous != NONE {
                self.push_pair(piece, left.previous);
            }
        }
        count
    }

    /// Adds the pair whose left part begins at `start`, if the two together are a token.
    fn push_pair(&mut self, piece: &[u8], start: usize) {
        let next = self.parts[start].next;
        if next == NONE {
            return;
        }
        let end = self.parts[next].end;
        if end - start <= MAX_TOKEN_BYTES
            && let Some(rank) = VOCABULARY.get(&piece[start..end])
        {
            self.pairs.push(Reverse((rank, start, end)));
        }
    }
}
