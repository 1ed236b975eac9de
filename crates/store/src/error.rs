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
    #[error(
        "cannot {operation} in the index at {dir}: {message}; if this stays, run `codescry index --rebuild`, or call index_project with rebuild"
    )]
    Engine { operation: &'static str, dir: PathBuf, message: String },
    /// Stored bytes have changed since they were written, or are missing. The next index run replaces them.
    #[error(
        "the index at {dir} is damaged: cannot {operation}: {message}; call index_project or run `codescry index` to repair it from the files"
    )]
    Damaged { operation: &'static str, dir: PathBuf, message: String },
    /// The manifest was written by a newer program.
    #[error(
        "the index at {dir} was written by a newer codescry (schema {found}, this one knows {known}); update codescry or run `codescry index --rebuild`"
    )]
    Newer { dir: PathBuf, found: u32, known: u32 },
    /// The token of [`crate::StoreWriter::set_cancel_token`] cancelled the operation.
    #[error("writing to the index at {dir} was stopped; what was committed is kept")]
    Stopped { dir: PathBuf },
}

impl StoreError {
    /// Returns whether stored bytes are damaged, so that indexing the files again helps.
    pub fn is_damage(&self) -> bool {
        matches!(self, Self::Damaged { .. })
    }

    /// Returns what is damaged, such as `cannot read the files: …`; `None` for other errors.
    pub fn damage_reason(&self) -> Option<String> {
        match self {
            Self::Damaged { operation, message, .. } => Some(format!("cannot {operation}: {message}")),
            _ => None,
        }
    }

    /// Converts the failure of reading stored data: it means damage, unless the operating system refused to read.
    #[must_use]
    pub fn into_damage(self) -> Self {
        match self {
            Self::Engine { operation, dir, message } if !names_system_error(&message) => {
                Self::Damaged { operation, dir, message }
            }
            other => other,
        }
    }
}

/// Numbers of the operating system's errors that say nothing about the stored bytes: missing permissions, a failing disk,
/// too little memory or space, too many open files. All other errors, such as a missing file, can come from damage.
const SYSTEM_ERRORS: [&str; 10] = ["1", "5", "12", "13", "23", "24", "28", "30", "116", "122"];

/// Returns whether a message contains one of [`SYSTEM_ERRORS`].
fn names_system_error(message: &str) -> bool {
    let parts = message.split("(os error ").skip(1);
    parts.filter_map(|part| part.split_once(')')).any(|(number, _)| SYSTEM_ERRORS.contains(&number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_errors_of_the_operating_system_are_not_damage() {
        let read = |message: &str| {
            let message = message.to_owned();
            StoreError::Engine { operation: "read", dir: "index".into(), message }.into_damage().is_damage()
        };
        assert!(
            read("the page is too short") && read("no such file (os error 2)") && read("a bad offset (os error 22)")
        );
        assert!(!read("Permission denied (os error 13)") && !read("Too many open files (os error 24)"));
    }
}
