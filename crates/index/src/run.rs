//! An index run, from the plan through the six stages to the final commit.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use crate::error::IndexError;
use crate::finished_run::{FinishedRun, StageResults};
use crate::known_objects::SharedContents;
use crate::pipeline::stages::batch::{BatchStage, WINDOW_CHUNKS};
use crate::pipeline::stages::embed::EmbedStage;
use crate::pipeline::stages::parse::{ParseStage, PrepareOptions, SharedParsers};
use crate::pipeline::stages::read::ReadStage;
use crate::pipeline::stages::walk::WalkStage;
use crate::pipeline::stages::write::WriteStage;
use crate::pipeline::{PipelineRun, RunBaseline, RunWriter, StageThreads, WriteError};
use crate::pipeline::{estimate_cost_bytes, largest_file_bytes};
use crate::plan::saved_tree::{ComparedFolder, ReturnPlan};
use crate::plan::{self, RunPlan};
use crate::report::{IndexProgress, IndexReport, Stage};
use crate::request::{IndexRequest, IndexScope};
use config::{DEFAULT_EMBED_WORKERS, Settings};
use embed::Embedder;
use embed::cache::VectorCache;
use git_rules::GitProject;
use platform::cancel::CancelToken;
use source::language::LanguageChoices;
use source::walk::{self, FaultLog, FileSystem, WalkFinding, WalkOptions};
use store::{ChunkStore, CommitStatus, IndexFingerprint, Manifest, StoreError, StoreView};
use workers::ParserPool;

/// Maximum number of attempts of a run; it starts over when another process has committed, the index is damaged, or a
/// saved tree cannot be used.
const MAX_ATTEMPTS: usize = 3;

/// Maximum number of files in the queue between the walk and the readers. It exceeds the other queues so that the total
/// becomes known early; an entry takes little memory.
const WALK_AHEAD_FILES: usize = 65_536;

/// Maximum number of files whose records are kept in memory during a run, to read them once.
const MAX_HELD_FILES: u64 = 200_000;

/// Factor by which queues of chunk batches are shorter than queues of file batches.
const WINDOW_QUEUE_FACTOR: usize = 8;

/// Updates the index of a folder.
pub struct Indexer<'e> {
    pub settings: &'e Settings,
    pub store: &'e dyn ChunkStore,
    pub embedder: &'e dyn Embedder,
    /// Vectors of earlier runs; `None` to embed everything.
    pub cache: Option<&'e VectorCache>,
    pub files: &'e dyn FileSystem,
    /// Logs the ignore files that cannot be used.
    pub fault_log: &'e FaultLog,
    pub parsers: &'e ParserPool,
    /// Whether to use a new parser for every batch of files; for benchmarks.
    pub renew_parsers: bool,
}

/// The reason why an attempt ended early.
enum AttemptError {
    Index(IndexError),
    /// Another process has committed, or a saved tree cannot be used; the run starts over.
    Outdated,
    /// The stored index is damaged, for this reason; the run starts over with an empty index.
    Damaged(String),
}

impl<E: Into<IndexError>> From<E> for AttemptError {
    fn from(error: E) -> Self {
        Self::Index(error.into())
    }
}

impl AttemptError {
    /// Converts an error that shows damage of the stored index to [`AttemptError::Damaged`], unless the attempt is
    /// already a repair.
    fn found_damage(self, is_repair: bool) -> Self {
        let reason = match &self {
            Self::Index(IndexError::Store(error)) if !is_repair => error.damage_reason(),
            _ => None,
        };
        reason.map_or(self, Self::Damaged)
    }
}

impl From<WriteError> for AttemptError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Store(error) => Self::Index(error.into()),
            WriteError::Outdated => Self::Outdated,
        }
    }
}

