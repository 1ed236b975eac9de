//! An index run: planning, the stages, and the final commit.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;

use super::flow::StageClock;
use super::indexer::{AttemptError, Indexer};
use super::plan::{self, RunPlan};
use super::stage_write::{RunWriter, WriteSummary, indexing_problem};
use super::stages::{PipelineRun, RunBaseline, StageResults};
use super::{CancelToken, IndexError, IndexProgress, IndexReport, IndexRequest, IndexScope, budget};
use embed::cache::VectorCache;
use source::walk::{self, WalkFinding, WalkOptions};
use store::{Commit, CommitStatus, IndexFingerprint, Manifest, StoreError};
use types::{FileOutcome, FileRecord, RepoPath, SkipReason};

/// The label of [`SkipReason::TooLarge`]. Within the pipeline, only the memory limit gives this reason.
const TOO_LARGE: &str = "too-large";

/// How often a run starts over after another process has committed.
const MAX_ATTEMPTS: usize = 3;

impl Indexer<'_> {
    /// Updates the store to match the folder.
    ///
    /// # Errors
    /// When the root cannot be walked, the store cannot be written, a stage panics, or the run is cancelled.
    /// Finished commits are kept.
    pub fn run(
        &self,
        request: &IndexRequest,
        cancel: &CancelToken,
        observe: &(dyn Fn(&IndexProgress) + Sync),
    ) -> Result<IndexReport, IndexError> {
        for _ in 0..MAX_ATTEMPTS {
            match self.run_once(request, cancel, observe) {
                Err(AttemptError::Outdated) => {}
                Err(AttemptError::Index(IndexError::Store(StoreError::Stopped { .. }))) => break,
                Err(AttemptError::Index(error)) => return Err(error),
                Ok(report) => return Ok(report),
            }
        }
        let root = self.root();
        Err(if cancel.is_cancelled() { IndexError::Cancelled { root } } else { IndexError::Contended { root } })
    }

    fn root(&self) -> PathBuf {
        self.settings.root.as_path().to_owned()
    }

    fn run_once(
        &self,
        request: &IndexRequest,
        cancel: &CancelToken,
        observe: &(dyn Fn(&IndexProgress) + Sync),
    ) -> Result<IndexReport, AttemptError> {
        let fingerprint = plan::index_fingerprint(self.settings, self.embedder);
        let view = if request.rebuild { self.store.view().unwrap_or_default() } else { self.store.view()? };
        let plan = plan::plan_run(view.as_ref(), &fingerprint, request.rebuild)?;
        let before = view.as_ref().map(|view| view.manifest());
        let is_complete = before.is_some_and(|manifest| manifest.complete);
        // A part of the folder can be updated alone only if the rest is up to date.
        let scope = if is_complete && plan.redo_reason.is_none() { &request.scope } else { &IndexScope::All };
        self.check_preparse(&plan, scope, cancel)?;
        if cancel.is_cancelled() {
            return Err(IndexError::Cancelled { root: self.root() }.into());
        }
        let mut writer = RunWriter::new(self.store, fingerprint.clone(), view.as_ref(), plan.fresh, cancel);
        if plan.fresh || !is_complete {
            let locked = writer.lock()?;
            if plan.keeps_old_index {
                locked.defer_publication();
            }
        }
        let run = PipelineRun::new(self, cancel, run_baseline(&plan, scope, before));
        run.run_observed(observe, || self.run_and_complete(&run, plan, scope, writer, before, &fingerprint))
    }

    /// Runs the stages and then commits the end of the run.
    fn run_and_complete(
        &self,
        run: &PipelineRun<'_>,
        plan: RunPlan,
        scope: &IndexScope,
        mut writer: RunWriter<'_>,
        before: Option<&Manifest>,
        fingerprint: &IndexFingerprint,
    ) -> Result<IndexReport, AttemptError> {
        let results = run.run_stages(&plan, scope, &mut writer)?;
        if run.cancel.is_cancelled() {
            return Err(IndexError::Cancelled { root: self.root() }.into());
        }
        let finished = FinishedRun::new(plan, results, scope, before);
        let (found, skipped) = (finished.files_found(), finished.skipped());
        let is_unchanged = before.is_some_and(|manifest| {
            manifest.complete && manifest.fingerprint == *fingerprint && manifest.skipped == skipped
        });
        if writer.is_locked() || !finished.unseen.gone.is_empty() || !is_unchanged {
            let running = CommitStatus { complete: false, files_found: found, skipped: skipped.clone() };
            run.run_finish(|| complete_run(&mut writer, finished.unseen.gone.clone(), running))?;
        }
        if let Some(Err(error)) = self.cache.map(VectorCache::flush) {
            tracing::warn!("{error}");
        }
        Ok(finished.report(run, skipped))
    }

    /// Fails if `--preparse` would need more memory than there is for files.
    fn check_preparse(&self, plan: &RunPlan, scope: &IndexScope, cancel: &CancelToken) -> Result<(), IndexError> {
        if !self.settings.pipeline.preparse {
            return Ok(());
        }
        let ceiling_bytes = self.in_flight_bytes();
        let (mut files, mut needed_bytes) = (0, 0_u64);
        let stop = || cancel.is_cancelled();
        let options = WalkOptions { max_file_bytes: self.settings.max_file_bytes, files: self.files, stop: &stop };
        walk::walk_scope(&self.settings.root, &options, scope.paths(), &mut |walked| {
            if let WalkFinding::File(entry) = walked
                && !plan.is_unchanged(&entry)
            {
                files += 1;
                needed_bytes = needed_bytes.saturating_add(budget::estimate_cost_bytes(entry.size_bytes));
            }
            std::ops::ControlFlow::Continue(())
        })?;
        if needed_bytes > ceiling_bytes {
            return Err(IndexError::Preparse { files, needed_bytes, ceiling_bytes });
        }
        Ok(())
    }
}

