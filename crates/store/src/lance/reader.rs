//! Read-only view of one generation.
//!
//! A view reads exactly the table versions of its commit, so equal calls return equal results.

mod recent_texts;
mod search;
mod text_readers;
mod texts;
pub mod view_slot;

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use arrow_array::{RecordBatch, UInt64Array};
use arrow_schema::ArrowError;
use futures::TryStreamExt;
use lance::Dataset;
use lance::dataset::ProjectionRequest;
use lancedb::query::{ExecutableQuery, QueryBase, Select};

use self::recent_texts::RecentTexts;
use self::text_readers::TextReaders;
use super::location::{IndexLocation, SNAPSHOT_CACHE};
use super::lock::ReaderLock;
use super::manifest::{self, CommitRecord, RowDigest};
use super::rows::{self, RowLayout, TreeStats};
use super::segments::{self, SegmentList};
use super::tables::{self, Tables};
use crate::chunk_store::{HeldFiles, StoreView};
use crate::commit::{ChunkText, RowKey, StoredChunk};
use crate::damage::StoreDamage;
use crate::error::StoreError;
use crate::inverted_index::{InvertedIndex, SegmentDictionary, SegmentError};
use crate::manifest::{Manifest, SavedTree};
use crate::search_indexes::SearchIndexes;
use platform::cancel::CancelToken;
use types::{FileOutcome, FileRecord, RepoPath};

/// The rows of the files table: records with the hashes of their rows.
pub(super) type HashedFiles = Vec<(FileRecord, u64)>;

/// Receives a batch of rows with their keys.
type BatchVisitor<'v> = dyn FnMut(&RecordBatch, &[RowKey]) -> Result<(), ArrowError> + 'v;

/// Maximum number of rows that [`StoreView::chunks_by_key`] reads at once.
const TAKE_ROWS: usize = 8_192;

/// A read-only view of one commit: both tables at its versions, and its segments.
pub(super) struct LanceView {
    location: IndexLocation,
    committed: CommitRecord,
    layout: RowLayout,
    tables: Tables,
    /// The segments, which a view that is searched by its search indexes opens on first use.
    segments: OnceLock<SegmentList>,
    /// The dictionaries of the segments, opened on first use.
    dictionaries: OnceLock<Vec<SegmentDictionary>>,
    /// Whether a segment could not be opened on first use.
    lacks_segments: AtomicBool,
    /// Number of chunks above which a reader uses search indexes.
    resident_chunks: u64,
    /// The rows of the files table, while a caller holds them.
    files: Mutex<Weak<HashedFiles>>,
    /// The views of saved commits that this view has opened.
    opened_saved: Mutex<Vec<(u64, Weak<Self>)>>,
    /// Number of damaged rows that reads have met, counted again in each read; reset by a check that finds no damage.
    damaged_rows: AtomicU64,
    recent_texts: RecentTexts,
    text_readers: TextReaders,
    /// Tells writers that the commit is read; `None` for a writer's own views, and where files cannot be locked.
    _lock: Option<ReaderLock>,
}

impl LanceView {
    /// Opens the tables and segments of `committed`. Shares the segments that the view `before` of the same index has
    /// open.
    ///
    /// # Errors
    /// When a table, its version or a segment is missing or damaged.
    pub fn open(location: IndexLocation, committed: CommitRecord, before: Option<&Self>) -> Result<Self, StoreError> {
        let before = before.filter(|view| view.is_of_index(&committed));
        check_tables(&location, &committed, before)?;
        let segments = SegmentList::open(&location, &committed, before.and_then(|view| view.segments.get()))?;
        Self::with_segments(location, committed, segments)
    }

    /// Opens the tables and segments of `committed` like [`LanceView::open`], but leaves the segments to be opened on
    /// first use if the commit has more than `resident_chunks` chunks and search indexes. Holds `lock` as long as the
    /// view exists.
    ///
    /// # Errors
    /// Fails like [`LanceView::open`].
    pub fn open_to_read(
        location: IndexLocation,
        committed: CommitRecord,
        before: Option<&Self>,
        resident_chunks: u64,
        lock: Option<ReaderLock>,
    ) -> Result<Self, StoreError> {
        let is_resident = committed.searchable_chunks.is_none_or(|chunks| chunks <= resident_chunks);
        let view = if is_resident {
            Self::open(location, committed, before)?
        } else {
            check_tables(&location, &committed, before.filter(|view| view.is_of_index(&committed)))?;
            Self::open_tables(location, committed)?
        };
        Ok(Self { resident_chunks, _lock: lock, ..view })
    }

    /// Opens the tables of `committed`, whose segments are already open.
    pub fn with_segments(
        location: IndexLocation,
        committed: CommitRecord,
        segments: SegmentList,
    ) -> Result<Self, StoreError> {
        let view = Self::open_tables(location, committed)?;
        _ = view.segments.set(segments);
        Ok(view)
    }

