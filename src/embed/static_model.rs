//! The built-in embedding: one vector a word, read from `assets/static_model.bin`.
//!
//! Owns the artifact's format, the table that finds a word's vector, and the rule by which words'
//! vectors become a text's. Invariants: any byte sequence either opens or is a [`ModelError`];
//! after that nothing here fails or panics; equal texts give bit-equal vectors; vectors are unit
//! length, or all zero where no word is known. Must never import: anything of this crate besides
//! [`words`], the hasher of `embed` and the [`Embedder`] trait, nor any mathematics crate.
//!
//! # Artifact
//!
//! Little-endian, without padding; [`encode`] writes it. A row's length is its word's weight. It
//! begins as smooth inverse frequency, a / (a + p(word)) (Arora, Liang, Ma: "A Simple but
//! Tough-to-Beat Baseline for Sentence Embeddings", ICLR 2017); training goes on from there.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | magic `CSCRYSM1` |
//! | 4 | u32 count of tokens, 1 to 2²⁴ |
//! | 4 | u32 dimensions, 1 to 4096 |
//! | 4 | u32 length of the token block in bytes |
//! | 4 | u32 version of the model, 1 or more |
//! | token block | UTF-8 tokens, ascending by bytes, distinct, `\n` between them and not at the end |
//! | 4 × count | f32 scale of each row, finite and not negative |
//! | count × dimensions | int8 rows; vector = scale × row |
//!
//! # A text's vector
//!
//! The sum over the text's distinct words of (1 + ln count) × vector, brought to unit length.
//! A word that is no token stands for its pieces: a run of letters or of digits that is a token of
//! 2 bytes or more, else the longest tokens of 3 bytes or more from the left. Of n pieces each
//! weighs (share of the word's bytes that they cover) / √n: together they are about as long as one
//! word, their vectors being nearly orthogonal, and shorter where much of it is not understood.

mod table;
mod tally;

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

pub use table::encode;
pub use tally::{Bag, Tally};

use super::Embedder;
use super::words::{self, Buffers, HASH_START, hash_byte};
use tally::Scratch;

/// What every artifact begins with.
pub const MAGIC: &[u8; 8] = b"CSCRYSM1";

/// Length of magic, count, dimensions, token block length and version.
const HEADER_BYTES: usize = 24;

/// Most tokens, and most dimensions, that an artifact may have; more is an error.
const MAX_TOKENS: usize = 1 << 24;
const MAX_DIMENSIONS: usize = 4096;

/// Shortest piece of an unknown word that is looked for inside a run of letters.
const MIN_PIECE_BYTES: usize = 3;

/// Shortest run of letters or digits of an unknown word that counts when it is a token as it is.
const MIN_RUN_BYTES: usize = 2;

/// Why bytes are no model.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ModelError {
    #[error("cannot read the embedding model: it does not begin with CSCRYSM1; make it again with tools/make_model.rs")]
    Magic,
    #[error("cannot read the embedding model: {actual_bytes} bytes where its header promises {expected_bytes}")]
    Length { expected_bytes: u64, actual_bytes: u64 },
    #[error("cannot read the embedding model: {what} {value} is out of range")]
    Range { what: &'static str, value: u32 },
    #[error("cannot read the embedding model: its tokens are not {expected} ascending lines of UTF-8")]
    Tokens { expected: u32 },
    #[error("cannot read the embedding model: the scale of token {token} is negative or not finite")]
    Scale { token: usize },
}

/// A table of word vectors; see the module's header.
#[derive(Debug)]
pub struct StaticModel {
    bytes: Cow<'static, [u8]>,
    id: String,
    dimensions: usize,
    tokens: Tokens,
    /// f32 a token.
    scales: Vec<f32>,
    /// Where the int8 rows begin in `bytes`; they end with it.
    rows_at: usize,
    /// Of tallies that have ended.
    scratches: Mutex<Vec<Scratch>>,
}

impl StaticModel {
    /// The model inside the program; opened once a process, in a few milliseconds.
    pub fn builtin() -> Arc<Self> {
        static BUILTIN: OnceLock<Arc<StaticModel>> = OnceLock::new();
        Arc::clone(BUILTIN.get_or_init(|| {
            let bytes = include_bytes!("../../assets/static_model.bin").as_slice();
            Arc::new(Self::from_bytes(bytes).expect("assets/static_model.bin is checked by the tests"))
        }))
    }

