//! Rows of the chunks table.
//!
//! A row has two checksums, because a snapshot reads only its head and a hit reads only its text. The column of the
//! signature also holds the definitions and the checksum of the text, because reading one more column makes reading a
//! hit almost 50 % slower.
//! Batches stay below Arrow's limit of 2 GiB per column.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, FixedSizeListArray, Float16Array, RecordBatch, StringArray, UInt32Array};
use arrow_schema::{ArrowError, DataType, Field, FieldRef, Schema, SchemaRef};
use half::f16;
use half::slice::HalfFloatSliceExt as _;

use super::columns::{RowBytes, RowLayout, RowVerifier, language_or_text, text_column, typed_column};
use crate::commit::{ChunkText, EmbeddedChunk, RowKey, StoredChunk};
use crate::inverted_index::DocNumber;
use source::language;
use types::{RepoPath, Span, Symbol, SymbolKind};

/// Column with the checksum of [`HEAD_COLUMNS`].
const HEAD_CHECKSUM: &str = "head_checksum";

/// Column with a checksum in hexadecimal, followed by the signature and, on a line each, the definitions
/// ([`encode_definitions`]). The checksum covers the text of the chunk, the signature and the definitions.
const CHECKED_SIGNATURE: &str = "checked_signature";

/// Number of digits of a checksum in [`CHECKED_SIGNATURE`].
const CHECKSUM_DIGITS: usize = 8;

/// Columns that a search snapshot keeps in memory, besides the row id.
const HEAD_COLUMNS: [&str; 10] =
    ["number", "path", "language", "start_line", "end_line", "kind", "symbol", "container", "defines", "vector"];

/// Column with the byte ranges of the text that are masked.
pub(in crate::lance) const MASKED: &str = "masked";

/// Separator of the names in `defines` and of the lines of [`CHECKED_SIGNATURE`]; names and signatures contain no line
/// breaks.
const SEPARATOR: &str = "\n";

/// Separator of the fields of a definition; names and signatures contain no tabs.
const FIELD_SEPARATOR: &str = "\t";

/// Field metadata key that selects Lance's compression of a column.
const COMPRESSION_KEY: &str = "lance-encoding:compression";

/// Maximum number of rows in a batch.
const BATCH_ROWS: usize = 8_192;

/// Total size of chunk texts, in bytes, at which a batch is closed.
const BATCH_BYTES: usize = 64 << 20;

impl RowLayout {
    /// Returns the columns for [`decode_chunks`].
    pub fn head_columns(self) -> Vec<&'static str> {
        let checksum = (self == Self::Checked).then_some(HEAD_CHECKSUM);
        HEAD_COLUMNS.into_iter().chain(checksum).collect()
    }

    /// Returns the columns for [`decode_chunk_texts`].
    pub fn text_columns(self) -> [&'static str; 2] {
        ["text", if self == Self::Checked { CHECKED_SIGNATURE } else { "signature" }]
    }
}

/// Returns the schema of the chunks table.
pub(in crate::lance) fn chunks_schema(dimensions: u32) -> SchemaRef {
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
        plain(CHECKED_SIGNATURE),
        plain("text"),
        Field::new("vector", DataType::FixedSizeList(vector_item_field(), list_width(dimensions)), false),
        // The byte ranges of the text that are masked, as `START-END,START-END`; null if there are none.
        Field::new(MASKED, DataType::Utf8, true),
        number(HEAD_CHECKSUM),
    ]))
}

fn vector_item_field() -> FieldRef {
    Arc::new(Field::new("item", DataType::Float16, true))
}

fn list_width(dimensions: u32) -> i32 {
    i32::try_from(dimensions).expect("a vector has at most a few thousand dimensions")
}

/// Encodes chunks, numbered from `first`, into batches lazily; drops the chunks of each finished batch.
pub(in crate::lance) fn encode_chunk_batches(
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
    let values = encode_vectors(chunks(), dimensions)?;
    let defines: Vec<String> =
        chunks().map(|row| row.chunk.defined_names().collect::<Vec<_>>().join(SEPARATOR)).collect();
    let mut bytes = RowBytes::default();
    let heads = rows.iter().zip(&defines).zip(values.chunks_exact((dimensions as usize).max(1)));
    let head_checksums: Vec<u32> = heads
        .map(|(((number, EmbeddedChunk { chunk, .. }), defines), vector)| {
            let head = ChunkHead {
                number: *number,
                path: chunk.path.as_str(),
                language: chunk.language.0,
                span: chunk.span,
                kind: chunk.kind.as_str(),
                symbol: &chunk.symbol,
                container: &chunk.container,
                defines,
                vector,
            };
            bytes.checksum_of(|bytes| head.add_to(bytes))
        })
        .collect();
    let signatures = chunks().map(|row| {
        let signature = encode_definitions(&row.chunk.signature, &row.chunk.definitions);
        let checksum = bytes.checksum_of(|bytes| add_text_columns(bytes, &row.chunk.text, &signature));
        format!("{checksum:08x}{signature}")
    });
    let signatures = StringArray::from_iter_values(signatures);
    let vectors = Arc::new(Float16Array::from(values));
    let columns: Vec<ArrayRef> = vec![
        Arc::new(UInt32Array::from_iter_values(rows.iter().map(|(number, _)| *number))),
        text(|row| row.chunk.path.as_str()),
        text(|row| row.chunk.language.0),
        number(|row| row.chunk.span.start_line),
        number(|row| row.chunk.span.end_line),
        text(|row| row.chunk.kind.as_str()),
        text(|row| &row.chunk.symbol),
        text(|row| &row.chunk.container),
        Arc::new(StringArray::from(defines)),
        Arc::new(signatures),
        text(|row| &row.chunk.text),
        Arc::new(FixedSizeListArray::try_new(vector_item_field(), list_width(dimensions), vectors, None)?),
        Arc::new(StringArray::from_iter(chunks().map(|row| encode_masked(&row.chunk.masked)))),
        Arc::new(UInt32Array::from(head_checksums)),
    ];
    RecordBatch::try_new(chunks_schema(dimensions), columns)
}

