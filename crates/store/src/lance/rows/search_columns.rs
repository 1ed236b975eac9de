//! Columns that the search indexes need, of tables with more chunks than are held in memory.
//!
//! They are derived from the other columns of a row, so they have no checksums: a damaged value only keeps a chunk from
//! being found.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, FixedSizeListArray, Float16Array, RecordBatch, StringArray, UInt8Array};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};
use half::f16;

use super::chunks::decode_chunk_texts;
use super::columns::{RowLayout, text_column, typed_column};
use crate::commit::ChunkText;
use crate::inverted_index::write_word_column;
use source::language;
use types::{Chunk, RepoPath, Span, SymbolKind};

/// Column with the words of a chunk, as [`write_word_column`] returns them.
pub(in crate::lance) const WORDS: &str = "words";

/// Column with the binary quantization of the vector: one bit for the sign of each value.
pub(in crate::lance) const SIGNS: &str = "signs";

/// Columns from which [`add_search_columns`] derives its columns.
pub(in crate::lance) const SOURCE_COLUMNS: [&str; 5] = ["path", "container", "checked_signature", "text", "vector"];

/// Returns the schema of a chunks table with the search columns.
pub(in crate::lance) fn with_search_columns(chunks: &Schema, dimensions: u32) -> SchemaRef {
    let added = search_columns_schema(dimensions);
    Arc::new(Schema::new(chunks.fields().iter().chain(added.fields()).cloned().collect::<Vec<_>>()))
}

/// Returns the schema of the search columns alone.
pub(in crate::lance) fn search_columns_schema(dimensions: u32) -> SchemaRef {
    let compressed = [("lance-encoding:compression".to_owned(), "zstd".to_owned())].into();
    let list = DataType::FixedSizeList(sign_item_field(), list_width(dimensions));
    Arc::new(Schema::new(vec![
        Field::new(WORDS, DataType::Utf8, true).with_metadata(compressed),
        Field::new(SIGNS, list, true),
    ]))
}

fn sign_item_field() -> Arc<Field> {
    Arc::new(Field::new("item", DataType::UInt8, true))
}

fn list_width(dimensions: u32) -> i32 {
    i32::try_from(dimensions.div_ceil(8)).expect("a vector has at most a few thousand dimensions")
}

/// Returns the sign bits of a vector, 1 for a negative value, the first value in the lowest bit of the first byte.
pub(in crate::lance) fn sign_bytes(vector: impl Iterator<Item = f32>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (index, value) in vector.enumerate() {
        if index % 8 == 0 {
            bytes.push(0);
        }
        let last = bytes.len() - 1;
        bytes[last] |= u8::from(value < 0.0) << (index % 8);
    }
    bytes
}

/// Derives the search columns of a batch with [`SOURCE_COLUMNS`].
///
/// # Errors
/// When a column is missing or has another type.
pub(in crate::lance) fn derive_search_columns(
    batch: &RecordBatch,
    layout: RowLayout,
    dimensions: u32,
) -> Result<RecordBatch, ArrowError> {
    let (paths, containers) = (text_column(batch, "path")?, text_column(batch, "container")?);
    let texts = decode_chunk_texts(batch, layout)?;
    let words = texts.into_iter().enumerate().map(|(index, text)| {
        let ChunkText { text, signature, definitions, .. } = text;
        write_word_column(&Chunk {
            path: RepoPath::new(paths.value(index)),
            language: language::text_language(),
            span: Span { start_line: 1, end_line: 1 },
            kind: SymbolKind::Block,
            symbol: String::new(),
            container: containers.value(index).to_owned(),
            definitions,
            signature,
            text,
            masked: Vec::new(),
        })
    });
    let words: ArrayRef = Arc::new(StringArray::from_iter_values(words));
    let vectors: &FixedSizeListArray = typed_column(batch, "vector")?;
    let mut signs = Vec::with_capacity(batch.num_rows() * dimensions.div_ceil(8) as usize);
    for row in 0..vectors.len() {
        let vector = vectors.value(row);
        let values = vector.as_any().downcast_ref::<Float16Array>();
        let values =
            values.ok_or_else(|| ArrowError::SchemaError("the column vector is not of half floats".to_owned()))?;
        signs.extend(sign_bytes(values.values().iter().copied().map(f16::to_f32)));
    }
    let signs = FixedSizeListArray::try_new(
        sign_item_field(),
        list_width(dimensions),
        Arc::new(UInt8Array::from(signs)),
        None,
    )?;
    RecordBatch::try_new(search_columns_schema(dimensions), vec![words, Arc::new(signs)])
}

/// Adds the search columns to a batch of complete rows.
///
/// # Errors
/// When a column is missing or has another type.
pub(in crate::lance) fn add_search_columns(batch: &RecordBatch, dimensions: u32) -> Result<RecordBatch, ArrowError> {
    let derived = derive_search_columns(batch, RowLayout::Checked, dimensions)?;
    let columns = batch.columns().iter().chain(derived.columns()).cloned().collect();
    RecordBatch::try_new(with_search_columns(&batch.schema(), dimensions), columns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signs_of_a_vector_are_packed_from_the_lowest_bit() {
        let vector = [0.5, -0.5, 0.0, -0.1, 1.0, 1.0, 1.0, -1.0, -0.2];
        assert_eq!(sign_bytes(vector.into_iter()), [0b1000_1010, 1]);
        assert!(sign_bytes(std::iter::empty()).is_empty());
    }
}
