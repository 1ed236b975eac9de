//! A segment of the vector cache: a header followed by records of one size, and a second file with the keys.
//!
//! ```text
//! .vectors  header  see `platform::file_format` · dimensions u32 · hash of the model id, 8 bytes · checksum u32
//!          record  key u128 · checksum u32 · dimensions × f16          all little-endian
//! .keys     the keys of the first records, u128 each
//! .live     empty, locked by the process that appends
//! ```
//!
//! Version 1 differs only in its header and in the checksums, which are the first bytes of BLAKE3 hashes. It is
//! still read, so that no vector is computed again.
//!
//! A process appends a record before its key, and the keys only repeat the records. So keys that are missing after a
//! crash are read from the records.

use std::fs::{self, File, FileTimes, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::SystemTime;

use half::f16;
use half::slice::HalfFloatSliceExt as _;

use platform::atomic_file::{Durability, replace_with_bytes};
use platform::file_format::{self, FileFormat, checksum32};

use super::key::VectorKey;
use platform::cancel::CancelToken;

/// The format of a segment.
const SEGMENT_FORMAT: FileFormat = FileFormat { magic: *b"CSCRYVEC", version: 2 };

/// The first bytes of a segment of version 1.
const VERSION_1_MAGIC: &[u8; 16] = b"codescry vectors";

/// Size of the header in bytes, in every version.
pub(super) const HEADER_BYTES: usize = 32;

/// Size in bytes of the key at the beginning of a record.
pub(super) const KEY_BYTES: usize = 16;
const CHECKSUM_BYTES: usize = 4;

/// Number of bytes that are read at a time when keys are read from the records.
const BLOCK_BYTES: usize = 1 << 20;

/// Minimum number of records in a segment for which a missing `.keys` file is written, so that the records of a segment
/// from an earlier version are scanned only once.
const MANY_RECORDS: usize = 1_024;

pub(super) const VECTORS: &str = "vectors";
pub(super) const KEYS: &str = "keys";
pub(super) const LIVE: &str = "live";

/// The layout of the records of one model.
pub(super) struct RecordFormat {
    pub dimensions: usize,
    model: [u8; 8],
}

impl RecordFormat {
    /// Returns the record format of a model.
    pub fn new(model_id: &str, dimensions: usize) -> Self {
        let mut model = [0; 8];
        model.copy_from_slice(&blake3::hash(model_id.as_bytes()).as_bytes()[..8]);
        Self { dimensions, model }
    }

    /// Returns the name of the folder with the model's segments.
    pub fn folder_name(&self, model_id: &str) -> String {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let plain: String = model_id.chars().take(60).map(|c| if is_plain(c) { c } else { '_' }).collect();
        format!("{plain}-{:02x}{:02x}{:02x}-{}", self.model[0], self.model[1], self.model[2], self.dimensions)
    }

    pub fn record_bytes(&self) -> usize {
        KEY_BYTES + CHECKSUM_BYTES + self.dimensions * 2
    }

    /// Returns the header of a new segment.
    pub fn header(&self) -> [u8; HEADER_BYTES] {
        let mut header = [0; HEADER_BYTES];
        header[..file_format::HEADER_BYTES].copy_from_slice(&SEGMENT_FORMAT.header());
        header[16..20].copy_from_slice(&self.dimensions_u32().to_le_bytes());
        header[20..28].copy_from_slice(&self.model);
        let checksum = checksum32(&header[..28]);
        header[28..].copy_from_slice(&checksum.to_le_bytes());
        header
    }

    /// Returns the header of a segment of version 1.
    fn version_1_header(&self) -> [u8; HEADER_BYTES] {
        let mut header = [0; HEADER_BYTES];
        header[..16].copy_from_slice(VERSION_1_MAGIC);
        header[16..20].copy_from_slice(&1_u32.to_le_bytes());
        header[20..24].copy_from_slice(&self.dimensions_u32().to_le_bytes());
        header[24..].copy_from_slice(&self.model);
        header
    }

    /// Returns the kind of checksum in the records of a segment with this header; `None` if the segment cannot be read
    /// or belongs to another model.
    pub fn record_checksum(&self, header: &[u8; HEADER_BYTES]) -> Option<RecordChecksum> {
        if *header == self.header() {
            return Some(RecordChecksum::Xxh3);
        }
        (*header == self.version_1_header()).then_some(RecordChecksum::Blake3)
    }

    fn dimensions_u32(&self) -> u32 {
        u32::try_from(self.dimensions).expect("a vector has at most a few thousand dimensions")
    }

    /// Encodes the record of a vector.
    pub fn encode_record(&self, key: VectorKey, vector: &[f16]) -> Vec<u8> {
        let mut record = vec![0; self.record_bytes()];
        let (head, values) = record.split_at_mut(KEY_BYTES + CHECKSUM_BYTES);
        values.as_chunks_mut().0.iter_mut().zip(vector).for_each(|(bytes, value)| *bytes = value.to_le_bytes());
        head[..KEY_BYTES].copy_from_slice(&key.0.to_le_bytes());
        set_checksum(&mut record);
        record
    }

    /// Decodes a record's vector into `out`. Returns false if the record is damaged or has another key.
    pub fn decode_record(record: &[u8], checksum: RecordChecksum, key: VectorKey, out: &mut Vec<f32>) -> bool {
        if record[..KEY_BYTES] != key.0.to_le_bytes() || !checksum.matches(record) {
            return false;
        }
        let values = &record[KEY_BYTES + CHECKSUM_BYTES..];
        let halves: Vec<f16> = values.as_chunks().0.iter().map(|value| f16::from_le_bytes(*value)).collect();
        out.resize(halves.len(), 0.0);
        halves.convert_to_f32_slice(out);
        true
    }

    /// Returns the key at the beginning of a record.
    fn key_of_record(record: &[u8]) -> VectorKey {
        VectorKey(record.first_chunk().map_or(0, |key| u128::from_le_bytes(*key)))
    }
}

/// The kind of checksum in the records of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RecordChecksum {
    /// The first bytes of a BLAKE3 hash, in segments of version 1.
    Blake3,
    /// The sum of XXH3 checksums, in segments of version 2.
    Xxh3,
}

