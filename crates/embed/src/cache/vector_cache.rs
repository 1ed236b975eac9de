//! The cache of one model: lookups, insertions, and writing to the disk.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, Weak};

use half::f16;
use half::slice::HalfFloatSliceExt as _;

use super::folder;
use super::key::VectorKey;
use super::segment::{RecordChecksum, RecordFormat, VectorSegment, VectorSegmentWriter};
use super::state::{self, RecordSource, VectorCacheState};
use platform::atomic_file;
use platform::cancel::CancelToken;
use platform::clock::now_ms;

/// A failure to write vectors to the cache. The run continues without the cache.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot write vectors to the cache {path}: {source}; choose another --cache-dir, or turn the cache off with --max-cache-bytes 0"
)]
pub struct VectorCacheError {
    path: PathBuf,
    source: std::io::Error,
}

/// The values of a vector as the cache stores them.
pub type HalfVector = Vec<f16>;

/// Rounds each value to a half float, the precision of the cache, and stores the half floats in `halves`. The
/// pipeline rounds all vectors, so an index is the same whether its vectors were computed or cached.
pub fn round_to_half(vector: &mut [f32], halves: &mut HalfVector) {
    halves.resize(vector.len(), f16::ZERO);
    halves.convert_from_f32_slice(vector);
    halves.convert_to_f32_slice(vector);
}

/// The cached vectors of one model.
pub struct VectorCache {
    folder: PathBuf,
    format: RecordFormat,
    max_bytes: u64,
    state: RwLock<VectorCacheState>,
    /// The writer of this process's segment, once it exists. Locked while records are written.
    own: Mutex<Option<VectorSegmentWriter>>,
    /// Locked while the folder is scanned.
    scanning: Mutex<()>,
    was_scanned: AtomicBool,
    hits: AtomicU64,
    misses: AtomicU64,
}

impl VectorCache {
    /// Opens the cache of a model. Reads no vector before the first lookup and creates nothing before the first write.
    /// Ignores damaged records, and segments of another model. When the segments exceed `max_bytes`, the least recently
    /// used ones are removed, except those that a process may still append to.
    pub fn open(cache_dir: &Path, model_id: &str, dimensions: usize, max_bytes: u64) -> Self {
        let format = RecordFormat::new(model_id, dimensions);
        let folder = cache_dir.join("vectors").join(format.folder_name(model_id));
        Self {
            folder,
            max_bytes,
            state: RwLock::new(VectorCacheState::new(format.record_bytes())),
            format,
            own: Mutex::default(),
            scanning: Mutex::default(),
            was_scanned: AtomicBool::new(false),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
        }
    }

