//! Column blocks: the searchable data of chunks that were read together, without an allocation per chunk.
//!
//! Files are sorted by path, and the chunks of each file by line. A block never changes once it is built.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::sync::OnceLock;

use rayon::prelude::*;

use super::key_index::to_number;
use embed::vector::quantized_matrix::QuantizedMatrix;
use store::inverted_index::DocNumber;
use store::{RowKey, StoreError, StoreView, StoredChunk};
use text::inflections::StemSet;
use text::name_key::LetterProfile;
use types::{Language, RepoPath, Span, SymbolKind};

/// Minimum number of strings per parallel task.
const MIN_STRINGS_PER_TASK: usize = 4_096;

/// A column block: the chunks of some files, without their texts.
#[derive(Default)]
pub(crate) struct ColumnBlock {
    pub(super) files: Vec<BlockFile>,
    pub(super) records: Vec<ChunkRecord>,
    pub(super) names: Vec<u32>,
    pub(super) strings: StringTable,
    /// The chunk vectors: `[chunks, dimensions]`.
    pub(super) chunks: QuantizedMatrix,
    /// One vector per file, the mean of its chunk vectors scaled to unit length: `[files, dimensions]`.
    pub(super) means: QuantizedMatrix,
}

/// A file in a block.
#[derive(Clone, Debug)]
pub(super) struct BlockFile {
    pub path: RepoPath,
    pub language: Language,
    /// One past the index of its last chunk in the block.
    pub end: u32,
}

/// The fixed-width columns of a chunk. Each string is stored as its number in the block's [`StringTable`].
#[derive(Clone, Copy, Debug)]
pub(super) struct ChunkRecord {
    pub row: RowKey,
    pub number: DocNumber,
    pub span: Span,
    pub kind: SymbolKind,
    pub symbol: u32,
    pub container: u32,
    /// The index of the first defined name in [`ColumnBlock::names`], and the number of names.
    pub names: (u32, u16),
}

/// A table of distinct strings, concatenated.
#[derive(Default)]
pub(super) struct StringTable {
    pub text: String,
    pub ends: Vec<u32>,
    /// The letter profiles of the strings, computed on first use.
    profiles: OnceLock<LetterProfiles>,
    stems: OnceLock<StemColumns>,
}

/// The [`LetterProfile`] of each string, stored in columns because one query scans hundreds of thousands of strings.
struct LetterProfiles {
    letter_counts: Vec<u8>,
    masks: Vec<u64>,
}

/// The [`StemSet`] of each string, concatenated.
struct StemColumns {
    hashes: Vec<u64>,
    ends: Vec<u32>,
}

impl StringTable {
    pub fn new(text: String, ends: Vec<u32>) -> Self {
        Self { text, ends, ..Self::default() }
    }

    /// Returns the stems of the string with this number, from the cache if it is filled.
    fn stems(&self, number: u32) -> StemSet<'_> {
        match self.stems.get() {
            Some(StemColumns { hashes, ends }) => StemSet::from_hashes(&hashes[range_of(ends, number)]),
            None => StemSet::from_text(self.get(number)),
        }
    }

    /// Returns the string with this number.
    fn get(&self, number: u32) -> &str {
        &self.text[range_of(&self.ends, number)]
    }

    /// Returns whether `ends` divide the whole text at character boundaries.
    fn is_valid(&self) -> bool {
        let is_boundary = |end: &u32| self.text.is_char_boundary(*end as usize);
        let whole = self.ends.last().map_or(0, |end| *end as usize) == self.text.len();
        whole && self.ends.is_sorted() && self.ends.iter().all(is_boundary)
    }
}

/// Returns the range of the entry with this number in concatenated data whose entries end at `ends`.
fn range_of(ends: &[u32], number: u32) -> Range<usize> {
    let at = number as usize;
    let start = at.checked_sub(1).map_or(0, |before| ends[before] as usize);
    start..ends[at] as usize
}

/// The data of a chunk, without its text and vector.
#[derive(Clone, Copy)]
pub struct ChunkMeta<'b> {
    pub row: RowKey,
    /// The number of the chunk in the inverted index; see [`StoredChunk::number`].
    pub number: DocNumber,
    pub span: Span,
    pub kind: SymbolKind,
    pub symbol: &'b str,
    pub container: &'b str,
    container_number: u32,
    names: &'b [u32],
    strings: &'b StringTable,
}

