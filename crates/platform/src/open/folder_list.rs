//! Lists folders and reads the metadata of their entries with few system calls and little memory, for walks of large
//! trees on Linux.

use std::ffi::{OsStr, OsString};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, RawDir, Stat, openat, statat};

use super::entry_stat::EntryStat;

/// Size of the buffer in which the system lists entries, in bytes.
const BUFFER_BYTES: usize = 32 << 10;

/// A buffer for lists of entries, to be used again for the next folder.
pub struct ListBuffer(Vec<MaybeUninit<u8>>);

impl Default for ListBuffer {
    fn default() -> Self {
        Self(vec![MaybeUninit::uninit(); BUFFER_BYTES])
    }
}

/// A folder that is open for reading.
#[derive(Debug)]
pub struct OpenFolder(OwnedFd);

impl OpenFolder {
    /// Opens a folder; its path may end in a symbolic link.
    ///
    /// # Errors
    /// When the folder does not exist or cannot be opened.
    pub fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self(openat(CWD, path, flags, Mode::empty())?))
    }

    /// Calls `each` with the paths of all entries below `folder`, the path of this folder, and with the length of each
    /// name in bytes, in no particular order. A folder can be listed once.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn list_paths(
        &self,
        folder: &Path,
        buffer: &mut ListBuffer,
        each: &mut dyn FnMut(PathBuf, usize),
    ) -> io::Result<()> {
        let folder = folder.as_os_str().as_bytes();
        let folder = folder.strip_suffix(b"/").unwrap_or(folder);
        let mut entries = RawDir::new(&self.0, &mut buffer.0);
        while let Some(entry) = entries.next() {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if name != b"." && name != b".." {
                let path = [folder, b"/", name].concat();
                each(PathBuf::from(OsString::from_vec(path)), name.len());
            }
        }
        Ok(())
    }

    /// Returns the metadata of an entry, without following a symbolic link.
    ///
    /// # Errors
    /// When the entry does not exist or cannot be accessed.
    pub fn entry_stat(&self, name: &OsStr) -> io::Result<EntryStat> {
        Ok(to_entry(&statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW)?))
    }
}

/// Converts metadata, whose types depend on the processor.
fn to_entry(stat: &Stat) -> EntryStat {
    let kind = FileType::from_raw_mode(stat.st_mode);
    EntryStat {
        is_file: kind.is_file(),
        is_folder: kind.is_dir(),
        is_link: kind.is_symlink(),
        device: to_u64(stat.st_dev),
        size_bytes: to_u64(stat.st_size),
        // Like `SystemTime`, which is used elsewhere, without times before 1970.
        mtime_ns: to_ns(stat.st_mtime, stat.st_mtime_nsec).max(0),
        ctime_ns: to_ns(stat.st_ctime, stat.st_ctime_nsec),
        inode: to_u64(stat.st_ino),
    }
}

fn to_u64(number: impl TryInto<u64>) -> u64 {
    number.try_into().unwrap_or(0)
}

/// Returns a time in nanoseconds; 0 if that needs more than 64 bits.
fn to_ns(seconds: impl TryInto<i64>, nanoseconds: impl TryInto<i64>) -> i64 {
    let ns = seconds.try_into().ok().and_then(|seconds: i64| seconds.checked_mul(1_000_000_000));
    ns.zip(nanoseconds.try_into().ok()).and_then(|(ns, rest): (i64, i64)| ns.checked_add(rest)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::os::unix::fs::symlink;
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    #[test]
    fn entries_and_their_metadata_are_those_of_the_standard_library() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("folder")).expect("a folder");
        symlink("nowhere", folder.path().join("link")).expect("a link");
        for number in 0..2_000 {
            fs::write(folder.path().join(format!("a rather long name {number}")), "text").expect("a file");
        }
        for (name, time) in [("old", UNIX_EPOCH - Duration::from_millis(1_500)), ("new", UNIX_EPOCH)] {
            File::create(folder.path().join(name)).and_then(|file| file.set_modified(time)).expect("a file");
        }
        let open = OpenFolder::open(folder.path()).expect("a folder");
        let mut paths = Vec::new();
        let mut add = |path: PathBuf, name_bytes: usize| {
            assert_eq!(path.file_name().map(OsStr::len), Some(name_bytes), "{}", path.display());
            paths.push(path);
        };
        open.list_paths(folder.path(), &mut ListBuffer::default(), &mut add).expect("listed");
        assert_eq!(paths.len(), 2_004);
        for path in paths {
            let expected = EntryStat::from(&path.symlink_metadata().expect("an entry"));
            let found = open.entry_stat(path.file_name().expect("a name")).expect("an entry");
            assert_eq!(found, expected, "{}", path.display());
        }
        let missing = open.entry_stat(OsStr::new("missing")).expect_err("no such entry");
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
        let no_folder = OpenFolder::open(&folder.path().join("new")).expect_err("a file");
        assert_eq!(no_folder.kind(), io::ErrorKind::NotADirectory);
    }
}
