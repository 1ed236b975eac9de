//! Snapshots: copies of one generation of a store in memory, in the layout that searches need.
//!
//! A snapshot consists of immutable files; the snapshot of the next commit shares the files that did not change. The
//! indexes over all chunks are small and are rebuilt each time. Files that were read together share a [`ColumnBlock`],
//! so that a scan reads long contiguous parts of memory. Separate blocks for a hundred thousand small files double the
//! scan time.

mod base_block;
pub(crate) mod column_block;
mod columns;
pub(crate) mod file_chunks;
pub(crate) mod key_index;
mod loading;
pub(crate) mod path_class;
pub(crate) mod quantized_matrix;
mod snapshot_cache;
pub(crate) mod word_tallies;

use std::collections::HashSet;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use rayon::prelude::*;

use crate::threads::run_on_search_pool;
use base_block::BaseBlock;
use column_block::{ChunkMeta, ColumnBlock};
use columns::SnapshotColumns;
use file_chunks::{BlockRun, FileChunks};
use key_index::{KeyIndex, NO_CHUNK, to_number};
use path_class::marks_project_root;
use quantized_matrix::QuantizedQuery;
use store::inverted_index::ScoredPosting;
use store::{ChunkText, RowKey, StoreError, StoreView};
use text::name_key::{LetterProfile, is_same_name, name_hash};
use text::unicode::{compose, is_same_ignoring_ascii_case};
use types::{FileRecord, Language, RepoPath};

/// The memory that a snapshot uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotMemory {
    /// Identifies the block that other snapshots may share. Snapshots with equal numbers share it.
    pub base: usize,
    /// Size of that block, in bytes.
    pub base_bytes: usize,
    /// Size of all else, in bytes, which no other snapshot shares.
    pub own_bytes: usize,
}

/// An immutable view of all chunks and files, shared between threads.
pub struct Snapshot {
    pub view: Arc<dyn StoreView>,
    /// The files with chunks, sorted by path. Chunks are numbered from 0 in this order.
    pub files: Arc<Vec<Arc<FileChunks>>>,
    /// The language of each file, in one array so that filters need not read every [`FileChunks`].
    pub(crate) languages: Arc<Vec<Language>>,
    columns: Arc<SnapshotColumns>,
    /// The block that the snapshots of other trees may share.
    base: Arc<BaseBlock>,
    /// The records of all files, including files without chunks, sorted by path.
    records: Vec<FileRecord>,
    /// Files of an earlier generation, kept after a change of many files. A refresh finds them here when they come back,
    /// such as after a switch to another branch and back.
    earlier_files: Vec<Arc<FileChunks>>,
    /// The number of chunks in memory, including chunks that are no longer used.
    chunks_in_memory: usize,
    /// The number of indexed files, including files that yield no chunks.
    files_indexed: u64,
    /// For each segment of the inverted index, the chunk of each document; [`NO_CHUNK`] for a removed one.
    documents: Vec<Vec<u32>>,
    /// Root folders of projects; computed on first use.
    project_folders: OnceLock<HashSet<String>>,
    /// Files by [`name_hash`] of their file names; computed on first use.
    file_names: OnceLock<KeyIndex<u64>>,
}

impl Snapshot {
    /// Returns the number of chunks.
    pub fn chunk_count(&self) -> usize {
        self.columns.file_indices.len()
    }

