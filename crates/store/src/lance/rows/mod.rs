//! Conversion between rows and Arrow batches.
//!
//! `chunks` and `files` own the schemas of their tables; changing one requires a higher [`crate::SCHEMA_VERSION`]. Each
//! row carries checksums of its other columns except [`MASKED`], [`WORDS`] and [`SIGNS`]. They are verified when it is
//! read; rows of schema 3 have none. A column that cannot be read is an error that names the column.

mod chunks;
mod columns;
mod files;
mod packed_chunks;
mod search_columns;
mod tree_stats;

pub(super) use chunks::{
    MASKED, chunks_schema, decode_chunk_texts, decode_chunks, decode_masked, encode_chunk_batches, split_defined_names,
};
pub(super) use columns::{RowLayout, typed_column};
pub(super) use files::{decode_files, encode_files, files_schema, hash_file_record};
pub(super) use packed_chunks::ChunkUnpacker;
pub(super) use search_columns::{
    PACKED, SIGNS, SOURCE_COLUMNS, WORDS, add_search_columns, derive_search_columns, search_columns_schema, sign_bytes,
    with_search_columns,
};
pub(super) use tree_stats::TreeStats;
