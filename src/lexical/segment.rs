//! A segment on disk: written once, read by position.
//!
//! Little-endian, without padding:
//!
//! | bytes | what |
//! |---|---|
//! | 8 | magic `CSCRYLX1` |
//! | 4 | u32 documents |
//! | 4 | u32 words |
//! | 8 | u64 bytes of postings |
//! | 4 × documents | u32 document numbers, rising |
//! | documents × [`FIELDS`] | a length code each, field after field |
//! | 8 × words | u64 hashes, rising |
//! | 4 × words | u32: where each word's postings end |
//! | postings | see below |
//!
//! A word's postings: LEB128 of their number; then for each document, by place in the segment, LEB128
//! of 2 × (distance from the one before) + 1 where its counts follow in two bytes, or + 0 where the
//! word is once in the body and nowhere else.
//!
//! What is not as this page has it is an error, never a panic. Postings stay on disk until a word is
//! asked for; the rest is resident. Must never import: anything of this crate but `lexical`.

use std::cmp::Ordering;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use super::counts::Counts;
use super::{DocNumber, FIELDS, Field};

pub(super) const MAGIC: &[u8; 8] = b"CSCRYLX1";
pub(super) const HEADER_BYTES: usize = 24;

/// A segment that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SegmentError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("it is no segment of the word index, or one that was cut short")]
    Format,
}

/// Words of some chunks.
pub struct Segment {
    docs: Vec<DocNumber>,
    /// Field after field.
    lengths: Vec<u8>,
    hashes: Vec<u64>,
    ends: Vec<u32>,
    postings: Postings,
}

/// Where the postings are.
enum Postings {
    Memory(Vec<u8>),
    /// From a position on.
    File(File, u64),
}

impl Segment {
    /// Opens a segment on disk. A file that is open stays readable when it is removed.
    ///
    /// # Errors
    /// When it cannot be read or is no segment.
    pub fn open(path: &Path) -> Result<Self, SegmentError> {
        let mut file = File::open(path)?;
        let mut header = [0; HEADER_BYTES];
        file.read_exact(&mut header)?;
        let sizes = Sizes::of(&header)?;
        if file.metadata()?.len() != sizes.head_bytes + sizes.postings_bytes {
            return Err(SegmentError::Format);
        }
        let mut head = vec![0; usize::try_from(sizes.head_bytes).unwrap_or(usize::MAX) - HEADER_BYTES];
        file.read_exact(&mut head)?;
        Self::new(&sizes, &head, Postings::File(file, sizes.head_bytes))
    }

