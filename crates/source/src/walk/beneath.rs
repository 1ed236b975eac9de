//! Reading of files below a root without following links.
//!
//! Every folder of the path is opened relative to its parent and no link is followed, so that a link
//! placed into the path after it was checked makes the read fail and cannot redirect it. Only regular
//! files are read, opening never waits for a pipe or device, and a read returns at most its limit of bytes.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use super::disk::FileContents;
use super::file_time::mtime_ns;
use types::RepoPath;

/// Reads the first `limit_bytes` of the file at `path` below `root`.
///
/// `root` must not contain a link; see [`types::AbsPath`].
///
/// # Errors
/// When the file cannot be read, is not a regular file, or its path contains a link.
pub fn read_beneath(root: &Path, path: &RepoPath, limit_bytes: u64) -> io::Result<FileContents> {
    let parts: Vec<&str> = path.as_str().split('/').collect();
    let is_nested = |part: &str| cfg!(windows) && part.contains(['\\', ':']);
    if parts.iter().any(|part| matches!(*part, "" | "." | "..") || part.contains('\0') || is_nested(part)) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the path does not lead to a file below the root"));
    }
    let mut file = open_beneath(root, &parts)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
    }
    let expected = metadata.len().min(limit_bytes);
    let mut bytes = Vec::with_capacity(usize::try_from(expected).unwrap_or(0) + 1);
    file.by_ref().take(limit_bytes).read_to_end(&mut bytes)?;
    Ok(FileContents { bytes, size_bytes: metadata.len(), mtime_ns: mtime_ns(&metadata) })
}

#[cfg(unix)]
fn open_beneath(root: &Path, parts: &[&str]) -> io::Result<File> {
    use rustix::fs::{Mode, OFlags, open, openat};
    // A path handle, where it exists, does not require read permission on the folder.
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

/// Checks before and after opening the file that its path contains no link.
#[cfg(not(unix))]
fn open_beneath(root: &Path, parts: &[&str]) -> io::Result<File> {
    let path = parts.iter().fold(root.to_owned(), |path, part| path.join(part));
    let check = || {
        if path.canonicalize()? == path {
            return Ok(());
        }
        Err(io::Error::new(io::ErrorKind::InvalidInput, "its path contains a link"))
    };
    check()?;
    let mut options = std::fs::OpenOptions::new();
    #[cfg(windows)]
    {
        /// Opens a link itself instead of its target.
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
        }
        assert_eq!(read(&base.join("root"), "b.rs"), None);
    }

    /// Reads stay inside the root at whatever moment a folder is replaced by a link.
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
                match read(&root, "src/a.rs").as_deref() {
                    None => refused += 1,
                    Some("inside") => inside += 1,
                    Some(other) => panic!("read {other}"),
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
    }
}
