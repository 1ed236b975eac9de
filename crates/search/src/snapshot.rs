//! Snapshots: one generation of a store in memory, in the layout that searches read.
//!
//! A snapshot consists of immutable files; the snapshot of the next commit shares the files that did not
//! change. The indexes over all chunks are small and are rebuilt each time. Files that were read together share
//! a [`ColumnBlock`], so that a scan reads long stretches of memory: separate blocks for a hundred thousand
//! small files double the scan time.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use rayon::prelude::*;

use super::block::{ChunkMeta, ColumnBlock, ColumnBlockBuilder};
use super::keys::ChunkKeys;
use super::lookup::{KeyIndex, NO_CHUNK};
use super::names::{LetterProfile, name_hash, name_key};
use super::parts::{BlockRun, FileChunks, split_into_files, with_first_chunks};
use super::resident;
use super::tallies::TallyPool;
use super::vectors::QuantizedQuery;
use store::lexical::{DocNumber, ScoredPosting};
use store::{RowKey, StoreError, StoreView};
use types::{FileOutcome, FileRecord, Language, RepoPath};

/// Maximum number of chunks to read incrementally, and of unused chunks to keep, before a full reload; for a
/// large index, half of its chunks.
const MAX_INCREMENTAL_CHUNKS: usize = 16_384;

/// Minimum number of chunks for which a snapshot cache is written; fewer are read from the store as fast.
const MIN_CACHED_CHUNKS: usize = if cfg!(test) { 1 } else { 2_000 };

/// An immutable view of all chunks and files, shared between threads.
pub struct Snapshot {
    pub view: Arc<dyn StoreView>,
    /// The files with chunks, sorted by path. Chunks are numbered from 0 in this order.
    pub files: Vec<Arc<FileChunks>>,
    /// The language of each file, kept together so that filters need not visit every file.
    pub(super) languages: Vec<Language>,
    /// The records of all files, also those without chunks, sorted by path.
    records: Vec<FileRecord>,
    /// The number of each file's first chunk, followed by the number of chunks.
    starts: Vec<u32>,
    /// The file index of each chunk.
    file_indices: Vec<u32>,
    /// The files in order, as runs of consecutive files in one block.
    runs: Vec<BlockRun>,
    /// The number of chunks in memory, including chunks that are no longer used.
    chunks_in_memory: usize,
    /// See [`Snapshot::files_indexed`].
    files_indexed: u64,
    rows: KeyIndex<RowKey>,
    /// Chunks by document number in the inverted index.
    numbers: KeyIndex<DocNumber>,
    /// For each segment of the inverted index, the chunk of each document; [`NO_CHUNK`] for a removed one.
    documents: Vec<Vec<u32>>,
    /// Chunks by [`name_hash`] of the names they define.
    names: KeyIndex<u64>,
    pub(super) tally_pool: TallyPool,
    /// Root folders of projects; computed on first use.
    pub(super) project_folders: OnceLock<HashSet<String>>,
    /// Files by [`name_hash`] of their file names; computed on first use.
    file_names: OnceLock<KeyIndex<u64>>,
}

