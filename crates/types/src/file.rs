//! The outcome of indexing a file, and the record that the store keeps of it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::chunk::Language;
use crate::hash::ContentHash;
use crate::path::RepoPath;

/// The reason why a file is not indexed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum SkipReason {
    /// An ignore rule matched: `rule` is its text, `source` the file that contains it.
    Ignored { rule: String, source: String },
    /// The name begins with a dot.
    Hidden,
    /// The file holds credentials: its name matches the pattern `rule`. It is never read, even if an ignore file
    /// includes it.
    Secret { rule: String },
    /// The entry is a symbolic link.
    SymbolicLink,
    /// The entry is a socket, a pipe or a device.
    NotRegular,
    /// The file lies on another file system than the root.
    OtherFileSystem,
    /// The extension is one of bulk data: JSON, CSV, SVG and others.
    Data,
    /// The file is a dependency lock file.
    LockFile,
    /// The file is larger than the size limit.
    TooLarge { size_bytes: u64 },
    /// The file contains NUL bytes or has a known binary extension.
    Binary,
    /// The lines are too long to have been written by hand.
    Minified,
    /// A marker in the file says that a tool generated it.
    Generated,
    /// The file holds only white space.
    Empty,
    /// Reading failed with this message of the operating system.
    Unreadable { message: String },
}

impl SkipReason {
    /// Returns a one-word label for statistics: `ignored`, `hidden`, `secret`, ….
    pub fn label(&self) -> &'static str {
        match self {
            Self::Ignored { .. } => "ignored",
            Self::Hidden => "hidden",
            Self::Secret { .. } => "secret",
            Self::SymbolicLink => "symlink",
            Self::NotRegular => "not-regular",
            Self::OtherFileSystem => "other-file-system",
            Self::Data => "data",
            Self::LockFile => "lock-file",
            Self::TooLarge { .. } => "too-large",
            Self::Binary => "binary",
            Self::Minified => "minified",
            Self::Generated => "generated",
            Self::Empty => "empty",
            Self::Unreadable { .. } => "unreadable",
        }
    }
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ignored { rule, source } => write!(f, "ignored by `{rule}` in {source}"),
            Self::Secret { rule } => write!(f, "secret: matches {rule}"),
            Self::TooLarge { size_bytes } => write!(f, "too-large: {size_bytes} bytes"),
            Self::Unreadable { message } => write!(f, "unreadable: {message}"),
            other => f.write_str(other.label()),
        }
    }
}

/// The result of indexing a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileOutcome {
    /// The file's chunks are in the store. `problem` describes a partial failure, such as a parser that ran out
    /// of time; the text is searchable nevertheless.
    Indexed { chunks: u32, problem: Option<String> },
    /// The file was read and then left out.
    Skipped(SkipReason),
}

/// The store's record of a file; the next index run compares it with the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileRecord {
    pub path: RepoPath,
    pub size_bytes: u64,
    /// Modification time in nanoseconds since 1970; -1 if the file changed too recently for its time to be
    /// reliable, [`FileRecord::UNREAD_NS`] if the last attempt to read it failed.
    pub mtime_ns: i64,
    pub hash: ContentHash,
    pub language: Language,
    pub outcome: FileOutcome,
}

impl FileRecord {
    /// The modification time of a record whose chunks come from an earlier read because the last one failed.
    pub const UNREAD_NS: i64 = -2;

    /// Returns whether the last attempt to read the file failed.
    pub fn is_unread(&self) -> bool {
        self.mtime_ns == Self::UNREAD_NS || matches!(self.outcome, FileOutcome::Skipped(SkipReason::Unreadable { .. }))
    }
}