    /// Returns the chunk with number `chunk`.
    pub fn chunk(&self, chunk: u32) -> ChunkMeta<'_> {
        let (block, at) = self.locate_chunk(chunk);
        block.chunk(at)
    }

    /// Reads some texts, so that the store opens its text files before the first query.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn warm_up_texts(&self) -> Result<(), StoreError> {
        const TEXTS: usize = 128;
        let rows = self.columns.rows.pairs();
        let spread: Vec<RowKey> = rows.iter().step_by(rows.len() / TEXTS + 1).map(|(row, _)| *row).collect();
        self.view.chunk_texts(&spread).map(drop)
    }

    /// Computes the stems of all names in advance, for processes that answer many queries.
    pub fn cache_stems(&self) {
        self.blocks().into_iter().for_each(ColumnBlock::cache_stems);
    }

    /// Returns the file index of a chunk.
    pub fn file_of_chunk(&self, chunk: u32) -> usize {
        self.columns.file_indices[chunk as usize] as usize
    }

    /// Returns the chunk numbers of the file at `index`.
    pub fn chunks_of_file(&self, index: usize) -> Range<u32> {
        self.columns.starts[index]..self.columns.starts[index + 1]
    }

    /// Returns the smallest chunk that contains a line of the file at `path`, or otherwise the next chunk after the line.
    pub fn chunk_at_line(&self, path: &str, line: u32) -> Option<u32> {
        let mut chunks = self.chunks_of_file(self.file_index(path)?);
        let around = chunks.clone().filter(|chunk| self.chunk(*chunk).span.contains(line));
        let lines = |chunk: &u32| self.chunk(*chunk).span.end_line - self.chunk(*chunk).span.start_line;
        around.min_by_key(lines).or_else(|| chunks.find(|chunk| self.chunk(*chunk).span.start_line > line))
    }

    /// Returns the chunks of the definition that a chunk belongs to: itself, the other parts of a long definition, and
    /// the chunks that share lines with it.
    pub(crate) fn chunks_of_definition(&self, chunk: u32) -> Vec<u32> {
        let own = self.chunk(chunk);
        let is_part = |other: &u32| {
            let other = self.chunk(*other);
            let is_same = !own.symbol.is_empty() && (other.symbol, other.container) == (own.symbol, own.container);
            is_same || other.span.start_line <= own.span.end_line && own.span.start_line <= other.span.end_line
        };
        self.chunks_of_file(self.file_of_chunk(chunk)).filter(is_part).collect()
    }

    /// Reads the texts of chunks, in the order of `chunks`.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub(crate) fn read_texts(&self, chunks: &[u32]) -> Result<Vec<ChunkText>, StoreError> {
        let rows: Vec<RowKey> = chunks.iter().map(|chunk| self.chunk(*chunk).row).collect();
        self.view.chunk_texts(&rows)
    }

    /// Returns the number of values in a vector.
    pub(crate) fn dimensions(&self) -> usize {
        self.view.manifest().fingerprint.dimensions as usize
    }

    /// Returns the root folders of projects: all folders with a manifest or a readme.
    pub(crate) fn project_folders(&self) -> &HashSet<String> {
        self.project_folders.get_or_init(|| {
            let marker_files = self.files.iter().filter(|file| marks_project_root(file.path.file_name()));
            marker_files.map(|file| file.path.folder().to_owned()).collect()
        })
    }

    /// Returns a chunk's vector, up to rounding.
    pub fn vector(&self, chunk: u32) -> Vec<f32> {
        let (block, at) = self.locate_chunk(chunk);
        block.chunks.row(at)
    }

    /// Returns the block of a chunk and the chunk's index in the block.
    fn locate_chunk(&self, chunk: u32) -> (&ColumnBlock, usize) {
        let after = self.columns.runs.partition_point(|run| run.first <= chunk);
        let run = &self.columns.runs[after - 1];
        (&run.block, run.chunks.start + (chunk - run.first) as usize)
    }

    /// Returns the dot product of `query` with a chunk.
    pub(crate) fn chunk_score(&self, chunk: u32, query: &QuantizedQuery) -> f32 {
        let (block, at) = self.locate_chunk(chunk);
        block.chunks.score(at, query)
    }

    /// Returns the dot product of `query` with a file's mean vector.
    pub(crate) fn file_score(&self, index: usize, query: &QuantizedQuery) -> f32 {
        let file = &self.files[index];
        file.block.means.score(file.index, query)
    }

    /// Scans the binary quantizations of all chunks; see [`QuantizedMatrix::scan_signs`].
    ///
    /// `each` takes a chunk number and its number of differing bits, and returns the limit for the remaining
    /// chunks.
    ///
    /// [`QuantizedMatrix::scan_signs`]: quantized_matrix::QuantizedMatrix::scan_signs
    pub(crate) fn scan_chunks(&self, query: &QuantizedQuery, each: &mut impl FnMut(u32, u16) -> u16) {
        let mut max_bits = u16::MAX;
        for BlockRun { block, first, chunks, .. } in &self.columns.runs {
            block.chunks.scan_signs(chunks.clone(), query, max_bits, &mut |at, bits| {
                max_bits = each(first + at, bits);
                max_bits
            });
        }
    }

    /// Scans the chunks of one file as [`Snapshot::scan_chunks`] does, numbered from its first chunk.
    pub(crate) fn scan_chunks_of_file(
        &self,
        chunks: Range<u32>,
        query: &QuantizedQuery,
        each: &mut impl FnMut(u32, u16) -> u16,
    ) {
        let (block, first) = self.locate_chunk(chunks.start);
        block.chunks.scan_signs(first..first + chunks.len(), query, u16::MAX, each);
    }

    /// Scans the mean vectors of all files as [`Snapshot::scan_chunks`] does.
    pub(crate) fn scan_files(&self, query: &QuantizedQuery, each: &mut impl FnMut(u32, u16) -> u16) {
        let (mut first, mut max_bits) = (0, u16::MAX);
        for BlockRun { block, files, .. } in &self.columns.runs {
            block.means.scan_signs(files.clone(), query, max_bits, &mut |at, bits| {
                max_bits = each(first + at, bits);
                max_bits
            });
            first += to_number(files.len());
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
    pub(crate) fn has_word(&self, hash: u64) -> Result<bool, StoreError> {
        let is_live = |segment: usize, position: u32| self.documents[segment][position as usize] != NO_CHUNK;
        self.view.inverted_index().any_posting(hash, is_live).map_err(|error| self.view.inverted_index_error(&error))
    }

    /// Returns the chunk of a row in the store.
    pub fn chunk_of_row(&self, row: RowKey) -> Option<u32> {
        self.columns.rows.chunks_of(row).next()
    }

    /// Returns the chunks that define a name equal to `name` in letters and digits, ignoring case.
    pub fn chunks_defining(&self, name: &str) -> impl Iterator<Item = u32> {
        let defines = move |chunk: &u32| self.chunk(*chunk).defines().any(|other| is_same_name(other, name));
        self.columns.names.chunks_of(name_hash(name)).filter(defines)
    }

    /// Returns the chunks that define a name with exactly this spelling, each with the index of the name in
    /// [`ChunkMeta::defines`].
    pub(crate) fn definitions_spelled(&self, name: &str) -> Vec<(u32, usize)> {
        let mut chunks: Vec<u32> = self.columns.names.chunks_of(name_hash(name)).collect();
        chunks.sort_unstable();
        chunks.dedup();
        let positions = |chunk: u32| {
            let positions = self.chunk(chunk).defines().enumerate().filter(|(_, other)| *other == name);
            positions.map(move |(position, _)| (chunk, position))
        };
        chunks.into_iter().flat_map(positions).collect()
    }

    /// Returns the strings whose letter profile passes `is_allowed` and for which `matches` returns a value,
    /// sorted and without duplicates.
    ///
    /// Tests each string of the blocks once. The strings include names that are no longer defined and names of
    /// containers; [`Snapshot::definitions_spelled`] returns the definitions of a name.
    pub(crate) fn match_names<M: Send>(
        &self,
        is_allowed: impl Fn(LetterProfile) -> bool + Sync,
        matches: impl Fn(&str) -> Option<M> + Sync,
    ) -> Vec<(&str, M)> {
        let mut found: Vec<(&str, M)> = run_on_search_pool(|| {
            let names = self.blocks().into_par_iter().flat_map(|block| block.texts_with_profile(&is_allowed));
            names.filter_map(|name| Some((name, matches(name)?))).collect()
        });
        found.sort_by(|a, b| a.0.cmp(b.0));
        found.dedup_by(|a, b| a.0 == b.0);
        found
    }

    /// Returns the memory that this snapshot uses, approximately.
    pub fn memory(&self) -> SnapshotMemory {
        // Texts and the tables of the store that stay open.
        const VIEW_BYTES: usize = 1 << 20;
        const RECORD_BYTES: usize = size_of::<FileRecord>() + 32;
        let base = Arc::as_ptr(&self.base.block);
        let earlier = self.earlier_files.iter().map(|file| file.block.as_ref());
        let own_blocks = distinct_blocks(self.columns.runs.iter().map(|run| run.block.as_ref()).chain(earlier));
        let own_blocks = own_blocks.into_iter().filter(|block| !std::ptr::eq(*block, base));
        let blocks: usize = own_blocks.map(ColumnBlock::bytes).sum();
        let columns = if Arc::ptr_eq(&self.files, &self.base.files) { 0 } else { self.columns.bytes() };
        let documents: usize = self.documents.iter().map(|documents| size_of_val(&documents[..])).sum();
        let own_bytes = VIEW_BYTES + blocks + columns + documents + self.records.len() * RECORD_BYTES;
        SnapshotMemory { base: base.addr(), base_bytes: self.base.block.bytes(), own_bytes }
    }

    /// Returns the distinct blocks.
    fn blocks(&self) -> Vec<&ColumnBlock> {
        distinct_blocks(self.columns.runs.iter().map(|run| run.block.as_ref()))
    }

    /// Returns the index of the file at `path`.
    pub fn file_index(&self, path: &str) -> Option<usize> {
        self.files.binary_search_by(|file| file.path.as_str().cmp(path)).ok()
    }

    /// Returns the indices of the files with this file name, ignoring ASCII case and the form of
    /// accents.
    pub fn files_named(&self, name: &str) -> impl Iterator<Item = usize> {
        let hashed = |(index, file): (usize, &Arc<FileChunks>)| (name_hash(file.path.file_name()), to_number(index));
        // No search thread waits for this computation, because searches look up files by name before they use the
        // thread pool.
        let hash_names =
            || run_on_search_pool(|| KeyIndex::new(self.files.par_iter().enumerate().map(hashed).collect()));
        let found = self.file_names.get_or_init(hash_names).chunks_of(name_hash(name)).map(|file| file as usize);
        found.filter(move |file| is_same_ignoring_ascii_case(self.files[*file].path.file_name(), name))
    }

    /// Returns the path of the indexed file or folder that differs from `path` in the form of its accents only.
    pub fn find_composed_path(&self, path: &str) -> Option<&str> {
        if path.is_ascii() {
            return None;
        }
        let path = compose(path);
        self.files.iter().find_map(|file| {
            let found = file.path.as_str();
            let ends = found.match_indices('/').map(|(at, _)| at).chain([found.len()]);
            ends.map(|end| &found[..end]).find(|part| compose(part) == path)
        })
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

/// Returns each of these blocks once.
fn distinct_blocks<'b>(blocks: impl Iterator<Item = &'b ColumnBlock>) -> Vec<&'b ColumnBlock> {
    let mut blocks: Vec<&ColumnBlock> = blocks.collect();
    blocks.sort_by_key(|block| std::ptr::from_ref(*block));
    blocks.dedup_by_key(|block| std::ptr::from_ref(*block));
    blocks
}
