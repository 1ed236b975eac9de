//! Locks of a store, across processes: one writer at a time, and which commits are read.
//!
//! The operating system releases a lock when its holder ends, even after a crash. The file of the writer lock is removed
//! only with the whole store; otherwise two writers could lock two different files of the same name. A reader locks an
//! immutable file of the commit that it reads, so it needs no permission to write.

use std::fs::{self, File, TryLockError};
use std::io::ErrorKind;
use std::path::Path;

use super::location::IndexLocation;
use crate::error::StoreError;
use platform::clock::now_ms;
use platform::file_format::checksum32;

pub(super) const LOCK: &str = "lock";

/// File that describes the lock holder, separate so that it can be read while the lock is held.
const HOLDER: &str = "writer.txt";

/// The writer lock, held until it is dropped or the process ends.
pub(super) struct WriterLock {
    _file: File,
}

impl WriterLock {
    /// Acquires the lock of a store's folder, creating the folder (on Unix with mode 0700) if it does not exist.
    ///
    /// # Errors
    /// [`StoreError::Locked`] when another writer holds the lock; otherwise when the folder or the files of the lock
    /// cannot be written.
    pub fn acquire(location: &IndexLocation) -> Result<Self, StoreError> {
        create_private_folder(location).map_err(|error| location.io_error("create", "", error))?;
        let open = || File::options().create(true).truncate(false).write(true).open(location.dir.join(LOCK));
        let file = open().map_err(|error| location.io_error("open", LOCK, error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError::Locked { dir: location.dir.clone(), holder: describe_holder(location) });
            }
            Err(TryLockError::Error(error)) => return Err(location.io_error("lock", LOCK, error)),
        }
        let text = describe_self();
        fs::write(location.dir.join(HOLDER), text).map_err(|error| location.io_error("write", HOLDER, error))?;
        Ok(Self { _file: file })
    }
}

/// A shared lock on a file of a commit, which tells writers that the commit is read.
pub(super) struct ReaderLock {
    _file: File,
}

impl ReaderLock {
    /// Locks a file; `None` if there is no such file, or the file system has no locks.
    pub fn lock_file(file: &Path) -> Option<Self> {
        let file = File::open(file).ok()?;
        // A writer locks it only for the moment of [`ReaderLock::is_held`].
        file.lock_shared().ok()?;
        Some(Self { _file: file })
    }

    /// Returns whether a process has locked a file, or that cannot be found out.
    pub fn is_held(file: &Path) -> bool {
        match File::open(file) {
            Ok(file) => file.try_lock().is_err(),
            Err(error) => error.kind() != ErrorKind::NotFound,
        }
    }
}

/// Returns the text that describes this process in [`HOLDER`]: its process id, the time, and a checksum of both.
fn describe_self() -> String {
    let text = format!("{} {}", std::process::id(), now_ms());
    format!("{text} {:08x}", checksum32(text.as_bytes()))
}

/// Describes the process that holds the lock. A damaged description names no process.
fn describe_holder(location: &IndexLocation) -> String {
    let text = fs::read_to_string(location.dir.join(HOLDER)).unwrap_or_default();
    parse_holder(&text).unwrap_or_else(|| "another process".to_owned())
}

fn parse_holder(text: &str) -> Option<String> {
    let (described, checksum) = text.rsplit_once(' ')?;
    let (pid, since) = described.split_once(' ')?;
    if checksum != format!("{:08x}", checksum32(described.as_bytes())) {
        return None;
    }
    let seconds = now_ms().saturating_sub(since.parse().ok()?) / 1000;
    Some(format!("process {pid} since {seconds} s"))
}

/// Creates the store's folder, on Unix with mode 0700, if it does not exist.
fn create_private_folder(location: &IndexLocation) -> std::io::Result<()> {
    if location.dir.is_dir() {
        return Ok(());
    }
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(&location.dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_description_names_no_process() {
        let text = describe_self();
        assert!(parse_holder(&text).is_some_and(|holder| holder.contains(&std::process::id().to_string())));
        for bit in 0..text.len() * 8 {
            let mut damaged = text.clone().into_bytes();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let damaged = String::from_utf8_lossy(&damaged);
            assert_eq!(parse_holder(&damaged), None, "{damaged:?}");
        }
        assert_eq!((parse_holder(""), parse_holder("12 34")), (None, None));
    }
}