    /// Opens an artifact, borrowed or owned.
    ///
    /// # Errors
    ///
    /// [`ModelError`] when a length, a count, a token or a scale is not as the format has it.
    pub fn from_bytes(bytes: impl Into<Cow<'static, [u8]>>) -> Result<Self, ModelError> {
        let bytes = bytes.into();
        let header = Header::read(&bytes)?;
        let scales_at = HEADER_BYTES + header.token_bytes;
        let rows_at = scales_at + header.count * 4;
        let tokens = Tokens::read(&bytes[HEADER_BYTES..scales_at], header.count)?;
        let scales: Vec<f32> =
            bytes[scales_at..rows_at].as_chunks::<4>().0.iter().map(|scale| f32::from_le_bytes(*scale)).collect();
        if let Some(token) = scales.iter().position(|scale| !scale.is_finite() || *scale < 0.0) {
            return Err(ModelError::Scale { token });
        }
        let id = format!("codescry-static-v{}-{}", header.version, &blake3::hash(&bytes).to_hex()[..8]);
        Ok(Self { id, dimensions: header.dimensions, tokens, scales, rows_at, bytes, scratches: Mutex::default() })
    }

    /// The words of one text.
    fn bag(text: &str, buffers: &mut Buffers, tally: &mut Tally<'_>) -> Bag {
        words::split(text, buffers, |word| {
            if !word.joined {
                tally.add(word);
            }
        });
        tally.take()
    }

