//! Parts that both tables share: their layout, access to columns, and checksums of rows.

use arrow_array::{Array, RecordBatch, StringArray, UInt32Array};
use arrow_schema::ArrowError;
use half::f16;

use platform::file_format::{checksum32, checksum64};
use source::language;
use types::Language;

/// The columns that the tables of a commit have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::lance) enum RowLayout {
    /// Schema 3, which has no checksums. It is read until the index is rebuilt.
    Unchecked,
    /// Schema 4.
    Checked,
}

impl RowLayout {
    /// Returns the layout of the tables of this schema version.
    pub fn of_schema(version: u32) -> Self {
        if version < 4 { Self::Unchecked } else { Self::Checked }
    }
}

/// Returns a column of a batch as its Arrow type.
///
/// # Errors
/// When the column is missing or has another type; the error names it.
pub(in crate::lance) fn typed_column<'b, T: Array + 'static>(
    batch: &'b RecordBatch,
    name: &str,
) -> Result<&'b T, ArrowError> {
    let found = batch.column_by_name(name).and_then(|column| column.as_any().downcast_ref::<T>());
    found.ok_or_else(|| ArrowError::SchemaError(format!("the column {name} is missing or of another type")))
}

/// Returns a column of text.
///
/// # Errors
/// When the column is missing or has another type; the error names it.
pub(super) fn text_column<'b>(batch: &'b RecordBatch, name: &str) -> Result<&'b StringArray, ArrowError> {
    typed_column(batch, name)
}

/// Returns a value of a nullable column of text; `None` if it is null.
pub(super) fn optional_text(column: &StringArray, index: usize) -> Option<&str> {
    (!column.is_null(index)).then(|| column.value(index))
}

/// Returns the language of this name; plain text for the name of a language that this program does not know.
pub(super) fn language_or_text(name: &str) -> Language {
    language::language_by_name(name).unwrap_or_else(language::text_language)
}

/// A verifier of the checksums of a batch's rows. Accepts every row in the layout without checksums.
pub(super) struct RowVerifier<'b> {
    checksums: Option<&'b UInt32Array>,
    bytes: RowBytes,
}

impl<'b> RowVerifier<'b> {
    /// Creates a verifier that compares with the column `name`.
    ///
    /// # Errors
    /// When the column is missing or has another type; the error names it.
    pub fn new(batch: &'b RecordBatch, layout: RowLayout, name: &str) -> Result<Self, ArrowError> {
        let checksums = match layout {
            RowLayout::Unchecked => None,
            RowLayout::Checked => Some(typed_column(batch, name)?),
        };
        Ok(Self { checksums, bytes: RowBytes::default() })
    }

    /// Returns whether the row at `index`, whose columns `add` adds, is as it was written; true without checksums.
    pub fn is_intact(&mut self, index: usize, add: impl FnOnce(&mut RowBytes)) -> bool {
        self.checksums.is_none_or(|checksums| self.bytes.checksum_of(add) == checksums.value(index))
    }

    /// Returns the hash of the row at `index`, whose columns `add` adds; `None` if the row is not as it was written.
    pub fn hash_intact(&mut self, index: usize, add: impl FnOnce(&mut RowBytes)) -> Option<u64> {
        let hash = self.bytes.hash_of(add);
        self.checksums.is_none_or(|checksums| checksum32(&self.bytes.0) == checksums.value(index)).then_some(hash)
    }
}

/// The input of a row's checksum: its columns, each text with its length, so that no two different rows have the same
/// bytes.
#[derive(Default)]
pub(super) struct RowBytes(Vec<u8>);

impl RowBytes {
    /// Returns the checksum of the columns that `add` adds.
    pub fn checksum_of(&mut self, add: impl FnOnce(&mut Self)) -> u32 {
        self.0.clear();
        add(self);
        checksum32(&self.0)
    }

    /// Returns the hash of the columns that `add` adds.
    pub fn hash_of(&mut self, add: impl FnOnce(&mut Self)) -> u64 {
        self.0.clear();
        add(self);
        checksum64(&self.0)
    }

    pub fn add_number(&mut self, number: u64) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    pub fn add_text(&mut self, text: &str) {
        self.add_number(text.len() as u64);
        self.0.extend_from_slice(text.as_bytes());
    }

    pub fn add_optional_text(&mut self, text: Option<&str>) {
        self.add_number(u64::from(text.is_some()));
        self.add_text(text.unwrap_or_default());
    }

    pub fn add_halves(&mut self, values: &[f16]) {
        let start = self.0.len();
        self.0.resize(start + values.len() * 2, 0);
        let bytes = self.0[start..].as_chunks_mut().0;
        bytes.iter_mut().zip(values).for_each(|(bytes, value)| *bytes = value.to_le_bytes());
    }
}
