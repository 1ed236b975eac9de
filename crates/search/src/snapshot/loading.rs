//! Loads snapshots from the store or the snapshot cache, and refreshes them.

mod part;
pub(crate) mod whole_index;

use std::collections::HashSet;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use super::base_block::{BaseBlock, share_base};
use super::column_block::{ColumnBlock, ColumnBlockBuilder};
use super::columns::{ChunkKeys, SnapshotColumns};
use super::file_chunks::{FileChunks, split_into_files};
use super::key_index::{NO_CHUNK, to_number};
use super::snapshot_cache::{self, CacheFile};
use super::{DocumentChunks, Snapshot, SnapshotStores};
use crate::threads::run_on_search_pool;
use store::inverted_index::DocNumber;
use store::{RowKey, StoreError, StoreView};
use types::{FileOutcome, FileRecord};

/// Maximum number of chunks that a refresh reads, and of unused chunks that it keeps in memory; above it, the whole
/// snapshot is loaded again. For a large index, the maximum is half of its chunks; for a snapshot from the cache, a
/// quarter, because every process that begins with the cache reads these chunks again.
const MAX_INCREMENTAL_CHUNKS: usize = 16_384;

/// Minimum number of chunks for which a snapshot cache is written. Fewer chunks are read from the store just as fast.
const MIN_CACHED_CHUNKS: usize = if cfg!(test) { 1 } else { 2_000 };

/// Minimum number of files dropped by a refresh that keeps them in memory. A checkout of another branch drops as many.
const MIN_EARLIER_FILES: usize = if cfg!(test) { 2 } else { 200 };

