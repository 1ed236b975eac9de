//! Rows to Arrow and back.
//!
//! Owns the schema of both tables. A change of it needs a higher [`crate::store::SCHEMA_VERSION`].
//! Invariants: a batch stays below Arrow's 2 GiB a column; what cannot be read is an error that
//! names its column, never a panic. Must never import: anything above `store`.

use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, FixedSizeListArray, Float16Array, Int64Array, RecordBatch, StringArray, UInt32Array, UInt64Array,
};
use arrow_schema::{ArrowError, DataType, Field, FieldRef, Schema, SchemaRef};

use half::f16;
use half::slice::HalfFloatSliceExt as _;

use crate::language;
use crate::lexical::DocNumber;
use crate::store::{EmbeddedChunk, RowKey, StoredChunk};
use crate::types::{ContentHash, FileRecord, Language, Outcome, RepoPath, Span, SymbolKind};

/// Columns a search keeps in memory, beside the row id.
pub(super) const KEPT: [&str; 10] =
    ["number", "path", "language", "start_line", "end_line", "kind", "symbol", "container", "defines", "vector"];

/// Between the names of `defines`: no name holds a line end.
const SEPARATOR: &str = "\n";

/// What tells Lance how to compress a column.
const COMPRESSION: &str = "lance-encoding:compression";

/// A batch ends at this many rows…
const BATCH_ROWS: usize = 8_192;

/// … or at this many bytes of text.
const BATCH_BYTES: usize = 64 << 20;

pub(super) fn chunks_schema(dimensions: u32) -> SchemaRef {
    let text = |name: &str| Field::new(name, DataType::Utf8, false);
    let number = |name: &str| Field::new(name, DataType::UInt32, false);
    // Compressing them took a tenth of the processor's time in a first index.
    let plain = |name: &str| text(name).with_metadata([(COMPRESSION.to_owned(), "none".to_owned())].into());
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
        Field::new("vector", DataType::FixedSizeList(vector_value(), width(dimensions)), false),
    ]))
}

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

fn vector_value() -> FieldRef {
    Arc::new(Field::new("item", DataType::Float16, true))
}

fn width(dimensions: u32) -> i32 {
    i32::try_from(dimensions).unwrap_or(i32::MAX)
}

/// The rows, numbered from `first`, in batches, each made when it is asked for and its rows dropped.
pub(super) fn chunks_batches(
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
        Some(chunks_batch(&part, dimensions))
    })
}

fn chunks_batch(rows: &[(DocNumber, EmbeddedChunk)], dimensions: u32) -> Result<RecordBatch, ArrowError> {
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
        vectors(chunks(), dimensions)?,
    ];
    RecordBatch::try_new(chunks_schema(dimensions), columns)
}

/// Half floats: as the vectors are rounded already, nothing is lost.
fn vectors<'r>(
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
    Ok(Arc::new(FixedSizeListArray::try_new(vector_value(), width(dimensions), values, None)?))
}

/// One batch of all `records`.
pub(super) fn files_batch(records: &[FileRecord]) -> Result<RecordBatch, ArrowError> {
    let strings =
        |of: fn(&FileRecord) -> String| -> ArrayRef { Arc::new(StringArray::from_iter_values(records.iter().map(of))) };
    let chunks = |row: &FileRecord| if let Outcome::Indexed { chunks, .. } = row.outcome { chunks } else { 0 };
    let mut skips = Vec::with_capacity(records.len());
    for row in records {
        skips.push(match &row.outcome {
            Outcome::Skipped(reason) => {
                Some(serde_json::to_string(reason).map_err(|error| ArrowError::ExternalError(Box::new(error)))?)
            }
            Outcome::Indexed { .. } => None,
        });
    }
    let problem = |row: &FileRecord| match &row.outcome {
        Outcome::Indexed { problem, .. } => problem.clone(),
        Outcome::Skipped(_) => None,
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

/// A column of a batch as its Arrow type; the error names it.
pub(super) fn column<'b, T: Array + 'static>(batch: &'b RecordBatch, name: &str) -> Result<&'b T, ArrowError> {
    let found = batch.column_by_name(name).and_then(|column| column.as_any().downcast_ref::<T>());
    found.ok_or_else(|| ArrowError::SchemaError(format!("the column {name} is missing or of another type")))
}

/// Hands the rows of a batch of [`KEPT`] columns, their keys beside it, to `each`. Neighbours of one
/// file share its path.
pub(super) fn read_chunks(
    batch: &RecordBatch,
    keys: &[RowKey],
    each: &mut dyn FnMut(StoredChunk),
) -> Result<(), ArrowError> {
    if batch.num_rows() != keys.len() {
        return Err(ArrowError::InvalidArgumentError("a row is of another generation".to_owned()));
    }
    if batch.num_rows() == 0 {
        return Ok(());
    }
    let text = |name| column::<StringArray>(batch, name);
    let (paths, languages, kinds) = (text("path")?, text("language")?, text("kind")?);
    let (symbols, containers, defines) = (text("symbol")?, text("container")?, text("defines")?);
    let (starts, ends): (&UInt32Array, &UInt32Array) = (column(batch, "start_line")?, column(batch, "end_line")?);
    let numbers: &UInt32Array = column(batch, "number")?;
    let vectors: &FixedSizeListArray = column(batch, "vector")?;
    let width = usize::try_from(vectors.value_length()).unwrap_or(0);
    let first = usize::try_from(vectors.value_offset(0)).unwrap_or(0);
    let values = vectors.values().as_any().downcast_ref::<Float16Array>();
    let values = values.ok_or_else(|| ArrowError::SchemaError("vectors are not of half floats".to_owned()))?.values();
    let mut language = (String::new(), language::text());
    let mut path = RepoPath::new("");
    for (index, row) in keys.iter().copied().enumerate().take(batch.num_rows()) {
        if path.as_str() != paths.value(index) {
            path = RepoPath::new(paths.value(index));
        }
        if language.0 != languages.value(index) {
            language = (languages.value(index).to_owned(), language_of(languages.value(index)));
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

/// The records of a batch of the files table.
pub(super) fn read_files(batch: &RecordBatch) -> Result<Vec<FileRecord>, ArrowError> {
    let text = |name| column::<StringArray>(batch, name);
    let (paths, hashes, languages, skips, problems) =
        (text("path")?, text("hash")?, text("language")?, text("skip")?, text("problem")?);
    let sizes: &UInt64Array = column(batch, "size_bytes")?;
    let times: &Int64Array = column(batch, "mtime_ns")?;
    let chunks: &UInt32Array = column(batch, "chunks")?;
    let record = |index: usize| {
        let skip = (!skips.is_null(index)).then(|| serde_json::from_str(skips.value(index)));
        let outcome = match skip {
            Some(reason) => Outcome::Skipped(reason.map_err(|error| ArrowError::ParseError(error.to_string()))?),
            None => Outcome::Indexed {
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
            language: language_of(languages.value(index)),
            outcome,
        })
    };
    (0..batch.num_rows()).map(record).collect()
}

fn language_of(name: &str) -> Language {
    language::by_name(name).unwrap_or_else(language::text)
}
