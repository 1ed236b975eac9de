//! The configurations of MCP clients: where they are, and one entry in each.
//!
//! A change is planned first ([`plan`]), shown by whoever asked for it, then applied ([`Change::apply`]).
//! Invariants: a file is changed by cutting and inserting text, so that whatever is not the entry
//! stays as it is, byte for byte; the result is parsed again, and must be the old content with the
//! entry and nothing else; a file that cannot be parsed is left alone; a file is replaced in one
//! rename, keeps its rights, and what it was is kept beside it.
//! The only module that imports `jsonc-parser` and `toml_edit`. Must never import: anything of this
//! crate but `config`.

mod disk;
mod edit;
mod json;
mod places;
mod plan;
mod splice;
#[cfg(test)]
mod tests;
mod toml;

use std::io;
use std::path::PathBuf;

pub use places::{CLIENTS, Client, Place, project_places, user_places};
pub use plan::{Applied, Change, Request, plan_install, plan_uninstall};

/// What the entry is called in every client.
pub const NAME: &str = "codescry";

/// How a client starts a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub command: String,
    pub args: Vec<String>,
}

/// An entry as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// `None` when the entry starts no program: a URL, or a form of long ago.
    pub command: Option<String>,
    /// Empty when there are none.
    pub args: Vec<String>,
}

/// How servers are written in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// JSON, with comments and trailing commas where they are there already.
    Json {
        /// The object that holds the servers.
        key: &'static str,
        /// Whether an entry says `"type": "stdio"`.
        typed: bool,
    },
    /// TOML: a table `[mcp_servers.NAME]`.
    Toml,
}

/// What a text cannot be edited for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {problem}")]
pub struct EditError {
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    pub problem: String,
}

impl EditError {
    /// At a byte of `text`.
    fn at(text: &str, byte: usize, problem: impl Into<String>) -> Self {
        let before = text.get(..byte).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Self { line, column, problem: problem.into() }
    }
}

/// A configuration that was left as it is. Each message says why and what to do.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("{path} is left as it is: {source}; correct it there, or add the entry by hand")]
    Edit { path: PathBuf, source: EditError },
    #[error("{path} is left as it is: it is not UTF-8; save it as UTF-8")]
    NotUtf8 { path: PathBuf },
    #[error("{path} is left as it is: it may not be written to; change its rights, or add the entry by hand")]
    ReadOnly { path: PathBuf },
    #[error("{path} is left as it is: it changed while it was being edited; run the command again")]
    Changed { path: PathBuf },
    #[error("{path} is left as it is: too many backups stand beside it; remove some of {path}.codescry-backup*")]
    Backups { path: PathBuf },
    #[error("cannot {operation} {path}: {source}")]
    Io { operation: &'static str, path: PathBuf, source: io::Error },
    #[error(
        "{client} does not say which folder it works in, and {folder} is too much to serve; give the folder with your code: codescry install PATH"
    )]
    NeedsFolder { client: &'static str, folder: PathBuf },
    #[error("{path} cannot be written into a configuration: it is not UTF-8")]
    NotText { path: PathBuf },
}

impl ClientError {
    fn io(operation: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { operation, path, source }
    }
}
