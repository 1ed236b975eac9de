//! The stages of the pipeline, with their times and counts.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A stage of the pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Lists the files of the folder.
    Walk,
    /// Reads and hashes the files that may have changed.
    Read,
    /// Splits files into chunks.
    Parse,
    /// Gathers chunks for the embedder.
    Batch,
    /// Computes the vectors of chunks.
    Embed,
    /// Commits files to the store.
    Write,
}

impl Stage {
    /// All stages in pipeline order.
    pub const ALL: [Self; 6] = [Self::Walk, Self::Read, Self::Parse, Self::Batch, Self::Embed, Self::Write];

    /// Returns the name of the stage, such as `walk`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Walk => "walk",
            Self::Read => "read",
            Self::Parse => "parse",
            Self::Batch => "batch",
            Self::Embed => "embed",
            Self::Write => "write",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Times and counts of one stage.
#[derive(Clone, Debug, PartialEq)]
pub struct StageReport {
    pub stage: Stage,
    pub threads: usize,
    /// Time spent working, summed over all threads.
    pub busy: Duration,
    /// Time spent waiting for the previous stage, summed over all threads.
    pub waiting_for_input: Duration,
    /// Time spent waiting for the next stage or for memory, summed over all threads.
    pub waiting_for_output: Duration,
    /// Number of processed files for the stages up to `batch`, of processed chunks from `embed` on.
    pub items: u64,
    /// Bytes of source in the items; 0 for `batch`.
    pub bytes: u64,
    /// The queue in front of the stage; `None` for `walk`.
    pub queue: Option<QueueReport>,
}

/// The fill level of a queue, in elements.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct QueueReport {
    /// Current number of elements.
    pub depth: usize,
    /// Maximum number of elements.
    pub capacity: usize,
    /// Mean number of elements.
    pub mean: f64,
}

impl StageReport {
    /// Creates the report of a stage that has not run.
    pub fn new(stage: Stage) -> Self {
        Self {
            stage,
            threads: 0,
            busy: Duration::ZERO,
            waiting_for_input: Duration::ZERO,
            waiting_for_output: Duration::ZERO,
            items: 0,
            bytes: 0,
            queue: None,
        }
    }
}
