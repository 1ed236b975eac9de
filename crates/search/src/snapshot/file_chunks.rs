//! Files of a snapshot and their chunks, which are stored in shared column blocks.
//!
//! Data derived from the path of a file is computed on first use and cached.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use super::column_block::{BlockFile, ChunkMeta, ColumnBlock};
use super::key_index::to_number;
use super::path_class::PathClass;
use text::inflections::StemSet;
use types::{Language, RepoPath};

/// A file with chunks, stored in a column block.
pub struct FileChunks {
    pub path: RepoPath,
    pub language: Language,
    pub(super) block: Arc<ColumnBlock>,
    /// The index of the file in the block.
    pub(super) index: usize,
    path_class: OnceLock<PathClass>,
    path_stems: OnceLock<Box<PathStems>>,
}

/// The stems of the words in a path.
pub(crate) struct PathStems {
    /// Stems of the file name without its extension.
    pub file_stem: StemSet<'static>,
    /// Stems of the folders and of the file name without its extension.
    pub path: StemSet<'static>,
}

impl FileChunks {
    /// Returns the number of chunks.
    pub fn len(&self) -> usize {
        self.range().len()
    }

    /// Returns the range of the chunks in the block.
    fn range(&self) -> Range<usize> {
        self.block.chunks_of_file(self.index)
    }

    /// Returns the chunks in line order.
    pub fn chunks(&self) -> impl Iterator<Item = ChunkMeta<'_>> {
        self.range().map(|at| self.block.chunk(at))
    }

    /// Returns the class of the path.
    pub(crate) fn path_class(&self) -> PathClass {
        *self.path_class.get_or_init(|| PathClass::from_path(&self.path))
    }

    /// Returns whether the file is a test, an example, a benchmark or a fixture.
    pub(crate) fn is_test_or_example(&self) -> bool {
        let class = self.path_class();
        class.test || class.example
    }

    /// Returns the stems of the words in the path.
    pub(crate) fn path_stems(&self) -> &PathStems {
        self.path_stems.get_or_init(|| {
            let (file_stem, mut path) = (StemSet::from_text(self.path.stem()), StemSet::from_text(self.path.folder()));
            path.add(&file_stem);
            Box::new(PathStems { file_stem, path })
        })
    }

    /// Returns a run that consists of this file. Its first chunk has the number `first`.
    pub(super) fn to_run(&self, first: u32) -> BlockRun {
        BlockRun { block: Arc::clone(&self.block), first, chunks: self.range(), files: self.index..self.index + 1 }
    }
}

/// A run of consecutive files in one block.
pub(super) struct BlockRun {
    pub block: Arc<ColumnBlock>,
    /// The number of the first chunk in the snapshot.
    pub first: u32,
    /// The chunk range in the block.
    pub chunks: Range<usize>,
    /// The file range in the block.
    pub files: Range<usize>,
}

impl BlockRun {
    /// Extends the run by the file `next` if it directly follows the run in the block; returns whether it does.
    pub fn try_extend(&mut self, next: &FileChunks) -> bool {
        let follows = Arc::ptr_eq(&self.block, &next.block) && self.files.end == next.index;
        if follows {
            (self.chunks.end, self.files.end) = (next.range().end, next.index + 1);
        }
        follows
    }
}

/// Splits a block into its files.
pub(super) fn split_into_files(block: &Arc<ColumnBlock>) -> Vec<Arc<FileChunks>> {
    let to_file = |(index, file): (usize, &BlockFile)| {
        let (path, language, block) = (file.path.clone(), file.language, Arc::clone(block));
        Arc::new(FileChunks { path, language, block, index, path_class: OnceLock::new(), path_stems: OnceLock::new() })
    };
    block.files.iter().enumerate().map(to_file).collect()
}

/// Returns each file with the number of its first chunk in the snapshot.
pub(super) fn with_first_chunks(files: &[Arc<FileChunks>]) -> impl Iterator<Item = (u32, &FileChunks)> {
    files.iter().scan(0, |next, file| {
        let first = *next;
        *next += to_number(file.len());
        Some((first, file.as_ref()))
    })
}
