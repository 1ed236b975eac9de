//! Chunks, vectors and file records, kept between runs.
//!
//! Owns the [`ChunkStore`] trait, its twin in memory ([`memory`], for tests and for builds without
//! LanceDB) and the LanceDB store ([`lance`]). Arrow and LanceDB types never leave `lance`.
//! The trait is synchronous; `lance` runs its own asynchronous runtime.
//!
//! Invariants: a [`StoreView`] shows one generation and never changes; a commit becomes visible
//! whole or not at all; one writer at a time, readers never wait.
//! Must never import: the walk, the parser, the index, the search.

#[cfg(feature = "lance")]
pub mod lance;
pub mod memory;

use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::lexical::{self, DocNumber, SegmentError, Terms};
use crate::types::{Chunk, FileRecord, Language, RepoPath, Span, SymbolKind};

/// Version of the tables' layout; raised when a column changes.
pub const SCHEMA_VERSION: u32 = 3;

/// What the rows of a store were made with. A difference says which rows are worth keeping.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipe {
    /// [`SCHEMA_VERSION`] of the tables.
    pub schema_version: u32,
    /// Version of the chunker and of the search text; chunks of another one are stale.
    pub chunker_version: u32,
    /// [`crate::embed::Embedder::model_id`].
    pub model_id: String,
    /// Width of the vectors.
    pub dimensions: u32,
    /// Settings that change what is indexed, as text (`max_file_bytes=1048576`).
    pub settings: String,
}

/// The state of a store between two commits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Counts commits, from 1.
    pub generation: u64,
    pub recipe: Recipe,
    /// The folder that is indexed.
    pub root: PathBuf,
    /// Whether the last index run went through to its end. While it is false, `files` is a part.
    pub complete: bool,
    /// Files the walk of the running or last index run found; 0 until it has ended.
    pub files_found: u64,
    /// Files left out by the last complete walk, by [`crate::types::SkipReason::label`].
    pub skipped: std::collections::BTreeMap<String, u64>,
    /// Time of the last commit, milliseconds since 1970.
    pub committed_at_ms: u64,
    /// Whether there is no chunk at all.
    pub is_empty: bool,
}

/// A chunk with its vector and its words, on its way into the store.
#[derive(Clone, Debug, PartialEq)]
pub struct EmbeddedChunk {
    pub chunk: Chunk,
    /// What lexical retrieval finds it by.
    pub terms: Terms,
    /// Unit length, [`Recipe::dimensions`] wide.
    pub vector: Vec<f32>,
}

/// Names a stored chunk for as long as it is stored; see [`StoreView::rows_epoch`].
pub type RowKey = u64;

/// Tells a commit from every other one, those of a folder that was deleted and indexed anew included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    pub generation: u64,
    /// See [`StoreView::rows_epoch`].
    pub rows_epoch: u64,
    pub committed_at_ms: u64,
}

/// What a search keeps of every chunk: all but its text.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredChunk {
    pub row: RowKey,
    /// Its number in [`StoreView::words`].
    pub number: DocNumber,
    pub path: RepoPath,
    pub language: Language,
    pub span: Span,
    pub kind: SymbolKind,
    pub symbol: String,
    pub container: String,
    /// See [`Chunk::defines`].
    pub defines: Vec<String>,
    /// Unit length.
    pub vector: Vec<f32>,
}

/// Files and chunks to write in one commit.
#[derive(Debug, Default)]
pub struct Commit {
    /// Files whose record and chunks go, without a replacement.
    pub remove: Vec<RepoPath>,
    /// Files whose record and chunks are replaced by the ones given here.
    pub replace: Vec<FileRecord>,
    /// Files whose record is replaced and whose chunks stay (only size or time changed).
    pub touch: Vec<FileRecord>,
    /// The chunks of `replace`.
    pub chunks: Vec<EmbeddedChunk>,
}

/// Where the running index stands, stored with a commit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunState {
    /// See [`Manifest::complete`].
    pub complete: bool,
    /// See [`Manifest::files_found`].
    pub files_found: u64,
    /// See [`Manifest::skipped`].
    pub skipped: std::collections::BTreeMap<String, u64>,
}

/// A failed operation of the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process writes.
    #[error("the index at {dir} is being written by {holder}; wait for it to end, or stop it")]
    Locked { dir: PathBuf, holder: String },
    /// Files of the store could not be read or written.
    #[error("cannot {operation} {path}: {source}")]
    Io { operation: &'static str, path: PathBuf, source: std::io::Error },
    /// The engine behind the store failed.
    #[error("cannot {operation} in the index at {dir}: {message}; if this stays, run `codescry index --rebuild`")]
    Engine { operation: &'static str, dir: PathBuf, message: String },
    /// The manifest is of a newer program.
    #[error(
        "the index at {dir} was written by a newer codescry (schema {found}, this one knows {known}); update codescry or run `codescry index --rebuild`"
    )]
    Newer { dir: PathBuf, found: u32, known: u32 },
    /// See [`StoreWriter::stop_when`].
    #[error("writing to the index at {dir} was stopped; what was committed is kept")]
    Stopped { dir: PathBuf },
}

/// Says whether what is being written is no longer wanted.
pub type Stop = Arc<dyn Fn() -> bool + Send + Sync>;

