//! Maintenance of the tables: compaction of fragments and removal of unused tables and versions.
//!
//! It never changes search results, and never removes anything that the manifest names or lists as retired or saved.

use std::fs;
use std::path::{Path, PathBuf};

use lance::dataset::cleanup::CleanupPolicy;
use lancedb::Table;
use lancedb::table::{CompactionOptions, OptimizeAction};

use super::location::IndexLocation;
use super::manifest::{CommitRecord, SavedCommit, TableVersion};
use super::segments;
use super::tables::{Tables, parse_table_number};

/// Thresholds at which maintenance runs.
#[derive(Clone, Copy, Debug)]
pub(super) struct MaintenanceLimits {
    /// Number of index segments above which the small ones at the end are merged.
    pub segments: usize,
    /// Number of rows below which a fragment counts as small.
    pub small_rows: usize,
    /// Number of small fragments above which they are compacted at the end of a run; during a run, the
    /// limit is multiplied by [`DURING_RUN_FACTOR`].
    pub small_fragments: usize,
    /// Percentage of deleted rows above which a table is compacted.
    pub deleted_percent: usize,
    /// Time that a replaced commit stays readable, in milliseconds: ten minutes, plus one minute because a
    /// retired commit also represents the commits replaced within a minute after it.
    pub keep_ms: u64,
    /// Number of chunks above which the tables get search indexes, and readers do not hold the chunks in memory.
    pub resident_chunks: u64,
    /// Maximum number of saved commits.
    pub saved: usize,
    /// Time for which a saved commit is kept, in milliseconds.
    pub keep_saved_ms: u64,
}

impl Default for MaintenanceLimits {
    fn default() -> Self {
        Self {
            segments: 32,
            small_rows: 4_096,
            small_fragments: 32,
            deleted_percent: 20,
            keep_ms: 11 * 60_000,
            resident_chunks: u64::MAX,
            saved: 3,
            keep_saved_ms: 14 * 24 * 3_600_000,
        }
    }
}

/// Factor by which [`MaintenanceLimits::small_fragments`] is multiplied during a run. Each fragment slows a reader
/// down by about 0.3 ms.
const DURING_RUN_FACTOR: usize = 8;

/// Compacts the tables during a run, if the chunks table has very many small fragments.
pub(super) async fn compact_during_run(tables: &Tables, limits: &MaintenanceLimits) -> lancedb::Result<()> {
    let stats = FragmentStats::read(&tables.chunks, limits).await?;
    if stats.small > limits.small_fragments * DURING_RUN_FACTOR {
        compact_after_run(tables, limits).await?;
    }
    Ok(())
}

/// Compacts each table that has too many small fragments or deleted rows. The rows of the fragments that are rewritten
/// get new keys, and no row gets a key that another one had, because LanceDB never gives the number of a fragment
/// twice. So a reader loads only the rewritten rows again.
pub(super) async fn compact_after_run(tables: &Tables, limits: &MaintenanceLimits) -> lancedb::Result<()> {
    for table in tables.both() {
        if FragmentStats::read(table, limits).await?.need_compaction(limits) {
            compact_table(table, limits).await;
        }
    }
    Ok(())
}

/// Merges small fragments and rewrites those with many deleted rows.
///
/// A failure is logged and not returned, because a table that is not compacted is only slower.
async fn compact_table(table: &Table, limits: &MaintenanceLimits) {
    let options = CompactionOptions { target_rows_per_fragment: limits.small_rows, ..Default::default() };
    if let Err(error) = table.optimize(OptimizeAction::Compact { options, remap_options: None }).await {
        tracing::warn!("cannot compact the fragments of {}: {error}", table.name());
    }
}

/// The properties of a table's fragments that make reading slow.
#[derive(Default)]
struct FragmentStats {
    /// Number of fragments with fewer than [`MaintenanceLimits::small_rows`] rows.
    small: usize,
    /// Number of rows, including deleted ones.
    rows: usize,
    deleted: usize,
}

impl FragmentStats {
    async fn read(table: &Table, limits: &MaintenanceLimits) -> lancedb::Result<Self> {
        let mut stats = Self::default();
        let Some(wrapper) = table.dataset() else {
            return Ok(stats);
        };
        for fragment in wrapper.get().await?.fragments().iter() {
            let rows = fragment.physical_rows.unwrap_or(0);
            stats.small += usize::from(rows < limits.small_rows);
            stats.rows += rows;
            stats.deleted += fragment.deletion_file.as_ref().and_then(|file| file.num_deleted_rows).unwrap_or(0);
        }
        Ok(stats)
    }

    fn need_compaction(&self, limits: &MaintenanceLimits) -> bool {
        self.small > limits.small_fragments || self.deleted * 100 > self.rows * limits.deleted_percent
    }
}

/// Deletes the tables that are neither in `tables` nor used by `committed` or a commit that it lists as
/// retired.
pub(super) fn remove_unused_tables(
    location: &IndexLocation,
    tables: Option<&Tables>,
    committed: Option<&CommitRecord>,
) {
    let needed = |name: &str| {
        tables.is_some_and(|tables| tables.both().iter().any(|table| table.name() == name))
            || committed.is_some_and(|committed| committed.oldest_version(name).is_some())
    };
    list_tables(location).into_iter().filter(|(name, _)| !needed(name)).for_each(|(_, folder)| {
        let _ = fs::remove_dir_all(folder);
    });
}

