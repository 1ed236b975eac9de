//! The parts that a snapshot is made of: files with their chunks, in blocks that they share.
//!
//! What a part says of its path is found out by the first question it may answer, and kept.
//! Must never import: anything above `search`.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use super::block::{Block, BlockFile, ChunkMeta};
use super::forms::Roots;
use super::marks::Marks;
use crate::types::{Language, RepoPath};

/// A file that has chunks: a part of a block.
pub struct FileChunks {
    pub path: RepoPath,
    pub language: Language,
    pub(super) block: Arc<Block>,
    /// Which of the block's files.
    pub(super) index: usize,
    marks: OnceLock<Marks>,
    words: OnceLock<Box<PathWords>>,
}

/// The words of a path.
pub(super) struct PathWords {
    /// Of the file's name without its ending.
    pub stem: Roots<'static>,
    /// Of its folders as well.
    pub all: Roots<'static>,
}

impl FileChunks {
    /// Number of its chunks.
    pub fn len(&self) -> usize {
        self.range().len()
    }

    /// Where in its block they are.
    fn range(&self) -> Range<usize> {
        self.block.chunks_in(self.index)
    }

    /// In line order.
    pub fn chunks(&self) -> impl Iterator<Item = ChunkMeta<'_>> {
        self.range().map(|at| self.block.chunk(at))
    }

    /// What its path says of it.
    pub(super) fn marks(&self) -> Marks {
        *self.marks.get_or_init(|| Marks::of(&self.path))
    }

    /// The words of its path.
    pub(super) fn path_words(&self) -> &PathWords {
        self.words.get_or_init(|| {
            let (stem, mut all) = (Roots::of(self.path.stem()), Roots::of(self.path.folder()));
            all.add(&stem);
            Box::new(PathWords { stem, all })
        })
    }

    pub(super) fn run(&self, first: u32) -> Run {
        Run { block: Arc::clone(&self.block), first, chunks: self.range(), files: self.index..self.index + 1 }
    }
}

/// Files that stand side by side in one block.
pub(super) struct Run {
    pub block: Arc<Block>,
    /// The number of its first chunk in the snapshot.
    pub first: u32,
    /// Where in the block they are.
    pub chunks: Range<usize>,
    pub files: Range<usize>,
}

impl Run {
    /// Takes `next` in if it follows at once.
    pub fn join(&mut self, next: &FileChunks) -> bool {
        let follows = Arc::ptr_eq(&self.block, &next.block) && self.files.end == next.index;
        if follows {
            (self.chunks.end, self.files.end) = (next.range().end, next.index + 1);
        }
        follows
    }
}

/// The files of a block.
pub(super) fn parts(block: Block) -> Vec<Arc<FileChunks>> {
    let block = Arc::new(block);
    let part = |(index, file): (usize, &BlockFile)| {
        let (path, language, block) = (file.path.clone(), file.language, Arc::clone(&block));
        Arc::new(FileChunks { path, language, block, index, marks: OnceLock::new(), words: OnceLock::new() })
    };
    block.files.iter().enumerate().map(part).collect()
}

/// Each file with the number of its first chunk.
pub(super) fn numbered(files: &[Arc<FileChunks>]) -> impl Iterator<Item = (u32, &FileChunks)> {
    files.iter().scan(0, |next, file| {
        let first = *next;
        *next += u32::try_from(file.len()).unwrap_or(u32::MAX);
        Some((first, file.as_ref()))
    })
}
