//! A segment of the inverted index on disk. It is written once and read at random positions.
//!
//! Little-endian, without padding:
//!
//! | bytes | content |
//! |---|---|
//! | 16 | header, see [`platform::file_format`] |
//! | 4 | u32 number of documents |
//! | 4 | u32 number of terms |
//! | 8 | u64 size of the postings in bytes |
//! | 4 × documents | u32 document numbers, ascending |
//! | documents × [`FIELDS`] | u8 length codes, grouped by field |
//! | 8 × terms | u64 hashes, ascending |
//! | 4 × terms | u32 end of each term's postings, relative to the first posting |
//! | 8 | u64 checksum of everything before it |
//! | postings | see below |
//!
//! The postings of a term start with the number of postings in LEB128. Each posting is 2 × gap + flag in LEB128,
//! where the gap is the number of documents of the segment between the previous posting and this one. With flag 1
//! the counts follow in two bytes; with flag 0 the term occurs once in the body and nowhere else. The postings end
//! with a u32 checksum, which is verified when they are read.
//!
//! Version 1 is still read: it begins with `CSCRYLX1` and the three numbers, and has no checksums. A malformed
//! file is an error, never a panic. Postings stay on disk until they are queried; the rest is held in memory.

use std::cmp::Ordering;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering as MemoryOrdering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use platform::file_format::{self, FileFormat, FormatError};

use super::counts::TermCounts;
use super::field::{ChunkField, DocNumber, FIELDS};

/// The format of a segment.
pub(super) const SEGMENT_FORMAT: FileFormat = FileFormat { magic: *b"CSCRYIIX", version: SEGMENT_VERSION };

/// The version of the segments that are written.
pub const SEGMENT_VERSION: u32 = 2;

/// The first bytes of a segment of version 1.
const VERSION_1_MAGIC: &[u8; 8] = b"CSCRYLX1";

/// Size of the three numbers after the header, in bytes.
const COUNTS_BYTES: usize = 16;

/// Size of the checksum of the part before the postings, in bytes.
const HEAD_CHECKSUM_BYTES: usize = 8;

/// The error of reading a segment. Each message names the file, if the segment is in one.
#[derive(Debug, thiserror::Error)]
pub enum SegmentError {
    #[error("{segment}: {source}")]
    Io { segment: String, source: io::Error },
    #[error("{segment}: {source}")]
    Format { segment: String, source: FormatError },
}

/// A segment of the inverted index: for each term, the documents that contain it. The postings are in memory or read
/// from a file; everything else is in memory.
pub struct IndexSegment {
    docs: Vec<DocNumber>,
    /// Length codes, grouped by field.
    lengths: Vec<u8>,
    hashes: Vec<u64>,
    ends: Vec<u32>,
    /// Whether each posting list ends with a checksum.
    is_checked: bool,
    postings: PostingsSource,
    /// Whether a damaged posting list has been left out of a result since the last successful [`IndexSegment::verify`].
    has_met_damage: AtomicBool,
}

/// The source of a segment's postings.
enum PostingsSource {
    Memory(Vec<u8>),
    /// A file, and the byte at which its postings start.
    File {
        file: File,
        path: PathBuf,
        start: u64,
    },
}

impl PostingsSource {
    fn io_error(&self, source: io::Error) -> SegmentError {
        SegmentError::Io { segment: self.describe(), source }
    }

    fn format_error(&self, source: FormatError) -> SegmentError {
        SegmentError::Format { segment: self.describe(), source }
    }

    fn describe(&self) -> String {
        match self {
            Self::Memory(_) => "an index segment in memory".to_owned(),
            Self::File { path, .. } => path.display().to_string(),
        }
    }
}

/// The segments that [`IndexSegment::open_shared`] has opened, by [`FileIdentity`].
static OPEN: Mutex<Vec<(FileIdentity, Weak<IndexSegment>)>> = Mutex::new(Vec::new());

