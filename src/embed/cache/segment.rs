//! One file of vectors: a header, then records of one size, appended.
//!
//! ```text
//! header  "codescry vectors" · version u32 · dimensions u32 · hash of the model id, 8 bytes
//! record  key u128 · checksum u32 · dimensions × f16          all little endian
//! ```
//!
//! Must never import: anything of this crate but `cache`.

use std::fs::{self, File, FileTimes, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::SystemTime;

use half::f16;

use super::{VectorKey, create_private};

const MAGIC: &[u8; 16] = b"codescry vectors";
const VERSION: u32 = 1;
const HEADER_BYTES: usize = 32;

/// In front of a record's values.
const KEY_BYTES: usize = 16;
const CHECKSUM_BYTES: usize = 4;

/// What is read at once while keys are gathered.
const BLOCK_BYTES: usize = 1 << 20;

const EXTENSION: &str = "vectors";

/// The shape of a model's records.
pub(super) struct Format {
    pub dimensions: usize,
    model: [u8; 8],
}

impl Format {
    /// Records of a model.
    pub fn new(model_id: &str, dimensions: usize) -> Self {
        let mut model = [0; 8];
        model.copy_from_slice(&blake3::hash(model_id.as_bytes()).as_bytes()[..8]);
        Self { dimensions, model }
    }

    /// The folder of the model's segments.
    pub fn folder_name(&self, model_id: &str) -> String {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let plain: String = model_id.chars().take(60).map(|c| if is_plain(c) { c } else { '_' }).collect();
        format!("{plain}-{:02x}{:02x}{:02x}-{}", self.model[0], self.model[1], self.model[2], self.dimensions)
    }

    fn record_bytes(&self) -> usize {
        KEY_BYTES + CHECKSUM_BYTES + self.dimensions * 2
    }

    fn header(&self) -> [u8; HEADER_BYTES] {
        let mut header = [0; HEADER_BYTES];
        header[..16].copy_from_slice(MAGIC);
        header[16..20].copy_from_slice(&VERSION.to_le_bytes());
        header[20..24].copy_from_slice(&u32::try_from(self.dimensions).unwrap_or(u32::MAX).to_le_bytes());
        header[24..].copy_from_slice(&self.model);
        header
    }

    /// Writes a record behind `out`.
    pub fn append(&self, out: &mut Vec<u8>, key: VectorKey, vector: &[f16]) {
        let values: Vec<u8> = vector.iter().flat_map(|value| value.to_le_bytes()).collect();
        out.extend_from_slice(&key.0.to_le_bytes());
        out.extend_from_slice(&checksum(key, &values));
        out.extend_from_slice(&values);
    }

    /// A new segment with a header, to append to and to read from, in a folder that is made if it is
    /// not there.
    pub fn create(&self, folder: &Path, now_ms: u64) -> io::Result<(File, Segment)> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        create_private(folder)?;
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = folder.join(format!("{now_ms}-{}-{number}.{EXTENSION}", std::process::id()));
        let mut file = File::options().create_new(true).append(true).open(&path)?;
        file.write_all(&self.header())?;
        let reader = Mutex::new(File::open(&path)?);
        Ok((file, Segment { path, file: reader, used: AtomicBool::new(false) }))
    }
}

fn checksum(key: VectorKey, values: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&key.0.to_le_bytes()).update(values);
    let mut sum = [0; CHECKSUM_BYTES];
    sum.copy_from_slice(&hasher.finalize().as_bytes()[..CHECKSUM_BYTES]);
    sum
}

/// A segment that is read.
pub(super) struct Segment {
    path: PathBuf,
    /// Behind a lock where the system reads only at a file's position.
    file: Mutex<File>,
    used: AtomicBool,
}

