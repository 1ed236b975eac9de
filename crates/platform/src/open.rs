//! Reads files and folders without following symbolic links.
//!
//! [`read_without_links`] takes a canonical path, [`read_beneath`] a canonical root and a path below it, and
//! [`FolderHandle`] names in an open folder. A path in which a part was replaced by a symbolic link is not opened. The
//! functions for small files return an error for a larger file; the others return its first bytes. Only regular files
//! are read, and opening never waits for a pipe or a device.
//!
//! This module uses `rustix`, because `cap-std` would add ten more crates and follows symbolic links inside the root.

mod entry_stat;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod folder_list;

pub use entry_stat::EntryStat;
#[cfg(any(target_os = "linux", target_os = "android"))]
pub use folder_list::{ListBuffer, OpenFolder};

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::path::{Component, Path};

/// The first bytes of a file, with its metadata right after they were read.
#[derive(Debug)]
pub struct FileBytes {
    /// The bytes read, at most as many as the limit of the read.
    pub bytes: Vec<u8>,
    pub metadata: Metadata,
}

/// Reads the first `limit_bytes` of the file at `path`, which must be [canonical](std::fs::canonicalize).
///
/// # Errors
/// When the file cannot be read, is not a regular file, or its path contains a symbolic link.
pub fn read_without_links(path: &Path, limit_bytes: u64) -> io::Result<FileBytes> {
    read_regular_file(open_without_links(path)?, limit_bytes)
}

/// Reads the first `limit_bytes` of the file at `path`, `/`-separated, below `root`.
///
/// Each folder is opened relative to its parent. `root` must be [canonical](std::fs::canonicalize).
///
/// # Errors
/// When the file cannot be read, is not a regular file, or its path contains a symbolic link, `.` or `..`.
pub fn read_beneath(root: &Path, path: &str, limit_bytes: u64) -> io::Result<FileBytes> {
    read_regular_file(open_beneath(root, &split_path(path)?)?, limit_bytes)
}

/// Splits a `/`-separated path into its components.
///
/// # Errors
/// When a component is empty, `.` or `..`, contains a zero byte, or would be more than one component on this system.
fn split_path(path: &str) -> io::Result<Vec<&str>> {
    let parts: Vec<&str> = path.split('/').collect();
    let is_nested = |part: &str| cfg!(windows) && part.contains(['\\', ':']);
    if parts.iter().any(|part| matches!(*part, "" | "." | "..") || part.contains('\0') || is_nested(part)) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the path does not lead to a file below the root"));
    }
    Ok(parts)
}

/// Reads the whole file at `path`, which must be [canonical](std::fs::canonicalize) and is expected to be small: an
/// ignore file, a manifest or other settings.
///
/// # Errors
/// Like [`read_without_links`], and when the file is larger than `max_bytes`. Then no part of it is returned.
pub fn read_small_file(path: &Path, max_bytes: u64) -> io::Result<Vec<u8>> {
    read_whole_file(open_without_links(path)?, max_bytes)
}

/// Reads the whole file at `path`, `/`-separated, below `root`; the file is expected to be small.
///
/// # Errors
/// Like [`read_beneath`], and when the file is larger than `max_bytes`. Then no part of it is returned.
pub fn read_small_file_beneath(root: &Path, path: &str, max_bytes: u64) -> io::Result<Vec<u8>> {
    read_whole_file(open_beneath(root, &split_path(path)?)?, max_bytes)
}

fn read_whole_file(file: File, max_bytes: u64) -> io::Result<Vec<u8>> {
    let too_large = || {
        let size = if max_bytes >= 1 << 20 { (max_bytes >> 20, "MiB") } else { (max_bytes >> 10, "KiB") };
        let message = format!("it is larger than {} {}; shorten it", size.0, size.1);
        io::Error::new(io::ErrorKind::FileTooLarge, message)
    };
    if file.metadata()?.len() > max_bytes {
        return Err(too_large());
    }
    // The file may have grown.
    let read = read_regular_file(file, max_bytes.saturating_add(1))?;
    if read.bytes.len() as u64 > max_bytes { Err(too_large()) } else { Ok(read.bytes) }
}

fn read_regular_file(mut file: File, limit_bytes: u64) -> io::Result<FileBytes> {
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
    }
    let expected = metadata.len().min(limit_bytes);
    // The size is only a hint; the file may be larger by now.
    let mut bytes = Vec::with_capacity(usize::try_from(expected).unwrap_or(0).saturating_add(1));
    file.by_ref().take(limit_bytes).read_to_end(&mut bytes)?;
    Ok(FileBytes { bytes, metadata: file.metadata()? })
}

