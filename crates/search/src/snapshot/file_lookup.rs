//! Finds the files of a snapshot by their paths and names.

use std::sync::Arc;

use rayon::prelude::*;

use super::Snapshot;
use super::file_chunks::FileChunks;
use super::key_index::{KeyIndex, to_number};
use crate::threads::run_on_search_pool;
use text::name_key::name_hash;
use text::unicode::{compose, is_same_ignoring_ascii_case};

impl Snapshot {
    /// Returns the index of the file at `path`; `None` if no file with chunks has this path.
    pub fn file_index(&self, path: &str) -> Option<usize> {
        self.files.binary_search_by(|file| file.path.as_str().cmp(path)).ok()
    }

    /// Returns the indices of the files with this file name, ignoring ASCII case and the Unicode normal form.
    pub fn files_named(&self, name: &str) -> impl Iterator<Item = usize> {
        let hashed = |(index, file): (usize, &Arc<FileChunks>)| (name_hash(file.path.file_name()), to_number(index));
        // No search thread waits for this computation, because searches look up files by name before they use the
        // thread pool.
        let hash_names =
            || run_on_search_pool(|| KeyIndex::new(self.files.par_iter().enumerate().map(hashed).collect()));
        let found = self.file_names.get_or_init(hash_names).chunks_of(name_hash(name)).map(|file| file as usize);
        found.filter(move |file| is_same_ignoring_ascii_case(self.files[*file].path.file_name(), name))
    }

    /// Returns the path of the indexed file or folder that equals `path` once both are in NFC; `None` if there is none,
    /// or `path` is ASCII.
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
}
