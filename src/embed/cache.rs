//! Vectors on disk, shared by all indexes of a user, so that no text is embedded twice: not after
//! an edit, a rename, a branch switch or a rebuild, and not in a sibling worktree.
//!
//! ```text
//! CACHE_DIR/vectors/MODEL-DIMENSIONS/TIME-PROCESS-NUMBER.vectors   a segment, written by one process
//!                                    TIME-PROCESS-NUMBER.keys      its keys, to be found without its vectors
//!                                    TIME-PROCESS-NUMBER.live      held while that process may write more
//!                                    lock                          held while small ones are joined
//! ```
//!
//! Owns the format. Invariants: a record is good or ignored (each has a checksum), so a killed
//! process costs what it had not written yet, two seconds' worth at most; nobody waits for another
//! process; a segment never changes once its process has ended, and is never removed before. What
//! others wrote is seen at the next [`VectorCache::refresh`]. Must never import anything of this crate.

mod folder;
mod segment;
mod state;

#[cfg(test)]
mod tests;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, Weak};
use std::time::{SystemTime, UNIX_EPOCH};

use half::f16;
use half::slice::HalfFloatSliceExt as _;

use segment::{Format, Own, Segment};
use state::{Source, State};

/// Names a text for a model: 128 bits of its hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct VectorKey(pub u128);

impl VectorKey {
    /// The key of what is embedded.
    pub fn of(text: &str) -> Self {
        let mut hasher = KeyHasher::default();
        hasher.add(text);
        hasher.key()
    }

    /// What it is looked up by in memory: two texts of which share these 64 bits, one is embedded anew.
    fn short(self) -> u64 {
        self.0 as u64
    }
}

/// Makes the key of a text that comes in parts.
#[derive(Default)]
pub struct KeyHasher(blake3::Hasher);

impl KeyHasher {
    /// Adds a part.
    pub fn add(&mut self, part: &str) {
        self.0.update(part.as_bytes());
    }

    /// The key of all parts, as [`VectorKey::of`] makes it of them joined.
    pub fn key(&self) -> VectorKey {
        let mut half = [0; 16];
        half.copy_from_slice(&self.0.finalize().as_bytes()[..16]);
        VectorKey(u128::from_le_bytes(half))
    }
}

/// Vectors could not be kept. The run that made them goes on without.
#[derive(Debug, thiserror::Error)]
#[error("cannot keep vectors in {path}: {source}; give another --cache-dir, or --max-cache-bytes 0 to do without")]
pub struct CacheError {
    path: PathBuf,
    source: std::io::Error,
}

/// The values of a vector as they are kept.
pub type Halves = Vec<f16>;

/// Rounds each value to a half float, as the cache keeps it, and leaves these in `halves`. The pipeline
/// rounds every vector, so that an index is the same whether its vectors were computed or kept.
pub fn round(vector: &mut [f32], halves: &mut Halves) {
    halves.resize(vector.len(), f16::ZERO);
    halves.convert_from_f32_slice(vector);
    halves.convert_to_f32_slice(vector);
}

/// The vectors of one model.
pub struct VectorCache {
    folder: PathBuf,
    format: Format,
    max_bytes: u64,
    state: RwLock<State>,
    /// The segment written here, once there is one. Held while records are written.
    own: Mutex<Option<Own>>,
    /// Held while the folder is looked through.
    looking: Mutex<()>,
    has_looked: AtomicBool,
    hits: AtomicU64,
    misses: AtomicU64,
}

impl VectorCache {
    /// Nothing is read before the first question, and nothing made before the first vector is
    /// written. A segment that is broken or of another model is left out. Above `max_bytes` the
    /// segments least recently of use are removed.
    pub fn open(cache_dir: &Path, model_id: &str, dimensions: usize, max_bytes: u64) -> Self {
        let format = Format::new(model_id, dimensions);
        let folder = cache_dir.join("vectors").join(format.folder_name(model_id));
        Self {
            folder,
            max_bytes,
            state: RwLock::new(State::new(format.record_bytes())),
            format,
            own: Mutex::default(),
            looking: Mutex::default(),
            has_looked: AtomicBool::new(false),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
        }
    }

    /// As [`VectorCache::open`], but the one that this process has open already, if it has: indexes of
    /// one process see each other's vectors at once.
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