/// Lists the names and the folders of all tables on disk.
pub(super) fn list_tables(location: &IndexLocation) -> Vec<(String, PathBuf)> {
    let entries = fs::read_dir(location.data_dir()).into_iter().flatten().flatten();
    let names = entries.map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.path()));
    let tables = names.filter(|(folder, _)| parse_table_number(folder).is_some());
    tables.map(|(folder, path)| (folder.trim_end_matches(".lance").to_owned(), path)).collect()
}

/// Tags the table versions of the saved commits, and removes the tags of commits that are no longer saved. A version
/// without a tag is removed with the old ones. A saved commit whose versions are missing cannot be opened, so that it
/// is not used.
pub(super) async fn tag_saved_versions(tables: &Tables, committed: &CommitRecord) -> lancedb::Result<()> {
    for table in tables.both() {
        let Some(wrapper) = table.dataset() else { continue };
        let dataset = wrapper.get().await?;
        let tags = dataset.tags();
        let mut known = tags.list().await?;
        for saved in &committed.saved {
            let Some(wanted) = [&saved.chunks, &saved.files].into_iter().find(|wanted| wanted.name == table.name())
            else {
                continue;
            };
            if known.remove(&saved.tag()).is_none()
                && let Err(error) = tags.create(&saved.tag(), wanted.version).await
            {
                tracing::debug!("cannot keep version {} of {}: {error}", wanted.version, wanted.name);
            }
        }
        for name in known.keys().filter(|name| name.starts_with(SavedCommit::TAG_PREFIX)) {
            tags.delete(name).await?;
        }
    }
    Ok(())
}

/// Deletes leftovers of a crash, and the untagged table versions older than every version that `committed` or one of
/// its retired commits uses. The caller holds the writer lock.
pub(super) async fn remove_old_versions(tables: &Tables, committed: &CommitRecord) -> lancedb::Result<()> {
    for table in tables.both() {
        let (Some(wrapper), Some(oldest)) = (table.dataset(), committed.oldest_version(table.name())) else { continue };
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

/// Removes the retired commits that no process reads from `committed`, if what it does not use takes more room on disk than
/// what it uses; returns whether it removed any.
pub(super) fn drop_large_remains(location: &IndexLocation, committed: &mut CommitRecord) -> bool {
    measure_unused(location, committed) > folder_size_bytes(&location.dir) / 2 && committed.drop_unread(location)
}

/// Returns the size of the tables, versions and segments that the current commit does not use, in bytes.
pub(super) fn measure_unused(location: &IndexLocation, committed: &CommitRecord) -> u64 {
    let current = [&committed.chunks.name, &committed.files.name];
    let tables = list_tables(location).into_iter().filter(|(name, _)| !current.contains(&name));
    let tables: u64 = tables.map(|(_, folder)| folder_size_bytes(&folder)).sum();
    let versions: u64 =
        [&committed.chunks, &committed.files].map(|table| measure_old_versions(location, table)).iter().sum();
    let segments =
        segments::list_segment_files(location).into_iter().filter(|(name, _)| !committed.words.contains(name));
    tables + versions + segments.map(|(_, file)| file.metadata().map_or(0, |found| found.len())).sum::<u64>()
}

/// Name of the file in which LanceDB notes the number of a table's last version.
const VERSION_HINT: &str = "latest_version_hint.json";

/// Returns the size of the files that only other versions of a table use, in bytes; 0 if the files of the version are not
/// known.
fn measure_old_versions(location: &IndexLocation, table: &TableVersion) -> u64 {
    if table.metadata.is_empty() {
        return 0;
    }
    let folder = location.table_folder(&table.name);
    let unused = |part: &str| {
        let files = fs::read_dir(folder.join(part)).into_iter().flatten().flatten();
        let is_unused = |file: &fs::DirEntry| {
            let name = file.file_name();
            name != VERSION_HINT && !table.metadata.contains_key(&format!("{part}/{}", name.to_string_lossy()))
        };
        let unused = files.filter(is_unused);
        unused.filter_map(|file| file.metadata().ok()).map(|found| found.len()).sum::<u64>()
    };
    ["data", "_deletions", "_versions"].map(unused).iter().sum()
}

/// Returns the number of hard links to a file. Each index that shares the file has one.
#[cfg(unix)]
fn link_count(metadata: &fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::nlink(metadata).max(1)
}

#[cfg(not(unix))]
fn link_count(_: &fs::Metadata) -> u64 {
    1
}

/// Returns the total size of the files below `folder`, in bytes. Indexes that share a file count equal parts of it.
pub(super) fn folder_size_bytes(folder: &Path) -> u64 {
    let mut total = 0;
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.metadata() {
                Ok(metadata) if metadata.is_dir() => folders.push(entry.path()),
                Ok(metadata) => total += metadata.len() / link_count(&metadata),
                Err(_) => {}
            }
        }
    }
    total
}
