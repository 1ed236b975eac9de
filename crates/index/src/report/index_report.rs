//! The result of an index run.

use std::collections::BTreeMap;
use std::time::Duration;

use super::stage::StageReport;
use crate::request::IndexScope;
use embed::DeviceReport;
use source::walk;
use types::RepoPath;

/// The result of an index run.
#[derive(Clone, Debug, Default)]
pub struct IndexReport {
    /// Files that the walk found.
    pub files_found: u64,
    /// Files that were parsed, embedded and written.
    pub files_indexed: u64,
    /// Files whose content is the indexed one.
    pub files_unchanged: u64,
    /// Files that were deleted from the folder and from the index.
    pub files_removed: u64,
    /// Files that were deleted between the walk and their read.
    pub files_vanished: u64,
    /// Number of skipped files and folders by [`types::SkipReason::label`].
    pub skipped: BTreeMap<String, u64>,
    /// Problems by path: files that were indexed only in part, and files and folders that could not be read,
    /// whose indexed data is kept.
    pub problems: Vec<(RepoPath, String)>,
    /// Files and folders that could not be read, sorted by path. A later run may be able to read them.
    pub unread: Vec<RepoPath>,
    /// Suggestions for the user, one sentence each.
    pub notes: Vec<String>,
    /// Chunks that were written.
    pub chunks: u64,
    /// Bytes of source that were parsed.
    pub bytes: u64,
    /// Why unchanged files were indexed again; `None` if none were.
    pub redone_because: Option<String>,
    pub elapsed: Duration,
    /// The stages in pipeline order.
    pub stages: Vec<StageReport>,
    /// Vectors computed in this run.
    pub vectors_computed: u64,
    /// Vectors taken from the cache.
    pub vectors_reused: u64,
    /// Chunks in a call of the embedder; the mean if the embedder makes its own batches.
    pub embed_batch: usize,
    /// Estimated peak of the memory taken by files in flight, in bytes.
    pub in_flight_peak_bytes: u64,
    /// Peak memory of the process during the run, in bytes; `None` if the system does not report it.
    pub peak_memory_bytes: Option<u64>,
    /// The embedder's device; `None` if it was not used.
    pub device: Option<DeviceReport>,
}

impl IndexReport {
    /// Returns the scope to index again later because parts of it could not be read; `None` if all of it
    /// could.
    pub fn retry_scope(&self) -> Option<IndexScope> {
        if self.unread.is_empty() {
            None
        } else if self.unread.iter().any(walk::affects_ignore_rules) {
            Some(IndexScope::All)
        } else {
            Some(IndexScope::Paths(self.unread.clone()))
        }
    }
}
