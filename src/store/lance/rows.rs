//! Rows to Arrow and back.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::builder::{FixedSizeListBuilder, Float32Builder, StringBuilder, UInt32Builder};
use arrow_array::{
    Array, ArrayRef, FixedSizeListArray, Float32Array, Int64Array, RecordBatch, StringArray, UInt32Array, UInt64Array,
};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};

use crate::language;
use crate::store::{EmbeddedChunk, StoredChunk};
use crate::types::{ContentHash, FileRecord, Language, Outcome, RepoPath, Span, SymbolKind};

/// Columns a search keeps in memory, beside the row id.
pub(super) const KEPT: [&str; 9] =
    ["path", "language", "start_line", "end_line", "kind", "symbol", "container", "defines", "vector"];

/// Between the names of `defines`: no name holds a line end.
const SEPARATOR: &str = "\n";

pub(super) fn chunks_schema(dimensions: u32) -> SchemaRef {
    let text = |name: &str| Field::new(name, DataType::Utf8, false);
    let number = |name: &str| Field::new(name, DataType::UInt32, false);
    let value = Arc::new(Field::new("item", DataType::Float32, true));
    let width = i32::try_from(dimensions).unwrap_or(i32::MAX);
    Arc::new(Schema::new(vec![
        text("id"),
        text("path"),
        text("language"),
        number("start_line"),
        number("end_line"),
        text("kind"),
        text("symbol"),
        text("container"),
        text("defines"),
        text("signature"),
        text("text"),
        text("search_text"),
        text("hash"),
        Field::new("vector", DataType::FixedSizeList(value, width), false),
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

/// One batch of all `rows`.
pub(super) fn chunks_batch(rows: &[EmbeddedChunk], dimensions: u32) -> Result<RecordBatch, ArrowError> {
    let text = |of: &dyn Fn(&EmbeddedChunk) -> String| -> ArrayRef {
        let mut column = StringBuilder::new();
        rows.iter().for_each(|row| column.append_value(of(row)));
        Arc::new(column.finish())
    };
    let number = |of: &dyn Fn(&EmbeddedChunk) -> u32| -> ArrayRef {
        let mut column = UInt32Builder::new();
        rows.iter().for_each(|row| column.append_value(of(row)));
        Arc::new(column.finish())
    };
    let width = i32::try_from(dimensions).unwrap_or(i32::MAX);
    let mut vectors = FixedSizeListBuilder::new(Float32Builder::new(), width);
    for row in rows {
        vectors.values().append_slice(&row.vector);
        vectors.append(true);
    }
    let columns = vec![
        text(&|row| row.chunk.id.to_string()),
        text(&|row| row.chunk.path.to_string()),
        text(&|row| row.chunk.language.to_string()),
        number(&|row| row.chunk.span.start_line),
        number(&|row| row.chunk.span.end_line),
        text(&|row| row.chunk.kind.to_string()),
        text(&|row| row.chunk.symbol.clone()),
        text(&|row| row.chunk.container.clone()),
        text(&|row| row.chunk.defines.join(SEPARATOR)),
        text(&|row| row.chunk.signature.clone()),
        text(&|row| row.chunk.text.clone()),
        text(&|row| row.search_text.clone()),
        text(&|row| row.chunk.hash.to_string()),
        Arc::new(vectors.finish()),
    ];
    RecordBatch::try_new(chunks_schema(dimensions), columns)
}

/// One batch of all `records`.
pub(super) fn files_batch(records: &[FileRecord]) -> Result<RecordBatch, ArrowError> {
    let strings = |of: &dyn Fn(&FileRecord) -> String| -> ArrayRef {
        Arc::new(records.iter().map(|row| Some(of(row))).collect::<StringArray>())
    };
    let chunks = |row: &FileRecord| if let Outcome::Indexed { chunks, .. } = row.outcome { chunks } else { 0 };
    let skip = |row: &FileRecord| match &row.outcome {
        Outcome::Skipped(reason) => serde_json::to_string(reason).ok(),
        Outcome::Indexed { .. } => None,
    };
    let problem = |row: &FileRecord| match &row.outcome {
        Outcome::Indexed { problem, .. } => problem.clone(),
        Outcome::Skipped(_) => None,
    };
    let columns: Vec<ArrayRef> = vec![
        strings(&|row| row.path.to_string()),
        Arc::new(records.iter().map(|row| row.size_bytes).collect::<UInt64Array>()),
        Arc::new(records.iter().map(|row| row.mtime_ns).collect::<Int64Array>()),
        strings(&|row| row.hash.to_string()),
        strings(&|row| row.language.to_string()),
        Arc::new(records.iter().map(chunks).collect::<UInt32Array>()),
        Arc::new(records.iter().map(skip).collect::<StringArray>()),
        Arc::new(records.iter().map(problem).collect::<StringArray>()),
    ];
    RecordBatch::try_new(files_schema(), columns)
}

/// A column of a batch as its Arrow type; the error names it.
pub(super) fn column<'b, T: Array + 'static>(batch: &'b RecordBatch, name: &str) -> Result<&'b T, ArrowError> {
    let found = batch.column_by_name(name).and_then(|column| column.as_any().downcast_ref::<T>());
    found.ok_or_else(|| ArrowError::SchemaError(format!("the column {name} is missing or of another type")))
}

/// Appends a batch of [`KEPT`] columns to `out`. Equal paths share one allocation through `paths`.
pub(super) fn read_chunks(
    batch: &RecordBatch,
    paths: &mut HashMap<String, RepoPath>,
    out: &mut Vec<StoredChunk>,
) -> Result<(), ArrowError> {
    let rows: &UInt64Array = column(batch, "_rowid")?;
    let [path, languages, kinds, symbols, containers, defines] =
        ["path", "language", "kind", "symbol", "container", "defines"].map(|name| column::<StringArray>(batch, name));
    let (path, languages, kinds, symbols, containers, defines) =
        (path?, languages?, kinds?, symbols?, containers?, defines?);
    let (starts, ends): (&UInt32Array, &UInt32Array) = (column(batch, "start_line")?, column(batch, "end_line")?);
    let vectors: &FixedSizeListArray = column(batch, "vector")?;
    let width = usize::try_from(vectors.value_length()).unwrap_or(0);
    let values = vectors.values().as_any().downcast_ref::<Float32Array>();
    let values = values.ok_or_else(|| ArrowError::SchemaError("vectors are not of 32-bit floats".to_owned()))?.values();
    let offset = usize::try_from(vectors.value_offset(0)).unwrap_or(0);
    for index in 0..batch.num_rows() {
        let start = offset + index * width;
        out.push(StoredChunk {
            row: rows.value(index),
            path: shared(paths, path.value(index)),
            language: language_of(languages.value(index)),
            span: Span { start_line: starts.value(index), end_line: ends.value(index) },
            kind: SymbolKind::parse(kinds.value(index)).unwrap_or(SymbolKind::Block),
            symbol: symbols.value(index).to_owned(),
            container: containers.value(index).to_owned(),
            defines: defines.value(index).split(SEPARATOR).filter(|name| !name.is_empty()).map(str::to_owned).collect(),
            vector: values[start..start + width].to_vec(),
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

fn shared(paths: &mut HashMap<String, RepoPath>, path: &str) -> RepoPath {
    if let Some(known) = paths.get(path) {
        return known.clone();
    }
    let new = RepoPath::new(path);
    paths.insert(path.to_owned(), new.clone());
    new
}

fn language_of(name: &str) -> Language {
    language::by_name(name).unwrap_or_else(language::text)
}
