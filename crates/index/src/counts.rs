//! Progress of a run, counted in files.

use std::sync::atomic::AtomicU64;

/// Numbers of files that have reached certain points of the pipeline.
#[derive(Default)]
pub(super) struct FileCounts {
    /// Files whose size or time differs from the index.
    pub changed: AtomicU64,
    /// Those of the changed files that are embedded, or turned out to have the same content.
    pub redone: AtomicU64,
    /// All files that are embedded, skipped or unchanged.
    pub done: AtomicU64,
}
