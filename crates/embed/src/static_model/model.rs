//! A model in memory: its table, and the vectors of texts.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use super::counter::{FreeScratch, TokenBag, WordCounter};
use super::format::{ARTIFACT_FORMAT, ArtifactHeader, COUNTS_BYTES, StaticModelError, VERSION_1_MAGIC};
use super::token_table::TokenTable;
use crate::vector::normalize;
use text::words::{self, SplitBuffers, WordForm};

/// A table of word vectors with the artifact it was read from.
#[derive(Debug)]
pub struct StaticModel {
    pub(super) bytes: Cow<'static, [u8]>,
    id: String,
    pub(super) dimensions: usize,
    pub(super) tokens: TokenTable,
    /// The scale of each token's row.
    pub(super) scales: Vec<f32>,
    /// The offset in `bytes` where the int8 rows begin.
    pub(super) rows_at: usize,
    /// Buffers of finished counters, for reuse.
    free_scratch: FreeScratch,
}

impl StaticModel {
    /// Returns the built-in model. The first call in a process opens it, which takes a few milliseconds.
    pub fn builtin() -> Arc<Self> {
        static BUILTIN: OnceLock<Arc<StaticModel>> = OnceLock::new();
        Arc::clone(BUILTIN.get_or_init(|| {
            let bytes = builtin_model::BUILTIN_MODEL;
            Arc::new(Self::from_trusted_bytes(bytes.into()).expect("the tests check the built-in model"))
        }))
    }

    /// Opens an artifact, borrowed or owned.
    ///
    /// # Errors
    ///
    /// Fails if the checksum differs, or if a length, a count, a token or a scale violates the format.
    pub fn from_bytes(bytes: impl Into<Cow<'static, [u8]>>) -> Result<Self, StaticModelError> {
        let bytes = bytes.into();
        if !bytes.starts_with(VERSION_1_MAGIC) {
            ARTIFACT_FORMAT.unseal(&bytes)?;
        }
        Self::from_trusted_bytes(bytes)
    }

    /// Opens an artifact without verifying its checksum.
    fn from_trusted_bytes(bytes: Cow<'static, [u8]>) -> Result<Self, StaticModelError> {
        let header = ArtifactHeader::parse(&bytes)?;
        let tokens_at = header.counts_at + COUNTS_BYTES;
        let scales_at = tokens_at + header.token_bytes;
        let rows_at = scales_at + header.count * 4;
        let rows_end = rows_at + header.count * header.dimensions;
        let tokens = TokenTable::parse(&bytes[tokens_at..scales_at], header.count)?;
        let scales: Vec<f32> =
            bytes[scales_at..rows_at].as_chunks::<4>().0.iter().map(|scale| f32::from_le_bytes(*scale)).collect();
        if let Some(token) = scales.iter().position(|scale| !scale.is_finite() || *scale < 0.0) {
            return Err(StaticModelError::Scale { token });
        }
        let mut hasher = blake3::Hasher::new();
        hasher.update(VERSION_1_MAGIC).update(&bytes[header.counts_at..rows_end]);
        let id = format!("codescry-static-v{}-{}", header.version, &hasher.finalize().to_hex()[..8]);
        Ok(Self {
            id,
            dimensions: header.dimensions,
            tokens,
            scales,
            rows_at,
            bytes,
            free_scratch: FreeScratch::default(),
        })
    }

    /// Counts the words of a text.
    pub(super) fn count_words(text: &str, buffers: &mut SplitBuffers, counter: &mut WordCounter<'_>) -> TokenBag {
        words::split_search_words(text, buffers, |word| {
            if word.form == WordForm::Word {
                counter.add_word(word);
            }
        });
        counter.take_bag()
    }

    /// Returns a counter for the words of texts.
    pub fn word_counter(&self) -> WordCounter<'_> {
        WordCounter::new(&self.tokens, &self.free_scratch)
    }

    /// Returns the vector of a text with these weighted tokens: `dimensions` values.
    pub fn embed_bag(&self, bag: &TokenBag) -> Vec<f32> {
        let mut sum = vec![0.0; self.dimensions];
        bag.0.iter().for_each(|(token, weight)| self.add_row(*token, *weight, &mut sum));
        normalize(&mut sum);
        sum
    }

    /// Returns the vector of a text: `dimensions` values.
    pub fn embed_text(&self, text: &str) -> Vec<f32> {
        self.embed_bag(&Self::count_words(text, &mut SplitBuffers::default(), &mut self.word_counter()))
    }

    /// Returns the vector of each text, in order.
    pub fn embed_texts(&self, texts: &[&str]) -> Vec<Vec<f32>> {
        let (mut counter, mut buffers) = (self.word_counter(), SplitBuffers::default());
        texts.iter().map(|text| self.embed_bag(&Self::count_words(text, &mut buffers, &mut counter))).collect()
    }

    /// Returns an identifier of the artifact: its version and the start of its hash.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns the number of values in every vector.
    pub fn width(&self) -> usize {
        self.dimensions
    }

    /// Returns whether a lower-case word is a token.
    pub fn has_token(&self, word: &str) -> bool {
        self.tokens.find_token(word.as_bytes()).is_some()
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

/// Returns whether a lower-case word is in common use, which means that it is a token of the built-in model.
pub fn is_common_word(word: &str) -> bool {
    StaticModel::builtin().has_token(word)
}
