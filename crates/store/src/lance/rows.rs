//! Conversion between rows and Arrow batches.
//!
//! Owns the schemas of both tables; changing one requires a higher [`crate::SCHEMA_VERSION`].
//! Batches stay below Arrow's limit of 2 GiB per column. A column that cannot be read is an error that
//! names the column.

use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, FixedSizeListArray, Float16Array, Int64Array, RecordBatch, StringArray, UInt32Array, UInt64Array,
};
use arrow_schema::{ArrowError, DataType, Field, FieldRef, Schema, SchemaRef};

use half::f16;
use half::slice::HalfFloatSliceExt as _;

use crate::lexical::DocNumber;
use crate::{EmbeddedChunk, RowKey, StoredChunk};
use source::language;
use types::{ContentHash, FileOutcome, FileRecord, Language, RepoPath, Span, SymbolKind};

/// Columns that a search snapshot keeps in memory, besides the row id.
pub(super) const SNAPSHOT_COLUMNS: [&str; 10] =
    ["number", "path", "language", "start_line", "end_line", "kind", "symbol", "container", "defines", "vector"];

/// Separator of the names in `defines`; names contain no line breaks.
const SEPARATOR: &str = "\n";

/// Field metadata key that selects Lance's compression of a column.
const COMPRESSION_KEY: &str = "lance-encoding:compression";

/// Maximum number of rows in a batch.
const BATCH_ROWS: usize = 8_192;

/// Size of chunk texts, in bytes, at which a batch is closed.
const BATCH_BYTES: usize = 64 << 20;

/// Returns the schema of the chunks table.
pub(super) fn chunks_schema(dimensions: u32) -> SchemaRef {
    let text = |name: &str| Field::new(name, DataType::Utf8, false);
    let number = |name: &str| Field::new(name, DataType::UInt32, false);
    // Compressing these columns took a tenth of the CPU time of a first index run.
    let plain = |name: &str| text(name).with_metadata([(COMPRESSION_KEY.to_owned(), "none".to_owned())].into());
    Arc::new(Schema::new(vec![
        number("number"),
        text("path"),
        text("language"),
        number("start_line"),
        number("end_line"),
        text("kind"),
        plain("symbol"),
        plain("container"),
        plain("defines"),
        plain("signature"),
        plain("text"),
        Field::new("vector", DataType::FixedSizeList(vector_item_field(), list_width(dimensions)), false),
    ]))
}

/// Returns the schema of the files table.
pub(super) fn files_schema() -> SchemaRef {
    let text = |name: &str, nullable| Field::new(name, DataType::Utf8, nullable);
    Arc::new(Schema::new(vec![
        text("path", false),
        Field::new("size_bytes", DataType::UInt64, false),
        Field::new("mtime_ns", DataType::Int64, false),
        text("hash", false),
        text("language", false),
        Field::new("chunks", DataType::UInt32, false),
        text("skip", true),
        text("problem", true),
    ]))
}

fn vector_item_field() -> FieldRef {
    Arc::new(Field::new("item", DataType::Float16, true))
}

fn list_width(dimensions: u32) -> i32 {
    i32::try_from(dimensions).unwrap_or(i32::MAX)
}

/// Encodes chunks, numbered from `first`, into batches lazily; drops the chunks of each finished batch.
pub(super) fn encode_chunk_batches(
    rows: Vec<EmbeddedChunk>,
    first: DocNumber,
    dimensions: u32,
) -> impl Iterator<Item = Result<RecordBatch, ArrowError>> + Send + 'static {
    let mut rows = (first..).zip(rows).peekable();
    std::iter::from_fn(move || {
        rows.peek()?;
        let (mut part, mut bytes) = (Vec::new(), 0);
        while part.len() < BATCH_ROWS && bytes < BATCH_BYTES {
            let Some(row) = rows.next() else { break };
            bytes += row.1.chunk.text.len();
            part.push(row);
        }
        Some(encode_chunk_batch(&part, dimensions))
    })
}

