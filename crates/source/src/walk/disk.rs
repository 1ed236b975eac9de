//! The file system interface of the walk and the index.
//!
//! It is a trait so that tests can make every call fail.

mod listing;

use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};

pub use listing::DiskEntry;

use platform::open::{self, EntryStat, FileBytes};
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
    /// When the file cannot be read, is not a regular file, or its path contains a symbolic link.
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
    /// When the file cannot be read, is not a regular file, or its path contains a symbolic link.
    fn read(&self, path: &Path, limit_bytes: u64) -> io::Result<FileContents>;

    /// Starts to read a tree folder by folder. By default, each path is read on its own.
    fn open_tree(&self) -> Box<dyn TreeReader + '_> {
        Box::new(PathReader(self))
    }

    /// Returns the metadata of a path, without following a symbolic link.
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
        listing::list_folder(folder)
    }
}

/// Reads the folders of one walk.
pub trait TreeReader {
    /// Returns the metadata of an entry that [`TreeReader::list`] returned, like [`FileSystem::metadata`].
    ///
    /// # Errors
    /// When the metadata cannot be read.
    fn metadata(&mut self, entry: &DiskEntry) -> io::Result<EntryStat>;

    /// Lists a folder, whose path is absolute, like [`FileSystem::list`].
    ///
    /// # Errors
    /// When the folder cannot be read.
    fn list(&mut self, folder: &Path) -> io::Result<Vec<DiskEntry>>;
}

/// Reads each path on its own.
struct PathReader<'f, F: ?Sized>(&'f F);

impl<F: FileSystem + ?Sized> TreeReader for PathReader<'_, F> {
    fn metadata(&mut self, entry: &DiskEntry) -> io::Result<EntryStat> {
        self.0.metadata(&entry.path).map(|metadata| (&metadata).into())
    }

    fn list(&mut self, folder: &Path) -> io::Result<Vec<DiskEntry>> {
        Ok(self.0.list(folder)?.into_iter().map(DiskEntry::from).collect())
    }
}

/// The local file system.
#[derive(Clone, Copy, Debug, Default)]
pub struct Disk;

impl FileSystem for Disk {
    fn read(&self, path: &Path, limit_bytes: u64) -> io::Result<FileContents> {
        open::read_without_links(path, limit_bytes).map(FileContents::from)
    }

    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn open_tree(&self) -> Box<dyn TreeReader + '_> {
        Box::new(listing::DeepReader::default())
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
impl TreeReader for listing::DeepReader {
    fn metadata(&mut self, entry: &DiskEntry) -> io::Result<EntryStat> {
        self.read_metadata(entry)
    }

    fn list(&mut self, folder: &Path) -> io::Result<Vec<DiskEntry>> {
        self.list_folder(folder)
    }
}
