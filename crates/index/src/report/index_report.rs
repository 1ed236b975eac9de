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
    /// Number of files whose indexed content was kept, because they are unchanged or cannot be read.
    pub files_unchanged: u64,
    /// Number of files that were removed from the index, because they were deleted or are excluded now.
    pub files_removed: u64,
    /// Number of files that were deleted after the walk found them and before they were read.
    pub files_vanished: u64,
    /// Number of skipped files and folders by [`types::SkipReason::label`].
    pub skipped: BTreeMap<String, u64>,
    /// Problems by path: of files that were indexed only in part, and of files and folders that could not be read.
    pub problems: Vec<(RepoPath, String)>,
    /// The ignore files that cannot be used, and why. The walk has logged them.
    pub ignore_faults: Vec<(RepoPath, String)>,
    /// Files and folders that could not be read, sorted by path. A later run may be able to read them.
    pub unread: Vec<RepoPath>,
    /// The first of the files that were indexed or newly recorded as skipped, and the first of the removed files.
    pub changed: ChangedFiles,
    /// Notes for the user, one sentence each.
    pub notes: Vec<String>,
    /// Number of chunks that were written.
    pub chunks: u64,
    /// Number of bytes of source that were parsed.
    pub bytes: u64,
    /// The reason why stored data was discarded, so that unchanged files may be indexed again; `None` if all was kept.
    pub redone_because: Option<String>,
    pub elapsed: Duration,
    /// The stages in pipeline order.
    pub stages: Vec<StageReport>,
    /// Number of chunks whose vector was computed in this run.
    pub vectors_computed: u64,
    /// Number of chunks whose vector was taken from the cache or from a chunk with the same passage.
    pub vectors_reused: u64,
    /// Number of chunks per call of the embedder; the mean number of texts if the embedder makes its own batches.
    pub embed_batch: usize,
    /// Estimated peak of the memory taken by files in flight, in bytes.
    pub in_flight_peak_bytes: u64,
    /// Peak memory of the process and its parsers during the run, in bytes; `None` if the system does not report it.
    pub peak_memory_bytes: Option<u64>,
    /// The embedder's device; `None` if it was not used.
    pub device: Option<DeviceReport>,
}

/// The first files that a run has written, indexed or skipped, and the first files that it has removed.
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
    /// Returns the files and folders to index again later because they could not be read: the whole folder if one of
    /// them affects the ignore rules, `None` if all could be read.
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
