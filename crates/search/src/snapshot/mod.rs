//! Snapshots: copies of one generation of a store in memory, in the layout that searches need.
//!
//! A snapshot consists of immutable files; the snapshot of the next commit shares the files that did not change. The
//! indexes over all chunks are small and are rebuilt each time. Files that were read together share a [`ColumnBlock`],
//! so that a scan reads long contiguous parts of memory. Separate blocks for a hundred thousand small files double the
//! scan time.
//!
//! The snapshot of a group joins those of several repositories; see `group`.

mod base_block;
pub(crate) mod column_block;
mod columns;
pub(crate) mod file_chunks;
mod file_lookup;
mod group;
pub(crate) mod key_index;
pub(crate) mod loading;
pub(crate) mod path_class;
mod snapshot_cache;

use std::collections::HashSet;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use rayon::prelude::*;

use crate::threads::run_on_search_pool;
use base_block::BaseBlock;
use column_block::{ChunkMeta, ColumnBlock};
use columns::SnapshotColumns;
use embed::vector::quantized_matrix::QuantizedQuery;
use file_chunks::{BlockRun, FileChunks};
use key_index::{KeyIndex, NO_CHUNK, to_number};
use loading::whole_index::WholeIndex;
use path_class::marks_project_root;
use store::inverted_index::{InvertedIndex, ScoredPosting, SegmentError};
use store::{ChunkText, IndexSize, Manifest, RowKey, StoreError, StoreView};
use text::name_key::{LetterProfile, is_same_name, name_hash};
use types::{FileRecord, Generation, Language, RepoPath};

/// The memory that a snapshot uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotMemory {
    /// Identifies the block that other snapshots may share; 0 without one. Snapshots with equal numbers share it.
    pub base: usize,
    /// Size of that block, in bytes.
    pub base_bytes: usize,
    /// Size of all else, in bytes, which no other snapshot shares.
    pub own_bytes: usize,
}

/// An immutable view of all chunks and files, shared between threads.
pub struct Snapshot {
    stores: SnapshotStores,
    /// The files with chunks, sorted by path. Chunks are numbered from 0 in this order.
    pub files: Arc<Vec<Arc<FileChunks>>>,
    /// The language of each file, in one array so that filters need not read every [`FileChunks`].
    pub(crate) languages: Arc<Vec<Language>>,
    /// The indexes over all chunks; in a group, those by key are empty.
    columns: Arc<SnapshotColumns>,
    /// The block that the snapshots of other trees may share; `None` in a group and in a part of an index.
    base: Option<Arc<BaseBlock>>,
    /// The records of all files, including files without chunks, sorted by path; empty in a group.
    records: Vec<FileRecord>,
    /// Files of an earlier generation, kept after a change of many files. A refresh finds them here when they come
    /// back, such as after a switch to another branch and back.
    earlier_files: Vec<Arc<FileChunks>>,
    /// The number of chunks in memory, including chunks that are no longer used.
    chunks_in_memory: usize,
    /// The number of indexed files, including files that yield no chunks.
    files_indexed: u64,
    /// For each segment of the inverted index, the chunks of its documents.
    documents: Vec<DocumentChunks>,
    /// Root folders of projects; computed on first use.
    project_folders: OnceLock<HashSet<String>>,
    /// Files by [`name_hash`] of their file names; computed on first use.
    file_names: OnceLock<KeyIndex<u64>>,
}

/// The stores with the chunks of a snapshot: one store of all chunks or of a part of them, or those of a group.
enum SnapshotStores {
    One(Arc<dyn StoreView>),
    Part(Box<PartStores>),
    Group(Box<GroupStores>),
}

impl SnapshotStores {
    fn inverted_index(&self) -> &InvertedIndex {
        match self {
            Self::One(view) => view.inverted_index(),
            Self::Part(part) => &part.inverted_index,
            Self::Group(group) => &group.inverted_index,
        }
    }
}

/// The store of a part of an index.
struct PartStores {
    view: Arc<dyn StoreView>,
    whole: Arc<dyn WholeIndex>,
    /// The words of the loaded chunks.
    inverted_index: InvertedIndex,
    /// The size of the whole index.
    size: IndexSize,
}

