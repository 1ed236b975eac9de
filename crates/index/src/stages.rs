//! Runs the six stages of an indexing attempt, connected by queues.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, Scope as Threads, ScopedJoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::{RecvTimeoutError, bounded};

use super::budget::{self, MemoryBudget};
use super::counts::FileCounts;
use super::flow::{StageClock, StageReceiver, StageSender, connect_stages};
use super::indexer::{AttemptError, Indexer};
use super::plan::RunPlan;
use super::stage_embed::{EmbedStage, EmbedSummary};
use super::stage_parse::PrepareOptions;
use super::stage_read::FileReader;
use super::stage_walk::WalkSummary;
use super::stage_write::{RunWriter, WriteSummary};
use super::{CancelToken, IndexError, IndexPhase, IndexProgress, IndexScope};
use super::{stage_batch, stage_embed, stage_parse, stage_read, stage_walk};
use config::{DEFAULT_EMBED_WORKERS, PipelineSettings};
use embed::DeviceReport;
use platform::process;
use source::parse::Parser;
use source::walk::{WalkEntry, WalkError, WalkOptions};
use store::CommitStatus;

/// Interval of progress reports.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);

/// Number of files that the walk may be ahead of the readers. It exceeds the other queues, so that the total
/// becomes known early; an entry takes little memory.
const WALK_AHEAD_FILES: usize = 65_536;

/// A queue of batches of chunks is shorter than a queue of batches of files by this factor.
const WINDOW_QUEUE_FACTOR: usize = 8;

/// Indexes into `clocks`.
const WALK: usize = 0;
const READ: usize = 1;
const PARSE: usize = 2;
const BATCH: usize = 3;
const EMBED: usize = 4;
const WRITE: usize = 5;

/// One attempt to update the index.
pub(super) struct PipelineRun<'e> {
    indexer: &'e Indexer<'e>,
    pub cancel: &'e CancelToken,
    pub started: Instant,
    pub clocks: [StageClock; 6],
    pub budget: Arc<MemoryBudget>,
    baseline: RunBaseline,
    walk_ended: AtomicBool,
    finishing: AtomicBool,
    counts: FileCounts,
    peak_memory_bytes: AtomicU64,
}

/// Counts of the last run that interim commits use until this run completes.
#[derive(Default)]
pub(super) struct RunBaseline {
    /// Number of stored files, used while the walk goes on; 0 if not known.
    pub stored_files: u64,
    /// Number of stored files outside of the run's scope.
    pub out_of_scope_files: u64,
    /// Skipped files by reason, as counted by the last complete run.
    pub skipped: BTreeMap<String, u64>,
}

/// The results of the stages.
pub(super) struct StageResults {
    pub walked: WalkSummary,
    pub written: WriteSummary,
    pub embedded: EmbedSummary,
}

impl<'e> PipelineRun<'e> {
    /// Creates a run; starts no thread.
    pub fn new(indexer: &'e Indexer<'e>, cancel: &'e CancelToken, baseline: RunBaseline) -> Self {
        indexer.embedder.reset_report();
        Self {
            indexer,
            cancel,
            started: Instant::now(),
            clocks: ["walk", "read", "parse", "batch", "embed", "write"].map(StageClock::new),
            budget: MemoryBudget::new(indexer.in_flight_bytes()),
            baseline,
            walk_ended: AtomicBool::new(false),
            finishing: AtomicBool::new(false),
            counts: FileCounts::default(),
            peak_memory_bytes: AtomicU64::new(0),
        }
    }

