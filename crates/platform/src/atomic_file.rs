//! Replaces a file in one step: readers see either the old or the new contents, never a mixture.
//!
//! The contents are written to a temporary file in the same folder, which is then renamed. A crash leaves the temporary
//! file behind; [`remove_leftovers`] deletes it later.

use std::fs::{self, File, Permissions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

/// Extension of the files that are renamed when they are complete.
const TEMPORARY_EXTENSION: &str = "new";

/// Size of the write buffer, in bytes.
const BUFFER_BYTES: usize = 64 << 10;

/// Age from which a temporary file counts as left behind by a process that died.
const LEFTOVER_AGE: Duration = Duration::from_secs(3600);

/// Whether a replaced file has to survive a power failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// The contents and the rename are on the disk when the call returns.
    Synced,
    /// The operating system decides when to write; for files that can be made again.
    Unsynced,
}

/// Replaces or creates the file at `path` with the contents that `write` writes.
///
/// On an error, no temporary file remains, and the old file is unchanged. If only the folder could not be synced, the
/// file has been replaced all the same.
///
/// # Errors
/// When the folder does not exist or cannot be written to, when `write` fails, or when the file cannot be synced or
/// renamed, or the folder cannot be synced.
pub fn replace_file(
    path: &Path,
    durability: Durability,
    write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> io::Result<()> {
    let mut pending = PendingFile::create(path)?;
    write(&mut pending.out)?;
    pending.commit(durability)
}

/// Replaces or creates the file at `path` with `bytes`, like [`replace_file`].
///
/// # Errors
/// Fails like [`replace_file`].
pub fn replace_with_bytes(path: &Path, durability: Durability, bytes: &[u8]) -> io::Result<()> {
    replace_file(path, durability, |out| out.write_all(bytes))
}

/// The new contents of a file, written to a temporary file in the same folder. Dropping it without
/// [`PendingFile::commit`] deletes the temporary file.
pub struct PendingFile {
    path: PathBuf,
    temporary: PathBuf,
    out: BufWriter<File>,
    is_renamed: bool,
}

impl PendingFile {
    /// Creates a temporary file in the folder of `path`.
    ///
    /// # Errors
    /// When the folder does not exist or cannot be written to.
    pub fn create(path: &Path) -> io::Result<Self> {
        Self::create_with(path, &mut File::options())
    }

    /// Creates a temporary file in the folder of `path` that, on Unix, only this user can read, regardless of the
    /// umask.
    ///
    /// # Errors
    /// Fails like [`PendingFile::create`].
    pub fn create_private(path: &Path) -> io::Result<Self> {
        let mut options = File::options();
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        Self::create_with(path, &mut options)
    }

    fn create_with(path: &Path, options: &mut fs::OpenOptions) -> io::Result<Self> {
        let temporary = temporary_path(path);
        let file = options.write(true).create_new(true).open(&temporary)?;
        Ok(Self {
            path: path.to_owned(),
            temporary,
            out: BufWriter::with_capacity(BUFFER_BYTES, file),
            is_renamed: false,
        })
    }

    /// Returns the path of the temporary file.
    pub fn temporary_path(&self) -> &Path {
        &self.temporary
    }

    /// Sets the permissions that the file will have after the replacement.
    ///
    /// # Errors
    /// When the operating system cannot set the permissions.
    pub fn set_permissions(&self, permissions: Permissions) -> io::Result<()> {
        self.out.get_ref().set_permissions(permissions)
    }

    /// Replaces the old file with the new contents.
    ///
    /// # Errors
    /// When the contents cannot be written or the file cannot be renamed; the old file is then unchanged. Also when the
    /// folder cannot be synced after the replacement.
    pub fn commit(mut self, durability: Durability) -> io::Result<()> {
        self.out.flush()?;
        if durability == Durability::Synced {
            self.out.get_ref().sync_all()?;
        }
        rename_file(&self.temporary, &self.path, durability)?;
        self.is_renamed = true;
        Ok(())
    }
}

impl Write for PendingFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl Drop for PendingFile {
    fn drop(&mut self) {
        if !self.is_renamed {
            // The result is ignored: another error is already reported, or the contents were discarded on purpose.
            _ = fs::remove_file(&self.temporary);
        }
    }
}

/// Replaces `to` with the finished file `from` in the same folder. For [`Durability::Synced`], the caller has synced
/// the contents of `from`.
///
/// # Errors
/// When the file cannot be renamed, or the folder cannot be synced.
pub fn rename_file(from: &Path, to: &Path, durability: Durability) -> io::Result<()> {
    fs::rename(from, to)?;
    match durability {
        Durability::Synced => sync_folder(to.parent().unwrap_or(Path::new("."))),
        Durability::Unsynced => Ok(()),
    }
}

/// Writes the contents of an existing file to the disk.
///
/// # Errors
/// When the file cannot be opened or synced.
pub fn sync_file(path: &Path) -> io::Result<()> {
    // Windows syncs only files that are open for writing.
    File::options().read(true).write(cfg!(windows)).open(path)?.sync_all()
}

/// Writes the entries of a folder to the disk, so that files created or renamed in it survive a power failure.
///
/// Does nothing on Windows, where folders cannot be synced.
///
/// # Errors
/// When the folder cannot be opened or synced.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(windows) {
        return Ok(());
    }
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    File::open(folder)?.sync_all()
}