/// Encodes the masked byte ranges of a text; `None` if there are none.
fn encode_masked(masked: &[Range<u32>]) -> Option<String> {
    let ranges: Vec<String> = masked.iter().map(|range| format!("{}-{}", range.start, range.end)).collect();
    (!ranges.is_empty()).then(|| ranges.join(","))
}

/// Encodes vectors as half floats, `[rows, dimensions]`. Lossless, because the vectors are already rounded.
fn encode_vectors<'r>(
    rows: impl ExactSizeIterator<Item = &'r EmbeddedChunk>,
    dimensions: u32,
) -> Result<Vec<f16>, ArrowError> {
    let mut values = vec![f16::ZERO; rows.len() * dimensions as usize];
    for (row, values) in rows.zip(values.chunks_exact_mut((dimensions as usize).max(1))) {
        if row.vector.len() != dimensions as usize {
            let (path, found) = (&row.chunk.path, row.vector.len());
            let message = format!("a vector of {path} has {found} dimensions, the table has {dimensions}");
            return Err(ArrowError::InvalidArgumentError(message));
        }
        values.convert_from_f32_slice(&row.vector);
    }
    Ok(values)
}

/// The values of [`HEAD_COLUMNS`].
struct ChunkHead<'r> {
    number: DocNumber,
    path: &'r str,
    language: &'r str,
    span: Span,
    kind: &'r str,
    symbol: &'r str,
    container: &'r str,
    defines: &'r str,
    vector: &'r [f16],
}

impl ChunkHead<'_> {
    fn add_to(&self, bytes: &mut RowBytes) {
        for number in [self.number, self.span.start_line, self.span.end_line] {
            bytes.add_number(u64::from(number));
        }
        for text in [self.path, self.language, self.kind, self.symbol, self.container, self.defines] {
            bytes.add_text(text);
        }
        bytes.add_halves(self.vector);
    }
}

fn add_text_columns(bytes: &mut RowBytes, text: &str, signature: &str) {
    bytes.add_text(text);
    bytes.add_text(signature);
}

/// Decodes a batch of [`RowLayout::head_columns`], whose row keys are `keys`, and calls `each` with every intact chunk.
/// Returns the number of damaged rows.
///
/// Consecutive chunks of a file share its path.
///
/// # Errors
/// When a column is missing, has another type or is too short, or the batch does not have one row per key.
pub(in crate::lance) fn decode_chunks(
    batch: &RecordBatch,
    layout: RowLayout,
    keys: &[RowKey],
    each: &mut dyn FnMut(StoredChunk),
) -> Result<u64, ArrowError> {
    if batch.num_rows() != keys.len() {
        return Err(ArrowError::InvalidArgumentError("a row belongs to another generation".to_owned()));
    }
    if batch.num_rows() == 0 {
        return Ok(0);
    }
    let text = |name| text_column(batch, name);
    let (paths, languages, kinds) = (text("path")?, text("language")?, text("kind")?);
    let (symbols, containers, defines) = (text("symbol")?, text("container")?, text("defines")?);
    let (starts, ends): (&UInt32Array, &UInt32Array) =
        (typed_column(batch, "start_line")?, typed_column(batch, "end_line")?);
    let numbers: &UInt32Array = typed_column(batch, "number")?;
    let vectors: &FixedSizeListArray = typed_column(batch, "vector")?;
    let width = usize::try_from(vectors.value_length()).expect("Arrow's lists have no negative length");
    let first = usize::try_from(vectors.value_offset(0)).expect("Arrow's lists have no negative offset");
    let values = vectors.values().as_any().downcast_ref::<Float16Array>();
    let values = values.and_then(|values| values.values().get(first..));
    let values = values.ok_or_else(|| ArrowError::SchemaError("the column vector is not of half floats".to_owned()))?;
    let mut verifier = RowVerifier::new(batch, layout, HEAD_CHECKSUM)?;
    let (mut known_name, mut known_language) = (String::new(), language::text_language());
    let (mut known_path, mut damaged) = (RepoPath::new(""), 0);
    for (index, row) in keys.iter().copied().enumerate() {
        let vector = values.get(index * width..(index + 1) * width);
        let vector = vector.ok_or_else(|| ArrowError::SchemaError("the column vector is too short".to_owned()))?;
        let head = ChunkHead {
            number: numbers.value(index),
            path: paths.value(index),
            language: languages.value(index),
            span: Span { start_line: starts.value(index), end_line: ends.value(index) },
            kind: kinds.value(index),
            symbol: symbols.value(index),
            container: containers.value(index),
            defines: defines.value(index),
            vector,
        };
        if !verifier.is_intact(index, |bytes| head.add_to(bytes)) {
            damaged += 1;
            continue;
        }
        if known_path.as_str() != head.path {
            known_path = RepoPath::new(head.path);
        }
        if known_name != head.language {
            (known_name, known_language) = (head.language.to_owned(), language_or_text(head.language));
        }
        each(StoredChunk {
            row,
            number: head.number,
            path: known_path.clone(),
            language: known_language,
            span: head.span,
            // A kind that this program does not know comes from another version.
            kind: SymbolKind::parse(head.kind).unwrap_or(SymbolKind::Block),
            symbol: head.symbol.to_owned(),
            container: head.container.to_owned(),
            defines: split_defined_names(head.defines).map(str::to_owned).collect(),
            vector: head.vector.to_f32_vec(),
        });
    }
    Ok(damaged)
}

