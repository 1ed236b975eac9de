use std::fmt;

use serde::{Deserialize, Serialize};

use super::{ContentHash, Language, RepoPath};

/// Why a file is not indexed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum SkipReason {
    /// An ignore rule matched: `rule` as written, `source` the file it stands in.
    Ignored { rule: String, source: String },
    /// The name begins with a dot.
    Hidden,
    /// Credentials: never read, not even when an ignore file asks for it.
    Secret { rule: String },
    /// A symbolic link.
    SymbolicLink,
    /// A socket, a pipe or a device.
    NotRegular,
    /// On another file system than the root.
    OtherFileSystem,
    /// Bulk data by its extension: JSON, CSV, SVG, …
    Data,
    /// A dependency lock file.
    LockFile,
    /// Above the size cap.
    TooLarge { size_bytes: u64 },
    /// Zero bytes, or a known binary extension.
    Binary,
    /// Lines too long to have been written by a person.
    Minified,
    /// Says of itself that it is generated.
    Generated,
    /// Nothing but white space.
    Empty,
    /// Could not be read; the system's message.
    Unreadable { message: String },
}

impl SkipReason {
    /// One word for counting: `ignored`, `hidden`, `secret`, ….
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

/// What became of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Its chunks are in the store. `problem` tells what went wrong on the way, if anything did
    /// (a parser that ran out of time, for example); its text is searchable all the same.
    Indexed { chunks: u32, problem: Option<String> },
    /// Left out after reading it.
    Skipped(SkipReason),
}

/// The store's memory of a file, compared at the next run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileRecord {
    pub path: RepoPath,
    pub size_bytes: u64,
    /// Modification time, nanoseconds since 1970; -1 when it was too fresh to be trusted,
    /// [`FileRecord::UNREAD_NS`] when the file could not be read since.
    pub mtime_ns: i64,
    pub hash: ContentHash,
    pub language: Language,
    pub outcome: Outcome,
}

impl FileRecord {
    /// The time in the record of a file whose chunks are those of an earlier read, because the last one failed.
    pub const UNREAD_NS: i64 = -2;

    /// Whether the file could not be read when it was last looked at.
    pub fn is_unread(&self) -> bool {
        self.mtime_ns == Self::UNREAD_NS || matches!(self.outcome, Outcome::Skipped(SkipReason::Unreadable { .. }))
    }
}
