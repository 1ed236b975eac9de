//! One generation of a store, held in memory in the shape a search reads it.
//!
//! Made of parts, one a file, that never change: the snapshot after a commit shares those of all
//! files the commit left alone. What numbers all chunks is made again each time; it is small.
//! Files that were read together stay together in a [`Block`], so that a scan runs through memory in
//! long stretches: in blocks of their own a hundred thousand small ones take twice as long.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use rayon::prelude::*;

use super::block::{Block, BlockBuilder, ChunkMeta};
use super::keys::Keys;
use super::lookup::{GONE, Lookup};
use super::names::{Outline, name_hash, name_key};
use super::parts::{FileChunks, Run, numbered, parts};
use super::resident;
use super::tallies::Tallies;
use super::vectors::Needle;
use crate::lexical::{DocNumber, Matched};
use crate::store::{RowKey, StoreError, StoreView};
use crate::types::{FileRecord, Language, Outcome, RepoPath};

/// Up to this many chunks are read one by one, and as many vectors held without use, before
/// everything is read again. In a large index it is half of all.
const MANY: usize = 16_384;

/// Fewer chunks than this are read from the store about as fast.
const WORTH_KEEPING: usize = if cfg!(test) { 1 } else { 2_000 };

/// What a search reads: never changes, shared between threads.
pub struct Snapshot {
    pub view: Arc<dyn StoreView>,
    /// By path. The chunks of all, one file after the other, are numbered from 0.
    pub files: Vec<Arc<FileChunks>>,
    /// The language of each file, for filters: it is in the file, too, but those are all over the memory.
    pub(super) languages: Vec<Language>,
    /// By path; every one there is, to tell stale hits and to count.
    records: Vec<FileRecord>,
    /// The number of each file's first chunk, and last of all the number of chunks.
    starts: Vec<u32>,
    /// The file of each chunk.
    owners: Vec<u32>,
    /// All files in their order.
    runs: Vec<Run>,
    /// Chunks held, counting those that came in and may be of no use any more.
    held: usize,
    /// See [`Snapshot::files_indexed`].
    files_indexed: u64,
    rows: Lookup<RowKey>,
    /// By document number.
    numbers: Lookup<DocNumber>,
    /// For each segment of the word index, the chunk of each of its documents; [`GONE`] where it is
    /// no more.
    documents: Vec<Vec<u32>>,
    /// By [`name_hash`] of the names that chunks define.
    names: Lookup<u64>,
    pub(super) tallies: Tallies,
    /// Folders in which a project begins; found by the first question that asks.
    pub(super) project_folders: OnceLock<HashSet<String>>,
    /// Files by [`name_hash`] of their names; made by the first question that names one.
    file_names: OnceLock<Lookup<u64>>,
}

