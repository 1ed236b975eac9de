//! The stages, wired up and run to their end.

use std::any::Any;
use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, Scope, ScopedJoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};

use super::flow::{Inlet, Outlet, StageClock};
use super::plan::{self, Plan};
use super::stage_walk::WalkSummary;
use super::stage_write::{RunWriter, WriteError, Written};
use super::{CancelToken, IndexError, IndexReport, IndexRequest, Phase, Progress};
use super::{stage_batch, stage_embed, stage_parse, stage_read, stage_walk};
use crate::config::Settings;
use crate::embed::Embedder;
use crate::store::{ChunkStore, Commit, RunState};
use crate::types::{Outcome, RepoPath};
use crate::walk::{WalkError, WalkOptions};

/// Entries waiting to be read, files waiting to be parsed, parsed files waiting for a batch.
const QUEUE_FILES: usize = 128;

/// Batches waiting to be embedded or written.
const QUEUE_BATCHES: usize = 4;

/// How often progress is shown.
const OBSERVE_EVERY: Duration = Duration::from_millis(100);

/// How often a run starts over because another process committed meanwhile.
const ATTEMPTS: usize = 3;

/// What a run works with.
pub struct Indexer<'e> {
    pub settings: &'e Settings,
    pub store: &'e dyn ChunkStore,
    pub embedder: &'e dyn Embedder,
}

impl Indexer<'_> {
    /// Brings the store up to date with the folder.
    ///
    /// # Errors
    /// When the root cannot be walked, the store cannot be written, a stage panics, or the run is
    /// cancelled. What was committed stays.
    pub fn run(
        &self,
        request: &IndexRequest,
        cancel: &CancelToken,
        observe: &(dyn Fn(&Progress) + Sync),
    ) -> Result<IndexReport, IndexError> {
        for _ in 0..ATTEMPTS {
            match self.attempt(request, cancel, observe) {
                Err(Failure::Outdated) => {}
                Err(Failure::Index(error)) => return Err(error),
                Ok(report) => return Ok(report),
            }
        }
        Err(IndexError::Contended { root: self.root() })
    }

    fn root(&self) -> std::path::PathBuf {
        self.settings.root.as_path().to_owned()
    }

    fn attempt(
        &self,
        request: &IndexRequest,
        cancel: &CancelToken,
        observe: &(dyn Fn(&Progress) + Sync),
    ) -> Result<IndexReport, Failure> {
        let recipe = plan::recipe(self.settings, self.embedder);
        let view = if request.rebuild { self.store.view().unwrap_or_default() } else { self.store.view()? };
        let plan = plan::plan(view.as_ref(), &recipe, request.rebuild)?;
        let mut writer = RunWriter::new(self.store, recipe.clone(), view.as_ref(), plan.fresh);
        if plan.fresh || !view.as_ref().is_some_and(|view| view.manifest().complete) {
            writer.lock()?;
        }
        let run = Run::new(self, cancel);
        let (walked, written) = run.stages(&plan, &mut writer, observe)?;
        if cancel.is_cancelled() {
            return Err(IndexError::Cancelled { root: self.root() }.into());
        }
        let ended = Ended { plan, walked, written };
        let (removed, skipped) = (ended.removed(), ended.skipped());
        let as_before = view.is_some_and(|view| {
            let manifest = view.manifest();
            manifest.complete && manifest.recipe == recipe && manifest.skipped == skipped
        });
        if writer.is_open() || !removed.is_empty() || !as_before {
            observe(&run.progress(Phase::Finishing));
            complete(&mut writer, &removed, &ended.walked, &skipped)?;
        }
        Ok(run.report(ended, removed.len() as u64, skipped))
    }
}

/// Removes what is gone, and records that the run went through.
fn complete(
    writer: &mut RunWriter<'_>,
    removed: &[RepoPath],
    walked: &WalkSummary,
    skipped: &BTreeMap<String, u64>,
) -> Result<(), Failure> {
    let running = RunState { complete: false, files_found: walked.seen.len() as u64, skipped: skipped.clone() };
    let store = writer.lock()?;
    if !removed.is_empty() {
        store.commit(Commit { remove: removed.to_vec(), ..Commit::default() }, &running)?;
    }
    store.finish(&RunState { complete: true, ..running })?;
    Ok(())
}

/// What the stages of a run left behind.
struct Ended {
    plan: Plan,
    walked: WalkSummary,
    written: Written,
}

