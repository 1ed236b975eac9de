//! The rows that a commit writes and a view reads.

use std::collections::BTreeMap;

use crate::inverted_index::{DocNumber, Terms};
use types::{Chunk, FileRecord, Language, RepoPath, Span, Symbol, SymbolKind};

/// A chunk with its vector and its terms, ready to be stored.
#[derive(Clone, Debug, PartialEq)]
pub struct EmbeddedChunk {
    pub chunk: Chunk,
    /// Terms by which lexical retrieval finds the chunk.
    pub terms: Terms,
    /// Unit-length vector of [`crate::IndexFingerprint::dimensions`] values.
    pub vector: Vec<f32>,
}

/// Key of a stored chunk. Within one [`crate::StoreView::rows_generation`], it never refers to another chunk, but
/// compaction may give the chunk a new key.
pub type RowKey = u64;

/// A stored chunk without its text, its signature, and its definitions except for their names: the columns that a
/// search snapshot keeps in memory.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredChunk {
    pub row: RowKey,
    /// Number of the chunk's document in [`crate::StoreView::inverted_index`].
    pub number: DocNumber,
    pub path: RepoPath,
    pub language: Language,
    pub span: Span,
    pub kind: SymbolKind,
    pub symbol: String,
    pub container: String,
    /// Names that the chunk defines: the names in [`Chunk::definitions`].
    pub defines: Vec<String>,
    /// Unit-length vector.
    pub vector: Vec<f32>,
}

/// The changes of one commit.
#[derive(Debug, Default)]
pub struct Commit {
    /// Files whose record and chunks are deleted.
    pub remove: Vec<RepoPath>,
    /// Records of new and changed files. They replace the old records and chunks, if there are any.
    pub replace: Vec<FileRecord>,
    /// New records of stored files whose chunks are kept.
    pub touch: Vec<FileRecord>,
    /// The new chunks of the files in `replace`.
    pub chunks: Vec<EmbeddedChunk>,
}

impl Commit {
    /// Returns whether the commit changes nothing.
    pub fn is_empty(&self) -> bool {
        self.remove.is_empty() && self.replace.is_empty() && self.touch.is_empty() && self.chunks.is_empty()
    }
}

/// The progress of an index run, stored with a commit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommitStatus {
    /// Whether the run has finished; becomes [`crate::Manifest::complete`].
    pub complete: bool,
    /// Number of files in the folder; becomes [`crate::Manifest::files_found`].
    pub files_found: u64,
    /// Number of skipped files and folders by reason; becomes [`crate::Manifest::skipped`].
    pub skipped: BTreeMap<String, u64>,
    /// The commit of git that the folder was at when the run began; becomes [`crate::Manifest::head`]. `None` if it is
    /// not known, or during the run.
    pub head: Option<String>,
}

/// The columns of a chunk that are read from disk for each hit, because they are not kept in memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChunkText {
    pub text: String,
    pub signature: String,
    /// The definitions of the chunk, one for each name in [`StoredChunk::defines`]; empty in an index of schema 3.
    pub definitions: Vec<Symbol>,
    /// Whether the stored text, signature or definitions are damaged; the other fields are then empty.
    pub is_damaged: bool,
    /// Whether credentials are masked in the text.
    pub is_masked: bool,
}
