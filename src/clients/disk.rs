//! Reading and replacing a configuration file.
//!
//! Invariants: what a file was is kept beside it before it is replaced, and a backup is never
//! written over; a file is replaced by one rename, at the end of its links, with its rights.
//! Must never import: anything of this crate but `clients`.

use std::fs::{self, File, Permissions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::ClientError;

/// Most backups beside a file.
const MAX_BACKUPS: usize = 20;

/// Most links from one to the next.
const MAX_LINKS: usize = 40;

/// The text of a file; `None` where there is none.
pub(super) fn read(path: &Path) -> Result<Option<String>, ClientError> {
    match fs::read(path) {
        Ok(bytes) => match String::from_utf8(bytes) {
            Ok(text) => Ok(Some(text)),
            Err(_) => Err(ClientError::NotUtf8 { path: path.to_owned() }),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(ClientError::io("read", path)(error)),
    }
}

/// Makes `after` of a file that is `before` (`None`: not there). The backup, if there is one to
/// `keep` and a file to keep: one that was made, or one that says the same already.
pub(super) fn replace(
    path: &Path,
    before: Option<&str>,
    after: &str,
    keep: bool,
) -> Result<Option<PathBuf>, ClientError> {
    let file = end_of_links(path)?;
    let rights = match fs::metadata(&file) {
        Ok(found) if found.permissions().readonly() => return Err(ClientError::ReadOnly { path: path.to_owned() }),
        Ok(found) => Some(found.permissions()),
        Err(_) => None,
    };
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder).map_err(ClientError::io("create", folder))?;
    }
    let fresh = beside(&file, &format!("codescry-new-{}", std::process::id()));
    let written = write_new(&fresh, after, rights.as_ref()).map_err(ClientError::io("write", &fresh)).and_then(|()| {
        let backup = before.filter(|_| keep).map(|before| back_up(path, before, rights.as_ref())).transpose()?;
        // Clients write these files, too.
        if read(path)?.as_deref() != before {
            return Err(ClientError::Changed { path: path.to_owned() });
        }
        keep_owner(&file, &fresh);
        fs::rename(&fresh, &file).map_err(ClientError::io("replace", &file))?;
        Ok(backup)
    });
    if written.is_err() {
        // It may never have been made.
        _ = fs::remove_file(&fresh);
    }
    written
}

/// Removes a file that is `before`; links to it stay.
pub(super) fn remove(path: &Path, before: &str) -> Result<(), ClientError> {
    let file = end_of_links(path)?;
    if read(path)?.as_deref() != Some(before) {
        return Err(ClientError::Changed { path: path.to_owned() });
    }
    fs::remove_file(&file).map_err(ClientError::io("remove", &file))
}

/// The texts of the backups beside a file, the last one first.
pub(super) fn backups(path: &Path) -> Vec<(PathBuf, String)> {
    let texts = backup_names(path).filter_map(|backup| {
        let text = read(&backup).ok().flatten()?;
        Some((backup, text))
    });
    let mut texts: Vec<_> = texts.collect();
    texts.reverse();
    texts
}

/// `FILE.codescry-backup`, `FILE.codescry-backup.2`, …
fn backup_names(path: &Path) -> impl Iterator<Item = PathBuf> {
    (1..=MAX_BACKUPS).map(|at| match at {
        1 => beside(path, "codescry-backup"),
        at => beside(path, &format!("codescry-backup.{at}")),
    })
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(suffix);
    path.with_file_name(name)
}

/// Keeps `text` in the first backup that is not there, unless one says the same.
fn back_up(path: &Path, text: &str, rights: Option<&Permissions>) -> Result<PathBuf, ClientError> {
    for backup in backup_names(path) {
        if backup.symlink_metadata().is_ok() {
            if read(&backup).is_ok_and(|kept| kept.as_deref() == Some(text)) {
                return Ok(backup);
            }
            continue;
        }
        write_new(&backup, text, rights).map_err(ClientError::io("write", &backup))?;
        return Ok(backup);
    }
    Err(ClientError::Backups { path: path.to_owned() })
}

/// Writes a file that is not there, for this user alone until it gets its rights: there may be
/// secrets in it.
fn write_new(path: &Path, text: &str, rights: Option<&Permissions>) -> io::Result<()> {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if rights.is_some() {
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    }
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    if let Some(rights) = rights {
        file.set_permissions(rights.clone())?;
    }
    file.sync_all()
}

/// The file that a chain of links ends in, there or not.
fn end_of_links(path: &Path) -> Result<PathBuf, ClientError> {
    let mut end = path.to_owned();
    for _ in 0..MAX_LINKS {
        match fs::read_link(&end) {
            Ok(to) => end = end.parent().unwrap_or(Path::new("")).join(to),
            Err(_) => return Ok(end),
        }
    }
    Err(ClientError::io("follow", path)(io::Error::other("too many links")))
}

/// A file made with `sudo` still belongs to whom the old one belonged to, where that can be.
#[cfg(unix)]
fn keep_owner(old: &Path, new: &Path) {
    use std::os::unix::fs::{MetadataExt as _, chown};
    if let Ok(old) = fs::metadata(old) {
        _ = chown(new, Some(old.uid()), Some(old.gid()));
    }
}

#[cfg(not(unix))]
fn keep_owner(_old: &Path, _new: &Path) {}