/// Returns the counts that interim commits are based on.
fn run_baseline(plan: &RunPlan, scope: &IndexScope, before: Option<&Manifest>) -> RunBaseline {
    let skipped = before.filter(|_| !plan.fresh).map(|before| before.skipped.clone()).unwrap_or_default();
    let Some(places) = scope.path_set() else { return RunBaseline { skipped, ..RunBaseline::default() } };
    let out_of_scope_files = plan.stored.iter().filter(|path| !places.covers(path)).count() as u64;
    RunBaseline { stored_files: plan.stored.len() as u64, out_of_scope_files, skipped }
}

/// Removes deleted files from the store and marks the run as complete.
fn complete_run(writer: &mut RunWriter<'_>, removed: Vec<RepoPath>, running: CommitStatus) -> Result<(), AttemptError> {
    let store = writer.lock()?;
    if !removed.is_empty() {
        store.commit(Commit { remove: removed, ..Commit::default() }, &running)?;
    }
    store.finish(&CommitStatus { complete: true, ..running })?;
    Ok(())
}

/// A run whose stages have ended.
struct FinishedRun<'r> {
    plan: RunPlan,
    results: StageResults,
    scope: &'r IndexScope,
    /// The manifest at the start of the run.
    before: Option<&'r Manifest>,
    unseen: UnseenFiles,
}

/// Stored files that the walk did not report.
#[derive(Default)]
struct UnseenFiles {
    /// The file was deleted.
    gone: Vec<RepoPath>,
    /// The file is in a folder that could not be read.
    unreadable: u64,
    /// The file is outside of the run's scope.
    out_of_scope: u64,
}

impl UnseenFiles {
    fn new(plan: &RunPlan, results: &StageResults, scope: &IndexScope) -> Self {
        let (places, mut unseen) = (scope.path_set(), Self::default());
        let vanished: HashSet<&RepoPath> = results.written.vanished.iter().collect();
        for path in &plan.stored {
            if results.walked.seen.contains(path) {
                if vanished.contains(path) {
                    unseen.gone.push(path.clone());
                }
            } else if places.as_ref().is_some_and(|places| !places.covers(path)) {
                unseen.out_of_scope += 1;
            } else if results.walked.unread.covers(path) {
                unseen.unreadable += 1;
            } else {
                unseen.gone.push(path.clone());
            }
        }
        unseen
    }
}

impl<'r> FinishedRun<'r> {
    fn new(plan: RunPlan, results: StageResults, scope: &'r IndexScope, before: Option<&'r Manifest>) -> Self {
        let unseen = UnseenFiles::new(&plan, &results, scope);
        Self { plan, results, scope, before, unseen }
    }

