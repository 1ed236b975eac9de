//! One segment of vectors: a header and then records of one size, appended; beside it its keys.
//!
//! ```text
//! .vectors  header  "codescry vectors" · version u32 · dimensions u32 · hash of the model id, 8 bytes
//!           record  key u128 · checksum u32 · dimensions × f16          all little endian
//! .keys     the keys of the first so many records, u128 each
//! .live     empty, locked by the process that appends
//! ```
//!
//! Invariants: a record is written before its key, and the keys say nothing that the records do not,
//! so that what a crash tears, or what is not there, is read from the records.
//! Must never import: anything of this crate but `cache`.

use std::fs::{self, File, FileTimes, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::SystemTime;

use half::f16;
use half::slice::HalfFloatSliceExt as _;

use super::VectorKey;

const MAGIC: &[u8; 16] = b"codescry vectors";
const VERSION: u32 = 1;
pub(super) const HEADER_BYTES: usize = 32;

/// In front of a record's values.
pub(super) const KEY_BYTES: usize = 16;
const CHECKSUM_BYTES: usize = 4;

/// What is read at once while keys are gathered.
const BLOCK_BYTES: usize = 1 << 20;

/// Records without keys beside them from which on these are written: for a segment of an earlier
/// program, whose records are read for its keys once.
const MANY_RECORDS: usize = 1_024;

pub(super) const VECTORS: &str = "vectors";
pub(super) const KEYS: &str = "keys";
pub(super) const LIVE: &str = "live";

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

    pub fn record_bytes(&self) -> usize {
        KEY_BYTES + CHECKSUM_BYTES + self.dimensions * 2
    }

    pub fn header(&self) -> [u8; HEADER_BYTES] {
        let mut header = [0; HEADER_BYTES];
        header[..16].copy_from_slice(MAGIC);
        header[16..20].copy_from_slice(&VERSION.to_le_bytes());
        header[20..24].copy_from_slice(&u32::try_from(self.dimensions).unwrap_or(u32::MAX).to_le_bytes());
        header[24..].copy_from_slice(&self.model);
        header
    }

    /// The record of a vector.
    pub fn record(&self, key: VectorKey, vector: &[f16]) -> Vec<u8> {
        let mut record = vec![0; self.record_bytes()];
        let (head, values) = record.split_at_mut(KEY_BYTES + CHECKSUM_BYTES);
        values.as_chunks_mut().0.iter_mut().zip(vector).for_each(|(bytes, value)| *bytes = value.to_le_bytes());
        head[..KEY_BYTES].copy_from_slice(&key.0.to_le_bytes());
        head[KEY_BYTES..].copy_from_slice(&checksum(key, values));
        record
    }

    /// Puts the vector of a record into `out`, unless it is damaged or another one's.
    pub fn read(&self, record: &[u8], key: VectorKey, out: &mut Vec<f32>) -> bool {
        let (head, values) = record.split_at(KEY_BYTES + CHECKSUM_BYTES);
        if head[..KEY_BYTES] != key.0.to_le_bytes() || head[KEY_BYTES..] != checksum(key, values) {
            return false;
        }
        let halves: Vec<f16> = values.as_chunks().0.iter().map(|value| f16::from_le_bytes(*value)).collect();
        out.resize(halves.len(), 0.0);
        halves.convert_to_f32_slice(out);
        true
    }

    /// The key a record begins with.
    fn key(record: &[u8]) -> VectorKey {
        VectorKey(record.first_chunk().map_or(0, |key| u128::from_le_bytes(*key)))
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
    file: File,
    used: AtomicBool,
}

impl Segment {
    /// Opens a segment of these records.
    pub fn open(path: &Path, format: &Format) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let mut header = [0; HEADER_BYTES];
        file.read_exact(&mut header)?;
        if header != format.header() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it is of another version or model"));
        }
        Ok(Self { path: path.to_owned(), file, used: AtomicBool::new(false) })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Hands the keys of its records to `each`, in order, from number `from` on, until `stop` says so. A
    /// torn last record is left out.
    pub fn keys(
        &self,
        format: &Format,
        from: u32,
        stop: &dyn Fn() -> bool,
        each: &mut dyn FnMut(VectorKey),
    ) -> io::Result<()> {
        let record = format.record_bytes();
        let bytes = usize::try_from(self.file.metadata()?.len()).unwrap_or(usize::MAX);
        let (records, mut at) = (bytes.saturating_sub(HEADER_BYTES) / record, from as usize);
        let beside = self.keys_beside(at, records)?;
        let has_keys = beside.is_some();
        for key in beside.unwrap_or_default().chunks_exact(KEY_BYTES) {
            each(Format::key(key));
            at += 1;
        }
        let mut keys = Vec::new();
        let mut block = vec![0; (BLOCK_BYTES / record).max(1) * record];
        while at < records && !stop() {
            let count = (block.len() / record).min(records - at);
            let bytes = &mut block[..count * record];
            read_at(&self.file, bytes, (HEADER_BYTES + at * record) as u64)?;
            bytes.chunks_exact(record).map(Format::key).for_each(|key| {
                each(key);
                keys.extend(key.0.to_le_bytes());
            });
            at += count;
        }
        if !has_keys && from == 0 && at == records && records >= MANY_RECORDS {
            self.write_keys(&keys)?;
        }
        Ok(())
    }

    /// What of the keys from number `from` to `end` is beside the records; `None` when there is no such file.
    fn keys_beside(&self, from: usize, end: usize) -> io::Result<Option<Vec<u8>>> {
        let Ok(mut file) = File::open(self.path.with_extension(KEYS)) else { return Ok(None) };
        file.seek(SeekFrom::Start((from * KEY_BYTES) as u64))?;
        let mut keys = Vec::new();
        file.take((end.saturating_sub(from) * KEY_BYTES) as u64).read_to_end(&mut keys)?;
        Ok(Some(keys))
    }

    /// Puts all keys beside the records.
    fn write_keys(&self, keys: &[u8]) -> io::Result<()> {
        let fresh = self.path.with_extension(format!("{}.new", std::process::id()));
        fs::write(&fresh, keys)?;
        fs::rename(&fresh, self.path.with_extension(KEYS))
    }

    /// The vector of a record, unless it is damaged or another one's.
    pub fn read(&self, key: VectorKey, number: u32, format: &Format, out: &mut Vec<f32>) -> bool {
        let mut record = vec![0; format.record_bytes()];
        let at = HEADER_BYTES as u64 + u64::from(number) * record.len() as u64;
        let is_read = read_at(&self.file, &mut record, at).is_ok() && format.read(&record, key, out);
        if is_read {
            self.used.store(true, Ordering::Relaxed);
        }
        is_read
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

#[cfg(unix)]
fn read_at(file: &File, bytes: &mut [u8], at: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, at)
}

#[cfg(windows)]
fn read_at(file: &File, mut bytes: &mut [u8], mut at: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        let read = std::os::windows::fs::FileExt::seek_read(file, bytes, at)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        (bytes, at) = (&mut bytes[read..], at + read as u64);
    }
    Ok(())
}

