//! Reads files without following links.
//!
//! [`read_without_links`] takes a canonical path, [`read_beneath`] a root and a path below it. If a link is placed into
//! the path after the check, the read fails. Only regular files are read, opening never waits for a pipe or device, and
//! a read returns at most its limit of bytes, even if the file grows meanwhile.
//!
//! This module uses `rustix`, because `cap-std` would add ten more crates and follows links inside the root.

use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::path::Path;

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
/// When the file cannot be read, is not a regular file, or its path contains a link.
pub fn read_without_links(path: &Path, limit_bytes: u64) -> io::Result<FileBytes> {
    read_regular_file(open_without_links(path)?, limit_bytes)
}

/// Reads the first `limit_bytes` of the file at `path`, `/`-separated, below `root`.
///
/// Each folder is opened relative to its parent. `root` must be [canonical](std::fs::canonicalize).
///
/// # Errors
/// When the file cannot be read, is not a regular file, or its path contains a link, `.` or `..`.
pub fn read_beneath(root: &Path, path: &str, limit_bytes: u64) -> io::Result<FileBytes> {
    let parts: Vec<&str> = path.split('/').collect();
    let is_nested = |part: &str| cfg!(windows) && part.contains(['\\', ':']);
    if parts.iter().any(|part| matches!(*part, "" | "." | "..") || part.contains('\0') || is_nested(part)) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the path does not lead to a file below the root"));
    }
    read_regular_file(open_beneath(root, &parts)?, limit_bytes)
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

/// Opens a file, then checks that it is the file at its path and that the path contains no link.
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

#[cfg(unix)]
fn open_beneath(root: &Path, parts: &[&str]) -> io::Result<File> {
    use rustix::fs::{Mode, OFlags, open, openat};
    // A path handle (`O_PATH`) does not require read permission on the folder, but not every system has it.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let access = OFlags::PATH;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let access = OFlags::RDONLY;
    let folder = access | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    // NONBLOCK: opening a pipe would otherwise wait for a writer.
    let file = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let Some((name, folders)) = parts.split_last() else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let mut handle = open(root, folder, Mode::empty())?;
    for name in folders {
        handle = openat(&handle, *name, folder, Mode::empty())?;
    }
    Ok(File::from(openat(&handle, *name, file, Mode::empty())?))
}

#[cfg(not(unix))]
fn open_beneath(root: &Path, parts: &[&str]) -> io::Result<File> {
    open_without_links(&parts.iter().fold(root.to_owned(), |path, part| path.join(part)))
}

