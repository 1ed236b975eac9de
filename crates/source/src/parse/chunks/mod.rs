//! Chunks: a file's lines are cut into pieces along its definitions, and small neighbours are merged.

mod build;
mod merge;
mod pieces;

#[cfg(test)]
pub(super) use pieces::MAX_CHUNK_BYTES;

pub(super) use build::build_chunks;
