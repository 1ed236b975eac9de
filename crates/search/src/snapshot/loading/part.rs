//! Snapshots of some files of an index whose chunks are not all held in memory.
//!
//! Searches work as in an index in memory, except that words are weighted by the statistics of the whole index, and
//! that lookups among all files go to [`WholeIndex`].

use std::sync::Arc;

use super::super::column_block::ColumnBlockBuilder;
use super::super::columns::SnapshotColumns;
use super::super::file_chunks::split_into_files;
use super::super::{PartStores, Snapshot, SnapshotStores};
use super::whole_index::WholeIndex;
use crate::threads::run_on_search_pool;
use store::inverted_index::{CorpusStatistics, IndexSegment, InvertedIndex, SegmentWriter, Terms};
use store::{IndexSize, StoreError, StoreView, StoredChunk};
use types::FileRecord;

impl Snapshot {
    /// Builds the snapshot of some files of an index, from their chunks in any order. `size` and `statistics` are those
    /// of the whole index.
    ///
    /// # Errors
    /// If a chunk has a vector of other dimensions or too many names, or the words of the chunks exceed 4 GiB.
    pub fn of_part(
        view: Arc<dyn StoreView>,
        whole: Arc<dyn WholeIndex>,
        (size, statistics): (IndexSize, &CorpusStatistics),
        mut chunks: Vec<(StoredChunk, Terms)>,
        mut records: Vec<FileRecord>,
    ) -> Result<Self, StoreError> {
        chunks.sort_unstable_by_key(|(chunk, _)| chunk.number);
        let mut words = SegmentWriter::default();
        let mut builder = ColumnBlockBuilder::new(view.manifest().fingerprint.dimensions as usize);
        for (chunk, terms) in chunks {
            words.add(chunk.number, &terms);
            builder.push(chunk);
        }
        let segment = words.finish().map(|bytes| IndexSegment::from_bytes(&bytes)).transpose();
        let segment =
            segment.map_err(|error| view.inverted_index_error(&error))?.ok_or_else(|| StoreError::Engine {
                operation: "read the words of some files",
                dir: view.manifest().root.clone(),
                message: "they exceed 4 GiB".to_owned(),
            })?;
        let frequencies = Arc::clone(&whole);
        let frequency = move |hash| frequencies.document_frequency(hash);
        let inverted_index = InvertedIndex::of_part(segment, statistics, frequency);
        let files = split_into_files(&Arc::new(builder.finish_for(view.as_ref())?));
        records.sort_by(|a, b| a.path.cmp(&b.path));
        let stores = SnapshotStores::Part(Box::new(PartStores { view, whole, inverted_index, size }));
        let snapshot = run_on_search_pool(|| {
            let columns = Arc::new(SnapshotColumns::from_files(Arc::new(files)));
            let chunks_in_memory = columns.file_indices.len();
            Self::from_columns(stores, records, columns, None, chunks_in_memory)
        });
        Ok(Self { files_indexed: size.files, ..snapshot })
    }

    /// Returns the number of chunks of the index, whether they are in memory or not.
    pub fn indexed_chunks(&self) -> u64 {
        match &self.stores {
            SnapshotStores::Part(part) => part.size.chunks,
            _ => self.chunk_count() as u64,
        }
    }
}
