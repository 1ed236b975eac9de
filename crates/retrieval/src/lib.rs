//! Retrieves the files of a large index that a call needs, by the indexes of the storage engine.
//!
//! An index with more chunks than `--resident-limit` is not held in memory. For each call, [`LargeIndex`] retrieves the
//! files that may answer it, by the vector index and the full-text index of the storage engine
//! ([`store::SearchIndexes`]), and loads them as a [`search::Snapshot`]. The crate `search` then retrieves and ranks in
//! that snapshot as it does in the snapshot of a whole index.

mod file_scores;
mod large_index;

pub use large_index::{LargeIndex, PartRequest, load_part};