/// The stores of a group.
struct GroupStores {
    /// The repositories, sorted by the paths of their files.
    members: Vec<GroupMember>,
    manifest: Manifest,
    generation: Generation,
    /// The segments of all repositories.
    inverted_index: InvertedIndex,
}

/// A repository of a group.
#[derive(Clone)]
pub struct GroupMember {
    /// The name of its folder in the group, without slashes.
    pub name: String,
    pub snapshot: Arc<Snapshot>,
    /// The number of its first file, and of its first chunk, in the snapshot of the group.
    first_file: usize,
    first_chunk: u32,
}

/// The chunks of the documents of a segment.
#[derive(Clone)]
struct DocumentChunks {
    /// The chunk of each document, counted from `first`; [`NO_CHUNK`] for a removed one.
    chunks: Arc<Vec<u32>>,
    first: u32,
}

impl DocumentChunks {
    /// Returns the chunk of a document; `None` for a removed one.
    fn chunk(&self, ordinal: u32) -> Option<u32> {
        let chunk = self.chunks[ordinal as usize];
        (chunk != NO_CHUNK).then(|| self.first + chunk)
    }
}

impl Snapshot {
    /// Returns the manifest of the store; that of a group joins those of its repositories.
    pub fn manifest(&self) -> &Manifest {
        match &self.stores {
            SnapshotStores::One(view) => view.manifest(),
            SnapshotStores::Part(part) => part.view.manifest(),
            SnapshotStores::Group(group) => &group.manifest,
        }
    }

    /// Returns the identity of the commit; that of a group changes with every commit to a repository.
    pub fn generation(&self) -> Generation {
        match &self.stores {
            SnapshotStores::One(view) => view.generation(),
            SnapshotStores::Part(part) => part.view.generation(),
            SnapshotStores::Group(group) => group.generation,
        }
    }

    /// Returns whether a read has left out a damaged row or posting list.
    pub fn has_met_damage(&self) -> bool {
        match &self.stores {
            SnapshotStores::One(view) => view.has_met_damage(),
            SnapshotStores::Part(part) => part.view.has_met_damage(),
            SnapshotStores::Group(group) => group.members.iter().any(|member| member.snapshot.has_met_damage()),
        }
    }

    /// Returns the repositories of a group, sorted by path; empty for the snapshot of one store.
    pub fn members(&self) -> &[GroupMember] {
        match &self.stores {
            SnapshotStores::One(_) | SnapshotStores::Part(_) => &[],
            SnapshotStores::Group(group) => &group.members,
        }
    }

    /// Returns the repository of a group that a file is in; `None` outside of a group.
    pub fn repository_of_file(&self, index: usize) -> Option<&str> {
        let path = self.files[index].path.as_str();
        self.members().first().and_then(|_| path.split_once('/')).map(|(name, _)| name)
    }

    fn inverted_index(&self) -> &InvertedIndex {
        self.stores.inverted_index()
    }

    fn inverted_index_error(&self, error: &SegmentError) -> StoreError {
        match &self.stores {
            SnapshotStores::One(view) => view.inverted_index_error(error),
            SnapshotStores::Part(part) => part.view.inverted_index_error(error),
            SnapshotStores::Group(group) => group.inverted_index_error(error),
        }
    }

    /// Returns the index that this snapshot has some files of; `None` if all chunks are in memory.
    pub fn whole_index(&self) -> Option<&Arc<dyn WholeIndex>> {
        match &self.stores {
            SnapshotStores::Part(part) => Some(&part.whole),
            _ => None,
        }
    }

    /// Returns whether the snapshot has only the files that were loaded for a call, because the index has more chunks
    /// than are held in memory.
    pub fn is_part(&self) -> bool {
        self.whole_index().is_some()
    }

    /// Returns the number of chunks.
    pub fn chunk_count(&self) -> usize {
        self.columns.file_indices.len()
    }

