//! The rendezvous of servers with one sharing key: a lock and a socket in a private folder of the user.
//!
//! Invariants: the folder belongs to this user and is closed to others. Only the holder of the lock creates
//! and removes the socket. The system releases the lock when its holder ends, even if it is killed. The lock
//! file is never removed: otherwise two processes could hold locks on different files of the same name.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// The paths of the lock and the socket that servers with the same sharing key use.
#[derive(Clone, Debug)]
pub struct Rendezvous {
    dir: PathBuf,
    key: String,
}

/// The lock that makes a process the owner of a sharing key, held until dropped.
#[derive(Debug)]
pub struct OwnerLock {
    _lock: File,
}

impl Rendezvous {
    /// Returns the rendezvous of `key`, and creates its folder.
    ///
    /// # Errors
    /// When the folder cannot be created, or other users may use it.
    pub fn create(key: String) -> io::Result<Self> {
        let rendezvous = Self::locate(key);
        create_user_only_folder(&rendezvous.dir)?;
        Ok(rendezvous)
    }

    /// Returns the rendezvous of `key` without creating its folder.
    pub fn locate(key: String) -> Self {
        Self { dir: config::runtime_dir(), key }
    }

    /// Returns the sharing key.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Returns the path of the socket that the owner listens on.
    pub fn socket_path(&self) -> PathBuf {
        self.path_of("sock")
    }

    /// Makes this process the owner; `None` while another process is.
    ///
    /// # Errors
    /// When the lock file cannot be opened or locked, a stale socket cannot be removed, or the id of this process
    /// cannot be written.
    pub fn try_own(&self) -> io::Result<Option<OwnerLock>> {
        let lock = File::options().create(true).truncate(false).write(true).open(self.path_of("lock"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        // An owner that was killed leaves its socket behind.
        self.remove_socket()?;
        fs::write(self.path_of("owner"), std::process::id().to_string())?;
        Ok(Some(OwnerLock { _lock: lock }))
    }

    /// Removes the socket, if present. Only the owner may call this.
    ///
    /// # Errors
    /// When the socket exists and cannot be removed.
    pub fn remove_socket(&self) -> io::Result<()> {
        match fs::remove_file(self.socket_path()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Returns the id of the process that holds the lock; `None` if none does, or if it cannot be read.
    pub fn owner_pid(&self) -> Option<u32> {
        let lock = File::open(self.path_of("lock")).ok()?;
        match lock.try_lock_shared() {
            Err(TryLockError::WouldBlock) => fs::read_to_string(self.path_of("owner")).ok()?.trim().parse().ok(),
            _ => None,
        }
    }

    /// Returns the path of this rendezvous's file with the given extension (`sock`, `lock` or `owner`).
    fn path_of(&self, extension: &str) -> PathBuf {
        self.dir.join(format!("{}.{extension}", &self.key[..16]))
    }
}

/// Creates `dir` for this user alone, or fails if an existing one is not private. On Windows, only creates it.
fn create_user_only_folder(dir: &Path) -> io::Result<()> {
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
        // Links are not followed: another user could have created one that leads elsewhere.
        let metadata = fs::symlink_metadata(dir)?;
        if !metadata.is_dir() || metadata.uid() != platform::process::user_id() || metadata.mode() & 0o077 != 0 {
            let message = format!("{} is not a private folder of this user; remove it", dir.display());
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
    fn a_folder_that_others_can_use_is_refused() {
        let base = tempfile::tempdir().expect("a folder");
        let dir = base.path().join("codescry");
        create_user_only_folder(&dir).expect("the folder is created");
        create_user_only_folder(&dir).expect("an existing private folder is accepted");
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o750)).expect("the permissions can be set");
        assert!(create_user_only_folder(&dir).expect_err("others may read it").to_string().contains("remove it"));
        let link = base.path().join("link");
        symlink(base.path(), &link).expect("a link");
        assert!(create_user_only_folder(&link).is_err());
        fs::write(base.path().join("file"), "").expect("a file");
        assert!(create_user_only_folder(&base.path().join("file")).is_err());
    }

    #[test]
    fn there_is_one_owner_at_a_time() {
        let base = tempfile::tempdir().expect("a folder");
        let rendezvous = Rendezvous { dir: base.path().to_owned(), key: "0123456789abcdef".repeat(4) };
        assert_eq!(rendezvous.owner_pid(), None);
        let owned = rendezvous.try_own().expect("a lock").expect("the lock is free");
        assert!(rendezvous.try_own().expect("a lock").is_none());
        assert_eq!(rendezvous.owner_pid(), Some(std::process::id()));
        fs::write(rendezvous.socket_path(), "left over").expect("a file");
        drop(owned);
        assert_eq!(rendezvous.owner_pid(), None);
        assert!(rendezvous.try_own().expect("a lock").is_some() && !rendezvous.socket_path().exists());
    }
}