fn encode_chunk_batch(rows: &[(DocNumber, EmbeddedChunk)], dimensions: u32) -> Result<RecordBatch, ArrowError> {
    let chunks = || rows.iter().map(|(_, row)| row);
    let text =
        |of: fn(&EmbeddedChunk) -> &str| -> ArrayRef { Arc::new(StringArray::from_iter_values(chunks().map(of))) };
    let number =
        |of: fn(&EmbeddedChunk) -> u32| -> ArrayRef { Arc::new(UInt32Array::from_iter_values(chunks().map(of))) };
    let columns: Vec<ArrayRef> = vec![
        Arc::new(UInt32Array::from_iter_values(rows.iter().map(|(number, _)| *number))),
        text(|row| row.chunk.path.as_str()),
        text(|row| row.chunk.language.0),
        number(|row| row.chunk.span.start_line),
        number(|row| row.chunk.span.end_line),
        text(|row| row.chunk.kind.as_str()),
        text(|row| &row.chunk.symbol),
        text(|row| &row.chunk.container),
        Arc::new(StringArray::from_iter_values(chunks().map(|row| row.chunk.defines.join(SEPARATOR)))),
        text(|row| &row.chunk.signature),
        text(|row| &row.chunk.text),
        encode_vectors(chunks(), dimensions)?,
    ];
    RecordBatch::try_new(chunks_schema(dimensions), columns)
}

/// Encodes vectors as half floats, `[rows, dimensions]`. Lossless, because the vectors are already rounded.
fn encode_vectors<'r>(
    rows: impl ExactSizeIterator<Item = &'r EmbeddedChunk>,
    dimensions: u32,
) -> Result<ArrayRef, ArrowError> {
    let mut values = vec![f16::ZERO; rows.len() * dimensions as usize];
    for (row, values) in rows.zip(values.chunks_exact_mut((dimensions as usize).max(1))) {
        if row.vector.len() != dimensions as usize {
            let (path, found) = (&row.chunk.path, row.vector.len());
            let message = format!("a vector of {path} has {found} dimensions, the table has {dimensions}");
            return Err(ArrowError::InvalidArgumentError(message));
        }
        values.convert_from_f32_slice(&row.vector);
    }
    let values = Arc::new(Float16Array::from(values));
    Ok(Arc::new(FixedSizeListArray::try_new(vector_item_field(), list_width(dimensions), values, None)?))
}

/// Encodes `records` into one batch.
pub(super) fn encode_files(records: &[FileRecord]) -> Result<RecordBatch, ArrowError> {
    let strings =
        |of: fn(&FileRecord) -> String| -> ArrayRef { Arc::new(StringArray::from_iter_values(records.iter().map(of))) };
    let chunks = |row: &FileRecord| if let FileOutcome::Indexed { chunks, .. } = row.outcome { chunks } else { 0 };
    let mut skips = Vec::with_capacity(records.len());
    for row in records {
        skips.push(match &row.outcome {
            FileOutcome::Skipped(reason) => {
                Some(serde_json::to_string(reason).map_err(|error| ArrowError::ExternalError(Box::new(error)))?)
            }
            FileOutcome::Indexed { .. } => None,
        });
    }
    let problem = |row: &FileRecord| match &row.outcome {
        FileOutcome::Indexed { problem, .. } => problem.clone(),
        FileOutcome::Skipped(_) => None,
    };
    let columns: Vec<ArrayRef> = vec![
        strings(|row| row.path.to_string()),
        Arc::new(records.iter().map(|row| row.size_bytes).collect::<UInt64Array>()),
        Arc::new(records.iter().map(|row| row.mtime_ns).collect::<Int64Array>()),
        strings(|row| row.hash.to_string()),
        strings(|row| row.language.to_string()),
        Arc::new(records.iter().map(chunks).collect::<UInt32Array>()),
        Arc::new(StringArray::from(skips)),
        Arc::new(records.iter().map(problem).collect::<StringArray>()),
    ];
    RecordBatch::try_new(files_schema(), columns)
}