    /// What to count a text's words with.
    pub fn tally(&self) -> Tally<'_> {
        let kept = self.scratches().pop();
        Tally { model: self, scratch: kept.unwrap_or_else(|| Scratch::new(self.scales.len())) }
    }

    fn scratches(&self) -> MutexGuard<'_, Vec<Scratch>> {
        self.scratches.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The vector of a text's words.
    pub fn embed_bag(&self, bag: &Bag) -> Vec<f32> {
        let mut sum = vec![0.0; self.dimensions];
        bag.0.iter().for_each(|(token, weight)| self.add(*token, *weight, &mut sum));
        normalize(&mut sum);
        sum
    }

    /// Whether a word, in small letters, is a token of its own.
    pub fn knows(&self, word: &str) -> bool {
        self.tokens.find(word.as_bytes()).is_some()
    }

    /// Appends the tokens that stand for an unknown word; returns how many bytes they cover.
    /// Tokens are whole characters, so that a match begins and ends only between characters.
    fn find_pieces(&self, word: &[u8], pieces: &mut Vec<u32>) -> usize {
        let mut covered_bytes = 0;
        for run in word.chunk_by(|before, here| before.is_ascii_digit() == here.is_ascii_digit()) {
            let whole = self.tokens.find(run).map(|token| (token, run.len()));
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

    /// `sum += weight × vector`.
    fn add(&self, token: u32, weight: f32, sum: &mut [f32]) {
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
        let (mut tally, mut buffers) = (self.tally(), Buffers::default());
        texts.iter().map(|text| self.embed_bag(&Self::bag(text, &mut buffers, &mut tally))).collect()
    }

    fn word_table(&self) -> Option<&StaticModel> {
        Some(self)
    }

    fn embed_query(&self, text: &str) -> Vec<f32> {
        self.embed_bag(&Self::bag(text, &mut Buffers::default(), &mut self.tally()))
    }
}

/// The numbers an artifact begins with, checked against each other and the artifact's length.
struct Header {
    count: usize,
    dimensions: usize,
    token_bytes: usize,
    version: usize,
}

impl Header {
    fn read(bytes: &[u8]) -> Result<Self, ModelError> {
        if !bytes.starts_with(MAGIC) {
            return Err(ModelError::Magic);
        }
        let length = |expected_bytes| ModelError::Length { expected_bytes, actual_bytes: bytes.len() as u64 };
        let fields = bytes.get(MAGIC.len()..HEADER_BYTES).unwrap_or_default().as_chunks::<4>().0;
        let &[count, dimensions, token_bytes, version] = fields else {
            return Err(length(HEADER_BYTES as u64));
        };
        let header = Self {
            count: in_range("count", count, MAX_TOKENS)?,
            dimensions: in_range("dimensions", dimensions, MAX_DIMENSIONS)?,
            token_bytes: in_range("length of the token block", token_bytes, usize::MAX)?,
            version: in_range("version", version, usize::MAX)?,
        };
        let [count, dimensions, token_bytes] =
            [header.count, header.dimensions, header.token_bytes].map(|size| size as u64);
        let expected = HEADER_BYTES as u64 + token_bytes + count * (4 + dimensions);
        if expected == bytes.len() as u64 { Ok(header) } else { Err(length(expected)) }
    }
}

fn in_range(what: &'static str, field: [u8; 4], most: usize) -> Result<usize, ModelError> {
    let value = u32::from_le_bytes(field);
    let size = value as usize;
    if (1..=most).contains(&size) { Ok(size) } else { Err(ModelError::Range { what, value }) }
}

/// Finds tokens by their bytes: a hash table with linear probing over the token block, so that no
/// token has memory of its own. At least half of the slots stay free.
#[derive(Debug)]
struct Tokens {
    block: Vec<u8>,
    /// Where each token begins in the block; then where one more would.
    starts: Vec<u32>,
    /// Token + 1, or 0 for a free slot; a power of two of them.
    slots: Vec<u32>,
    longest_bytes: usize,
    /// A bit for the hash of each beginning of a token, from [`MIN_PIECE_BYTES`] on: where it is 0, no token
    /// goes on.
    beginnings: Vec<u64>,
}

/// Bits of [`Tokens::beginnings`] for each byte of the tokens, so that few are 1 for another one's sake.
const BEGINNING_BITS: usize = 2;

impl Tokens {
    fn read(block: &[u8], count: usize) -> Result<Self, ModelError> {
        let expected = u32::try_from(count).unwrap_or(u32::MAX);
        let text = std::str::from_utf8(block).map_err(|_| ModelError::Tokens { expected })?;
        let slots = vec![0; (count * 2).next_power_of_two()];
        let beginnings = vec![0; (block.len() * BEGINNING_BITS).next_power_of_two().div_ceil(64)];
        let mut tokens = Self { block: block.to_vec(), starts: vec![0], slots, longest_bytes: 0, beginnings };
        let (mut before, mut end) = ("", 0);
        for (token, name) in (1..).zip(text.split('\n')) {
            if name <= before || token > expected {
                return Err(ModelError::Tokens { expected });
            }
            end += name.len() + 1;
            tokens.starts.push(u32::try_from(end).map_err(|_| ModelError::Tokens { expected })?);
            tokens.longest_bytes = tokens.longest_bytes.max(name.len());
            tokens.insert(name.as_bytes(), token);
            tokens.note_beginnings(name.as_bytes());
            before = name;
        }
        if tokens.starts.len() == count + 1 { Ok(tokens) } else { Err(ModelError::Tokens { expected }) }
    }

    fn insert(&mut self, name: &[u8], slot: u32) {
        let mut at = self.first_slot(words::hash(name));
        while self.slots[at] != 0 {
            at = (at + 1) & (self.slots.len() - 1);
        }
        self.slots[at] = slot;
    }

    fn note_beginnings(&mut self, name: &[u8]) {
        let mut hash = HASH_START;
        for (at, byte) in name.iter().enumerate() {
            hash = hash_byte(hash, byte);
            if at + 1 >= MIN_PIECE_BYTES {
                let (word, bit) = self.beginning(hash);
                self.beginnings[word] |= bit;
            }
        }
    }

    /// Where the bit of a beginning is.
    fn beginning(&self, hash: u64) -> (usize, u64) {
        let hash = hash ^ (hash >> 32);
        ((hash >> 6) as usize & (self.beginnings.len() - 1), 1 << (hash & 63))
    }

    /// The token with exactly these bytes.
    fn find(&self, name: &[u8]) -> Option<u32> {
        self.probe(name, words::hash(name))
    }

    /// The longest token of at least [`MIN_PIECE_BYTES`] that `text` begins with, and its length.
    fn find_prefix(&self, text: &[u8]) -> Option<(u32, usize)> {
        let mut found = None;
        let mut hash = HASH_START;
        for (at, byte) in text.iter().enumerate().take(self.longest_bytes) {
            hash = hash_byte(hash, byte);
            let len = at + 1;
            if len < MIN_PIECE_BYTES {
                continue;
            }
            let (word, bit) = self.beginning(hash);
            if self.beginnings[word] & bit == 0 {
                break;
            }
            if let Some(token) = self.probe(&text[..len], hash) {
                found = Some((token, len));
            }
        }
        found
    }

    /// Where the search for a hash begins: its high bits folded in, for FNV's low ones are weak.
    fn first_slot(&self, hash: u64) -> usize {
        (hash ^ (hash >> 32)) as usize & (self.slots.len() - 1)
    }

    /// The token of these bytes, given their [`words::hash`].
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

/// Brings `vector` to unit length; leaves zeros as they are.
fn normalize(vector: &mut [f32]) {
    let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    if length > 0.0 && length.is_finite() {
        for value in vector {
            *value /= length;
        }
    } else {
        vector.fill(0.0);
    }
}