/// Returns the names in a value of the column `defines`.
pub(in crate::lance) fn split_defined_names(defines: &str) -> impl Iterator<Item = &str> {
    defines.split(SEPARATOR).filter(|name| !name.is_empty())
}

/// Decodes a batch of [`RowLayout::text_columns`]. Marks damaged texts; leaves [`ChunkText::is_masked`] false.
///
/// # Errors
/// When a column is missing or has another type.
pub(in crate::lance) fn decode_chunk_texts(
    batch: &RecordBatch,
    layout: RowLayout,
) -> Result<Vec<ChunkText>, ArrowError> {
    let [text, signature] = layout.text_columns();
    let (texts, signatures) = (text_column(batch, text)?, text_column(batch, signature)?);
    let mut bytes = RowBytes::default();
    let decode = |index: usize| {
        let (text, signature) = (texts.value(index), signatures.value(index));
        let intact = match layout {
            RowLayout::Unchecked => Some(signature),
            RowLayout::Checked => check_text(&mut bytes, text, signature),
        };
        match intact {
            Some(signature) => {
                let (signature, definitions) = decode_definitions(signature);
                ChunkText { text: text.to_owned(), signature, definitions, ..ChunkText::default() }
            }
            None => ChunkText { is_damaged: true, ..ChunkText::default() },
        }
    };
    Ok((0..batch.num_rows()).map(decode).collect())
}

/// Returns a signature followed by a line for each definition: kind, first line, last line, name, container and
/// signature, separated by [`FIELD_SEPARATOR`].
fn encode_definitions(signature: &str, definitions: &[Symbol]) -> String {
    let mut out = signature.to_owned();
    for Symbol { name, kind, container, signature, span } in definitions {
        let (first, last) = (span.start_line.to_string(), span.end_line.to_string());
        out.push_str(SEPARATOR);
        out.push_str(&[kind.as_str(), &first, &last, name, container, signature].join(FIELD_SEPARATOR));
    }
    out
}

/// Returns the signature and the definitions of a text made by [`encode_definitions`]. Leaves out a definition that has
/// another form, which comes from another version of this program.
fn decode_definitions(text: &str) -> (String, Vec<Symbol>) {
    let mut lines = text.split(SEPARATOR);
    let signature = lines.next().unwrap_or_default().to_owned();
    let decode = |line: &str| {
        let mut fields = line.splitn(6, FIELD_SEPARATOR);
        let kind = SymbolKind::parse(fields.next()?).unwrap_or(SymbolKind::Block);
        let span = Span { start_line: fields.next()?.parse().ok()?, end_line: fields.next()?.parse().ok()? };
        let mut text = || fields.next().map(str::to_owned);
        Some(Symbol { name: text()?, kind, container: text()?, signature: text()?, span })
    };
    (signature, lines.filter_map(decode).collect())
}

/// Returns the signature without the checksum that precedes it; `None` if the checksum does not match.
fn check_text<'s>(bytes: &mut RowBytes, text: &str, checked_signature: &'s str) -> Option<&'s str> {
    let (checksum, signature) = checked_signature.split_at_checked(CHECKSUM_DIGITS)?;
    let found = bytes.checksum_of(|bytes| add_text_columns(bytes, text, signature));
    (u32::from_str_radix(checksum, 16) == Ok(found)).then_some(signature)
}

/// Decodes a batch of the column [`MASKED`]: whether each text has masked credentials.
///
/// # Errors
/// When the column is missing or has another type.
pub(in crate::lance) fn decode_masked(batch: &RecordBatch) -> Result<Vec<bool>, ArrowError> {
    let masked = text_column(batch, MASKED)?;
    Ok((0..batch.num_rows()).map(|index| !masked.is_null(index) && !masked.value(index).is_empty()).collect())
}
