//! What an index run is made of, and how an attempt at one fails.
//!
//! Must never import: anything of this crate above `index`.

use super::IndexError;
use super::stage_write::WriteError;
use crate::config::Settings;
use crate::embed::Embedder;
use crate::embed::cache::VectorCache;
use crate::store::ChunkStore;
use crate::walk::FileSystem;

/// What a run works with.
pub struct Indexer<'e> {
    pub settings: &'e Settings,
    pub store: &'e dyn ChunkStore,
    pub embedder: &'e dyn Embedder,
    /// Vectors of earlier runs; `None` to embed everything.
    pub cache: Option<&'e VectorCache>,
    pub files: &'e dyn FileSystem,
    /// For benchmarks: every batch of files gets new parser threads, as in a pool that is made for
    /// one batch.
    pub renew_parsers: bool,
}

impl Indexer<'_> {
    /// Bytes for files: what the ceiling, the embedder's own memory and the keys of kept vectors leave.
    pub(super) fn in_flight_bytes(&self) -> u64 {
        let whole = self.settings.pipeline.in_flight_bytes();
        let kept = self.cache.map_or(0, VectorCache::memory_bytes);
        whole.saturating_sub(self.embedder.memory_bytes() + kept).max(whole / 4)
    }
}

/// How an attempt ends early.
pub(super) enum Failure {
    Index(IndexError),
    Outdated,
}

impl<E: Into<IndexError>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Index(error.into())
    }
}

impl From<WriteError> for Failure {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Store(error) => Self::Index(error.into()),
            WriteError::Outdated => Self::Outdated,
        }
    }
}