    fn open_tables(location: IndexLocation, committed: CommitRecord) -> Result<Self, StoreError> {
        let connection = tables::open_connection(&location)?;
        let tables = location.block_on_read("open the tables", Tables::open_pinned(&connection, &committed))?;
        let layout = RowLayout::of_schema(committed.manifest.fingerprint.schema_version);
        Ok(Self {
            location,
            committed,
            layout,
            tables,
            segments: OnceLock::new(),
            dictionaries: OnceLock::new(),
            lacks_segments: AtomicBool::new(false),
            resident_chunks: u64::MAX,
            files: Mutex::default(),
            opened_saved: Mutex::default(),
            damaged_rows: AtomicU64::new(0),
            recent_texts: RecentTexts::default(),
            text_readers: TextReaders::default(),
            _lock: None,
        })
    }

    /// Returns whether `committed` is of the same index as this view. Another index in the same folder may have different
    /// files of the same names.
    fn is_of_index(&self, committed: &CommitRecord) -> bool {
        let lineage = |committed: &CommitRecord| (committed.rows_generation, committed.manifest.origin_id());
        lineage(&self.committed) == lineage(committed)
    }

    /// Sets the digest of the chunks' row keys in the commit record in memory, and returns the record.
    ///
    /// # Errors
    /// When the keys cannot be read.
    pub fn add_chunk_digest(&mut self) -> Result<CommitRecord, StoreError> {
        self.committed.chunk_rows = Some(RowDigest::of_keys(&self.row_keys()?));
        Ok(self.committed.clone())
    }

    /// Returns every file record with the hash of its row, sorted by path. The metadata in some records may differ from
    /// that of the file ([`TreeStats`]).
    ///
    /// # Errors
    /// When the table cannot be read, or a record is damaged or missing.
    pub fn read_files(&self) -> Result<Arc<HashedFiles>, StoreError> {
        // Locked while the rows are read, so that threads that start together read them once.
        let mut held = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(files) = held.upgrade() {
            return Ok(files);
        }
        let files = Arc::new(self.read_hashed_files()?);
        *held = Arc::downgrade(&files);
        Ok(files)
    }

    /// Uses the rows of the files table that `other` has in memory, if they are the rows of this commit.
    pub fn share_files(&self, other: &Self) {
        let rows = |view: &Self| view.committed.file_rows;
        if rows(self).is_some() && rows(self) == rows(other) {
            let held = other.files.lock().unwrap_or_else(PoisonError::into_inner).clone();
            *self.files.lock().unwrap_or_else(PoisonError::into_inner) = held;
        }
    }

    /// Returns the view of a saved commit that this view has opened; `None` if nothing uses it any more.
    pub fn find_opened_saved(&self, generation: u64) -> Option<Arc<Self>> {
        let opened = self.opened_saved.lock().unwrap_or_else(PoisonError::into_inner);
        opened.iter().find(|(other, _)| *other == generation)?.1.upgrade()
    }

    fn read_hashed_files(&self) -> Result<HashedFiles, StoreError> {
        let operation = "read the files";
        let batches = self.location.block_on_read(operation, async {
            self.tables.files.query().execute().await?.try_collect::<Vec<_>>().await
        })?;
        self.forget_metadata(operation)?;
        let mut files = Vec::new();
        for batch in &batches {
            let decoded = rows::decode_files(batch, self.layout);
            files.extend(decoded.map_err(|error| self.location.damage_error(operation, &error))?);
        }
        let found = RowDigest::of_hashes(files.iter().map(|(_, hash)| *hash));
        self.check_digest(operation, self.committed.file_rows, found)?;
        // Sorted once for all callers of `files`, which share the rows.
        files.sort_unstable_by(|(a, _), (b, _)| a.path.cmp(&b.path));
        Ok(files)
    }

    /// Compares the digest of the rows that were read with that of the commit, if it has one.
    ///
    /// # Errors
    /// When the digests differ.
    fn check_digest(
        &self,
        operation: &'static str,
        wanted: Option<RowDigest>,
        found: RowDigest,
    ) -> Result<(), StoreError> {
        if wanted.is_none_or(|wanted| wanted == found) {
            return Ok(());
        }
        Err(self.location.damage_error(operation, &"the rows are not those that were written"))
    }

