//! Stands in for crates.io's `lindera`, a tokenizer of Japanese and Korean.
//!
//! LanceDB needs it for full-text indexes with a tokenizer `lindera/…`. codescry creates no such index. No dictionary
//! can be loaded here, so no tokenizer exists.

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
    /// A segmenter with a dictionary. The type has no values.
    #[derive(Clone)]
    pub enum Segmenter {}
}

pub mod tokenizer {
    use std::path::Path;

    use crate::segmenter::Segmenter;
    use crate::token::Token;
    use crate::{LinderaError, MISSING};

    /// A tokenizer. The type has no values.
    #[derive(Clone)]
    pub enum Tokenizer {}

    impl Tokenizer {
        /// Creates a tokenizer. Cannot be called, because [`Segmenter`] has no values.
        pub fn new(segmenter: Segmenter) -> Self {
            match segmenter {}
        }

        /// Splits a text into words. Cannot be called, because [`Tokenizer`] has no values.
        ///
        /// # Errors
        /// Never.
        pub fn tokenize<'a>(&self, _text: &'a str) -> Result<Vec<Token<'a>>, LinderaError> {
            match *self {}
        }
    }

    /// A builder of tokenizers. The type has no values.
    pub enum TokenizerBuilder {}

    impl TokenizerBuilder {
        /// Fails without reading a configuration.
        ///
        /// # Errors
        /// Always.
        pub fn new() -> Result<Self, LinderaError> {
            Err(MISSING)
        }

        /// Fails without reading the configuration.
        ///
        /// # Errors
        /// Always.
        pub fn from_file(_path: &Path) -> Result<Self, LinderaError> {
            Err(MISSING)
        }

        /// Builds the tokenizer. Cannot be called, because [`TokenizerBuilder`] has no values.
        ///
        /// # Errors
        /// Never.
        pub fn build(&self) -> Result<Tokenizer, LinderaError> {
            match *self {}
        }
    }
}
