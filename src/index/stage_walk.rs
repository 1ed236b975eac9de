//! walk: the folder becomes entries; what is left out is counted under its reason.

use std::collections::{BTreeMap, HashSet};
use std::ops::ControlFlow;

use super::flow::Outlet;
use crate::types::{AbsPath, RepoPath};
use crate::walk::{self, WalkEntry, WalkError, WalkOptions, Walked};

/// What the walk saw, once it has ended.
#[derive(Default)]
pub(super) struct WalkSummary {
    pub seen: HashSet<RepoPath>,
    pub skipped: BTreeMap<String, u64>,
}

/// Walks to the end, or until nobody takes what is found. `found` is called for every file.
pub(super) fn run(
    root: &AbsPath,
    options: &WalkOptions,
    outlet: &Outlet<'_, WalkEntry>,
    found: &dyn Fn(),
) -> Result<WalkSummary, WalkError> {
    let mut summary = WalkSummary::default();
    walk::walk(root, options, &mut |walked| {
        match walked {
            Walked::File(entry) => {
                found();
                outlet.clock.count(1);
                summary.seen.insert(entry.path.clone());
                if !outlet.send(entry) {
                    return ControlFlow::Break(());
                }
            }
            Walked::Skipped(skipped) => *summary.skipped.entry(skipped.reason.label().to_owned()).or_default() += 1,
        }
        ControlFlow::Continue(())
    })?;
    Ok(summary)
}
