//! Joins the results of the stages: the counts, the deleted files and the report of a run.

use std::collections::{BTreeMap, HashSet};

use crate::pipeline::PipelineRun;
use crate::pipeline::largest_file_bytes;
use crate::pipeline::stages::embed::EmbedSummary;
use crate::pipeline::stages::walk::WalkSummary;
use crate::pipeline::stages::write::{WriteSummary, indexing_problem};
use crate::plan::RunPlan;
use crate::plan::saved_tree;
use crate::report::{ChangedFiles, FileList, IndexReport};
use crate::request::IndexScope;
use store::Manifest;
use types::{FileOutcome, FileRecord, RepoPath, SkipReason};

/// The results of the stages.
pub(crate) struct StageResults {
    pub walked: WalkSummary,
    pub written: WriteSummary,
    pub embedded: EmbedSummary,
}

/// A run whose stages have ended.
pub(crate) struct FinishedRun<'r> {
    plan: RunPlan,
    results: StageResults,
    scope: &'r IndexScope,
    /// The manifest at the start of the run.
    before: Option<&'r Manifest>,
    unseen: UnseenFiles,
}

/// Stored files that the walk did not report, or that vanished before they were read.
#[derive(Default)]
struct UnseenFiles {
    /// Files that were deleted, or that the walk excludes now.
    gone: Vec<RepoPath>,
    /// Number of files that could not be examined, because a folder above them could not be read, for example.
    unreadable: u64,
    /// Number of files outside of the run's scope.
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
    /// Compares the stored files with the files that the stages have seen.
    pub fn new(plan: RunPlan, results: StageResults, scope: &'r IndexScope, before: Option<&'r Manifest>) -> Self {
        let unseen = UnseenFiles::new(&plan, &results, scope);
        Self { plan, results, scope, before, unseen }
    }

    /// Returns the stored files that were deleted from the folder, or that the walk excludes now.
    pub fn removed(&self) -> &[RepoPath] {
        &self.unseen.gone
    }

    /// Returns the sample of the tree that the folder has left for one at another commit of git. `None` if the commit
    /// of one of them is unknown or both are equal, if the last commit of the index was not complete or is not used, or
    /// if this run has replaced or removed too few files.
    pub fn left_tree(&self, head: Option<&str>) -> Option<Vec<(String, String)>> {
        let before = self.before.filter(|before| before.complete && !self.plan.fresh)?;
        if head.is_none() || before.head.is_none() || before.head.as_deref() == head {
            return None;
        }
        let gone: HashSet<&RepoPath> = self.unseen.gone.iter().collect();
        let is_changed = |path: &RepoPath| self.results.written.redone.contains(path) || gone.contains(path);
        saved_tree::sample_left_tree(self.plan.known.values().filter(|record| is_changed(&record.path)))
    }

    /// Returns whether the stored manifest was damaged, so that it must be written even if nothing else has changed.
    pub fn replaces_manifest(&self) -> bool {
        self.plan.repaired.is_manifest_damaged
    }

    /// Returns a note about the damage that this run has repaired; `None` if it has repaired none.
    fn repair_note(&self) -> Option<String> {
        let damage = self.plan.repaired.describe()?;
        Some(format!("repaired the index from the files, because {damage}"))
    }

    /// Returns the number of files in the whole folder: the files that the walk has seen, and the stored files that it
    /// could not examine or that are out of scope.
    pub fn files_found(&self) -> u64 {
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

    /// Counts skipped files and folders by reason. Includes those skipped by the walk, files skipped after this run
    /// read them, and unchanged files skipped after an earlier run read them. A run over a part of the folder keeps the
    /// counts of the last commit.
    pub fn skipped(&self) -> BTreeMap<String, u64> {
        if let (IndexScope::Paths(_), Some(before)) = (self.scope, self.before) {
            return before.skipped.clone();
        }
        let mut counts = self.results.walked.skipped.clone();
        for (reason, count) in &self.results.written.skipped {
            *counts.entry(reason.clone()).or_default() += count;
        }
        for reason in self.skipped_before() {
            *counts.entry(reason.label().to_owned()).or_default() += 1;
        }
        counts
    }

    /// Returns the reasons of the unchanged files that an earlier run skipped after it had read them, one for each file.
    fn skipped_before(&self) -> impl Iterator<Item = &SkipReason> {
        let StageResults { walked, written, .. } = &self.results;
        self.plan.known.iter().filter_map(move |(path, record)| match &record.content.outcome {
            FileOutcome::Skipped(reason) if walked.seen.contains(path) && !written.redone.contains(path) => {
                Some(reason)
            }
            _ => None,
        })
    }

    /// Takes the paths that could not be read, and the problems of all files, from the results.
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

    /// Returns a note about the files that only the memory limit excludes; `None` without such files.
    fn too_large_note(&self, run: &PipelineRun<'_>) -> Option<String> {
        // Within the pipeline, only the memory limit gives this reason.
        let label = SkipReason::TooLarge { size_bytes: 0 }.label();
        let new = self.results.written.skipped.get(label).copied().unwrap_or(0);
        let files = new + self.confirmed_records(FileRecord::is_too_large).count() as u64;
        let largest = largest_file_bytes(run.budget.ceiling_bytes()) as f64 / f64::from(1 << 20);
        (files > 0).then(|| {
            format!(
                "--max-memory has room for files of up to {largest:.1} MiB; larger files left out: {files}; raise it to index \
                 them"
            )
        })
    }

    /// Builds the report of the run. `skipped` is the result of [`FinishedRun::skipped`].
    pub fn into_report(mut self, run: &PipelineRun<'_>, skipped: BTreeMap<String, u64>) -> IndexReport {
        let notes = self.repair_note().into_iter().chain(self.too_large_note(run)).collect();
        let (unread, problems) = self.take_unread();
        // They are counted among the skipped files.
        let skipped_before = self.skipped_before().count() as u64;
        let StageResults { walked, written, embedded } = self.results;
        let (indexed, removed) = (FileList::new(written.redone.iter()), FileList::new(self.unseen.gone.iter()));
        IndexReport {
            files_found: walked.seen.len() as u64,
            files_indexed: written.files,
            files_unchanged: written.unchanged.saturating_sub(skipped_before),
            files_removed: self.unseen.gone.len() as u64,
            files_vanished: written.vanished.len() as u64,
            skipped,
            problems,
            ignore_faults: walked.ignore_faults,
            unread,
            changed: ChangedFiles { indexed, removed },
            notes,
            chunks: written.chunks,
            bytes: written.bytes,
            redone_because: self.plan.redo_reason,
            elapsed: run.started.elapsed(),
            stages: run.clocks.report(),
            vectors_computed: embedded.computed,
            vectors_reused: embedded.reused,
            embed_batch: run.mean_batch_chunks().unwrap_or(embedded.batch_chunks),
            in_flight_peak_bytes: run.budget.peak_bytes(),
            peak_memory_bytes: run.peak_memory_bytes(),
            device: run.device().filter(|device| device.batches > 0),
        }
    }
}
