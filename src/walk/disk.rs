//! The file system, as the index sees it.
//!
//! A trait, so that tests can make each call fail. Invariants: a read never takes more bytes than
//! its limit, whatever the file does meanwhile, and never goes through a link: what was a file when
//! it was looked at may have become a link since. Must never import: anything above `walk`.

use std::fs::{self, Metadata};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::beneath::open_file;
use super::mtime_ns;

/// A file's bytes, and what it was right after they were read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileRead {
    pub bytes: Vec<u8>,
    pub size_bytes: u64,
    /// Nanoseconds since 1970.
    pub mtime_ns: i64,
}

/// What the index asks of a file system.
pub trait FileSystem: Sync {
    /// The first `limit_bytes` of a file, whose path is [canonical](std::fs::canonicalize).
    ///
    /// # Errors
    /// As the system tells them; when the file is behind a link, or none.
    fn read(&self, path: &Path, limit_bytes: u64) -> io::Result<FileRead>;

    /// What is at a path; of a link, the link itself.
    ///
    /// # Errors
    /// As the system tells them.
    fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        fs::symlink_metadata(path)
    }

    /// A folder's entries by name.
    ///
    /// # Errors
    /// As the system tells them.
    fn list(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        let mut paths = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
        paths.sort_unstable();
        Ok(paths)
    }
}

/// The machine's own.
#[derive(Clone, Copy, Debug, Default)]
pub struct Disk;

impl FileSystem for Disk {
    fn read(&self, path: &Path, limit_bytes: u64) -> io::Result<FileRead> {
        let mut file = open_file(path)?;
        let expected = file.metadata()?.len().min(limit_bytes);
        let mut bytes = Vec::with_capacity(usize::try_from(expected).unwrap_or(0) + 1);
        file.by_ref().take(limit_bytes).read_to_end(&mut bytes)?;
        let metadata = fs::symlink_metadata(path)?;
        Ok(FileRead { bytes, size_bytes: metadata.len(), mtime_ns: mtime_ns(&metadata) })
    }
}