impl Ended {
    /// Files the store has and the folder has not.
    fn removed(&self) -> Vec<RepoPath> {
        let vanished: HashSet<&RepoPath> = self.written.vanished.iter().collect();
        let gone = |path: &&RepoPath| !self.walked.seen.contains(*path) || vanished.contains(*path);
        self.plan.stored.iter().filter(gone).cloned().collect()
    }

    /// What was left out, by reason: by the walk, after reading in this run, and after reading in
    /// an earlier run if the file has not changed since.
    fn skipped(&self) -> BTreeMap<String, u64> {
        let mut counts = self.walked.skipped.clone();
        for (reason, count) in &self.written.skipped {
            *counts.entry(reason.clone()).or_default() += count;
        }
        for (path, record) in &self.plan.known {
            let Outcome::Skipped(reason) = &record.outcome else { continue };
            if self.walked.seen.contains(path) && !self.written.redone.contains(path) {
                *counts.entry(reason.label().to_owned()).or_default() += 1;
            }
        }
        counts
    }
}

/// One attempt, while its stages run.
struct Run<'e> {
    indexer: &'e Indexer<'e>,
    cancel: &'e CancelToken,
    started: Instant,
    clocks: [StageClock; 6],
    files_found: AtomicU64,
    walk_ended: AtomicBool,
    files_done: AtomicU64,
}

/// Index of each stage's clock.
const WALK: usize = 0;
const READ: usize = 1;
const PARSE: usize = 2;
const BATCH: usize = 3;
const EMBED: usize = 4;
const WRITE: usize = 5;

impl<'e> Run<'e> {
    fn new(indexer: &'e Indexer<'e>, cancel: &'e CancelToken) -> Self {
        Self {
            indexer,
            cancel,
            started: Instant::now(),
            clocks: ["walk", "read", "parse", "batch", "embed", "write"].map(StageClock::new),
            files_found: AtomicU64::new(0),
            walk_ended: AtomicBool::new(false),
            files_done: AtomicU64::new(0),
        }
    }

