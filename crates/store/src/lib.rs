//! Persistent storage of chunks, vectors and file records.
//!
//! [`ChunkStore`] is the trait. [`lance`] implements it on LanceDB; [`memory`] implements it in
//! memory, for tests and for builds without LanceDB. Arrow and LanceDB types never leave `lance`.
//! The trait is synchronous; `lance` has its own asynchronous runtime.
//!
//! A [`StoreView`] shows one generation and never changes. A commit becomes visible as a whole or
//! not at all. There is one writer at a time, and readers never wait for it.

#[cfg(feature = "lance")]
pub mod lance;
pub mod lexical;
pub mod memory;

use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::lexical::{DocNumber, SegmentError, Terms};
use platform::cancel::CancelToken;
use types::{Chunk, FileRecord, Language, RepoPath, Span, SymbolKind};

/// Version of the table layout, raised when a column changes.
pub const SCHEMA_VERSION: u32 = 3;

/// The settings and versions that the rows of a store were built with.
///
/// Comparing two fingerprints shows which rows can be reused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexFingerprint {
    /// [`SCHEMA_VERSION`] of the tables.
    pub schema_version: u32,
    /// [`source::parse::CHUNKER_VERSION`]; chunks made by another version are stale.
    pub chunker_version: u32,
    /// [`embed::Embedder::model_id`].
    pub model_id: String,
    /// Number of dimensions of each vector.
    pub dimensions: u32,
    /// Settings that affect the indexed content, as text (`max_file_bytes=1048576`).
    pub settings: String,
}

/// The public part of a commit record: the indexed folder, its fingerprint and the progress of the run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Number of commits so far; the first commit is 1.
    pub generation: u64,
    #[serde(rename = "recipe")]
    pub fingerprint: IndexFingerprint,
    /// The indexed folder.
    pub root: PathBuf,
    /// Whether the last index run finished. While false, the store holds only part of the files.
    pub complete: bool,
    /// Number of files found by the walk of the running or last index run; 0 until the walk ends.
    pub files_found: u64,
    /// Number of files skipped by the last complete walk, keyed by [`types::SkipReason::label`].
    pub skipped: std::collections::BTreeMap<String, u64>,
    /// Time of the last commit, in milliseconds since the Unix epoch.
    pub committed_at_ms: u64,
    /// Whether the store holds no chunks.
    pub is_empty: bool,
}

/// A chunk with its vector and its terms, ready to be stored.
#[derive(Clone, Debug, PartialEq)]
pub struct EmbeddedChunk {
    pub chunk: Chunk,
    /// Terms that lexical retrieval finds the chunk by.
    pub terms: Terms,
    /// Unit-length vector of [`IndexFingerprint::dimensions`] values.
    pub vector: Vec<f32>,
}

/// Key of a stored chunk, stable within one [`StoreView::rows_generation`].
pub type RowKey = u64;

/// Identity of a commit.
///
/// Distinguishes commits even across an index folder that was deleted and built again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Generation {
    /// [`Manifest::generation`].
    pub number: u64,
    /// See [`StoreView::rows_generation`].
    pub rows_generation: u64,
    pub committed_at_ms: u64,
}

/// A stored chunk without its text and signature: the columns that a search snapshot keeps in memory.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredChunk {
    pub row: RowKey,
    /// Its document number in [`StoreView::inverted_index`].
    pub number: DocNumber,
    pub path: RepoPath,
    pub language: Language,
    pub span: Span,
    pub kind: SymbolKind,
    pub symbol: String,
    pub container: String,
    /// See [`Chunk::defines`].
    pub defines: Vec<String>,
    /// Unit-length vector.
    pub vector: Vec<f32>,
}

/// The changes of one commit.
#[derive(Debug, Default)]
pub struct Commit {
    /// Files whose record and chunks are deleted.
    pub remove: Vec<RepoPath>,
    /// Records of files whose old record and chunks are replaced.
    pub replace: Vec<FileRecord>,
    /// Records of files whose chunks stay, because only size or time changed.
    pub touch: Vec<FileRecord>,
    /// The new chunks of the files in `replace`.
    pub chunks: Vec<EmbeddedChunk>,
}

/// The progress of an index run, stored with a commit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommitStatus {
    /// See [`Manifest::complete`].
    pub complete: bool,
    /// See [`Manifest::files_found`].
    pub files_found: u64,
    /// See [`Manifest::skipped`].
    pub skipped: std::collections::BTreeMap<String, u64>,
}

/// An error of a store operation.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another writer holds the lock.
    #[error("the index at {dir} is being written by {holder}; wait for it to end, or stop it")]
    Locked { dir: PathBuf, holder: String },
    /// A file of the store could not be read or written.
    #[error("cannot {operation} {path}: {source}")]
    Io { operation: &'static str, path: PathBuf, source: std::io::Error },
    /// The storage engine failed.
    #[error("cannot {operation} in the index at {dir}: {message}; if this stays, run `codescry index --rebuild`")]
    Engine { operation: &'static str, dir: PathBuf, message: String },
    /// The manifest was written by a newer program.
    #[error(
        "the index at {dir} was written by a newer codescry (schema {found}, this one knows {known}); update codescry or run `codescry index --rebuild`"
    )]
    Newer { dir: PathBuf, found: u32, known: u32 },
    /// The token of [`StoreWriter::set_cancel_token`] cancelled the operation.
    #[error("writing to the index at {dir} was stopped; what was committed is kept")]
    Stopped { dir: PathBuf },
}