/// Identifies a segment's file, whose content never changes: device, inode, size in bytes and modification time in
/// nanoseconds. An open segment keeps its file open, so that no other file gets its inode.
type FileIdentity = (u64, u64, u64, i64);

/// Returns the identity of an open file; `None` where the system has none or it cannot be read.
fn file_identity(file: &File) -> Option<FileIdentity> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        let found = file.metadata().ok()?;
        let mtime_ns = found.mtime().wrapping_mul(1_000_000_000).wrapping_add(found.mtime_nsec());
        Some((found.dev(), found.ino(), found.len(), mtime_ns))
    }
    #[cfg(not(unix))]
    {
        let _ = file;
        None
    }
}

impl IndexSegment {
    /// Opens a segment on disk like [`IndexSegment::open`], or returns the one that this process has open of the same
    /// file. The indexes of two folders may have links to one file.
    ///
    /// # Errors
    /// Fails like [`IndexSegment::open`].
    pub fn open_shared(path: &Path) -> Result<Arc<Self>, SegmentError> {
        let held = File::open(path).ok();
        let Some(identity) = held.as_ref().and_then(file_identity) else { return Self::open(path).map(Arc::new) };
        let find = |open: &[(FileIdentity, Weak<Self>)]| {
            open.iter().filter(|(other, _)| *other == identity).find_map(|(_, segment)| segment.upgrade())
        };
        let lock = || OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(segment) = find(&lock()) {
            return Ok(segment);
        }
        let segment = Arc::new(Self::open(path)?);
        if segment.file().and_then(file_identity) == Some(identity) {
            let mut open = lock();
            open.retain(|(_, segment)| segment.strong_count() > 0);
            if let Some(other) = find(&open) {
                return Ok(other);
            }
            open.push((identity, Arc::downgrade(&segment)));
        }
        Ok(segment)
    }

    /// Returns the file of the postings; `None` for a segment in memory.
    fn file(&self) -> Option<&File> {
        match &self.postings {
            PostingsSource::Memory(_) => None,
            PostingsSource::File { file, .. } => Some(file),
        }
    }

    /// Opens a segment on disk. On Unix it stays readable after its file is deleted.
    ///
    /// # Errors
    /// When the file cannot be read, is not a segment, or is damaged before its postings.
    pub fn open(path: &Path) -> Result<Self, SegmentError> {
        let segment = || path.display().to_string();
        let io_error = |source| SegmentError::Io { segment: segment(), source };
        let format_error = |source| SegmentError::Format { segment: segment(), source };
        let file = File::open(path).map_err(io_error)?;
        let size = file.metadata().map_err(io_error)?.len();
        let mut start = Vec::new();
        (&file).take(SegmentHeader::MAX_BYTES as u64).read_to_end(&mut start).map_err(io_error)?;
        let header = SegmentHeader::parse(&start, size).map_err(format_error)?;
        let mut head = vec![0; header.head_bytes];
        file_format::read_exact_at(&file, &mut head, 0).map_err(io_error)?;
        let postings = PostingsSource::File { file, path: path.to_owned(), start: header.head_bytes as u64 };
        Self::decode(&header, &head, postings).map_err(format_error)
    }

