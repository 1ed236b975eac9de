//! One generation, read-only.
//!
//! Invariants: a view reads the table versions of its commit and no others; equal calls give equal
//! answers. Must never import: anything above `store`.

use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::{StringArray, UInt64Array};
use futures::TryStreamExt;
use lance::Dataset;
use lance::dataset::ProjectionRequest;
use lancedb::query::{ExecutableQuery, QueryBase, Select};

use super::manifest::Committed;
use super::tables::{self, Tables};
use super::words::{self, Words};
use super::{Place, rows};
use crate::lexical::{Index, SegmentError};
use crate::store::{ChunkText, Manifest, RowKey, StoreError, StoreView, StoredChunk};
use crate::types::FileRecord;

/// Rows taken out of a table at once.
const TAKE_ROWS: usize = 8_192;

/// Both tables, held at the versions of one commit.
pub(super) struct LanceView {
    place: Place,
    committed: Committed,
    tables: Tables,
    words: Words,
}

impl LanceView {
    /// Opens the tables that `committed` names, at the versions it names, and the words; those that
    /// an earlier view has open are shared with it.
    ///
    /// # Errors
    /// When a table, its version or a segment of the words is not there.
    pub fn open(place: Place, committed: Committed, before: Option<&Self>) -> Result<Self, StoreError> {
        // Another index in the same folder has segments of the same names.
        let before = before.filter(|view| view.committed.rows_epoch == committed.rows_epoch);
        let words = Words::open(&place, &committed, before.map(|view| &view.words))?;
        Self::with_words(place, committed, words)
    }

    /// As [`LanceView::open`], the words being open already.
    pub fn with_words(place: Place, committed: Committed, words: Words) -> Result<Self, StoreError> {
        let connection = tables::connect(&place)?;
        let tables = place.block_on("open the tables", Tables::pinned(&connection, &committed))?;
        Ok(Self { place, committed, tables, words })
    }

    /// The segments of the word index.
    pub fn segments(&self) -> &Words {
        &self.words
    }

    /// Whether this is the view of that commit.
    pub fn is_of(&self, committed: &Committed) -> bool {
        self.committed == *committed
    }

    /// The tables, to look into.
    #[cfg(test)]
    pub fn tables(&self) -> &Tables {
        &self.tables
    }

    /// The commit this is the view of.
    pub fn committed(&self) -> &Committed {
        &self.committed
    }

    /// The chunks as Lance has them, at this view's version.
    fn dataset(&self, operation: &'static str) -> Result<Arc<Dataset>, StoreError> {
        match self.tables.chunks.dataset() {
            Some(wrapper) => self.place.block_on(operation, wrapper.get()),
            None => Err(self.place.failed(operation, &"the table is not a local one")),
        }
    }
}

impl StoreView for LanceView {
    fn manifest(&self) -> &Manifest {
        &self.committed.manifest
    }

    fn rows_epoch(&self) -> u64 {
        self.committed.rows_epoch
    }

    fn files(&self) -> Result<Vec<FileRecord>, StoreError> {
        let operation = "read the files";
        let batches = self
            .place
            .block_on(operation, async { self.tables.files.query().execute().await?.try_collect::<Vec<_>>().await })?;
        let mut files = Vec::new();
        for batch in &batches {
            files.extend(rows::read_files(batch).map_err(|error| self.place.failed(operation, &error))?);
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(files)
    }

    fn chunks(&self) -> Result<Vec<StoredChunk>, StoreError> {
        let mut chunks = Vec::new();
        self.each_chunk(&mut |chunk| chunks.push(chunk))?;
        chunks.sort_by(by_place);
        Ok(chunks)
    }

    fn each_chunk(&self, each: &mut dyn FnMut(StoredChunk)) -> Result<(), StoreError> {
        let query = self.tables.chunks.query().select(Select::columns(&rows::KEPT)).with_row_id();
        self.place.block_on("read the chunks", async {
            let mut batches = query.execute().await?;
            // LanceDB decodes the next batches meanwhile.
            while let Some(batch) = batches.try_next().await? {
                let read = rows::column::<UInt64Array>(&batch, "_rowid")
                    .and_then(|keys| rows::read_chunks(&batch, keys.values(), each));
                read.map_err(|source| lancedb::Error::Arrow { source })?;
            }
            Ok::<_, lancedb::Error>(())
        })
    }

    fn kept_at(&self) -> Option<PathBuf> {
        Some(self.place.dir.join("resident"))
    }

    fn rows(&self) -> Result<Vec<RowKey>, StoreError> {
        let operation = "read the chunks' keys";
        let dataset = self.dataset(operation)?;
        self.place.block_on(operation, tables::keys(&dataset))
    }

    fn chunks_of(&self, wanted: &[RowKey]) -> Result<Vec<StoredChunk>, StoreError> {
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let operation = "read some chunks";
        let dataset = self.dataset(operation)?;
        let mut keys = wanted.to_vec();
        keys.sort_unstable();
        keys.dedup();
        let mut chunks = Vec::with_capacity(keys.len());
        for part in keys.chunks(TAKE_ROWS) {
            let projection = ProjectionRequest::from_columns(rows::KEPT, dataset.schema());
            let batch = self.place.block_on(operation, dataset.take_rows(part, projection))?;
            rows::read_chunks(&batch, part, &mut |chunk| chunks.push(chunk))
                .map_err(|error| self.place.failed(operation, &error))?;
        }
        chunks.sort_by(by_place);
        Ok(chunks)
    }

    fn words(&self) -> &Index {
        self.words.index()
    }

    fn unreadable_words(&self, error: &SegmentError) -> StoreError {
        words::failed(&self.place, error)
    }

    fn texts(&self, rows: &[RowKey]) -> Result<Vec<ChunkText>, StoreError> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let operation = "read chunks' texts";
        let dataset = self.dataset(operation)?;
        let projection = ProjectionRequest::from_columns(["text", "signature"], dataset.schema());
        let batch = self.place.block_on(operation, dataset.take_rows(rows, projection))?;
        let column =
            |name| rows::column::<StringArray>(&batch, name).map_err(|error| self.place.failed(operation, &error));
        let (texts, signatures) = (column("text")?, column("signature")?);
        if batch.num_rows() != rows.len() {
            return Err(self.place.failed(operation, &"a row is of another generation"));
        }
        let text =
            |index| ChunkText { text: texts.value(index).to_owned(), signature: signatures.value(index).to_owned() };
        Ok((0..rows.len()).map(text).collect())
    }
}

/// Grouped by file, in line order.
fn by_place(a: &StoredChunk, b: &StoredChunk) -> std::cmp::Ordering {
    a.path.cmp(&b.path).then(a.span.cmp(&b.span))
}
