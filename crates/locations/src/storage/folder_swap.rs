//! Compare-and-swap of a file, for locations in folders: file systems have no conditional writes.
//!
//! A lock file beside the file is held while its bytes are compared and the file is replaced by a rename. The operating
//! system releases the lock when its holder ends.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use crate::error::LocationError;
use platform::atomic_file::{Durability, replace_with_bytes};

/// Time to wait for the lock. It is held for one write.
const LOCK_TIME_LIMIT: Duration = Duration::from_secs(30);

/// Pause between two attempts to get the lock.
const LOCK_PAUSE: Duration = Duration::from_millis(5);

/// Replaces the file at `path` by `bytes` if its content is `before`; `None` stands for no file. Returns whether it
/// did.
///
/// # Errors
/// When a file cannot be read or written, or the lock cannot be acquired within [`LOCK_TIME_LIMIT`].
pub fn swap(path: &Path, before: Option<&[u8]>, bytes: &[u8]) -> Result<bool, LocationError> {
    let fail = |operation| move |source| LocationError::Io { operation, path: path.to_owned(), source };
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(fail("create the folder of"))?;
    let open = || File::options().create(true).truncate(false).write(true).open(path.with_extension("lock"));
    let lock = open().map_err(fail("lock"))?;
    let begun = Instant::now();
    loop {
        match lock.try_lock() {
            Ok(()) => break,
            Err(TryLockError::WouldBlock) if begun.elapsed() < LOCK_TIME_LIMIT => thread::sleep(LOCK_PAUSE),
            Err(TryLockError::WouldBlock) => return Err(fail("lock")(io::ErrorKind::TimedOut.into())),
            Err(TryLockError::Error(error)) => return Err(fail("lock")(error)),
        }
    }
    let now = match fs::read(path) {
        Ok(now) => Some(now),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(fail("read")(error)),
    };
    if now.as_deref() != before {
        return Ok(false);
    }
    replace_with_bytes(path, Durability::Synced, bytes).map_err(fail("write"))?;
    Ok(true)
}