    /// Decodes the bytes of a segment. Its postings stay in memory.
    ///
    /// # Errors
    /// When `bytes` is not a segment, or is damaged before its postings.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SegmentError> {
        let format_error = |source| PostingsSource::Memory(Vec::new()).format_error(source);
        let header = SegmentHeader::parse(bytes, bytes.len() as u64).map_err(format_error)?;
        let (head, postings) = bytes.split_at(header.head_bytes);
        Self::decode(&header, head, PostingsSource::Memory(postings.to_vec())).map_err(format_error)
    }

    /// Decodes the part of a segment before its postings.
    fn decode(header: &SegmentHeader, head: &[u8], postings: PostingsSource) -> Result<Self, FormatError> {
        let mut columns = &head[header.counts_end..];
        if header.is_checked {
            let (rest, checksum) = columns.split_last_chunk::<HEAD_CHECKSUM_BYTES>().ok_or(FormatError::Truncated)?;
            let summed = &head[..head.len() - HEAD_CHECKSUM_BYTES];
            if u64::from_le_bytes(*checksum) != file_format::checksum64(summed) {
                return Err(FormatError::Checksum);
            }
            columns = rest;
        }
        let (docs, rest) = columns.split_at(4 * header.docs);
        let (lengths, rest) = rest.split_at(FIELDS * header.docs);
        let (hashes, ends) = rest.split_at(8 * header.terms);
        let numbers = |bytes: &[u8]| bytes.as_chunks().0.iter().map(|bytes| u32::from_le_bytes(*bytes)).collect();
        let (docs, ends): (Vec<u32>, Vec<u32>) = (numbers(docs), numbers(ends));
        let hashes: Vec<u64> = hashes.as_chunks().0.iter().map(|bytes| u64::from_le_bytes(*bytes)).collect();
        let is_good = docs.is_sorted_by(|a, b| a < b)
            && hashes.is_sorted_by(|a, b| a < b)
            && ends.is_sorted()
            && ends.last().map_or(0, |end| u64::from(*end)) == header.postings_bytes;
        if !is_good {
            return Err(FormatError::Truncated);
        }
        let (lengths, is_checked) = (lengths.to_vec(), header.is_checked);
        Ok(Self { docs, lengths, hashes, ends, is_checked, postings, has_met_damage: AtomicBool::new(false) })
    }

    /// Returns the numbers of the segment's documents, in ascending order.
    pub fn docs(&self) -> &[DocNumber] {
        &self.docs
    }

    /// Returns the length codes of a field, by ordinal of the document.
    pub(super) fn lengths(&self, field: ChunkField) -> &[u8] {
        let from = field as usize * self.docs.len();
        &self.lengths[from..from + self.docs.len()]
    }

    /// Returns the hashes of the terms, in ascending order.
    pub(super) fn hashes(&self) -> &[u64] {
        &self.hashes
    }

    /// Reads the postings of the term at `index` into `buffer`, without their checksum.
    ///
    /// # Errors
    /// When they cannot be read or are damaged.
    pub(super) fn read_postings(&self, index: usize, buffer: &mut Vec<u8>) -> Result<(), SegmentError> {
        self.read_bytes(self.start_of(index), self.ends[index], buffer)?;
        if self.is_checked {
            let length = self.check_list(buffer)?.len();
            buffer.truncate(length);
        }
        Ok(())
    }

    /// Returns the start of a term's postings, relative to the first posting.
    fn start_of(&self, index: usize) -> u32 {
        index.checked_sub(1).map_or(0, |before| self.ends[before])
    }

    /// Reads the bytes `from..to` of the postings into `buffer`.
    fn read_bytes(&self, from: u32, to: u32, buffer: &mut Vec<u8>) -> Result<(), SegmentError> {
        buffer.clear();
        match &self.postings {
            PostingsSource::Memory(bytes) => buffer.extend_from_slice(&bytes[from as usize..to as usize]),
            PostingsSource::File { file, start, .. } => {
                buffer.resize((to - from) as usize, 0);
                file_format::read_exact_at(file, buffer, start + u64::from(from))
                    .map_err(|error| self.postings.io_error(error))?;
            }
        }
        Ok(())
    }

    /// Verifies the checksum at the end of a posting list and returns the list without it.
    fn check_list<'b>(&self, bytes: &'b [u8]) -> Result<&'b [u8], SegmentError> {
        let (list, checksum) = bytes.split_last_chunk().ok_or_else(|| self.damage())?;
        if u32::from_le_bytes(*checksum) == file_format::checksum32(list) { Ok(list) } else { Err(self.damage()) }
    }

    /// Reads all posting lists and verifies their checksums. A segment of version 1 has none and is not read.
    ///
    /// # Errors
    /// When a list cannot be read or is damaged.
    pub fn verify(&self) -> Result<(), SegmentError> {
        /// Number of bytes that are read at once, unless one posting list is longer.
        const BLOCK_BYTES: u32 = 1 << 20;
        let (mut first, mut buffer) = (0, Vec::new());
        while self.is_checked && first < self.ends.len() {
            let start = self.start_of(first);
            let fitting = self.ends[first..].partition_point(|end| end - start <= BLOCK_BYTES).max(1);
            self.read_bytes(start, self.ends[first + fitting - 1], &mut buffer)?;
            for index in first..first + fitting {
                let list = (self.start_of(index) - start) as usize..(self.ends[index] - start) as usize;
                self.check_list(&buffer[list])?;
            }
            first += fitting;
        }
        self.has_met_damage.store(false, MemoryOrdering::Relaxed);
        Ok(())
    }

    /// Reads the postings of the term at `index` like [`IndexSegment::read_postings`]. Returns false if they are
    /// damaged, and remembers that.
    ///
    /// # Errors
    /// When they cannot be read.
    pub(super) fn read_intact_postings(&self, index: usize, buffer: &mut Vec<u8>) -> Result<bool, SegmentError> {
        match self.read_postings(index, buffer) {
            Err(SegmentError::Format { .. }) => {
                self.has_met_damage.store(true, MemoryOrdering::Relaxed);
                Ok(false)
            }
            read => read.map(|()| true),
        }
    }

    /// Returns whether a damaged posting list has been left out of a result since the last successful
    /// [`IndexSegment::verify`].
    pub(super) fn has_met_damage(&self) -> bool {
        self.has_met_damage.load(MemoryOrdering::Relaxed)
    }

    /// Returns the error of a segment whose bytes changed after they were written.
    pub(super) fn damage(&self) -> SegmentError {
        self.postings.format_error(FormatError::Checksum)
    }

    /// Returns whether `error` is of a read of this segment's file, or of one in memory if this segment is.
    pub fn is_source_of(&self, error: &SegmentError) -> bool {
        let (SegmentError::Io { segment, .. } | SegmentError::Format { segment, .. }) = error;
        *segment == self.postings.describe()
    }

    /// Returns the index of a term by its hash; `None` if the segment lacks the term.
    ///
    /// Uses interpolation search: hashes are uniformly distributed, so two or three probes suffice where
    /// binary search needs twenty, most of them cache misses.
    pub(super) fn find_term(&self, hash: u64) -> Option<usize> {
        /// Up to this number of hashes, binary search is faster.
        const BINARY_SEARCH_LEN: usize = 16;
        /// Maximum number of probes before binary search, for hashes that are not uniformly distributed.
        const MAX_PROBES: usize = 8;
        let (mut from, mut to) = (0, self.hashes.len());
        let (mut low, mut high) = (0, u64::MAX);
        for _ in 0..MAX_PROBES {
            if to - from <= BINARY_SEARCH_LEN {
                break;
            }
            let share = u128::from(hash - low) * (to - from - 1) as u128 / u128::from(high - low).max(1);
            let probe = from + usize::try_from(share).unwrap_or(0);
            match self.hashes[probe].cmp(&hash) {
                Ordering::Equal => return Some(probe),
                Ordering::Less => (from, low) = (probe + 1, self.hashes[probe]),
                Ordering::Greater => (to, high) = (probe, self.hashes[probe]),
            }
        }
        self.hashes[from..to].binary_search(&hash).ok().map(|offset| from + offset)
    }
}

