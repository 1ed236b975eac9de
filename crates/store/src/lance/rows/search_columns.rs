//! Columns that the search indexes need, of tables with more chunks than are held in memory.
//!
//! They are derived from the other columns of a row. The words and the signs have no checksums: a damaged value only
//! keeps a chunk from being found, or changes its rank.

use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, BinaryArray, FixedSizeListArray, Float16Array, RecordBatch, StringArray, UInt8Array, UInt32Array,
};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};
use half::slice::HalfFloatSliceExt as _;

use super::chunks::decode_chunk_texts;
use super::columns::{RowLayout, text_column, typed_column};
use super::packed_chunks::UnpackedChunk;
use crate::commit::ChunkText;
use crate::inverted_index::{TermCounter, write_word_column};
use source::language;
use types::{Chunk, RepoPath, Span, SymbolKind};

/// Column with the words of a chunk, as [`write_word_column`] returns them.
pub(in crate::lance) const WORDS: &str = "words";

/// Column with the binary quantization of the vector: one bit for the sign of each value.
pub(in crate::lance) const SIGNS: &str = "signs";

/// Column with the parts of a chunk that a search compares, as [`UnpackedChunk::pack`] returns them.
pub(in crate::lance) const PACKED: &str = "packed";

/// Columns from which [`add_search_columns`] derives its columns.
pub(in crate::lance) const SOURCE_COLUMNS: [&str; 12] = [
    "number",
    "path",
    "language",
    "start_line",
    "end_line",
    "kind",
    "symbol",
    "container",
    "defines",
    "checked_signature",
    "text",
    "vector",
];

/// Returns the schema of a chunks table with the search columns.
pub(in crate::lance) fn with_search_columns(chunks: &Schema, dimensions: u32) -> SchemaRef {
    let added = search_columns_schema(dimensions);
    Arc::new(Schema::new(chunks.fields().iter().chain(added.fields()).cloned().collect::<Vec<_>>()))
}

/// Returns the schema of the search columns alone.
pub(in crate::lance) fn search_columns_schema(dimensions: u32) -> SchemaRef {
    let compression = |name: &str| [("lance-encoding:compression".to_owned(), name.to_owned())].into();
    let list = DataType::FixedSizeList(sign_item_field(), list_width(dimensions));
    Arc::new(Schema::new(vec![
        Field::new(WORDS, DataType::Utf8, true).with_metadata(compression("zstd")),
        Field::new(SIGNS, list, true),
        // Hashes and vectors hardly shrink.
        Field::new(PACKED, DataType::Binary, true).with_metadata(compression("none")),
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
    let text = |name| text_column(batch, name);
    let (paths, containers) = (text("path")?, text("container")?);
    let (languages, kinds, symbols, defines) = (text("language")?, text("kind")?, text("symbol")?, text("defines")?);
    let number = |name| typed_column::<UInt32Array>(batch, name);
    let (numbers, starts, ends) = (number("number")?, number("start_line")?, number("end_line")?);
    let vectors: &FixedSizeListArray = typed_column(batch, "vector")?;
    let (mut words, mut packed) = (Vec::with_capacity(batch.num_rows()), Vec::with_capacity(batch.num_rows()));
    let mut signs = Vec::with_capacity(batch.num_rows() * dimensions.div_ceil(8) as usize);
    let mut counter = TermCounter::default();
    let mut path = RepoPath::new("");
    for (row, text) in decode_chunk_texts(batch, layout)?.into_iter().enumerate() {
        let ChunkText { text, signature, definitions, .. } = text;
        if path.as_str() != paths.value(row) {
            path = RepoPath::new(paths.value(row));
        }
        let chunk = Chunk {
            path: path.clone(),
            language: language::text_language(),
            span: Span { start_line: starts.value(row), end_line: ends.value(row) },
            kind: SymbolKind::Block,
            symbol: String::new(),
            container: containers.value(row).to_owned(),
            definitions,
            signature,
            text,
            masked: Vec::new(),
        };
        words.push(write_word_column(&chunk));
        let vector = vectors.value(row);
        let vector = vector.as_any().downcast_ref::<Float16Array>();
        let vector =
            vector.ok_or_else(|| ArrowError::SchemaError("the column vector is not of half floats".to_owned()))?;
        let vector = vector.values().to_f32_vec();
        signs.extend(sign_bytes(vector.iter().copied()));
        let (kind, symbol) = (kinds.value(row), symbols.value(row));
        let texts = [path.as_str(), languages.value(row), kind, symbol, &chunk.container, defines.value(row)];
        let terms = counter.count_terms(&chunk, &mut |_| ());
        let number = numbers.value(row);
        packed.push(UnpackedChunk { number, span: chunk.span, texts, vector: &vector, terms: &terms }.pack());
    }
    let words: ArrayRef = Arc::new(StringArray::from_iter_values(words));
    let packed: ArrayRef = Arc::new(BinaryArray::from_iter_values(packed));
    let signs = FixedSizeListArray::try_new(
        sign_item_field(),
        list_width(dimensions),
        Arc::new(UInt8Array::from(signs)),
        None,
    )?;
    RecordBatch::try_new(search_columns_schema(dimensions), vec![words, Arc::new(signs), packed])
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
