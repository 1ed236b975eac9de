//! Errors of store operations.

use std::path::PathBuf;

use platform::process::advise_on_io_error;
use platform::threads::describe_thread_limits;

/// An error of a store operation.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another writer holds the lock.
    #[error("the index at {dir} is being written by {holder}; wait for it to end, or stop it")]
    Locked { dir: PathBuf, holder: String },
    /// An operation on a file or folder of the store failed.
    #[error("cannot {operation} {path}: {source}{advice}", advice = advise(.operation, &.source.to_string()))]
    Io { operation: &'static str, path: PathBuf, source: std::io::Error },
    /// The threads of the storage engine could not be started.
    #[error("cannot start the threads that read and write the index: {source}; {}", describe_thread_limits())]
    Threads { source: std::io::Error },
    /// The storage engine failed.
    #[error(
        "cannot {operation} in the index at {dir}: {message}{advice}",
        advice = advise_engine(message)
    )]
    Engine { operation: &'static str, dir: PathBuf, message: String },
    /// Stored bytes have changed since they were written, or are missing. The next index run replaces them.
    #[error(
        "the index at {dir} is damaged: cannot {operation}: {message}; call index_project or run `codescry index` to repair it from the files"
    )]
    Damaged { operation: &'static str, dir: PathBuf, message: String },
    /// A remote file of an index that is read in place could not be read. The message names the location.
    #[error("cannot {operation}: {message}")]
    Remote { operation: &'static str, message: String },
    /// The index is read in place, which requires search indexes, and has none.
    #[error(
        "the index at {place} has no search indexes, by which an index is read in place; index with \
         `--resident-limit 0` where it is published and publish it again, or leave out --in-place"
    )]
    NoSearchIndexes { place: String },
    /// The index is read in place, so nothing can be written to it.
    #[error(
        "the index at {place} is read in place and cannot be changed; leave out --in-place to index the folder here"
    )]
    ReadOnly { place: String },
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

    /// Describes the damage, such as `cannot read the files: …`; `None` for errors other than [`StoreError::Damaged`].
    pub fn damage_reason(&self) -> Option<String> {
        match self {
            Self::Damaged { operation, message, .. } => Some(format!("cannot {operation}: {message}")),
            _ => None,
        }
    }

    /// Converts a [`StoreError::Engine`] from reading stored data to [`StoreError::Damaged`], unless its message names
    /// an error of the operating system that does not come from damage. Returns other errors unchanged.
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

/// Returns the remedy for an error of the operating system, after a semicolon; empty if none is known.
fn advise(operation: &str, message: &str) -> String {
    let elsewhere = "keep the index in another folder with --index-dir or CODESCRY_INDEX_DIR";
    advise_on_io_error(operation, message, elsewhere)
}

/// Returns the remedy for an error of the storage engine, after a semicolon.
fn advise_engine(message: &str) -> String {
    let advice = advise("write", message);
    if advice.is_empty() {
        return "; if this stays, run `codescry index --rebuild`, or call index_project with rebuild".to_owned();
    }
    advice
}

/// Numbers of the operating system's errors that say nothing about the stored bytes, such as missing permissions, a
/// failing disk, or too little memory. All other errors, such as a missing file, can come from damage.
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
    fn a_full_disk_and_a_folder_that_cannot_be_written_name_the_remedy() {
        let io = |code: i32| StoreError::Io {
            operation: "create",
            path: "index".into(),
            source: std::io::Error::from_raw_os_error(code),
        };
        let engine =
            |message: &str| StoreError::Engine { operation: "write", dir: "index".into(), message: message.to_owned() };
        assert!(io(28).to_string().contains("make room on this disk"), "{}", io(28));
        assert!(io(30).to_string().contains("--index-dir"), "{}", io(30));
        assert!(io(20).to_string().contains("--index-dir"), "{}", io(20));
        let full = engine("LanceError(IO): No space left on device (os error 28)").to_string();
        assert!(full.contains("make room") && !full.contains("--rebuild"), "{full}");
        assert!(engine("odd").to_string().contains("--rebuild"));
    }

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