/// Returns a column of a batch as its Arrow type.
///
/// # Errors
/// When the column is missing or has another type; the error names it.
pub(super) fn typed_column<'b, T: Array + 'static>(batch: &'b RecordBatch, name: &str) -> Result<&'b T, ArrowError> {
    let found = batch.column_by_name(name).and_then(|column| column.as_any().downcast_ref::<T>());
    found.ok_or_else(|| ArrowError::SchemaError(format!("the column {name} is missing or of another type")))
}

/// Decodes a batch of [`SNAPSHOT_COLUMNS`], whose row keys are `keys`, and calls `each` with every chunk.
///
/// Consecutive chunks of a file share its path.
///
/// # Errors
/// When a column is missing or has another type, or the batch does not have one row per key.
pub(super) fn decode_chunks(
    batch: &RecordBatch,
    keys: &[RowKey],
    each: &mut dyn FnMut(StoredChunk),
) -> Result<(), ArrowError> {
    if batch.num_rows() != keys.len() {
        return Err(ArrowError::InvalidArgumentError("a row belongs to another generation".to_owned()));
    }
    if batch.num_rows() == 0 {
        return Ok(());
    }
    let text = |name| typed_column::<StringArray>(batch, name);
    let (paths, languages, kinds) = (text("path")?, text("language")?, text("kind")?);
    let (symbols, containers, defines) = (text("symbol")?, text("container")?, text("defines")?);
    let (starts, ends): (&UInt32Array, &UInt32Array) =
        (typed_column(batch, "start_line")?, typed_column(batch, "end_line")?);
    let numbers: &UInt32Array = typed_column(batch, "number")?;
    let vectors: &FixedSizeListArray = typed_column(batch, "vector")?;
    let width = usize::try_from(vectors.value_length()).unwrap_or(0);
    let first = usize::try_from(vectors.value_offset(0)).unwrap_or(0);
    let values = vectors.values().as_any().downcast_ref::<Float16Array>();
    let values =
        values.ok_or_else(|| ArrowError::SchemaError("the column vector is not of half floats".to_owned()))?.values();
    let mut language = (String::new(), language::text_language());
    let mut path = RepoPath::new("");
    for (index, row) in keys.iter().copied().enumerate().take(batch.num_rows()) {
        if path.as_str() != paths.value(index) {
            path = RepoPath::new(paths.value(index));
        }
        if language.0 != languages.value(index) {
            language = (languages.value(index).to_owned(), language_or_text(languages.value(index)));
        }
        let start = first + index * width;
        each(StoredChunk {
            row,
            number: numbers.value(index),
            path: path.clone(),
            language: language.1,
            span: Span { start_line: starts.value(index), end_line: ends.value(index) },
            kind: SymbolKind::parse(kinds.value(index)).unwrap_or(SymbolKind::Block),
            symbol: symbols.value(index).to_owned(),
            container: containers.value(index).to_owned(),
            defines: defines.value(index).split(SEPARATOR).filter(|name| !name.is_empty()).map(str::to_owned).collect(),
            vector: values[start..start + width].to_f32_vec(),
        });
    }
    Ok(())
}

/// Decodes a batch of the files table.
///
/// # Errors
/// When a column is missing or has another type, or a value is malformed.
pub(super) fn decode_files(batch: &RecordBatch) -> Result<Vec<FileRecord>, ArrowError> {
    let text = |name| typed_column::<StringArray>(batch, name);
    let (paths, hashes, languages, skips, problems) =
        (text("path")?, text("hash")?, text("language")?, text("skip")?, text("problem")?);
    let sizes: &UInt64Array = typed_column(batch, "size_bytes")?;
    let times: &Int64Array = typed_column(batch, "mtime_ns")?;
    let chunks: &UInt32Array = typed_column(batch, "chunks")?;
    let record = |index: usize| {
        let skip = (!skips.is_null(index)).then(|| serde_json::from_str(skips.value(index)));
        let outcome = match skip {
            Some(reason) => FileOutcome::Skipped(reason.map_err(|error| ArrowError::ParseError(error.to_string()))?),
            None => FileOutcome::Indexed {
                chunks: chunks.value(index),
                problem: (!problems.is_null(index)).then(|| problems.value(index).to_owned()),
            },
        };
        Ok(FileRecord {
            path: RepoPath::new(paths.value(index)),
            size_bytes: sizes.value(index),
            mtime_ns: times.value(index),
            hash: ContentHash::from_hex(hashes.value(index))
                .ok_or_else(|| ArrowError::ParseError("a hash is not hexadecimal".to_owned()))?,
            language: language_or_text(languages.value(index)),
            outcome,
        })
    };
    (0..batch.num_rows()).map(record).collect()
}

/// Returns the language of this name; plain text for an unknown name.
fn language_or_text(name: &str) -> Language {
    language::language_by_name(name).unwrap_or_else(language::text_language)
}
