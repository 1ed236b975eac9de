//! The built-in embedding model: one vector per word, read from `assets/static_model.bin`.
//!
//! This module defines the format of the model file (the *artifact*), the table that finds a word's vector, and
//! the rule that combines the vectors of words into the vector of a text. Any byte sequence either opens or
//! gives a [`StaticModelError`]; an opened model never fails or panics. Equal texts give bit-equal vectors.
//! Vectors have unit length, or are all zero if no word is known.
//!
//! # Artifact
//!
//! Little-endian, without padding; [`encode_model`] writes it. A row's length is the weight of its word. The
//! weight starts as smooth inverse frequency, a / (a + p(word)) (Arora, Liang, Ma: "A Simple but Tough-to-Beat
//! Baseline for Sentence Embeddings", ICLR 2017), and training adjusts it.
//!
//! | bytes | content |
//! |---|---|
//! | 8 | magic `CSCRYSM1` |
//! | 4 | u32 count of tokens, 1 to 2²⁴ |
//! | 4 | u32 dimensions, 1 to 4096 |
//! | 4 | u32 length of the token block in bytes |
//! | 4 | u32 version of the model, 1 or more |
//! | token block | UTF-8 tokens in ascending byte order, distinct, separated by `\n`, without one at the end |
//! | 4 × count | f32 scale of each row, finite and not negative |
//! | count × dimensions | int8 rows; vector = scale × row |
//!
//! # The vector of a text
//!
//! The sum over the text's distinct words of (1 + ln count) × vector, scaled to unit length. A word that is not
//! a token is replaced by its pieces: each run of letters or of digits that is a token of at least 2 bytes, and
//! otherwise the longest tokens of at least 3 bytes, from left to right. Each of n pieces has the weight (share
//! of the word's bytes that the pieces cover) / √n. Since the pieces' vectors are nearly orthogonal, together
//! they are about as long as one word's vector, and shorter if a large part of the word is not covered.

mod counter;
mod table;

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

pub use counter::{TokenBag, WordCounter};
pub use table::encode_model;

use super::Embedder;
use counter::CounterScratch;
use text::words::{self, SplitBuffers, WORD_HASH_START, extend_word_hash};

/// The first bytes of every artifact.
pub const MAGIC: &[u8; 8] = b"CSCRYSM1";

/// Length of magic, count, dimensions, token block length and version.
const HEADER_BYTES: usize = 24;

/// Highest number of tokens, and of dimensions, in an artifact; more is an error.
const MAX_TOKENS: usize = 1 << 24;
const MAX_DIMENSIONS: usize = 4096;

/// Shortest token that is used as a piece inside a longer run of letters.
const MIN_PIECE_BYTES: usize = 3;

/// Shortest run of letters or digits that is used as a piece if the whole run is a token.
const MIN_RUN_BYTES: usize = 2;

/// The reason why bytes cannot be opened as a model.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum StaticModelError {
    #[error("cannot read the embedding model: it does not begin with CSCRYSM1; rebuild it with cargo xtask make-model")]
    Magic,
    #[error("cannot read the embedding model: it has {actual_bytes} bytes, its header says {expected_bytes}")]
    Length { expected_bytes: u64, actual_bytes: u64 },
    #[error("cannot read the embedding model: {what} {value} is out of range")]
    Range { what: &'static str, value: u32 },
    #[error("cannot read the embedding model: its tokens are not {expected} ascending lines of UTF-8")]
    Tokens { expected: u32 },
    #[error("cannot read the embedding model: the scale of token {token} is negative or not finite")]
    Scale { token: usize },
}

/// A table of word vectors with the artifact it was read from.
#[derive(Debug)]
pub struct StaticModel {
    bytes: Cow<'static, [u8]>,
    id: String,
    dimensions: usize,
    tokens: TokenTable,
    /// The scale of each token's row.
    scales: Vec<f32>,
    /// The offset in `bytes` where the int8 rows begin; they extend to the end.
    rows_at: usize,
    /// CounterScratch memory of finished counters, to be reused.
    free_scratch: Mutex<Vec<CounterScratch>>,
}

