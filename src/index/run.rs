//! One index run: what to do, the stages, and what to tidy up after them.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;

use super::flow::StageClock;
use super::indexer::{Failure, Indexer};
use super::plan::{self, Plan};
use super::stage_write::{RunWriter, Written, problem_of};
use super::stages::{Part, Ran, Run};
use super::{CancelToken, IndexError, IndexReport, IndexRequest, Progress, Scope, budget};
use crate::embed::cache::VectorCache;
use crate::store::{Commit, Manifest, Recipe, RunState, StoreError};
use crate::types::{FileRecord, Outcome, RepoPath, SkipReason};
use crate::walk::{self, WalkOptions, Walked};

/// The label of what is too large: after reading, only the ceiling for memory says so.
const TOO_LARGE: &str = "too-large";

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
        self.check_preparse(&plan, scope, cancel)?;
        if cancel.is_cancelled() {
            return Err(IndexError::Cancelled { root: self.root() }.into());
        }
        let mut writer = RunWriter::new(self.store, recipe.clone(), view.as_ref(), plan.fresh, cancel);
        if plan.fresh || !is_complete {
            let locked = writer.lock()?;
            if plan.keeps_old {
                locked.hide();
            }
        }
        let run = Run::new(self, cancel, part(&plan, scope, before));
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
        let ended = Ended::new(plan, ran, scope, before);
        let (found, skipped) = (ended.files_found(), ended.skipped());
        let as_before = before
            .is_some_and(|manifest| manifest.complete && manifest.recipe == *recipe && manifest.skipped == skipped);
        if writer.is_open() || !ended.unseen.gone.is_empty() || !as_before {
            let running = RunState { complete: false, files_found: found, skipped: skipped.clone() };
            run.finishing(|| complete(&mut writer, ended.unseen.gone.clone(), running))?;
        }
        if let Some(Err(error)) = self.cache.map(VectorCache::flush) {
            tracing::warn!("{error}");
        }
        Ok(ended.report(run, skipped))
    }

    /// Refuses `--preparse` where everything at once would not fit.
    fn check_preparse(&self, plan: &Plan, scope: &Scope, cancel: &CancelToken) -> Result<(), IndexError> {
        if !self.settings.pipeline.preparse {
            return Ok(());
        }
        let ceiling_bytes = self.in_flight_bytes();
        let (mut files, mut needed_bytes) = (0, 0_u64);
        let stop = || cancel.is_cancelled();
        let options = WalkOptions { max_file_bytes: self.settings.max_file_bytes, files: self.files, stop: &stop };
        walk::walk_scope(&self.settings.root, &options, scope.paths(), &mut |walked| {
            if let Walked::File(entry) = walked
                && !plan.knows(&entry)
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

/// What the run goes on from.
fn part(plan: &Plan, scope: &Scope, before: Option<&Manifest>) -> Part {
    let skipped = before.filter(|_| !plan.fresh).map(|before| before.skipped.clone()).unwrap_or_default();
    let Some(places) = scope.places() else { return Part { skipped, ..Part::default() } };
    let elsewhere = plan.stored.iter().filter(|path| !places.cover(path)).count() as u64;
    Part { expected: plan.stored.len() as u64, elsewhere, skipped }
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
    unseen: Unseen,
}

/// Files the store has and the run did not come by.
#[derive(Default)]
struct Unseen {
    /// The folder has them no more.
    gone: Vec<RepoPath>,
    /// They lie where nothing could be read.
    hidden: u64,
    /// They are not in the part that the run looked at.
    elsewhere: u64,
}

impl Unseen {
    fn new(plan: &Plan, ran: &Ran, scope: &Scope) -> Self {
        let (places, mut unseen) = (scope.places(), Self::default());
        let vanished: HashSet<&RepoPath> = ran.written.vanished.iter().collect();
        for path in &plan.stored {
            if ran.walked.seen.contains(path) {
                if vanished.contains(path) {
                    unseen.gone.push(path.clone());
                }
            } else if places.as_ref().is_some_and(|places| !places.cover(path)) {
                unseen.elsewhere += 1;
            } else if ran.walked.unread.cover(path) {
                unseen.hidden += 1;
            } else {
                unseen.gone.push(path.clone());
            }
        }
        unseen
    }
}

impl<'r> Ended<'r> {
    fn new(plan: Plan, ran: Ran, scope: &'r Scope, before: Option<&'r Manifest>) -> Self {
        let unseen = Unseen::new(&plan, &ran, scope);
        Self { plan, ran, scope, before, unseen }
    }

    /// Files in the whole folder; those that cannot be looked at are taken to be there still.
    fn files_found(&self) -> u64 {
        self.ran.walked.seen.len() as u64 + self.unseen.elsewhere + self.unseen.hidden
    }

    /// Records of a kind that were not written anew because the last look at their files told the same again.
    fn told_again(&self, is_it: fn(&FileRecord) -> bool) -> impl Iterator<Item = &FileRecord> {
        let Written { redone, touched, .. } = &self.ran.written;
        let is_old = move |path: &RepoPath| !redone.contains(path) && !touched.contains(path);
        let seen = &self.ran.walked.seen;
        let records = self.plan.known.values().filter(move |record| is_it(record));
        records.filter(move |record| seen.contains(&record.path) && is_old(&record.path))
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

    /// What could not be read, and what is said of it.
    fn unread(&mut self) -> (Vec<RepoPath>, Vec<(RepoPath, String)>) {
        let again: Vec<&FileRecord> = self.told_again(FileRecord::is_unread).collect();
        let (paths, mut problems): (Vec<_>, Vec<_>) = (
            again.iter().map(|record| record.path.clone()).collect(),
            again.into_iter().filter_map(problem_of).collect(),
        );
        let Ran { walked, written, .. } = &mut self.ran;
        problems.append(&mut walked.problems);
        problems.append(&mut written.problems);
        let mut unread = std::mem::take(&mut walked.unread);
        paths.into_iter().chain(written.unread.drain(..)).for_each(|path| unread.insert(path));
        (unread.into_iter().collect(), problems)
    }

    /// The files that only the ceiling for memory keeps out.
    fn too_large(&self, run: &Run<'_>) -> Option<String> {
        let is_it = |record: &FileRecord| matches!(record.outcome, Outcome::Skipped(SkipReason::TooLarge { .. }));
        let new = self.ran.written.skipped.get(TOO_LARGE).copied().unwrap_or(0);
        let files = new + self.told_again(is_it).count() as u64;
        let largest = budget::largest_file(run.budget.ceiling_bytes()) as f64 / f64::from(1 << 20);
        (files > 0).then(|| {
            format!(
                "too large for --max-memory, which has room for files up to {largest:.1} MiB: {files}; raise it to index \
                 them"
            )
        })
    }

    fn report(mut self, run: &Run<'_>, skipped: BTreeMap<String, u64>) -> IndexReport {
        let notes = self.too_large(run).into_iter().collect();
        let (unread, problems) = self.unread();
        let Ran { walked, written, embedded } = self.ran;
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
            redone_because: self.plan.because,
            elapsed: run.started.elapsed(),
            stages: run.clocks.iter().map(StageClock::report).collect(),
            vectors_computed: embedded.computed,
            vectors_reused: embedded.reused,
            embed_batch: run.embed_batch().unwrap_or(embedded.batch),
            in_flight_peak_bytes: run.budget.peak_bytes(),
            peak_memory_bytes: run.peak_memory_bytes(),
            device: run.device().filter(|device| device.batches > 0),
        }
    }
}
