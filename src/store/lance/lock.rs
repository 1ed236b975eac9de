//! One writer at a time, across processes.
//!
//! Invariants: the system lets go of the lock when its holder ends, however it ends; the file is
//! never removed, or two writers could hold locks of two files by the same name.
//! Must never import: anything above `store`.

use std::fs::{self, File, TryLockError};

use super::Place;
use crate::store::{StoreError, now_ms};

const LOCK: &str = "lock";

/// Who holds the lock, in words. Apart from the lock, so that it can be read while that is held.
const HOLDER: &str = "writer.txt";

/// The lock, held until it is dropped or the process ends, however it ends.
pub(super) struct WriterLock {
    _file: File,
}

impl WriterLock {
    /// Takes the lock of a store's folder, which is made (0700) if it is not there.
    pub fn take(place: &Place) -> Result<Self, StoreError> {
        create_private(place).map_err(|error| place.io("create", "", error))?;
        let open = || File::options().create(true).truncate(false).write(true).open(place.dir.join(LOCK));
        let file = open().map_err(|error| place.io("open", LOCK, error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError::Locked { dir: place.dir.clone(), holder: holder(place) });
            }
            Err(TryLockError::Error(error)) => return Err(place.io("lock", LOCK, error)),
        }
        let text = format!("{} {}", std::process::id(), now_ms());
        fs::write(place.dir.join(HOLDER), text).map_err(|error| place.io("write", HOLDER, error))?;
        Ok(Self { _file: file })
    }
}

fn holder(place: &Place) -> String {
    let text = fs::read_to_string(place.dir.join(HOLDER)).unwrap_or_default();
    let mut parts = text.split_whitespace();
    let Some(pid) = parts.next() else {
        return "another process".to_owned();
    };
    let since = parts.next().and_then(|since| since.parse::<u64>().ok());
    let seconds = since.map_or(0, |since| now_ms().saturating_sub(since) / 1000);
    format!("process {pid} since {seconds} s")
}

fn create_private(place: &Place) -> std::io::Result<()> {
    if place.dir.is_dir() {
        return Ok(());
    }
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(&place.dir)
}
