//! A cache of vectors on disk, shared by all indexes of a user. A text whose vector is cached is not embedded again
//! after an edit, a rename, a branch switch or a rebuild, nor in another worktree.
//!
//! ```text
//! CACHE_DIR/vectors/MODEL-DIMENSIONS/TIME-PROCESS-NUMBER.vectors   a segment, written by one process
//!                                    TIME-PROCESS-NUMBER.keys      its keys, to be read without its vectors
//!                                    TIME-PROCESS-NUMBER.live      locked while that process may append
//!                                    lock                          locked while small segments are merged
//! ```
//!
//! Each record has a checksum and is ignored if it is damaged. A killed process loses only the records that it had not
//! written, usually those of the last two seconds. No process waits for another one. A segment does not change after
//! its process has ended, and no process merges or removes it before that. [`VectorCache::refresh`] reads the keys of
//! the records that other processes have written.

mod folder;
mod key;
mod segment;
mod state;
mod vector_cache;

#[cfg(test)]
mod tests;

pub use key::{KeyHasher, VectorKey};
pub use vector_cache::{HalfVector, VectorCache, VectorCacheError, round_to_half};
