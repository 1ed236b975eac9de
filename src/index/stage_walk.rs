//! walk: the folder becomes entries, a few at a time; what is left out is counted under its reason.

use std::collections::{BTreeMap, HashSet};
use std::ops::ControlFlow;

use super::Scope;
use super::flow::Outlet;
use crate::types::{AbsPath, Places, RepoPath, SkipReason};
use crate::walk::{self, Skipped, WalkEntry, WalkError, WalkOptions, Walked};

/// What the walk saw, once it has ended.
#[derive(Default)]
pub(super) struct WalkSummary {
    pub seen: HashSet<RepoPath>,
    pub skipped: BTreeMap<String, u64>,
    /// What could not be looked at, or listed.
    pub unread: Places,
    /// The same in words.
    pub problems: Vec<(RepoPath, String)>,
}

/// Walks the scope to the end, or until nobody takes what is found, handing on `file_batch` entries at once.
/// Each is shown to `found` first.
pub(super) fn run(
    root: &AbsPath,
    options: &WalkOptions<'_>,
    scope: &Scope,
    outlet: &Outlet<'_, Vec<WalkEntry>>,
    file_batch: usize,
    found: &dyn Fn(&WalkEntry),
) -> Result<WalkSummary, WalkError> {
    let mut summary = WalkSummary::default();
    let mut batch = Vec::with_capacity(file_batch);
    walk::walk_scope(root, options, scope.paths(), &mut |walked| {
        match walked {
            Walked::File(entry) => {
                outlet.clock.count(1, entry.size_bytes);
                found(&entry);
                summary.seen.insert(entry.path.clone());
                batch.push(entry);
                if batch.len() >= file_batch && !outlet.send(std::mem::take(&mut batch)) {
                    return ControlFlow::Break(());
                }
            }
            Walked::Skipped(skipped) => summary.skip(skipped),
        }
        ControlFlow::Continue(())
    })?;
    if !batch.is_empty() {
        outlet.send(batch);
    }
    Ok(summary)
}

impl WalkSummary {
    fn skip(&mut self, skipped: Skipped) {
        let Skipped { path, reason, .. } = skipped;
        *self.skipped.entry(reason.label().to_owned()).or_default() += 1;
        if let SkipReason::Unreadable { message } = reason {
            self.unread.insert(path.clone());
            let then = match walk::changes_rules(&path) {
                true => "what it excludes may be indexed",
                false => "what was indexed of it before is kept",
            };
            self.problems.push((path, format!("cannot be read: {message}; {then}")));
        }
    }
}
