//! The outcome of indexing a file, and the record that the store keeps of it.

use std::fmt;
use std::fs::Metadata;
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

use crate::chunk::Language;
use crate::hash::ContentHash;
use crate::path::RepoPath;

/// The reason why a file is not indexed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum SkipReason {
    /// An ignore rule matched: `rule` is its text, `source` the file that contains it. A rule of a file outside of the
    /// root is not quoted; then `rule` is `None`, and `source` names the file and, for a file of git, the line.
    Ignored { rule: Option<String>, source: String },
    /// The name begins with a dot, and is not that of a folder with code, such as `.github`.
    Hidden,
    /// A program fills the folder with packages, build output or a cache: `marker` is its name, or the file or folder
    /// that shows this.
    PackageFolder { marker: String },
    /// The folder is a copy of a repository around it, or a worktree of one elsewhere below the root.
    RepositoryCopy { kind: CopyKind },
    /// The file or folder may hold credentials: its name, or that of a folder above it, matches the pattern `rule`. It
    /// is never read, even if an ignore file includes it.
    Secret { rule: String },
    /// The file holds credentials; `found` describes them, such as `a private key (PEM)`.
    Credentials { found: String },
    /// The entry is a symbolic link.
    SymbolicLink,
    /// The entry is a socket, a pipe or a device.
    NotRegular,
    /// The folder lies on another file system than the root.
    OtherFileSystem,
    /// The file is bulk data, such as rows, logs, pictures (SVG), translations, or JSON that is neither configuration
    /// nor a contract.
    Data,
    /// The file is a dependency lock file.
    LockFile,
    /// The file is larger than the size limit, or than `--max-memory` has room for.
    TooLarge { size_bytes: u64 },
    /// The file is not text, or has a known binary extension.
    Binary,
    /// The file has lines that are too long to be written by hand, or a name such as `app.min.js`.
    Minified,
    /// A comment at the start of the file says that a tool generated it.
    Generated,
    /// The file holds only white space.
    Empty,
    /// The file or folder cannot be read, or the ignore file cannot be used; `message` is the reason.
    Unreadable { message: String },
}

/// The way in which a folder is a copy of another repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum CopyKind {
    /// The folder is another working tree of the same repository.
    Worktree,
    /// The folder is a clone of the other repository or of its origin, or is at the same commit.
    Clone,
}

impl fmt::Display for CopyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == Self::Worktree { "worktree" } else { "clone" })
    }
}

impl SkipReason {
    /// Returns a one-word label for statistics: `ignored`, `hidden`, `secret`, ….
    pub fn label(&self) -> &'static str {
        match self {
            Self::Ignored { .. } => "ignored",
            Self::Hidden => "hidden",
            Self::PackageFolder { .. } => "packages",
            Self::RepositoryCopy { .. } => "repository-copy",
            Self::Secret { .. } | Self::Credentials { .. } => "secret",
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

    /// Describes the reason with its rule, for a sentence such as `src/a.rs is not indexed: it is ignored by …`.
    pub fn describe(&self) -> String {
        match self {
            Self::Secret { rule } => format!("left out because it may hold credentials (it matches {rule})"),
            Self::TooLarge { size_bytes } => format!("larger than --max-file-bytes ({size_bytes} bytes)"),
            Self::SymbolicLink => "a link, which is not followed".to_owned(),
            Self::Hidden => {
                "hidden (its name begins with a dot; a rule such as `!NAME` in .codescryignore includes it)".to_owned()
            }
            Self::PackageFolder { marker } => format!(
                "a folder of packages, build output or a cache (by {marker}; a rule such as `!FOLDER/` in \
                 .codescryignore includes it)"
            ),
            Self::RepositoryCopy { kind } => format!(
                "a {kind} of the repository around it (a rule such as `!FOLDER/` in .codescryignore includes it)"
            ),
            Self::OtherFileSystem => "on another file system (--cross-file-systems includes it)".to_owned(),
            Self::Data => {
                "a data file (rows, logs or other records), which no setting includes; read_code shows it".to_owned()
            }
            Self::LockFile => "a lock file".to_owned(),
            other => other.to_string(),
        }
    }
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ignored { rule: Some(rule), source } => write!(f, "ignored by `{rule}` in {source}"),
            Self::Ignored { rule: None, source } => write!(f, "ignored by {source}"),
            Self::PackageFolder { marker } => {
                write!(f, "packages: {marker} (a rule such as `!FOLDER/` in .codescryignore includes it)")
            }
            Self::RepositoryCopy { kind } => {
                write!(f, "repository-copy: a {kind} of the repository around it ")?;
                f.write_str("(a rule such as `!FOLDER/` in .codescryignore includes it)")
            }
            Self::OtherFileSystem => f.write_str("other-file-system: a mount (--cross-file-systems includes it)"),
            Self::Secret { rule } => write!(f, "secret: matches {rule}"),
            Self::Credentials { found } => write!(f, "secret: holds {found}"),
            Self::TooLarge { size_bytes } => write!(f, "too-large: {size_bytes} bytes"),
            Self::Unreadable { message } => write!(f, "unreadable: {message}"),
            Self::Data => f.write_str("data: rows, logs or other records, not code"),
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
    /// The file was left out when it was read, or could not be read.
    Skipped(SkipReason),
}

/// The encoding that the text of a file was decoded from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TextEncoding {
    /// The file was not decoded.
    #[default]
    Unknown,
    /// UTF-8; invalid bytes are replaced by U+FFFD.
    Utf8,
    /// One of [`OTHER_ENCODINGS`], without errors.
    Other(&'static str),
}

/// The encodings other than UTF-8 that are decoded, by their names in the Encoding Standard (WHATWG).
pub const OTHER_ENCODINGS: &[&str] = &[
    "UTF-16LE",
    "UTF-16BE",
    "GBK",
    "gb18030",
    "Big5",
    "Shift_JIS",
    "EUC-JP",
    "EUC-KR",
    "ISO-2022-JP",
    "IBM866",
    "ISO-8859-2",
    "ISO-8859-3",
    "ISO-8859-4",
    "ISO-8859-5",
    "ISO-8859-6",
    "ISO-8859-7",
    "ISO-8859-8",
    "ISO-8859-8-I",
    "ISO-8859-10",
    "ISO-8859-13",
    "ISO-8859-14",
    "ISO-8859-15",
    "ISO-8859-16",
    "KOI8-R",
    "KOI8-U",
    "macintosh",
    "x-mac-cyrillic",
    "windows-874",
    "windows-1250",
    "windows-1251",
    "windows-1252",
    "windows-1253",
    "windows-1254",
    "windows-1255",
    "windows-1256",
    "windows-1257",
    "windows-1258",
];

impl TextEncoding {
    /// Returns the encoding's name, as the store keeps it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Utf8 => "utf-8",
            Self::Other(name) => name,
        }
    }

    /// Returns the encoding with exactly this name; `None` for any other text.
    pub fn parse(name: &str) -> Option<Self> {
        let others = OTHER_ENCODINGS.iter().copied().map(Self::Other);
        [Self::Unknown, Self::Utf8].into_iter().chain(others).find(|encoding| encoding.as_str() == name)
    }
}

