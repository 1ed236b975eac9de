//! Rows of the files table.
//!
//! A file's content record and its metadata are in one row and not in two tables: most commits write both, and a
//! commit to the two existing tables already writes four files. The content columns are the same in every copy of
//! the tree; only the metadata columns differ.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray, UInt32Array, UInt64Array};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};

use super::columns::{RowBytes, RowLayout, RowVerifier, language_or_text, optional_text, text_column, typed_column};
use types::{ContentHash, ContentRecord, FileOutcome, FileRecord, FileStat, Language, RepoPath, TextEncoding};

/// Column with the checksum of all other columns.
const CHECKSUM: &str = "checksum";

/// Returns the schema of the files table.
pub(in crate::lance) fn files_schema() -> SchemaRef {
    let text = |name: &str, nullable| Field::new(name, DataType::Utf8, nullable);
    Arc::new(Schema::new(vec![
        text("path", false),
        // The content record.
        text("hash", false),
        text("encoding", false),
        text("language", false),
        Field::new("chunks", DataType::UInt32, false),
        text("skip", true),
        text("problem", true),
        // The metadata in this tree.
        Field::new("size_bytes", DataType::UInt64, false),
        Field::new("mtime_ns", DataType::Int64, false),
        Field::new("ctime_ns", DataType::Int64, false),
        Field::new("inode", DataType::UInt64, false),
        Field::new(CHECKSUM, DataType::UInt32, false),
    ]))
}

/// The values of a row as they are stored.
struct FileRow<'r> {
    path: &'r str,
    hash: &'r str,
    encoding: &'r str,
    language: &'r str,
    chunks: u32,
    skip: Option<&'r str>,
    problem: Option<&'r str>,
    stat: FileStat,
}

impl<'r> FileRow<'r> {
    /// Returns the row of a record, whose hash and skip reason are already encoded.
    fn new(record: &'r FileRecord, hash: &'r str, skip: Option<&'r str>) -> Self {
        let FileRecord { path, content, stat } = record;
        let (chunks, problem) = match &content.outcome {
            FileOutcome::Indexed { chunks, problem } => (*chunks, problem.as_deref()),
            FileOutcome::Skipped(_) => (0, None),
        };
        let (encoding, language) = (content.encoding.as_str(), content.language.0);
        Self { path: path.as_str(), hash, encoding, language, chunks, skip, problem, stat: *stat }
    }

    fn add_to(&self, bytes: &mut RowBytes) {
        for text in [self.path, self.hash, self.encoding, self.language] {
            bytes.add_text(text);
        }
        for text in [self.skip, self.problem] {
            bytes.add_optional_text(text);
        }
        let FileStat { size_bytes, mtime_ns, ctime_ns, inode } = self.stat;
        let numbers = [u64::from(self.chunks), size_bytes, mtime_ns.cast_unsigned(), ctime_ns.cast_unsigned(), inode];
        numbers.into_iter().for_each(|number| bytes.add_number(number));
    }
}

/// Encodes the reason why a file was skipped; `None` for an indexed file.
fn encode_skip_reason(record: &FileRecord) -> Result<Option<String>, ArrowError> {
    match &record.content.outcome {
        FileOutcome::Skipped(reason) => {
            serde_json::to_string(reason).map(Some).map_err(|error| ArrowError::ExternalError(Box::new(error)))
        }
        FileOutcome::Indexed { .. } => Ok(None),
    }
}

/// Returns the hash of the row that [`encode_files`] makes of a record.
///
/// # Errors
/// When the record cannot be encoded.
pub(in crate::lance) fn hash_file_record(record: &FileRecord) -> Result<u64, ArrowError> {
    let (hash, skip) = (record.content.hash.to_string(), encode_skip_reason(record)?);
    Ok(RowBytes::default().hash_of(|bytes| FileRow::new(record, &hash, skip.as_deref()).add_to(bytes)))
}

