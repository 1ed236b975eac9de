//! Stands in for crates.io's `jieba-rs`, a Chinese tokenizer.
//!
//! LanceDB compiles it for full-text indexes whose tokenizer is `jieba/…`. codescry makes none. No dictionary can be
//! loaded here, so no tokenizer exists.

use std::fmt;
use std::io::BufRead;

/// A tokenizer. It has no value.
#[derive(Clone)]
pub enum Jieba {}

/// How finely a text is split.
pub enum TokenizeMode {
    Default,
    Search,
}

/// A word of a text.
pub struct Token<'a> {
    pub word: &'a str,
    /// The first character's number.
    pub start: usize,
    /// The number of the character after the last.
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
    /// Loads a dictionary.
    ///
    /// # Errors
    /// Always.
    pub fn with_dict<R: BufRead>(_dictionary: &mut R) -> Result<Self, Error> {
        Err(Error)
    }

    /// Adds a dictionary.
    ///
    /// # Errors
    /// Never: there is no value to call it on.
    pub fn load_dict<R: BufRead>(&mut self, _dictionary: &mut R) -> Result<(), Error> {
        match *self {}
    }

    /// Splits a text into words.
    pub fn tokenize<'a>(&self, _sentence: &'a str, _mode: TokenizeMode, _hmm: bool) -> Vec<Token<'a>> {
        match *self {}
    }
}
