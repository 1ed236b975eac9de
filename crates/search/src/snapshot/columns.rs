//! The columns of a snapshot that depend only on its files: indexes over all chunks, by number and by key.

use std::sync::Arc;

use rayon::prelude::*;

use super::file_chunks::{BlockRun, FileChunks, with_first_chunks};
use super::key_index::{KeyIndex, to_number};
use store::RowKey;
use store::inverted_index::DocNumber;
use text::name_key::name_hash;
use types::Language;

/// The files of a snapshot and the indexes over their chunks. Trees with the same files share them.
pub(super) struct SnapshotColumns {
    /// The files with chunks, sorted by path.
    pub files: Arc<Vec<Arc<FileChunks>>>,
    /// The language of each file.
    pub languages: Arc<Vec<Language>>,
    /// The number of each file's first chunk, followed by the number of chunks.
    pub starts: Vec<u32>,
    /// The file index of each chunk.
    pub file_indices: Vec<u32>,
    /// The files in order, as runs of consecutive files in one block.
    pub runs: Vec<BlockRun>,
    pub rows: KeyIndex<RowKey>,
    /// Chunks by document number in the inverted index.
    pub numbers: KeyIndex<DocNumber>,
    /// Chunks by [`name_hash`] of the names they define.
    pub names: KeyIndex<u64>,
}

impl SnapshotColumns {
    /// Computes the columns of files that are sorted by path.
    pub fn from_files(files: Arc<Vec<Arc<FileChunks>>>) -> Self {
        let keys = ChunkKeys::from_files(&files);
        Self::new(files, keys)
    }

    /// Computes the columns of files that are sorted by path and whose chunks have the keys `keys`.
    pub fn new(files: Arc<Vec<Arc<FileChunks>>>, keys: ChunkKeys) -> Self {
        let (rows, numbers) = (KeyIndex::new(keys.rows), KeyIndex::new(keys.numbers));
        let names = KeyIndex::from_unordered(keys.names);
        let mut runs: Vec<BlockRun> = Vec::new();
        for (first, file) in with_first_chunks(&files) {
            if !runs.last_mut().is_some_and(|last| last.try_extend(file)) {
                runs.push(file.to_run(first));
            }
        }
        let mut starts: Vec<u32> = with_first_chunks(&files).map(|(first, _)| first).collect();
        let mut file_indices = Vec::with_capacity(files.iter().map(|file| file.len()).sum());
        for (index, file) in (0_u32..).zip(files.iter()) {
            file_indices.resize(file_indices.len() + file.len(), index);
        }
        starts.push(to_number(file_indices.len()));
        let languages = Arc::new(files.iter().map(|file| file.language).collect());
        Self { files, languages, starts, file_indices, runs, rows, numbers, names }
    }

    /// Returns the size of the columns in memory, in bytes, without the blocks.
    pub fn memory_bytes(&self) -> usize {
        let Self { files, languages, starts, file_indices, runs, rows, numbers, names } = self;
        let pairs = rows.memory_bytes() + numbers.memory_bytes() + names.memory_bytes();
        let per_file = size_of::<Arc<FileChunks>>() + size_of::<Language>() + size_of::<u32>();
        debug_assert_eq!(files.len(), languages.len(), "each file has a language");
        debug_assert_eq!(files.len() + 1, starts.len(), "each file has a first chunk");
        pairs + files.len() * per_file + size_of_val(&file_indices[..]) + size_of_val(&runs[..])
    }
}

/// The keys of chunks, as pairs of a key and a chunk number in the snapshot.
#[derive(Default)]
pub(super) struct ChunkKeys {
    pub rows: Vec<(RowKey, u32)>,
    pub numbers: Vec<(DocNumber, u32)>,
    pub names: Vec<(u64, u32)>,
}

impl ChunkKeys {
    /// Collects the keys of all files.
    pub fn from_files(files: &[Arc<FileChunks>]) -> Self {
        const FILES_AT_ONCE: usize = 1_024;
        let numbered: Vec<(u32, &FileChunks)> = with_first_chunks(files).collect();
        let collect_keys = |batch: &[(u32, &FileChunks)]| {
            let mut keys = Self::default();
            batch.iter().for_each(|(first, file)| keys.add_file(*first, file));
            keys
        };
        let parts: Vec<Self> = numbered.par_chunks(FILES_AT_ONCE).map(collect_keys).collect();
        let mut all = Self::default();
        for Self { rows, numbers, names } in parts {
            all.rows.extend(rows);
            all.numbers.extend(numbers);
            all.names.extend(names);
        }
        all
    }

    /// Adds the keys of a file whose first chunk has number `first`.
    pub fn add_file(&mut self, first: u32, file: &FileChunks) {
        for (number, chunk) in (first..).zip(file.chunks()) {
            self.rows.push((chunk.row, number));
            self.numbers.push((chunk.number, number));
            self.names.extend(chunk.defines().map(|name| (name_hash(name), number)));
        }
    }
}
