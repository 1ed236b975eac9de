//! Read-only view of one generation.
//!
//! A view reads exactly the table versions of its commit, so equal calls return equal results.

use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::UInt64Array;
use futures::TryStreamExt;
use lance::Dataset;
use lance::dataset::ProjectionRequest;
use lancedb::query::{ExecutableQuery, QueryBase, Select};

use super::location::IndexLocation;
use super::manifest::CommitRecord;
use super::rows::{self, RowLayout};
use super::segments::{self, SegmentList};
use super::tables::{self, Tables};
use crate::chunk_store::StoreView;
use crate::commit::{ChunkText, RowKey, StoredChunk};
use crate::error::StoreError;
use crate::inverted_index::{InvertedIndex, SegmentError};
use crate::manifest::Manifest;
use types::FileRecord;

/// Maximum number of rows read from a table at once.
const TAKE_ROWS: usize = 8_192;

/// A read-only view of one commit: both tables at its versions, and its segments.
pub(super) struct LanceView {
    location: IndexLocation,
    committed: CommitRecord,
    layout: RowLayout,
    tables: Tables,
    segments: SegmentList,
}

impl LanceView {
    /// Opens the tables and segments of `committed`. Shares the segments that the view `before` has open.
    ///
    /// # Errors
    /// When a table, its version or a segment is missing.
    pub fn open(location: IndexLocation, committed: CommitRecord, before: Option<&Self>) -> Result<Self, StoreError> {
        // Another index in the same folder may have different segments of the same names.
        let before = before.filter(|view| view.committed.rows_generation == committed.rows_generation);
        let segments = SegmentList::open(&location, &committed, before.map(|view| &view.segments))?;
        Self::with_segments(location, committed, segments)
    }

    /// Opens the tables of `committed`, whose segments are already open.
    pub fn with_segments(
        location: IndexLocation,
        committed: CommitRecord,
        segments: SegmentList,
    ) -> Result<Self, StoreError> {
        let connection = tables::open_connection(&location)?;
        let tables = location.block_on("open the tables", Tables::open_pinned(&connection, &committed))?;
        let layout = RowLayout::of_schema(committed.manifest.fingerprint.schema_version);
        Ok(Self { location, committed, layout, tables, segments })
    }

    /// Returns the segments of the inverted index.
    pub fn segments(&self) -> &SegmentList {
        &self.segments
    }

    /// Returns whether this view shows the commit `committed`.
    pub fn shows(&self, committed: &CommitRecord) -> bool {
        self.committed == *committed
    }

    /// Returns the tables.
    #[cfg(test)]
    pub fn tables(&self) -> &Tables {
        &self.tables
    }

    /// Returns the commit that this view shows.
    pub fn committed(&self) -> &CommitRecord {
        &self.committed
    }

    /// Returns the Lance dataset of the chunks table, at this view's version.
    fn chunks_dataset(&self, operation: &'static str) -> Result<Arc<Dataset>, StoreError> {
        match self.tables.chunks.dataset() {
            Some(wrapper) => self.location.block_on(operation, wrapper.get()),
            None => Err(self.location.engine_error(operation, &"the table is not stored locally")),
        }
    }
}

impl StoreView for LanceView {
    fn manifest(&self) -> &Manifest {
        &self.committed.manifest
    }

    fn rows_generation(&self) -> u64 {
        self.committed.rows_generation
    }

    fn files(&self) -> Result<Vec<FileRecord>, StoreError> {
        let operation = "read the files";
        let batches = self
            .location
            .block_on(operation, async { self.tables.files.query().execute().await?.try_collect::<Vec<_>>().await })?;
        let mut files = Vec::new();
        for batch in &batches {
            files.extend(
                rows::decode_files(batch, self.layout)
                    .map_err(|error| self.location.engine_error(operation, &error))?,
            );
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(files)
    }

    fn chunks(&self) -> Result<Vec<StoredChunk>, StoreError> {
        let mut chunks = Vec::new();
        self.for_each_chunk(&mut |chunk| chunks.push(chunk))?;
        chunks.sort_by(compare_positions);
        Ok(chunks)
    }

    fn for_each_chunk(&self, each: &mut dyn FnMut(StoredChunk)) -> Result<(), StoreError> {
        let query = self.tables.chunks.query().select(Select::columns(&self.layout.head_columns())).with_row_id();
        self.location.block_on("read the chunks", async {
            let mut batches = query.execute().await?;
            // LanceDB decodes the next batches in the meantime.
            while let Some(batch) = batches.try_next().await? {
                let read = rows::typed_column::<UInt64Array>(&batch, "_rowid")
                    .and_then(|keys| rows::decode_chunks(&batch, self.layout, keys.values(), each));
                read.map_err(|source| lancedb::Error::Arrow { source })?;
            }
            Ok::<_, lancedb::Error>(())
        })
    }

    fn snapshot_cache_path(&self) -> Option<PathBuf> {
        Some(self.location.dir.join("resident"))
    }

    fn row_keys(&self) -> Result<Vec<RowKey>, StoreError> {
        let operation = "read the chunks' keys";
        let dataset = self.chunks_dataset(operation)?;
        self.location.block_on(operation, tables::list_row_keys(&dataset))
    }

    fn chunks_by_key(&self, rows: &[RowKey]) -> Result<Vec<StoredChunk>, StoreError> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let operation = "read some chunks";
        let dataset = self.chunks_dataset(operation)?;
        let mut keys = rows.to_vec();
        keys.sort_unstable();
        keys.dedup();
        let mut chunks = Vec::with_capacity(keys.len());
        for part in keys.chunks(TAKE_ROWS) {
            let projection = ProjectionRequest::from_columns(self.layout.head_columns(), dataset.schema());
            let batch = self.location.block_on(operation, dataset.take_rows(part, projection))?;
            rows::decode_chunks(&batch, self.layout, part, &mut |chunk| chunks.push(chunk))
                .map_err(|error| self.location.engine_error(operation, &error))?;
        }
        chunks.sort_by(compare_positions);
        Ok(chunks)
    }

    fn inverted_index(&self) -> &InvertedIndex {
        self.segments.index()
    }

    fn inverted_index_error(&self, error: &SegmentError) -> StoreError {
        segments::read_error(&self.location, error)
    }

    fn chunk_texts(&self, rows: &[RowKey]) -> Result<Vec<ChunkText>, StoreError> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let operation = "read chunks' texts";
        let dataset = self.chunks_dataset(operation)?;
        let projection = ProjectionRequest::from_columns(self.layout.text_columns(), dataset.schema());
        let batch = self.location.block_on(operation, dataset.take_rows(rows, projection))?;
        if batch.num_rows() != rows.len() {
            return Err(self.location.engine_error(operation, &"a row belongs to another generation"));
        }
        rows::decode_chunk_texts(&batch, self.layout).map_err(|error| self.location.engine_error(operation, &error))
    }
}

/// Orders chunks by file, then by line.
fn compare_positions(a: &StoredChunk, b: &StoredChunk) -> std::cmp::Ordering {
    a.path.cmp(&b.path).then(a.span.cmp(&b.span))
}