    /// Looks for what others have written, until `stop` says so; the next look goes on from there.
    pub fn refresh(&self, stop: &dyn Fn() -> bool) {
        let _looking = self.looking.lock().unwrap_or_else(PoisonError::into_inner);
        self.has_looked.store(true, Ordering::Relaxed);
        let found = folder::list(&self.folder);
        let found = folder::join_small(&self.folder, found, &self.format);
        let found: Vec<PathBuf> =
            folder::remove_oldest(found, self.max_bytes).into_iter().map(|found| found.path).collect();
        let own = self.state().own().map(|segment| segment.path().to_owned());
        if own.as_ref().is_some_and(|own| !found.contains(own)) {
            self.begin_anew();
        }
        self.state_mut().forget(&|path| !found.contains(&path.to_owned()));
        for path in found.iter().filter(|path| Some(*path) != own.as_ref()) {
            if stop() {
                return;
            }
            if let Err(error) = self.read_keys(path, stop) {
                tracing::warn!("cannot use the vectors in {}: {error}", path.display());
            }
        }
    }

    /// Forgets the segment written here, which somebody has removed.
    fn begin_anew(&self) {
        let mut own = self.own();
        if self.state_mut().begin_anew() {
            *own = None;
        }
    }

    /// Reads the keys of those records of a segment that were not there before.
    fn read_keys(&self, path: &Path, stop: &dyn Fn() -> bool) -> io::Result<()> {
        let known = self.state().known(path);
        let (segment, from) = match known {
            Some(known) => known,
            None => (Arc::new(Segment::open(path, &self.format)?), 0),
        };
        let mut keys = Vec::new();
        segment.keys(&self.format, from, stop, &mut |key| keys.push(key))?;
        self.state_mut().add(segment, from, &keys);
        Ok(())
    }

    /// Memory that the keys in the folder take at most.
    pub fn memory_bytes(&self) -> u64 {
        let bytes: u64 = folder::list(&self.folder).iter().map(|found| found.bytes).sum();
        bytes / self.format.record_bytes() as u64 * state::BYTES_A_KEY
    }

    /// Puts the vector of `key` into `out` and returns true, if it is there.
    pub fn get(&self, key: VectorKey, out: &mut Vec<f32>) -> bool {
        if !self.has_looked.load(Ordering::Relaxed) {
            self.refresh(&|| false);
        }
        let is_found = self.find(key, out);
        let counter = if is_found { &self.hits } else { &self.misses };
        counter.fetch_add(1, Ordering::Relaxed);
        is_found
    }

    fn find(&self, key: VectorKey, out: &mut Vec<f32>) -> bool {
        let state = self.state();
        let (segment, number) = match state.find(key) {
            None => return false,
            Some(Source::Memory(record)) => return self.format.read(record, key, out),
            Some(Source::File(segment, number)) => (Arc::clone(segment), number),
        };
        drop(state);
        segment.read(key, number, &self.format, out)
    }

    /// Keeps a vector of the model's width; it is written with others.
    pub fn insert(&self, key: VectorKey, vector: &[f16]) {
        if vector.len() != self.format.dimensions {
            return;
        }
        let record = self.format.record(key, vector);
        let is_due = self.state_mut().push(key, &record);
        // Whoever holds the lock is writing: what was added goes with the next one.
        if is_due
            && let Ok(mut own) = self.own.try_lock()
            && let Err(error) = self.write(&mut own)
        {
            tracing::warn!("{error}");
        }
    }

    /// Writes what is held back.
    ///
    /// # Errors
    /// When it cannot be written: nothing more is kept by this process then.
    pub fn flush(&self) -> Result<(), CacheError> {
        self.state().segments().for_each(Segment::touch_if_used);
        self.write(&mut self.own())
    }

    fn write(&self, own: &mut Option<Own>) -> Result<(), CacheError> {
        let records = self.state_mut().begin_writing();
        if records.is_empty() {
            return Ok(());
        }
        let written = match own {
            Some(own) => own.append(&records, &self.format),
            None => Own::create(&self.folder, &self.format, now_ms()).and_then(|mut fresh| {
                fresh.append(&records, &self.format)?;
                *own = Some(fresh);
                Ok(())
            }),
        };
        let segment = own.as_ref().map(|own| Arc::clone(&own.segment));
        self.state_mut().end_writing(segment.filter(|_| written.is_ok()));
        written.map_err(|source| CacheError { path: self.folder.clone(), source })
    }

    /// How often a vector was asked for and there.
    pub fn hits(&self) -> u64 {
        self.hits.load(Ordering::Relaxed)
    }

    /// How often one was asked for and not there.
    pub fn misses(&self) -> u64 {
        self.misses.load(Ordering::Relaxed)
    }

    fn state(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn state_mut(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn own(&self) -> MutexGuard<'_, Option<Own>> {
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

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
