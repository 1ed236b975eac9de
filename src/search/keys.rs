//! What chunks are found by: their rows, their numbers in the index of words, and the names they define.
//!
//! Must never import: anything above `search`.

use std::sync::Arc;

use rayon::prelude::*;

use super::names::name_hash;
use super::parts::{FileChunks, numbered};
use crate::lexical::DocNumber;
use crate::store::RowKey;

/// What chunks are found by, with the number of the chunk.
#[derive(Default)]
pub(super) struct Keys {
    pub rows: Vec<(RowKey, u32)>,
    pub numbers: Vec<(DocNumber, u32)>,
    pub names: Vec<(u64, u32)>,
}

impl Keys {
    /// Those of all files.
    pub fn of(files: &[Arc<FileChunks>]) -> Self {
        const FILES_AT_ONCE: usize = 1_024;
        let numbered: Vec<(u32, &FileChunks)> = numbered(files).collect();
        let of_some = |some: &[(u32, &FileChunks)]| {
            let mut keys = Self::default();
            some.iter().for_each(|(first, file)| keys.add(*first, file));
            keys
        };
        let parts: Vec<Self> = numbered.par_chunks(FILES_AT_ONCE).map(of_some).collect();
        let mut all = Self::default();
        for Self { rows, numbers, names } in parts {
            all.rows.extend(rows);
            all.numbers.extend(numbers);
            all.names.extend(names);
        }
        all
    }

    /// Adds those of a file whose first chunk has the number `first`.
    pub fn add(&mut self, first: u32, file: &FileChunks) {
        for (number, chunk) in (first..).zip(file.chunks()) {
            self.rows.push((chunk.row, number));
            self.numbers.push((chunk.number, number));
            self.names.extend(chunk.defines().map(|name| (name_hash(name), number)));
        }
    }
}
