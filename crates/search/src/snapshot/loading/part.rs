//! Snapshots of a part of an index whose chunks are not all held in memory.
//!
//! A call says what it looks for ([`PartRequest`]), and a [`WholeIndex`] loads the files that may have it. Everything after
//! that is the same as for an index in memory: words are weighted by the statistics of the whole index, and what the
//! ranking knows of all files comes from [`WholeIndex`].

use std::collections::HashSet;
use std::sync::Arc;

use super::super::chunk_keys::ChunkKeys;
use super::super::column_block::ColumnBlockBuilder;
use super::super::file_chunks::split_into_files;
use super::super::{Snapshot, SnapshotStores};
use super::{finish_block, vector_width};
use crate::names::name_query::NameQuery;
use crate::query::error::QueryError;
use crate::query::file_filter::FileFilter;
use crate::query::parsed_query::CheckedQuery;
use crate::query::request::FolderScope;
use crate::query::terms::IndexLookup;
use crate::threads::run_on_search_pool;
use embed::Embedder;
use store::inverted_index::{CorpusStatistics, IndexSegment, InvertedIndex, SegmentError, SegmentWriter, Terms};
use store::{Manifest, StoreError, StoreView, StoredChunk};
use types::{FileRecord, RepoPath};

/// What a call looks for in an index whose chunks are not all held in memory.
pub enum PartRequest<'q> {
    /// Files that may answer a query.
    Query { query: &'q CheckedQuery, folders: &'q FolderScope, embedder: &'q dyn Embedder },
    /// Files with the chunks nearest to a vector.
    Vector { vector: &'q [f32], filter: &'q FileFilter },
    /// Files that define a name or a similar one.
    Name(&'q NameQuery),
    /// Files that contain an identifier.
    Identifier(&'q str),
    /// These files.
    Files(&'q [RepoPath]),
    /// Files in and below a folder; empty for the whole index.
    Folder(&'q str),
}

/// An index whose chunks are not all held in memory.
pub trait WholeIndex: IndexLookup + Send + Sync {
    /// Loads the files that a call needs.
    ///
    /// # Errors
    /// If the store cannot be read, or the query cannot be embedded.
    fn load_part(self: Arc<Self>, request: &PartRequest<'_>) -> Result<Snapshot, QueryError>;

    /// Returns the root folders of projects; see [`Snapshot`].
    fn project_folders(&self) -> &HashSet<String>;

    /// Returns the number of chunks that contain the term with this hash.
    ///
    /// # Errors
    /// If the inverted index cannot be read.
    fn document_frequency(&self, hash: u64) -> Result<u32, SegmentError>;
}

/// The store of a part of an index.
pub(in crate::snapshot) struct PartStores {
    pub view: Arc<dyn StoreView>,
    pub whole: Arc<dyn WholeIndex>,
    /// The words of the loaded chunks.
    pub inverted_index: InvertedIndex,
}

impl Snapshot {
    /// Builds the snapshot of some files of an index, from their chunks in any order.
    ///
    /// # Errors
    /// If a chunk does not fit.
    pub fn of_part(
        view: Arc<dyn StoreView>,
        whole: Arc<dyn WholeIndex>,
        statistics: &CorpusStatistics,
        mut chunks: Vec<(StoredChunk, Terms)>,
        mut records: Vec<FileRecord>,
    ) -> Result<Self, StoreError> {
        chunks.sort_unstable_by_key(|(chunk, _)| chunk.number);
        let mut words = SegmentWriter::default();
        let mut builder = ColumnBlockBuilder::new(vector_width(view.as_ref()));
        for (chunk, terms) in chunks {
            words.add(chunk.number, &terms);
            builder.push(chunk);
        }
        let segment = words.finish().map(|bytes| IndexSegment::from_bytes(&bytes)).transpose();
        let segment = segment.map_err(|error| view.inverted_index_error(&error))?.ok_or_else(|| StoreError::Engine {
            operation: "read the words of some files",
            dir: view.manifest().root.clone(),
            message: "they exceed 4 GiB".to_owned(),
        })?;
        let frequencies = Arc::clone(&whole);
        let frequency = move |hash| frequencies.document_frequency(hash);
        let inverted_index = InvertedIndex::of_part(segment, statistics, frequency);
        let files = split_into_files(finish_block(builder, view.as_ref())?);
        records.sort_by(|a, b| a.path.cmp(&b.path));
        let files_indexed = view.manifest().files_found;
        let stores = SnapshotStores::Part(Box::new(PartStores { view, whole, inverted_index }));
        let snapshot = run_on_search_pool(|| {
            let keys = ChunkKeys::from_files(&files);
            let chunks_in_memory = keys.rows.len();
            Self::from_files(stores, records, files, keys, chunks_in_memory)
        });
        Ok(Self { files_indexed, ..snapshot })
    }

    /// Returns whether the index has more chunks than are held in memory. Then only the files are in the snapshot that were
    /// loaded for a call.
    pub fn is_part(&self) -> bool {
        self.whole().is_some()
    }

    /// Returns the snapshot in which a call finds what it looks for: this one if all chunks are in memory.
    ///
    /// # Errors
    /// Fails like [`WholeIndex::load_part`].
    pub fn load_part(self: &Arc<Self>, request: &PartRequest<'_>) -> Result<Arc<Self>, QueryError> {
        match self.whole() {
            Some(whole) => Arc::clone(whole).load_part(request).map(Arc::new),
            None => Ok(Arc::clone(self)),
        }
    }

    /// Returns the index that this snapshot is a part of; `None` if all chunks are in memory.
    pub(crate) fn whole(&self) -> Option<&Arc<dyn WholeIndex>> {
        match &self.stores {
            SnapshotStores::Part(part) => Some(&part.whole),
            _ => None,
        }
    }
}

impl PartStores {
    pub fn manifest(&self) -> &Manifest {
        self.view.manifest()
    }
}