    fn pipeline(&self) -> &'e PipelineSettings {
        &self.indexer.settings.pipeline
    }

    fn connect<T>(&self, from: usize, to: usize, capacity: usize) -> (StageSender<'_, T>, StageReceiver<'_, T>) {
        connect_stages(&self.clocks[from], &self.clocks[to], capacity, self.cancel)
    }

    /// Runs all stages to their end: each on its own threads, but `write` on this one. Joins all threads.
    pub fn run_stages(
        &self,
        plan: &RunPlan,
        scope: &IndexScope,
        writer: &mut RunWriter<'_>,
    ) -> Result<StageResults, AttemptError> {
        let stage = EmbedStage::new(self.indexer.embedder, self.indexer.cache, self.pipeline().embed_batch);
        thread::scope(|threads| {
            let depth = self.pipeline().queue_depth;
            let windows = (depth / WINDOW_QUEUE_FACTOR).max(1);
            let ahead = depth.max(WALK_AHEAD_FILES / self.pipeline().file_batch);
            let (to_read, entries) = self.connect(WALK, READ, ahead);
            let (to_parse, read) = self.connect(READ, PARSE, depth);
            let (to_batch, parsed) = self.connect(PARSE, BATCH, depth);
            let (to_embed, batches) = self.connect(BATCH, EMBED, windows);
            // The longest queue, so that the embedder goes on during a commit; the memory budget limits it as
            // well.
            let (to_write, embedded) = self.connect(EMBED, WRITE, depth);
            let walk = self.spawn_stage(threads, WALK, move || self.run_walk(scope, plan, &to_read))?;
            let mut stage_threads = self.spawn_readers(threads, plan, entries, to_parse)?;
            stage_threads.extend(self.spawn_parsers(threads, read, to_batch)?);
            let (preparse, budget) = (self.pipeline().preparse, &self.budget);
            let window = self.indexer.embedder.window_chunks().unwrap_or(stage_batch::WINDOW_CHUNKS);
            let batch = move || stage_batch::gather_batches(&parsed, &to_embed, preparse, window, budget);
            stage_threads.push((BATCH, self.spawn_stage(threads, BATCH, batch)?));
            stage_threads.extend(self.spawn_embedders(threads, &stage, batches, to_write)?);

            let written = self.clocks[WRITE].track_thread(|| {
                writer.write_batches(&embedded, &self.budget, &|| self.interim_status(), &self.counts)
            });
            drop(embedded); // if the writer has failed, this ends the earlier stages
            let walked = self.join(WALK, walk);
            let joined: Vec<_> = stage_threads.into_iter().map(|(stage, thread)| self.join(stage, thread)).collect();
            joined.into_iter().collect::<Result<Vec<()>, _>>()?;
            if let Some(error) = stage.failure() {
                return Err(IndexError::Embed(error).into());
            }
            let written = written?;
            Ok(StageResults { walked: walked?.map_err(IndexError::from)?, written, embedded: stage.summary() })
        })
    }

    fn spawn_readers<'scope>(
        &'scope self,
        threads: &'scope Threads<'scope, '_>,
        plan: &'scope RunPlan,
        input: StageReceiver<'scope, Vec<WalkEntry>>,
        output: StageSender<'scope, Vec<stage_read::ReadOutcome>>,
    ) -> Result<StageThreads<'scope>, IndexError> {
        let largest = budget::largest_file_bytes(self.budget.ceiling_bytes());
        let reader = FileReader {
            files: self.indexer.files,
            known: &plan.known,
            counts: &self.counts,
            budget: &self.budget,
            largest_bytes: largest.min(self.indexer.settings.max_file_bytes),
        };
        let spawn = |_| {
            let (input, output) = (input.clone(), output.clone());
            Ok((READ, self.spawn_stage(threads, READ, move || stage_read::read_batches(&input, &output, reader))?))
        };
        (0..self.pipeline().producers).map(spawn).collect()
    }

    fn spawn_parsers<'scope>(
        &'scope self,
        threads: &'scope Threads<'scope, '_>,
        input: StageReceiver<'scope, Vec<stage_read::ReadOutcome>>,
        output: StageSender<'scope, Vec<stage_parse::ParseOutcome>>,
    ) -> Result<StageThreads<'scope>, IndexError> {
        let (limit, renew) = (self.indexer.settings.parse_time_limit, self.indexer.renew_parsers);
        // Syntax trees are not counted in the budget but take memory beside it. With a low limit, half of the
        // memory is reserved for everything but files.
        let tree_bytes = self.budget.ceiling_bytes() / self.pipeline().parse_workers as u64;
        let options = PrepareOptions { embedder: self.indexer.embedder, cache_keys: self.indexer.cache.is_some() };
        let spawn = |_| {
            let (input, output) = (input.clone(), output.clone());
            Ok((
                PARSE,
                self.spawn_stage(threads, PARSE, move || {
                    stage_parse::parse_batches(
                        &input,
                        &output,
                        options,
                        &|| Parser::new(limit).with_max_tree_bytes(tree_bytes),
                        renew,
                    );
                })?,
            ))
        };
        (0..self.pipeline().parse_workers).map(spawn).collect()
    }

    fn spawn_embedders<'scope>(
        &'scope self,
        threads: &'scope Threads<'scope, '_>,
        stage: &'scope EmbedStage<'scope>,
        input: StageReceiver<'scope, stage_batch::ChunkBatch>,
        output: StageSender<'scope, stage_embed::EmbeddedBatch>,
    ) -> Result<StageThreads<'scope>, IndexError> {
        let spawn = |_| {
            let (input, output) = (input.clone(), output.clone());
            Ok((EMBED, self.spawn_stage(threads, EMBED, move || stage_embed::embed_batches(&input, &output, stage))?))
        };
        let default_workers = self.indexer.embedder.worker_count().unwrap_or(DEFAULT_EMBED_WORKERS);
        (0..self.pipeline().embed_workers.unwrap_or(default_workers)).map(spawn).collect()
    }

    fn spawn_stage<'scope, T: Send + 'scope>(
        &'scope self,
        threads: &'scope Threads<'scope, '_>,
        stage: usize,
        work: impl FnOnce() -> T + Send + 'scope,
    ) -> Result<ScopedJoinHandle<'scope, T>, IndexError> {
        let clock = &self.clocks[stage];
        spawn_thread(threads, clock.name(), move || clock.track_thread(work))
    }

    /// Joins a thread; a panic becomes an error that names the stage.
    fn join<T>(&self, stage: usize, thread: ScopedJoinHandle<'_, T>) -> Result<T, IndexError> {
        let stage = self.clocks[stage].name();
        thread.join().map_err(|panic| panic_error(stage, panic.as_ref()))
    }

    fn run_walk(
        &self,
        scope: &IndexScope,
        plan: &RunPlan,
        output: &StageSender<'_, Vec<WalkEntry>>,
    ) -> Result<WalkSummary, WalkError> {
        let settings = self.indexer.settings;
        let stop = || self.cancel.is_cancelled();
        let options = WalkOptions { max_file_bytes: settings.max_file_bytes, files: self.indexer.files, stop: &stop };
        let changed = |entry: &WalkEntry| {
            self.counts.changed.fetch_add(u64::from(!plan.is_unchanged(entry)), Ordering::Relaxed);
        };
        let summary =
            stage_walk::walk_files(&settings.root, &options, scope, output, self.pipeline().file_batch, &changed);
        self.walk_ended.store(true, Ordering::Relaxed);
        summary
    }

    /// Runs `work` while another thread reports progress.
    pub fn run_observed<T>(
        &self,
        observe: &(dyn Fn(&IndexProgress) + Sync),
        work: impl FnOnce() -> Result<T, AttemptError>,
    ) -> Result<T, AttemptError> {
        let (ended, wait) = bounded::<()>(1);
        let watch = move || {
            while matches!(wait.recv_timeout(PROGRESS_INTERVAL), Err(RecvTimeoutError::Timeout)) {
                self.sample_resources();
                observe(&self.progress());
            }
            self.sample_resources();
            observe(&self.progress());
        };
        thread::scope(|threads| {
            let thread = spawn_thread(threads, "progress", watch)?;
            let done = work();
            drop(ended);
            thread.join().map_err(|panic| panic_error("progress", panic.as_ref()))?;
            done
        })
    }

    /// Samples the queues, the device and the memory of the process.
    fn sample_resources(&self) {
        self.clocks.iter().for_each(StageClock::sample_queue);
        self.indexer.embedder.sample_device();
        self.peak_memory_bytes.fetch_max(process::resident_bytes().unwrap_or(0), Ordering::Relaxed);
    }

    /// Returns the largest memory of the process that was sampled, in bytes.
    pub fn peak_memory_bytes(&self) -> u64 {
        self.peak_memory_bytes.load(Ordering::Relaxed)
    }

    /// Returns the mean number of chunks per call, for an embedder that makes its own batches.
    pub fn mean_batch_chunks(&self) -> Option<usize> {
        let device = self.device().filter(|device| device.batches > 0 && self.indexer.embedder.batches_internally())?;
        usize::try_from(device.texts.div_ceil(device.batches)).ok()
    }

    /// Reports the embedder's device, if it has one.
    pub fn device(&self) -> Option<DeviceReport> {
        self.indexer.embedder.device_report()
    }

    /// Returns the state to store with an interim commit.
    fn interim_status(&self) -> CommitStatus {
        let ended = self.walk_ended.load(Ordering::Relaxed);
        let files_found = if ended {
            self.baseline.out_of_scope_files + self.clocks[WALK].items()
        } else {
            self.baseline.stored_files
        };
        CommitStatus { complete: false, files_found, skipped: self.baseline.skipped.clone() }
    }

    /// Reports the progress of the run.
    fn progress(&self) -> IndexProgress {
        let finishing = self.finishing.load(Ordering::Relaxed);
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        IndexProgress {
            phase: if finishing { IndexPhase::Finishing } else { IndexPhase::Indexing },
            files_found: self.clocks[WALK].items(),
            walk_ended: self.walk_ended.load(Ordering::Relaxed),
            files_done: count(&self.counts.done),
            files_changed: count(&self.counts.changed),
            files_redone: count(&self.counts.redone),
            chunks: self.clocks[EMBED].items(),
            elapsed: self.started.elapsed(),
            stages: self.clocks.iter().map(StageClock::report).collect(),
            device: self.device(),
        }
    }

    /// Runs the work that follows the stages, and counts its time for the write stage.
    pub fn run_finish<T>(&self, work: impl FnOnce() -> T) -> T {
        self.finishing.store(true, Ordering::Relaxed);
        self.clocks[WRITE].track_resumed_thread(work)
    }
}

/// Threads of stages without a result.
type StageThreads<'scope> = Vec<(usize, ScopedJoinHandle<'scope, ()>)>;

fn spawn_thread<'scope, T: Send + 'scope>(
    threads: &'scope Threads<'scope, '_>,
    name: &'static str,
    work: impl FnOnce() -> T + Send + 'scope,
) -> Result<ScopedJoinHandle<'scope, T>, IndexError> {
    let spawned = thread::Builder::new().name(name.to_owned()).spawn_scoped(threads, work);
    spawned.map_err(|source| IndexError::Thread { stage: name, source })
}

fn panic_error(stage: &'static str, panic: &(dyn Any + Send)) -> IndexError {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let message = text.or_else(|| panic.downcast_ref::<String>().cloned());
    IndexError::Panic { stage, message: message.unwrap_or_else(|| "no message".to_owned()) }
}