/// The index of one folder.
pub trait ChunkStore: Send + Sync {
    /// Returns the identity of the last commit by any process; `None` before the first commit.
    ///
    /// Cheap: every search calls it.
    ///
    /// # Errors
    /// When the manifest cannot be read.
    fn generation(&self) -> Result<Option<Generation>, StoreError>;

    /// Returns the number of the last commit by any process; 0 before the first commit. Cheap.
    ///
    /// # Errors
    /// When the manifest cannot be read.
    fn generation_number(&self) -> Result<u64, StoreError> {
        Ok(self.generation()?.map_or(0, |generation| generation.number))
    }

    /// Opens the last commit for reading; `None` before the first commit.
    ///
    /// # Errors
    /// When the store cannot be opened.
    fn view(&self) -> Result<Option<Arc<dyn StoreView>>, StoreError>;

    /// Opens the store for writing and takes the writer lock.
    ///
    /// With `fresh`, or when the existing tables have another layout, the writer starts from an empty
    /// store; readers keep the old generation until the first commit.
    ///
    /// # Errors
    /// [`StoreError::Locked`] when another process holds the lock.
    fn writer(&self, fingerprint: &IndexFingerprint, fresh: bool) -> Result<Box<dyn StoreWriter>, StoreError>;

    /// Returns the size on disk in bytes; 0 for a store in memory.
    fn size_bytes(&self) -> u64;
}

/// A read-only view of one generation.
pub trait StoreView: Send + Sync {
    /// Returns the manifest of this generation.
    fn manifest(&self) -> &Manifest;

    /// Returns the generation of the row keys.
    ///
    /// While it is equal in two views, a row key found in both refers to the same chunk. New tables
    /// and compaction change it.
    fn rows_generation(&self) -> u64;

    /// Returns the identity of the commit that this view shows.
    fn generation(&self) -> Generation {
        let Manifest { generation: number, committed_at_ms, .. } = *self.manifest();
        Generation { number, rows_generation: self.rows_generation(), committed_at_ms }
    }

    /// Returns every file record, sorted by path.
    ///
    /// # Errors
    /// When the table cannot be read.
    fn files(&self) -> Result<Vec<FileRecord>, StoreError>;

    /// Returns every chunk without its text, grouped by file, in line order.
    ///
    /// # Errors
    /// When the table cannot be read.
    fn chunks(&self) -> Result<Vec<StoredChunk>, StoreError>;

    /// Calls `each` with every chunk, in any order, without holding all of them in memory.
    ///
    /// # Errors
    /// When the table cannot be read.
    fn for_each_chunk(&self, each: &mut dyn FnMut(StoredChunk)) -> Result<(), StoreError> {
        self.chunks()?.into_iter().for_each(each);
        Ok(())
    }

    /// Returns the path of the snapshot cache, a file in which a reader may save the columns it built
    /// from all chunks; `None` where nothing can be saved.
    fn snapshot_cache_path(&self) -> Option<PathBuf> {
        None
    }

    /// Returns the keys of all chunks in ascending order.
    ///
    /// Much cheaper than reading the chunks; a reader uses it to find the chunks it already has.
    ///
    /// # Errors
    /// When the table cannot be read.
    fn row_keys(&self) -> Result<Vec<RowKey>, StoreError>;

    /// Returns the chunks with these keys, in the order of [`StoreView::chunks`].
    ///
    /// The cost is proportional to the number of keys.
    ///
    /// # Errors
    /// When the table cannot be read or does not contain a key.
    fn chunks_by_key(&self, rows: &[RowKey]) -> Result<Vec<StoredChunk>, StoreError>;

    /// Returns the inverted index of all chunks.
    ///
    /// It may still contain deleted chunks; the [`StoredChunk::number`]s show which chunks exist.
    fn inverted_index(&self) -> &lexical::InvertedIndex;

    /// Converts a read error of the inverted index into an error that names the store.
    fn inverted_index_error(&self, error: &SegmentError) -> StoreError;

    /// Returns the text and signature of chunks, in the order of `rows`.
    ///
    /// # Errors
    /// When the table cannot be read or a key belongs to another generation.
    fn chunk_texts(&self, rows: &[RowKey]) -> Result<Vec<ChunkText>, StoreError>;
}

/// The columns of a chunk that are read for a hit and not kept in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChunkText {
    pub text: String,
    pub signature: String,
}

/// A writer of the store. Holds the writer lock until it is dropped.
pub trait StoreWriter: Send {
    /// Returns the generation that this writer extends; `None` when it starts from an empty store.
    fn base(&self) -> Option<Arc<dyn StoreView>>;

    /// Writes `commit` and makes it visible to every process at once.
    ///
    /// # Errors
    /// When writing fails; then no part of the commit is visible.
    fn commit(&mut self, commit: Commit, state: &CommitStatus) -> Result<Manifest, StoreError>;

    /// Publishes commits only when a complete run ends with [`StoreWriter::finish`].
    ///
    /// Readers keep the previous generation until then. For a writer that starts from an empty store;
    /// if it is killed, its commits are lost.
    fn defer_publication(&mut self);

    /// Sets the token that ends a running commit or finish early.
    ///
    /// When it is cancelled, the operation fails with [`StoreError::Stopped`] and no part of it is visible.
    /// A store whose commits are fast may ignore the token.
    fn set_cancel_token(&mut self, cancel: CancelToken) {
        drop(cancel);
    }

    /// Compacts small fragments and merges small segments, after the last commit.
    ///
    /// # Errors
    /// When the storage engine fails; earlier commits stay searchable.
    fn finish(&mut self, state: &CommitStatus) -> Result<Manifest, StoreError>;
}

/// Returns the current time in milliseconds since the Unix epoch.
fn now_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