impl StaticModel {
    /// Returns the model in the program, which is opened once per process, in a few milliseconds.
    pub fn builtin() -> Arc<Self> {
        static BUILTIN: OnceLock<Arc<StaticModel>> = OnceLock::new();
        Arc::clone(BUILTIN.get_or_init(|| {
            let bytes = include_bytes!("../assets/static_model.bin").as_slice();
            Arc::new(Self::from_bytes(bytes).expect("assets/static_model.bin is checked by the tests"))
        }))
    }

    /// Opens an artifact, borrowed or owned.
    ///
    /// # Errors
    ///
    /// Fails if a length, a count, a token or a scale violates the format.
    pub fn from_bytes(bytes: impl Into<Cow<'static, [u8]>>) -> Result<Self, StaticModelError> {
        let bytes = bytes.into();
        let header = ArtifactHeader::parse(&bytes)?;
        let scales_at = HEADER_BYTES + header.token_bytes;
        let rows_at = scales_at + header.count * 4;
        let tokens = TokenTable::parse(&bytes[HEADER_BYTES..scales_at], header.count)?;
        let scales: Vec<f32> =
            bytes[scales_at..rows_at].as_chunks::<4>().0.iter().map(|scale| f32::from_le_bytes(*scale)).collect();
        if let Some(token) = scales.iter().position(|scale| !scale.is_finite() || *scale < 0.0) {
            return Err(StaticModelError::Scale { token });
        }
        let id = format!("codescry-static-v{}-{}", header.version, &blake3::hash(&bytes).to_hex()[..8]);
        Ok(Self { id, dimensions: header.dimensions, tokens, scales, rows_at, bytes, free_scratch: Mutex::default() })
    }

    /// Counts the words of a text.
    fn count_words(text: &str, buffers: &mut SplitBuffers, counter: &mut WordCounter<'_>) -> TokenBag {
        words::split_search_words(text, buffers, |word| {
            if !word.joined {
                counter.add_word(word);
            }
        });
        counter.take_bag()
    }