impl Snapshot {
    /// Loads the snapshot of `view`, from the snapshot cache if there is a valid one.
    ///
    /// Changes since the cache was written are read from the store. Without a cache, everything is read from
    /// the store and the cache is written.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn load(view: Arc<dyn StoreView>) -> Result<Self, StoreError> {
        let snapshot_cache_path = view.snapshot_cache_path();
        let cached = snapshot_cache_path
            .as_deref()
            .and_then(|path| resident::read_snapshot_cache(path, view.rows_generation(), dimensions(view.as_ref())));
        if let Some((block, generation)) = cached {
            let is_same = generation == view.manifest().generation;
            let snapshot = Self::from_block(Arc::clone(&view), block)?;
            return if is_same { Ok(snapshot) } else { snapshot.refresh(view) };
        }
        Self::read_from_store(view)
    }

    /// Loads the snapshot of `view` from the store, and writes the snapshot cache.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub(super) fn read_from_store(view: Arc<dyn StoreView>) -> Result<Self, StoreError> {
        let mut builder = ColumnBlockBuilder::new(dimensions(view.as_ref()));
        builder.reserve(view.row_keys()?.len());
        view.for_each_chunk(&mut |chunk| builder.push(chunk))?;
        let block = builder.finish();
        if let Some(path) = view.snapshot_cache_path().filter(|_| block.len() >= MIN_CACHED_CHUNKS) {
            // This is no error: without a cache, the next start only takes longer.
            if let Err(error) = resident::write_snapshot_cache(&path, &block, view.generation()) {
                tracing::debug!("cannot write the snapshot cache {}: {error}", path.display());
            }
        }
        Self::from_block(view, block)
    }

    /// Builds the snapshot of a block that contains all chunks.
    fn from_block(view: Arc<dyn StoreView>, block: ColumnBlock) -> Result<Self, StoreError> {
        let (records, files) = (view.files()?, split_into_files(block));
        let keys = ChunkKeys::from_files(&files);
        let chunks_in_memory = keys.rows.len();
        Ok(Self::from_files(view, records, files, keys, chunks_in_memory))
    }

    /// Returns the snapshot of a later view of the same store.
    ///
    /// Reads only what this snapshot lacks, or everything if the store has renumbered its rows.
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
        let dimensions = dimensions(view.as_ref());
        if view.rows_generation() != self.view.rows_generation() || dimensions != self::dimensions(self.view.as_ref()) {
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
        let records = view.files()?;
        let snapshot = self.with_files(Arc::clone(&view), records, &kept, split_into_files(builder.finish()));
        let is_consistent = snapshot.rows.pairs().iter().map(|(row, _)| row).eq(&live)
            && snapshot.files.windows(2).all(|pair| pair[0].path < pair[1].path);
        if is_consistent { Ok(snapshot) } else { Self::read_from_store(view) }
    }

    /// Compares this snapshot with the sorted rows `live` of a later view.
    ///
    /// Returns whether each file is unchanged, meaning that all its rows are live, and the live rows that must
    /// be read. A row is written once, so a live row is unchanged.
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

    /// Builds a snapshot of the unchanged files of this one and the newly read files, sorted by path.
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
            next += saturating_u32(file.len());
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
        Self::from_files(view, records, files, keys, chunks_in_memory)
    }

    fn from_files(
        view: Arc<dyn StoreView>,
        records: Vec<FileRecord>,
        files: Vec<Arc<FileChunks>>,
        keys: ChunkKeys,
        chunks_in_memory: usize,
    ) -> Self {
        let (rows, numbers, names) = (KeyIndex::new(keys.rows), KeyIndex::new(keys.numbers), KeyIndex::new(keys.names));
        let segments = view.inverted_index().segments();
        let documents = segments.iter().map(|segment| numbers.first_chunks(segment.docs())).collect();
        let mut runs: Vec<BlockRun> = Vec::new();
        for (first, file) in with_first_chunks(&files) {
            if !runs.last_mut().is_some_and(|last| last.try_extend(file)) {
                runs.push(file.to_run(first));
            }
        }
        let mut starts: Vec<u32> = with_first_chunks(&files).map(|(first, _)| first).collect();
        let mut file_indices = Vec::with_capacity(rows.pairs().len());
        for (index, file) in (0_u32..).zip(&files) {
            file_indices.resize(file_indices.len() + file.len(), index);
        }
        starts.push(saturating_u32(file_indices.len()));
        let indexed = records.iter().filter(|record| matches!(record.outcome, FileOutcome::Indexed { .. }));
        let files_indexed = indexed.count() as u64;
        let (tally_pool, languages) = (TallyPool::default(), files.iter().map(|file| file.language).collect());
        Self {
            view,
            files,
            languages,
            records,
            starts,
            file_indices,
            runs,
            chunks_in_memory,
            files_indexed,
            rows,
            numbers,
            documents,
            names,
            tally_pool,
            project_folders: OnceLock::new(),
            file_names: OnceLock::new(),
        }
    }

    /// Returns the number of chunks.
    pub fn chunk_count(&self) -> usize {
        self.file_indices.len()
    }

    /// Returns the chunk with number `chunk`.
    pub fn chunk(&self, chunk: u32) -> ChunkMeta<'_> {
        let (block, at) = self.locate_chunk(chunk);
        block.chunk(at)
    }

    /// Reads sample texts, so that the store has its text files open before the first query.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn warm_up_texts(&self) -> Result<(), StoreError> {
        const TEXTS: usize = 128;
        let rows = self.rows.pairs();
        let spread: Vec<RowKey> = rows.iter().step_by(rows.len() / TEXTS + 1).map(|(row, _)| *row).collect();
        self.view.chunk_texts(&spread).map(drop)
    }

    /// Computes the stems of all names in advance, for processes that answer many queries.
    pub fn cache_stems(&self) {
        self.blocks().into_iter().for_each(ColumnBlock::cache_stems);
    }

    /// Returns the file index of a chunk.
    pub fn file_of_chunk(&self, chunk: u32) -> usize {
        self.file_indices[chunk as usize] as usize
    }

    /// Returns the chunk numbers of the file at `index`.
    pub fn chunks_of_file(&self, index: usize) -> Range<u32> {
        self.starts[index]..self.starts[index + 1]
    }

    /// Returns a chunk's vector, up to rounding.
    pub fn vector(&self, chunk: u32) -> Vec<f32> {
        let (block, at) = self.locate_chunk(chunk);
        block.chunks.row(at)
    }

    /// Returns the block of a chunk and the chunk's index in the block.
    fn locate_chunk(&self, chunk: u32) -> (&ColumnBlock, usize) {
        let after = self.runs.partition_point(|run| run.first <= chunk);
        let run = &self.runs[after - 1];
        (&run.block, run.chunks.start + (chunk - run.first) as usize)
    }

    /// Returns the dot product of `query` with a chunk.
    pub(super) fn chunk_score(&self, chunk: u32, query: &QuantizedQuery) -> f32 {
        let (block, at) = self.locate_chunk(chunk);
        block.chunks.score(at, query)
    }

    /// Returns the dot product of `query` with a file's mean vector.
    pub(super) fn file_score(&self, index: usize, query: &QuantizedQuery) -> f32 {
        let file = &self.files[index];
        file.block.means.score(file.index, query)
    }

    /// Scans the binary quantizations of all chunks; see [`QuantizedMatrix::scan_signs`].
    ///
    /// `each` takes a chunk number and its number of differing bits, and returns the limit for the remaining
    /// chunks.
    ///
    /// [`QuantizedMatrix::scan_signs`]: super::vectors::QuantizedMatrix::scan_signs
    pub(super) fn scan_chunks(&self, query: &QuantizedQuery, each: &mut impl FnMut(u32, u16) -> u16) {
        let mut max_bits = u16::MAX;
        for BlockRun { block, first, chunks, .. } in &self.runs {
            block.chunks.scan_signs(chunks.clone(), query, max_bits, &mut |at, bits| {
                max_bits = each(first + at, bits);
                max_bits
            });
        }
    }

    /// Scans the chunks of one file as [`Snapshot::scan_chunks`] does, numbered from its first chunk.
    pub(super) fn scan_chunks_of_file(
        &self,
        chunks: Range<u32>,
        query: &QuantizedQuery,
        each: &mut impl FnMut(u32, u16) -> u16,
    ) {
        let (block, first) = self.locate_chunk(chunks.start);
        block.chunks.scan_signs(first..first + chunks.len(), query, u16::MAX, each);
    }

    /// Scans the mean vectors of all files as [`Snapshot::scan_chunks`] does.
    pub(super) fn scan_files(&self, query: &QuantizedQuery, each: &mut impl FnMut(u32, u16) -> u16) {
        let (mut first, mut max_bits) = (0, u16::MAX);
        for BlockRun { block, files, .. } in &self.runs {
            block.means.scan_signs(files.clone(), query, max_bits, &mut |at, bits| {
                max_bits = each(first + at, bits);
                max_bits
            });
            first += saturating_u32(files.len());
        }
    }

    /// Calls `each` for every chunk that contains the word with this hash, and returns the word's inverse
    /// document frequency.
    ///
    /// # Errors
    /// If the inverted index cannot be read.
    pub fn match_word(&self, hash: u64, mut each: impl FnMut(u32, ScoredPosting)) -> Result<f32, StoreError> {
        let with_chunk = |matched: ScoredPosting| {
            let chunk = self.documents[matched.segment][matched.ordinal as usize];
            if chunk != NO_CHUNK {
                each(chunk, matched);
            }
        };
        self.view
            .inverted_index()
            .score_postings(hash, with_chunk)
            .map_err(|error| self.view.inverted_index_error(&error))
    }

    /// Returns whether any chunk contains the word with this hash.
    ///
    /// # Errors
    /// If the inverted index cannot be read.
    pub(super) fn has_word(&self, hash: u64) -> Result<bool, StoreError> {
        let is_live = |segment: usize, position: u32| self.documents[segment][position as usize] != NO_CHUNK;
        self.view.inverted_index().any_posting(hash, is_live).map_err(|error| self.view.inverted_index_error(&error))
    }

    /// Returns the chunk of a row in the store.
    pub fn chunk_of_row(&self, row: RowKey) -> Option<u32> {
        self.rows.chunks_of(row).next()
    }

    /// Returns the chunks that define a name equal to `name` in letters and digits, ignoring case.
    pub fn chunks_defining(&self, name: &str) -> impl Iterator<Item = u32> {
        let defines = move |chunk: &u32| self.chunk(*chunk).defines().any(|other| name_key(other).eq(name_key(name)));
        self.names.chunks_of(name_hash(name)).filter(defines)
    }

    /// Returns the chunks that define a name with exactly this spelling, each with the position among the
    /// chunk's names.
    pub(super) fn definitions_spelled(&self, name: &str) -> Vec<(u32, usize)> {
        let mut chunks: Vec<u32> = self.names.chunks_of(name_hash(name)).collect();
        chunks.sort_unstable();
        chunks.dedup();
        let positions = |chunk: u32| {
            let positions = self.chunk(chunk).defines().enumerate().filter(|(_, other)| *other == name);
            positions.map(move |(position, _)| (chunk, position))
        };
        chunks.into_iter().flat_map(positions).collect()
    }

    /// Returns the strings for which `matches` returns a value, sorted and without duplicates.
    ///
    /// Tests each string of the blocks once, including names that are no longer defined and names of
    /// containers; [`Snapshot::definitions_spelled`] finds the definitions.
    pub(super) fn match_names<M: Send>(&self, matches: impl Fn(&str) -> Option<M> + Sync) -> Vec<(&str, M)> {
        let names = self.blocks().into_par_iter().flat_map(ColumnBlock::texts);
        sort_unique(names.filter_map(|name| Some((name, matches(name)?))).collect())
    }

    /// Returns matching strings as [`Snapshot::match_names`] does, among those whose letter profile passes
    /// `is_allowed`.
    pub(super) fn match_names_with_profile<M: Send>(
        &self,
        is_allowed: impl Fn(LetterProfile) -> bool + Sync,
        matches: impl Fn(&str) -> Option<M> + Sync,
    ) -> Vec<(&str, M)> {
        let names = self.blocks().into_par_iter().flat_map(|block| block.texts_with_profile(&is_allowed));
        sort_unique(names.filter_map(|name| Some((name, matches(name)?))).collect())
    }

    /// Returns the distinct blocks.
    fn blocks(&self) -> Vec<&ColumnBlock> {
        let mut blocks: Vec<&ColumnBlock> = self.runs.iter().map(|run| run.block.as_ref()).collect();
        blocks.sort_by_key(|block| std::ptr::from_ref(*block));
        blocks.dedup_by_key(|block| std::ptr::from_ref(*block));
        blocks
    }

    /// Returns the index of the file at `path`.
    pub fn file_index(&self, path: &str) -> Option<usize> {
        self.files.binary_search_by(|file| file.path.as_str().cmp(path)).ok()
    }

    /// Returns the indices of the files with this file name, ignoring ASCII case.
    pub fn files_named(&self, name: &str) -> impl Iterator<Item = usize> {
        let hashed =
            |(index, file): (usize, &Arc<FileChunks>)| (name_hash(file.path.file_name()), saturating_u32(index));
        let hash_names = || KeyIndex::new(self.files.par_iter().enumerate().map(hashed).collect());
        let found = self.file_names.get_or_init(hash_names).chunks_of(name_hash(name)).map(|file| file as usize);
        found.filter(move |file| self.files[*file].path.file_name().eq_ignore_ascii_case(name))
    }

    /// Returns the record of the file at `path`.
    pub fn record(&self, path: &RepoPath) -> Option<&FileRecord> {
        let index = self.records.binary_search_by(|record| record.path.cmp(path)).ok()?;
        Some(&self.records[index])
    }

    /// Returns all records, sorted by path.
    pub fn records(&self) -> &[FileRecord] {
        &self.records
    }

    /// Returns the number of indexed files, including files that yield no chunks.
    pub fn files_indexed(&self) -> u64 {
        self.files_indexed
    }
}

/// Sorts by name and keeps the first of equal names.
fn sort_unique<M>(mut found: Vec<(&str, M)>) -> Vec<(&str, M)> {
    found.sort_by(|a, b| a.0.cmp(b.0));
    found.dedup_by(|a, b| a.0 == b.0);
    found
}

fn dimensions(view: &dyn StoreView) -> usize {
    view.manifest().fingerprint.dimensions as usize
}

fn saturating_u32(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