/// The numbers at the start of a segment, and the sizes that follow from them.
pub(super) struct SegmentHeader {
    pub docs: usize,
    pub terms: usize,
    postings_bytes: u64,
    is_checked: bool,
    /// Position of the first byte after the three numbers.
    pub counts_end: usize,
    /// Size of the part before the postings, in bytes.
    pub head_bytes: usize,
}

impl SegmentHeader {
    /// Maximum size of a header, in bytes.
    pub const MAX_BYTES: usize = file_format::HEADER_BYTES + COUNTS_BYTES;

    /// Reads the header of a segment of `size` bytes from its first bytes.
    pub fn parse(bytes: &[u8], size: u64) -> Result<Self, FormatError> {
        let (is_checked, counts) = match bytes.strip_prefix(VERSION_1_MAGIC) {
            Some(rest) => (false, rest),
            None => (true, SEGMENT_FORMAT.check_header(bytes)?),
        };
        let (counts, _) = counts.split_first_chunk::<COUNTS_BYTES>().ok_or(FormatError::Truncated)?;
        let number = |at: usize| u32::from_le_bytes([counts[at], counts[at + 1], counts[at + 2], counts[at + 3]]);
        let (docs, terms) = (number(0), number(4));
        let postings_bytes = u64::from(number(8)) | u64::from(number(12)) << 32;
        let (start, checksum) = if is_checked {
            (file_format::HEADER_BYTES + COUNTS_BYTES, HEAD_CHECKSUM_BYTES)
        } else {
            (VERSION_1_MAGIC.len() + COUNTS_BYTES, 0)
        };
        let columns = u64::from(docs) * (4 + FIELDS as u64) + u64::from(terms) * 12;
        let head_bytes = (start + checksum) as u64 + columns;
        // The sum cannot overflow: `head_bytes` is below 2^40, and `postings_bytes` below 2^32 after the first check.
        if postings_bytes > u64::from(u32::MAX) || head_bytes + postings_bytes != size {
            return Err(FormatError::Truncated);
        }
        let head_bytes = usize::try_from(head_bytes).map_err(|_| FormatError::Truncated)?;
        let (docs, terms) = (docs as usize, terms as usize);
        Ok(Self { docs, terms, postings_bytes, is_checked, counts_end: start, head_bytes })
    }
}