impl Snapshot {
    /// Loads the snapshot of `view`, from the snapshot cache if there is a valid one.
    ///
    /// Changes since the cache was written are read from the store. Without a valid cache, or after many changes, all
    /// is read from it, and a cache is written unless the snapshot is small or chunks in the store are damaged.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn load(view: Arc<dyn StoreView>) -> Result<Self, StoreError> {
        let Some(base) = load_base(view.as_ref()) else { return Self::read_from_store(view) };
        if base.generation == view.manifest().generation {
            let records = view.files()?;
            return Ok(Self::from_base(view, base, records));
        }
        // The records are those of the refreshed snapshot.
        let max_changes = MAX_INCREMENTAL_CHUNKS.max(base.block.len() / 4);
        Self::from_base(Arc::clone(&view), base, Vec::new()).read_changes(view, max_changes)
    }

    /// Loads the snapshot of `view` from the store, and writes the snapshot cache unless the snapshot is small or
    /// chunks in the store are damaged.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub(crate) fn read_from_store(view: Arc<dyn StoreView>) -> Result<Self, StoreError> {
        let mut builder = ColumnBlockBuilder::new(vector_width(view.as_ref()));
        builder.reserve(view.row_keys()?.len());
        view.for_each_chunk(&mut |chunk| builder.push(chunk))?;
        let base = BaseBlock::new(builder.finish_for(view.as_ref())?, view.manifest().generation);
        let base = write_cache(view.as_ref(), base);
        let records = view.files()?;
        Ok(Self::from_base(view, base, records))
    }

    /// Builds the snapshot of a block that contains all chunks.
    fn from_base(view: Arc<dyn StoreView>, base: Arc<BaseBlock>, records: Vec<FileRecord>) -> Self {
        run_on_search_pool(|| {
            let (columns, chunks_in_memory) = (base.columns(), base.block.len());
            Self::from_columns(SnapshotStores::One(view), records, columns, Some(base), chunks_in_memory)
        })
    }

    /// Returns the snapshot of a later view of the same store.
    ///
    /// Reads only chunks that are not in this snapshot. If the store has renumbered its rows, has been replaced by a
    /// copy of another index, has vectors of other dimensions, or has changed too much, loads all chunks again.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn refresh(&self, view: Arc<dyn StoreView>) -> Result<Self, StoreError> {
        let max_changes = MAX_INCREMENTAL_CHUNKS.max(self.chunk_count() / 2);
        let snapshot = self.read_changes(view, max_changes)?;
        if self.blocks().into_iter().any(ColumnBlock::has_cached_stems) {
            snapshot.cache_stems();
        }
        Ok(snapshot)
    }

    /// Returns the snapshot of a later view, like [`Snapshot::refresh`]. Loads all chunks again if more than
    /// `max_changes` are new or unused.
    fn read_changes(&self, view: Arc<dyn StoreView>, max_changes: usize) -> Result<Self, StoreError> {
        let dimensions = vector_width(view.as_ref());
        let is_other_copy = view.manifest().origin_id() != self.manifest().origin_id();
        if is_other_copy
            || view.rows_generation() != self.generation().rows_generation
            || dimensions != self.dimensions()
        {
            return Self::load(view);
        }
        let live = view.row_keys()?;
        let (kept, missing) = self.compare_rows(&live);
        let (returned, missing) = self.find_earlier_files(missing);
        if missing.len() > max_changes || self.chunks_in_memory + missing.len() > live.len() + max_changes {
            return Self::read_from_store(view);
        }
        let mut builder = ColumnBlockBuilder::new(dimensions);
        view.chunks_by_key(&missing)?.into_iter().for_each(|chunk| builder.push(chunk));
        let block = Arc::new(builder.finish_for(view.as_ref())?);
        let mut read = split_into_files(&block);
        read.extend(returned);
        read.sort_by(|a, b| a.path.cmp(&b.path));
        let records = view.files()?;
        let chunks_in_memory = self.chunks_in_memory + block.len();
        let snapshot = run_on_search_pool(|| {
            let mut snapshot = self.with_files(Arc::clone(&view), records, &kept, &read, chunks_in_memory);
            snapshot.earlier_files = self.earlier_files_after(&kept, &read);
            snapshot
        });
        let is_consistent = snapshot.columns.rows.pairs().iter().map(|(row, _)| row).eq(&live)
            && snapshot.files.windows(2).all(|pair| pair[0].path < pair[1].path);
        if is_consistent { Ok(snapshot) } else { Self::read_from_store(view) }
    }

    /// Finds the earlier files all of whose rows are `missing`. Returns them, and the other missing rows, sorted.
    fn find_earlier_files(&self, mut missing: Vec<RowKey>) -> (Vec<Arc<FileChunks>>, Vec<RowKey>) {
        let mut returned = Vec::new();
        if !self.earlier_files.is_empty() && !missing.is_empty() {
            let mut wanted: HashSet<RowKey> = missing.iter().copied().collect();
            for file in &self.earlier_files {
                if file.chunks().all(|chunk| wanted.contains(&chunk.row)) {
                    file.chunks().for_each(|chunk| _ = wanted.remove(&chunk.row));
                    returned.push(Arc::clone(file));
                }
            }
            missing.retain(|row| wanted.contains(row));
        }
        missing.sort_unstable();
        missing.dedup();
        (returned, missing)
    }

    /// Returns the earlier files of the next snapshot: after a change of many files, also those that it drops.
    fn earlier_files_after(&self, kept: &[bool], read: &[Arc<FileChunks>]) -> Vec<Arc<FileChunks>> {
        let used: HashSet<*const FileChunks> = read.iter().map(Arc::as_ptr).collect();
        let mut earlier = self.earlier_files.clone();
        earlier.retain(|file| !used.contains(&Arc::as_ptr(file)));
        let dropped = self.files.iter().zip(kept).filter(|(_, kept)| !**kept).map(|(file, _)| file);
        if dropped.clone().count() >= MIN_EARLIER_FILES {
            earlier.extend(dropped.cloned());
        }
        earlier
    }

    /// Compares this snapshot with the sorted rows `live` of a later view.
    ///
    /// Returns, for each file, whether it is unchanged, meaning that all its rows are live. Also returns the live rows
    /// that must be read. A row is written once, so a live row is unchanged.
    fn compare_rows(&self, live: &[RowKey]) -> (Vec<bool>, Vec<RowKey>) {
        let mut kept = vec![true; self.files.len()];
        let mut ahead = live.iter().peekable();
        let mut missing = Vec::new();
        for (row, chunk) in self.columns.rows.pairs() {
            while let Some(new) = ahead.next_if(|other| *other < row) {
                missing.push(*new);
            }
            if ahead.next_if_eq(&row).is_none() {
                kept[self.file_of_chunk(*chunk)] = false;
            }
        }
        missing.extend(ahead);
        // The store replaces whole files, so a changed file rarely has live rows.
        let of_changed_file =
            |row: &&RowKey| self.chunk_of_row(**row).is_some_and(|chunk| !kept[self.file_of_chunk(chunk)]);
        if kept.contains(&false) {
            missing.extend(live.iter().filter(of_changed_file));
        }
        (kept, missing)
    }

    /// Builds a snapshot from the unchanged files of this snapshot and the files `read`, sorted by path.
    fn with_files(
        &self,
        view: Arc<dyn StoreView>,
        records: Vec<FileRecord>,
        kept: &[bool],
        read: &[Arc<FileChunks>],
        chunks_in_memory: usize,
    ) -> Self {
        let base = self.base.clone();
        if read.is_empty() && !kept.contains(&false) {
            return Self::from_columns(
                SnapshotStores::One(view),
                records,
                Arc::clone(&self.columns),
                base,
                chunks_in_memory,
            );
        }
        let mut files = Vec::with_capacity(self.files.len() + read.len());
        let mut numbers = vec![NO_CHUNK; self.columns.file_indices.len()];
        let mut keys = ChunkKeys::default();
        let mut next = 0_u32;
        let mut add = |file: &Arc<FileChunks>, old: Option<Range<u32>>| {
            match old {
                Some(old) => old.zip(next..).for_each(|(old, new)| numbers[old as usize] = new),
                None => keys.add_file(next, file),
            }
            next += to_number(file.len());
            files.push(Arc::clone(file));
        };
        let mut read = read.iter().peekable();
        for (index, file) in self.files.iter().enumerate().filter(|(index, _)| kept[*index]) {
            while let Some(new) = read.next_if(|new| new.path < file.path) {
                add(new, None);
            }
            add(file, Some(self.chunks_of_file(index)));
        }
        read.for_each(|new| add(new, None));
        files.shrink_to_fit();
        keys.rows.extend(self.columns.rows.renumbered(&numbers));
        keys.numbers.extend(self.columns.numbers.renumbered(&numbers));
        keys.names.extend(self.columns.names.renumbered(&numbers));
        let columns = Arc::new(SnapshotColumns::new(Arc::new(files), keys));
        Self::from_columns(SnapshotStores::One(view), records, columns, base, chunks_in_memory)
    }

    fn from_columns(
        stores: SnapshotStores,
        mut records: Vec<FileRecord>,
        columns: Arc<SnapshotColumns>,
        base: Option<Arc<BaseBlock>>,
        chunks_in_memory: usize,
    ) -> Self {
        let segments = stores.inverted_index().segments();
        let chunks_of =
            |docs: &[DocNumber]| DocumentChunks { chunks: Arc::new(columns.numbers.first_chunks(docs)), first: 0 };
        let documents = segments.iter().map(|segment| chunks_of(segment.docs())).collect();
        let indexed = records.iter().filter(|record| matches!(record.content.outcome, FileOutcome::Indexed { .. }));
        let files_indexed = indexed.count() as u64;
        share_paths(&mut records, &columns.files);
        let snapshot = Self::assemble(stores, columns, documents);
        Self { base, records, chunks_in_memory, files_indexed, ..snapshot }
    }

    /// Builds a snapshot with these columns. Sets neither the records, the base nor the counts of files and chunks.
    pub(super) fn assemble(
        stores: SnapshotStores,
        columns: Arc<SnapshotColumns>,
        documents: Vec<DocumentChunks>,
    ) -> Self {
        Self {
            stores,
            files: Arc::clone(&columns.files),
            languages: Arc::clone(&columns.languages),
            columns,
            base: None,
            records: Vec::new(),
            earlier_files: Vec::new(),
            chunks_in_memory: 0,
            files_indexed: 0,
            documents,
            project_folders: OnceLock::new(),
            file_names: OnceLock::new(),
        }
    }
}

