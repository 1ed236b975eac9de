//! The file system interface of the walk and the index.
//!
//! It is a trait so that tests can make every call fail.

use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use platform::open::{self, FileBytes};
use types::{FileStat, RepoPath};

/// The bytes of a file, with its metadata right after they were read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileContents {
    pub bytes: Vec<u8>,
    pub stat: FileStat,
}

impl FileContents {
    /// Reads the first `limit_bytes` of the file at `path` below `root`, as [`open::read_beneath`] does.
    ///
    /// # Errors
    /// When the file cannot be read, is not a regular file, or its path contains a link.
    pub fn read_beneath(root: &Path, path: &RepoPath, limit_bytes: u64) -> io::Result<Self> {
        open::read_beneath(root, path.as_str(), limit_bytes).map(Self::from)
    }
}

impl From<FileBytes> for FileContents {
    fn from(FileBytes { bytes, metadata }: FileBytes) -> Self {
        Self { bytes, stat: FileStat::from_metadata(&metadata) }
    }
}

/// The file system operations of the walk and the index.
pub trait FileSystem: Sync {
    /// Reads the first `limit_bytes` of a file, whose path must be [canonical](std::fs::canonicalize).
    ///
    /// # Errors
    /// When the file cannot be read, is not a regular file, or its path contains a link.
    fn read(&self, path: &Path, limit_bytes: u64) -> io::Result<FileContents>;

    /// Returns the metadata of a path, without following a link.
    ///
    /// # Errors
    /// When the metadata cannot be read.
    fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        fs::symlink_metadata(path)
    }

    /// Returns the paths of a folder's entries, sorted.
    ///
    /// # Errors
    /// When the folder cannot be read.
    fn list(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        let mut paths = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
        paths.sort_unstable();
        Ok(paths)
    }
}

/// The local file system.
#[derive(Clone, Copy, Debug, Default)]
pub struct Disk;

impl FileSystem for Disk {
    fn read(&self, path: &Path, limit_bytes: u64) -> io::Result<FileContents> {
        open::read_without_links(path, limit_bytes).map(FileContents::from)
    }
}
