//! Where servers of one index meet: a lock and a socket in a folder of this user's own.
//!
//! Invariants: the folder belongs to this user and is closed to all others; who holds the lock, and
//! nobody else, makes and removes the socket; the system lets go of the lock when its holder ends,
//! however it ends; the lock's file is never removed, or two could hold locks by the same name.
//! Must never import: anything of this crate but `config`.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use crate::config;

/// The paths that belong to one key.
#[derive(Clone, Debug)]
pub struct Place {
    dir: PathBuf,
    key: String,
}

/// The right to be the one process of a key, until it is dropped or the process ends.
#[derive(Debug)]
pub struct Ownership {
    _lock: File,
}

impl Place {
    /// The place of `key`; makes its folder.
    ///
    /// # Errors
    /// When the folder cannot be made, or may be used by others.
    pub fn of(key: String) -> io::Result<Self> {
        let place = Self::to_look_at(key);
        make_private(&place.dir)?;
        Ok(place)
    }

    /// As [`Place::of`], whether or not anybody has been there.
    pub fn to_look_at(key: String) -> Self {
        Self { dir: config::runtime_dir(), key }
    }

    /// What a partner must have in common.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Where the owner listens.
    pub fn socket(&self) -> PathBuf {
        self.file("sock")
    }

    /// Becomes the owner; `None` while another process is.
    ///
    /// # Errors
    /// When the lock cannot be made.
    pub fn own(&self) -> io::Result<Option<Ownership>> {
        let lock = File::options().create(true).truncate(false).write(true).open(self.file("lock"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        // What an owner left that was killed.
        self.clear()?;
        fs::write(self.file("owner"), std::process::id().to_string())?;
        Ok(Some(Ownership { _lock: lock }))
    }

    /// Removes the socket. Only for the owner.
    ///
    /// # Errors
    /// When it is there and stays there.
    pub fn clear(&self) -> io::Result<()> {
        match fs::remove_file(self.socket()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// The process that holds the lock, if one does.
    pub fn owner(&self) -> Option<u32> {
        let lock = File::open(self.file("lock")).ok()?;
        match lock.try_lock_shared() {
            Err(TryLockError::WouldBlock) => fs::read_to_string(self.file("owner")).ok()?.trim().parse().ok(),
            _ => None,
        }
    }

    fn file(&self, extension: &str) -> PathBuf {
        self.dir.join(format!("{}.{extension}", &self.key[..16]))
    }
}

/// Makes `dir` for this user alone, or makes sure that it is so.
fn make_private(dir: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(dir) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        // A link could lead anywhere.
        let found = fs::symlink_metadata(dir)?;
        if !found.is_dir() || found.uid() != config::machine::user_id() || found.mode() & 0o077 != 0 {
            let message = format!("{} is not a folder of this user alone; remove it", dir.display());
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, message));
        }
    }
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn a_folder_that_others_may_use_is_refused() {
        let base = tempfile::tempdir().expect("a folder");
        let dir = base.path().join("codescry");
        make_private(&dir).expect("it is made");
        make_private(&dir).expect("it is there");
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o750)).expect("it is ours");
        assert!(make_private(&dir).expect_err("others may read it").to_string().contains("remove it"));
        let link = base.path().join("link");
        symlink(base.path(), &link).expect("a link");
        assert!(make_private(&link).is_err());
        fs::write(base.path().join("file"), "").expect("a file");
        assert!(make_private(&base.path().join("file")).is_err());
    }

    #[test]
    fn there_is_one_owner_at_a_time() {
        let base = tempfile::tempdir().expect("a folder");
        let place = Place { dir: base.path().to_owned(), key: "0123456789abcdef".repeat(4) };
        assert_eq!(place.owner(), None);
        let owned = place.own().expect("a lock").expect("nobody has it");
        assert!(place.own().expect("a lock").is_none());
        assert_eq!(place.owner(), Some(std::process::id()));
        fs::write(place.socket(), "left over").expect("a file");
        drop(owned);
        assert_eq!(place.owner(), None);
        assert!(place.own().expect("a lock").is_some() && !place.socket().exists());
    }
}
