//! Loads snapshots from the store or the snapshot cache, and refreshes them.

mod part;
pub(crate) mod whole_index;

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use super::chunk_keys::ChunkKeys;
use super::column_block::{ColumnBlock, ColumnBlockBuilder};
use super::file_chunks::{BlockRun, FileChunks, split_into_files, with_first_chunks};
use super::key_index::{KeyIndex, NO_CHUNK, to_number};
use super::snapshot_cache;
use super::word_tallies::TallyPool;
use super::{DocumentChunks, Snapshot, SnapshotStores};
use crate::threads::run_on_search_pool;
use store::inverted_index::DocNumber;
use store::{RowKey, StoreError, StoreView};
use types::{FileOutcome, FileRecord};

/// Maximum number of chunks that a refresh reads, and of unused chunks that it keeps in memory; above it, the whole
/// snapshot is loaded again. For a large index, the maximum is half of its chunks.
const MAX_INCREMENTAL_CHUNKS: usize = 16_384;

/// Minimum number of chunks for which a snapshot cache is written. Fewer chunks are read from the store just as fast.
const MIN_CACHED_CHUNKS: usize = if cfg!(test) { 1 } else { 2_000 };

impl Snapshot {
    /// Loads the snapshot of `view`, from the snapshot cache if there is a valid one.
    ///
    /// Changes since the cache was written are read from the store. Without a valid cache, everything is read from the
    /// store, and a cache is written unless the snapshot is small or chunks in the store are damaged.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn load(view: Arc<dyn StoreView>) -> Result<Self, StoreError> {
        if let Some((block, generation)) = read_cached_block(view.as_ref()) {
            let is_same = generation == view.manifest().generation;
            let snapshot = Self::from_block(Arc::clone(&view), block)?;
            return if is_same { Ok(snapshot) } else { snapshot.refresh(view) };
        }
        Self::read_from_store(view)
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
        let block = builder.finish_for(view.as_ref())?;
        let is_cached = block.len() >= MIN_CACHED_CHUNKS && !view.has_met_damage();
        if let Some(path) = view.snapshot_cache_path().filter(|_| is_cached) {
            // This failure is not an error: without a cache, the next start only takes longer.
            if let Err(error) = snapshot_cache::write_snapshot_cache(&path, &block, view.generation()) {
                tracing::debug!("cannot write the snapshot cache {}: {error}", path.display());
            }
        }
        Self::from_block(view, block)
    }

    /// Builds the snapshot of a block that contains all chunks.
    fn from_block(view: Arc<dyn StoreView>, block: ColumnBlock) -> Result<Self, StoreError> {
        let (records, files) = (view.files()?, split_into_files(block));
        Ok(run_on_search_pool(|| {
            let keys = ChunkKeys::from_files(&files);
            let chunks_in_memory = keys.rows.len();
            Self::from_files(SnapshotStores::One(view), records, files, keys, chunks_in_memory)
        }))
    }

    /// Returns the snapshot of a later view of the same store.
    ///
    /// Reads only chunks that are not in this snapshot. If the store has renumbered its rows or there are too many
    /// changes, loads all chunks again.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn refresh(&self, view: Arc<dyn StoreView>) -> Result<Self, StoreError> {
        let snapshot = self.read_changes(view)?;
        if self.blocks().into_iter().any(ColumnBlock::has_cached_stems) {
            snapshot.cache_stems();
        }
        Ok(snapshot)
    }

    fn read_changes(&self, view: Arc<dyn StoreView>) -> Result<Self, StoreError> {
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
        let max_changes = MAX_INCREMENTAL_CHUNKS.max(live.len() / 2);
        if missing.len() > max_changes || self.chunks_in_memory + missing.len() > live.len() + max_changes {
            return Self::read_from_store(view);
        }
        let mut builder = ColumnBlockBuilder::new(dimensions);
        view.chunks_by_key(&missing)?.into_iter().for_each(|chunk| builder.push(chunk));
        let read = split_into_files(builder.finish_for(view.as_ref())?);
        let records = view.files()?;
        let snapshot = run_on_search_pool(|| self.with_files(Arc::clone(&view), records, &kept, read));
        let is_consistent = snapshot.rows.pairs().iter().map(|(row, _)| row).eq(&live)
            && snapshot.files.windows(2).all(|pair| pair[0].path < pair[1].path);
        if is_consistent { Ok(snapshot) } else { Self::read_from_store(view) }
    }

    /// Compares this snapshot with the sorted rows `live` of a later view.
    ///
    /// Returns, for each file, whether it is unchanged, meaning that all its rows are live. Also returns the live rows
    /// that must be read. A row is written once, so a live row is unchanged.
    fn compare_rows(&self, live: &[RowKey]) -> (Vec<bool>, Vec<RowKey>) {
        let mut kept = vec![true; self.files.len()];
        let mut ahead = live.iter().peekable();
        let mut missing = Vec::new();
        for (row, chunk) in self.rows.pairs() {
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

    /// Builds a snapshot from the unchanged files of this snapshot and the newly read files, sorted by path.
    fn with_files(
        &self,
        view: Arc<dyn StoreView>,
        records: Vec<FileRecord>,
        kept: &[bool],
        read: Vec<Arc<FileChunks>>,
    ) -> Self {
        let mut files = Vec::with_capacity(self.files.len() + read.len());
        let mut numbers = vec![NO_CHUNK; self.file_indices.len()];
        let mut keys = ChunkKeys::default();
        let mut next = 0_u32;
        let mut add = |file: Arc<FileChunks>, old: Option<Range<u32>>| {
            match old {
                Some(old) => old.zip(next..).for_each(|(old, new)| numbers[old as usize] = new),
                None => keys.add_file(next, &file),
            }
            next += to_number(file.len());
            files.push(file);
        };
        let mut read = read.into_iter().peekable();
        for (index, file) in self.files.iter().enumerate().filter(|(index, _)| kept[*index]) {
            while let Some(new) = read.next_if(|new| new.path < file.path) {
                add(new, None);
            }
            add(Arc::clone(file), Some(self.chunks_of_file(index)));
        }
        read.for_each(|new| add(new, None));
        let chunks_in_memory = self.chunks_in_memory + keys.rows.len();
        keys.rows.extend(self.rows.renumbered(&numbers));
        keys.numbers.extend(self.numbers.renumbered(&numbers));
        keys.names.extend(self.names.renumbered(&numbers));
        Self::from_files(SnapshotStores::One(view), records, files, keys, chunks_in_memory)
    }

    fn from_files(
        stores: SnapshotStores,
        records: Vec<FileRecord>,
        files: Vec<Arc<FileChunks>>,
        keys: ChunkKeys,
        chunks_in_memory: usize,
    ) -> Self {
        let (rows, numbers, names) = (KeyIndex::new(keys.rows), KeyIndex::new(keys.numbers), KeyIndex::new(keys.names));
        let segments = stores.inverted_index().segments();
        let chunks_of = |docs: &[DocNumber]| DocumentChunks { chunks: Arc::new(numbers.first_chunks(docs)), first: 0 };
        let documents = segments.iter().map(|segment| chunks_of(segment.docs())).collect();
        let indexed = records.iter().filter(|record| matches!(record.content.outcome, FileOutcome::Indexed { .. }));
        let files_indexed = indexed.count() as u64;
        let snapshot = Self::assemble(stores, files, documents);
        Self { records, chunks_in_memory, files_indexed, rows, numbers, names, ..snapshot }
    }

    /// Numbers the chunks of files, which are sorted by path. Sets neither the records nor the keys of chunks.
    pub(super) fn assemble(
        stores: SnapshotStores,
        files: Vec<Arc<FileChunks>>,
        documents: Vec<DocumentChunks>,
    ) -> Self {
        let mut runs: Vec<BlockRun> = Vec::new();
        for (first, file) in with_first_chunks(&files) {
            if !runs.last_mut().is_some_and(|last| last.try_extend(file)) {
                runs.push(file.to_run(first));
            }
        }
        let mut starts: Vec<u32> = with_first_chunks(&files).map(|(first, _)| first).collect();
        let mut file_indices = Vec::with_capacity(files.iter().map(|file| file.len()).sum());
        for (index, file) in (0_u32..).zip(&files) {
            file_indices.resize(file_indices.len() + file.len(), index);
        }
        starts.push(to_number(file_indices.len()));
        let (tally_pool, languages) = (TallyPool::default(), files.iter().map(|file| file.language).collect());
        Self {
            stores,
            files,
            languages,
            records: Vec::new(),
            starts,
            file_indices,
            runs,
            chunks_in_memory: 0,
            files_indexed: 0,
            rows: KeyIndex::default(),
            numbers: KeyIndex::default(),
            documents,
            names: KeyIndex::default(),
            tally_pool,
            project_folders: OnceLock::new(),
            file_names: OnceLock::new(),
        }
    }
}

/// Reads the block with all chunks of the store, at `view` or at an earlier generation, from the snapshot cache, and
/// the number of the generation; `None` if there is no valid cache.
fn read_cached_block(view: &dyn StoreView) -> Option<(ColumnBlock, u64)> {
    let path = view.snapshot_cache_path()?;
    // An unreadable cache is not an error: reading the store only takes longer.
    let read = snapshot_cache::read_snapshot_cache(&path, view.rows_generation(), vector_width(view));
    let log = |error: &std::io::Error| tracing::debug!("cannot read the snapshot cache {}: {error}", path.display());
    read.inspect_err(log).ok().flatten()
}

/// Returns the number of values in each vector of a store.
fn vector_width(view: &dyn StoreView) -> usize {
    view.manifest().fingerprint.dimensions as usize
}