    /// Returns the number of files in the whole folder. Files that could not be looked at count as present.
    fn files_found(&self) -> u64 {
        self.results.walked.seen.len() as u64 + self.unseen.out_of_scope + self.unseen.unreadable
    }

    /// Returns the known records that pass `filter` and that this run has confirmed without writing them
    /// again.
    fn confirmed_records(&self, filter: fn(&FileRecord) -> bool) -> impl Iterator<Item = &FileRecord> {
        let WriteSummary { redone, touched, .. } = &self.results.written;
        let is_old = move |path: &RepoPath| !redone.contains(path) && !touched.contains(path);
        let seen = &self.results.walked.seen;
        let records = self.plan.known.values().filter(move |record| filter(record));
        records.filter(move |record| seen.contains(&record.path) && is_old(&record.path))
    }

    /// Counts skipped files by reason: those skipped by the walk, after reading in this run, and after reading
    /// in an earlier run if unchanged since. A run over a part of the folder keeps the counts of the last full
    /// run.
    fn skipped(&self) -> BTreeMap<String, u64> {
        if let (IndexScope::Paths(_), Some(before)) = (self.scope, self.before) {
            return before.skipped.clone();
        }
        let mut counts = self.results.walked.skipped.clone();
        for (reason, count) in &self.results.written.skipped {
            *counts.entry(reason.clone()).or_default() += count;
        }
        for (path, record) in &self.plan.known {
            let FileOutcome::Skipped(reason) = &record.outcome else { continue };
            if self.results.walked.seen.contains(path) && !self.results.written.redone.contains(path) {
                *counts.entry(reason.label().to_owned()).or_default() += 1;
            }
        }
        counts
    }

    /// Returns the paths that could not be read, and the problems of all files.
    fn take_unread(&mut self) -> (Vec<RepoPath>, Vec<(RepoPath, String)>) {
        let again: Vec<&FileRecord> = self.confirmed_records(FileRecord::is_unread).collect();
        let (paths, mut problems): (Vec<_>, Vec<_>) = (
            again.iter().map(|record| record.path.clone()).collect(),
            again.into_iter().filter_map(indexing_problem).collect(),
        );
        let StageResults { walked, written, .. } = &mut self.results;
        problems.append(&mut walked.problems);
        problems.append(&mut written.problems);
        let mut unread = std::mem::take(&mut walked.unread);
        paths.into_iter().chain(written.unread.drain(..)).for_each(|path| unread.insert(path));
        (unread.into_iter().collect(), problems)
    }

    /// Returns a note about the files that only the memory limit excludes.
    fn too_large_note(&self, run: &PipelineRun<'_>) -> Option<String> {
        let filter = |record: &FileRecord| matches!(record.outcome, FileOutcome::Skipped(SkipReason::TooLarge { .. }));
        let new = self.results.written.skipped.get(TOO_LARGE).copied().unwrap_or(0);
        let files = new + self.confirmed_records(filter).count() as u64;
        let largest = budget::largest_file_bytes(run.budget.ceiling_bytes()) as f64 / f64::from(1 << 20);
        (files > 0).then(|| {
            format!(
                "--max-memory has room for files of up to {largest:.1} MiB; larger files left out: {files}; raise it to index \
                 them"
            )
        })
    }

    fn report(mut self, run: &PipelineRun<'_>, skipped: BTreeMap<String, u64>) -> IndexReport {
        let notes = self.too_large_note(run).into_iter().collect();
        let (unread, problems) = self.take_unread();
        let StageResults { walked, written, embedded } = self.results;
        IndexReport {
            files_found: walked.seen.len() as u64,
            files_indexed: written.files,
            files_unchanged: written.unchanged,
            files_removed: self.unseen.gone.len() as u64,
            files_vanished: written.vanished.len() as u64,
            skipped,
            problems,
            unread,
            notes,
            chunks: written.chunks,
            bytes: written.bytes,
            redone_because: self.plan.redo_reason,
            elapsed: run.started.elapsed(),
            stages: run.clocks.iter().map(StageClock::report).collect(),
            vectors_computed: embedded.computed,
            vectors_reused: embedded.reused,
            embed_batch: run.mean_batch_chunks().unwrap_or(embedded.batch_chunks),
            in_flight_peak_bytes: run.budget.peak_bytes(),
            peak_memory_bytes: run.peak_memory_bytes(),
            device: run.device().filter(|device| device.batches > 0),
        }
    }
}