/// An iterator over the postings of a term: the ordinal of each document with the term's counts, ascending.
///
/// Ends early at malformed bytes, which only a segment without checksums can have.
pub(super) struct PostingReader<'b> {
    bytes: &'b [u8],
    left: u32,
    /// The last returned ordinal plus one; 0 at first.
    next: u32,
}

impl<'b> PostingReader<'b> {
    /// Creates a reader of the bytes that [`IndexSegment::read_postings`] reads.
    pub fn new(bytes: &'b [u8]) -> Self {
        let mut reader = Self { bytes, left: 0, next: 0 };
        reader.left = reader.read_leb128().unwrap_or(0);
        reader
    }

    /// Returns the number of remaining postings.
    pub fn len(&self) -> u32 {
        self.left
    }

    #[inline]
    fn read_leb128(&mut self) -> Option<u32> {
        // Nearly all numbers are one byte.
        if let [byte @ ..128, rest @ ..] = self.bytes {
            self.bytes = rest;
            return Some(u32::from(*byte));
        }
        self.read_long_leb128()
    }

    fn read_long_leb128(&mut self) -> Option<u32> {
        let (mut value, mut shift) = (0_u32, 0);
        loop {
            let (byte, rest) = self.bytes.split_first()?;
            self.bytes = rest;
            value |= u32::from(byte & 127).checked_shl(shift)?;
            if byte & 128 == 0 {
                return Some(value);
            }
            shift += 7;
        }
    }
}

impl Iterator for PostingReader<'_> {
    type Item = (u32, TermCounts);

    fn next(&mut self) -> Option<(u32, TermCounts)> {
        self.left = self.left.checked_sub(1)?;
        let key = self.read_leb128()?;
        let ordinal = self.next.checked_add(key >> 1)?;
        self.next = ordinal.checked_add(1)?;
        if key & 1 == 0 {
            return Some((ordinal, TermCounts::ONE));
        }
        let (counts, rest) = self.bytes.split_first_chunk::<2>()?;
        self.bytes = rest;
        Some((ordinal, TermCounts(u16::from_le_bytes(*counts))))
    }
}