#[cfg(target_os = "linux")]
fn open_without_links(path: &Path) -> io::Result<File> {
    use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};
    use rustix::io::Errno;
    // NONBLOCK: opening a pipe would otherwise wait for a writer.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    match openat2(CWD, path, flags, Mode::empty(), ResolveFlags::NO_SYMLINKS) {
        Ok(file) => Ok(file.into()),
        // Linux before 5.6 does not have the call, and some sandboxes block it.
        Err(Errno::NOSYS | Errno::PERM) => open_and_compare(path),
        Err(error) => Err(error.into()),
    }
}

#[cfg(all(unix, not(target_os = "linux")))]
fn open_without_links(path: &Path) -> io::Result<File> {
    open_and_compare(path)
}

/// Opens a file, then checks that it is the file at its path and that the path contains no symbolic link.
#[cfg(unix)]
fn open_and_compare(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::MetadataExt as _;

    use rustix::fs::{Mode, OFlags};
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::NOFOLLOW;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    let (opened, there) = (file.metadata()?, std::fs::symlink_metadata(path)?);
    let is_same = (opened.dev(), opened.ino()) == (there.dev(), there.ino());
    if is_same && path.canonicalize()? == path { Ok(file) } else { Err(link_error()) }
}

fn open_beneath(root: &Path, parts: &[&str]) -> io::Result<File> {
    let Some((name, folders)) = parts.split_last() else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let enter = |folder: FolderHandle, name: &&str| folder.enter(folder.find_name(name));
    let folder = folders.iter().try_fold(FolderHandle::open(root)?, enter)?;
    let name = folder.find_name(name);
    folder.open_file(Path::new(&name))
}

/// A folder that stays the same folder, even if symbolic links are placed into its path later.
///
/// Entering a folder costs the same at any depth.
#[derive(Debug)]
pub struct FolderHandle {
    #[cfg(unix)]
    handle: std::os::fd::OwnedFd,
    /// Checked for symbolic links whenever it is used.
    #[cfg(not(unix))]
    path: std::path::PathBuf,
}

/// An entry of a folder. A symbolic link is neither a file nor a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedEntry {
    pub name: OsString,
    pub is_file: bool,
    pub is_folder: bool,
}

impl FolderHandle {
    /// Opens the folder at `path`, which must be [canonical](std::fs::canonicalize).
    ///
    /// # Errors
    /// When the folder does not exist, is a symbolic link or cannot be opened.
    pub fn open(path: &Path) -> io::Result<Self> {
        Self::open_at(None, path)
    }

    /// Opens a folder in this one.
    ///
    /// # Errors
    /// When the folder does not exist, is a symbolic link or cannot be opened, or when `name` is not a single name.
    pub fn enter(&self, name: impl AsRef<OsStr>) -> io::Result<Self> {
        Self::open_at(Some(self), check_name(name.as_ref())?)
    }

    /// Lists at most `max_entries` entries of the folder, in no particular order.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn list_entries(&self, max_entries: usize) -> io::Result<Vec<ListedEntry>> {
        self.read_entries(max_entries)
    }

    /// Returns the name of the only entry whose name becomes `name` by lossy conversion to UTF-8; `name` itself if it
    /// has no U+FFFD, or there is not exactly one such entry.
    fn find_name<'n>(&self, name: &'n str) -> Cow<'n, OsStr> {
        if !name.contains(char::REPLACEMENT_CHARACTER) {
            return Cow::Borrowed(OsStr::new(name));
        }
        let entries = self.list_entries(100_000).unwrap_or_default();
        let mut shown_so = entries.into_iter().map(|entry| entry.name).filter(|entry| entry.to_string_lossy() == name);
        match (shown_so.next(), shown_so.next()) {
            (Some(entry), None) => Cow::Owned(entry),
            _ => Cow::Borrowed(OsStr::new(name)),
        }
    }

    /// Reads a whole file in this folder; the file is expected to be small.
    ///
    /// # Errors
    /// Like [`read_small_file_beneath`].
    pub fn read_small_file(&self, name: impl AsRef<OsStr>, max_bytes: u64) -> io::Result<Vec<u8>> {
        read_whole_file(self.open_file(check_name(name.as_ref())?)?, max_bytes)
    }
}

/// Returns the path of a single name.
///
/// # Errors
/// When the name is empty, `.` or `..`, consists of more than one component, or, on Windows, names a stream of a file.
fn check_name(name: &OsStr) -> io::Result<&Path> {
    let path = Path::new(name);
    let mut parts = path.components();
    let is_single = matches!(parts.next(), Some(Component::Normal(part)) if part == name) && parts.next().is_none();
    let is_stream = cfg!(windows) && name.as_encoded_bytes().contains(&b':');
    if is_single && !is_stream {
        return Ok(path);
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, "the name does not name an entry of a folder"))
}