    /// Opens the cache of a model like [`VectorCache::open`], or returns the one with the same folder and size limit
    /// that this process has already open, so that its indexes share new vectors at once.
    pub fn shared(cache_dir: &Path, model_id: &str, dimensions: usize, max_bytes: u64) -> Arc<Self> {
        static OPEN: Mutex<Vec<Weak<VectorCache>>> = Mutex::new(Vec::new());
        let fresh = Self::open(cache_dir, model_id, dimensions, max_bytes);
        let is_same = |cache: &Arc<Self>| (&cache.folder, cache.max_bytes) == (&fresh.folder, max_bytes);
        let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|cache| cache.strong_count() > 0);
        if let Some(cache) = open.iter().filter_map(Weak::upgrade).find(is_same) {
            return cache;
        }
        let fresh = Arc::new(fresh);
        open.push(Arc::downgrade(&fresh));
        fresh
    }

    /// Reads the keys of the vectors that other processes have written. Before that, merges small segments if there are
    /// many, and removes the least recently used segments above the size limit. Stops early when cancelled; the next
    /// call continues.
    pub fn refresh(&self, cancel: &CancelToken) {
        let _scanning = self.scanning.lock().unwrap_or_else(PoisonError::into_inner);
        self.was_scanned.store(true, Ordering::Relaxed);
        atomic_file::remove_leftovers(&self.folder);
        let segments = folder::list_segments(&self.folder);
        let segments = folder::merge_small_segments(&self.folder, segments, &self.format);
        let paths: Vec<PathBuf> =
            folder::remove_oldest_segments(segments, self.max_bytes).into_iter().map(|segment| segment.path).collect();
        let own = self.state().own().map(|segment| segment.path().to_owned());
        if own.as_ref().is_some_and(|own| !paths.contains(own)) {
            self.drop_own_segment();
        }
        self.state_mut().forget_segments(&|path| !paths.contains(&path.to_owned()));
        for path in paths.iter().filter(|path| Some(*path) != own.as_ref()) {
            if cancel.is_cancelled() {
                return;
            }
            if let Err(error) = self.read_keys(path, cancel) {
                tracing::warn!("cannot use the vectors in {}: {error}", path.display());
            }
        }
    }

    /// Drops the segment of this process after its file was removed by another process, unless records are pending.
    fn drop_own_segment(&self) {
        let mut own = self.own();
        if self.state_mut().drop_own_segment() {
            *own = None;
        }
    }

    /// Reads the keys of those records of a segment that are not known yet.
    fn read_keys(&self, path: &Path, cancel: &CancelToken) -> io::Result<()> {
        let known = self.state().known_segment(path);
        let (segment, from) = match known {
            Some(known) => known,
            None => (Arc::new(VectorSegment::open(path, &self.format)?), 0),
        };
        let mut keys = Vec::new();
        segment.read_keys(&self.format, from, cancel, &mut |key| keys.push(key))?;
        self.state_mut().add_keys(segment, from, &keys);
        Ok(())
    }

    /// Estimates the highest memory use, in bytes, of all keys in the folder.
    pub fn memory_bytes(&self) -> u64 {
        let bytes: u64 = folder::list_segments(&self.folder).iter().map(|segment| segment.bytes).sum();
        bytes / self.format.record_bytes() as u64 * state::MAX_BYTES_PER_KEY
    }

    /// Looks up the vector of `key`. If it is cached, writes it to `out` and returns true.
    pub fn get(&self, key: VectorKey, out: &mut Vec<f32>) -> bool {
        if !self.was_scanned.load(Ordering::Relaxed) {
            self.refresh(&CancelToken::default());
        }
        let is_found = self.find_vector(key, out);
        let counter = if is_found { &self.hits } else { &self.misses };
        counter.fetch_add(1, Ordering::Relaxed);
        is_found
    }

    fn find_vector(&self, key: VectorKey, out: &mut Vec<f32>) -> bool {
        let state = self.state();
        let (segment, number) = match state.find_record(key) {
            None => return false,
            Some(RecordSource::Memory(record)) => {
                return RecordFormat::decode_record(record, RecordChecksum::Xxh3, key, out);
            }
            Some(RecordSource::File(segment, number)) => (Arc::clone(segment), number),
        };
        drop(state);
        segment.read_vector(key, number, &self.format, out)
    }

    /// Adds a vector. Ignores a vector whose key is known or whose dimensions are not the model's, and every vector
    /// after a failed write. Records are written in groups.
    pub fn insert(&self, key: VectorKey, vector: &[f16]) {
        if vector.len() != self.format.dimensions {
            return;
        }
        let record = self.format.encode_record(key, vector);
        let is_due = self.state_mut().push_record(key, &record);
        // If the lock is taken, another thread is writing; this record is then part of the next group.
        if is_due
            && let Ok(mut own) = self.own.try_lock()
            && let Err(error) = self.write_pending(&mut own)
        {
            tracing::warn!("{error}");
        }
    }

    /// Writes all pending records, and updates the modification times of the segments that lookups have used.
    ///
    /// # Errors
    ///
    /// Fails if the records cannot be written; the pending ones are lost, and the cache then ignores further
    /// insertions.
    pub fn flush(&self) -> Result<(), VectorCacheError> {
        self.state().segments().for_each(VectorSegment::touch_if_used);
        self.write_pending(&mut self.own())
    }

    fn write_pending(&self, own: &mut Option<VectorSegmentWriter>) -> Result<(), VectorCacheError> {
        let records = self.state_mut().begin_writing();
        if records.is_empty() {
            return Ok(());
        }
        let written = match own {
            Some(own) => own.append(&records, &self.format),
            None => VectorSegmentWriter::create(&self.folder, &self.format, now_ms()).and_then(|mut fresh| {
                fresh.append(&records, &self.format)?;
                *own = Some(fresh);
                Ok(())
            }),
        };
        let segment = own.as_ref().map(|own| Arc::clone(&own.segment));
        self.state_mut().finish_writing(segment.filter(|_| written.is_ok()));
        written.map_err(|source| VectorCacheError { path: self.folder.clone(), source })
    }

    /// Returns the number of lookups that found a vector.
    pub fn hits(&self) -> u64 {
        self.hits.load(Ordering::Relaxed)
    }

    /// Returns the number of lookups that found no vector.
    pub fn misses(&self) -> u64 {
        self.misses.load(Ordering::Relaxed)
    }

    fn state(&self) -> RwLockReadGuard<'_, VectorCacheState> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn state_mut(&self) -> RwLockWriteGuard<'_, VectorCacheState> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn own(&self) -> MutexGuard<'_, Option<VectorSegmentWriter>> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for VectorCache {
    fn drop(&mut self) {
        if let Err(error) = self.flush() {
            tracing::warn!("{error}");
        }
    }
}
