//! The values of arguments that several commands take, and their parsers.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use clap::ValueEnum;

use engine::{ContentFilter, MAX_LIMIT, RetrievalMode};

use super::folders::FolderArguments;

/// The last line of the help of commands that search.
pub const EXIT_CODES: &str = "Exit codes: 0 found or done, 1 nothing found, 2 error, 130 interrupted.";

/// The choices of `--color`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ColorChoice {
    /// Only on a terminal
    #[default]
    Auto,
    Always,
    Never,
}

/// The choices of `--mode`; see [`RetrievalMode`].
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum ModeName {
    /// Meaning and words, ranked together
    Hybrid,
    /// Meaning alone
    Dense,
    /// Words alone
    Lexical,
}

impl From<ModeName> for RetrievalMode {
    fn from(name: ModeName) -> Self {
        match name {
            ModeName::Hybrid => Self::Hybrid,
            ModeName::Dense => Self::Dense,
            ModeName::Lexical => Self::Lexical,
        }
    }
}

impl std::fmt::Display for ModeName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Hybrid => "hybrid",
            Self::Dense => "dense",
            Self::Lexical => "lexical",
        })
    }
}

/// The choices of `--content`; see [`ContentFilter`].
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum ContentName {
    /// Source code
    Code,
    /// Documentation
    Docs,
    /// Configuration and build files
    Config,
    /// All files
    All,
}

impl From<ContentName> for ContentFilter {
    fn from(name: ContentName) -> Self {
        match name {
            ContentName::Code => Self::Code,
            ContentName::Docs => Self::Docs,
            ContentName::Config => Self::Config,
            ContentName::All => Self::All,
        }
    }
}

/// Splits arguments into words and a folder. The second of exactly two arguments is the folder if it exists and no
/// option names folders; otherwise all arguments are words.
pub fn split_folder<'a>(words: &'a [OsString], options: &FolderArguments) -> (Vec<&'a OsStr>, Option<&'a Path>) {
    match words {
        [word, folder] if !options.are_given() && Path::new(folder).is_dir() => (vec![word], Some(Path::new(folder))),
        _ => (words.iter().map(OsString::as_os_str).collect(), None),
    }
}

/// Parses a number of results, from 1 to [`MAX_LIMIT`].
///
/// # Errors
/// If the word is no such number.
pub fn parse_limit(word: &str) -> Result<usize, String> {
    let limit = parse_positive::<usize>(word)?;
    if limit > MAX_LIMIT { Err(format!("give a number from 1 to {MAX_LIMIT}")) } else { Ok(limit) }
}

/// Parses a whole number above zero.
///
/// # Errors
/// If the word is no such number.
pub fn parse_positive<N: std::str::FromStr + PartialOrd + From<u8>>(word: &str) -> Result<N, String> {
    let number = word.parse::<N>().ok().filter(|number| *number > N::from(0));
    number.ok_or_else(|| "give a whole number above zero".to_owned())
}
