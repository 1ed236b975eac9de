//! Chunks that were read together, in columns: what a search keeps of them, without an allocation each.
//!
//! Invariants: files stand by path, each with its chunks in line order; nothing changes once it is built.
//! Must never import: anything above `search`.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::sync::OnceLock;

use rayon::prelude::*;

use super::forms::Roots;
use super::names::Outline;
use super::vectors::Matrix;
use crate::lexical::DocNumber;
use crate::store::{RowKey, StoredChunk};
use crate::types::{Language, RepoPath, Span, SymbolKind};

/// Fewer strings are not worth handing over to another thread.
const AT_ONCE: usize = 4_096;

/// Chunks of some files.
#[derive(Default)]
pub struct Block {
    pub(super) files: Vec<BlockFile>,
    pub(super) entries: Vec<Entry>,
    pub(super) names: Vec<u32>,
    pub(super) strings: Strings,
    /// A row a chunk.
    pub(super) chunks: Matrix,
    /// A row a file: the mean of its chunks' vectors, unit length.
    pub(super) means: Matrix,
}

/// A file of a block.
#[derive(Clone, Debug)]
pub(super) struct BlockFile {
    pub path: RepoPath,
    pub language: Language,
    /// One past its last chunk.
    pub end: u32,
}

/// A chunk, its words as numbers of [`Strings`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub row: RowKey,
    pub number: DocNumber,
    pub span: Span,
    pub kind: SymbolKind,
    pub symbol: u32,
    pub container: u32,
    /// Where in the block's names those it defines begin, and how many they are.
    pub names: (u32, u16),
}

/// Distinct texts, one after the other.
#[derive(Default)]
pub(super) struct Strings {
    pub text: String,
    pub ends: Vec<u32>,
    /// Made when a question first asks for them.
    outlines: OnceLock<Outlines>,
    roots: OnceLock<RootsOfAll>,
}

/// The [`Outline`] of each string, in columns: hundreds of thousands are looked at for one question.
struct Outlines {
    counts: Vec<u8>,
    masks: Vec<u64>,
}

/// The [`Roots`] of each string, one after the other.
struct RootsOfAll {
    hashes: Vec<u64>,
    ends: Vec<u32>,
}

impl Strings {
    pub fn new(text: String, ends: Vec<u32>) -> Self {
        Self { text, ends, ..Self::default() }
    }

    /// The roots of the text of that number: as they were kept, or found out.
    fn roots(&self, number: u32) -> Roots<'_> {
        let Some(RootsOfAll { hashes, ends }) = self.roots.get() else { return Roots::of(self.of(number)) };
        let at = number as usize;
        let start = at.checked_sub(1).and_then(|before| ends.get(before)).map_or(0, |end| *end as usize);
        let kept = ends.get(at).and_then(|end| hashes.get(start..*end as usize));
        Roots::kept(kept.unwrap_or_default())
    }

    /// The text of that number; empty for a number that is none.
    fn of(&self, number: u32) -> &str {
        let at = number as usize;
        let start = at.checked_sub(1).and_then(|before| self.ends.get(before)).map_or(0, |end| *end as usize);
        self.ends.get(at).and_then(|end| self.text.get(start..*end as usize)).unwrap_or_default()
    }
}

/// All of a chunk but its text and its vector.
#[derive(Clone, Copy)]
pub struct ChunkMeta<'b> {
    pub row: RowKey,
    /// See [`StoredChunk::number`].
    pub number: DocNumber,
    pub span: Span,
    pub kind: SymbolKind,
    pub symbol: &'b str,
    pub container: &'b str,
    container_number: u32,
    names: &'b [u32],
    strings: &'b Strings,
}

impl<'b> ChunkMeta<'b> {
    /// See [`StoredChunk::defines`].
    pub fn defines(&self) -> impl Iterator<Item = &'b str> + use<'b> {
        let strings = self.strings;
        self.names.iter().map(|name| strings.of(*name))
    }

    /// The roots of each name it defines.
    pub(super) fn name_roots(&self) -> impl Iterator<Item = Roots<'b>> + use<'b> {
        let strings = self.strings;
        self.names.iter().map(|name| strings.roots(*name))
    }

    /// The roots of the name of what it stands in; none where it defines nothing.
    pub(super) fn container_roots(&self) -> Roots<'b> {
        if self.names.is_empty() { Roots::default() } else { self.strings.roots(self.container_number) }
    }
}

impl fmt::Debug for ChunkMeta<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { row, number, span, kind, symbol, container, .. } = self;
        let names: Vec<_> = self.defines().collect();
        write!(f, "{row} {number} {span:?} {kind} {container:?} {symbol:?} {names:?}")
    }
}

