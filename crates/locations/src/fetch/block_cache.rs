//! Blocks of parts that were read before: those used last in memory, more of them in files.
//!
//! ```text
//! CACHE/blocks/AB/SHA256-NUMBER   a block of the part with this SHA-256
//! ```
//!
//! Parts never change, so no block is ever outdated. A file is verified by the block's checksum when it is read.
//! Several processes use the folder at once; each removes the files that were not used for the longest time.

use std::collections::HashMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use platform::atomic_file::{Durability, replace_with_bytes};
use platform::file_format::checksum64;

/// Maximum size of the blocks in memory, in bytes.
const MEMORY_BYTES: usize = 64 << 20;

/// Maximum size of the blocks in files, in bytes.
const FILES_BYTES: u64 = 2 << 30;

/// Number of bytes that a process writes before it measures the folder again, which others write to as well.
const MEASURE_AFTER_BYTES: u64 = 128 << 20;

/// Age of a file's time of use above which a reader sets it again.
const USE_AGE: Duration = Duration::from_secs(600);

/// A block of a part: the part's number in its index, and the block's number in the part.
pub type BlockId = (usize, u64);

/// The blocks of one index that were read before.
pub struct BlockCache {
    memory: Mutex<BlocksInMemory>,
    /// The folder of the blocks of all indexes; `None` if none are kept in files.
    folder: Option<PathBuf>,
    /// Number of bytes that were written since the folder was measured.
    written_bytes: AtomicU64,
}

#[derive(Default)]
struct BlocksInMemory {
    /// The blocks, each with the time of its last use.
    blocks: HashMap<BlockId, (Bytes, u64)>,
    time: u64,
    bytes: usize,
}

impl BlockCache {
    pub fn new(folder: Option<PathBuf>) -> Self {
        // A process that ends soon measures the folder once.
        Self { memory: Mutex::default(), folder, written_bytes: AtomicU64::new(MEASURE_AFTER_BYTES) }
    }

    /// Returns a block from memory; `None` if it is not there.
    pub fn find(&self, id: BlockId) -> Option<Bytes> {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        memory.time += 1;
        let now = memory.time;
        memory.blocks.get_mut(&id).map(|(bytes, used)| {
            *used = now;
            bytes.clone()
        })
    }

    /// Keeps a block in memory. Drops the blocks not used for the longest time, above [`MEMORY_BYTES`].
    pub fn keep(&self, id: BlockId, block: &Bytes) {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        memory.time += 1;
        let now = memory.time;
        let before = memory.blocks.insert(id, (block.clone(), now));
        memory.bytes += block.len();
        memory.bytes -= before.map_or(0, |(bytes, _)| bytes.len());
        while memory.bytes > MEMORY_BYTES {
            let oldest = memory.blocks.iter().min_by_key(|(_, (_, used))| *used).map(|(id, _)| *id);
            let Some((bytes, _)) = oldest.and_then(|oldest| memory.blocks.remove(&oldest)) else { break };
            memory.bytes -= bytes.len();
        }
    }

    /// Reads a block from its file; `None` if there is none with this checksum. Blocks the thread.
    pub fn read(&self, sha256: &str, number: u64, sum: u64) -> Option<Bytes> {
        let path = block_path(self.folder.as_ref()?, sha256, number);
        let block = fs::read(&path).ok()?;
        if checksum64(&block) != sum {
            _ = fs::remove_file(&path);
            return None;
        }
        let is_old = |file: &File| {
            let used = file.metadata().and_then(|found| found.modified()).ok();
            used.and_then(|used| used.elapsed().ok()).is_some_and(|age| age > USE_AGE)
        };
        if let Ok(file) = File::options().write(true).open(&path)
            && is_old(&file)
        {
            _ = file.set_modified(SystemTime::now());
        }
        Some(block.into())
    }

    /// Writes a block to its file, if there is a folder. Blocks the thread. A failure is logged.
    pub fn write_block(&self, sha256: &str, number: u64, block: &[u8]) {
        let Some(folder) = &self.folder else { return };
        let path = block_path(folder, sha256, number);
        let written = path
            .parent()
            .map_or(Ok(()), fs::create_dir_all)
            .and_then(|()| replace_with_bytes(&path, Durability::Unsynced, block));
        if let Err(error) = written {
            tracing::debug!("cannot keep a block in {}: {error}", folder.display());
        }
        let written = self.written_bytes.fetch_add(block.len() as u64, Ordering::Relaxed);
        if written >= MEASURE_AFTER_BYTES {
            self.written_bytes.store(0, Ordering::Relaxed);
            remove_unused(folder, FILES_BYTES);
        }
    }
}

fn block_path(folder: &Path, sha256: &str, number: u64) -> PathBuf {
    folder.join(&sha256[..2]).join(format!("{sha256}-{number}"))
}

/// Removes the files that were not used for the longest time, until the others have at most nine tenths of
/// `limit_bytes`. Does nothing if all have at most the limit.
fn remove_unused(folder: &Path, limit_bytes: u64) {
    let folders = fs::read_dir(folder).into_iter().flatten().flatten();
    let files = folders.flat_map(|below| fs::read_dir(below.path()).into_iter().flatten().flatten());
    let mut files: Vec<(SystemTime, u64, PathBuf)> = files
        .filter_map(|file| {
            let found = file.metadata().ok()?;
            Some((found.modified().ok()?, found.len(), file.path()))
        })
        .collect();
    let mut bytes: u64 = files.iter().map(|(_, bytes, _)| bytes).sum();
    if bytes <= limit_bytes {
        return;
    }
    files.sort();
    for (_, size, path) in files {
        if bytes <= limit_bytes / 10 * 9 {
            return;
        }
        _ = fs::remove_file(path);
        bytes = bytes.saturating_sub(size);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_keeps_the_blocks_used_last() {
        let cache = BlockCache::new(None);
        let block = Bytes::from(vec![7; MEMORY_BYTES / 4]);
        for number in 0..4 {
            cache.keep((0, number), &block);
        }
        assert_eq!(cache.find((0, 0)), Some(block.clone()));
        cache.keep((0, 4), &block);
        assert!(cache.find((0, 1)).is_none() && cache.find((0, 0)).is_some() && cache.find((0, 4)).is_some());
        cache.keep((0, 4), &block);
        assert!(cache.find((0, 2)).is_some(), "a block is counted once");
    }

    #[test]
    fn files_are_verified_and_bounded() {
        let folder = tempfile::tempdir().expect("a folder");
        let cache = BlockCache::new(Some(folder.path().to_owned()));
        let sha256 = "ab".repeat(32);
        for number in 0..10_u8 {
            cache.write_block(&sha256, u64::from(number), &[number; 100]);
            let age = Duration::from_secs(3600 * (20 - u64::from(number)));
            let path = block_path(folder.path(), &sha256, u64::from(number));
            let file = File::options().write(true).open(path).expect("a file");
            file.set_modified(SystemTime::now() - age).expect("set");
        }
        let read = |number: u8| cache.read(&sha256, u64::from(number), checksum64(&[number; 100]));
        assert_eq!(read(0).as_deref(), Some([0; 100].as_slice()));
        remove_unused(folder.path(), 1000);
        assert!(read(1).is_some());
        remove_unused(folder.path(), 500);
        assert!(read(0).is_some() && read(9).is_some() && read(2).is_none(), "those used last stay");
        fs::write(block_path(folder.path(), &sha256, 9), "another").expect("written");
        assert!(read(9).is_none(), "damage");
    }
}
