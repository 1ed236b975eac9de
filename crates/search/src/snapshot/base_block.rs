//! Base blocks: the blocks of snapshot caches, which the snapshots of all trees in this process share.
//!
//! Trees of one project begin with the same snapshot cache, as links or copies of one file. A base block is shared only
//! by trees whose cache files have the same content ([`CacheIdentity`]). So a row that a tree has written since then is
//! never taken for the row of another tree, even if both have the same key: such rows are in other blocks.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::column_block::ColumnBlock;
use super::columns::SnapshotColumns;
use super::file_chunks::{FileChunks, split_into_files};
use super::snapshot_cache::CacheIdentity;

/// A block with all chunks of one generation, and the files in it.
pub(super) struct BaseBlock {
    pub block: Arc<ColumnBlock>,
    pub files: Arc<Vec<Arc<FileChunks>>>,
    /// Number of the generation that the block holds.
    pub generation: u64,
    /// The columns of a snapshot that consists of this block alone, while there is such a snapshot.
    columns: Mutex<Weak<SnapshotColumns>>,
}

impl BaseBlock {
    pub fn new(block: ColumnBlock, generation: u64) -> Self {
        let block = Arc::new(block);
        let files = Arc::new(split_into_files(&block));
        Self { block, files, generation, columns: Mutex::default() }
    }

    /// Returns the columns of a snapshot that consists of this block alone.
    pub fn columns(&self) -> Arc<SnapshotColumns> {
        let held = || self.columns.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(columns) = held().upgrade() {
            return columns;
        }
        // Not locked meanwhile: a thread that waits for parallel work may pick up other work that needs the lock.
        let columns = Arc::new(SnapshotColumns::from_files(Arc::clone(&self.files)));
        let mut held = held();
        held.upgrade().unwrap_or_else(|| {
            *held = Arc::downgrade(&columns);
            columns
        })
    }
}

/// The base block of a snapshot cache, while a snapshot uses it. Locked while the block is read, so that trees that
/// start together read it once.
type BaseSlot = Arc<Mutex<Weak<BaseBlock>>>;

/// The base blocks in this process.
static BASES: Mutex<Vec<(CacheIdentity, BaseSlot)>> = Mutex::new(Vec::new());

/// Returns the base block of the snapshot cache with this identity: the one in memory, or else the result of `read`.
pub(super) fn share_base(identity: &CacheIdentity, read: impl FnOnce() -> Option<BaseBlock>) -> Option<Arc<BaseBlock>> {
    let slot = find_slot(identity);
    let mut held = slot.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(base) = held.upgrade() {
        return Some(base);
    }
    let base = Arc::new(read()?);
    *held = Arc::downgrade(&base);
    Some(base)
}

fn find_slot(identity: &CacheIdentity) -> BaseSlot {
    let mut bases = BASES.lock().unwrap_or_else(PoisonError::into_inner);
    // A locked slot is in use.
    bases.retain(|(_, slot)| Arc::strong_count(slot) > 1 || slot.lock().is_ok_and(|held| held.strong_count() > 0));
    if let Some((_, slot)) = bases.iter().find(|(other, _)| other == identity) {
        return Arc::clone(slot);
    }
    let slot = BaseSlot::default();
    bases.push((identity.clone(), Arc::clone(&slot)));
    slot
}
