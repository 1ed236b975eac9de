//! The store in memory, for tests and for builds without LanceDB.
//!
//! A simple implementation of [`ChunkStore`]; its content is lost when the process ends.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::chunk_store::{ChunkStore, StoreView, StoreWriter};
use crate::commit::{ChunkText, Commit, CommitStatus, EmbeddedChunk, RowKey, StoredChunk};
use crate::error::StoreError;
use crate::inverted_index::{DocNumber, IndexSegment, InvertedIndex, SegmentError, SegmentWriter};
use crate::manifest::{IndexFingerprint, Manifest};
use platform::clock::now_ms;
use types::{FileRecord, Generation, RepoPath};

/// The rows generation of the next writer in this process that starts from an empty store.
static NEXT_ROWS_GENERATION: AtomicU64 = AtomicU64::new(1);

/// The files of a generation, each with its record and chunks.
type FileRows = BTreeMap<RepoPath, (FileRecord, Arc<Vec<(RowKey, EmbeddedChunk)>>)>;

/// A store in memory. Clones share their content.
#[derive(Clone)]
pub struct MemoryStore {
    root: PathBuf,
    shared: Arc<Mutex<MemoryState>>,
}

#[derive(Default)]
struct MemoryState {
    view: Option<Arc<MemoryView>>,
    locked: bool,
    /// Key of the next row; keys are never reused.
    next_row: RowKey,
}

struct MemoryView {
    manifest: Manifest,
    rows_generation: u64,
    rows: FileRows,
    /// Chunks by path, in line order.
    chunks: Vec<(RowKey, EmbeddedChunk)>,
    /// Index into `chunks` of each row.
    positions: BTreeMap<RowKey, u32>,
    inverted_index: InvertedIndex,
}

impl MemoryStore {
    /// Creates an empty store for the folder `root`.
    pub fn new(root: PathBuf) -> Self {
        Self { root, shared: Arc::default() }
    }

    fn shared(&self) -> MutexGuard<'_, MemoryState> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ChunkStore for MemoryStore {
    fn generation(&self) -> Result<Option<Generation>, StoreError> {
        Ok(self.shared().view.as_ref().map(|view| view.generation()))
    }

    fn view(&self) -> Result<Option<Arc<dyn StoreView>>, StoreError> {
        Ok(self.shared().view.clone().map(|view| view as Arc<dyn StoreView>))
    }

    fn writer(&self, fingerprint: &IndexFingerprint, fresh: bool) -> Result<Box<dyn StoreWriter>, StoreError> {
        let mut shared = self.shared();
        if shared.locked {
            return Err(StoreError::Locked { dir: self.root.clone(), holder: "this process".to_owned() });
        }
        shared.locked = true;
        let generation = shared.view.as_ref().map_or(0, |view| view.manifest.generation);
        let base = shared.view.clone().filter(|view| !fresh && fingerprint.fits_tables_of(&view.manifest.fingerprint));
        let rows_generation = base
            .as_ref()
            .map_or_else(|| NEXT_ROWS_GENERATION.fetch_add(1, Ordering::Relaxed), |view| view.rows_generation);
        Ok(Box::new(MemoryWriter {
            store: self.clone(),
            fingerprint: fingerprint.clone(),
            base,
            generation,
            rows_generation,
            defers_publication: false,
        }))
    }

    fn size_bytes(&self) -> u64 {
        0
    }
}

struct MemoryWriter {
    store: MemoryStore,
    fingerprint: IndexFingerprint,
    base: Option<Arc<MemoryView>>,
    generation: u64,
    rows_generation: u64,
    /// Whether commits are published only at the end ([`StoreWriter::defer_publication`]).
    defers_publication: bool,
}

impl MemoryWriter {
    fn publish_commit(&mut self, rows: FileRows, state: &CommitStatus) -> Result<Manifest, StoreError> {
        self.generation += 1;
        let manifest = Manifest {
            generation: self.generation,
            fingerprint: self.fingerprint.clone(),
            root: self.store.root.clone(),
            complete: state.complete,
            files_found: state.files_found,
            skipped: state.skipped.clone(),
            committed_at_ms: now_ms(),
            head: state.head.clone(),
            is_empty: rows.values().all(|(_, chunks)| chunks.is_empty()),
            origin: None,
        };
        let view = Arc::new(MemoryView::new(manifest.clone(), self.rows_generation, rows)?);
        if state.complete || !self.defers_publication {
            self.store.shared().view = Some(Arc::clone(&view));
        }
        self.base = Some(view);
        Ok(manifest)
    }

    fn rows(&self) -> FileRows {
        self.base.as_ref().map(|view| view.rows.clone()).unwrap_or_default()
    }
}

impl StoreWriter for MemoryWriter {
    fn base(&self) -> Option<Arc<dyn StoreView>> {
        self.base.clone().map(|view| view as Arc<dyn StoreView>)
    }

    fn defer_publication(&mut self) {
        self.defers_publication = true;
    }

