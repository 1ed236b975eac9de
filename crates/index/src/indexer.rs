//! The parts that an index run works with, and the errors that end an attempt.

use super::IndexError;
use super::stage_write::WriteError;
use config::Settings;
use embed::Embedder;
use embed::cache::VectorCache;
use source::walk::FileSystem;
use store::ChunkStore;

/// Updates the index of a folder.
pub struct Indexer<'e> {
    pub settings: &'e Settings,
    pub store: &'e dyn ChunkStore,
    pub embedder: &'e dyn Embedder,
    /// Vectors of earlier runs; `None` to embed everything.
    pub cache: Option<&'e VectorCache>,
    pub files: &'e dyn FileSystem,
    /// For benchmarks: use new parser threads for every batch of files.
    pub renew_parsers: bool,
}

impl Indexer<'_> {
    /// Returns the bytes available for files in flight: the memory limit without the embedder and the vector
    /// cache, and at least a quarter of it.
    pub(super) fn in_flight_bytes(&self) -> u64 {
        let whole = self.settings.pipeline.in_flight_bytes();
        let kept = self.cache.map_or(0, VectorCache::memory_bytes);
        whole.saturating_sub(self.embedder.memory_bytes() + kept).max(whole / 4)
    }
}

/// The reason why an attempt ended early.
pub(super) enum AttemptError {
    Index(IndexError),
    Outdated,
}

impl<E: Into<IndexError>> From<E> for AttemptError {
    fn from(error: E) -> Self {
        Self::Index(error.into())
    }
}

impl From<WriteError> for AttemptError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Store(error) => Self::Index(error.into()),
            WriteError::Outdated => Self::Outdated,
        }
    }
}