impl Block {
    /// Number of chunks.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// The chunk at `at`.
    pub fn chunk(&self, at: usize) -> ChunkMeta<'_> {
        let Entry { row, number, span, kind, symbol, container, names } = self.entries[at];
        let (symbol, container_number) = (self.strings.of(symbol), container);
        let container = self.strings.of(container);
        let names = self.names.get(names.0 as usize..).and_then(|rest| rest.get(..usize::from(names.1)));
        let names = names.unwrap_or_default();
        ChunkMeta { row, number, span, kind, symbol, container, container_number, names, strings: &self.strings }
    }

    /// Every distinct symbol, container and name.
    pub fn texts(&self) -> impl ParallelIterator<Item = &str> {
        let strings = &self.strings;
        (0..count(strings.ends.len())).into_par_iter().with_min_len(AT_ONCE).map(|number| strings.of(number))
    }

    /// Those of [`Block::texts`] whose outline `may`.
    pub(super) fn texts_like(&self, may: impl Fn(Outline) -> bool + Sync + Send) -> impl ParallelIterator<Item = &str> {
        let Outlines { counts, masks } = self.strings.outlines.get_or_init(|| {
            // In one thread: one that waits for others may take up a question that waits for this.
            let outlines = (0..count(self.strings.ends.len())).map(|number| Outline::of(self.strings.of(number)));
            let (counts, masks) = outlines.map(|Outline { count, mask }| (count, mask)).unzip();
            Outlines { counts, masks }
        });
        let numbered = (0..count(counts.len())).into_par_iter().with_min_len(AT_ONCE);
        let like = move |number: &u32| {
            let at = *number as usize;
            may(Outline { count: counts[at], mask: masks[at] })
        };
        numbered.filter(like).map(|number| self.strings.of(number))
    }

    /// Keeps the roots of all names, which every question compares itself with: for who answers many.
    pub(super) fn keep_roots(&self) {
        let strings = &self.strings;
        strings.roots.get_or_init(|| {
            let (mut hashes, mut ends) = (Vec::new(), Vec::with_capacity(strings.ends.len()));
            for number in 0..count(strings.ends.len()) {
                hashes.extend_from_slice(Roots::of(strings.of(number)).hashes());
                ends.push(count(hashes.len()));
            }
            hashes.shrink_to_fit();
            RootsOfAll { hashes, ends }
        });
    }

    /// Whether it has kept them.
    pub(super) fn keeps_roots(&self) -> bool {
        self.strings.roots.get().is_some()
    }

    /// Where the chunks of the file at `index` are.
    pub fn chunks_in(&self, index: usize) -> Range<usize> {
        let start = index.checked_sub(1).map_or(0, |before| self.files[before].end as usize);
        start..self.files[index].end as usize
    }
}

/// A block in the making.
pub(super) struct BlockBuilder {
    block: Block,
    /// Index of each chunk's file.
    owners: Vec<u32>,
    numbers: HashMap<Box<str>, u32>,
}

impl BlockBuilder {
    /// For vectors of that width.
    pub fn new(dimensions: usize) -> Self {
        let (chunks, means) = (Matrix::new(dimensions), Matrix::new(dimensions));
        let block = Block { chunks, means, ..Block::default() };
        Self { block, owners: Vec::new(), numbers: HashMap::new() }
    }

    /// Makes room for so many chunks.
    pub fn reserve(&mut self, chunks: usize) {
        self.block.chunks.reserve(chunks);
        self.block.entries.reserve_exact(chunks);
        self.owners.reserve_exact(chunks);
    }

    /// Takes a chunk in; they may come in any order.
    pub fn push(&mut self, chunk: StoredChunk) {
        let StoredChunk { row, number, path, language, span, kind, symbol, container, defines, vector } = chunk;
        if self.block.files.last().is_none_or(|last| last.path != path) {
            self.block.files.push(BlockFile { path, language, end: 0 });
        }
        self.owners.push(count(self.block.files.len()) - 1);
        let (symbol, container) = (self.string(&symbol), self.string(&container));
        let first = count(self.block.names.len());
        for name in &defines {
            let name = self.string(name);
            self.block.names.push(name);
        }
        let names = (first, u16::try_from(defines.len()).unwrap_or(u16::MAX));
        self.block.entries.push(Entry { row, number, span, kind, symbol, container, names });
        self.block.chunks.push(&vector);
    }

    fn string(&mut self, text: &str) -> u32 {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let Strings { text: all, ends, .. } = &mut self.block.strings;
        let number = count(ends.len());
        all.push_str(text);
        ends.push(count(all.len()));
        self.numbers.insert(text.into(), number);
        number
    }

    /// The block of all that was pushed.
    pub fn finish(self) -> Block {
        let Self { mut block, owners, numbers } = self;
        drop(numbers);
        arrange(&mut block, &owners);
        for index in 0..block.files.len() {
            block.means.push_mean(&block.chunks, block.chunks_in(index));
        }
        block.entries.shrink_to_fit();
        block.names.shrink_to_fit();
        block.strings.ends.shrink_to_fit();
        block.strings.text.shrink_to_fit();
        block
    }
}

/// Puts files by path and chunks by line, which they mostly are, and sets where each file ends. What
/// came in several pieces becomes one file.
fn arrange(block: &mut Block, owners: &[u32]) {
    let mut by_path: Vec<u32> = (0..count(block.files.len())).collect();
    by_path.sort_by(|a, b| block.files[*a as usize].path.cmp(&block.files[*b as usize].path));
    let mut places = vec![0_u32; by_path.len()];
    let mut files: Vec<BlockFile> = Vec::with_capacity(by_path.len());
    for piece in by_path {
        let file = &block.files[piece as usize];
        if files.last().is_none_or(|last| last.path != file.path) {
            files.push(file.clone());
        }
        places[piece as usize] = count(files.len()) - 1;
    }
    block.files = files;
    let place = |at: u32| (places[owners[at as usize] as usize], block.entries[at as usize].span);
    let mut order: Vec<u32> = (0..count(block.entries.len())).collect();
    if !order.is_sorted_by_key(|at| place(*at)) {
        order.sort_by_key(|at| place(*at));
        let ordered = order.iter().map(|at| block.entries[*at as usize]).collect();
        block.chunks = block.chunks.ordered(&order);
        block.entries = ordered;
    }
    for (end, at) in (1..).zip(&order) {
        block.files[places[owners[*at as usize] as usize] as usize].end = end;
    }
}

/// Four billion chunks do not fit into the numbers of the store either.
fn count(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
