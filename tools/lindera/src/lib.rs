//! Stands in for crates.io's `lindera`, a tokenizer of Japanese and Korean.
//!
//! LanceDB compiles it for full-text indexes whose tokenizer is `lindera/…`. codescry makes none. No dictionary can be
//! loaded here, so no tokenizer exists.

/// The reason why no tokenizer is made.
#[derive(Debug)]
pub struct LinderaError(#[expect(dead_code, reason = "shown by `Debug`")] &'static str);

const MISSING: LinderaError = LinderaError("this program was built without the tokenizer lindera");

pub mod token {
    use std::borrow::Cow;

    /// A word of a text.
    pub struct Token<'a> {
        pub surface: Cow<'a, str>,
        pub byte_start: usize,
        pub byte_end: usize,
        pub position: usize,
        pub position_length: usize,
    }
}

pub mod segmenter {
    /// Splits texts by a dictionary. It has no value.
    #[derive(Clone)]
    pub enum Segmenter {}
}

pub mod tokenizer {
    use std::path::Path;

    use crate::segmenter::Segmenter;
    use crate::token::Token;
    use crate::{LinderaError, MISSING};

    /// A tokenizer. It has no value.
    #[derive(Clone)]
    pub enum Tokenizer {}

    impl Tokenizer {
        /// Makes a tokenizer from a segmenter.
        pub fn new(segmenter: Segmenter) -> Self {
            match segmenter {}
        }

        /// Splits a text into words.
        ///
        /// # Errors
        /// Never: there is no value to call it on.
        pub fn tokenize<'a>(&self, _text: &'a str) -> Result<Vec<Token<'a>>, LinderaError> {
            match *self {}
        }
    }

    /// Makes tokenizers. It has no value.
    pub enum TokenizerBuilder {}

    impl TokenizerBuilder {
        /// Reads the configuration that `LINDERA_CONFIG_PATH` names.
        ///
        /// # Errors
        /// Always.
        pub fn new() -> Result<Self, LinderaError> {
            Err(MISSING)
        }

        /// Reads a configuration.
        ///
        /// # Errors
        /// Always.
        pub fn from_file(_path: &Path) -> Result<Self, LinderaError> {
            Err(MISSING)
        }

        /// Makes the tokenizer.
        ///
        /// # Errors
        /// Never: there is no value to call it on.
        pub fn build(&self) -> Result<Tokenizer, LinderaError> {
            match *self {}
        }
    }
}