/// Has the sorted records use the paths of `files` where they are equal, so that each path is in memory once.
fn share_paths(records: &mut [FileRecord], files: &[Arc<FileChunks>]) {
    let mut files = files.iter().peekable();
    for record in records {
        while files.next_if(|file| file.path < record.path).is_some() {}
        if let Some(file) = files.next_if(|file| file.path == record.path) {
            record.path = file.path.clone();
        }
    }
}

/// Returns the block with all chunks of the store, at `view` or at an earlier generation, from the snapshot cache;
/// `None` if there is no valid cache.
fn load_base(view: &dyn StoreView) -> Option<Arc<BaseBlock>> {
    let path = view.snapshot_cache_path()?;
    // An unreadable cache is not an error: reading the store only takes longer.
    let log = |error: &std::io::Error| tracing::debug!("cannot read the snapshot cache {}: {error}", path.display());
    let cache = CacheFile::open(&path).inspect_err(log).ok().flatten()?;
    if !cache.is_valid_for(view.rows_generation(), vector_width(view)) {
        return None;
    }
    let identity = cache.identity().clone();
    share_base(&identity, || cache.read().map(|(block, generation)| BaseBlock::new(block, generation)))
}

/// Writes the block of all chunks to the snapshot cache and shares it, unless it is small or chunks are damaged.
fn write_cache(view: &dyn StoreView, base: BaseBlock) -> Arc<BaseBlock> {
    let is_cached = base.block.len() >= MIN_CACHED_CHUNKS && !view.has_met_damage();
    let Some(path) = view.snapshot_cache_path().filter(|_| is_cached) else { return Arc::new(base) };
    match snapshot_cache::write_snapshot_cache(&path, &base.block, view.generation()) {
        Ok(identity) => {
            let mut own = Some(base);
            let shared = share_base(&identity, || own.take());
            shared.or_else(|| own.map(Arc::new)).expect("either the own block is shared or another one is returned")
        }
        // This failure is not an error: without a cache, the next start only takes longer.
        Err(error) => {
            tracing::debug!("cannot write the snapshot cache {}: {error}", path.display());
            Arc::new(base)
        }
    }
}

/// Returns the number of values in each vector of a store.
fn vector_width(view: &dyn StoreView) -> usize {
    view.manifest().fingerprint.dimensions as usize
}
