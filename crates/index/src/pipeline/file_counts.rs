//! Progress of a run, counted in files.

use std::sync::atomic::{AtomicU64, Ordering};

/// Numbers of files that have reached certain points of the pipeline.
#[derive(Default)]
pub(crate) struct FileCounts {
    /// New files, files whose metadata differs from the index, and files that were seen to change.
    pub changed: AtomicU64,
    /// Changed files that have been embedded, were skipped or deleted, or turned out to have the same content.
    pub redone: AtomicU64,
    /// Files that have been embedded, were skipped or deleted, or are unchanged.
    pub done: AtomicU64,
}

impl FileCounts {
    /// Counts files that need only to be committed: `redone` changed files and `unchanged` other files.
    pub fn add_finished(&self, redone: u64, unchanged: u64) {
        self.redone.fetch_add(redone, Ordering::Relaxed);
        self.done.fetch_add(redone + unchanged, Ordering::Relaxed);
    }
}
