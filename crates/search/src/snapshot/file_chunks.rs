//! Files of a snapshot and their chunks, which are stored in shared column blocks.
//!
//! Data derived from the path of a file is computed on first use and cached.

use std::ops::Range;
use std::sync::{Arc, LazyLock, OnceLock};

use super::column_block::{BlockFile, ChunkMeta, ColumnBlock};
use super::key_index::to_number;
use super::path_class::PathClass;
use source::language;
use text::inflections::StemSet;
use types::{Language, RepoPath};

/// A file with chunks, stored in a column block.
pub struct FileChunks {
    pub path: RepoPath,
    pub language: Language,
    pub(super) block: Arc<ColumnBlock>,
    /// The index of the file in the block.
    pub(super) index: usize,
    /// Length in bytes of the repository's name at the start of `path` with the slash after it; 0 outside of a group.
    repository_len: usize,
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
    /// Returns a file of which only the path is known, for filters by path.
    pub(crate) fn without_chunks(path: RepoPath) -> Self {
        static BLOCK: LazyLock<Arc<ColumnBlock>> = LazyLock::new(Arc::default);
        let (language, block) = (language::text_language(), Arc::clone(&BLOCK));
        let (path_class, path_stems) = (OnceLock::new(), OnceLock::new());
        Self { path, language, block, index: 0, repository_len: 0, path_class, path_stems }
    }

    /// Returns the number of chunks.
    pub fn len(&self) -> usize {
        self.range().len()
    }

    /// Returns this file as one of a group, below the folder of its repository.
    pub(super) fn in_repository(&self, name: &str) -> Self {
        Self {
            path: RepoPath::new(format!("{name}/{}", self.path)),
            language: self.language,
            block: Arc::clone(&self.block),
            index: self.index,
            repository_len: name.len() + 1,
            path_class: self.path_class.clone(),
            path_stems: OnceLock::new(),
        }
    }

    /// Returns the path in the repository of the file; outside of a group, the whole path.
    pub(crate) fn path_in_repository(&self) -> &str {
        &self.path.as_str()[self.repository_len..]
    }

    /// Returns whether a test holds for the path, or, in a group, for the path in its repository.
    pub(crate) fn any_path(&self, is_match: impl Fn(&str) -> bool) -> bool {
        is_match(self.path.as_str()) || (self.repository_len > 0 && is_match(self.path_in_repository()))
    }

    /// Returns the range of the chunks in the block.
    fn range(&self) -> Range<usize> {
        self.block.chunks_of_file(self.index)
    }

    /// Returns the chunks in line order.
    pub fn chunks(&self) -> impl Iterator<Item = ChunkMeta<'_>> {
        self.range().map(|at| self.block.chunk(at))
    }

    /// Returns the class of the path in its repository: the name of a repository says nothing about its files.
    pub(crate) fn path_class(&self) -> PathClass {
        *self.path_class.get_or_init(|| match self.repository_len {
            0 => PathClass::from_path(&self.path),
            _ => PathClass::from_path(&RepoPath::new(self.path_in_repository())),
        })
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
    /// The positions of the run's chunks in the block.
    pub chunks: Range<usize>,
    /// The positions of the run's files in the block.
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
        let (repository_len, path_class, path_stems) = (0, OnceLock::new(), OnceLock::new());
        Arc::new(FileChunks { path, language, block, index, repository_len, path_class, path_stems })
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
