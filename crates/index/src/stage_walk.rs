//! Stage `walk`: lists the files of the folder, and counts skipped ones by reason.

use std::collections::{BTreeMap, HashSet};
use std::ops::ControlFlow;

use super::IndexScope;
use super::flow::StageSender;
use source::walk::{self, SkippedPath, WalkEntry, WalkError, WalkFinding, WalkOptions};
use types::{AbsPath, PathSet, RepoPath, SkipReason};

/// The result of a finished walk.
#[derive(Default)]
pub(super) struct WalkSummary {
    pub seen: HashSet<RepoPath>,
    pub skipped: BTreeMap<String, u64>,
    /// Files and folders that could not be read.
    pub unread: PathSet,
    /// A description for each path in `unread`.
    pub problems: Vec<(RepoPath, String)>,
}

/// Walks the scope and sends entries in batches of `file_batch`, until the walk ends or the next stage does.
/// Calls `on_file` for each entry first.
pub(super) fn walk_files(
    root: &AbsPath,
    options: &WalkOptions<'_>,
    scope: &IndexScope,
    output: &StageSender<'_, Vec<WalkEntry>>,
    file_batch: usize,
    on_file: &dyn Fn(&WalkEntry),
) -> Result<WalkSummary, WalkError> {
    let mut summary = WalkSummary::default();
    let mut batch = Vec::with_capacity(file_batch);
    walk::walk_scope(root, options, scope.paths(), &mut |walked| {
        match walked {
            WalkFinding::File(entry) => {
                output.clock.count(1, entry.size_bytes);
                on_file(&entry);
                summary.seen.insert(entry.path.clone());
                batch.push(entry);
                if batch.len() >= file_batch && !output.send(std::mem::take(&mut batch)) {
                    return ControlFlow::Break(());
                }
            }
            WalkFinding::Skipped(skipped) => summary.skip(skipped),
        }
        ControlFlow::Continue(())
    })?;
    if !batch.is_empty() {
        output.send(batch);
    }
    Ok(summary)
}

impl WalkSummary {
    fn skip(&mut self, skipped: SkippedPath) {
        let SkippedPath { path, reason, .. } = skipped;
        *self.skipped.entry(reason.label().to_owned()).or_default() += 1;
        if let SkipReason::Unreadable { message } = reason {
            self.unread.insert(path.clone());
            let then = match walk::affects_ignore_rules(&path) {
                true => "files that it excludes may be indexed",
                false => "its indexed content is kept",
            };
            self.problems.push((path, format!("cannot be read: {message}; {then}")));
        }
    }
}
