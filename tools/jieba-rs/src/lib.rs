//! Stands in for crates.io's `jieba-rs`, a Chinese tokenizer.
//!
//! LanceDB needs it for full-text indexes with a tokenizer `jieba/…`. codescry creates no such index. No dictionary can
//! be loaded here, so no tokenizer exists.

use std::fmt;
use std::io::BufRead;

/// A tokenizer. The type has no values.
#[derive(Clone)]
pub enum Jieba {}

/// The granularity at which a tokenizer splits text.
pub enum TokenizeMode {
    Default,
    Search,
}

/// A word of a text.
pub struct Token<'a> {
    pub word: &'a str,
    /// The index of the first character.
    pub start: usize,
    /// The index after the last character.
    pub end: usize,
}

/// The reason why no dictionary is loaded.
#[derive(Debug)]
pub struct Error;

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("this program was built without the Chinese tokenizer jieba")
    }
}

impl std::error::Error for Error {}

impl Jieba {
    /// Fails without reading the dictionary.
    ///
    /// # Errors
    /// Always.
    pub fn with_dict<R: BufRead>(_dictionary: &mut R) -> Result<Self, Error> {
        Err(Error)
    }

    /// Adds a dictionary. Cannot be called, because [`Jieba`] has no values.
    ///
    /// # Errors
    /// Never.
    pub fn load_dict<R: BufRead>(&mut self, _dictionary: &mut R) -> Result<(), Error> {
        match *self {}
    }

    /// Splits a text into words. Cannot be called, because [`Jieba`] has no values.
    pub fn tokenize<'a>(&self, _sentence: &'a str, _mode: TokenizeMode, _hmm: bool) -> Vec<Token<'a>> {
        match *self {}
    }
}
