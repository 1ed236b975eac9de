//! The progress of a running index run.

use std::time::Duration;

use super::stage::StageReport;
use embed::DeviceReport;

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
    /// Files that need only to be committed: indexed, skipped, deleted or unchanged.
    pub files_done: u64,
    /// Files found so far that are new, whose metadata differs from the index, or that were seen to change.
    pub files_changed: u64,
    /// Changed files that are done.
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
    /// Estimates the remaining time from the rate so far. Returns `None` until the walk has ended, a changed file is
    /// done and the run has taken two seconds, and in the finishing phase. Unchanged files are not counted, because
    /// they take almost no time.
    pub fn remaining(&self) -> Option<Duration> {
        let counted = self.walk_ended && self.files_redone > 0 && self.elapsed >= MIN_RATE_TIME;
        if !counted || self.phase != IndexPhase::Indexing {
            return None;
        }
        let rest = self.files_changed.saturating_sub(self.files_redone) as f64;
        Duration::try_from_secs_f64(rest * self.elapsed.as_secs_f64() / self.files_redone as f64).ok()
    }
}

/// Minimum elapsed time of a run before its remaining time is estimated.
const MIN_RATE_TIME: Duration = Duration::from_secs(2);
