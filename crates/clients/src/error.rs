//! The reasons why a configuration is not changed.

use std::io;
use std::path::PathBuf;

/// The reason why a text cannot be edited, with its position.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {problem}")]
pub struct EditError {
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1, in characters.
    pub column: usize,
    pub problem: String,
}

impl EditError {
    /// Returns an error at byte `byte` of `text`.
    pub(crate) fn at(text: &str, byte: usize, problem: impl Into<String>) -> Self {
        let before = text.get(..byte).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Self { line, column, problem: problem.into() }
    }
}

/// The reason why a configuration file was not changed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("{path} was not changed: {source}; correct the file, or add the entry by hand")]
    Edit { path: PathBuf, source: EditError },
    #[error("{path} was not changed: it is not UTF-8; save it as UTF-8")]
    NotUtf8 { path: PathBuf },
    #[error("{path} was not changed: it is read-only; change its permissions, or add the entry by hand")]
    ReadOnly { path: PathBuf },
    #[error("{path} was not changed: another program changed it meanwhile; run the command again")]
    Changed { path: PathBuf },
    #[error("{path} was not changed: it has too many backups; remove some of {path}.codescry-backup*")]
    Backups { path: PathBuf },
    #[error("{path} was not written: it exists and is not of codescry; move it away, or leave out this part of --with")]
    Occupied { path: PathBuf },
    #[error("cannot {operation} {path}: {source}")]
    Io { operation: &'static str, path: PathBuf, source: io::Error },
    #[error(
        "{client} does not pass its working folder, and {folder} is too large to serve; give the folder with your code: codescry install PATH"
    )]
    NeedsFolder { client: &'static str, folder: PathBuf },
    #[error("cannot write the path {path} into a configuration: it is not UTF-8; rename the folder")]
    PathNotUtf8 { path: PathBuf },
}

impl ClientError {
    /// Returns a function that wraps an I/O error of `operation` on `path`.
    pub(crate) fn io(operation: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { operation, path, source }
    }
}