impl RecordChecksum {
    /// Returns whether a record is unchanged since it was written.
    pub fn matches(self, record: &[u8]) -> bool {
        let (head, values) = record.split_at(KEY_BYTES + CHECKSUM_BYTES);
        let (key, stored) = head.split_at(KEY_BYTES);
        match self {
            Self::Blake3 => {
                let mut hasher = blake3::Hasher::new();
                hasher.update(key).update(values);
                hasher.finalize().as_bytes()[..CHECKSUM_BYTES] == *stored
            }
            Self::Xxh3 => checksum_record(record) == *stored,
        }
    }
}

/// Returns the checksum of a record: the sum of the checksums of its key and of its values, in little-endian order.
fn checksum_record(record: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let (key, values) = (&record[..KEY_BYTES], &record[KEY_BYTES + CHECKSUM_BYTES..]);
    checksum32(key).wrapping_add(checksum32(values)).to_le_bytes()
}

/// Sets the checksum of a record to that of the current version.
pub(super) fn set_checksum(record: &mut [u8]) {
    let checksum = checksum_record(record);
    record[KEY_BYTES..KEY_BYTES + CHECKSUM_BYTES].copy_from_slice(&checksum);
}

/// A segment opened for reading.
pub(super) struct VectorSegment {
    path: PathBuf,
    file: File,
    checksum: RecordChecksum,
    used: AtomicBool,
}

