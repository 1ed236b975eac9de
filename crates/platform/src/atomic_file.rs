//! Replaces a file in one step: readers see the old contents or the new ones, never a part.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Whether a replaced file has to survive a power failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// The contents and the rename are on the disk when the call returns.
    Synced,
    /// The operating system writes when it likes. For files that can be made again.
    Unsynced,
}

/// Replaces the file at `path` with what `write` writes, or creates it.
///
/// The contents go to a file beside it, which is then renamed. On an error the old file is unchanged
/// and the file beside it is removed.
///
/// # Errors
/// When the folder does not exist, when it cannot be written to, or when `write` fails.
pub fn replace_file(
    path: &Path,
    durability: Durability,
    write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> io::Result<()> {
    let temporary = temporary_path(path);
    let replaced = write_temporary(&temporary, durability, write).and_then(|()| fs::rename(&temporary, path));
    if replaced.is_err() {
        // The file may not exist yet; the first error is the one to report.
        _ = fs::remove_file(&temporary);
        return replaced;
    }
    match durability {
        Durability::Synced => sync_folder(path.parent().unwrap_or(Path::new("."))),
        Durability::Unsynced => Ok(()),
    }
}

/// Replaces the file at `path` with `bytes`. See [`replace_file`].
///
/// # Errors
/// As [`replace_file`].
pub fn replace_with_bytes(path: &Path, durability: Durability, bytes: &[u8]) -> io::Result<()> {
    replace_file(path, durability, |out| out.write_all(bytes))
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

fn write_temporary(
    temporary: &Path,
    durability: Durability,
    write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> io::Result<()> {
    let mut out = BufWriter::new(File::create(temporary)?);
    write(&mut out)?;
    let file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
    match durability {
        Durability::Synced => file.sync_all(),
        Durability::Unsynced => Ok(()),
    }
}

/// Returns a path beside `path` that no other thread or process writes to.
fn temporary_path(path: &Path) -> PathBuf {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}-{}.new", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed)));
    path.with_file_name(name)
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
}