    /// Returns a counter for the words of texts.
    pub fn word_counter(&self) -> WordCounter<'_> {
        let kept = self.free_scratch().pop();
        WordCounter { model: self, scratch: kept.unwrap_or_else(|| CounterScratch::new(self.scales.len())) }
    }

    fn free_scratch(&self) -> MutexGuard<'_, Vec<CounterScratch>> {
        self.free_scratch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the vector of a text with these weighted tokens: `dimensions` values.
    pub fn embed_bag(&self, bag: &TokenBag) -> Vec<f32> {
        let mut sum = vec![0.0; self.dimensions];
        bag.0.iter().for_each(|(token, weight)| self.add_row(*token, *weight, &mut sum));
        scale_to_unit(&mut sum);
        sum
    }

    /// Returns whether a lower-case word is a token.
    pub fn has_token(&self, word: &str) -> bool {
        self.tokens.find_token(word.as_bytes()).is_some()
    }

    /// Appends the tokens that are pieces of an unknown word; returns the number of bytes they cover. A match
    /// begins and ends only between characters, since tokens consist of whole characters.
    fn find_pieces(&self, word: &[u8], pieces: &mut Vec<u32>) -> usize {
        let mut covered_bytes = 0;
        for run in word.chunk_by(|before, here| before.is_ascii_digit() == here.is_ascii_digit()) {
            let whole = self.tokens.find_token(run).map(|token| (token, run.len()));
            let mut next = whole.filter(|_| run.len() >= MIN_RUN_BYTES);
            let mut at = 0;
            while at < run.len() {
                next = next.or_else(|| self.tokens.find_prefix(&run[at..]));
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

    /// Adds `weight` × the token's vector to `sum`.
    fn add_row(&self, token: u32, weight: f32, sum: &mut [f32]) {
        let token = token as usize;
        let start = self.rows_at + token * self.dimensions;
        let row = &self.bytes[start..start + self.dimensions];
        let scale = self.scales[token] * weight;
        for (total, byte) in sum.iter_mut().zip(row) {
            *total += scale * f32::from(byte.cast_signed());
        }
    }
}

impl Embedder for StaticModel {
    fn model_id(&self) -> &str {
        &self.id
    }

    fn dimensions(&self) -> usize {
        self.dimensions
    }

    fn embed_passages(&self, texts: &[&str]) -> Vec<Vec<f32>> {
        let (mut counter, mut buffers) = (self.word_counter(), SplitBuffers::default());
        texts.iter().map(|text| self.embed_bag(&Self::count_words(text, &mut buffers, &mut counter))).collect()
    }

    fn as_static_model(&self) -> Option<&StaticModel> {
        Some(self)
    }

    fn embed_query(&self, text: &str) -> Vec<f32> {
        self.embed_bag(&Self::count_words(text, &mut SplitBuffers::default(), &mut self.word_counter()))
    }
}

/// The numbers in an artifact's header, checked against each other and the artifact's length.
struct ArtifactHeader {
    count: usize,
    dimensions: usize,
    token_bytes: usize,
    version: usize,
}

impl ArtifactHeader {
    fn parse(bytes: &[u8]) -> Result<Self, StaticModelError> {
        if !bytes.starts_with(MAGIC) {
            return Err(StaticModelError::Magic);
        }
        let length = |expected_bytes| StaticModelError::Length { expected_bytes, actual_bytes: bytes.len() as u64 };
        let fields = bytes.get(MAGIC.len()..HEADER_BYTES).unwrap_or_default().as_chunks::<4>().0;
        let &[count, dimensions, token_bytes, version] = fields else {
            return Err(length(HEADER_BYTES as u64));
        };
        let header = Self {
            count: check_header_range("count", count, MAX_TOKENS)?,
            dimensions: check_header_range("dimensions", dimensions, MAX_DIMENSIONS)?,
            token_bytes: check_header_range("length of the token block", token_bytes, usize::MAX)?,
            version: check_header_range("version", version, usize::MAX)?,
        };
        let [count, dimensions, token_bytes] =
            [header.count, header.dimensions, header.token_bytes].map(|size| size as u64);
        let expected = HEADER_BYTES as u64 + token_bytes + count * (4 + dimensions);
        if expected == bytes.len() as u64 { Ok(header) } else { Err(length(expected)) }
    }
}

fn check_header_range(what: &'static str, field: [u8; 4], most: usize) -> Result<usize, StaticModelError> {
    let value = u32::from_le_bytes(field);
    let size = value as usize;
    if (1..=most).contains(&size) { Ok(size) } else { Err(StaticModelError::Range { what, value }) }
}

/// A hash table from bytes to tokens, with linear probing over the token block, so that no token needs an
/// allocation. At least half of the slots stay free.
#[derive(Debug)]
struct TokenTable {
    block: Vec<u8>,
    /// The offset of each token in `block`, followed by the offset after the last one.
    starts: Vec<u32>,
    /// Token + 1, or 0 for a free slot. The number of slots is a power of two.
    slots: Vec<u32>,
    longest_token_bytes: usize,
    /// A Bloom filter of all token prefixes of at least [`MIN_PIECE_BYTES`]. If a prefix's bit is 0, no token
    /// begins with it.
    prefix_bits: Vec<u64>,
}

/// Bits of [`TokenTable::prefix_bits`] per byte of the token block, so that few bits are set by colliding
/// prefixes only.
const PREFIX_BITS_PER_BYTE: usize = 2;

impl TokenTable {
    fn parse(block: &[u8], count: usize) -> Result<Self, StaticModelError> {
        let expected = u32::try_from(count).unwrap_or(u32::MAX);
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

    /// Returns the token with exactly these bytes.
    fn find_token(&self, name: &[u8]) -> Option<u32> {
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

    /// Returns the slot where probing for a hash begins. Folds in the high bits, since the low bits of FNV
    /// hashes are weak.
    fn first_slot(&self, hash: u64) -> usize {
        (hash ^ (hash >> 32)) as usize & (self.slots.len() - 1)
    }

    /// Returns the token with these bytes, given their [`words::hash_word`].
    fn probe(&self, name: &[u8], hash: u64) -> Option<u32> {
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

/// Scales `vector` to unit length. A vector without a finite, positive length becomes zeros.
fn scale_to_unit(vector: &mut [f32]) {
    let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    if length > 0.0 && length.is_finite() {
        for value in vector {
            *value /= length;
        }
    } else {
        vector.fill(0.0);
    }
}