impl<'b> ChunkMeta<'b> {
    /// Returns the names that the chunk defines; see [`StoredChunk::defines`].
    pub fn defines(&self) -> impl Iterator<Item = &'b str> + use<'b> {
        let strings = self.strings;
        self.names.iter().map(|name| strings.get(*name))
    }

    /// Returns the stems of each defined name.
    pub(crate) fn name_stems(&self) -> impl Iterator<Item = StemSet<'b>> + use<'b> {
        let strings = self.strings;
        self.names.iter().map(|name| strings.stems(*name))
    }

    /// Returns the stems of the name of the chunk's container; empty if the chunk defines no name.
    pub(crate) fn container_stems(&self) -> StemSet<'b> {
        if self.names.is_empty() { StemSet::default() } else { self.strings.stems(self.container_number) }
    }
}

impl fmt::Debug for ChunkMeta<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { row, number, span, kind, symbol, container, .. } = self;
        let names: Vec<_> = self.defines().collect();
        write!(f, "{row} {number} {span:?} {kind} {container:?} {symbol:?} {names:?}")
    }
}

impl ColumnBlock {
    /// Returns the number of chunks.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Returns the chunk at index `at` of the block.
    pub fn chunk(&self, at: usize) -> ChunkMeta<'_> {
        let ChunkRecord { row, number, span, kind, symbol, container, names } = self.records[at];
        let (symbol, container_number) = (self.strings.get(symbol), container);
        let container = self.strings.get(container);
        let names = &self.names[names.0 as usize..][..usize::from(names.1)];
        ChunkMeta { row, number, span, kind, symbol, container, container_number, names, strings: &self.strings }
    }

    /// Returns whether all numbers in a block that was read from a file refer to existing strings, names and chunks.
    pub(super) fn is_valid(&self) -> bool {
        let is_string = |number: &u32| (*number as usize) < self.strings.ends.len();
        let has_names = |(first, count): (u32, u16)| first as usize + usize::from(count) <= self.names.len();
        let is_valid_record =
            |record: &ChunkRecord| is_string(&record.symbol) && is_string(&record.container) && has_names(record.names);
        let chunks = self.files.last().map_or(0, |file| file.end as usize);
        chunks == self.records.len()
            && self.files.is_sorted_by_key(|file| file.end)
            && self.records.iter().all(is_valid_record)
            && self.names.iter().all(is_string)
            && self.strings.is_valid()
    }

    /// Returns every distinct symbol, container and name whose letter profile passes `is_allowed`.
    pub(super) fn texts_with_profile(
        &self,
        is_allowed: impl Fn(LetterProfile) -> bool + Sync + Send,
    ) -> impl ParallelIterator<Item = &str> {
        let LetterProfiles { letter_counts, masks } = self.strings.profiles.get_or_init(|| {
            // Profiles are computed on one thread: a thread that waits for parallel work may pick up another query,
            // which would then wait for this same initialization.
            let profiles = (0..to_number(self.strings.ends.len()))
                .map(|number| LetterProfile::from_name(self.strings.get(number)));
            let (letter_counts, masks) = profiles.map(|LetterProfile { count, mask }| (count, mask)).unzip();
            LetterProfiles { letter_counts, masks }
        });
        let numbers = (0..to_number(letter_counts.len())).into_par_iter().with_min_len(MIN_STRINGS_PER_TASK);
        let has_profile = move |number: &u32| {
            let at = *number as usize;
            is_allowed(LetterProfile { count: letter_counts[at], mask: masks[at] })
        };
        numbers.filter(has_profile).map(|number| self.strings.get(number))
    }

    /// Computes the stems of all names and caches them for later queries.
    pub(super) fn cache_stems(&self) {
        let strings = &self.strings;
        strings.stems.get_or_init(|| {
            let (mut hashes, mut ends) = (Vec::new(), Vec::with_capacity(strings.ends.len()));
            for number in 0..to_number(strings.ends.len()) {
                hashes.extend_from_slice(StemSet::from_text(strings.get(number)).hashes());
                ends.push(to_number(hashes.len()));
            }
            hashes.shrink_to_fit();
            StemColumns { hashes, ends }
        });
    }

    /// Returns whether the stems of all names are cached.
    pub(super) fn has_cached_stems(&self) -> bool {
        self.strings.stems.get().is_some()
    }

    /// Returns the size in memory, in bytes, including the data computed on first use.
    pub fn memory_bytes(&self) -> usize {
        let Self { files, records, names, strings, chunks, means } = self;
        let paths: usize = files.iter().map(|file| size_of_val(file.path.as_str())).sum();
        let stems =
            strings.stems.get().map_or(0, |stems| size_of_val(&stems.hashes[..]) + size_of_val(&stems.ends[..]));
        let profiles = strings.profiles.get().map_or(0, |profiles| profiles.masks.len() * (size_of::<u64>() + 1));
        let tables = size_of_val(&files[..]) + size_of_val(&records[..]) + size_of_val(&names[..]);
        let texts = strings.text.len() + size_of_val(&strings.ends[..]);
        paths + stems + profiles + tables + texts + chunks.memory_bytes() + means.memory_bytes()
    }

    /// Returns the chunk range of the file at `index`.
    pub fn chunks_of_file(&self, index: usize) -> Range<usize> {
        let start = index.checked_sub(1).map_or(0, |before| self.files[before].end as usize);
        start..self.files[index].end as usize
    }
}

