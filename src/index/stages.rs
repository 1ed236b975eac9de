//! The stages of one attempt, wired up and run to their end.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, Scope as Threads, ScopedJoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::{RecvTimeoutError, bounded};

use super::budget::{self, MemoryBudget};
use super::counts::Counts;
use super::flow::{Inlet, Outlet, StageClock, edge};
use super::indexer::{Failure, Indexer};
use super::plan::Plan;
use super::stage_embed::{EmbedStage, EmbedSummary};
use super::stage_parse::Wanted;
use super::stage_read::Reader;
use super::stage_walk::WalkSummary;
use super::stage_write::{RunWriter, Written};
use super::{CancelToken, IndexError, Phase, Progress, Scope};
use super::{stage_batch, stage_embed, stage_parse, stage_read, stage_walk};
use crate::config::{DEFAULT_EMBED_WORKERS, Pipeline, machine};
use crate::embed::DeviceReport;
use crate::parse::Parser;
use crate::store::RunState;
use crate::walk::{WalkEntry, WalkError, WalkOptions};

/// How often progress is shown.
const OBSERVE_EVERY: Duration = Duration::from_millis(100);

/// So many files the walk may be ahead of the readers, whatever the queues: how much there is to do is then known
/// early, and an entry takes little.
const WALK_AHEAD_FILES: usize = 65_536;

/// A queue of windows of chunks is this much shorter than one of batches of files.
const WINDOW_QUEUE: usize = 8;

/// Index of each stage's clock.
const WALK: usize = 0;
const READ: usize = 1;
const PARSE: usize = 2;
const BATCH: usize = 3;
const EMBED: usize = 4;
const WRITE: usize = 5;

/// One attempt, while its stages run.
pub(super) struct Run<'e> {
    indexer: &'e Indexer<'e>,
    pub cancel: &'e CancelToken,
    pub started: Instant,
    pub clocks: [StageClock; 6],
    pub budget: Arc<MemoryBudget>,
    part: Part,
    walk_ended: AtomicBool,
    finishing: AtomicBool,
    counts: Counts,
    peak_memory_bytes: AtomicU64,
}

/// What a run goes on from, for what is stored with its commits.
#[derive(Default)]
pub(super) struct Part {
    /// Files in the whole folder while the walk goes on; 0 when that is not known.
    pub expected: u64,
    /// Stored files that the run does not look at.
    pub elsewhere: u64,
    /// See [`RunState::skipped`]: as the last complete run left it.
    pub skipped: BTreeMap<String, u64>,
}

/// What the stages left behind.
pub(super) struct Ran {
    pub walked: WalkSummary,
    pub written: Written,
    pub embedded: EmbedSummary,
}

impl<'e> Run<'e> {
    /// Nothing runs yet.
    pub fn new(indexer: &'e Indexer<'e>, cancel: &'e CancelToken, part: Part) -> Self {
        indexer.embedder.begin();
        Self {
            indexer,
            cancel,
            started: Instant::now(),
            clocks: ["walk", "read", "parse", "batch", "embed", "write"].map(StageClock::new),
            budget: MemoryBudget::new(indexer.in_flight_bytes()),
            part,
            walk_ended: AtomicBool::new(false),
            finishing: AtomicBool::new(false),
            counts: Counts::default(),
            peak_memory_bytes: AtomicU64::new(0),
        }
    }

