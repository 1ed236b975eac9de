//! The writer lock: one writer at a time, across processes.
//!
//! The operating system releases the lock when its holder ends, even after a crash. The lock file is
//! never removed; otherwise two writers could lock two different files of the same name.

use std::fs::{self, File, TryLockError};

use super::location::IndexLocation;
use crate::error::StoreError;
use platform::clock::now_ms;

const LOCK: &str = "lock";

/// File that describes the lock holder, separate so that it can be read while the lock is held.
const HOLDER: &str = "writer.txt";

/// The writer lock, held until it is dropped or the process ends.
pub(super) struct WriterLock {
    _file: File,
}

impl WriterLock {
    /// Acquires the lock of a store's folder, creating the folder (mode 0700) if it does not exist.
    ///
    /// # Errors
    /// [`StoreError::Locked`] when another process holds the lock.
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
        let text = format!("{} {}", std::process::id(), now_ms());
        fs::write(location.dir.join(HOLDER), text).map_err(|error| location.io_error("write", HOLDER, error))?;
        Ok(Self { _file: file })
    }
}

/// Describes the process that holds the lock.
fn describe_holder(location: &IndexLocation) -> String {
    let text = fs::read_to_string(location.dir.join(HOLDER)).unwrap_or_default();
    let mut parts = text.split_whitespace();
    let Some(pid) = parts.next() else {
        return "another process".to_owned();
    };
    let since = parts.next().and_then(|since| since.parse::<u64>().ok());
    let seconds = since.map_or(0, |since| now_ms().saturating_sub(since) / 1000);
    format!("process {pid} since {seconds} s")
}

/// Creates the store's folder, readable only by its owner, if it does not exist.
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
