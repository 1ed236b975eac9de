//! Errors of store operations.

use std::path::PathBuf;

/// An error of a store operation.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another writer holds the lock.
    #[error("the index at {dir} is being written by {holder}; wait for it to end, or stop it")]
    Locked { dir: PathBuf, holder: String },
    /// A file of the store could not be read or written.
    #[error("cannot {operation} {path}: {source}")]
    Io { operation: &'static str, path: PathBuf, source: std::io::Error },
    /// The storage engine failed.
    #[error("cannot {operation} in the index at {dir}: {message}; if this stays, run `codescry index --rebuild`")]
    Engine { operation: &'static str, dir: PathBuf, message: String },
    /// The manifest was written by a newer program.
    #[error(
        "the index at {dir} was written by a newer codescry (schema {found}, this one knows {known}); update codescry or run `codescry index --rebuild`"
    )]
    Newer { dir: PathBuf, found: u32, known: u32 },
    /// The token of [`crate::StoreWriter::set_cancel_token`] cancelled the operation.
    #[error("writing to the index at {dir} was stopped; what was committed is kept")]
    Stopped { dir: PathBuf },
}