    fn inlet<T>(&self, stage: usize, from: &Receiver<T>) -> Inlet<'_, T> {
        Inlet { from: from.clone(), clock: &self.clocks[stage], cancel: self.cancel }
    }

    fn outlet<T>(&self, stage: usize, to: &Sender<T>) -> Outlet<'_, T> {
        Outlet { to: to.clone(), clock: &self.clocks[stage], cancel: self.cancel }
    }

    /// Starts every stage but write on its threads, writes on this one, and joins them all.
    fn stages(
        &self,
        plan: &Plan,
        writer: &mut RunWriter<'_>,
        observe: &(dyn Fn(&Progress) + Sync),
    ) -> Result<(WalkSummary, Written), Failure> {
        thread::scope(|scope| {
            let (entries_in, entries) = bounded(QUEUE_FILES);
            let (read_in, read) = bounded(QUEUE_FILES);
            let (parsed_in, parsed) = bounded(QUEUE_FILES);
            let (batches_in, batches) = bounded(QUEUE_BATCHES);
            let (embedded_in, embedded) = bounded(QUEUE_BATCHES);
            let settings = self.indexer.settings;
            let (observer, ended) = self.observer(scope, observe)?;

            let mut threads = Vec::new();
            let outlet = self.outlet(WALK, &entries_in);
            let walk = self.spawn(scope, WALK, move || self.walk(&outlet))?;
            let (inlet, outlet) = (self.inlet(READ, &entries), self.outlet(READ, &read_in));
            threads.push((READ, self.spawn(scope, READ, move || stage_read::run(&inlet, &outlet, &plan.known))?));
            for _ in 0..settings.parse_workers {
                let (inlet, outlet) = (self.inlet(PARSE, &read), self.outlet(PARSE, &parsed_in));
                let limit = settings.parse_time_limit;
                threads.push((PARSE, self.spawn(scope, PARSE, move || stage_parse::run(&inlet, &outlet, limit))?));
            }
            let (inlet, outlet) = (self.inlet(BATCH, &parsed), self.outlet(BATCH, &batches_in));
            threads.push((BATCH, self.spawn(scope, BATCH, move || stage_batch::run(&inlet, &outlet))?));
            let (inlet, outlet) = (self.inlet(EMBED, &batches), self.outlet(EMBED, &embedded_in));
            let embedder = self.indexer.embedder;
            threads.push((EMBED, self.spawn(scope, EMBED, move || stage_embed::run(&inlet, &outlet, embedder))?));
            drop((entries_in, read_in, parsed_in, batches_in, embedded_in));
            drop((entries, read, parsed, batches));

            let inlet = self.inlet(WRITE, &embedded);
            drop(embedded);
            let written = self.clocks[WRITE].alive(|| writer.run(&inlet, &|| self.state(), &|files| self.done(files)));
            drop(inlet); // a failed writer lets the stages before it end
            let walked = join(WALK, &self.clocks, walk);
            let joined: Vec<_> = threads.into_iter().map(|(stage, thread)| join(stage, &self.clocks, thread)).collect();
            drop(ended);
            join(WRITE, &self.clocks, observer)?;
            joined.into_iter().collect::<Result<Vec<()>, _>>()?;
            let written = written?;
            Ok((walked?.map_err(IndexError::from)?, written))
        })
    }

    fn spawn<'scope, T: Send + 'scope>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
        stage: usize,
        work: impl FnOnce() -> T + Send + 'scope,
    ) -> Result<ScopedJoinHandle<'scope, T>, IndexError> {
        let name = ["walk", "read", "parse", "batch", "embed", "write"][stage];
        let clock = &self.clocks[stage];
        let spawned = thread::Builder::new().name(name.to_owned()).spawn_scoped(scope, move || clock.alive(work));
        spawned.map_err(|source| IndexError::Thread { stage: name, source })
    }

    fn walk(&self, outlet: &Outlet<'_, crate::walk::WalkEntry>) -> Result<WalkSummary, WalkError> {
        let options = WalkOptions { max_file_bytes: self.indexer.settings.max_file_bytes };
        let found = || _ = self.files_found.fetch_add(1, Ordering::Relaxed);
        let summary = stage_walk::run(&self.indexer.settings.root, &options, outlet, &found);
        self.walk_ended.store(true, Ordering::Relaxed);
        summary
    }

    /// Shows progress until the returned sender is dropped, from a thread of its own.
    fn observer<'scope>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
        observe: &'scope (dyn Fn(&Progress) + Sync),
    ) -> Result<(ScopedJoinHandle<'scope, ()>, Sender<()>), IndexError> {
        let (ended, wait) = bounded::<()>(1);
        let watch = move || {
            while matches!(wait.recv_timeout(OBSERVE_EVERY), Err(crossbeam_channel::RecvTimeoutError::Timeout)) {
                observe(&self.progress(Phase::Indexing));
            }
            observe(&self.progress(Phase::Indexing));
        };
        let thread = thread::Builder::new().name("progress".to_owned()).spawn_scoped(scope, watch);
        Ok((thread.map_err(|source| IndexError::Thread { stage: "progress", source })?, ended))
    }

    fn done(&self, files: u64) {
        self.files_done.fetch_add(files, Ordering::Relaxed);
    }

    /// The state stored with a commit while the run is under way.
    fn state(&self) -> RunState {
        let ended = self.walk_ended.load(Ordering::Relaxed);
        let files_found = if ended { self.files_found.load(Ordering::Relaxed) } else { 0 };
        RunState { complete: false, files_found, skipped: BTreeMap::new() }
    }

    fn progress(&self, phase: Phase) -> Progress {
        Progress {
            phase,
            files_found: self.files_found.load(Ordering::Relaxed),
            walk_ended: self.walk_ended.load(Ordering::Relaxed),
            files_done: self.files_done.load(Ordering::Relaxed),
            chunks: self.clocks[EMBED].items(),
            elapsed: self.started.elapsed(),
        }
    }

    fn report(&self, ended: Ended, removed: u64, skipped: BTreeMap<String, u64>) -> IndexReport {
        let Ended { plan, walked, written } = ended;
        IndexReport {
            files_found: walked.seen.len() as u64,
            files_indexed: written.files,
            files_unchanged: written.unchanged,
            files_removed: removed,
            skipped,
            problems: written.problems,
            chunks: written.chunks,
            bytes: written.bytes,
            redone_because: plan.because,
            elapsed: self.started.elapsed(),
            stages: self.clocks.iter().map(StageClock::report).collect(),
        }
    }
}

/// Waits for a thread; its panic becomes an error that names the stage.
fn join<T>(stage: usize, clocks: &[StageClock; 6], thread: ScopedJoinHandle<'_, T>) -> Result<T, IndexError> {
    thread
        .join()
        .map_err(|panic| IndexError::Panic { stage: clocks[stage].report().stage, message: message(panic.as_ref()) })
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".to_owned())
}

/// How an attempt ends early.
enum Failure {
    Index(IndexError),
    Outdated,
}

impl<E: Into<IndexError>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Index(error.into())
    }
}

impl From<WriteError> for Failure {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Store(error) => Self::Index(error.into()),
            WriteError::Outdated => Self::Outdated,
        }
    }
}