#[cfg(unix)]
impl FolderHandle {
    fn open_at(above: Option<&Self>, path: &Path) -> io::Result<Self> {
        use rustix::fs::{CWD, Mode, OFlags, openat};
        // A path handle (`O_PATH`) does not require read permission on the folder, but not every system has it.
        #[cfg(any(target_os = "linux", target_os = "android"))]
        let access = OFlags::PATH;
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        let access = OFlags::RDONLY;
        let flags = access | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let handle = match above {
            Some(above) => openat(&above.handle, path, flags, Mode::empty())?,
            None => openat(CWD, path, flags, Mode::empty())?,
        };
        Ok(Self { handle })
    }

    fn open_file(&self, name: &Path) -> io::Result<File> {
        use rustix::fs::{Mode, OFlags, openat};
        // NONBLOCK: opening a pipe would otherwise wait for a writer.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        Ok(File::from(openat(&self.handle, name, flags, Mode::empty())?))
    }

    /// Returns the metadata of an entry of this folder, without following a symbolic link.
    ///
    /// # Errors
    /// When the entry does not exist or cannot be accessed, or `name` is not a single name.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub fn entry_metadata(&self, name: impl AsRef<OsStr>) -> io::Result<Metadata> {
        use rustix::fs::{Mode, OFlags, openat};
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        File::from(openat(&self.handle, check_name(name.as_ref())?, flags, Mode::empty())?).metadata()
    }

    fn read_entries(&self, max_entries: usize) -> io::Result<Vec<ListedEntry>> {
        use std::os::unix::ffi::OsStrExt as _;

        use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, openat, statat};
        let mut entries = Vec::new();
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        for entry in Dir::new(openat(&self.handle, ".", flags, Mode::empty())?)? {
            let entry = entry?;
            if entry.file_name() == c"." || entry.file_name() == c".." {
                continue;
            }
            if entries.len() >= max_entries {
                break;
            }
            let kind = match entry.file_type() {
                // Not every file system lists the kinds.
                FileType::Unknown => statat(&self.handle, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW)
                    .map_or(FileType::Unknown, |stat| FileType::from_raw_mode(stat.st_mode)),
                known => known,
            };
            let name = OsStr::from_bytes(entry.file_name().to_bytes()).to_owned();
            entries.push(ListedEntry { name, is_file: kind.is_file(), is_folder: kind.is_dir() });
        }
        Ok(entries)
    }
}

#[cfg(not(unix))]
impl FolderHandle {
    fn open_at(above: Option<&Self>, path: &Path) -> io::Result<Self> {
        let folder = Self { path: above.map_or_else(|| path.to_owned(), |above| above.path.join(path)) };
        folder.check()?;
        Ok(folder)
    }

    fn check(&self) -> io::Result<()> {
        let is_same = self.path.canonicalize()? == self.path;
        if is_same && self.path.is_dir() { Ok(()) } else { Err(link_error()) }
    }

    fn open_file(&self, name: &Path) -> io::Result<File> {
        open_without_links(&self.path.join(name))
    }

    fn read_entries(&self, max_entries: usize) -> io::Result<Vec<ListedEntry>> {
        self.check()?;
        let entries = self.path.read_dir()?.take(max_entries).map(|entry| {
            let entry = entry?;
            let kind = entry.file_type()?;
            Ok(ListedEntry { name: entry.file_name(), is_file: kind.is_file(), is_folder: kind.is_dir() })
        });
        entries.collect()
    }
}

/// Checks before and after opening the file that its path contains no symbolic link.
#[cfg(not(unix))]
fn open_without_links(path: &Path) -> io::Result<File> {
    let check = || if path.canonicalize()? == path { Ok(()) } else { Err(link_error()) };
    check()?;
    let mut options = File::options();
    #[cfg(windows)]
    {
        /// Flag that opens a symbolic link itself instead of its target.
        const FILE_FLAG_OPEN_REPARSE_POINT: u32 = 0x0020_0000;
        std::os::windows::fs::OpenOptionsExt::custom_flags(&mut options, FILE_FLAG_OPEN_REPARSE_POINT);
    }
    let file = options.read(true).open(path)?;
    check()?;
    Ok(file)
}

fn link_error() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "its path contains a link")
}

/// Returns whether a path could not be followed because symbolic links lead to each other.
#[cfg_attr(not(unix), expect(unused_variables, reason = "Windows reports loops as other errors"))]
pub fn is_link_loop(error: &io::Error) -> bool {
    #[cfg(unix)]
    return rustix::io::Errno::from_io_error(error) == Some(rustix::io::Errno::LOOP);
    #[cfg(not(unix))]
    false
}

#[cfg(test)]
mod tests;
