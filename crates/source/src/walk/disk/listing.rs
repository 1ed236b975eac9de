//! Lists folders: by their paths, and deep ones by handles.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
#[cfg(any(target_os = "linux", target_os = "android"))]
use std::sync::Arc;

#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) use by_handles::DeepReader;
#[cfg(any(target_os = "linux", target_os = "android"))]
use platform::open::OpenFolder;

/// An entry of a folder.
#[derive(Debug)]
pub struct DiskEntry {
    /// The absolute path.
    pub path: PathBuf,
    /// Length of the name at the end of the path, in bytes.
    name_bytes: usize,
    /// The folder, held open; `None` if the metadata of the entry is read by its path.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    folder: Option<Arc<OpenFolder>>,
}

impl DiskEntry {
    /// Returns the name in the folder.
    pub fn name(&self) -> &OsStr {
        #[cfg(unix)]
        {
            use std::os::unix::ffi::OsStrExt as _;
            let path = self.path.as_os_str().as_bytes();
            OsStr::from_bytes(&path[path.len() - self.name_bytes..])
        }
        #[cfg(not(unix))]
        self.path.file_name().unwrap_or_default()
    }
}

impl AsRef<Path> for DiskEntry {
    fn as_ref(&self) -> &Path {
        &self.path
    }
}

impl From<PathBuf> for DiskEntry {
    fn from(path: PathBuf) -> Self {
        Self {
            name_bytes: path.file_name().map_or(0, OsStr::len),
            path,
            #[cfg(any(target_os = "linux", target_os = "android"))]
            folder: None,
        }
    }
}

/// Returns the paths of a folder's entries, sorted.
///
/// # Errors
/// When the folder cannot be read.
pub(super) fn list_folder(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    paths.sort_unstable_by(|left, right| left.as_os_str().cmp(right.as_os_str()));
    Ok(paths)
}

/// Reads deep folders by handles.
///
/// The system resolves a path component by component, so that reading a chain of folders by their paths costs the
/// square of its depth.
#[cfg(any(target_os = "linux", target_os = "android"))]
mod by_handles {
    use std::ffi::OsStr;
    use std::fs;
    use std::io;
    use std::os::unix::ffi::OsStrExt as _;
    use std::path::{Path, PathBuf};
    use std::sync::Arc;

    use super::DiskEntry;
    use platform::open::{EntryStat, FolderHandle, ListBuffer, OpenFolder};

    /// Maximum length, in bytes, of a path that is passed to the system as it is. For the metadata of a file, a path
    /// takes one call and a handle three.
    const MAX_SHALLOW_BYTES: usize = 512;

    /// Length of a path in bytes from which the system refuses it. Other parts of the program use paths.
    const PATH_LIMIT_BYTES: usize = 4096;

    /// Maximum number of open handles; a process can often have only about a thousand.
    const MAX_HANDLES: usize = 32;

    /// Reads short paths by themselves, and long ones relative to a folder that was read shortly before.
    #[derive(Default)]
    pub struct DeepReader {
        /// Open folders, each below the one before.
        open: Vec<(PathBuf, FolderHandle)>,
        buffer: ListBuffer,
    }

    impl DeepReader {
        /// Returns the metadata of a listed entry, without following a symbolic link.
        ///
        /// # Errors
        /// When the metadata cannot be read.
        pub fn read_metadata(&mut self, entry: &DiskEntry) -> io::Result<EntryStat> {
            if let Some(folder) = &entry.folder {
                return folder.entry_stat(entry.name());
            }
            let path = entry.path.as_path();
            let metadata = match path.parent() {
                Some(folder) if is_deep(path)? => self.handle(folder)?.entry_metadata(entry.name()),
                _ => fs::symlink_metadata(path),
            };
            metadata.map(|metadata| EntryStat::from(&metadata))
        }

        /// Returns a folder's entries, sorted.
        ///
        /// # Errors
        /// When the folder cannot be read.
        pub fn list_folder(&mut self, folder: &Path) -> io::Result<Vec<DiskEntry>> {
            let mut entries: Vec<DiskEntry> = if is_deep(folder)? {
                let listed = self.handle(folder)?.list_entries(usize::MAX)?;
                listed.into_iter().map(|entry| folder.join(entry.name).into()).collect()
            } else {
                self.list_shallow(folder)?
            };
            // All are in one folder, so the order of the names is that of the paths.
            entries.sort_unstable_by(|left, right| left.name().cmp(right.name()));
            Ok(entries)
        }

        fn list_shallow(&mut self, folder: &Path) -> io::Result<Vec<DiskEntry>> {
            let (open, mut entries) = (Arc::new(OpenFolder::open(folder)?), Vec::new());
            open.list_paths(folder, &mut self.buffer, &mut |path, name_bytes| {
                let is_deep = path.as_os_str().len() > MAX_SHALLOW_BYTES;
                entries.push(DiskEntry { path, name_bytes, folder: (!is_deep).then(|| Arc::clone(&open)) });
            })?;
            Ok(entries)
        }

        /// Returns the handle of a folder, opened from the closest open folder at or above it, or by its path if there
        /// is none.
        fn handle(&mut self, folder: &Path) -> io::Result<&FolderHandle> {
            while self.open.last().is_some_and(|(path, _)| below(path, folder).is_none()) {
                self.open.pop();
            }
            let (mut path, mut handle) = match self.open.pop() {
                Some(closest) => closest,
                None => (folder.to_owned(), FolderHandle::open(folder)?),
            };
            let names: Vec<_> = below(&path, folder).unwrap_or(Path::new("")).iter().collect();
            for name in names {
                let entered = handle.enter(name)?;
                let next = path.join(name);
                self.open.push((path, handle));
                (path, handle) = (next, entered);
            }
            self.open.push((path, handle));
            if self.open.len() > MAX_HANDLES {
                self.open.drain(..self.open.len() - MAX_HANDLES);
            }
            self.open.last().map(|(_, handle)| handle).ok_or_else(|| io::ErrorKind::NotFound.into())
        }
    }

    /// Returns whether a path is so long that it is opened through the handles of the folders above it.
    ///
    /// # Errors
    /// When the path is too long for the system.
    fn is_deep(path: &Path) -> io::Result<bool> {
        let length = path.as_os_str().len();
        if length >= PATH_LIMIT_BYTES {
            return Err(io::Error::new(io::ErrorKind::InvalidFilename, "its path is longer than the system allows"));
        }
        Ok(length > MAX_SHALLOW_BYTES)
    }

    /// Returns the path of `path` below `folder`, in time that depends little on their lengths; empty if they are
    /// equal, `None` if it is not below.
    fn below<'p>(folder: &Path, path: &'p Path) -> Option<&'p Path> {
        let rest = path.as_os_str().as_bytes().strip_prefix(folder.as_os_str().as_bytes())?;
        match rest.split_first() {
            None => Some(Path::new("")),
            Some((b'/', rest)) => Some(Path::new(OsStr::from_bytes(rest))),
            Some(_) => None,
        }
    }
}