/// Checks before and after opening the file that its path contains no link.
#[cfg(not(unix))]
fn open_without_links(path: &Path) -> io::Result<File> {
    let check = || if path.canonicalize()? == path { Ok(()) } else { Err(link_error()) };
    check()?;
    let mut options = File::options();
    #[cfg(windows)]
    {
        /// Flag that opens a link itself instead of its target.
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

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Returns a folder with `repo`, which has two files, and `repo-evil` beside it.
    fn folder() -> (tempfile::TempDir, std::path::PathBuf) {
        let dir = tempfile::tempdir().expect("a folder");
        let base = dir.path().canonicalize().expect("it is there");
        for (path, text) in [("repo/src/a.rs", "inside"), ("repo-evil/a.rs", "outside"), ("repo/b.rs", "inside too")] {
            let path = base.join(path);
            fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            fs::write(path, text).expect("a file");
        }
        (dir, base)
    }

    fn text_of(read: io::Result<FileBytes>) -> Option<String> {
        Some(String::from_utf8(read.ok()?.bytes).expect("text"))
    }

    /// Reads the file at `path` below `root` with [`read_beneath`]. If that succeeds, checks that
    /// [`read_without_links`] returns the same text.
    fn read(root: &Path, path: &str) -> Option<String> {
        let beneath = text_of(read_beneath(root, path, 100));
        if beneath.is_some() {
            assert_eq!(text_of(read_without_links(&root.join(path), 100)), beneath);
        }
        beneath
    }

    #[test]
    fn a_file_is_read_up_to_the_limit() {
        let (_dir, base) = folder();
        let root = base.join("repo");
        assert_eq!(read(&root, "src/a.rs").as_deref(), Some("inside"));
        for read in [read_beneath(&root, "src/a.rs", 2), read_without_links(&root.join("src/a.rs"), 2)] {
            let read = read.expect("it is there");
            assert_eq!((read.bytes.as_slice(), read.metadata.len()), (&b"in"[..], 6));
        }
    }

    #[test]
    fn no_path_leads_outside_the_root() {
        let (_dir, base) = folder();
        let root = base.join("repo");
        let outside = base.join("repo-evil/a.rs").to_string_lossy().into_owned();
        let tries = ["../repo-evil/a.rs", "src/../../repo-evil/a.rs", "src/./a.rs", "src//a.rs", "", "src", "a\0.rs"];
        for path in tries.into_iter().chain([outside.as_str()]) {
            assert_eq!(read(&root, path), None, "{path:?}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_never_followed() {
        use std::os::unix::fs::symlink;
        let (_dir, base) = folder();
        let root = base.join("repo");
        symlink(base.join("repo-evil/a.rs"), root.join("file.rs")).expect("a link");
        symlink(base.join("repo-evil"), root.join("folder")).expect("a link");
        symlink(root.join("src"), root.join("inner")).expect("a link");
        symlink(&root, base.join("root")).expect("a link");
        for path in ["file.rs", "folder/a.rs", "inner/a.rs"] {
            assert_eq!(read(&root, path), None, "{path}");
            assert!(read_without_links(&root.join(path), 100).is_err(), "{path}");
            assert!(open_and_compare(&root.join(path)).is_err(), "{path}");
        }
        assert_eq!(read(&base.join("root"), "b.rs"), None);
        assert!(read_without_links(&root.join("src"), 100).is_err(), "a folder is not a file");
        assert!(open_and_compare(&root.join("src/a.rs")).is_ok());
    }

    /// Checks that reads stay inside the root, no matter when a folder is replaced by a link.
    #[cfg(unix)]
    #[test]
    fn a_folder_swapped_for_a_link_never_exposes_files_outside() {
        use std::os::unix::fs::symlink;
        use std::sync::atomic::{AtomicBool, Ordering};
        let (_dir, base) = folder();
        let root = base.join("repo");
        symlink(base.join("repo-evil"), base.join("link")).expect("a link");
        let (src, aside) = (root.join("src"), base.join("aside"));
        let is_over = AtomicBool::new(false);
        let (mut inside, mut refused) = (0, 0);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    fs::rename(&src, &aside).expect("it moves");
                    fs::rename(base.join("link"), &src).expect("it moves");
                    fs::rename(&src, base.join("link")).expect("it moves");
                    fs::rename(&aside, &src).expect("it moves");
                }
            });
            let until = std::time::Instant::now() + std::time::Duration::from_secs(20);
            while (inside < 200 || refused < 200) && std::time::Instant::now() < until {
                let reads = [read_beneath(&root, "src/a.rs", 100), read_without_links(&root.join("src/a.rs"), 100)];
                for read in reads {
                    match text_of(read).as_deref() {
                        None => refused += 1,
                        Some("inside") => inside += 1,
                        Some(other) => panic!("read {other}"),
                    }
                }
            }
            is_over.store(true, Ordering::Relaxed);
        });
        assert!(inside > 0 && refused > 0, "no read met both states: {inside} read, {refused} refused");
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_does_not_block() {
        let (_dir, base) = folder();
        let pipe = base.join("repo/pipe.rs");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo is there");
        assert!(made.success());
        assert_eq!(read(&base.join("repo"), "pipe.rs"), None);
        assert!(read_without_links(&pipe, 100).is_err());
    }
}
