//! The segments in a model's folder: listing them, merging small ones and removing old ones.
//!
//! A segment that a process may still append to is neither merged nor removed.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use platform::atomic_file::{Durability, PendingFile, replace_with_bytes};
use platform::clock::now_ms;

use super::segment::{self, HEADER_BYTES, KEY_BYTES, KEYS, LIVE, RecordChecksum, RecordFormat, VECTORS};

/// Maximum number of segments in a folder before the small ones are merged.
const MANY_SEGMENTS: usize = 16;

/// Size in bytes below which a segment counts as small.
const SMALL_BYTES: u64 = 4 << 20;

/// The file of a segment.
pub(super) struct SegmentFile {
    pub path: PathBuf,
    pub bytes: u64,
    last_used: SystemTime,
}

/// Returns the segments in a folder, least recently used first.
pub(super) fn list_segments(folder: &Path) -> Vec<SegmentFile> {
    let mut segments: Vec<SegmentFile> = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.extension().is_some_and(|extension| extension == VECTORS)
            && let Ok(metadata) = entry.metadata()
        {
            let last_used = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            segments.push(SegmentFile { path, bytes: metadata.len(), last_used });
        }
    }
    segments.sort_by(|a, b| (a.last_used, &a.path).cmp(&(b.last_used, &b.path)));
    segments
}

/// Removes the first segments, except live ones, until the remaining ones fit into `max_bytes`. Returns the remaining
/// segments.
pub(super) fn remove_oldest_segments(segments: Vec<SegmentFile>, max_bytes: u64) -> Vec<SegmentFile> {
    let mut total_bytes: u64 = segments.iter().map(|segment| segment.bytes).sum();
    let keep = |file: &SegmentFile| {
        if total_bytes <= max_bytes || segment::is_live(&file.path) || remove_segment(&file.path).is_err() {
            return true;
        }
        total_bytes -= file.bytes;
        false
    };
    segments.into_iter().filter(keep).collect()
}

/// Removes a segment and the files that belong to it; another process may have removed it before.
fn remove_segment(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        removed => removed?,
    }
    [KEYS, LIVE].iter().for_each(|extension| _ = fs::remove_file(path.with_extension(extension)));
    Ok(())
}

/// Merges the small segments of ended processes if the folder has more than [`MANY_SEGMENTS`] segments, and removes the
/// merged ones. Does nothing if another process is merging; loses no record if merging fails. Returns the segments that
/// exist afterwards.
pub(super) fn merge_small_segments(
    folder: &Path,
    segments: Vec<SegmentFile>,
    format: &RecordFormat,
) -> Vec<SegmentFile> {
    if segments.len() <= MANY_SEGMENTS {
        return segments;
    }
    match merge_vector_segments(folder, format) {
        Ok(true) => list_segments(folder),
        Ok(false) => segments,
        Err(error) => {
            tracing::warn!("cannot merge the vector segments in {}: {error}", folder.display());
            list_segments(folder)
        }
    }
}

/// Returns whether segments may have been merged or removed since the caller listed them.
fn merge_vector_segments(folder: &Path, format: &RecordFormat) -> io::Result<bool> {
    let lock = File::options().create(true).truncate(false).write(true).open(folder.join("lock"))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(false),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    // Another process may have merged segments before this one held the lock, so they are listed again.
    let is_part = |file: &SegmentFile| file.bytes < SMALL_BYTES && !segment::is_live(&file.path);
    let segments = list_segments(folder);
    if segments.len() <= MANY_SEGMENTS {
        return Ok(true);
    }
    let parts: Vec<SegmentFile> = segments.into_iter().filter(is_part).collect();
    if parts.len() < 2 {
        return Ok(true);
    }
    let path = folder.join(format!("{}-{}-joined.{VECTORS}", now_ms(), std::process::id()));
    let (mut joined, mut keys, mut merged) = (PendingFile::create(&path)?, Vec::new(), Vec::new());
    joined.write_all(&format.header())?;
    for part in &parts {
        let mut bytes = match fs::read(&part.path) {
            // Another process removes the oldest segments when the cache is full.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            read => read?,
        };
        let Some((header, records)) = bytes.split_first_chunk_mut::<HEADER_BYTES>() else { continue };
        let Some(checksum) = format.record_checksum(header) else { continue };
        merged.push(&part.path);
        for record in records.chunks_exact_mut(format.record_bytes()) {
            // Replacing the checksum of a damaged record would hide the damage.
            if checksum == RecordChecksum::Blake3 {
                if !checksum.matches(record) {
                    continue;
                }
                segment::set_checksum(record);
            }
            joined.write_all(record)?;
            keys.extend_from_slice(&record[..KEY_BYTES]);
        }
    }
    if merged.len() < 2 {
        return Ok(true);
    }
    // Write the keys first, since a segment without a file of keys has to be scanned.
    replace_with_bytes(&path.with_extension(KEYS), Durability::Unsynced, &keys)?;
    joined.commit(Durability::Synced)?;
    // A segment of another format may be of use to another version of the program.
    merged.into_iter().try_for_each(|path| remove_segment(path)).map(|()| true)
}
