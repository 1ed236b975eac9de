//! The table that finds a word's token, and the tokens that are pieces of an unknown word.

use super::format::StaticModelError;
use text::words::{self, WORD_HASH_START, extend_word_hash};

/// Minimum length in bytes of a token that is used as a piece inside a longer run of letters or of digits.
const MIN_PIECE_BYTES: usize = 3;

/// Minimum length in bytes of a run of letters or digits that is used as a piece if the whole run is a token.
const MIN_RUN_BYTES: usize = 2;

/// A hash table from bytes to tokens, with linear probing. Its entries refer to ranges of the token block, so no token
/// needs an allocation. At least half of the slots stay free.
#[derive(Debug)]
pub(super) struct TokenTable {
    pub block: Vec<u8>,
    /// The offset of each token in `block`, followed by the offset after the last one.
    starts: Vec<u32>,
    /// Token + 1, or 0 for a free slot. The number of slots is a power of two.
    slots: Vec<u32>,
    longest_token_bytes: usize,
    /// A Bloom filter of all token prefixes of at least [`MIN_PIECE_BYTES`]. If a prefix's bit is 0, no token
    /// begins with it.
    prefix_bits: Vec<u64>,
}

/// Number of bits of [`TokenTable::prefix_bits`] per byte of the token block, chosen so that prefixes rarely collide.
const PREFIX_BITS_PER_BYTE: usize = 2;

impl TokenTable {
    pub fn parse(block: &[u8], count: usize) -> Result<Self, StaticModelError> {
        let expected = u32::try_from(count).expect("MAX_TOKENS fits in 32 bits");
        let text = std::str::from_utf8(block).map_err(|_| StaticModelError::Tokens { expected })?;
        let slots = vec![0; (count * 2).next_power_of_two()];
        let prefix_bits = vec![0; (block.len() * PREFIX_BITS_PER_BYTE).next_power_of_two().div_ceil(64)];
        let mut tokens = Self { block: block.to_vec(), starts: vec![0], slots, longest_token_bytes: 0, prefix_bits };
        let (mut before, mut end) = ("", 0);
        for (token, name) in (1..).zip(text.split('\n')) {
            if name <= before || token > expected {
                return Err(StaticModelError::Tokens { expected });
            }
            end += name.len() + 1;
            tokens.starts.push(u32::try_from(end).map_err(|_| StaticModelError::Tokens { expected })?);
            tokens.longest_token_bytes = tokens.longest_token_bytes.max(name.len());
            tokens.insert(name.as_bytes(), token);
            tokens.add_prefixes(name.as_bytes());
            before = name;
        }
        if tokens.starts.len() == count + 1 { Ok(tokens) } else { Err(StaticModelError::Tokens { expected }) }
    }

    fn insert(&mut self, name: &[u8], slot: u32) {
        let mut at = self.first_slot(words::hash_word(name));
        while self.slots[at] != 0 {
            at = (at + 1) & (self.slots.len() - 1);
        }
        self.slots[at] = slot;
    }

    fn add_prefixes(&mut self, name: &[u8]) {
        let mut hash = WORD_HASH_START;
        for (at, byte) in name.iter().enumerate() {
            hash = extend_word_hash(hash, byte);
            if at + 1 >= MIN_PIECE_BYTES {
                let (word, bit) = self.prefix_bit(hash);
                self.prefix_bits[word] |= bit;
            }
        }
    }

    /// Returns the index and the mask of a prefix's bit.
    fn prefix_bit(&self, hash: u64) -> (usize, u64) {
        let hash = hash ^ (hash >> 32);
        ((hash >> 6) as usize & (self.prefix_bits.len() - 1), 1 << (hash & 63))
    }

    /// Returns the number of tokens.
    pub fn count(&self) -> usize {
        self.starts.len() - 1
    }

    /// Returns the token with exactly these bytes.
    pub fn find_token(&self, name: &[u8]) -> Option<u32> {
        self.probe(name, words::hash_word(name))
    }

    /// Returns the longest token of at least [`MIN_PIECE_BYTES`] that is a prefix of `text`, and its length.
    fn find_prefix(&self, text: &[u8]) -> Option<(u32, usize)> {
        let mut found = None;
        let mut hash = WORD_HASH_START;
        for (at, byte) in text.iter().enumerate().take(self.longest_token_bytes) {
            hash = extend_word_hash(hash, byte);
            let len = at + 1;
            if len < MIN_PIECE_BYTES {
                continue;
            }
            let (word, bit) = self.prefix_bit(hash);
            if self.prefix_bits[word] & bit == 0 {
                break;
            }
            if let Some(token) = self.probe(&text[..len], hash) {
                found = Some((token, len));
            }
        }
        found
    }

    /// Appends the tokens that are pieces of an unknown word; returns the number of bytes they cover. A match
    /// begins and ends only between characters, since tokens consist of whole characters.
    pub fn find_pieces(&self, word: &[u8], pieces: &mut Vec<u32>) -> usize {
        let mut covered_bytes = 0;
        for run in word.chunk_by(|before, here| before.is_ascii_digit() == here.is_ascii_digit()) {
            let whole = self.find_token(run).map(|token| (token, run.len()));
            let mut next = whole.filter(|_| run.len() >= MIN_RUN_BYTES);
            let mut at = 0;
            while at < run.len() {
                next = next.or_else(|| self.find_prefix(&run[at..]));
                let Some((token, len)) = next.take() else {
                    at += 1;
                    continue;
                };
                pieces.push(token);
                covered_bytes += len;
                at += len;
            }
        }
        covered_bytes
    }

    /// Returns the slot where probing for a hash begins. Combines the low bits with the high bits, since the low bits
    /// of FNV hashes are weak.
    fn first_slot(&self, hash: u64) -> usize {
        (hash ^ (hash >> 32)) as usize & (self.slots.len() - 1)
    }

    /// Returns the token with these bytes, given their hash by [`words::hash_word`].
    pub fn probe(&self, name: &[u8], hash: u64) -> Option<u32> {
        let mut at = self.first_slot(hash);
        loop {
            let token = self.slots[at].checked_sub(1)?;
            let start = self.starts[token as usize] as usize;
            let end = self.starts[token as usize + 1] as usize - 1;
            if &self.block[start..end] == name {
                return Some(token);
            }
            at = (at + 1) & (self.slots.len() - 1);
        }
    }
}
