//! Stage `walk`: lists the files of the folder and counts skipped files by reason.

use std::collections::{BTreeMap, HashSet};
use std::ops::ControlFlow;
use std::sync::atomic::Ordering;

use parking_lot::Mutex;

use super::super::pipeline_run::PipelineRun;
use super::super::queue::StageSender;
use crate::plan::RunPlan;
use crate::request::IndexScope;
use config::Settings;
use source::walk::{self, FileSystem, SkippedPath, WalkEntry, WalkError, WalkFinding, WalkOptions};
use types::{PathSet, RepoPath, SkipReason};

/// The options of the walk, and its result once it has ended.
pub(crate) struct WalkStage<'r> {
    settings: &'r Settings,
    files: &'r dyn FileSystem,
    scope: &'r IndexScope,
    plan: &'r RunPlan,
    run: &'r PipelineRun<'r>,
    result: Mutex<Option<Result<WalkSummary, WalkError>>>,
}

/// The result of a finished walk.
#[derive(Default)]
pub(crate) struct WalkSummary {
    pub seen: HashSet<RepoPath>,
    pub skipped: BTreeMap<String, u64>,
    /// Files and folders that could not be read.
    pub unread: PathSet,
    /// A description for each path in `unread`, and the problems of ignore files that the walk does not visit.
    pub problems: Vec<(RepoPath, String)>,
}

impl<'r> WalkStage<'r> {
    /// Creates a stage that has not walked yet.
    pub fn new(
        settings: &'r Settings,
        files: &'r dyn FileSystem,
        scope: &'r IndexScope,
        plan: &'r RunPlan,
        run: &'r PipelineRun<'_>,
    ) -> Self {
        Self { settings, files, scope, plan, run, result: Mutex::new(None) }
    }

    /// Walks the scope and sends its files, until the walk ends or the next stage does.
    pub fn run(&self, output: &StageSender<'_, Vec<WalkEntry>>) {
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

    fn walk(&self, output: &StageSender<'_, Vec<WalkEntry>>) -> Result<WalkSummary, WalkError> {
        let Settings { root, max_file_bytes, cross_file_systems, pipeline, .. } = self.settings;
        let options = WalkOptions {
            max_file_bytes: *max_file_bytes,
            files: self.files,
            cross_file_systems: *cross_file_systems,
            cancel: output.cancel.token(),
        };
        let mut summary = WalkSummary::default();
        let mut batch = Vec::with_capacity(pipeline.file_batch);
        walk::walk_scope(root, &options, self.scope.paths(), &mut |walked| {
            match walked {
                WalkFinding::File(entry) => {
                    output.clock.count(1, entry.stat.size_bytes);
                    let is_changed = !self.plan.is_unchanged(&entry);
                    self.run.counts.changed.fetch_add(u64::from(is_changed), Ordering::Relaxed);
                    summary.seen.insert(entry.path.clone());
                    batch.push(entry);
                    if batch.len() >= pipeline.file_batch && !output.send(std::mem::take(&mut batch)) {
                        return ControlFlow::Break(());
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
        summary.problems.extend(outside.map(|fault| (fault.path, fault.problem)));
        Ok(summary)
    }
}

impl WalkSummary {
    fn add_skipped(&mut self, skipped: SkippedPath) {
        let SkippedPath { path, reason, .. } = skipped;
        *self.skipped.entry(reason.label().to_owned()).or_default() += 1;
        if let SkipReason::Unreadable { message } = reason {
            self.unread.insert(path.clone());
            let then = walk::describe_ignore_fault(&path).unwrap_or("its indexed content is kept");
            self.problems.push((path, format!("cannot be read: {message}; {then}")));
        }
    }
}