impl Indexer<'_> {
    /// Updates the store to match the folder.
    ///
    /// # Errors
    /// When one of the cases of [`IndexError`] occurs, for example when the root cannot be walked, the store cannot be
    /// written, the embedder fails, or the run is cancelled. Published commits are kept.
    pub fn run(
        &self,
        request: &IndexRequest,
        cancel: &CancelToken,
        observe: &(dyn Fn(&IndexProgress) + Sync),
    ) -> Result<IndexReport, IndexError> {
        let mut damage: Option<String> = None;
        for attempt in 0..MAX_ATTEMPTS {
            let may_return = attempt == 0;
            let ended = self.run_once(request, may_return, damage.as_deref(), cancel, observe);
            match ended.map_err(|error| error.found_damage(damage.is_some())) {
                Err(AttemptError::Outdated) => {}
                Err(AttemptError::Damaged(reason)) => {
                    tracing::warn!("the index is damaged and built again from the files: {reason}");
                    damage = Some(reason);
                }
                Err(AttemptError::Index(IndexError::Store(StoreError::Stopped { .. }))) => break,
                Err(AttemptError::Index(error)) => return Err(error),
                Ok(report) => return Ok(report),
            }
        }
        let root = self.root();
        Err(if cancel.is_cancelled() { IndexError::Cancelled { root } } else { IndexError::Contended { root } })
    }

    fn run_once(
        &self,
        request: &IndexRequest,
        may_return: bool,
        damage: Option<&str>,
        cancel: &CancelToken,
        observe: &(dyn Fn(&IndexProgress) + Sync),
    ) -> Result<IndexReport, AttemptError> {
        let languages = LanguageChoices::load(&self.settings.languages_file, self.settings.root.as_path())?;
        let mut fingerprint = plan::index_fingerprint(self.settings, self.embedder);
        fingerprint.settings += &languages.to_setting();
        let last = self.open_view(request, damage.is_some())?;
        let head = GitProject::find(self.settings.root.as_path()).and_then(|project| project.commit);
        let compared = last.as_ref().filter(|_| may_return && damage.is_none() && !request.rebuild);
        // The plan, the writer and a search that waits for this run use the same records.
        let is_held = |last: &&Arc<dyn StoreView>| last.manifest().files_found <= MAX_HELD_FILES;
        let _held = compared.filter(is_held).map(|last| last.hold_files()).transpose()?;
        let returning = compared.map(|last| self.find_return(last.as_ref(), head.as_deref())).transpose()?.flatten();
        // The run is as if the saved tree were the last commit.
        let view = returning.as_ref().map(|returning| Arc::clone(&returning.view)).or_else(|| last.clone());
        let before = view.as_ref().map(|view| view.manifest());
        let is_copy = before.is_some_and(Manifest::is_unconfirmed_copy) && !request.rebuild && damage.is_none();
        let shared = is_copy.then(|| {
            SharedContents::start_reading(self.settings.index_dir.clone(), self.settings.root.as_path().to_owned())
        });
        let mut plan = plan::plan_run(view.as_ref(), &fingerprint, request.rebuild, damage)?;
        plan.languages = languages;
        // Without it, every file is read.
        plan.shared = shared.flatten().and_then(|reader| reader.join().ok());
        if let Some(view) = view.as_ref().filter(|_| request.verify && !plan.fresh) {
            let found = view.verify(cancel)?;
            if let Some(reason) = found.whole {
                // Without a damaged saved tree, the run goes on from the last commit.
                return Err(if returning.is_some() { AttemptError::Outdated } else { AttemptError::Damaged(reason) });
            }
            plan.repair(found);
        }
        plan.reread = request.scope.path_set().unwrap_or_default();
        let is_complete = before.is_some_and(|manifest| manifest.complete);
        // A part of the folder can be updated alone only if the rest is up to date.
        let is_current = is_complete && plan.redo_reason.is_none() && plan.repaired.is_empty() && returning.is_none();
        let scope = if is_current { &request.scope } else { &IndexScope::All };
        self.check_preparse(&plan, scope, cancel)?;
        self.check_cancelled(cancel)?;
        let mut writer = RunWriter::new(self.store, fingerprint.clone(), last.as_ref(), plan.fresh, cancel);
        // Their locks would keep the writer from removing what it replaces.
        let before = before.cloned();
        drop((view, last));
        let before = before.as_ref();
        let is_returning = returning.is_some();
        let mut held_saved = None;
        if let Some(returning) = returning.filter(|_| !plan.fresh) {
            writer.return_to(returning.generation, returning.left);
            held_saved = returning.held;
        }
        if plan.fresh || !is_complete {
            let locked = writer.lock()?;
            if plan.keeps_old_index {
                locked.defer_publication();
            }
        }
        let baseline = run_baseline(&plan, scope, before);
        let run = PipelineRun::new(self.embedder, self.parsers, self.in_flight_bytes(), baseline, cancel);
        run.run_observed(observe, || {
            let results = self.run_stages(&run, &plan, scope, &mut writer, is_returning || is_copy)?;
            drop(held_saved);
            self.check_cancelled(cancel)?;
            let finished = FinishedRun::new(plan, results, scope, before);
            let left = finished.left_tree(head.as_deref()).filter(|_| !is_returning);
            self.complete_run(&run, finished, &mut writer, before, &fingerprint, (head, left))
        })
    }

    /// Runs the six stages to their end and joins all threads. `write` runs on this thread, each other stage on
    /// separate threads. With `writes_always`, the run commits something in any case.
    fn run_stages(
        &self,
        run: &PipelineRun<'_>,
        plan: &RunPlan,
        scope: &IndexScope,
        writer: &mut RunWriter<'_>,
        writes_always: bool,
    ) -> Result<StageResults, AttemptError> {
        let settings = &self.settings.pipeline;
        let walk = WalkStage::new(self.settings, self.files, self.fault_log, scope, plan, run);
        let read = self.read_stage(run, plan);
        let parsers = settings.parse_workers.min(self.parsers.run_workers());
        let shared_parsers = SharedParsers::new(!plan.known.is_empty(), parsers);
        let (parse, batch) = (self.parse_stage(&shared_parsers), self.batch_stage(run));
        let embed = EmbedStage::new(self.embedder, self.cache, settings.embed_batch);
        let write = WriteStage { budget: &run.budget, counts: &run.counts, status: &|| run.interim_status() };

        let readers = settings.producers;
        let default_embedders = self.embedder.worker_count().unwrap_or(DEFAULT_EMBED_WORKERS);
        let embedders = settings.embed_workers.unwrap_or(default_embedders);
        // Each size is that of the queue behind a stage. The queue in front of `write` is the longest queue of chunk
        // batches, so that the embedder goes on during a commit; the memory budget limits it as well.
        let depth = settings.queue_depth;
        let ahead = depth.max(WALK_AHEAD_FILES / settings.file_batch);
        let windows = (depth / WINDOW_QUEUE_FACTOR).max(1);

        let written = thread::scope(|scope| {
            let mut stages = StageThreads::new(scope, &run.clocks, &run.cancel);
            let entries = stages.spawn_first(Stage::Walk, ahead, |out| walk.run(out))?;
            let sources = stages.spawn(Stage::Read, readers, entries, depth, |input, out| read.run(input, out))?;
            let parsed = stages.spawn(Stage::Parse, parsers, sources, depth, |input, out| parse.run(input, out))?;
            let batches = stages.spawn(Stage::Batch, 1, parsed, windows, |input, out| batch.run(input, out))?;
            let vectors = stages.spawn(Stage::Embed, embedders, batches, depth, |input, out| embed.run(input, out))?;
            let written = stages.run_last(Stage::Write, vectors, |input| {
                if writes_always {
                    // The store is opened for writing while the other stages work.
                    writer.lock()?;
                }
                write.run(input, writer)
            });
            stages.join()?;
            Ok::<_, IndexError>(written)
        })?;
        if let Some(error) = embed.failure() {
            return Err(IndexError::Embed(error).into());
        }
        let (mut written, walked) = (written?, walk.into_summary().map_err(IndexError::from)?);
        written.unchanged += walked.settled;
        Ok(StageResults { written, walked, embedded: embed.summary() })
    }

    fn read_stage<'r>(&'r self, run: &'r PipelineRun<'_>, plan: &'r RunPlan) -> ReadStage<'r> {
        let largest_bytes = largest_file_bytes(run.budget.ceiling_bytes());
        let max_file_bytes = self.settings.max_file_bytes;
        ReadStage { files: self.files, plan, counts: &run.counts, budget: &run.budget, largest_bytes, max_file_bytes }
    }

    fn parse_stage<'r, 'p>(&'p self, shared: &'r SharedParsers<'p>) -> ParseStage<'r, 'p>
    where
        'p: 'r,
    {
        ParseStage {
            shared,
            options: PrepareOptions { embedder: self.embedder, cache_keys: self.cache.is_some() },
            time_limit: self.settings.parse_time_limit,
            parsers: self.parsers,
            renew_parsers: self.renew_parsers,
        }
    }

    fn batch_stage<'r>(&self, run: &'r PipelineRun<'_>) -> BatchStage<'r> {
        let window_chunks = self.embedder.window_chunks().unwrap_or(WINDOW_CHUNKS);
        BatchStage { preparse: self.settings.pipeline.preparse, window_chunks, budget: &run.budget }
    }

    /// Removes deleted and newly excluded files from the store, marks the run as complete, and reports it. Commits
    /// nothing if nothing has changed.
    fn complete_run(
        &self,
        run: &PipelineRun<'_>,
        finished: FinishedRun<'_>,
        writer: &mut RunWriter<'_>,
        before: Option<&Manifest>,
        fingerprint: &IndexFingerprint,
        (head, left): (Option<String>, Option<Vec<(String, String)>>),
    ) -> Result<IndexReport, AttemptError> {
        let (removed, skipped) = (finished.removed(), finished.skipped());
        let is_unchanged = before.is_some_and(|manifest| {
            manifest.complete && manifest.fingerprint == *fingerprint && manifest.skipped == skipped
        }) && !finished.replaces_manifest();
        let is_idle = !writer.is_locked() && removed.is_empty() && is_unchanged;
        if !is_idle || self.lacks_search_indexes()? {
            let files_found = finished.files_found();
            let running = CommitStatus { complete: false, files_found, skipped: skipped.clone(), head };
            run.run_finish(|| writer.complete(removed.to_vec(), left, running))?;
        }
        if let Some(Err(error)) = self.cache.map(VectorCache::flush) {
            tracing::warn!("{error}");
        }
        Ok(finished.into_report(run, skipped))
    }

    /// Returns whether the index has more chunks than are held in memory, and no search indexes.
    fn lacks_search_indexes(&self) -> Result<bool, StoreError> {
        self.store.view()?.map_or(Ok(false), |view| view.lacks_search_indexes())
    }

    /// Returns the saved tree that the folder has returned to; `None` if there is none.
    fn find_return(&self, last: &dyn StoreView, head: Option<&str>) -> Result<Option<ReturnPlan>, StoreError> {
        let Settings { root, max_file_bytes, .. } = self.settings;
        let folder = ComparedFolder { root: root.as_path(), files: self.files, max_file_bytes: *max_file_bytes };
        folder.find_return(last, head)
    }

    /// Opens the last commit; `None` before the first one, and if it cannot be opened but a rebuild or a repair
    /// replaces it.
    fn open_view(&self, request: &IndexRequest, is_repair: bool) -> Result<Option<Arc<dyn StoreView>>, StoreError> {
        match self.store.view() {
            Err(error) if request.rebuild || (is_repair && error.is_damage()) => {
                tracing::warn!("the old index cannot be opened and is replaced: {error}");
                Ok(None)
            }
            opened => opened,
        }
    }

    /// Fails if `--preparse` is set and would need more memory than is available for files, or the root cannot be
    /// walked.
    fn check_preparse(&self, plan: &RunPlan, scope: &IndexScope, cancel: &CancelToken) -> Result<(), IndexError> {
        if !self.settings.pipeline.preparse {
            return Ok(());
        }
        let ceiling_bytes = self.in_flight_bytes();
        let (mut files, mut needed_bytes) = (0, 0_u64);
        let options = WalkOptions {
            max_file_bytes: self.settings.max_file_bytes,
            files: self.files,
            cross_file_systems: self.settings.cross_file_systems,
            fault_log: None,
            cancel,
        };
        walk::walk_scope(&self.settings.root, &options, scope.paths(), &mut |walked| {
            if let WalkFinding::File(entry) = walked
                && !plan.is_unchanged(&entry)
            {
                files += 1;
                needed_bytes = needed_bytes.saturating_add(estimate_cost_bytes(entry.stat.size_bytes));
            }
            ControlFlow::Continue(())
        })?;
        if needed_bytes > ceiling_bytes {
            return Err(IndexError::Preparse { files, needed_bytes, ceiling_bytes });
        }
        Ok(())
    }

    /// Fails if `cancel` is cancelled.
    pub(crate) fn check_cancelled(&self, cancel: &CancelToken) -> Result<(), IndexError> {
        if cancel.is_cancelled() { Err(IndexError::Cancelled { root: self.root() }) } else { Ok(()) }
    }

    fn root(&self) -> PathBuf {
        self.settings.root.as_path().to_owned()
    }

    /// Returns the number of bytes available for files in flight: [`config::PipelineSettings::in_flight_bytes`] minus
    /// the memory of the embedder and the vector cache, but at least a quarter of it.
    fn in_flight_bytes(&self) -> u64 {
        let whole = self.settings.pipeline.in_flight_bytes();
        let kept = self.cache.map_or(0, VectorCache::memory_bytes);
        whole.saturating_sub(self.embedder.memory_bytes() + kept).max(whole / 4)
    }
}

/// Returns the counts that interim commits store until the run completes.
fn run_baseline(plan: &RunPlan, scope: &IndexScope, before: Option<&Manifest>) -> RunBaseline {
    let skipped = before.filter(|_| !plan.fresh).map(|before| before.skipped.clone()).unwrap_or_default();
    let Some(places) = scope.path_set() else { return RunBaseline { skipped, ..RunBaseline::default() } };
    let out_of_scope_files = plan.stored.iter().filter(|path| !places.covers(path)).count() as u64;
    RunBaseline { stored_files: Some(plan.stored.len() as u64), out_of_scope_files, skipped }
}
