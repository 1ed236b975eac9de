//! The file system interface of the walk and the index.
//!
//! It is a trait so that tests can make every call fail. A read returns at most its limit of bytes, even
//! if the file grows meanwhile, and never follows a link: a file may have been replaced by a link since
//! its metadata was read.

use std::fs::{self, File, Metadata};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::file_time::mtime_ns;

/// The bytes of a file, with its size and modification time right after they were read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileContents {
    pub bytes: Vec<u8>,
    pub size_bytes: u64,
    /// Modification time in nanoseconds since the Unix epoch; 0 where it is unknown.
    pub mtime_ns: i64,
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
        let mut file = open_without_links(path)?;
        let expected = file.metadata()?.len().min(limit_bytes);
        let mut bytes = Vec::with_capacity(usize::try_from(expected).unwrap_or(0) + 1);
        file.by_ref().take(limit_bytes).read_to_end(&mut bytes)?;
        let metadata = file.metadata()?;
        Ok(FileContents { bytes, size_bytes: metadata.len(), mtime_ns: mtime_ns(&metadata) })
    }
}

/// Opens a regular file without following a link anywhere in its path.
fn open_without_links(path: &Path) -> io::Result<File> {
    let file = open_no_follow(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it is no longer a regular file")) }
}

#[cfg(target_os = "linux")]
fn open_no_follow(path: &Path) -> io::Result<File> {
    use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};
    use rustix::io::Errno;
    // NONBLOCK: opening a pipe would otherwise wait for a writer.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    match openat2(CWD, path, flags, Mode::empty(), ResolveFlags::NO_SYMLINKS) {
        Ok(file) => Ok(file.into()),
        // Linux before 5.6, and sandboxes that block the call.
        Err(Errno::NOSYS | Errno::PERM) => open_and_compare(path),
        Err(error) => Err(error.into()),
    }
}

#[cfg(all(unix, not(target_os = "linux")))]
fn open_no_follow(path: &Path) -> io::Result<File> {
    open_and_compare(path)
}

#[cfg(not(unix))]
fn open_no_follow(path: &Path) -> io::Result<File> {
    let file = File::open(path)?;
    if path.canonicalize()? == path { Ok(file) } else { Err(link_error()) }
}

/// Opens a file, then checks that it is the file at its path and that the path contains no link.
#[cfg(unix)]
fn open_and_compare(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::MetadataExt as _;

    use rustix::fs::{Mode, OFlags};
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOFOLLOW;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    let (opened, there) = (file.metadata()?, fs::symlink_metadata(path)?);
    let is_same = (opened.dev(), opened.ino()) == (there.dev(), there.ino());
    if is_same && path.canonicalize()? == path { Ok(file) } else { Err(link_error()) }
}

#[cfg(any(unix, windows))]
fn link_error() -> io::Error {
    io::Error::other("its path contains a link")
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_link_is_not_followed() {
        let dir = tempfile::tempdir().expect("a folder");
        let base = dir.path().canonicalize().expect("it is there");
        fs::create_dir(base.join("real")).expect("a folder");
        fs::write(base.join("real/file"), "text").expect("a file");
        symlink(base.join("real/file"), base.join("link")).expect("a link");
        symlink(base.join("real"), base.join("folder")).expect("a link");
        let read = |path: &str| Disk.read(&base.join(path), 100).map(|read| read.bytes).ok();
        let compared = |path: &str| open_and_compare(&base.join(path)).is_ok();
        assert_eq!(read("real/file").as_deref(), Some("text".as_bytes()));
        assert!(compared("real/file"));
        for path in ["link", "folder/file", "real"] {
            assert_eq!(read(path), None, "{path}");
        }
        assert!(!compared("link") && !compared("folder/file"));
    }

    #[test]
    fn a_pipe_does_not_block() {
        let dir = tempfile::tempdir().expect("a folder");
        let base = dir.path().canonicalize().expect("it is there");
        let pipe = base.join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo is there");
        assert!(made.success());
        assert!(Disk.read(&pipe, 100).is_err());
    }
}
