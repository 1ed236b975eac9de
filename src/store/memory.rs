//! The store's twin in memory: for tests, and for builds without LanceDB.
//!
//! Keeps the contract of [`super::ChunkStore`] by the plainest means. What it
//! holds is gone with the process.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{
    ChunkStore, ChunkText, Commit, EmbeddedChunk, Manifest, Recipe, RowKey, RunState, Stamp, StoreError, StoreView,
    StoreWriter, StoredChunk,
};
use crate::lexical::{DocNumber, Index, Segment, SegmentError, SegmentWriter};
use crate::types::{FileRecord, RepoPath};

/// The next epoch of any store of this process.
static EPOCHS: AtomicU64 = AtomicU64::new(1);

/// One generation's rows: a file with its chunks.
type Rows = BTreeMap<RepoPath, (FileRecord, Arc<Vec<(RowKey, EmbeddedChunk)>>)>;

/// A store that lives as long as its process. Clones share what they hold.
#[derive(Clone)]
pub struct MemoryStore {
    root: PathBuf,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Default)]
struct Shared {
    view: Option<Arc<MemoryView>>,
    locked: bool,
    /// Rows ever written: the next one's key. None is used twice.
    written: RowKey,
}

struct MemoryView {
    manifest: Manifest,
    epoch: u64,
    rows: Rows,
    /// Chunks by path, in line order.
    chunks: Vec<(RowKey, EmbeddedChunk)>,
    /// Where in `chunks` a row is.
    places: BTreeMap<RowKey, u32>,
    words: Index,
}

impl MemoryStore {
    /// An empty store for the folder `root`.
    pub fn new(root: PathBuf) -> Self {
        Self { root, shared: Arc::default() }
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ChunkStore for MemoryStore {
    fn stamp(&self) -> Result<Option<Stamp>, StoreError> {
        Ok(self.shared().view.as_ref().map(|view| view.stamp()))
    }

    fn view(&self) -> Result<Option<Arc<dyn StoreView>>, StoreError> {
        Ok(self.shared().view.clone().map(|view| view as Arc<dyn StoreView>))
    }

    fn writer(&self, recipe: &Recipe, fresh: bool) -> Result<Box<dyn StoreWriter>, StoreError> {
        let mut shared = self.shared();
        if shared.locked {
            return Err(StoreError::Locked { dir: self.root.clone(), holder: "this process".to_owned() });
        }
        shared.locked = true;
        let generation = shared.view.as_ref().map_or(0, |view| view.manifest.generation);
        let same_schema = |view: &Arc<MemoryView>| view.manifest.recipe.schema_version == recipe.schema_version;
        let base = shared.view.clone().filter(|view| !fresh && same_schema(view));
        let epoch = base.as_ref().map_or_else(|| EPOCHS.fetch_add(1, Ordering::Relaxed), |view| view.epoch);
        Ok(Box::new(MemoryWriter {
            store: self.clone(),
            recipe: recipe.clone(),
            base,
            generation,
            epoch,
            hides: false,
        }))
    }

    fn size_bytes(&self) -> u64 {
        0
    }
}

struct MemoryWriter {
    store: MemoryStore,
    recipe: Recipe,
    base: Option<Arc<MemoryView>>,
    generation: u64,
    epoch: u64,
    /// See [`StoreWriter::hide`].
    hides: bool,
}

impl MemoryWriter {
    fn publish(&mut self, rows: Rows, state: &RunState) -> Manifest {
        self.generation += 1;
        let manifest = Manifest {
            generation: self.generation,
            recipe: self.recipe.clone(),
            root: self.store.root.clone(),
            complete: state.complete,
            files_found: state.files_found,
            skipped: state.skipped.clone(),
            committed_at_ms: super::now_ms(),
            is_empty: rows.values().all(|(_, chunks)| chunks.is_empty()),
        };
        let view = Arc::new(MemoryView::new(manifest.clone(), self.epoch, rows));
        if state.complete || !self.hides {
            self.store.shared().view = Some(Arc::clone(&view));
        }
        self.base = Some(view);
        manifest
    }

    fn rows(&self) -> Rows {
        self.base.as_ref().map(|view| view.rows.clone()).unwrap_or_default()
    }
}

impl StoreWriter for MemoryWriter {
    fn base(&self) -> Option<Arc<dyn StoreView>> {
        self.base.clone().map(|view| view as Arc<dyn StoreView>)
    }

    fn hide(&mut self) {
        self.hides = true;
    }

    fn commit(&mut self, commit: Commit, state: &RunState) -> Result<Manifest, StoreError> {
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
            let first = shared.written;
            shared.written += chunks.len() as u64;
            rows.insert(record.path.clone(), (record, Arc::new((first..).zip(chunks).collect())));
        }
        Ok(self.publish(rows, state))
    }

    fn finish(&mut self, state: &RunState) -> Result<Manifest, StoreError> {
        Ok(self.publish(self.rows(), state))
    }
}

impl Drop for MemoryWriter {
    fn drop(&mut self) {
        self.store.shared().locked = false;
    }
}

impl MemoryView {
    fn new(manifest: Manifest, epoch: u64, rows: Rows) -> Self {
        let chunks: Vec<_> = rows.values().flat_map(|(_, chunks)| chunks.iter().cloned()).collect();
        let places = (0..).zip(&chunks).map(|(place, (row, _))| (*row, place)).collect();
        let words = words(&places, &chunks);
        Self { manifest, epoch, rows, chunks, places, words }
    }