/// Deletes the temporary files in `folder` that were last written more than an hour ago; processes that died left them
/// behind.
///
/// Call this before writing to a folder. Files that cannot be deleted are ignored, because they only take space.
pub fn remove_leftovers(folder: &Path) {
    let now = SystemTime::now();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let is_old = || {
            let modified = entry.metadata().and_then(|metadata| metadata.modified());
            modified.is_ok_and(|at| now.duration_since(at).is_ok_and(|age| age > LEFTOVER_AGE))
        };
        if is_temporary_name(&entry.file_name().to_string_lossy()) && is_old() {
            _ = fs::remove_file(entry.path());
        }
    }
}

/// Returns a path beside `path` that no other thread or process writes to.
fn temporary_path(path: &Path) -> PathBuf {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let mut name = path.file_name().unwrap_or_default().to_owned();
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    name.push(format!(".{}-{number}.{TEMPORARY_EXTENSION}", std::process::id()));
    path.with_file_name(name)
}

/// Returns whether [`temporary_path`] made this name: `NAME.PROCESS-NUMBER.new`.
fn is_temporary_name(name: &str) -> bool {
    let number = name.strip_suffix(TEMPORARY_EXTENSION).and_then(|name| name.strip_suffix('.'));
    let Some((process, count)) = number.and_then(|name| name.rsplit('.').next()).and_then(|part| part.split_once('-'))
    else {
        return false;
    };
    [process, count].iter().all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_keeps_the_old_file_and_leaves_nothing_beside_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("settings.json");
        replace_with_bytes(&path, Durability::Synced, b"old").expect("the first write");
        let failed = replace_file(&path, Durability::Unsynced, |out| {
            out.write_all(b"half of the new contents")?;
            Err(io::Error::other("the disk is full"))
        });
        assert_eq!(failed.expect_err("the write fails").to_string(), "the disk is full");
        assert_eq!(fs::read(&path).expect("the file"), b"old");
        assert_eq!(fs::read_dir(folder.path()).expect("the folder").count(), 1);
    }

    #[test]
    fn threads_that_replace_one_file_do_not_disturb_each_other() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("shared");
        std::thread::scope(|scope| {
            for number in 0..8_u8 {
                let path = &path;
                scope.spawn(move || {
                    replace_with_bytes(path, Durability::Unsynced, &vec![number; 100_000]).expect("it is replaced");
                });
            }
        });
        let bytes = fs::read(&path).expect("the file");
        assert!(bytes.len() == 100_000 && bytes.iter().all(|byte| *byte == bytes[0]));
        assert_eq!(fs::read_dir(folder.path()).expect("the folder").count(), 1);
    }

    #[test]
    fn contents_that_are_given_up_leave_the_old_file_and_nothing_beside_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("settings.json");
        replace_with_bytes(&path, Durability::Unsynced, b"old").expect("the first write");
        let mut pending = PendingFile::create_private(&path).expect("a file beside it");
        pending.write_all(b"new").expect("written");
        assert_eq!(fs::read_dir(folder.path()).expect("the folder").count(), 2);
        drop(pending);
        assert_eq!(fs::read(&path).expect("the file"), b"old");
        assert_eq!(fs::read_dir(folder.path()).expect("the folder").count(), 1);
    }

    #[test]
    fn only_old_temporary_files_are_leftovers() {
        let folder = tempfile::tempdir().expect("a folder");
        let names = ["manifest.json", "manifest.json.12-0.new", "notes.new", "a.b-c.new", "fresh.12-1.new"];
        for name in names {
            let file = File::create(folder.path().join(name)).expect("a file");
            if name != "fresh.12-1.new" {
                file.set_modified(SystemTime::now() - LEFTOVER_AGE * 2).expect("a time");
            }
        }
        remove_leftovers(folder.path());
        let is_kept = |name: &&str| folder.path().join(name).exists();
        assert_eq!(
            names.into_iter().filter(is_kept).collect::<Vec<_>>(),
            ["manifest.json", "notes.new", "a.b-c.new", "fresh.12-1.new"]
        );
    }
}
