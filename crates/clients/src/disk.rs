//! Reads, replaces and backs up configuration files.
//!
//! Invariants: a backup of a file is beside it, is written before the file is replaced, and is never overwritten. A
//! file is replaced by one rename, at the target of its symbolic links, and keeps its permissions.

use std::fs::{self, File, Permissions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::error::ClientError;
use platform::atomic_file::{Durability, PendingFile};

/// Maximum number of backups of a file.
const MAX_BACKUPS: usize = 20;

/// Maximum number of symbolic links followed from a path.
const MAX_LINKS: usize = 40;

/// Reads a file; `None` if it does not exist. Fails if it cannot be read, or is not UTF-8.
pub(super) fn read_config(path: &Path) -> Result<Option<String>, ClientError> {
    match fs::read(path) {
        Ok(bytes) => match String::from_utf8(bytes) {
            Ok(text) => Ok(Some(text)),
            Err(_) => Err(ClientError::NotUtf8 { path: path.to_owned() }),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(ClientError::io("read", path)(error)),
    }
}

/// Replaces the text `before` of a file by `after`; `before` is `None` if the file does not exist.
///
/// With `keep`, an existing file is backed up first, and the path of the backup is returned. An older backup
/// with the same text is reused.
///
/// # Errors
/// When the file is read-only, its text is no longer `before`, or it cannot be backed up or written.
pub(super) fn replace_config(
    path: &Path,
    before: Option<&str>,
    after: &str,
    keep: bool,
) -> Result<Option<PathBuf>, ClientError> {
    let file = resolve_links(path)?;
    let permissions = match fs::metadata(&file) {
        Ok(metadata) if metadata.permissions().readonly() => {
            return Err(ClientError::ReadOnly { path: path.to_owned() });
        }
        Ok(metadata) => Some(metadata.permissions()),
        Err(_) => None,
    };
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder).map_err(ClientError::io("create", folder))?;
    }
    let pending = write_pending(&file, after, permissions.as_ref()).map_err(ClientError::io("write", &file))?;
    let backup =
        before.filter(|_| keep).map(|before| back_up_config(path, before, permissions.as_ref())).transpose()?;
    // The client may have written the file meanwhile.
    if read_config(path)?.as_deref() != before {
        return Err(ClientError::Changed { path: path.to_owned() });
    }
    keep_owner(&file, pending.temporary_path());
    pending.commit(Durability::Synced).map_err(ClientError::io("replace", &file))?;
    Ok(backup)
}

/// Writes the new text of a file to a temporary file beside it. With `permissions`, the temporary file is private to
/// this user until they are set.
fn write_pending(file: &Path, text: &str, permissions: Option<&Permissions>) -> io::Result<PendingFile> {
    let mut pending =
        if permissions.is_some() { PendingFile::create_private(file) } else { PendingFile::create(file) }?;
    pending.write_all(text.as_bytes())?;
    if let Some(permissions) = permissions {
        pending.set_permissions(permissions.clone())?;
    }
    Ok(pending)
}

/// Removes a file whose text is `before`; symbolic links to it stay.
///
/// # Errors
/// When the text is no longer `before`, or the file cannot be removed.
pub(super) fn remove_config(path: &Path, before: &str) -> Result<(), ClientError> {
    let file = resolve_links(path)?;
    if read_config(path)?.as_deref() != Some(before) {
        return Err(ClientError::Changed { path: path.to_owned() });
    }
    fs::remove_file(&file).map_err(ClientError::io("remove", &file))
}

/// Removes the folders above a removed file that are empty now. Stops below `base`; does nothing for a file outside of
/// it.
pub(super) fn remove_empty_folders(path: &Path, base: &Path) {
    // Only folders without entries can be removed this way.
    for folder in path.ancestors().skip(1).take_while(|folder| *folder != base && folder.starts_with(base)) {
        if fs::remove_dir(folder).is_err() {
            return;
        }
    }
}

/// Returns the paths and texts of a file's backups, the one with the highest number first. Leaves out backups that
/// cannot be read.
pub(super) fn read_backups(path: &Path) -> Vec<(PathBuf, String)> {
    let texts = backup_paths(path).filter_map(|backup| {
        let text = read_config(&backup).ok().flatten()?;
        Some((backup, text))
    });
    let mut texts: Vec<_> = texts.collect();
    texts.reverse();
    texts
}

/// Returns the possible backup paths in order: `FILE.codescry-backup`, `FILE.codescry-backup.2`, …
fn backup_paths(path: &Path) -> impl Iterator<Item = PathBuf> {
    (1..=MAX_BACKUPS).map(|at| match at {
        1 => sibling_path(path, "codescry-backup"),
        at => sibling_path(path, &format!("codescry-backup.{at}")),
    })
}

/// Returns `path` with `.suffix` appended to its file name.
fn sibling_path(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(suffix);
    path.with_file_name(name)
}

/// Writes `text` to the first free backup path, unless a backup before it has the same text. Returns the path of the
/// backup with this text; fails if no path is free.
fn back_up_config(path: &Path, text: &str, permissions: Option<&Permissions>) -> Result<PathBuf, ClientError> {
    for backup in backup_paths(path) {
        if backup.symlink_metadata().is_ok() {
            if read_config(&backup).is_ok_and(|kept| kept.as_deref() == Some(text)) {
                return Ok(backup);
            }
            continue;
        }
        write_new_config(&backup, text, permissions).map_err(ClientError::io("write", &backup))?;
        return Ok(backup);
    }
    Err(ClientError::Backups { path: path.to_owned() })
}

/// Creates a file. With `permissions`, only this user can read it until they are set, because it may hold secrets.
fn write_new_config(path: &Path, text: &str, permissions: Option<&Permissions>) -> io::Result<()> {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if permissions.is_some() {
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    }
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    if let Some(permissions) = permissions {
        file.set_permissions(permissions.clone())?;
    }
    file.sync_all()
}

/// Returns the target of a chain of at most [`MAX_LINKS`] symbolic links, whether or not it exists; fails for a longer
/// chain.
fn resolve_links(path: &Path) -> Result<PathBuf, ClientError> {
    let mut end = path.to_owned();
    for _ in 0..MAX_LINKS {
        match fs::read_link(&end) {
            Ok(to) => end = end.parent().unwrap_or(Path::new("")).join(to),
            Err(_) => return Ok(end),
        }
    }
    Err(ClientError::io("follow", path)(io::Error::other("too many symbolic links")))
}

/// Gives `new` the owner of `old`, so that running with `sudo` does not change the owner. Failures are
/// ignored: other users may not change owners.
#[cfg(unix)]
fn keep_owner(old: &Path, new: &Path) {
    use std::os::unix::fs::{MetadataExt as _, chown};
    if let Ok(old) = fs::metadata(old) {
        _ = chown(new, Some(old.uid()), Some(old.gid()));
    }
}

#[cfg(not(unix))]
fn keep_owner(_old: &Path, _new: &Path) {}