impl Segment {
    /// Hands each key with its record's number to `each`. A torn last record is left out.
    pub fn open(path: &Path, format: &Format, each: &mut dyn FnMut(VectorKey, u32)) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let mut header = [0; HEADER_BYTES];
        file.read_exact(&mut header)?;
        if header != format.header() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it is of another version or model"));
        }
        let record = format.record_bytes();
        let mut block = vec![0; (BLOCK_BYTES / record).max(1) * record];
        let mut number = 0;
        loop {
            let filled = fill(&mut file, &mut block)?;
            for bytes in block[..filled].chunks_exact(record) {
                let (key, _) = bytes.split_first_chunk::<KEY_BYTES>().unwrap_or((&[0; KEY_BYTES], &[]));
                each(VectorKey(u128::from_le_bytes(*key)), number);
                number += 1;
            }
            if filled < block.len() {
                return Ok(Self { path: path.to_owned(), file: Mutex::new(file), used: AtomicBool::new(false) });
            }
        }
    }

    /// The vector of a record, unless it is damaged or another one's.
    pub fn read(&self, key: VectorKey, number: u32, format: &Format, out: &mut Vec<f32>) -> bool {
        let record = format.record_bytes();
        let mut bytes = vec![0; record];
        let at = HEADER_BYTES as u64 + u64::from(number) * record as u64;
        if self.read_at(&mut bytes, at).is_err() {
            return false;
        }
        let (head, values) = bytes.split_at(KEY_BYTES + CHECKSUM_BYTES);
        if head[..KEY_BYTES] != key.0.to_le_bytes() || head[KEY_BYTES..] != checksum(key, values) {
            return false;
        }
        out.clear();
        out.extend(values.as_chunks::<2>().0.iter().map(|value| f16::from_le_bytes(*value).to_f32()));
        self.used.store(true, Ordering::Relaxed);
        true
    }

    #[cfg(unix)]
    fn read_at(&self, bytes: &mut [u8], at: u64) -> io::Result<()> {
        let file = self.file.lock().map_err(|_| io::Error::other("a reader failed"))?;
        std::os::unix::fs::FileExt::read_exact_at(&*file, bytes, at)
    }

    #[cfg(not(unix))]
    fn read_at(&self, bytes: &mut [u8], at: u64) -> io::Result<()> {
        let mut file = self.file.lock().map_err(|_| io::Error::other("a reader failed"))?;
        io::Seek::seek(&mut *file, io::SeekFrom::Start(at))?;
        file.read_exact(bytes)
    }

    /// Notes on the file that it was of use, so that it is not the first to be removed.
    pub fn touch_if_used(&self) {
        if self.used.swap(false, Ordering::Relaxed)
            && let Ok(file) = File::options().append(true).open(&self.path)
        {
            // Another process may have removed it: then it is nobody's first.
            _ = file.set_times(FileTimes::new().set_modified(SystemTime::now()));
        }
    }
}

/// Reads until `block` is full or the file ends.
fn fill(file: &mut File, block: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < block.len() {
        match file.read(&mut block[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// A segment's file.
pub(super) struct Found {
    pub path: PathBuf,
    bytes: u64,
    used: SystemTime,
}

/// The segments in a folder, the one least recently of use first.
pub(super) fn list(folder: &Path) -> Vec<Found> {
    let mut found: Vec<Found> = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let Ok(metadata) = entry.metadata() else { continue };
        if path.extension().is_some_and(|extension| extension == EXTENSION) {
            let used = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            found.push(Found { path, bytes: metadata.len(), used });
        }
    }
    found.sort_by(|a, b| (a.used, &a.path).cmp(&(b.used, &b.path)));
    found
}

/// Removes from the front until the rest fits.
pub(super) fn remove_oldest(found: Vec<Found>, max_bytes: u64) -> Vec<Found> {
    let mut total: u64 = found.iter().map(|found| found.bytes).sum();
    let keep = |found: &Found| {
        if total <= max_bytes {
            return true;
        }
        total -= found.bytes;
        fs::remove_file(&found.path).is_err()
    };
    found.into_iter().filter(keep).collect()
}

/// Joins the small segments of processes that have ended when there are many; what is joined is
/// removed. While another process does that, and when it fails, all stay as they are.
pub(super) fn join_small(folder: &Path, found: Vec<Found>, format: &Format, many: usize, small: u64) -> Vec<Found> {
    let quiet = |found: &&Found| found.bytes < small && found.used.elapsed().is_ok_and(|age| age >= QUIET);
    let parts: Vec<&Found> = found.iter().filter(quiet).collect();
    if found.len() <= many || parts.len() < 2 {
        return found;
    }
    match join(folder, &parts, format) {
        Ok(true) => list(folder),
        Ok(false) => found,
        Err(error) => {
            tracing::warn!("cannot join the vectors in {}: {error}", folder.display());
            list(folder)
        }
    }
}

/// A segment that was written to this recently may be written to again.
const QUIET: std::time::Duration = std::time::Duration::from_secs(600);

fn join(folder: &Path, parts: &[&Found], format: &Format) -> io::Result<bool> {
    let lock = File::options().create(true).truncate(false).write(true).open(folder.join("lock"))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(false),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    let fresh = folder.join("joined.new");
    let mut joined = File::create(&fresh)?;
    joined.write_all(&format.header())?;
    let record = format.record_bytes();
    for part in parts {
        let bytes = fs::read(&part.path)?;
        let Some((header, records)) = bytes.split_first_chunk::<HEADER_BYTES>() else { continue };
        if *header == format.header() {
            joined.write_all(&records[..records.len() / record * record])?;
        }
    }
    joined.sync_all()?;
    let name = format!("{}-{}-joined.{EXTENSION}", super::now_ms(), std::process::id());
    fs::rename(&fresh, folder.join(name))?;
    parts.iter().try_for_each(|part| fs::remove_file(&part.path)).map(|()| true)
}