/// The reason why a chunk of the store cannot be added to a block.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum InvalidChunk {
    #[error("{path}:{line} has a vector of {found} values instead of {expected}")]
    VectorWidth { path: RepoPath, line: u32, found: usize, expected: usize },
    #[error("{path}:{line} defines {count} names; a chunk has at most {}", u16::MAX)]
    NameCount { path: RepoPath, line: u32, count: usize },
}

/// A builder of a [`ColumnBlock`] from chunks in any order.
pub(super) struct ColumnBlockBuilder {
    block: ColumnBlock,
    /// The first chunk that could not be added.
    invalid: Option<InvalidChunk>,
    /// The file index of each chunk.
    file_indices: Vec<u32>,
    string_numbers: HashMap<Box<str>, u32>,
}

impl ColumnBlockBuilder {
    /// Creates a builder for vectors with `dimensions` values.
    pub fn new(dimensions: usize) -> Self {
        let (chunks, means) = (QuantizedMatrix::new(dimensions), QuantizedMatrix::new(dimensions));
        let block = ColumnBlock { chunks, means, ..ColumnBlock::default() };
        Self { block, invalid: None, file_indices: Vec::new(), string_numbers: HashMap::new() }
    }

    /// Reserves capacity for `chunks` chunks.
    pub fn reserve(&mut self, chunks: usize) {
        self.block.chunks.reserve(chunks);
        self.block.records.reserve_exact(chunks);
        self.file_indices.reserve_exact(chunks);
    }

    /// Adds a chunk. [`ColumnBlockBuilder::finish`] reports an invalid one.
    pub fn push(&mut self, chunk: StoredChunk) {
        let StoredChunk { row, number, path, language, span, kind, symbol, container, defines, vector } = chunk;
        let expected = self.block.chunks.dimensions();
        if vector.len() != expected {
            let (line, found) = (span.start_line, vector.len());
            self.invalid.get_or_insert(InvalidChunk::VectorWidth { path, line, found, expected });
            return;
        }
        let Ok(name_count) = u16::try_from(defines.len()) else {
            let (line, count) = (span.start_line, defines.len());
            self.invalid.get_or_insert(InvalidChunk::NameCount { path, line, count });
            return;
        };
        if self.block.files.last().is_none_or(|last| last.path != path) {
            self.block.files.push(BlockFile { path, language, end: 0 });
        }
        self.file_indices.push(to_number(self.block.files.len()) - 1);
        let (symbol, container) = (self.intern(&symbol), self.intern(&container));
        let first = to_number(self.block.names.len());
        for name in &defines {
            let name = self.intern(name);
            self.block.names.push(name);
        }
        let names = (first, name_count);
        self.block.records.push(ChunkRecord { row, number, span, kind, symbol, container, names });
        self.block.chunks.push(&vector);
    }

    fn intern(&mut self, text: &str) -> u32 {
        if let Some(number) = self.string_numbers.get(text) {
            return *number;
        }
        let StringTable { text: all, ends, .. } = &mut self.block.strings;
        let number = to_number(ends.len());
        all.push_str(text);
        ends.push(to_number(all.len()));
        self.string_numbers.insert(text.into(), number);
        number
    }

    /// Returns the block of chunks of a store, like [`ColumnBlockBuilder::finish`].
    ///
    /// # Errors
    /// If an added chunk was invalid; the error names the store.
    pub fn finish_for(self, view: &dyn StoreView) -> Result<ColumnBlock, StoreError> {
        self.finish().map_err(|invalid| StoreError::Engine {
            operation: "read the chunks",
            dir: view.manifest().root.clone(),
            message: invalid.to_string(),
        })
    }

