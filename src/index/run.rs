//! One index run: what to do, the stages, and what to tidy up after them.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;

use super::flow::StageClock;
use super::indexer::{Failure, Indexer};
use super::plan::{self, Plan};
use super::stage_write::RunWriter;
use super::stages::{Ran, Run};
use super::{CancelToken, IndexError, IndexReport, IndexRequest, Progress, Scope, budget};
use crate::embed::cache::VectorCache;
use crate::store::{Commit, Manifest, Recipe, RunState, StoreError};
use crate::types::{Outcome, RepoPath};
use crate::walk::{self, WalkEntry, WalkOptions, Walked};

/// How often a run starts over because another process committed meanwhile.
const ATTEMPTS: usize = 3;

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
                Err(Failure::Index(IndexError::Store(StoreError::Stopped { .. }))) => break,
                Err(Failure::Index(error)) => return Err(error),
                Ok(report) => return Ok(report),
            }
        }
        let root = self.root();
        Err(if cancel.is_cancelled() { IndexError::Cancelled { root } } else { IndexError::Contended { root } })
    }

    fn root(&self) -> PathBuf {
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
        let before = view.as_ref().map(|view| view.manifest());
        let is_complete = before.is_some_and(|manifest| manifest.complete);
        // A part can only be brought up to date where the rest is.
        let scope = if is_complete && plan.because.is_none() { &request.scope } else { &Scope::All };
        self.check_preparse(&plan, scope)?;
        let mut writer = RunWriter::new(self.store, recipe.clone(), view.as_ref(), plan.fresh, cancel);
        if plan.fresh || !is_complete {
            let locked = writer.lock()?;
            if plan.keeps_old {
                locked.hide();
            }
        }
        let run = Run::new(self, cancel);
        run.observed(observe, || self.go(&run, plan, scope, writer, before, &recipe))
    }

    /// The stages, and what is to be done after them.
    fn go(
        &self,
        run: &Run<'_>,
        plan: Plan,
        scope: &Scope,
        mut writer: RunWriter<'_>,
        before: Option<&Manifest>,
        recipe: &Recipe,
    ) -> Result<IndexReport, Failure> {
        let ran = run.stages(&plan, scope, &mut writer)?;
        if run.cancel.is_cancelled() {
            return Err(IndexError::Cancelled { root: self.root() }.into());
        }
        let ended = Ended { plan, ran, scope, before };
        let (removed, found, skipped) = (ended.removed(), ended.files_found(), ended.skipped());
        let as_before = before
            .is_some_and(|manifest| manifest.complete && manifest.recipe == *recipe && manifest.skipped == skipped);
        if writer.is_open() || !removed.is_empty() || !as_before {
            let running = RunState { complete: false, files_found: found, skipped: skipped.clone() };
            run.finishing(|| complete(&mut writer, removed.clone(), running))?;
        }
        if let Some(Err(error)) = self.cache.map(VectorCache::flush) {
            tracing::warn!("{error}");
        }
        Ok(ended.report(run, removed.len() as u64, skipped))
    }

    /// Refuses `--preparse` where everything at once would not fit.
    fn check_preparse(&self, plan: &Plan, scope: &Scope) -> Result<(), IndexError> {
        if !self.settings.pipeline.preparse {
            return Ok(());
        }
        let ceiling_bytes = self.settings.pipeline.in_flight_bytes();
        let (mut files, mut needed_bytes) = (0, 0_u64);
        let options = WalkOptions { max_file_bytes: self.settings.max_file_bytes, files: self.files };
        walk::walk_scope(&self.settings.root, &options, scope.paths(), &mut |walked| {
            let is_known = |entry: &WalkEntry| {
                let known = plan.known.get(&entry.path);
                known.is_some_and(|known| (known.size_bytes, known.mtime_ns) == (entry.size_bytes, entry.mtime_ns))
            };
            if let Walked::File(entry) = walked
                && !is_known(&entry)
            {
                files += 1;
                needed_bytes = needed_bytes.saturating_add(budget::cost(entry.size_bytes));
            }
            std::ops::ControlFlow::Continue(())
        })?;
        if needed_bytes > ceiling_bytes {
            return Err(IndexError::Preparse { files, needed_bytes, ceiling_bytes });
        }
        Ok(())
    }
}

/// Removes what is gone, and records that the run went through.
fn complete(writer: &mut RunWriter<'_>, removed: Vec<RepoPath>, running: RunState) -> Result<(), Failure> {
    let store = writer.lock()?;
    if !removed.is_empty() {
        store.commit(Commit { remove: removed, ..Commit::default() }, &running)?;
    }
    store.finish(&RunState { complete: true, ..running })?;
    Ok(())
}

/// A run whose stages have ended.
struct Ended<'r> {
    plan: Plan,
    ran: Ran,
    scope: &'r Scope,
    /// The manifest that the run began with.
    before: Option<&'r Manifest>,
}

impl Ended<'_> {
    /// Files the store has and the folder has not.
    fn removed(&self) -> Vec<RepoPath> {
        let vanished: HashSet<&RepoPath> = self.ran.written.vanished.iter().collect();
        let gone = |path: &&RepoPath| {
            self.scope.holds(path) && (!self.ran.walked.seen.contains(*path) || vanished.contains(*path))
        };
        self.plan.stored.iter().filter(gone).cloned().collect()
    }

    /// Files in the whole folder.
    fn files_found(&self) -> u64 {
        let seen = self.ran.walked.seen.len() as u64;
        match self.scope {
            Scope::All => seen,
            Scope::Paths(_) => seen + self.plan.stored.iter().filter(|path| !self.scope.holds(path)).count() as u64,
        }
    }

    /// What was left out, by reason: by the walk, after reading in this run, and after reading in
    /// an earlier run if the file has not changed since. A run over a part leaves the counts as
    /// they were until the next whole one.
    fn skipped(&self) -> BTreeMap<String, u64> {
        if let (Scope::Paths(_), Some(before)) = (self.scope, self.before) {
            return before.skipped.clone();
        }
        let mut counts = self.ran.walked.skipped.clone();
        for (reason, count) in &self.ran.written.skipped {
            *counts.entry(reason.clone()).or_default() += count;
        }
        for (path, record) in &self.plan.known {
            let Outcome::Skipped(reason) = &record.outcome else { continue };
            if self.ran.walked.seen.contains(path) && !self.ran.written.redone.contains(path) {
                *counts.entry(reason.label().to_owned()).or_default() += 1;
            }
        }
        counts
    }

    fn report(self, run: &Run<'_>, removed: u64, skipped: BTreeMap<String, u64>) -> IndexReport {
        let Ran { walked, written, embedded } = self.ran;
        IndexReport {
            files_found: walked.seen.len() as u64,
            files_indexed: written.files,
            files_unchanged: written.unchanged,
            files_removed: removed,
            files_vanished: written.vanished.len() as u64,
            skipped,
            problems: written.problems,
            chunks: written.chunks,
            bytes: written.bytes,
            redone_because: self.plan.because,
            elapsed: run.started.elapsed(),
            stages: run.clocks.iter().map(StageClock::report).collect(),
            vectors_computed: embedded.computed,
            vectors_reused: embedded.reused,
            embed_batch: embedded.batch,
            in_flight_peak_bytes: run.budget.peak_bytes(),
            peak_memory_bytes: run.peak_memory_bytes(),
            device: run.device().filter(|device| device.batches > 0),
        }
    }
}
