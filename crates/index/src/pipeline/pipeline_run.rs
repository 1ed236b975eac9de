//! The state that the stages of one indexing attempt share, and its progress.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::RecvTimeoutError;
use parking_lot::Mutex;

use super::budget::MemoryBudget;
use super::clock::{StageClock, StageClocks};
use super::file_counts::FileCounts;
use super::threads::run_beside;
use crate::error::IndexError;
use crate::report::{IndexPhase, IndexProgress, Stage};
use embed::{DeviceReport, Embedder};
use platform::cancel::{CancelChannel, CancelToken};
use platform::process;
use store::CommitStatus;
use workers::ParserPool;

/// Interval of progress reports.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);

/// One attempt to update the index.
pub(crate) struct PipelineRun<'e> {
    embedder: &'e dyn Embedder,
    parsers: &'e ParserPool,
    pub cancel: CancelChannel,
    pub started: Instant,
    pub clocks: StageClocks,
    pub budget: Arc<MemoryBudget>,
    pub counts: FileCounts,
    baseline: RunBaseline,
    walk_ended: AtomicBool,
    finishing: AtomicBool,
    /// Largest sampled memory use of the process and its parsers, in bytes; `None` if it is unknown.
    peak_memory_bytes: Mutex<Option<u64>>,
}

/// Counts from the last run; interim commits store them until this run completes.
#[derive(Default)]
pub(crate) struct RunBaseline {
    /// Number of files stored before the run; `None` for a run over the whole folder. Until the walk ends, interim
    /// commits give it as the number of files found.
    pub stored_files: Option<u64>,
    /// Number of stored files outside of the run's scope.
    pub out_of_scope_files: u64,
    /// Skipped files by reason, as counted by the last complete run.
    pub skipped: BTreeMap<String, u64>,
}

impl<'e> PipelineRun<'e> {
    /// Creates a run whose files in flight may take up to `in_flight_bytes` of memory. Starts no threads.
    pub fn new(
        embedder: &'e dyn Embedder,
        parsers: &'e ParserPool,
        in_flight_bytes: u64,
        baseline: RunBaseline,
        cancel: &CancelToken,
    ) -> Self {
        embedder.reset_report();
        Self {
            embedder,
            parsers,
            cancel: cancel.channel(),
            started: Instant::now(),
            clocks: StageClocks::new(),
            budget: MemoryBudget::new(in_flight_bytes),
            counts: FileCounts::default(),
            baseline,
            walk_ended: AtomicBool::new(false),
            finishing: AtomicBool::new(false),
            peak_memory_bytes: Mutex::default(),
        }
    }

    /// Records that the walk has ended.
    pub fn set_walk_ended(&self) {
        self.walk_ended.store(true, Ordering::Relaxed);
    }

    /// Runs `work` while another thread passes the progress to `observe`: regularly, and once when `work` has ended.
    pub fn run_observed<T, E: From<IndexError>>(
        &self,
        observe: &(dyn Fn(&IndexProgress) + Sync),
        work: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        let report = || {
            self.sample_resources();
            observe(&self.progress());
        };
        run_beside(
            "progress",
            |ended| {
                while ended.recv_timeout(PROGRESS_INTERVAL) == Err(RecvTimeoutError::Timeout) {
                    report();
                }
                report();
            },
            work,
        )
    }

    /// Samples the queue depths, the use of the device and the memory of the process and its parsers.
    fn sample_resources(&self) {
        self.clocks.iter().for_each(StageClock::sample_queue);
        self.embedder.sample_device();
        let resident = process::resident_bytes().map(|bytes| bytes + self.parsers.memory_bytes());
        let mut peak = self.peak_memory_bytes.lock();
        *peak = resident.max(*peak);
    }

    /// Returns the largest sampled memory use of the process and its parsers, in bytes; `None` if it is unknown.
    pub fn peak_memory_bytes(&self) -> Option<u64> {
        *self.peak_memory_bytes.lock()
    }

    /// Returns the mean number of texts per batch of the device, rounded up; `None` if it has run no batch, or the
    /// embedder does not make its own batches.
    pub fn mean_batch_chunks(&self) -> Option<usize> {
        let device = self.device().filter(|device| device.batches > 0 && self.embedder.batches_internally())?;
        usize::try_from(device.texts.div_ceil(device.batches)).ok()
    }

    /// Returns a report of the embedder's device, if it has one.
    pub fn device(&self) -> Option<DeviceReport> {
        self.embedder.device_report()
    }

    /// Returns the status to store with an interim commit.
    pub fn interim_status(&self) -> CommitStatus {
        let files_found = match self.walk_ended.load(Ordering::Relaxed) {
            true => Some(self.baseline.out_of_scope_files + self.clocks[Stage::Walk].items()),
            false => self.baseline.stored_files,
        };
        // Stored as 0 if it is not known.
        let files_found = files_found.unwrap_or(0);
        CommitStatus { complete: false, files_found, skipped: self.baseline.skipped.clone(), head: None }
    }

    /// Returns the progress of the run.
    fn progress(&self) -> IndexProgress {
        let finishing = self.finishing.load(Ordering::Relaxed);
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        IndexProgress {
            phase: if finishing { IndexPhase::Finishing } else { IndexPhase::Indexing },
            files_found: self.clocks[Stage::Walk].items(),
            walk_ended: self.walk_ended.load(Ordering::Relaxed),
            files_done: count(&self.counts.done),
            files_changed: count(&self.counts.changed),
            files_redone: count(&self.counts.redone),
            chunks: self.clocks[Stage::Embed].items(),
            elapsed: self.started.elapsed(),
            stages: self.clocks.report(),
            device: self.device(),
        }
    }

    /// Runs the work that follows the stages and adds its time to the `write` stage.
    pub fn run_finish<T>(&self, work: impl FnOnce() -> T) -> T {
        self.finishing.store(true, Ordering::Relaxed);
        self.clocks[Stage::Write].track_resumed_thread(work)
    }
}
