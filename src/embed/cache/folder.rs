//! The segments in a model's folder: listed, joined where they are small, removed where they are many.
//!
//! Invariant: what a process may still append to is left alone. Must never import: anything of this
//! crate but `cache`.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::segment::{self, Format, HEADER_BYTES, KEY_BYTES, KEYS, LIVE, VECTORS};

/// Segments before the small ones are joined.
const MANY_SEGMENTS: usize = 16;

/// A segment below this size is a small one.
const SMALL_BYTES: u64 = 4 << 20;

/// A segment's file.
pub(super) struct Found {
    pub path: PathBuf,
    pub bytes: u64,
    used: SystemTime,
}

/// The segments in a folder, the one least recently of use first.
pub(super) fn list(folder: &Path) -> Vec<Found> {
    let mut found: Vec<Found> = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.extension().is_some_and(|extension| extension == VECTORS)
            && let Ok(metadata) = entry.metadata()
        {
            let used = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            found.push(Found { path, bytes: metadata.len(), used });
        }
    }
    found.sort_by(|a, b| (a.used, &a.path).cmp(&(b.used, &b.path)));
    found
}

/// Removes from the front until the rest fits, but nothing that is in use.
pub(super) fn remove_oldest(found: Vec<Found>, max_bytes: u64) -> Vec<Found> {
    let mut total: u64 = found.iter().map(|found| found.bytes).sum();
    let keep = |found: &Found| {
        if total <= max_bytes || segment::is_live(&found.path) || remove(&found.path).is_err() {
            return true;
        }
        total -= found.bytes;
        false
    };
    found.into_iter().filter(keep).collect()
}

/// Removes a segment with what is beside it.
fn remove(path: &Path) -> io::Result<()> {
    fs::remove_file(path)?;
    [KEYS, LIVE].iter().for_each(|extension| _ = fs::remove_file(path.with_extension(extension)));
    Ok(())
}

/// Joins the small segments of processes that have ended when there are many; what is joined is
/// removed. While another process does that, and when it fails, all stay as they are.
pub(super) fn join_small(folder: &Path, found: Vec<Found>, format: &Format) -> Vec<Found> {
    if found.len() <= MANY_SEGMENTS {
        return found;
    }
    let is_part = |found: &&Found| found.bytes < SMALL_BYTES && !segment::is_live(&found.path);
    let parts: Vec<&Found> = found.iter().filter(is_part).collect();
    if parts.len() < 2 {
        return found;
    }
    match join(folder, &parts, format) {
        Ok(true) => list(folder),
        Ok(false) => found,
        Err(error) => {
            tracing::warn!("cannot join the vectors in {}: {error}", folder.display());
            list(folder)
        }
    }
}

fn join(folder: &Path, parts: &[&Found], format: &Format) -> io::Result<bool> {
    let lock = File::options().create(true).truncate(false).write(true).open(folder.join("lock"))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(false),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    let (fresh, record) = (folder.join("joined.new"), format.record_bytes());
    let (mut joined, mut keys) = (File::create(&fresh)?, Vec::new());
    joined.write_all(&format.header())?;
    for part in parts {
        let bytes = fs::read(&part.path)?;
        let Some((header, records)) = bytes.split_first_chunk::<HEADER_BYTES>() else { continue };
        if *header == format.header() {
            let records = &records[..records.len() / record * record];
            joined.write_all(records)?;
            records.chunks_exact(record).for_each(|record| keys.extend_from_slice(&record[..KEY_BYTES]));
        }
    }
    joined.sync_all()?;
    let path = folder.join(format!("{}-{}-joined.{VECTORS}", super::now_ms(), std::process::id()));
    fs::write(path.with_extension(KEYS), keys)?;
    fs::rename(&fresh, &path)?;
    parts.iter().try_for_each(|part| remove(&part.path)).map(|()| true)
}
