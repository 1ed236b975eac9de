//! Vectors on disk, shared by all indexes of a user, so that no text is embedded twice: not after
//! an edit, a rename, a branch switch or a rebuild, and not in a sibling worktree.
//!
//! ```text
//! CACHE_DIR/vectors/MODEL-DIMENSIONS/TIME-PROCESS-NUMBER.vectors   a segment, written by one process
//!                                    lock                          held while small ones are joined
//! ```
//!
//! Owns the format. Invariants: a record is good or ignored (each has a checksum), so a killed
//! process costs what it had not written yet and nothing else; nobody waits for another process;
//! a segment never changes once its process has ended. A process sees what others wrote before it
//! first asked. Must never import anything of this crate.

mod segment;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use segment::{Format, Segment};

/// Vectors held back before they are written.
const PENDING_BYTES: usize = 4 << 20;

/// Segments before the small ones are joined.
const MANY_SEGMENTS: usize = 16;

/// A segment below this size is a small one.
const SMALL_BYTES: u64 = 4 << 20;

/// Names a text for a model: 128 bits of its hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct VectorKey(pub u128);

impl VectorKey {
    /// The key of what is embedded.
    pub fn of(text: &str) -> Self {
        let mut half = [0; 16];
        half.copy_from_slice(&blake3::hash(text.as_bytes()).as_bytes()[..16]);
        Self(u128::from_le_bytes(half))
    }
}

/// Vectors could not be kept. The run that made them goes on without.
#[derive(Debug, thiserror::Error)]
#[error("cannot keep vectors in {path}: {source}; give another --cache-dir, or --max-cache-bytes 0 to do without")]
pub struct CacheError {
    path: PathBuf,
    source: std::io::Error,
}

/// Rounds each value to a half float, as the cache keeps it. The pipeline rounds every vector, so
/// that an index is the same whether its vectors were computed or kept.
pub fn rounded(vector: &mut [f32]) {
    for value in vector {
        *value = half::f16::from_f32(*value).to_f32();
    }
}

/// The vectors of one model.
pub struct VectorCache {
    folder: PathBuf,
    format: Format,
    max_bytes: u64,
    kept: OnceLock<Kept>,
    own: Mutex<Own>,
    hits: AtomicU64,
    misses: AtomicU64,
}

/// What was there before this process.
struct Kept {
    segments: Vec<Segment>,
    /// Where a vector is: its segment and its place there.
    places: HashMap<VectorKey, (u32, u32)>,
}

/// What this process has added.
#[derive(Default)]
struct Own {
    file: Option<(File, Segment)>,
    /// Where a vector is in that file.
    places: HashMap<VectorKey, u32>,
    /// Records that are not written yet, …
    pending: Vec<u8>,
    /// … and their vectors.
    vectors: HashMap<VectorKey, Vec<half::f16>>,
    /// Their keys, in order.
    keys: Vec<VectorKey>,
    is_off: bool,
}

impl VectorCache {
    /// Nothing is read before the first question, and nothing made before the first vector is
    /// written. A segment that is broken or of another model is left out. Above `max_bytes` the
    /// segments least recently of use are removed.
    pub fn open(cache_dir: &Path, model_id: &str, dimensions: usize, max_bytes: u64) -> Self {
        let format = Format::new(model_id, dimensions);
        let folder = cache_dir.join("vectors").join(format.folder_name(model_id));
        let (kept, own) = (OnceLock::new(), Mutex::default());
        Self { folder, format, max_bytes, kept, own, hits: AtomicU64::new(0), misses: AtomicU64::new(0) }
    }

    fn kept(&self) -> &Kept {
        self.kept.get_or_init(|| {
            let found = segment::list(&self.folder);
            let found = segment::join_small(&self.folder, found, &self.format, MANY_SEGMENTS, SMALL_BYTES);
            let found = segment::remove_oldest(found, self.max_bytes);
            let mut kept = Kept { segments: Vec::new(), places: HashMap::new() };
            for path in found.into_iter().map(|found| found.path) {
                let at = u32::try_from(kept.segments.len()).unwrap_or(u32::MAX);
                match Segment::open(&path, &self.format, &mut |key, place| _ = kept.places.insert(key, (at, place))) {
                    Ok(segment) => kept.segments.push(segment),
                    Err(error) => tracing::warn!("cannot use the vectors in {}: {error}", path.display()),
                }
            }
            kept
        })
    }

    /// Puts the vector of `key` into `out` and returns true, if it is there.
    pub fn get(&self, key: VectorKey, out: &mut Vec<f32>) -> bool {
        let found = self.is_kept(key, out) || self.is_added(key, out);
        let counter = if found { &self.hits } else { &self.misses };
        counter.fetch_add(1, Ordering::Relaxed);
        found
    }

    fn is_kept(&self, key: VectorKey, out: &mut Vec<f32>) -> bool {
        let kept = self.kept();
        let Some((segment, place)) = kept.places.get(&key) else { return false };
        kept.segments[*segment as usize].read(key, *place, &self.format, out)
    }

    fn is_added(&self, key: VectorKey, out: &mut Vec<f32>) -> bool {
        let own = self.own();
        if let (Some((_, segment)), Some(place)) = (&own.file, own.places.get(&key)) {
            return segment.read(key, *place, &self.format, out);
        }
        let Some(vector) = own.vectors.get(&key) else { return false };
        out.clear();
        out.extend(vector.iter().map(|value| value.to_f32()));
        true
    }

    /// Keeps a vector of the model's width; it is written with many others.
    pub fn insert(&self, key: VectorKey, vector: &[f32]) {
        let mut own = self.own();
        let is_there = own.vectors.contains_key(&key) || own.places.contains_key(&key);
        if own.is_off || is_there || vector.len() != self.format.dimensions {
            return;
        }
        let halves: Vec<half::f16> = vector.iter().map(|value| half::f16::from_f32(*value)).collect();
        self.format.append(&mut own.pending, key, &halves);
        own.vectors.insert(key, halves);
        own.keys.push(key);
        if own.pending.len() >= PENDING_BYTES
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
        if let Some(kept) = self.kept.get() {
            kept.segments.iter().for_each(Segment::touch_if_used);
        }
        self.write(&mut self.own())
    }

    fn write(&self, own: &mut Own) -> Result<(), CacheError> {
        let (pending, keys) = (std::mem::take(&mut own.pending), std::mem::take(&mut own.keys));
        own.vectors.clear();
        if pending.is_empty() {
            return Ok(());
        }
        let file = match own.file.take() {
            Some(file) => Ok(file),
            None => self.format.create(&self.folder, now_ms()),
        };
        let written = file.and_then(|(mut file, segment)| {
            std::io::Write::write_all(&mut file, &pending)?;
            Ok((file, segment))
        });
        match written {
            Ok(file) => {
                let first = u32::try_from(own.places.len()).unwrap_or(u32::MAX);
                own.places.extend(keys.into_iter().zip(first..));
                own.file = Some(file);
                Ok(())
            }
            Err(source) => {
                own.is_off = true;
                Err(CacheError { path: self.folder.clone(), source })
            }
        }
    }

    /// How often a vector was asked for and there.
    pub fn hits(&self) -> u64 {
        self.hits.load(Ordering::Relaxed)
    }

    /// How often one was asked for and not there.
    pub fn misses(&self) -> u64 {
        self.misses.load(Ordering::Relaxed)
    }

    fn own(&self) -> MutexGuard<'_, Own> {
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

/// Makes a folder that only its user may look into.
fn create_private(folder: &Path) -> std::io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}