/// The store's record of a file; the next index run compares the file with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileRecord {
    pub path: RepoPath,
    pub content: ContentRecord,
    pub stat: FileStat,
}

/// The part of a file's record without its metadata. With the same settings, it is the same in every copy of the tree,
/// unless the file could not be read, or parsed in time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContentRecord {
    /// Hash of the bytes on disk, before decoding; the hash of no bytes if the file was skipped without being read.
    pub hash: ContentHash,
    pub encoding: TextEncoding,
    pub language: Language,
    pub outcome: FileOutcome,
}

/// The metadata of a file when it was last read, which differs between copies of the tree.
///
/// The next index run does not read a file whose metadata is unchanged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FileStat {
    pub size_bytes: u64,
    /// Modification time in nanoseconds since 1970, 0 if it is unknown or earlier;
    /// [`FileStat::CHANGED_TOO_RECENTLY_NS`] or [`FileStat::UNREAD_NS`] if the metadata must not be compared.
    pub mtime_ns: i64,
    /// Time of the last change of content or metadata, in nanoseconds since 1970; 0 where it is unknown.
    pub ctime_ns: i64,
    /// The inode number of the file; 0 where it is unknown.
    pub inode: u64,
}

impl FileStat {
    /// The `mtime_ns` of a file that changed shortly before it was read. Another change may give it the same
    /// modification time, so the next index run reads it again.
    pub const CHANGED_TOO_RECENTLY_NS: i64 = -1;

    /// The `mtime_ns` of a file that could not be read last time, so its chunks come from an earlier read.
    pub const UNREAD_NS: i64 = -2;

    /// Reads the values from the metadata that the operating system reports.
    pub fn from_metadata(metadata: &Metadata) -> Self {
        let since = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let mtime_ns = since.and_then(|since| i64::try_from(since.as_nanos()).ok()).unwrap_or(0);
        let (ctime_ns, inode) = change_time_and_inode(metadata);
        Self { size_bytes: metadata.len(), mtime_ns, ctime_ns, inode }
    }
}

/// Returns [`FileStat::ctime_ns`] and [`FileStat::inode`].
#[cfg(unix)]
fn change_time_and_inode(metadata: &Metadata) -> (i64, u64) {
    use std::os::unix::fs::MetadataExt as _;
    let seconds = metadata.ctime().checked_mul(1_000_000_000);
    (seconds.and_then(|ns| ns.checked_add(metadata.ctime_nsec())).unwrap_or(0), metadata.ino())
}

#[cfg(not(unix))]
fn change_time_and_inode(_metadata: &Metadata) -> (i64, u64) {
    (0, 0)
}

impl FileRecord {
    /// Returns whether the last attempt to read the file failed.
    pub fn is_unread(&self) -> bool {
        self.stat.mtime_ns == FileStat::UNREAD_NS
            || matches!(self.content.outcome, FileOutcome::Skipped(SkipReason::Unreadable { .. }))
    }

    /// Returns whether the file was left out because it was too large.
    pub fn is_too_large(&self) -> bool {
        matches!(self.content.outcome, FileOutcome::Skipped(SkipReason::TooLarge { .. }))
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_replaced_by_one_of_the_same_size_and_time_has_other_metadata() {
        let folder = std::env::temp_dir().join(format!("codescry-stat-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        let (path, other) = (folder.join("a"), folder.join("b"));
        fs::write(&path, "one").expect("a file");
        fs::write(&other, "two").expect("a file");
        let time = UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
        for path in [&path, &other] {
            fs::File::options().write(true).open(path).and_then(|file| file.set_modified(time)).expect("a time");
        }
        let stat = |path| FileStat::from_metadata(&fs::metadata(path).expect("a file"));
        let before = stat(&path);
        fs::rename(&other, &path).expect("replaced");
        let after = stat(&path);
        assert_eq!((before.size_bytes, before.mtime_ns), (after.size_bytes, after.mtime_ns));
        assert_ne!(before, after);
        fs::remove_dir_all(&folder).expect("removed");
    }
}
