//! Snapshots in memory: each engine keeps one between calls, and engines of trees of one project share most of it.
//!
//! A process may serve many worktrees. Their snapshots share the block of the snapshot cache that they began with; the
//! rest of each is small, but a hundred of them are large. So only the snapshots used last are kept: the last one, and
//! further ones while they fit into a share of the largest one. The next search of another tree builds its snapshot
//! again from the shared block. Snapshots that share nothing are all kept.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use search::{Snapshot, SnapshotMemory};
use store::ChunkStore;

/// Percentage of the largest snapshot that the other snapshots with its base, besides the one used last, may use
/// together.
const OTHERS_PERCENT: usize = 15;

/// The place for the snapshot of one engine.
pub(crate) struct SnapshotSlot {
    /// Locked only to clone or to swap the pointer.
    snapshot: Mutex<Option<Arc<Snapshot>>>,
    store: Arc<dyn ChunkStore>,
    /// Number of uses of all slots at the last use of this one.
    last_use: AtomicU64,
}

/// The slots of this process.
static SLOTS: Mutex<Vec<Weak<SnapshotSlot>>> = Mutex::new(Vec::new());

/// Number of uses of all slots.
static USES: AtomicU64 = AtomicU64::new(0);

impl SnapshotSlot {
    /// Creates an empty slot for snapshots of `store`.
    pub fn new(store: Arc<dyn ChunkStore>) -> Arc<Self> {
        let slot = Arc::new(Self { snapshot: Mutex::default(), store, last_use: AtomicU64::new(0) });
        let mut slots = SLOTS.lock().unwrap_or_else(PoisonError::into_inner);
        slots.retain(|slot| slot.strong_count() > 0);
        slots.push(Arc::downgrade(&slot));
        slot
    }

    /// Returns the snapshot, if there is one, and counts this as a use.
    pub fn get(&self) -> Option<Arc<Snapshot>> {
        self.last_use.store(USES.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        self.peek()
    }

    /// Returns the snapshot, if there is one.
    fn peek(&self) -> Option<Arc<Snapshot>> {
        self.snapshot.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Replaces the snapshot, and drops those of other slots that use too much memory together.
    pub fn set(&self, snapshot: Arc<Snapshot>) {
        *self.snapshot.lock().unwrap_or_else(PoisonError::into_inner) = Some(snapshot);
        self.get();
        drop_idle_snapshots();
    }

    /// Drops the snapshot, unless a search or a group of repositories uses it, so that it stays in memory anyway.
    fn clear_unused(&self) {
        let is_unused = |snapshot: &mut Arc<Snapshot>| Arc::strong_count(snapshot) == 1;
        let dropped = self.snapshot.lock().unwrap_or_else(PoisonError::into_inner).take_if(is_unused);
        // It uses the view.
        drop(dropped);
        self.release_idle_view();
    }

    /// Closes the view of the store if there is no snapshot and nothing uses the view. An index run opens one; it holds
    /// tables, segments and caches of LanceDB, about a megabyte.
    pub fn release_idle_view(&self) {
        if self.peek().is_none() {
            self.store.release_view();
        }
    }
}

/// Drops, among the snapshots with one base, those that [`count_kept`] does not keep and that nothing uses.
fn drop_idle_snapshots() {
    let slots: Vec<Arc<SnapshotSlot>> =
        SLOTS.lock().unwrap_or_else(PoisonError::into_inner).iter().filter_map(Weak::upgrade).collect();
    let measured = slots.iter().filter_map(|slot| {
        let snapshot = slot.peek()?;
        Some((slot, slot.last_use.load(Ordering::Relaxed), snapshot.memory()))
    });
    let mut measured: Vec<_> = measured.collect();
    measured.sort_by_key(|(_, last_use, memory)| (memory.base, std::cmp::Reverse(*last_use)));
    for group in measured.chunk_by(|a, b| a.2.base == b.2.base) {
        let memories: Vec<SnapshotMemory> = group.iter().map(|(.., memory)| *memory).collect();
        let kept = count_kept(&memories);
        group[kept..].iter().for_each(|(slot, ..)| slot.clear_unused());
    }
}

/// Returns how many of the snapshots with one base are kept: the first, and the next ones while the memory of their own
/// fits into [`OTHERS_PERCENT`] of the largest snapshot. They are sorted by their last use, the last one first.
fn count_kept(memories: &[SnapshotMemory]) -> usize {
    let largest = memories.iter().map(|memory| memory.base_bytes + memory.own_bytes).max().unwrap_or(0);
    let mut left = largest / 100 * OTHERS_PERCENT;
    let fits = |memory: &&SnapshotMemory| {
        let fits = memory.own_bytes <= left;
        left = left.saturating_sub(memory.own_bytes);
        fits
    };
    memories.len().min(1) + memories.iter().skip(1).take_while(fits).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_snapshots_used_last_are_kept_within_a_share_of_the_largest() {
        let memory = |base_bytes, own_bytes| SnapshotMemory { base: 1, base_bytes, own_bytes };
        assert_eq!(count_kept(&[]), 0);
        assert_eq!(count_kept(&[memory(1_000, 900)]), 1, "the one in use is kept");
        assert_eq!(count_kept(&[memory(1_000, 50); 2]), 2);
        assert_eq!(count_kept(&[memory(1_000, 50); 100]), 4, "15 % of 1,050 bytes are three times 50 bytes");
        assert_eq!(
            count_kept(&[memory(1_000, 50), memory(1_000, 400), memory(1_000, 1)]),
            1,
            "in the order of their use"
        );
    }
}