    fn commit(&mut self, commit: Commit, state: &CommitStatus) -> Result<Manifest, StoreError> {
        let mut rows = self.rows();
        for path in &commit.remove {
            rows.remove(path);
        }
        for record in commit.touch {
            if let Some((old, _)) = rows.get_mut(&record.path) {
                *old = record;
            }
        }
        let mut by_path: HashMap<RepoPath, Vec<EmbeddedChunk>> = HashMap::new();
        for chunk in commit.chunks {
            by_path.entry(chunk.chunk.path.clone()).or_default().push(chunk);
        }
        for record in commit.replace {
            let mut chunks = by_path.remove(&record.path).unwrap_or_default();
            chunks.sort_by_key(|chunk| chunk.chunk.span);
            let mut shared = self.store.shared();
            let first = shared.next_row;
            shared.next_row += chunks.len() as u64;
            rows.insert(record.path.clone(), (record, Arc::new((first..).zip(chunks).collect())));
        }
        self.publish_commit(rows, state)
    }

    fn finish(&mut self, state: &CommitStatus) -> Result<Manifest, StoreError> {
        self.publish_commit(self.rows(), state)
    }
}

impl Drop for MemoryWriter {
    fn drop(&mut self) {
        self.store.shared().locked = false;
    }
}

impl MemoryView {
    fn new(manifest: Manifest, rows_generation: u64, rows: FileRows) -> Result<Self, StoreError> {
        let chunks: Vec<_> = rows.values().flat_map(|(_, chunks)| chunks.iter().cloned()).collect();
        let positions = (0..).zip(&chunks).map(|(position, (row, _))| (*row, position)).collect();
        let inverted_index = build_inverted_index(&positions, &chunks).map_err(|message| StoreError::Engine {
            operation: "index the terms",
            dir: manifest.root.clone(),
            message,
        })?;
        Ok(Self { manifest, rows_generation, rows, chunks, positions, inverted_index })
    }

    /// Returns the chunk of a row.
    fn chunk(&self, row: RowKey) -> Result<&EmbeddedChunk, StoreError> {
        let chunk = self.positions.get(&row).map(|position| &self.chunks[*position as usize].1);
        chunk.ok_or_else(|| StoreError::Engine {
            operation: "read a chunk",
            dir: self.manifest.root.clone(),
            message: format!("row {row} belongs to another generation"),
        })
    }
}

impl StoreView for MemoryView {
    fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    fn files(&self) -> Result<Vec<FileRecord>, StoreError> {
        Ok(self.rows.values().map(|(record, _)| record.clone()).collect())
    }

    fn rows_generation(&self) -> u64 {
        self.rows_generation
    }

    fn chunks(&self) -> Result<Vec<StoredChunk>, StoreError> {
        Ok(self.chunks.iter().map(|(row, chunk)| to_stored_chunk(*row, chunk)).collect())
    }

    fn row_keys(&self) -> Result<Vec<RowKey>, StoreError> {
        Ok(self.positions.keys().copied().collect())
    }

    fn chunks_by_key(&self, rows: &[RowKey]) -> Result<Vec<StoredChunk>, StoreError> {
        let wanted: HashSet<RowKey> = rows.iter().copied().collect();
        wanted.iter().try_for_each(|row| self.chunk(*row).map(drop))?;
        let found = self.chunks.iter().filter(|(row, _)| wanted.contains(row));
        Ok(found.map(|(row, chunk)| to_stored_chunk(*row, chunk)).collect())
    }

    fn inverted_index(&self) -> &InvertedIndex {
        &self.inverted_index
    }

    fn inverted_index_error(&self, error: &SegmentError) -> StoreError {
        StoreError::Engine {
            operation: "read the inverted index",
            dir: self.manifest.root.clone(),
            message: error.to_string(),
        }
    }

    fn chunk_texts(&self, rows: &[RowKey]) -> Result<Vec<ChunkText>, StoreError> {
        let text = |row: &RowKey| {
            let chunk = &self.chunk(*row)?.chunk;
            Ok(ChunkText {
                text: chunk.text.clone(),
                signature: chunk.signature.clone(),
                definitions: chunk.definitions.clone(),
                is_damaged: false,
                is_masked: !chunk.masked.is_empty(),
            })
        };
        rows.iter().map(text).collect()
    }
}

/// Builds an inverted index of one segment, in which each chunk's document number is its row key.
fn build_inverted_index(
    positions: &BTreeMap<RowKey, u32>,
    chunks: &[(RowKey, EmbeddedChunk)],
) -> Result<InvertedIndex, String> {
    let mut writer = SegmentWriter::default();
    for (row, position) in positions {
        writer.add(doc_number(*row), &chunks[*position as usize].1.terms);
    }
    let bytes = writer.finish().ok_or("the postings exceed 4 GiB")?;
    let segment = IndexSegment::from_bytes(&bytes).map_err(|error| error.to_string())?;
    Ok(InvertedIndex::new(vec![Arc::new(segment)]))
}

/// Returns the document number of a row.
fn doc_number(row: RowKey) -> DocNumber {
    DocNumber::try_from(row).expect("a store in memory never holds 2^32 chunks")
}

fn to_stored_chunk(row: RowKey, EmbeddedChunk { chunk, vector, .. }: &EmbeddedChunk) -> StoredChunk {
    StoredChunk {
        row,
        number: doc_number(row),
        path: chunk.path.clone(),
        language: chunk.language,
        span: chunk.span,
        kind: chunk.kind,
        symbol: chunk.symbol.clone(),
        container: chunk.container.clone(),
        defines: chunk.defined_names().map(str::to_owned).collect(),
        vector: vector.clone(),
    }
}
