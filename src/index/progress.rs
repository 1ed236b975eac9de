use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::embed::{DeviceReport, EmbedError};
use crate::store::StoreError;
use crate::types::{Places, RepoPath, SkipReason};
use crate::walk::{self, WalkError};

/// Tells a running index to stop; clones share the flag.
#[derive(Clone, Debug, Default)]
pub struct CancelToken(Arc<AtomicBool>);

impl CancelToken {
    /// Asks for a stop. What was committed stays.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// The flag itself, for who must not know this type.
    pub fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0)
    }

    /// Whether a stop was asked for.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// What to do with what is already there.
#[derive(Clone, Debug, Default)]
pub struct IndexRequest {
    /// Do everything again, whatever the store holds.
    pub rebuild: bool,
    /// What to look at. A part is only looked at alone where the index is complete.
    pub scope: Scope,
}

/// The part of the folder that a run looks at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// All of it.
    #[default]
    All,
    /// These files, and what is below these folders.
    Paths(Vec<RepoPath>),
}

impl Scope {
    /// The paths of a part.
    pub fn paths(&self) -> Option<&[RepoPath]> {
        match self {
            Self::All => None,
            Self::Paths(paths) => Some(paths),
        }
    }

    /// Both parts together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Paths(one), Self::Paths(other)) => {
                let both: Places = one.into_iter().chain(other).collect();
                Self::Paths(both.into_iter().collect())
            }
            _ => Self::All,
        }
    }

    /// To ask of many files whether they are looked at; `None` for all of them.
    pub fn places(&self) -> Option<Places> {
        self.paths().map(|paths| paths.iter().cloned().collect())
    }
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
    /// Files that are done but for their commit: unchanged, indexed, or skipped after reading.
    pub files_done: u64,
    /// Files found so far whose size or time is not the one that the index knows…
    pub files_changed: u64,
    /// … and how many of these are done.
    pub files_redone: u64,
    /// Chunks embedded so far.
    pub chunks: u64,
    /// Since the run began.
    pub elapsed: Duration,
    /// What each stage has done so far, in the order of the pipeline.
    pub stages: Vec<StageReport>,
    /// What the embedder's device has done so far, where it has one.
    pub device: Option<DeviceReport>,
}

impl Progress {
    /// The time the rest should take at the rate so far; `None` while the number of files is not
    /// known or there is no rate yet. What an earlier run has done takes no time, and counts for nothing.
    pub fn remaining(&self) -> Option<Duration> {
        let counted = self.walk_ended && self.files_redone > 0 && self.elapsed >= MIN_RATE_TIME;
        if !counted || self.phase != Phase::Indexing {
            return None;
        }
        let rest = self.files_changed.saturating_sub(self.files_redone) as f64;
        Duration::try_from_secs_f64(rest * self.elapsed.as_secs_f64() / self.files_redone as f64).ok()
    }
}

/// Before this there is no rate to tell the rest from.
const MIN_RATE_TIME: Duration = Duration::from_secs(2);

/// What one stage did in a run, or has done so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StageReport {
    /// `walk`, `read`, `parse`, `batch`, `embed` or `write`.
    pub stage: &'static str,
    pub threads: usize,
    /// Summed over its threads.
    pub busy: Duration,
    /// Waiting for the stage before it; summed over its threads.
    pub waiting_for_input: Duration,
    /// Waiting for the stage after it, or for memory; summed over its threads.
    pub waiting_for_output: Duration,
    /// Files, or chunks from `embed` on.
    pub items: u64,
    /// Bytes of source in them; 0 for `batch`.
    pub bytes: u64,
    /// Batches in the queue in front of it, now…
    pub queue_depth: usize,
    /// … at most (0 for `walk`, which has none)…
    pub queue_capacity: usize,
    /// … and on average.
    pub queue_mean: f64,
}

/// What an index run did.
#[derive(Clone, Debug, Default)]
pub struct IndexReport {
    /// Files the walk found.
    pub files_found: u64,
    /// Files parsed, embedded and written in this run.
    pub files_indexed: u64,
    /// Files left as they were.
    pub files_unchanged: u64,
    /// Files gone from the folder, and so from the index.
    pub files_removed: u64,
    /// Files that were gone by the time they were to be read.
    pub files_vanished: u64,
    /// Files and folders left out, by [`SkipReason::label`].
    pub skipped: BTreeMap<String, u64>,
    /// Files indexed with a problem, and what it was; places that could not be read, whose rows are kept.
    pub problems: Vec<(RepoPath, String)>,
    /// Files and folders that could not be read, by path: worth another look later.
    pub unread: Vec<RepoPath>,
    /// What a user may want to change, a sentence each.
    pub notes: Vec<String>,
    /// Chunks written in this run.
    pub chunks: u64,
    /// Bytes of source parsed in this run.
    pub bytes: u64,
    /// Why rows of an earlier run were done again although their files had not changed; `None` if none were.
    pub redone_because: Option<String>,
    pub elapsed: Duration,
    /// In the order of the pipeline.
    pub stages: Vec<StageReport>,
    /// Vectors computed in this run…
    pub vectors_computed: u64,
    /// … and those that an earlier run had computed.
    pub vectors_reused: u64,
    /// Chunks in a call of the embedder; the mean, where it makes its own batches.
    pub embed_batch: usize,
    /// The most that files in flight took at once, by estimate, in bytes.
    pub in_flight_peak_bytes: u64,
    /// The most memory that the process had while the run went on, in bytes; 0 where the system
    /// does not tell.
    pub peak_memory_bytes: u64,
    /// What the embedder's device did, where it has one.
    pub device: Option<DeviceReport>,
}

impl IndexReport {
    /// What is worth another look later, because it could not be read; `None` where everything could.
    pub fn look_again(&self) -> Option<Scope> {
        if self.unread.is_empty() {
            None
        } else if self.unread.iter().any(walk::changes_rules) {
            Some(Scope::All)
        } else {
            Some(Scope::Paths(self.unread.clone()))
        }
    }
}

/// What `index --dry-run` lists.
#[derive(Clone, Debug, Default)]
pub struct DryRun {
    /// Files that would be indexed, by path, with their language.
    pub included: Vec<(RepoPath, crate::types::Language)>,
    /// Files and folders (`is_dir`) that would not, and why.
    pub excluded: Vec<(RepoPath, bool, SkipReason)>,
}

impl IndexError {
    /// Whether another process is writing the index: worth another try later.
    pub fn is_busy(&self) -> bool {
        matches!(self, Self::Contended { .. } | Self::Store(StoreError::Locked { .. }))
    }
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
    /// Parsing everything first would not fit the memory ceiling.
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
    /// A bug: a stage panicked.
    #[error("the {stage} stage failed: {message}; what was committed before is kept; please report this")]
    Panic { stage: &'static str, message: String },
    /// [`CancelToken::cancel`] was called.
    #[error("indexing of {root} was cancelled; what was committed is kept, run it again to complete it")]
    Cancelled { root: PathBuf },
}