    fn pipeline(&self) -> &'e Pipeline {
        &self.indexer.settings.pipeline
    }

    fn edge<T>(&self, from: usize, to: usize, capacity: usize) -> (Outlet<'_, T>, Inlet<'_, T>) {
        edge(&self.clocks[from], &self.clocks[to], capacity, self.cancel)
    }

    /// Starts every stage but write on its threads, writes on this one, and joins them all.
    pub fn stages(&self, plan: &Plan, scope: &Scope, writer: &mut RunWriter<'_>) -> Result<Ran, Failure> {
        let stage = EmbedStage::new(self.indexer.embedder, self.indexer.cache, self.pipeline().embed_batch);
        thread::scope(|threads| {
            let depth = self.pipeline().queue_depth;
            let windows = (depth / WINDOW_QUEUE).max(1);
            let ahead = depth.max(WALK_AHEAD_FILES / self.pipeline().file_batch);
            let (to_read, entries) = self.edge(WALK, READ, ahead);
            let (to_parse, read) = self.edge(READ, PARSE, depth);
            let (to_batch, parsed) = self.edge(PARSE, BATCH, depth);
            let (to_embed, batches) = self.edge(BATCH, EMBED, windows);
            // As long as it can be: while a commit is written, the embedder goes on. Memory has its own bound.
            let (to_write, embedded) = self.edge(EMBED, WRITE, depth);
            let walk = self.spawn(threads, WALK, move || self.walk(scope, plan, &to_read))?;
            let mut joins = self.readers(threads, plan, entries, to_parse)?;
            joins.extend(self.parsers(threads, read, to_batch)?);
            let (preparse, budget) = (self.pipeline().preparse, &self.budget);
            let window = self.indexer.embedder.window_chunks().unwrap_or(stage_batch::WINDOW_CHUNKS);
            let batch = move || stage_batch::run(&parsed, &to_embed, preparse, window, budget);
            joins.push((BATCH, self.spawn(threads, BATCH, batch)?));
            joins.extend(self.embedders(threads, &stage, batches, to_write)?);

            let written =
                self.clocks[WRITE].alive(|| writer.run(&embedded, &self.budget, &|| self.state(), &self.counts));
            drop(embedded); // a failed writer lets the stages before it end
            let walked = self.join(WALK, walk);
            let joined: Vec<_> = joins.into_iter().map(|(stage, thread)| self.join(stage, thread)).collect();
            joined.into_iter().collect::<Result<Vec<()>, _>>()?;
            if let Some(error) = stage.failure() {
                return Err(IndexError::Embed(error).into());
            }
            let written = written?;
            Ok(Ran { walked: walked?.map_err(IndexError::from)?, written, embedded: stage.summary() })
        })
    }

    fn readers<'scope>(
        &'scope self,
        threads: &'scope Threads<'scope, '_>,
        plan: &'scope Plan,
        inlet: Inlet<'scope, Vec<WalkEntry>>,
        outlet: Outlet<'scope, Vec<stage_read::Read>>,
    ) -> Result<Joins<'scope>, IndexError> {
        let largest = budget::largest_file(self.budget.ceiling_bytes());
        let reader = Reader {
            files: self.indexer.files,
            known: &plan.known,
            counts: &self.counts,
            budget: &self.budget,
            largest_bytes: largest.min(self.indexer.settings.max_file_bytes),
        };
        let spawn = |_| {
            let (inlet, outlet) = (inlet.clone(), outlet.clone());
            Ok((READ, self.spawn(threads, READ, move || stage_read::run(&inlet, &outlet, reader))?))
        };
        (0..self.pipeline().producers).map(spawn).collect()
    }

    fn parsers<'scope>(
        &'scope self,
        threads: &'scope Threads<'scope, '_>,
        inlet: Inlet<'scope, Vec<stage_read::Read>>,
        outlet: Outlet<'scope, Vec<stage_parse::Parsed>>,
    ) -> Result<Joins<'scope>, IndexError> {
        let (limit, renew) = (self.indexer.settings.parse_time_limit, self.indexer.renew_parsers);
        // Trees are not in flight, but are in memory beside what is: half of a low ceiling is for all but files.
        let tree_bytes = self.budget.ceiling_bytes() / self.pipeline().parse_workers as u64;
        let wanted = Wanted { embedder: self.indexer.embedder, keys: self.indexer.cache.is_some() };
        let spawn = |_| {
            let (inlet, outlet) = (inlet.clone(), outlet.clone());
            Ok((
                PARSE,
                self.spawn(threads, PARSE, move || {
                    stage_parse::run(&inlet, &outlet, wanted, &|| Parser::new(limit).within(tree_bytes), renew);
                })?,
            ))
        };
        (0..self.pipeline().parse_workers).map(spawn).collect()
    }

    fn embedders<'scope>(
        &'scope self,
        threads: &'scope Threads<'scope, '_>,
        stage: &'scope EmbedStage<'scope>,
        inlet: Inlet<'scope, stage_batch::ChunkBatch>,
        outlet: Outlet<'scope, stage_embed::EmbeddedBatch>,
    ) -> Result<Joins<'scope>, IndexError> {
        let spawn = |_| {
            let (inlet, outlet) = (inlet.clone(), outlet.clone());
            Ok((EMBED, self.spawn(threads, EMBED, move || stage_embed::run(&inlet, &outlet, stage))?))
        };
        let wanted = self.indexer.embedder.workers().unwrap_or(DEFAULT_EMBED_WORKERS);
        (0..self.pipeline().embed_workers.unwrap_or(wanted)).map(spawn).collect()
    }

    fn spawn<'scope, T: Send + 'scope>(
        &'scope self,
        threads: &'scope Threads<'scope, '_>,
        stage: usize,
        work: impl FnOnce() -> T + Send + 'scope,
    ) -> Result<ScopedJoinHandle<'scope, T>, IndexError> {
        let clock = &self.clocks[stage];
        spawn(threads, clock.name(), move || clock.alive(work))
    }

    /// Waits for a thread; its panic becomes an error that names the stage.
    fn join<T>(&self, stage: usize, thread: ScopedJoinHandle<'_, T>) -> Result<T, IndexError> {
        let stage = self.clocks[stage].name();
        thread.join().map_err(|panic| panicked(stage, panic.as_ref()))
    }

    fn walk(&self, scope: &Scope, plan: &Plan, outlet: &Outlet<'_, Vec<WalkEntry>>) -> Result<WalkSummary, WalkError> {
        let settings = self.indexer.settings;
        let stop = || self.cancel.is_cancelled();
        let options = WalkOptions { max_file_bytes: settings.max_file_bytes, files: self.indexer.files, stop: &stop };
        let changed = |entry: &WalkEntry| {
            self.counts.changed.fetch_add(u64::from(!plan.knows(entry)), Ordering::Relaxed);
        };
        let summary = stage_walk::run(&settings.root, &options, scope, outlet, self.pipeline().file_batch, &changed);
        self.walk_ended.store(true, Ordering::Relaxed);
        summary
    }

    /// Does `work` while another thread shows progress.
    pub fn observed<T>(
        &self,
        observe: &(dyn Fn(&Progress) + Sync),
        work: impl FnOnce() -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let (ended, wait) = bounded::<()>(1);
        let watch = move || {
            while matches!(wait.recv_timeout(OBSERVE_EVERY), Err(RecvTimeoutError::Timeout)) {
                self.look();
                observe(&self.progress());
            }
            self.look();
            observe(&self.progress());
        };
        thread::scope(|threads| {
            let thread = spawn(threads, "progress", watch)?;
            let done = work();
            drop(ended);
            thread.join().map_err(|panic| panicked("progress", panic.as_ref()))?;
            done
        })
    }

    /// Samples what has no event: queues and memory.
    fn look(&self) {
        self.clocks.iter().for_each(StageClock::sample);
        self.indexer.embedder.sample();
        self.peak_memory_bytes.fetch_max(machine::resident_bytes().unwrap_or(0), Ordering::Relaxed);
    }

    /// The most memory the process was seen to have.
    pub fn peak_memory_bytes(&self) -> u64 {
        self.peak_memory_bytes.load(Ordering::Relaxed)
    }

    /// Chunks in a call, of an embedder that makes its own batches.
    pub fn embed_batch(&self) -> Option<usize> {
        let device = self.device().filter(|device| device.batches > 0 && self.indexer.embedder.makes_batches())?;
        usize::try_from(device.texts.div_ceil(device.batches)).ok()
    }

    /// What the embedder's device has done.
    pub fn device(&self) -> Option<DeviceReport> {
        self.indexer.embedder.report()
    }

    /// The state stored with a commit while the run is under way.
    fn state(&self) -> RunState {
        let ended = self.walk_ended.load(Ordering::Relaxed);
        let files_found = if ended { self.part.elsewhere + self.clocks[WALK].items() } else { self.part.expected };
        RunState { complete: false, files_found, skipped: self.part.skipped.clone() }
    }

    /// A look at the run.
    fn progress(&self) -> Progress {
        let finishing = self.finishing.load(Ordering::Relaxed);
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Progress {
            phase: if finishing { Phase::Finishing } else { Phase::Indexing },
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

    /// Runs what follows the stages as the write stage's own work.
    pub fn finishing<T>(&self, work: impl FnOnce() -> T) -> T {
        self.finishing.store(true, Ordering::Relaxed);
        self.clocks[WRITE].alive_again(work)
    }
}

/// Threads of stages that leave nothing behind.
type Joins<'scope> = Vec<(usize, ScopedJoinHandle<'scope, ()>)>;

fn spawn<'scope, T: Send + 'scope>(
    threads: &'scope Threads<'scope, '_>,
    name: &'static str,
    work: impl FnOnce() -> T + Send + 'scope,
) -> Result<ScopedJoinHandle<'scope, T>, IndexError> {
    let spawned = thread::Builder::new().name(name.to_owned()).spawn_scoped(threads, work);
    spawned.map_err(|source| IndexError::Thread { stage: name, source })
}

fn panicked(stage: &'static str, panic: &(dyn Any + Send)) -> IndexError {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let message = text.or_else(|| panic.downcast_ref::<String>().cloned());
    IndexError::Panic { stage, message: message.unwrap_or_else(|| "no message".to_owned()) }
}