    /// The chunk of a row.
    fn chunk(&self, row: RowKey) -> Result<&EmbeddedChunk, StoreError> {
        let place = self.places.get(&row).map(|place| &self.chunks[*place as usize].1);
        place.ok_or_else(|| StoreError::Engine {
            operation: "read a chunk",
            dir: self.manifest.root.clone(),
            message: format!("row {row} is of another generation"),
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

    fn rows_epoch(&self) -> u64 {
        self.epoch
    }

    fn chunks(&self) -> Result<Vec<StoredChunk>, StoreError> {
        Ok(self.chunks.iter().map(|(row, chunk)| stored(*row, chunk)).collect())
    }

    fn rows(&self) -> Result<Vec<RowKey>, StoreError> {
        Ok(self.places.keys().copied().collect())
    }

    fn chunks_of(&self, rows: &[RowKey]) -> Result<Vec<StoredChunk>, StoreError> {
        let wanted: HashSet<RowKey> = rows.iter().copied().collect();
        wanted.iter().try_for_each(|row| self.chunk(*row).map(drop))?;
        let found = self.chunks.iter().filter(|(row, _)| wanted.contains(row));
        Ok(found.map(|(row, chunk)| stored(*row, chunk)).collect())
    }

    fn words(&self) -> &Index {
        &self.words
    }

    fn unreadable_words(&self, error: &SegmentError) -> StoreError {
        StoreError::Engine { operation: "read the words", dir: self.manifest.root.clone(), message: error.to_string() }
    }

    fn texts(&self, rows: &[RowKey]) -> Result<Vec<ChunkText>, StoreError> {
        let text = |row: &RowKey| {
            let chunk = &self.chunk(*row)?.chunk;
            Ok(ChunkText { text: chunk.text.clone(), signature: chunk.signature.clone() })
        };
        rows.iter().map(text).collect()
    }
}

/// One segment of all chunks, numbered as their rows are.
fn words(places: &BTreeMap<RowKey, u32>, chunks: &[(RowKey, EmbeddedChunk)]) -> Index {
    let mut writer = SegmentWriter::default();
    for (row, place) in places {
        writer.add(number(*row), &chunks[*place as usize].1.terms);
    }
    let segment = writer.finish().and_then(|bytes| Segment::from_bytes(&bytes).ok());
    Index::new(segment.map(Arc::new).into_iter().collect())
}

/// Rows in memory are never so many that a number could not hold them.
fn number(row: RowKey) -> DocNumber {
    DocNumber::try_from(row).unwrap_or(DocNumber::MAX)
}

fn stored(row: RowKey, EmbeddedChunk { chunk, vector, .. }: &EmbeddedChunk) -> StoredChunk {
    StoredChunk {
        row,
        number: number(row),
        path: chunk.path.clone(),
        language: chunk.language,
        span: chunk.span,
        kind: chunk.kind,
        symbol: chunk.symbol.clone(),
        container: chunk.container.clone(),
        defines: chunk.defines.clone(),
        vector: vector.clone(),
    }
}
