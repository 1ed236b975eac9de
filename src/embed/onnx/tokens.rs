//! Texts become tokens.
//!
//! The only file that knows the tokenizers crate, beside `model2vec`. Must never import: anything of
//! this crate but `embed`.

use std::path::{Path, PathBuf};

use tokenizers::{Tokenizer, TruncationParams};

use crate::embed::EmbedError;

/// A tokenizer that cuts at a model's length and never pads.
pub struct Splitter {
    tokenizer: Tokenizer,
    path: PathBuf,
}

impl Splitter {
    /// Reads `tokenizer.json`.
    ///
    /// # Errors
    /// When it is none, or so short a text as `max_tokens` has no room in it.
    pub fn read(path: &Path, max_tokens: usize) -> Result<Self, EmbedError> {
        let bad = |problem: String| EmbedError::Tokenizer { path: path.to_owned(), problem };
        let bytes = std::fs::read(path).map_err(|error| bad(error.to_string()))?;
        let mut tokenizer =
            Tokenizer::from_bytes(bytes).map_err(|error| bad(format!("it is no tokenizer: {error}")))?;
        tokenizer.with_padding(None);
        let cut = TruncationParams { max_length: max_tokens, ..TruncationParams::default() };
        tokenizer.with_truncation(Some(cut)).map_err(|error| bad(error.to_string()))?;
        let splitter = Self { tokenizer, path: path.to_owned() };
        if splitter.split(&["a"])?.iter().all(Vec::is_empty) {
            return Err(bad("it makes no token of a word".to_owned()));
        }
        Ok(splitter)
    }

    /// Tokens of each text, with the model's marks around them, on all cores. A text without any
    /// gets one, for a model takes no empty row.
    ///
    /// # Errors
    /// When the tokenizer fails.
    pub fn split(&self, texts: &[&str]) -> Result<Vec<Vec<u32>>, EmbedError> {
        let encoded = self.tokenizer.encode_batch_fast(texts.to_vec(), true);
        let encoded = encoded.map_err(|error| self.bad(error.to_string()))?;
        let tokens = |encoding: &tokenizers::Encoding| match encoding.get_ids() {
            [] => vec![0],
            ids => ids.to_vec(),
        };
        Ok(encoded.iter().map(tokens).collect())
    }

    /// The largest number of a token: what a model must have a row for.
    pub fn last_token(&self) -> u32 {
        self.tokenizer.get_vocab(true).into_values().max().unwrap_or(0)
    }

    /// An error about this tokenizer.
    pub fn bad(&self, problem: String) -> EmbedError {
        EmbedError::Tokenizer { path: self.path.clone(), problem }
    }
}