    /// A segment in memory.
    ///
    /// # Errors
    /// When it is no segment.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SegmentError> {
        let sizes = Sizes::of(bytes)?;
        if bytes.len() as u64 != sizes.head_bytes + sizes.postings_bytes {
            return Err(SegmentError::Format);
        }
        let (head, postings) = bytes.split_at(usize::try_from(sizes.head_bytes).unwrap_or(usize::MAX));
        Self::new(&sizes, &head[HEADER_BYTES..], Postings::Memory(postings.to_vec()))
    }

    fn new(sizes: &Sizes, head: &[u8], postings: Postings) -> Result<Self, SegmentError> {
        let (docs, rest) = head.split_at(4 * sizes.docs);
        let (lengths, rest) = rest.split_at(FIELDS * sizes.docs);
        let (hashes, ends) = rest.split_at(8 * sizes.words);
        let numbers = |bytes: &[u8]| bytes.as_chunks().0.iter().map(|bytes| u32::from_le_bytes(*bytes)).collect();
        let (docs, ends): (Vec<u32>, Vec<u32>) = (numbers(docs), numbers(ends));
        let hashes: Vec<u64> = hashes.as_chunks().0.iter().map(|bytes| u64::from_le_bytes(*bytes)).collect();
        let is_good = docs.is_sorted_by(|a, b| a < b)
            && hashes.is_sorted_by(|a, b| a < b)
            && ends.is_sorted()
            && ends.last().map_or(0, |end| u64::from(*end)) == sizes.postings_bytes;
        if is_good {
            Ok(Self { docs, lengths: lengths.to_vec(), hashes, ends, postings })
        } else {
            Err(SegmentError::Format)
        }
    }

    /// The numbers of its documents, rising.
    pub fn docs(&self) -> &[DocNumber] {
        &self.docs
    }

    /// Length codes of a field, by place of the document.
    pub(super) fn lengths(&self, field: Field) -> &[u8] {
        let from = field as usize * self.docs.len();
        &self.lengths[from..from + self.docs.len()]
    }

    pub(super) fn hashes(&self) -> &[u64] {
        &self.hashes
    }

    /// Reads the postings of the word at `index` into `buffer`.
    pub(super) fn read(&self, index: usize, buffer: &mut Vec<u8>) -> Result<(), SegmentError> {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        let end = self.ends[index];
        buffer.clear();
        match &self.postings {
            Postings::Memory(bytes) => buffer.extend_from_slice(&bytes[start as usize..end as usize]),
            Postings::File(file, from) => {
                buffer.resize((end - start) as usize, 0);
                read_at(file, buffer, from + u64::from(start))?;
            }
        }
        Ok(())
    }

    /// Where a word's postings are. Hashes are spread evenly, so it is about where its value is among all
    /// values: two or three looks, where halving takes twenty, each at memory that nobody looked at lately.
    pub(super) fn find(&self, hash: u64) -> Option<usize> {
        /// So many are looked through by halving.
        const FEW: usize = 16;
        /// Hashes that are not spread evenly are, too, after so many looks.
        const LOOKS: usize = 8;
        let (mut from, mut to) = (0, self.hashes.len());
        let (mut low, mut high) = (0, u64::MAX);
        for _ in 0..LOOKS {
            if to - from <= FEW {
                break;
            }
            let share = u128::from(hash - low) * (to - from - 1) as u128 / u128::from(high - low).max(1);
            let place = from + usize::try_from(share).unwrap_or(0);
            match self.hashes[place].cmp(&hash) {
                Ordering::Equal => return Some(place),
                Ordering::Less => (from, low) = (place + 1, self.hashes[place]),
                Ordering::Greater => (to, high) = (place, self.hashes[place]),
            }
        }
        self.hashes[from..to].binary_search(&hash).ok().map(|place| from + place)
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

/// What the header says.
struct Sizes {
    docs: usize,
    words: usize,
    postings_bytes: u64,
    /// Of all before the postings.
    head_bytes: u64,
}

impl Sizes {
    fn of(bytes: &[u8]) -> Result<Self, SegmentError> {
        let header =
            bytes.get(..HEADER_BYTES).filter(|header| header.starts_with(MAGIC)).ok_or(SegmentError::Format)?;
        let number = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
        let (docs, words) = (u64::from(number(8)), u64::from(number(12)));
        let postings_bytes = u64::from(number(16)) | u64::from(number(20)) << 32;
        let head_bytes = HEADER_BYTES as u64 + docs * (4 + FIELDS as u64) + words * 12;
        if postings_bytes > u64::from(u32::MAX) {
            return Err(SegmentError::Format);
        }
        let size = |count| usize::try_from(count).map_err(|_| SegmentError::Format);
        Ok(Self { docs: size(docs)?, words: size(words)?, postings_bytes, head_bytes })
    }
}

/// The postings of one word: places of documents in the segment, rising, with their counts.
pub(super) struct Reader<'b> {
    bytes: &'b [u8],
    left: u32,
    /// One past the last place.
    next: u32,
}

impl<'b> Reader<'b> {
    /// Over bytes as [`Segment::read`] gives them.
    pub fn new(bytes: &'b [u8]) -> Self {
        let mut reader = Self { bytes, left: 0, next: 0 };
        reader.left = reader.number().unwrap_or(0);
        reader
    }

    /// Postings that are left.
    pub fn len(&self) -> u32 {
        self.left
    }

    #[inline]
    fn number(&mut self) -> Option<u32> {
        // What nearly all are.
        if let [byte @ ..128, rest @ ..] = self.bytes {
            self.bytes = rest;
            return Some(u32::from(*byte));
        }
        self.long_number()
    }

    fn long_number(&mut self) -> Option<u32> {
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

impl Iterator for Reader<'_> {
    type Item = (u32, Counts);

    fn next(&mut self) -> Option<(u32, Counts)> {
        self.left = self.left.checked_sub(1)?;
        let key = self.number()?;
        let place = self.next.checked_add(key >> 1)?;
        self.next = place.checked_add(1)?;
        if key & 1 == 0 {
            return Some((place, Counts::ONE));
        }
        let (counts, rest) = self.bytes.split_first_chunk::<2>()?;
        self.bytes = rest;
        Some((place, Counts(u16::from_le_bytes(*counts))))
    }
}
