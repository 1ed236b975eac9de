//! The file system, as the index sees it.
//!
//! A trait, so that tests can make each call fail. Invariants: a read never takes more bytes than
//! its limit, whatever the file does meanwhile, and never goes through a link: what was a file when
//! it was looked at may have become a link since. Must never import: anything above `walk`.

use std::fs::{self, File, Metadata};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

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
        let mut file = open_without_links(path)?;
        let expected = file.metadata()?.len().min(limit_bytes);
        let mut bytes = Vec::with_capacity(usize::try_from(expected).unwrap_or(0) + 1);
        file.by_ref().take(limit_bytes).read_to_end(&mut bytes)?;
        let metadata = file.metadata()?;
        Ok(FileRead { bytes, size_bytes: metadata.len(), mtime_ns: mtime_ns(&metadata) })
    }
}

/// Opens a file that is where its path says, and not behind a link put there since that was looked up.
fn open_without_links(path: &Path) -> io::Result<File> {
    let file = open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it is not a file any more")) }
}

#[cfg(target_os = "linux")]
fn open(path: &Path) -> io::Result<File> {
    use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};
    use rustix::io::Errno;
    // A pipe would not open before somebody writes to it.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    match openat2(CWD, path, flags, Mode::empty(), ResolveFlags::NO_SYMLINKS) {
        Ok(file) => Ok(file.into()),
        // Before Linux 5.6, and in sandboxes that do not know it.
        Err(Errno::NOSYS | Errno::PERM) => open_and_compare(path),
        Err(error) => Err(error.into()),
    }
}

#[cfg(all(unix, not(target_os = "linux")))]
fn open(path: &Path) -> io::Result<File> {
    open_and_compare(path)
}

#[cfg(not(unix))]
fn open(path: &Path) -> io::Result<File> {
    let file = File::open(path)?;
    if path.canonicalize()? == path { Ok(file) } else { Err(linked()) }
}

/// Opens a file, and then looks whether it is the one at the end of the path as it stands.
#[cfg(unix)]
fn open_and_compare(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::MetadataExt as _;

    use rustix::fs::{Mode, OFlags};
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOFOLLOW;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    let (opened, there) = (file.metadata()?, fs::symlink_metadata(path)?);
    let is_same = (opened.dev(), opened.ino()) == (there.dev(), there.ino());
    if is_same && path.canonicalize()? == path { Ok(file) } else { Err(linked()) }
}

#[cfg(any(unix, windows))]
fn linked() -> io::Error {
    io::Error::other("it is behind a link")
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn nothing_is_read_through_a_link() {
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
    fn a_pipe_is_not_waited_for() {
        let dir = tempfile::tempdir().expect("a folder");
        let base = dir.path().canonicalize().expect("it is there");
        let pipe = base.join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo is there");
        assert!(made.success());
        assert!(Disk.read(&pipe, 100).is_err());
    }
}
