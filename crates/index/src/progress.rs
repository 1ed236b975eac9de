use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use embed::{DeviceReport, EmbedError};
use source::walk::{self, WalkError};
use store::StoreError;
use types::{PathSet, RepoPath, SkipReason};

/// A flag that stops a running operation; clones share it.
#[derive(Clone, Debug, Default)]
pub struct CancelToken(Arc<AtomicBool>);

impl CancelToken {
    /// Requests a stop. Finished commits are kept.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Returns the shared flag, for crates that do not depend on this one.
    pub fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0)
    }

    /// Returns whether a stop was requested.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Options of an index run.
#[derive(Clone, Debug, Default)]
pub struct IndexRequest {
    /// Discard the stored index and start again.
    pub rebuild: bool,
    /// The part of the folder to look at. An incomplete index is always updated as a whole.
    pub scope: IndexScope,
}

/// The part of a folder that a run looks at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum IndexScope {
    /// The whole folder.
    #[default]
    All,
    /// These files, and everything below these folders.
    Paths(Vec<RepoPath>),
}

impl IndexScope {
    /// Returns the paths of a partial scope; `None` for the whole folder.
    pub fn paths(&self) -> Option<&[RepoPath]> {
        match self {
            Self::All => None,
            Self::Paths(paths) => Some(paths),
        }
    }

    /// Returns the scope that covers both.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        match (self, other) {
            (Self::Paths(one), Self::Paths(other)) => {
                let both: PathSet = one.into_iter().chain(other).collect();
                Self::Paths(both.into_iter().collect())
            }
            _ => Self::All,
        }
    }

    /// Returns the paths as a set, to test many files; `None` for the whole folder.
    pub fn path_set(&self) -> Option<PathSet> {
        self.paths().map(|paths| paths.iter().cloned().collect())
    }
}

/// The part of an index run that is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IndexPhase {
    /// Files pass through the stages.
    Indexing,
    /// All chunks are committed; the store merges small fragments and index segments.
    Finishing,
}

/// The progress of a running index run.
#[derive(Clone, Debug)]
pub struct IndexProgress {
    pub phase: IndexPhase,
    /// Files that the walk has found so far.
    pub files_found: u64,
    /// Whether the walk has ended, so that `files_found` is final.
    pub walk_ended: bool,
    /// Files that need nothing but their commit: indexed, skipped or unchanged.
    pub files_done: u64,
    /// Files found so far whose size or time differs from the index.
    pub files_changed: u64,
    /// Those of `files_changed` that are done.
    pub files_redone: u64,
    /// Chunks embedded so far.
    pub chunks: u64,
    /// Time since the run began.
    pub elapsed: Duration,
    /// The stages in pipeline order.
    pub stages: Vec<StageReport>,
    /// The embedder's device; `None` if it has none.
    pub device: Option<DeviceReport>,
}

impl IndexProgress {
    /// Estimates the remaining time from the rate so far. Returns `None` until the walk has ended and the run
    /// has taken two seconds. Unchanged files count for nothing, since they take no time.
    pub fn remaining(&self) -> Option<Duration> {
        let counted = self.walk_ended && self.files_redone > 0 && self.elapsed >= MIN_RATE_TIME;
        if !counted || self.phase != IndexPhase::Indexing {
            return None;
        }
        let rest = self.files_changed.saturating_sub(self.files_redone) as f64;
        Duration::try_from_secs_f64(rest * self.elapsed.as_secs_f64() / self.files_redone as f64).ok()
    }
}

/// Time before the first estimate of the rate.
const MIN_RATE_TIME: Duration = Duration::from_secs(2);

/// Times and counts of one stage.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StageReport {
    /// `walk`, `read`, `parse`, `batch`, `embed` or `write`.
    pub stage: &'static str,
    pub threads: usize,
    /// Summed over all threads.
    pub busy: Duration,
    /// Time spent waiting for the previous stage, summed over all threads.
    pub waiting_for_input: Duration,
    /// Time spent waiting for the next stage or for memory, summed over all threads.
    pub waiting_for_output: Duration,
    /// Files up to `batch`, chunks from `embed` on.
    pub items: u64,
    /// Bytes of source in the items; 0 for `batch`.
    pub bytes: u64,
    /// Elements in the input queue now.
    pub queue_depth: usize,
    /// Largest number of elements in the input queue; 0 for `walk`, which has none.
    pub queue_capacity: usize,
    /// Mean number of elements in the input queue.
    pub queue_mean: f64,
}

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
    /// Number of skipped files and folders by [`SkipReason::label`].
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
    /// Peak memory of the process during the run, in bytes; 0 if the system does not report it.
    pub peak_memory_bytes: u64,
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

/// The files that an index run would include and exclude.
#[derive(Clone, Debug, Default)]
pub struct DryRun {
    /// Files to index, sorted by path, with their languages.
    pub included: Vec<(RepoPath, types::Language)>,
    /// Files and folders to skip, with whether it is a folder and the reason.
    pub excluded: Vec<(RepoPath, bool, SkipReason)>,
}

impl IndexError {
    /// Returns whether another process is writing the index, so a later attempt may succeed.
    pub fn is_busy(&self) -> bool {
        matches!(self, Self::Contended { .. } | Self::Store(StoreError::Locked { .. }))
    }
}

/// The reason why an index run failed.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// The root could not be walked.
    #[error(transparent)]
    Walk(#[from] WalkError),
    /// The store could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// All parsed files together would exceed the memory limit.
    #[error(
        "--preparse would hold about {needed_bytes} bytes for {files} files, more than the {ceiling_bytes} that --max-memory leaves for files; raise --max-memory or leave --preparse out"
    )]
    Preparse { files: u64, needed_bytes: u64, ceiling_bytes: u64 },
    /// Other processes keep committing to the same index.
    #[error("the index of {root} keeps being changed by another process; wait for it to end, then run this again")]
    Contended { root: PathBuf },
    /// A thread could not be started.
    #[error("cannot start the {stage} stage: {source}")]
    Thread { stage: &'static str, source: std::io::Error },
    /// The model or its device failed.
    #[error(transparent)]
    Embed(#[from] EmbedError),
    /// A stage panicked, which is a bug.
    #[error("the {stage} stage failed: {message}; what was committed before is kept; please report this")]
    Panic { stage: &'static str, message: String },
    /// [`CancelToken::cancel`] was called.
    #[error("indexing of {root} was cancelled; what was committed is kept, run it again to complete it")]
    Cancelled { root: PathBuf },
}
