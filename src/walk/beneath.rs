//! Opens a file below a root, and nothing else.
//!
//! Owns the way from a checked path to an open file. Invariants: every folder on the way is opened
//! from the one above it, and no link is followed, so that a link that is put in the way after the
//! path was checked ends the read and never leads it elsewhere; only a regular file is read, no pipe
//! or device is waited for, and never more than the limit.
//! Must never import: anything above `walk`.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use super::disk::FileRead;
use super::mtime_ns;
use crate::types::RepoPath;

/// The first `limit_bytes` of the file at `path`, which holds no link: see [`crate::types::AbsPath`].
///
/// # Errors
/// As the system tells them; also when a link stands anywhere on the way, or something that is no
/// regular file at its end.
pub fn read_beneath(root: &Path, path: &RepoPath, limit_bytes: u64) -> io::Result<FileRead> {
    let parts: Vec<&str> = path.as_str().split('/').collect();
    let parts_of_its_own = |part: &str| cfg!(windows) && part.contains(['\\', ':']);
    if parts.iter().any(|part| matches!(*part, "" | "." | "..") || part.contains('\0') || parts_of_its_own(part)) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no path of a file below the root"));
    }
    let mut file = open(root, &parts)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"));
    }
    let expected = metadata.len().min(limit_bytes);
    let mut bytes = Vec::with_capacity(usize::try_from(expected).unwrap_or(0) + 1);
    file.by_ref().take(limit_bytes).read_to_end(&mut bytes)?;
    Ok(FileRead { bytes, size_bytes: metadata.len(), mtime_ns: mtime_ns(&metadata) })
}

#[cfg(unix)]
fn open(root: &Path, parts: &[&str]) -> io::Result<File> {
    use rustix::fs::{Mode, OFlags, open, openat};
    // Where there are handles that only name a folder, a folder need not be readable.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let look = OFlags::PATH;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let look = OFlags::RDONLY;
    let folder = look | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    // A pipe that nobody writes to would keep whoever opens it waiting.
    let file = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let Some((name, folders)) = parts.split_last() else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let mut at = open(root, folder, Mode::empty())?;
    for name in folders {
        at = openat(&at, *name, folder, Mode::empty())?;
    }
    Ok(File::from(openat(&at, *name, file, Mode::empty())?))
}

/// Compares what the path stands for before and after it is opened.
#[cfg(not(unix))]
fn open(root: &Path, parts: &[&str]) -> io::Result<File> {
    let path = parts.iter().fold(root.to_owned(), |path, part| path.join(part));
    let check = || {
        if path.canonicalize()? == path {
            return Ok(());
        }
        Err(io::Error::new(io::ErrorKind::InvalidInput, "a link stands in the way"))
    };
    check()?;
    let mut options = std::fs::OpenOptions::new();
    #[cfg(windows)]
    {
        /// Opens a link itself instead of what it leads to.
        const FILE_FLAG_OPEN_REPARSE_POINT: u32 = 0x0020_0000;
        std::os::windows::fs::OpenOptionsExt::custom_flags(&mut options, FILE_FLAG_OPEN_REPARSE_POINT);
    }
    let file = options.read(true).open(&path)?;
    check()?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

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

    fn read(root: &Path, path: &str) -> Option<String> {
        let read = read_beneath(root, &RepoPath::new(path), 100).ok()?;
        Some(String::from_utf8(read.bytes).expect("text"))
    }

    #[test]
    fn a_file_below_the_root_is_read_up_to_the_limit() {
        let (_dir, base) = folder();
        let root = base.join("repo");
        assert_eq!(read(&root, "src/a.rs").as_deref(), Some("inside"));
        let read = read_beneath(&root, &RepoPath::new("src/a.rs"), 2).expect("it is there");
        assert_eq!((read.bytes.as_slice(), read.size_bytes), (&b"in"[..], 6));
    }

    #[test]
    fn no_path_leads_elsewhere() {
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
        }
        assert_eq!(read(&base.join("root"), "b.rs"), None);
    }

    /// Whatever the moment at which a folder becomes a link, what is read is from inside.
    #[cfg(unix)]
    #[test]
    fn a_folder_that_is_swapped_for_a_link_gives_nothing_from_outside() {
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
                match read(&root, "src/a.rs").as_deref() {
                    None => refused += 1,
                    Some("inside") => inside += 1,
                    Some(other) => panic!("read {other}"),
                }
            }
            is_over.store(true, Ordering::Relaxed);
        });
        assert!(inside > 0 && refused > 0, "the swap was not met: {inside} read, {refused} refused");
    }

    #[cfg(unix)]
    #[test]
    fn nobody_waits_for_a_pipe() {
        let (_dir, base) = folder();
        let pipe = base.join("repo/pipe.rs");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo is there");
        assert!(made.success());
        assert_eq!(read(&base.join("repo"), "pipe.rs"), None);
    }
}