    /// Reads all chunks without their texts, calls `each` with the intact ones, and returns the number of damaged rows.
    fn read_heads(&self, each: &mut dyn FnMut(StoredChunk)) -> Result<u64, StoreError> {
        let operation = "read the chunks";
        let (mut damaged, mut read) = (0, RowDigest::default());
        self.scan_chunks(operation, &self.layout.head_columns(), &mut |batch, keys| {
            keys.iter().for_each(|key| read.add_key(*key));
            damaged += rows::decode_chunks(batch, self.layout, keys, each)?;
            Ok(())
        })?;
        self.check_digest(operation, self.committed.chunk_rows, read)?;
        self.damaged_rows.fetch_add(damaged, Ordering::Relaxed);
        Ok(damaged)
    }

    /// Reads these columns of all chunks and calls `each` with every batch and its row keys.
    fn scan_chunks(
        &self,
        operation: &'static str,
        columns: &[&str],
        each: &mut BatchVisitor<'_>,
    ) -> Result<(), StoreError> {
        let query = self.tables.chunks.query().select(Select::columns(columns)).with_row_id();
        self.location.block_on_read(operation, async {
            let mut batches = query.execute().await?;
            // LanceDB decodes the next batches in the meantime.
            while let Some(batch) = batches.try_next().await? {
                rows::typed_column::<UInt64Array>(&batch, "_rowid")
                    .and_then(|keys| each(&batch, keys.values()))
                    .map_err(|source| lancedb::Error::Arrow { source })?;
            }
            Ok::<_, lancedb::Error>(())
        })?;
        self.forget_metadata(operation)
    }

    /// Drops the metadata of files that LanceDB keeps. After a whole table was read, that is several megabytes, of which
    /// searches need little.
    fn forget_metadata(&self, operation: &'static str) -> Result<(), StoreError> {
        let session = self.chunks_dataset(operation)?.session();
        self.location.block_on_read(operation, async {
            session.file_metadata_cache().clear().await;
            Ok::<_, lancedb::Error>(())
        })
    }

    /// Verifies the rows and the segments, and returns the files with damaged texts; none if it is cancelled before it
    /// reads the texts.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] for all other damage; otherwise when the data cannot be read.
    fn find_damaged_texts(&self, cancel: &CancelToken) -> Result<BTreeSet<RepoPath>, StoreError> {
        let operation = "read the chunks";
        let mut counts: HashMap<RepoPath, u32> = HashMap::new();
        let damaged = self.read_heads(&mut |chunk| *counts.entry(chunk.path).or_default() += 1)?;
        if damaged > 0 {
            return Err(self.location.damage_error(operation, &format!("{damaged} rows are damaged")));
        }
        // Rows in memory do not show what is on disk.
        for (record, _) in self.read_hashed_files()? {
            let FileOutcome::Indexed { chunks, .. } = record.content.outcome else { continue };
            let found = counts.remove(&record.path).unwrap_or(0);
            if found != chunks {
                let problem = format!("{} has {found} chunks, its record says {chunks}", record.path);
                return Err(self.location.damage_error(operation, &problem));
            }
        }
        self.row_keys()?;
        if self.lacks_segments.load(Ordering::Relaxed) {
            return Err(self.location.damage_error("read the inverted index", &"a segment cannot be opened"));
        }
        for segment in self.segments().index().segments() {
            if cancel.is_cancelled() {
                return Ok(BTreeSet::new());
            }
            segment.verify().map_err(|error| self.inverted_index_error(&error))?;
        }
        let mut rows = Vec::new();
        self.scan_chunks("read chunks' texts", &self.layout.text_columns(), &mut |batch, keys| {
            let texts = rows::decode_chunk_texts(batch, self.layout)?;
            rows.extend(keys.iter().zip(texts).filter(|(_, text)| text.is_damaged).map(|(key, _)| *key));
            Ok(())
        })?;
        Ok(self.chunks_by_key(&rows)?.into_iter().map(|chunk| chunk.path).collect())
    }

    /// Returns the segments of the inverted index, opened on first use; none if one of them cannot be opened then.
    pub fn segments(&self) -> &SegmentList {
        self.segments.get_or_init(|| {
            SegmentList::open(&self.location, &self.committed, None).unwrap_or_else(|error| {
                tracing::warn!("{error}");
                self.lacks_segments.store(true, Ordering::Relaxed);
                SegmentList::default()
            })
        })
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
            Some(wrapper) => self.location.block_on_read(operation, wrapper.get()),
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

    fn hold_files(&self) -> Result<Option<HeldFiles>, StoreError> {
        Ok(Some(self.read_files()?))
    }

    fn files(&self) -> Result<Vec<FileRecord>, StoreError> {
        let mut files: Vec<FileRecord> = self.read_files()?.iter().map(|(record, _)| record.clone()).collect();
        TreeStats::read(&self.location).apply(&mut files, self.committed.manifest.origin.is_some());
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
        self.read_heads(each).map(drop)
    }

    fn snapshot_cache_path(&self) -> Option<PathBuf> {
        // Only chunks in memory have a cache.
        self.location.remote.is_none().then(|| self.location.dir.join(SNAPSHOT_CACHE))
    }

    fn row_keys(&self) -> Result<Vec<RowKey>, StoreError> {
        let operation = "read the chunks' keys";
        let dataset = self.chunks_dataset(operation)?;
        let keys = self.location.block_on_read(operation, tables::list_row_keys(&dataset))?;
        self.check_digest(operation, self.committed.chunk_rows, RowDigest::of_keys(&keys))?;
        Ok(keys)
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
            let batch = self.location.block_on_read(operation, dataset.take_rows(part, projection))?;
            let damaged = rows::decode_chunks(&batch, self.layout, part, &mut |chunk| chunks.push(chunk))
                .map_err(|error| self.location.damage_error(operation, &error))?;
            self.damaged_rows.fetch_add(damaged, Ordering::Relaxed);
        }
        chunks.sort_by(compare_positions);
        Ok(chunks)
    }