    /// Returns the chunk with number `chunk`.
    pub fn chunk(&self, chunk: u32) -> ChunkMeta<'_> {
        let (block, at) = self.locate_chunk(chunk);
        block.chunk(at)
    }

    /// Reads some texts, so that the store opens its text files before the first query; none for a part of an index.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn warm_up_texts(&self) -> Result<(), StoreError> {
        const TEXTS: usize = 128;
        match &self.stores {
            SnapshotStores::One(view) => {
                let rows = self.columns.rows.pairs();
                let spread: Vec<RowKey> = rows.iter().step_by(rows.len() / TEXTS + 1).map(|(row, _)| *row).collect();
                view.chunk_texts(&spread).map(drop)
            }
            SnapshotStores::Part(_) => Ok(()),
            SnapshotStores::Group(group) => group.members.iter().try_for_each(|member| member.snapshot.warm_up_texts()),
        }
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

    /// Returns the smallest chunk that contains a line of the file at `path`, or otherwise the next chunk after the
    /// line; `None` if there is neither.
    pub fn chunk_at_line(&self, path: &str, line: u32) -> Option<u32> {
        let mut chunks = self.chunks_of_file(self.file_index(path)?);
        let around = chunks.clone().filter(|chunk| self.chunk(*chunk).span.contains(line));
        let lines = |chunk: &u32| self.chunk(*chunk).span.end_line - self.chunk(*chunk).span.start_line;
        around.min_by_key(lines).or_else(|| chunks.find(|chunk| self.chunk(*chunk).span.start_line > line))
    }

    /// Returns the chunks of the definition that a chunk belongs to: the chunk itself, chunks of its file with the same
    /// symbol and container, such as further parts of a long definition, and the chunks that share lines with it.
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
    pub fn read_texts(&self, chunks: &[u32]) -> Result<Vec<ChunkText>, StoreError> {
        match &self.stores {
            SnapshotStores::One(view) => view.chunk_texts(&self.rows_of(chunks)),
            SnapshotStores::Part(part) => part.view.chunk_texts(&self.rows_of(chunks)),
            SnapshotStores::Group(group) => group.read_texts(chunks),
        }
    }

    fn rows_of(&self, chunks: &[u32]) -> Vec<RowKey> {
        chunks.iter().map(|chunk| self.chunk(*chunk).row).collect()
    }

    /// Returns the number of values in a vector.
    pub(crate) fn dimensions(&self) -> usize {
        self.manifest().fingerprint.dimensions as usize
    }

    /// Returns the root folders of projects: all folders with a manifest or a readme, and the repositories of a group.
    pub(crate) fn project_folders(&self) -> &HashSet<String> {
        if let Some(whole) = self.whole_index() {
            return whole.project_folders();
        }
        self.project_folders.get_or_init(|| {
            let marker_files = self.files.iter().filter(|file| marks_project_root(file.path.file_name()));
            let repositories = self.members().iter().map(|member| member.name.clone());
            marker_files.map(|file| file.path.folder().to_owned()).chain(repositories).collect()
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

    /// Returns the dot product of `query` with a chunk's vector.
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
    /// [`QuantizedMatrix::scan_signs`]: embed::vector::quantized_matrix::QuantizedMatrix::scan_signs
    pub(crate) fn scan_chunks(&self, query: &QuantizedQuery, each: &mut impl FnMut(u32, u16) -> u16) {
        let mut max_bits = u16::MAX;
        for BlockRun { block, first, chunks, .. } in &self.columns.runs {
            block.chunks.scan_signs(chunks.clone(), query, max_bits, &mut |at, bits| {
                max_bits = each(first + at, bits);
                max_bits
            });
        }
    }

    /// Scans `chunks`, which belong to one file, as [`Snapshot::scan_chunks`] does, but numbers them from 0.
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

    /// Calls `each` for every chunk that contains the word with this hash, and returns the word's inverse document
    /// frequency; 0 if no chunk of the index contains it.
    ///
    /// # Errors
    /// If the inverted index cannot be read.
    pub fn match_word(&self, hash: u64, mut each: impl FnMut(u32, ScoredPosting)) -> Result<f32, StoreError> {
        let with_chunk = |matched: ScoredPosting| {
            if let Some(chunk) = self.documents[matched.segment].chunk(matched.ordinal) {
                each(chunk, matched);
            }
        };
        self.inverted_index().score_postings(hash, with_chunk).map_err(|error| self.inverted_index_error(&error))
    }

    /// Returns whether any chunk contains the word with this hash. In a part of an index, frequent words of the whole
    /// index count as contained.
    ///
    /// # Errors
    /// If the inverted index cannot be read.
    pub(crate) fn has_word(&self, hash: u64) -> Result<bool, StoreError> {
        let is_live = |segment: usize, ordinal: u32| self.documents[segment].chunk(ordinal).is_some();
        self.inverted_index().any_posting(hash, is_live).map_err(|error| self.inverted_index_error(&error))
    }

    /// Returns the chunk of a row in the store; `None` if no chunk has this row, and in a group.
    pub fn chunk_of_row(&self, row: RowKey) -> Option<u32> {
        self.columns.rows.chunks_of(row).next()
    }

    /// Returns the chunks that define a name equal to `name` in letters and digits, ignoring case.
    pub fn chunks_defining(&self, name: &str) -> impl Iterator<Item = u32> {
        let defines = move |chunk: &u32| self.chunk(*chunk).defines().any(|other| is_same_name(other, name));
        self.chunks_with_name(name_hash(name)).filter(defines)
    }

    /// Returns the chunks that define a name with this [`name_hash`], in ascending order.
    fn chunks_with_name(&self, hash: u64) -> impl Iterator<Item = u32> {
        let of_member = move |member: &'_ GroupMember| member.chunks_with_name(hash).collect::<Vec<_>>();
        self.columns.names.chunks_of(hash).chain(self.members().iter().flat_map(of_member))
    }

    /// Returns the chunks that define a name with exactly this spelling, each with the index of the name in
    /// [`ChunkMeta::defines`].
    pub(crate) fn definitions_spelled(&self, name: &str) -> Vec<(u32, usize)> {
        let mut chunks: Vec<u32> = self.chunks_with_name(name_hash(name)).collect();
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
        let block = self.base.as_ref().map(|base| base.block.as_ref());
        let is_base = |other: &&ColumnBlock| block.is_some_and(|block| std::ptr::eq(block, *other));
        let earlier = self.earlier_files.iter().map(|file| file.block.as_ref());
        let own_blocks = distinct_blocks(self.columns.runs.iter().map(|run| run.block.as_ref()).chain(earlier));
        let blocks: usize = own_blocks.into_iter().filter(|block| !is_base(block)).map(ColumnBlock::memory_bytes).sum();
        let has_base_files = self.base.as_ref().is_some_and(|base| Arc::ptr_eq(&self.files, &base.files));
        let columns = if has_base_files { 0 } else { self.columns.memory_bytes() };
        let documents: usize = self.documents.iter().map(|documents| size_of_val(&documents.chunks[..])).sum();
        let own_bytes = VIEW_BYTES + blocks + columns + documents + self.records.len() * RECORD_BYTES;
        let base = block.map_or(0, |block| std::ptr::from_ref(block).addr());
        SnapshotMemory { base, base_bytes: block.map_or(0, ColumnBlock::memory_bytes), own_bytes }
    }

    /// Returns the distinct blocks.
    fn blocks(&self) -> Vec<&ColumnBlock> {
        distinct_blocks(self.columns.runs.iter().map(|run| run.block.as_ref()))
    }

    /// Returns the record of the file at `path`. In a group, the path in the record is that in its repository.
    pub fn record(&self, path: &RepoPath) -> Option<&FileRecord> {
        if let SnapshotStores::Group(group) = &self.stores {
            let (member, inner) = group.find_member(path.as_str())?;
            return member.snapshot.record(&RepoPath::new(inner));
        }
        let index = self.records.binary_search_by(|record| record.path.cmp(path)).ok()?;
        Some(&self.records[index])
    }

    /// Returns all records, sorted by path; none for a group, whose repositories have them.
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