impl Snapshot {
    /// Reads everything a search needs from `view`: from what was kept beside the store, if that is of
    /// this store, and then what has changed since; otherwise from the store, and keeps it.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn load(view: Arc<dyn StoreView>) -> Result<Self, StoreError> {
        let kept_at = view.kept_at();
        let kept =
            kept_at.as_deref().and_then(|path| resident::read(path, view.rows_epoch(), dimensions(view.as_ref())));
        if let Some((block, generation)) = kept {
            let is_same = generation == view.manifest().generation;
            let snapshot = Self::whole(Arc::clone(&view), block)?;
            return if is_same { Ok(snapshot) } else { snapshot.refresh(view) };
        }
        Self::read(view)
    }

    /// As [`Snapshot::load`], from the store alone.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(super) fn read(view: Arc<dyn StoreView>) -> Result<Self, StoreError> {
        let mut builder = BlockBuilder::new(dimensions(view.as_ref()));
        builder.reserve(view.rows()?.len());
        view.each_chunk(&mut |chunk| builder.push(chunk))?;
        let block = builder.finish();
        if let Some(path) = view.kept_at().filter(|_| block.len() >= WORTH_KEEPING) {
            // A folder that cannot be written to costs time and nothing else.
            if let Err(error) = resident::write(&path, &block, view.stamp()) {
                tracing::debug!("cannot keep {}: {error}", path.display());
            }
        }
        Self::whole(view, block)
    }

    /// The snapshot of a block of all chunks.
    fn whole(view: Arc<dyn StoreView>, block: Block) -> Result<Self, StoreError> {
        let (records, files) = (view.files()?, parts(block));
        let keys = Keys::of(&files);
        let held = keys.rows.len();
        Ok(Self::of(view, records, files, keys, held))
    }

    /// The snapshot of a later view of the same store. Reads what this one does not have; where the
    /// store has renumbered its rows since, that is everything.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn refresh(&self, view: Arc<dyn StoreView>) -> Result<Self, StoreError> {
        let snapshot = self.refreshed(view)?;
        if self.blocks().into_iter().any(Block::keeps_roots) {
            snapshot.keep_roots();
        }
        Ok(snapshot)
    }

    fn refreshed(&self, view: Arc<dyn StoreView>) -> Result<Self, StoreError> {
        let dimensions = dimensions(view.as_ref());
        if view.rows_epoch() != self.view.rows_epoch() || dimensions != self::dimensions(self.view.as_ref()) {
            return Self::load(view);
        }
        let live = view.rows()?;
        let (kept, missing) = self.compare(&live);
        let worth = MANY.max(live.len() / 2);
        if missing.len() > worth || self.held + missing.len() > live.len() + worth {
            return Self::read(view);
        }
        let mut builder = BlockBuilder::new(dimensions);
        view.chunks_of(&missing)?.into_iter().for_each(|chunk| builder.push(chunk));
        let records = view.files()?;
        let snapshot = self.with(Arc::clone(&view), records, &kept, parts(builder.finish()));
        let whole = snapshot.rows.pairs().iter().map(|(row, _)| row).eq(&live)
            && snapshot.files.windows(2).all(|pair| pair[0].path < pair[1].path);
        if whole { Ok(snapshot) } else { Self::read(view) }
    }

    /// For each file, whether all its chunks are among the rows `live` (rising); and the live rows
    /// that no such file has. A row is written once, so what is still there is still the same.
    fn compare(&self, live: &[RowKey]) -> (Vec<bool>, Vec<RowKey>) {
        let mut kept = vec![true; self.files.len()];
        let mut ahead = live.iter().peekable();
        let mut missing = Vec::new();
        for (row, chunk) in self.rows.pairs() {
            while let Some(new) = ahead.next_if(|other| *other < row) {
                missing.push(*new);
            }
            if ahead.next_if_eq(&row).is_none() {
                kept[self.owner(*chunk)] = false;
            }
        }
        missing.extend(ahead);
        // A store replaces files whole, so there are rarely such rows.
        let of_gone_file = |row: &&RowKey| self.by_row(**row).is_some_and(|chunk| !kept[self.owner(chunk)]);
        if kept.contains(&false) {
            missing.extend(live.iter().filter(of_gone_file));
        }
        (kept, missing)
    }

    /// The files of this snapshot that are kept together with those `read` anew (by path).
    fn with(
        &self,
        view: Arc<dyn StoreView>,
        records: Vec<FileRecord>,
        kept: &[bool],
        read: Vec<Arc<FileChunks>>,
    ) -> Self {
        let mut files = Vec::with_capacity(self.files.len() + read.len());
        let mut numbers = vec![GONE; self.owners.len()];
        let mut keys = Keys::default();
        let mut next = 0_u32;
        let mut add = |file: Arc<FileChunks>, old: Option<Range<u32>>| {
            match old {
                Some(old) => old.zip(next..).for_each(|(old, new)| numbers[old as usize] = new),
                None => keys.add(next, &file),
            }
            next += number(file.len());
            files.push(file);
        };
        let mut read = read.into_iter().peekable();
        for (index, file) in self.files.iter().enumerate().filter(|(index, _)| kept[*index]) {
            while let Some(new) = read.next_if(|new| new.path < file.path) {
                add(new, None);
            }
            add(Arc::clone(file), Some(self.chunks_in(index)));
        }
        read.for_each(|new| add(new, None));
        let held = self.held + keys.rows.len();
        keys.rows.extend(self.rows.moved(&numbers));
        keys.numbers.extend(self.numbers.moved(&numbers));
        keys.names.extend(self.names.moved(&numbers));
        Self::of(view, records, files, keys, held)
    }

    fn of(
        view: Arc<dyn StoreView>,
        records: Vec<FileRecord>,
        files: Vec<Arc<FileChunks>>,
        keys: Keys,
        held: usize,
    ) -> Self {
        let (rows, numbers, names) = (Lookup::new(keys.rows), Lookup::new(keys.numbers), Lookup::new(keys.names));
        let segments = view.words().segments();
        let documents = segments.iter().map(|segment| numbers.all(segment.docs())).collect();
        let mut runs: Vec<Run> = Vec::new();
        for (first, file) in numbered(&files) {
            if !runs.last_mut().is_some_and(|last| last.join(file)) {
                runs.push(file.run(first));
            }
        }
        let mut starts: Vec<u32> = numbered(&files).map(|(first, _)| first).collect();
        let mut owners = Vec::with_capacity(rows.pairs().len());
        for (index, file) in (0_u32..).zip(&files) {
            owners.resize(owners.len() + file.len(), index);
        }
        starts.push(number(owners.len()));
        let indexed = records.iter().filter(|record| matches!(record.outcome, Outcome::Indexed { .. }));
        let files_indexed = indexed.count() as u64;
        let (tallies, languages) = (Tallies::default(), files.iter().map(|file| file.language).collect());
        Self {
            view,
            files,
            languages,
            records,
            starts,
            owners,
            runs,
            held,
            files_indexed,
            rows,
            numbers,
            documents,
            names,
            tallies,
            project_folders: OnceLock::new(),
            file_names: OnceLock::new(),
        }
    }

    /// Number of chunks.
    pub fn chunk_count(&self) -> usize {
        self.owners.len()
    }

    /// The chunk of that number.
    pub fn chunk(&self, chunk: u32) -> ChunkMeta<'_> {
        let (block, place) = self.place(chunk);
        block.chunk(place)
    }

    /// Reads a text here and there, so that the store has opened what it reads texts from.
    ///
    /// # Errors
    /// When the store fails.
    pub fn touch_texts(&self) -> Result<(), StoreError> {
        const TEXTS: usize = 128;
        let rows = self.rows.pairs();
        let spread: Vec<RowKey> = rows.iter().step_by(rows.len() / TEXTS + 1).map(|(row, _)| *row).collect();
        self.view.texts(&spread).map(drop)
    }

    /// Finds out beforehand what questions compare names by: for who answers many.
    pub fn keep_roots(&self) {
        self.blocks().into_iter().for_each(Block::keep_roots);
    }

    /// Index of the file of a chunk.
    pub fn owner(&self, chunk: u32) -> usize {
        self.owners[chunk as usize] as usize
    }

    /// Numbers of the chunks of the file at `index`.
    pub fn chunks_in(&self, index: usize) -> Range<u32> {
        self.starts[index]..self.starts[index + 1]
    }

    /// A chunk's vector, up to rounding.
    pub fn vector(&self, chunk: u32) -> Vec<f32> {
        let (block, place) = self.place(chunk);
        block.chunks.row(place)
    }

    /// The block of a chunk, and where in it the chunk is.
    fn place(&self, chunk: u32) -> (&Block, usize) {
        let after = self.runs.partition_point(|run| run.first <= chunk);
        let run = &self.runs[after - 1];
        (&run.block, run.chunks.start + (chunk - run.first) as usize)
    }

    /// The dot product of `needle` with a chunk.
    pub(super) fn chunk_score(&self, chunk: u32, needle: &Needle) -> f32 {
        let (block, place) = self.place(chunk);
        block.chunks.score(place, needle)
    }

    /// The dot product of `needle` with the mean of a file's chunks.
    pub(super) fn file_score(&self, index: usize, needle: &Needle) -> f32 {
        let file = &self.files[index];
        file.block.means.score(file.index, needle)
    }

    /// Hands every chunk whose sketch is near to that of `needle` to `each`, as [`Matrix::near`] does, which
    /// at first takes all.
    ///
    /// [`Matrix::near`]: super::vectors::Matrix::near
    pub(super) fn near_chunks(&self, needle: &Needle, each: &mut impl FnMut(u32, u16) -> u16) {
        let mut most = u16::MAX;
        for Run { block, first, chunks, .. } in &self.runs {
            block.chunks.near(chunks.clone(), needle, most, &mut |at, bits| {
                most = each(first + at, bits);
                most
            });
        }
    }

    /// As [`Snapshot::near_chunks`], of the chunks of one file, numbered from the first of them.
    pub(super) fn near_chunks_of(&self, chunks: Range<u32>, needle: &Needle, each: &mut impl FnMut(u32, u16) -> u16) {
        let (block, first) = self.place(chunks.start);
        block.chunks.near(first..first + chunks.len(), needle, u16::MAX, each);
    }

    /// As [`Snapshot::near_chunks`], of each file.
    pub(super) fn near_files(&self, needle: &Needle, each: &mut impl FnMut(u32, u16) -> u16) {
        let (mut first, mut most) = (0, u16::MAX);
        for Run { block, files, .. } in &self.runs {
            block.means.near(files.clone(), needle, most, &mut |at, bits| {
                most = each(first + at, bits);
                most
            });
            first += number(files.len());
        }
    }

    /// Hands every chunk that has the word of this hash to `each`, with what it scores by it; returns
    /// the word's inverse document frequency.
    ///
    /// # Errors
    /// When the words cannot be read.
    pub fn word(&self, hash: u64, mut each: impl FnMut(u32, Matched)) -> Result<f32, StoreError> {
        let with_chunk = |matched: Matched| {
            let chunk = self.documents[matched.segment][matched.place as usize];
            if chunk != GONE {
                each(chunk, matched);
            }
        };
        self.view.words().word(hash, with_chunk).map_err(|error| self.view.unreadable_words(&error))
    }

    /// Whether any chunk has the word of this hash.
    ///
    /// # Errors
    /// When the words cannot be read.
    pub(super) fn has_word(&self, hash: u64) -> Result<bool, StoreError> {
        let is_live = |segment: usize, place: u32| self.documents[segment][place as usize] != GONE;
        self.view.words().has(hash, is_live).map_err(|error| self.view.unreadable_words(&error))
    }

    /// The chunk of a store's row.
    pub fn by_row(&self, row: RowKey) -> Option<u32> {
        self.rows.of(row).next()
    }

    /// Chunks that define exactly this name, however it is written.
    pub fn defining(&self, name: &str) -> impl Iterator<Item = u32> {
        let defines = move |chunk: &u32| self.chunk(*chunk).defines().any(|other| name_key(other).eq(name_key(name)));
        self.names.of(name_hash(name)).filter(defines)
    }

    /// Chunks that define a name of exactly this spelling, each with its place among the chunk's names.
    pub(super) fn spelled(&self, name: &str) -> Vec<(u32, usize)> {
        let mut chunks: Vec<u32> = self.names.of(name_hash(name)).collect();
        chunks.sort_unstable();
        chunks.dedup();
        let places = |chunk: u32| {
            let places = self.chunk(chunk).defines().enumerate().filter(|(_, other)| *other == name);
            places.map(move |(place, _)| (chunk, place))
        };
        chunks.into_iter().flat_map(places).collect()
    }

    /// The names that `matches`, by spelling, each once: every name there is is tried once, however often
    /// it is defined. Some may be defined no more, or be containers alone: see [`Snapshot::spelled`].
    pub(super) fn names_that<M: Send>(&self, matches: impl Fn(&str) -> Option<M> + Sync) -> Vec<(&str, M)> {
        let names = self.blocks().into_par_iter().flat_map(Block::texts);
        once_each(names.filter_map(|name| Some((name, matches(name)?))).collect())
    }

    /// As [`Snapshot::names_that`], of the names with an outline that `may` match.
    pub(super) fn names_like<M: Send>(
        &self,
        may: impl Fn(Outline) -> bool + Sync,
        matches: impl Fn(&str) -> Option<M> + Sync,
    ) -> Vec<(&str, M)> {
        let names = self.blocks().into_par_iter().flat_map(|block| block.texts_like(&may));
        once_each(names.filter_map(|name| Some((name, matches(name)?))).collect())
    }

    /// Each block once.
    fn blocks(&self) -> Vec<&Block> {
        let mut blocks: Vec<&Block> = self.runs.iter().map(|run| run.block.as_ref()).collect();
        blocks.sort_by_key(|block| std::ptr::from_ref(*block));
        blocks.dedup_by_key(|block| std::ptr::from_ref(*block));
        blocks
    }

    /// Index of the file at `path`.
    pub fn file_at(&self, path: &str) -> Option<usize> {
        self.files.binary_search_by(|file| file.path.as_str().cmp(path)).ok()
    }

    /// Indexes of the files of this name, letter case aside.
    pub fn files_named(&self, name: &str) -> impl Iterator<Item = usize> {
        let hashed = |(index, file): (usize, &Arc<FileChunks>)| (name_hash(file.path.file_name()), number(index));
        let find = || Lookup::new(self.files.par_iter().enumerate().map(hashed).collect());
        let found = self.file_names.get_or_init(find).of(name_hash(name)).map(|file| file as usize);
        found.filter(move |file| self.files[*file].path.file_name().eq_ignore_ascii_case(name))
    }

    /// The record of the file at `path`.
    pub fn record(&self, path: &RepoPath) -> Option<&FileRecord> {
        let index = self.records.binary_search_by(|record| record.path.cmp(path)).ok()?;
        Some(&self.records[index])
    }

    /// Every record, by path.
    pub fn records(&self) -> &[FileRecord] {
        &self.records
    }

    /// Files with chunks in the index, or rightly without any.
    pub fn files_indexed(&self) -> u64 {
        self.files_indexed
    }
}

/// By spelling, of the same ones the first.
fn once_each<M>(mut found: Vec<(&str, M)>) -> Vec<(&str, M)> {
    found.sort_by(|a, b| a.0.cmp(b.0));
    found.dedup_by(|a, b| a.0 == b.0);
    found
}

fn dimensions(view: &dyn StoreView) -> usize {
    view.manifest().recipe.dimensions as usize
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