    fn inverted_index(&self) -> &InvertedIndex {
        self.segments().index()
    }

    fn search_indexes(self: Arc<Self>) -> Option<Arc<dyn SearchIndexes>> {
        let is_used = self.committed.searchable_chunks.is_some_and(|chunks| chunks > self.resident_chunks);
        is_used.then_some(self as Arc<dyn SearchIndexes>)
    }

    fn lacks_search_indexes(&self) -> Result<bool, StoreError> {
        if self.committed.searchable_chunks.is_some() || self.resident_chunks == u64::MAX {
            return Ok(false);
        }
        let rows = self.location.block_on_read("count the chunks", self.tables.chunks.count_rows(None))?;
        Ok(rows as u64 > self.resident_chunks)
    }

    fn inverted_index_error(&self, error: &SegmentError) -> StoreError {
        segments::read_error(&self.location, error)
    }

    fn chunk_texts(&self, rows: &[RowKey]) -> Result<Vec<ChunkText>, StoreError> {
        self.recent_texts.get_or_read(rows, |missing| self.take_texts(missing))
    }

    fn saved_trees(&self) -> Vec<(u64, SavedTree)> {
        self.committed.saved.iter().map(|saved| (saved.generation(), saved.tree.clone())).collect()
    }

    fn open_saved(&self, generation: u64) -> Result<Option<Arc<dyn StoreView>>, StoreError> {
        let Some(saved) = self.committed.find_saved(generation) else { return Ok(None) };
        let record = saved.to_record();
        let lock = record.lock_for_reader(&self.location);
        let view = Arc::new(Self { _lock: lock, ..Self::open(self.location.clone(), record, Some(self))? });
        let mut opened = self.opened_saved.lock().unwrap_or_else(PoisonError::into_inner);
        opened.retain(|(other, view)| *other != generation && view.strong_count() > 0);
        opened.push((generation, Arc::downgrade(&view)));
        Ok(Some(view))
    }

    fn has_met_damage(&self) -> bool {
        self.damaged_rows.load(Ordering::Relaxed) > 0
            || self.lacks_segments.load(Ordering::Relaxed)
            || self.segments.get().is_some_and(|segments| segments.index().has_met_damage())
    }

    fn verify(&self, cancel: &CancelToken) -> Result<StoreDamage, StoreError> {
        let is_manifest_damaged = manifest::is_manifest_damaged(&self.location)?;
        if self.location.remote.is_some() {
            // What is remote is verified where it is, and each range of it when it is read.
            return Ok(StoreDamage { files: BTreeSet::new(), whole: None, is_manifest_damaged });
        }
        match self.find_damaged_texts(cancel) {
            Ok(files) => {
                if files.is_empty() && !cancel.is_cancelled() {
                    self.damaged_rows.store(0, Ordering::Relaxed);
                }
                Ok(StoreDamage { files, whole: None, is_manifest_damaged })
            }
            Err(error) => match error.damage_reason() {
                Some(reason) => Ok(StoreDamage { files: BTreeSet::new(), whole: Some(reason), is_manifest_damaged }),
                None => Err(error),
            },
        }
    }
}

/// Checks the metadata of the tables of `committed`, except for the files that were checked for the view `before`.
///
/// # Errors
/// When a file is missing or damaged, or cannot be read.
fn check_tables(
    location: &IndexLocation,
    committed: &CommitRecord,
    before: Option<&LanceView>,
) -> Result<(), StoreError> {
    let known = before.map(|view| &view.committed);
    tables::check_metadata(location, &committed.chunks, known.map(|known| &known.chunks))?;
    tables::check_metadata(location, &committed.files, known.map(|known| &known.files))
}

/// Orders chunks by file, then by line.
fn compare_positions(a: &StoredChunk, b: &StoredChunk) -> std::cmp::Ordering {
    a.path.cmp(&b.path).then(a.span.cmp(&b.span))
}