/// A segment that is written.
pub(super) struct Own {
    pub segment: Arc<Segment>,
    vectors: File,
    keys: File,
    /// Locked as long as it is open.
    live: Option<File>,
}

impl Own {
    /// A new segment in a folder that is made if it is not there.
    pub fn create(folder: &Path, format: &Format, now_ms: u64) -> io::Result<Self> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        create_private(folder)?;
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = folder.join(format!("{now_ms}-{}-{number}.{VECTORS}", std::process::id()));
        // First: whoever finds the segment finds it locked.
        let live = File::create(path.with_extension(LIVE))?;
        _ = live.try_lock(); // where files cannot be locked, none is live
        let append = |extension| File::options().create_new(true).append(true).open(path.with_extension(extension));
        let (mut vectors, keys) = (append(VECTORS)?, append(KEYS)?);
        vectors.write_all(&format.header())?;
        let segment = Arc::new(Segment::open(&path, format)?);
        Ok(Self { segment, vectors, keys, live: Some(live) })
    }

    /// Appends records.
    pub fn append(&mut self, records: &[u8], format: &Format) -> io::Result<()> {
        self.vectors.write_all(records)?;
        let keys: Vec<u8> =
            records.chunks_exact(format.record_bytes()).flat_map(|record| &record[..KEY_BYTES]).copied().collect();
        self.keys.write_all(&keys)
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        drop(self.live.take());
        _ = fs::remove_file(self.segment.path().with_extension(LIVE));
    }
}

/// Whether a process may still append to the segment.
pub(super) fn is_live(path: &Path) -> bool {
    let Ok(live) = File::options().write(true).open(path.with_extension(LIVE)) else { return false };
    matches!(live.try_lock(), Err(TryLockError::WouldBlock))
}

/// Makes a folder that only its user may look into.
fn create_private(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}