/// Encodes `records` into one batch.
///
/// # Errors
/// When a record cannot be encoded.
pub(in crate::lance) fn encode_files(records: &[FileRecord]) -> Result<RecordBatch, ArrowError> {
    let hashes: Vec<String> = records.iter().map(|record| record.content.hash.to_string()).collect();
    let skips = records.iter().map(encode_skip_reason).collect::<Result<Vec<_>, _>>()?;
    let rows: Vec<FileRow<'_>> = (records.iter().zip(&hashes).zip(&skips))
        .map(|((record, hash), skip)| FileRow::new(record, hash, skip.as_deref()))
        .collect();
    let mut bytes = RowBytes::default();
    let checksums: Vec<u32> = rows.iter().map(|row| bytes.checksum_of(|bytes| row.add_to(bytes))).collect();
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(rows.iter().map(|row| row.path))),
        Arc::new(StringArray::from_iter_values(rows.iter().map(|row| row.hash))),
        Arc::new(StringArray::from_iter_values(rows.iter().map(|row| row.encoding))),
        Arc::new(StringArray::from_iter_values(rows.iter().map(|row| row.language))),
        Arc::new(rows.iter().map(|row| row.chunks).collect::<UInt32Array>()),
        Arc::new(rows.iter().map(|row| row.skip).collect::<StringArray>()),
        Arc::new(rows.iter().map(|row| row.problem).collect::<StringArray>()),
        Arc::new(rows.iter().map(|row| row.stat.size_bytes).collect::<UInt64Array>()),
        Arc::new(rows.iter().map(|row| row.stat.mtime_ns).collect::<Int64Array>()),
        Arc::new(rows.iter().map(|row| row.stat.ctime_ns).collect::<Int64Array>()),
        Arc::new(rows.iter().map(|row| row.stat.inode).collect::<UInt64Array>()),
        Arc::new(UInt32Array::from(checksums)),
    ];
    RecordBatch::try_new(files_schema(), columns)
}

/// Decodes a batch of the files table. Returns each record with the hash of its row.
///
/// # Errors
/// When a column is missing or has another type, a row is damaged, or a value is malformed.
pub(in crate::lance) fn decode_files(
    batch: &RecordBatch,
    layout: RowLayout,
) -> Result<Vec<(FileRecord, u64)>, ArrowError> {
    let text = |name| text_column(batch, name);
    let (paths, hashes, languages, skips, problems) =
        (text("path")?, text("hash")?, text("language")?, text("skip")?, text("problem")?);
    let sizes: &UInt64Array = typed_column(batch, "size_bytes")?;
    let times: &Int64Array = typed_column(batch, "mtime_ns")?;
    let chunks: &UInt32Array = typed_column(batch, "chunks")?;
    let added = AddedColumns::new(batch, layout)?;
    let (mut verifier, mut known) = (RowVerifier::new(batch, layout, CHECKSUM)?, HashMap::new());
    let mut records = Vec::with_capacity(batch.num_rows());
    for index in 0..batch.num_rows() {
        let (encoding, ctime_ns, inode) = added.values(index);
        let row = FileRow {
            path: paths.value(index),
            hash: hashes.value(index),
            encoding,
            language: languages.value(index),
            chunks: chunks.value(index),
            skip: optional_text(skips, index),
            problem: optional_text(problems, index),
            stat: FileStat { size_bytes: sizes.value(index), mtime_ns: times.value(index), ctime_ns, inode },
        };
        let Some(hash) = verifier.hash_intact(index, |bytes| row.add_to(bytes)) else {
            let message = format!("the record of {} is damaged: its checksum does not match", row.path);
            return Err(ArrowError::ParseError(message));
        };
        // There are few languages, and finding one takes as long as decoding the rest of the row.
        let language = *known.entry(row.language).or_insert_with(|| language_or_text(row.language));
        records.push((row.decode(language)?, hash));
    }
    Ok(records)
}

/// The columns besides the checksum that schema 3 does not have; `None` for a batch of schema 3.
struct AddedColumns<'b>(Option<(&'b StringArray, &'b Int64Array, &'b UInt64Array)>);

impl<'b> AddedColumns<'b> {
    fn new(batch: &'b RecordBatch, layout: RowLayout) -> Result<Self, ArrowError> {
        Ok(Self(match layout {
            RowLayout::Unchecked => None,
            RowLayout::Checked => {
                Some((text_column(batch, "encoding")?, typed_column(batch, "ctime_ns")?, typed_column(batch, "inode")?))
            }
        }))
    }

    /// Returns the encoding, the change time and the inode of a row; unknown, 0 and 0 in schema 3.
    fn values(&self, index: usize) -> (&'b str, i64, u64) {
        self.0.map_or((TextEncoding::Unknown.as_str(), 0, 0), |(encodings, ctimes, inodes)| {
            (encodings.value(index), ctimes.value(index), inodes.value(index))
        })
    }
}

impl FileRow<'_> {
    fn decode(&self, language: Language) -> Result<FileRecord, ArrowError> {
        let malformed = |what: &str| ArrowError::ParseError(format!("the {what} of {} is malformed", self.path));
        let outcome = match self.skip {
            Some(reason) => {
                FileOutcome::Skipped(serde_json::from_str(reason).map_err(|_| malformed("reason for the omission"))?)
            }
            None => FileOutcome::Indexed { chunks: self.chunks, problem: self.problem.map(str::to_owned) },
        };
        let content = ContentRecord {
            hash: ContentHash::from_hex(self.hash).ok_or_else(|| malformed("hash"))?,
            encoding: TextEncoding::parse(self.encoding).unwrap_or_default(),
            language,
            outcome,
        };
        Ok(FileRecord { path: RepoPath::new(self.path), content, stat: self.stat })
    }
}
