//! Conversion of texts to token IDs, with the `tokenizers` crate.

use std::path::{Path, PathBuf};

use tokenizers::{Tokenizer, TruncationParams};

use embed::EmbedError;

/// A model's tokenizer. It truncates texts to the model's maximum length and adds no padding.
pub struct ModelTokenizer {
    tokenizer: Tokenizer,
    path: PathBuf,
}

impl ModelTokenizer {
    /// Loads a `tokenizer.json` file. Texts are truncated to `max_tokens` tokens.
    ///
    /// # Errors
    /// Fails if the file cannot be read or is not a tokenizer, if `max_tokens` leaves no room for the model's special
    /// tokens, or if the tokenizer fails on a test word or makes no token of it.
    pub fn load(path: &Path, max_tokens: usize) -> Result<Self, EmbedError> {
        let misfit = |problem: String| EmbedError::Tokenizer { path: path.to_owned(), problem };
        let bytes = std::fs::read(path).map_err(|error| misfit(error.to_string()))?;
        let mut tokenizer =
            Tokenizer::from_bytes(bytes).map_err(|error| misfit(format!("it is not a tokenizer: {error}")))?;
        tokenizer.with_padding(None);
        let truncation = TruncationParams { max_length: max_tokens, ..TruncationParams::default() };
        tokenizer.with_truncation(Some(truncation)).map_err(|error| misfit(error.to_string()))?;
        let loaded = Self { tokenizer, path: path.to_owned() };
        let word = loaded.tokenizer.encode_fast("a", true).map_err(|error| loaded.misfit_error(error.to_string()))?;
        if word.get_ids().is_empty() {
            return Err(misfit("it makes no token of a word".to_owned()));
        }
        Ok(loaded)
    }

    /// Returns the token IDs of each text, with the model's special tokens, using all cores. A text without
    /// tokens gets the single token 0, because models do not accept empty rows.
    ///
    /// # Errors
    /// Fails if the tokenizer fails.
    pub fn tokenize(&self, texts: &[&str]) -> Result<Vec<Vec<u32>>, EmbedError> {
        let encoded = self.tokenizer.encode_batch_fast(texts.to_vec(), true);
        let encoded = encoded.map_err(|error| self.misfit_error(error.to_string()))?;
        let tokens = |encoding: &tokenizers::Encoding| match encoding.get_ids() {
            [] => vec![0],
            ids => ids.to_vec(),
        };
        Ok(encoded.iter().map(tokens).collect())
    }

    /// Returns the largest token ID. The model's embedding table must have a row for it.
    pub fn last_token_id(&self) -> u32 {
        self.tokenizer.get_vocab(true).into_values().max().unwrap_or(0)
    }

    /// Returns an error that names this tokenizer's file and `problem`.
    pub fn misfit_error(&self, problem: String) -> EmbedError {
        EmbedError::Tokenizer { path: self.path.clone(), problem }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tokenizer_that_makes_no_tokens_is_refused() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("tokenizer.json");
        let empty = r#"{"version": "1.0", "added_tokens": [], "model": {"type": "BPE", "vocab": {}, "merges": []}}"#;
        std::fs::write(&path, empty).expect("a written file");
        let error = ModelTokenizer::load(&path, 16).err().expect("an error").to_string();
        assert!(error.contains("it makes no token of a word"), "{error}");
    }
}
