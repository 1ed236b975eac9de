//! Collects the keys of chunks: store rows, numbers in the inverted index, and defined names.

use std::sync::Arc;

use rayon::prelude::*;

use super::file_chunks::{FileChunks, with_first_chunks};
use store::RowKey;
use store::inverted_index::DocNumber;
use text::name_key::name_hash;

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
