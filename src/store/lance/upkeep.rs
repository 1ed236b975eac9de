//! What keeps the tables fast and small: compaction and forgetting.
//!
//! Invariants: nothing here changes what a search finds; nothing the manifest names, and nothing it
//! lists as retired, is removed. Must never import: anything above `store`.

use std::fs;

use lance::dataset::cleanup::CleanupPolicy;
use lancedb::Table;
use lancedb::table::{CompactionOptions, OptimizeAction};

use super::Place;
use super::manifest::Committed;
use super::tables::{Tables, number_of};

/// When upkeep is worth its time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Segments of the word index before the last ones, which are small, are joined.
    pub segments: usize,
    /// A fragment with fewer rows than this is small.
    pub small_rows: usize,
    /// Small fragments before they are joined at the end of a run; in the middle of one, this many
    /// times [`IN_A_RUN`].
    pub small_fragments: usize,
    /// Share of deleted rows, in percent, from which the fragments that have them are rewritten.
    pub deleted_percent: usize,
    /// How long a replaced commit stays readable, in milliseconds. Ten minutes, and one for the
    /// commits that a retired one stands for.
    pub keep_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { segments: 32, small_rows: 4_096, small_fragments: 32, deleted_percent: 20, keep_ms: 11 * 60_000 }
    }
}

/// See [`Limits::small_fragments`]. A fragment costs a reader a third of a millisecond.
const IN_A_RUN: usize = 8;

/// Joins small fragments in the middle of a run, where there are very many. Returns whether rows may
/// have other keys now.
pub(super) async fn after_commit(tables: &Tables, limits: &Limits) -> lancedb::Result<bool> {
    let crumbs = Crumbs::of(&tables.chunks, limits).await?;
    if crumbs.small > limits.small_fragments * IN_A_RUN { at_end(tables, limits).await } else { Ok(false) }
}

/// Joins small fragments at the end of a run. Returns whether rows may have other keys now.
pub(super) async fn at_end(tables: &Tables, limits: &Limits) -> lancedb::Result<bool> {
    let is_crumbled = async |table: &Table| Crumbs::of(table, limits).await.map(|crumbs| crumbs.are_many(limits));
    let renumbered = is_crumbled(&tables.chunks).await? && compact(&tables.chunks, limits).await;
    if is_crumbled(&tables.files).await? {
        compact(&tables.files, limits).await;
    }
    Ok(renumbered)
}

/// Joins small fragments and rewrites those with many deleted rows. Without it a table is slower and
/// nothing else, so a failure is only logged. Returns whether rows may have other keys now.
async fn compact(table: &Table, limits: &Limits) -> bool {
    let options = CompactionOptions { target_rows_per_fragment: limits.small_rows, ..Default::default() };
    match table.optimize(OptimizeAction::Compact { options, remap_options: None }).await {
        Ok(stats) => stats.compaction.is_none_or(|metrics| metrics.fragments_removed > 0),
        Err(error) => {
            tracing::warn!("cannot join the fragments of {}: {error}", table.name());
            true
        }
    }
}

/// What makes a table slow to read.
#[derive(Default)]
struct Crumbs {
    /// Fragments with few rows.
    small: usize,
    /// Rows, the deleted ones too.
    rows: usize,
    deleted: usize,
}

impl Crumbs {
    async fn of(table: &Table, limits: &Limits) -> lancedb::Result<Self> {
        let mut crumbs = Self::default();
        let Some(wrapper) = table.dataset() else {
            return Ok(crumbs);
        };
        for fragment in wrapper.get().await?.fragments().iter() {
            let rows = fragment.physical_rows.unwrap_or(0);
            crumbs.small += usize::from(rows < limits.small_rows);
            crumbs.rows += rows;
            crumbs.deleted += fragment.deletion_file.as_ref().and_then(|file| file.num_deleted_rows).unwrap_or(0);
        }
        Ok(crumbs)
    }

    fn are_many(&self, limits: &Limits) -> bool {
        self.small > limits.small_fragments || self.deleted * 100 > self.rows * limits.deleted_percent
    }
}

/// Removes tables that are neither `tables` nor what `committed`, or a commit it lists as retired,
/// is made of.
pub(super) fn forget_tables(place: &Place, tables: &Tables, committed: Option<&Committed>) {
    let needed = |name: &str| {
        tables.both().iter().any(|table| table.name() == name)
            || committed.is_some_and(|committed| committed.oldest(name).is_some())
    };
    for entry in fs::read_dir(place.data()).into_iter().flatten().flatten() {
        let folder = entry.file_name().to_string_lossy().into_owned();
        if number_of(&folder).is_some() && !needed(folder.trim_end_matches(".lance")) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Removes versions that neither `committed` nor a commit it lists as retired is made of. What a
/// crash left behind goes with them: the caller holds the writer's lock.
pub(super) async fn forget_versions(tables: &Tables, committed: &Committed) -> lancedb::Result<()> {
    for table in tables.both() {
        let (Some(wrapper), Some(oldest)) = (table.dataset(), committed.oldest(table.name())) else { continue };
        let policy = CleanupPolicy {
            before_version: Some(oldest),
            delete_unverified: true,
            error_if_tagged_old_versions: false,
            ..CleanupPolicy::default()
        };
        wrapper.get().await?.cleanup_with_policy(policy).await?;
    }
    Ok(())
}
