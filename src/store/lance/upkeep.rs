//! What keeps the tables fast and small: the full-text index, compaction, and forgetting.
//!
//! Invariants: nothing here changes what a search finds; nothing the manifest names, and nothing it
//! lists as retired, is removed. Must never import: anything above `store`.

use std::fs;

use lance::dataset::cleanup::CleanupPolicy;
use lancedb::Table;
use lancedb::index::Index;
use lancedb::index::scalar::FtsIndexBuilder;
use lancedb::table::{CompactionOptions, OptimizeAction, OptimizeOptions};

use super::Place;
use super::manifest::Committed;
use super::tables::{Tables, number_of};

/// The column with the words, and LanceDB's name for the index over it.
pub(super) const TEXT_COLUMN: &str = "search_text";
const TEXT_INDEX: &str = "search_text_idx";

/// Longest word that is indexed, in bytes; longer ones are no words.
const MAX_WORD_BYTES: usize = 128;

/// When upkeep is worth its time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Rows outside the full-text index before they get a segment of it in the middle of a run, as
    /// long as they are a third of those inside, so that a long run makes few segments. A search
    /// reads them one by one, about 5 µs each.
    pub flat_rows: usize,
    /// Segments of the full-text index before the last ones, which are small, are joined…
    pub segments: usize,
    /// … so many of them.
    pub joined: usize,
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
        Self {
            flat_rows: 32_768,
            segments: 16,
            joined: 8,
            small_rows: 4_096,
            small_fragments: 32,
            deleted_percent: 20,
            keep_ms: 11 * 60_000,
        }
    }
}

/// See [`Limits::small_fragments`]. A fragment costs a reader a third of a millisecond.
const IN_A_RUN: usize = 8;

/// The state of a table's full-text index.
struct TextIndex {
    segments: usize,
    flat_rows: usize,
}

impl TextIndex {
    /// Whether the rows outside are worth a segment in the middle of a run.
    fn is_due(&self, crumbs: &Crumbs, nearly_done: bool, limits: &Limits) -> bool {
        let inside = crumbs.rows.saturating_sub(self.flat_rows);
        let least = if nearly_done { limits.flat_rows / 2 } else { limits.flat_rows.max(inside / 3) };
        self.flat_rows >= least.max(1)
    }
}

async fn text_index(chunks: &Table) -> lancedb::Result<Option<TextIndex>> {
    let found = chunks.index_stats(TEXT_INDEX).await?;
    Ok(found.map(|stats| TextIndex {
        segments: stats.num_indices.map_or(1, |count| count as usize),
        flat_rows: stats.num_unindexed_rows,
    }))
}

/// What upkeep did that the writer has to know.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Upkeep {
    /// The full-text index was made.
    pub made_index: bool,
    /// Chunks were given other row keys.
    pub renumbered: bool,
}

/// Sees to it that the tables can be searched, and fast enough, after a commit.
///
/// Towards the end of a run (`nearly_done`) the rest is indexed early: a segment is made on one core,
/// and until the last commit there is other work for the others.
pub(super) async fn after_commit(
    tables: &Tables,
    made_in_this_run: bool,
    nearly_done: bool,
    limits: &Limits,
) -> lancedb::Result<Upkeep> {
    let chunks = &tables.chunks;
    let crumbs = Crumbs::of(chunks, limits).await?;
    match text_index(chunks).await? {
        None if crumbs.rows > crumbs.deleted => {
            build_index(chunks).await?;
            Ok(Upkeep { made_index: true, renumbered: false })
        }
        Some(_) if crumbs.small > limits.small_fragments * IN_A_RUN => at_end(tables, made_in_this_run, limits).await,
        Some(index) if index.is_due(&crumbs, nearly_done, limits) => {
            append_segment(chunks).await?;
            Ok(Upkeep::default())
        }
        _ => Ok(Upkeep::default()),
    }
}

/// Brings the index up to date, and joins small fragments, at the end of a run. Rows are indexed
/// once, in segments; only where small fragments are joined in the run that made the index is all of
/// it made again.
pub(super) async fn at_end(tables: &Tables, made_in_this_run: bool, limits: &Limits) -> lancedb::Result<Upkeep> {
    let chunks = &tables.chunks;
    let mut done = Upkeep::default();
    let crumbled = Crumbs::of(chunks, limits).await?.are_many(limits);
    match text_index(chunks).await? {
        Some(_) if made_in_this_run && crumbled => {
            chunks.drop_index(TEXT_INDEX).await?; // there is nothing to renumber then
            done.renumbered = compact(chunks, limits).await;
            build_index(chunks).await?;
        }
        Some(index) => {
            if index.flat_rows > 0 {
                append_segment(chunks).await?;
            }
            if crumbled {
                // Fragments are joined only with those of the same segment.
                join_segments(chunks, 2, usize::MAX).await?;
                done.renumbered = compact(chunks, limits).await;
            } else {
                join_segments(chunks, limits.segments, limits.joined).await?;
            }
        }
        None => {}
    }
    if Crumbs::of(&tables.files, limits).await?.are_many(limits) {
        compact(&tables.files, limits).await;
    }
    Ok(done)
}

/// The search text is split into words already: nothing is to be stemmed, folded or dropped.
async fn build_index(chunks: &Table) -> lancedb::Result<()> {
    let params = FtsIndexBuilder::default()
        .base_tokenizer("whitespace".to_owned())
        .max_token_length(Some(MAX_WORD_BYTES))
        .lower_case(false)
        .stem(false)
        .remove_stop_words(false)
        .ascii_folding(false)
        .with_position(false);
    chunks.create_index(&[TEXT_COLUMN], Index::FTS(params)).replace(true).execute().await
}

async fn append_segment(chunks: &Table) -> lancedb::Result<()> {
    chunks.optimize(OptimizeAction::Index(OptimizeOptions::append())).await.map(|_| ())
}

/// Joins the last `joined` segments, but never the first, which holds the most, when there are more
/// than `most`.
async fn join_segments(chunks: &Table, most: usize, joined: usize) -> lancedb::Result<()> {
    match text_index(chunks).await? {
        Some(index) if index.segments > most.max(1) => {
            let join = OptimizeOptions::merge(joined.min(index.segments - 1));
            chunks.optimize(OptimizeAction::Index(join)).await.map(|_| ())
        }
        _ => Ok(()),
    }
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