    /// Sorts the chunks, computes the file vectors and returns the block.
    ///
    /// # Errors
    /// If an added chunk was invalid.
    pub fn finish(self) -> Result<ColumnBlock, InvalidChunk> {
        let Self { mut block, invalid, file_indices, string_numbers } = self;
        if let Some(invalid) = invalid {
            return Err(invalid);
        }
        drop(string_numbers);
        sort_block(&mut block, &file_indices);
        for index in 0..block.files.len() {
            block.means.push_mean(&block.chunks, block.chunks_of_file(index));
        }
        block.records.shrink_to_fit();
        block.names.shrink_to_fit();
        block.strings.ends.shrink_to_fit();
        block.strings.text.shrink_to_fit();
        Ok(block)
    }
}

/// Sorts files by path and chunks by line, and sets where each file ends.
///
/// All chunks of a file are brought together, even if chunks of other files were pushed between them.
fn sort_block(block: &mut ColumnBlock, file_indices: &[u32]) {
    let mut by_path: Vec<u32> = (0..to_number(block.files.len())).collect();
    by_path.sort_by(|a, b| block.files[*a as usize].path.cmp(&block.files[*b as usize].path));
    let mut file_of_piece = vec![0_u32; by_path.len()];
    let mut files: Vec<BlockFile> = Vec::with_capacity(by_path.len());
    for piece in by_path {
        let file = &block.files[piece as usize];
        if files.last().is_none_or(|last| last.path != file.path) {
            files.push(file.clone());
        }
        file_of_piece[piece as usize] = to_number(files.len()) - 1;
    }
    block.files = files;
    let sort_key = |at: u32| (file_of_piece[file_indices[at as usize] as usize], block.records[at as usize].span);
    let mut order: Vec<u32> = (0..to_number(block.records.len())).collect();
    if !order.is_sorted_by_key(|at| sort_key(*at)) {
        order.sort_by_key(|at| sort_key(*at));
        let ordered = order.iter().map(|at| block.records[*at as usize]).collect();
        block.chunks = block.chunks.reorder(&order);
        block.records = ordered;
    }
    for (end, at) in (1..).zip(&order) {
        block.files[file_of_piece[file_indices[*at as usize] as usize] as usize].end = end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(vector: Vec<f32>, defines: Vec<String>) -> StoredChunk {
        StoredChunk {
            row: 1,
            number: 0,
            path: RepoPath::new("src/pool.rs"),
            language: Language("rust"),
            span: Span { start_line: 7, end_line: 9 },
            kind: SymbolKind::Function,
            symbol: String::new(),
            container: String::new(),
            defines,
            vector,
        }
    }

    fn build(chunk: StoredChunk) -> Result<ColumnBlock, String> {
        let mut builder = ColumnBlockBuilder::new(2);
        builder.push(chunk);
        builder.finish().map_err(|invalid| invalid.to_string())
    }

    #[test]
    fn chunks_that_do_not_fit_are_errors() {
        assert!(build(chunk(vec![0.6, 0.8], vec!["acquire".to_owned()])).is_ok_and(|block| block.is_valid()));
        assert_eq!(
            build(chunk(vec![1.0], Vec::new())).err().as_deref(),
            Some("src/pool.rs:7 has a vector of 1 values instead of 2")
        );
        let many = build(chunk(vec![0.6, 0.8], vec!["a".to_owned(); 70_000])).err().unwrap_or_default();
        assert!(many.starts_with("src/pool.rs:7 defines 70000 names"), "{many}");
    }

    #[test]
    fn blocks_with_bad_numbers_are_invalid() {
        let block = || build(chunk(vec![0.6, 0.8], vec!["größe".to_owned()])).expect("a block");
        let damages: [fn(&mut ColumnBlock); 6] = [
            |block| block.records[0].symbol = 9,
            |block| block.records[0].names = (0, 2),
            |block| block.names[0] = 9,
            |block| block.files[0].end = 2,
            |block| block.strings.ends[1] = 3,
            |block| block.strings.text.push('x'),
        ];
        for (number, damage) in damages.into_iter().enumerate() {
            let mut block = block();
            damage(&mut block);
            assert!(!block.is_valid(), "damage {number}");
        }
    }
}