impl VectorSegment {
    /// Opens a segment.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be read, or if it has another format version, model or number of dimensions.
    pub fn open(path: &Path, format: &RecordFormat) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let mut header = [0; HEADER_BYTES];
        file.read_exact(&mut header)?;
        let checksum = format.record_checksum(&header).ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidData, "it belongs to another format version or model")
        })?;
        Ok(Self { path: path.to_owned(), file, checksum, used: AtomicBool::new(false) })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Passes the keys of the records to `each`, in order, from record number `from` on. May stop early when cancelled.
    /// Ignores an incomplete last record.
    ///
    /// # Errors
    ///
    /// Fails if the segment or its `.keys` file cannot be read, or if a missing `.keys` file cannot be written.
    pub fn read_keys(
        &self,
        format: &RecordFormat,
        from: u32,
        cancel: &CancelToken,
        each: &mut dyn FnMut(VectorKey),
    ) -> io::Result<()> {
        let record = format.record_bytes();
        let bytes = usize::try_from(self.file.metadata()?.len()).unwrap_or(usize::MAX);
        let (records, mut at) = (bytes.saturating_sub(HEADER_BYTES) / record, from as usize);
        let keys_file = self.read_keys_file(at, records)?;
        let has_keys = keys_file.is_some();
        for key in keys_file.unwrap_or_default().chunks_exact(KEY_BYTES) {
            each(RecordFormat::key_of_record(key));
            at += 1;
        }
        let mut keys = Vec::new();
        let mut block = vec![0; (BLOCK_BYTES / record).max(1) * record];
        while at < records && !cancel.is_cancelled() {
            let count = (block.len() / record).min(records - at);
            let bytes = &mut block[..count * record];
            file_format::read_exact_at(&self.file, bytes, (HEADER_BYTES + at * record) as u64)?;
            bytes.chunks_exact(record).map(RecordFormat::key_of_record).for_each(|key| {
                each(key);
                keys.extend(key.0.to_le_bytes());
            });
            at += count;
        }
        if !has_keys && from == 0 && at == records && records >= MANY_RECORDS {
            self.write_keys_file(&keys)?;
        }
        Ok(())
    }

    /// Reads the keys numbered `from..end` that the `.keys` file contains; returns `None` if the file does not exist or
    /// cannot be opened.
    fn read_keys_file(&self, from: usize, end: usize) -> io::Result<Option<Vec<u8>>> {
        let Ok(mut file) = File::open(self.path.with_extension(KEYS)) else { return Ok(None) };
        file.seek(SeekFrom::Start((from * KEY_BYTES) as u64))?;
        let mut keys = Vec::new();
        file.take((end.saturating_sub(from) * KEY_BYTES) as u64).read_to_end(&mut keys)?;
        Ok(Some(keys))
    }

    /// Writes the `.keys` file.
    fn write_keys_file(&self, keys: &[u8]) -> io::Result<()> {
        replace_with_bytes(&self.path.with_extension(KEYS), Durability::Unsynced, keys)
    }

    /// Reads the vector of a record into `out`. Returns false if the record cannot be read, is damaged or has another
    /// key.
    pub fn read_vector(&self, key: VectorKey, number: u32, format: &RecordFormat, out: &mut Vec<f32>) -> bool {
        let mut record = vec![0; format.record_bytes()];
        let at = HEADER_BYTES as u64 + u64::from(number) * record.len() as u64;
        let is_read = file_format::read_exact_at(&self.file, &mut record, at).is_ok()
            && RecordFormat::decode_record(&record, self.checksum, key, out);
        if is_read {
            self.used.store(true, Ordering::Relaxed);
        }
        is_read
    }

    /// Sets the file's modification time to now if a vector was read from it since the last call, so that unused
    /// segments are removed first.
    pub fn touch_if_used(&self) {
        if self.used.swap(false, Ordering::Relaxed)
            && let Ok(file) = File::options().append(true).open(&self.path)
        {
            // Fails if another process has removed the file; its time does not matter then.
            _ = file.set_times(FileTimes::new().set_modified(SystemTime::now()));
        }
    }
}

/// A segment opened for appending.
pub(super) struct VectorSegmentWriter {
    pub segment: Arc<VectorSegment>,
    vectors: File,
    keys: File,
    /// The lock file by which other processes see that this one may still append to the segment; `None` only while the
    /// writer is dropped.
    live: Option<File>,
}

impl VectorSegmentWriter {
    /// Creates a segment, and its folder if necessary.
    ///
    /// # Errors
    ///
    /// Fails if the folder or a file of the segment cannot be created.
    pub fn create(folder: &Path, format: &RecordFormat, now_ms: u64) -> io::Result<Self> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        create_private(folder)?;
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = folder.join(format!("{now_ms}-{}-{number}.{VECTORS}", std::process::id()));
        // Create the lock first, so that other processes never see the segment unlocked.
        let live = File::create(path.with_extension(LIVE))?;
        _ = live.try_lock(); // without file locks, no segment counts as live
        let append = |extension| File::options().create_new(true).append(true).open(path.with_extension(extension));
        let (mut vectors, keys) = (append(VECTORS)?, append(KEYS)?);
        vectors.write_all(&format.header())?;
        let segment = Arc::new(VectorSegment::open(&path, format)?);
        Ok(Self { segment, vectors, keys, live: Some(live) })
    }

    /// Appends encoded records and their keys.
    ///
    /// # Errors
    ///
    /// Fails if the records or the keys cannot be written.
    pub fn append(&mut self, records: &[u8], format: &RecordFormat) -> io::Result<()> {
        self.vectors.write_all(records)?;
        let keys: Vec<u8> =
            records.chunks_exact(format.record_bytes()).flat_map(|record| &record[..KEY_BYTES]).copied().collect();
        self.keys.write_all(&keys)
    }
}

impl Drop for VectorSegmentWriter {
    fn drop(&mut self) {
        drop(self.live.take());
        _ = fs::remove_file(self.segment.path().with_extension(LIVE));
    }
}

/// Returns whether a process may still append to the segment; false on a file system without file locks.
pub(super) fn is_live(path: &Path) -> bool {
    let Ok(live) = File::options().write(true).open(path.with_extension(LIVE)) else { return false };
    matches!(live.try_lock(), Err(TryLockError::WouldBlock))
}

/// Creates a folder and its parents if they do not exist; on Unix, only the user may enter the created ones.
fn create_private(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}