/// A store of one indexed folder.
pub trait ChunkStore: Send + Sync {
    /// The last commit by any process; `None` before the first one. Cheap: a search asks before it
    /// answers.
    ///
    /// # Errors
    /// When the manifest cannot be read.
    fn stamp(&self) -> Result<Option<Stamp>, StoreError>;

    /// The number of the last commit by any process; 0 before the first one. Cheap.
    ///
    /// # Errors
    /// When the manifest cannot be read.
    fn generation(&self) -> Result<u64, StoreError> {
        Ok(self.stamp()?.map_or(0, |stamp| stamp.generation))
    }

    /// The last commit, to read from. `None` before the first one.
    ///
    /// # Errors
    /// When the store cannot be opened.
    fn view(&self) -> Result<Option<Arc<dyn StoreView>>, StoreError>;

    /// Takes the writer's lock. With `fresh`, or when what is there was written under another
    /// schema, the writer starts from nothing; readers keep the old generation until its first commit.
    ///
    /// # Errors
    /// [`StoreError::Locked`] when another process holds the lock.
    fn writer(&self, recipe: &Recipe, fresh: bool) -> Result<Box<dyn StoreWriter>, StoreError>;

    /// Bytes on disk; 0 for a store in memory.
    fn size_bytes(&self) -> u64;
}

/// One generation, read-only.
pub trait StoreView: Send + Sync {
    /// The manifest of this generation.
    fn manifest(&self) -> &Manifest;

    /// As long as it is the same for two views, a row key that both have names the same chunk in
    /// both. Made anew with the tables, changed by whatever renumbers rows.
    fn rows_epoch(&self) -> u64;

    /// The commit this is the view of.
    fn stamp(&self) -> Stamp {
        let Manifest { generation, committed_at_ms, .. } = *self.manifest();
        Stamp { generation, rows_epoch: self.rows_epoch(), committed_at_ms }
    }

    /// Every file record, by path.
    ///
    /// # Errors
    /// When the table cannot be read.
    fn files(&self) -> Result<Vec<FileRecord>, StoreError>;

    /// Every chunk but its text, grouped by file, in line order.
    ///
    /// # Errors
    /// When the table cannot be read.
    fn chunks(&self) -> Result<Vec<StoredChunk>, StoreError>;

    /// Hands over what [`StoreView::chunks`] gives, one by one and in any order: nothing holds all of them.
    ///
    /// # Errors
    /// When the table cannot be read.
    fn each_chunk(&self, each: &mut dyn FnMut(StoredChunk)) -> Result<(), StoreError> {
        self.chunks()?.into_iter().for_each(each);
        Ok(())
    }

    /// A file beside the store in which a reader may keep what it made of all chunks, to read that
    /// faster the next time; `None` where nothing can be kept.
    fn kept_at(&self) -> Option<PathBuf> {
        None
    }

    /// The keys of all chunks, rising. Costs much less than the chunks: with it a reader finds out
    /// which of them it has already.
    ///
    /// # Errors
    /// When the table cannot be read.
    fn rows(&self) -> Result<Vec<RowKey>, StoreError>;

    /// The chunks of these rows, in the order of [`StoreView::chunks`]. Costs what is asked for.
    ///
    /// # Errors
    /// When the table cannot be read or a key is not in it.
    fn chunks_of(&self, rows: &[RowKey]) -> Result<Vec<StoredChunk>, StoreError>;

    /// The words of all chunks, and of some that are gone: [`StoredChunk::number`] tells.
    fn words(&self) -> &lexical::Index;

    /// The error for words that could not be read.
    fn unreadable_words(&self, error: &SegmentError) -> StoreError;

    /// Text and signature of chunks, in the order asked for.
    ///
    /// # Errors
    /// When the table cannot be read or a key is of another generation.
    fn texts(&self, rows: &[RowKey]) -> Result<Vec<ChunkText>, StoreError>;
}

/// What a hit shows beyond what the search keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChunkText {
    pub text: String,
    pub signature: String,
}

/// Holds the writer's lock; dropped, it lets go.
pub trait StoreWriter: Send {
    /// The generation this writer goes on from; `None` when it starts from nothing.
    fn base(&self) -> Option<Arc<dyn StoreView>>;

    /// Writes all of `commit` and makes it visible to every process at once.
    ///
    /// # Errors
    /// When writing fails; nothing of this commit is visible then.
    fn commit(&mut self, commit: Commit, state: &RunState) -> Result<Manifest, StoreError>;

    /// Makes commits visible only with [`StoreWriter::finish`] of a complete run: readers keep the
    /// generation before until then. For a writer that starts from nothing; one that is killed
    /// leaves nothing.
    fn hide(&mut self);

    /// Lets a commit or a finish end early, with [`StoreError::Stopped`] and nothing of it visible,
    /// soon after `stop` has turned true. A store whose commits take no time need not ask.
    fn stop_when(&mut self, stop: Stop) {
        drop(stop);
    }

    /// Tidies small fragments and segments, after the last commit.
    ///
    /// # Errors
    /// When the engine fails; what was committed stays searchable.
    fn finish(&mut self, state: &RunState) -> Result<Manifest, StoreError>;
}

/// Milliseconds since 1970.
fn now_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
