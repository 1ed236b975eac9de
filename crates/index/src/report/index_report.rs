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
    /// Number of files that the walk found.
    pub files_found: u64,
    /// Number of files that were parsed, embedded and written.
    pub files_indexed: u64,
    /// Number of files whose content equals the indexed content.
    pub files_unchanged: u64,
    /// Number of files that were deleted from the folder and then removed from the index.
    pub files_removed: u64,
    /// Number of files that were deleted after the walk found them and before they were read.
    pub files_vanished: u64,
    /// Number of skipped files and folders by [`types::SkipReason::label`].
    pub skipped: BTreeMap<String, u64>,
    /// Problems by path: files that were indexed only in part, and files and folders that could not be read,
    /// whose indexed data is kept.
    pub problems: Vec<(RepoPath, String)>,
    /// Files and folders that could not be read, sorted by path. A later run may be able to read them.
    pub unread: Vec<RepoPath>,
    /// The files that were indexed and removed, by name.
    pub changed: ChangedFiles,
    /// Suggestions for the user, one sentence each.
    pub notes: Vec<String>,
    /// Number of chunks that were written.
    pub chunks: u64,
    /// Number of bytes of source that were parsed.
    pub bytes: u64,
    /// The reason why unchanged files were indexed again; `None` if none were.
    pub redone_because: Option<String>,
    pub elapsed: Duration,
    /// The stages in pipeline order.
    pub stages: Vec<StageReport>,
    /// Number of vectors computed in this run.
    pub vectors_computed: u64,
    /// Number of vectors taken from the cache.
    pub vectors_reused: u64,
    /// Number of chunks per call of the embedder; the mean if the embedder makes its own batches.
    pub embed_batch: usize,
    /// Estimated peak of the memory taken by files in flight, in bytes.
    pub in_flight_peak_bytes: u64,
    /// Peak memory of the process and its parsers during the run, in bytes; `None` if the system does not report it.
    pub peak_memory_bytes: Option<u64>,
    /// The embedder's device; `None` if it was not used.
    pub device: Option<DeviceReport>,
}

/// The first files that a run has indexed and removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChangedFiles {
    pub indexed: FileList,
    pub removed: FileList,
}

/// The first files of a list, sorted by path, and the number of all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileList {
    /// At most [`FileList::MAX_PATHS`] paths.
    pub paths: Vec<RepoPath>,
    pub count: u64,
}

impl FileList {
    /// Maximum number of paths.
    pub const MAX_PATHS: usize = 20;

    /// Creates the list of `paths`, which may be in any order.
    pub(crate) fn new<'p>(paths: impl Iterator<Item = &'p RepoPath>) -> Self {
        let mut all: Vec<&RepoPath> = paths.collect();
        let count = all.len() as u64;
        all.sort_unstable();
        Self { paths: all.into_iter().take(Self::MAX_PATHS).cloned().collect(), count }
    }
}

impl IndexReport {
    /// Returns the files and folders to index again later because they could not be read; `None` if all could be read.
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
