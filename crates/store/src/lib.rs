//! Persistent storage of chunks, vectors and file records.
//!
//! [`ChunkStore`] is the trait. [`lance`] implements it on LanceDB; [`memory`] implements it in
//! memory, for tests and for builds without LanceDB. Arrow and LanceDB types never leave `lance`.
//! The trait is synchronous; `lance` has its own asynchronous runtime.
//!
//! A [`StoreView`] shows one generation and never changes. A commit becomes visible as a whole or
//! not at all. There is one writer at a time, and readers never wait for it.

mod chunk_store;
mod commit;
mod damage;
mod error;
pub mod inverted_index;
#[cfg(feature = "lance")]
pub mod lance;
mod manifest;
pub mod memory;
mod remote_files;
mod search_indexes;

pub use chunk_store::{ChunkStore, HeldFiles, StoreView, StoreWriter};
pub use commit::{ChunkText, Commit, CommitStatus, EmbeddedChunk, RowKey, StoredChunk};
pub use damage::StoreDamage;
pub use error::StoreError;
pub use manifest::{IndexFingerprint, IndexOrigin, Manifest, OLDEST_READABLE_SCHEMA, SCHEMA_VERSION, SavedTree};
pub use remote_files::{RangeRead, RemoteFiles, RemoteReadError};
pub use search_indexes::{FileHit, IndexSize, RowFilter, SearchIndexes};
pub use types::Generation;
