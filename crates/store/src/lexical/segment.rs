//! A segment of the inverted index on disk: written once, read by position.
//!
//! Little-endian, without padding:
//!
//! | bytes | content |
//! |---|---|
//! | 8 | magic `CSCRYLX1` |
//! | 4 | u32 number of documents |
//! | 4 | u32 number of terms |
//! | 8 | u64 size of the postings in bytes |
//! | 4 × documents | u32 document numbers, ascending |
//! | documents × [`FIELDS`] | u8 length codes, all of one field before the next |
//! | 8 × terms | u64 hashes, ascending |
//! | 4 × terms | u32 end of each term's postings, relative to the first posting |
//! | postings | see below |
//!
//! The postings of a term start with their number in LEB128. Each posting is LEB128 of 2 × gap + flag,
//! where the gap is the number of skipped documents, by ordinal in the segment. With flag 1 the counts
//! follow in two bytes; with flag 0 the term occurs once in the body and nowhere else.
//!
//! A malformed file is an error, never a panic. PostingsSource stay on disk until they are queried; the rest
//! is held in memory.

use std::cmp::Ordering;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use super::counts::TermCounts;
use super::{ChunkField, DocNumber, FIELDS};

pub(super) const MAGIC: &[u8; 8] = b"CSCRYLX1";
pub(super) const HEADER_BYTES: usize = 24;

/// A segment that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SegmentError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("the file is not a segment of the inverted index, or it is truncated")]
    Format,
}

/// The terms of some chunks.
pub struct IndexSegment {
    docs: Vec<DocNumber>,
    /// Length codes, all of one field before the next.
    lengths: Vec<u8>,
    hashes: Vec<u64>,
    ends: Vec<u32>,
    postings: PostingsSource,
}

/// The source of a segment's postings.
enum PostingsSource {
    Memory(Vec<u8>),
    /// A file, and the position in it at which the postings start.
    File(File, u64),
}

impl IndexSegment {
    /// Opens a segment on disk. On Unix it stays readable after its file is deleted.
    ///
    /// # Errors
    /// When the file cannot be read or is not a segment.
    pub fn open(path: &Path) -> Result<Self, SegmentError> {
        let mut file = File::open(path)?;
        let mut header_bytes = [0; HEADER_BYTES];
        file.read_exact(&mut header_bytes)?;
        let header = SegmentHeader::parse(&header_bytes)?;
        if file.metadata()?.len() != header.head_bytes + header.postings_bytes {
            return Err(SegmentError::Format);
        }
        let mut head = vec![0; usize::try_from(header.head_bytes).unwrap_or(usize::MAX) - HEADER_BYTES];
        file.read_exact(&mut head)?;
        Self::new(&header, &head, PostingsSource::File(file, header.head_bytes))
    }

    /// Decodes a segment in memory.
    ///
    /// # Errors
    /// When `bytes` is not a segment.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SegmentError> {
        let header = SegmentHeader::parse(bytes)?;
        if bytes.len() as u64 != header.head_bytes + header.postings_bytes {
            return Err(SegmentError::Format);
        }
        let (head, postings) = bytes.split_at(usize::try_from(header.head_bytes).unwrap_or(usize::MAX));
        Self::new(&header, &head[HEADER_BYTES..], PostingsSource::Memory(postings.to_vec()))
    }

    fn new(header: &SegmentHeader, head: &[u8], postings: PostingsSource) -> Result<Self, SegmentError> {
        let (docs, rest) = head.split_at(4 * header.docs);
        let (lengths, rest) = rest.split_at(FIELDS * header.docs);
        let (hashes, ends) = rest.split_at(8 * header.terms);
        let numbers = |bytes: &[u8]| bytes.as_chunks().0.iter().map(|bytes| u32::from_le_bytes(*bytes)).collect();
        let (docs, ends): (Vec<u32>, Vec<u32>) = (numbers(docs), numbers(ends));
        let hashes: Vec<u64> = hashes.as_chunks().0.iter().map(|bytes| u64::from_le_bytes(*bytes)).collect();
        let is_good = docs.is_sorted_by(|a, b| a < b)
            && hashes.is_sorted_by(|a, b| a < b)
            && ends.is_sorted()
            && ends.last().map_or(0, |end| u64::from(*end)) == header.postings_bytes;
        if is_good {
            Ok(Self { docs, lengths: lengths.to_vec(), hashes, ends, postings })
        } else {
            Err(SegmentError::Format)
        }
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

    /// Reads the postings of the term at `index` into `buffer`.
    pub(super) fn read_postings(&self, index: usize, buffer: &mut Vec<u8>) -> Result<(), SegmentError> {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        let end = self.ends[index];
        buffer.clear();
        match &self.postings {
            PostingsSource::Memory(bytes) => buffer.extend_from_slice(&bytes[start as usize..end as usize]),
            PostingsSource::File(file, from) => {
                buffer.resize((end - start) as usize, 0);
                read_at(file, buffer, from + u64::from(start))?;
            }
        }
        Ok(())
    }

    /// Returns the index of a term by its hash.
    ///
    /// Uses interpolation search: hashes are uniformly distributed, so two or three probes suffice where
    /// binary search needs twenty, most of them cache misses.
    pub(super) fn find_term(&self, hash: u64) -> Option<usize> {
        /// Below this number of hashes, binary search is faster.
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

#[cfg(unix)]
fn read_at(file: &File, buffer: &mut [u8], position: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buffer, position)
}

#[cfg(windows)]
fn read_at(file: &File, mut buffer: &mut [u8], mut position: u64) -> io::Result<()> {
    while !buffer.is_empty() {
        let read = std::os::windows::fs::FileExt::seek_read(file, buffer, position)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        buffer = &mut buffer[read..];
        position += read as u64;
    }
    Ok(())
}

/// The header of a segment, and the header that follow from it.
struct SegmentHeader {
    docs: usize,
    terms: usize,
    postings_bytes: u64,
    /// Size of the file up to the postings.
    head_bytes: u64,
}

impl SegmentHeader {
    fn parse(bytes: &[u8]) -> Result<Self, SegmentError> {
        let header =
            bytes.get(..HEADER_BYTES).filter(|header| header.starts_with(MAGIC)).ok_or(SegmentError::Format)?;
        let number = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
        let (docs, terms) = (u64::from(number(8)), u64::from(number(12)));
        let postings_bytes = u64::from(number(16)) | u64::from(number(20)) << 32;
        let head_bytes = HEADER_BYTES as u64 + docs * (4 + FIELDS as u64) + terms * 12;
        if postings_bytes > u64::from(u32::MAX) {
            return Err(SegmentError::Format);
        }
        let size = |count| usize::try_from(count).map_err(|_| SegmentError::Format);
        Ok(Self { docs: size(docs)?, terms: size(terms)?, postings_bytes, head_bytes })
    }
}

/// An iterator over the postings of a term: ordinals of documents in the segment, ascending, with the term's counts.
///
/// Ends early at malformed bytes.
pub(super) struct PostingReader<'b> {
    bytes: &'b [u8],
    left: u32,
    /// One past the last ordinal.
    next: u32,
}

impl<'b> PostingReader<'b> {
    /// Creates a reader of the bytes that [`IndexSegment::read_postings`] returns.
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
