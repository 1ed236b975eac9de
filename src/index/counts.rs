//! How far the stages are, in files.
//!
//! Must never import anything of this crate.

use std::sync::atomic::AtomicU64;

/// Files, as far as the stages are.
#[derive(Default)]
pub(super) struct Counts {
    /// Those whose size or time is not the known one.
    pub changed: AtomicU64,
    /// Of these, the ones that have been through the embedder or turned out to be as they were.
    pub redone: AtomicU64,
    /// All that are through, unchanged ones too.
    pub done: AtomicU64,
}
