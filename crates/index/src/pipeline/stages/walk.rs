//! Stage `walk`: lists the files of the folder and counts skipped files by reason.

use std::collections::{BTreeMap, HashSet};
use std::ops::ControlFlow;
use std::sync::atomic::Ordering;

use parking_lot::Mutex;

use super::super::largest_file_bytes;
use super::super::pipeline_run::PipelineRun;
use super::super::queue::StageSender;
use crate::plan::RunPlan;
use crate::request::IndexScope;
use config::Settings;
use source::walk::{self, FaultLog, FileSystem, SkippedPath, WalkEntry, WalkError, WalkFinding, WalkOptions};
use types::{PathSet, RepoPath, SkipReason};

/// A file that the walk has found, and whether it need not be read.
pub(crate) struct WalkedFile {
    pub entry: WalkEntry,
    /// The result of [`RunPlan::is_unchanged`].
    pub is_unchanged: bool,
}

/// The options of the walk, and its result once it has ended.
pub(crate) struct WalkStage<'r> {
    settings: &'r Settings,
    files: &'r dyn FileSystem,
    fault_log: &'r FaultLog,
    scope: &'r IndexScope,
    plan: &'r RunPlan,
    run: &'r PipelineRun<'r>,
    result: Mutex<Option<Result<WalkSummary, WalkError>>>,
}

/// The result of a finished walk.
#[derive(Default)]
pub(crate) struct WalkSummary {
    pub seen: HashSet<RepoPath>,
    /// Number of files in `seen` that were not sent to the next stage: nothing about them remains to be done.
    pub settled: u64,
    pub skipped: BTreeMap<String, u64>,
    /// Files and folders that could not be read.
    pub unread: PathSet,
    /// A description for each path in `unread`, ignore files apart.
    pub problems: Vec<(RepoPath, String)>,
    /// The ignore files that cannot be used, and why; also those that the walk does not visit.
    pub ignore_faults: Vec<(RepoPath, String)>,
}

impl<'r> WalkStage<'r> {
    /// Creates a stage that has not walked yet.
    pub fn new(
        settings: &'r Settings,
        files: &'r dyn FileSystem,
        fault_log: &'r FaultLog,
        scope: &'r IndexScope,
        plan: &'r RunPlan,
        run: &'r PipelineRun<'_>,
    ) -> Self {
        Self { settings, files, fault_log, scope, plan, run, result: Mutex::new(None) }
    }

    /// Walks the scope and sends its files, until the walk ends or the next stage does.
    pub fn run(&self, output: &StageSender<'_, Vec<WalkedFile>>) {
        *self.result.lock() = Some(self.walk(output));
        self.run.set_walk_ended();
    }

    /// Returns the result of the walk.
    ///
    /// # Errors
    /// When the root could not be walked.
    ///
    /// # Panics
    /// When the stage has not run.
    pub fn into_summary(self) -> Result<WalkSummary, WalkError> {
        self.result.into_inner().expect("the walk has ended")
    }

    fn walk(&self, output: &StageSender<'_, Vec<WalkedFile>>) -> Result<WalkSummary, WalkError> {
        let Settings { root, max_file_bytes, cross_file_systems, pipeline, .. } = self.settings;
        let options = WalkOptions {
            max_file_bytes: *max_file_bytes,
            files: self.files,
            cross_file_systems: *cross_file_systems,
            fault_log: Some(self.fault_log),
            cancel: output.cancel.token(),
        };
        let mut summary = WalkSummary::default();
        let largest_bytes = largest_file_bytes(self.run.budget.ceiling_bytes());
        // Number of files since the last batch was sent. Files to read do not wait for as many others to be found.
        let (mut batch, mut since_sent) = (Vec::new(), 0);
        walk::walk_scope(root, &options, self.scope.paths(), &mut |walked| {
            match walked {
                WalkFinding::File(entry) => {
                    output.clock.count(1, entry.stat.size_bytes);
                    summary.seen.insert(entry.path.clone());
                    if self.plan.is_settled(&entry, largest_bytes) {
                        summary.settled += 1;
                        self.run.counts.add_finished(0, 1);
                    } else {
                        let is_unchanged = self.plan.is_unchanged(&entry);
                        self.run.counts.changed.fetch_add(u64::from(!is_unchanged), Ordering::Relaxed);
                        batch.push(WalkedFile { entry, is_unchanged });
                    }
                    since_sent += 1;
                    if since_sent >= pipeline.file_batch && !batch.is_empty() {
                        since_sent = 0;
                        if !output.send(std::mem::take(&mut batch)) {
                            return ControlFlow::Break(());
                        }
                    }
                }
                WalkFinding::Skipped(skipped) => summary.add_skipped(skipped),
            }
            ControlFlow::Continue(())
        })?;
        if !batch.is_empty() {
            output.send(batch);
        }
        let outside = walk::find_ignore_faults(root).into_iter().filter(|fault| !fault.is_visited);
        summary.ignore_faults.extend(outside.map(|fault| (fault.path, fault.problem)));
        Ok(summary)
    }
}

impl WalkSummary {
    fn add_skipped(&mut self, skipped: SkippedPath) {
        let SkippedPath { path, is_dir, reason } = skipped;
        *self.skipped.entry(reason.label().to_owned()).or_default() += 1;
        if let SkipReason::Unreadable { message } = reason {
            self.unread.insert(path.clone());
            let (problems, then) = match walk::describe_ignore_fault(&path) {
                Some(then) if !is_dir => (&mut self.ignore_faults, then),
                _ => (&mut self.problems, "its indexed content is kept"),
            };
            problems.push((path, format!("cannot be read: {message}; {then}")));
        }
    }
}
