use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::store::StoreError;
use crate::types::{RepoPath, SkipReason};
use crate::walk::WalkError;

/// Tells a running index to stop; clones share the flag.
#[derive(Clone, Debug, Default)]
pub struct CancelToken(Arc<AtomicBool>);

impl CancelToken {
    /// Asks for a stop. What was committed stays.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether a stop was asked for.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// What to do with what is already there.
#[derive(Clone, Copy, Debug, Default)]
pub struct IndexRequest {
    /// Do everything again, whatever the store holds.
    pub rebuild: bool,
}

/// What an index run is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Files go through the stages.
    Indexing,
    /// All chunks are committed; the full-text index is brought up to date.
    Finishing,
}

/// A look at a running index.
#[derive(Clone, Debug)]
pub struct Progress {
    pub phase: Phase,
    /// Files the walk has found so far.
    pub files_found: u64,
    /// Whether `files_found` is final.
    pub walk_ended: bool,
    /// Files that are done: unchanged, indexed, or skipped after reading.
    pub files_done: u64,
    /// Chunks embedded so far.
    pub chunks: u64,
    /// Since the run began.
    pub elapsed: Duration,
}

/// What one stage did in a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StageReport {
    /// `walk`, `read`, `parse`, `embed` or `write`.
    pub stage: &'static str,
    pub threads: usize,
    /// Summed over its threads.
    pub busy: Duration,
    /// Waiting for the stage before it; summed over its threads.
    pub waiting_for_input: Duration,
    /// Waiting for the stage after it; summed over its threads.
    pub waiting_for_output: Duration,
    /// Files, or chunks from `embed` on.
    pub items: u64,
}

/// What an index run did.
#[derive(Clone, Debug)]
pub struct IndexReport {
    /// Files the walk found.
    pub files_found: u64,
    /// Files parsed, embedded and written in this run.
    pub files_indexed: u64,
    /// Files left as they were.
    pub files_unchanged: u64,
    /// Files gone from the folder, and so from the index.
    pub files_removed: u64,
    /// Files and folders left out, by [`SkipReason::label`].
    pub skipped: BTreeMap<String, u64>,
    /// Files indexed with a problem, and what it was.
    pub problems: Vec<(RepoPath, String)>,
    /// Chunks written in this run.
    pub chunks: u64,
    /// Bytes of source parsed in this run.
    pub bytes: u64,
    /// Why rows of an earlier run were done again although their files had not changed; `None` if none were.
    pub redone_because: Option<String>,
    pub elapsed: Duration,
    /// In the order of the pipeline.
    pub stages: Vec<StageReport>,
}

/// What `index --dry-run` lists.
#[derive(Clone, Debug, Default)]
pub struct DryRun {
    /// Files that would be indexed, by path, with their language.
    pub included: Vec<(RepoPath, crate::types::Language)>,
    /// Files and folders (`is_dir`) that would not, and why.
    pub excluded: Vec<(RepoPath, bool, SkipReason)>,
}

/// Why an index run ended early.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// The root could not be walked.
    #[error(transparent)]
    Walk(#[from] WalkError),
    /// The store could not be written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Other processes keep committing to the same index.
    #[error("the index of {root} keeps being changed by another process; wait for it to end, then run this again")]
    Contended { root: PathBuf },
    /// A thread could not be started.
    #[error("cannot start the {stage} stage: {source}")]
    Thread { stage: &'static str, source: std::io::Error },
    /// A bug: a stage panicked.
    #[error("the {stage} stage failed: {message}; what was committed before is kept; please report this")]
    Panic { stage: &'static str, message: String },
    /// [`CancelToken::cancel`] was called.
    #[error("indexing of {root} was cancelled; what was committed is kept, run it again to complete it")]
    Cancelled { root: PathBuf },
}
