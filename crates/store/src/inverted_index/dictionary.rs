//! The statistics of segments on disk, read without holding a segment in memory.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use platform::file_format::{self, FormatError};

use super::counts::decode_length;
use super::field::{ChunkField, FIELDS};
use super::score::CorpusStatistics;
use super::segment::{PostingReader, SegmentError, SegmentHeader};

/// Maximum number of length codes, each a byte, that are read at once.
const BLOCK_BYTES: usize = 1 << 16;

/// Maximum number of hashes that are read at once.
const HASHES_READ: usize = if cfg!(test) { 4 } else { 512 };

/// Maximum length of the number at the start of a posting list, in bytes.
const MAX_COUNT_BYTES: usize = 5;

/// The dictionary of a segment on disk, which maps each term to the number of documents that contain it.
pub struct SegmentDictionary {
    file: File,
    path: PathBuf,
    header: SegmentHeader,
    /// The sum of the lengths of each field, in words.
    lengths: [f64; FIELDS],
}

impl SegmentDictionary {
    /// Opens a segment, and sums the lengths of its documents.
    ///
    /// # Errors
    /// When the file cannot be read or is not a segment.
    pub fn open(path: &Path) -> Result<Self, SegmentError> {
        let segment = || path.display().to_string();
        let io_error = |source| SegmentError::Io { segment: segment(), source };
        let file = File::open(path).map_err(io_error)?;
        let size = file.metadata().map_err(io_error)?.len();
        let mut start = Vec::new();
        (&file).take(SegmentHeader::MAX_BYTES as u64).read_to_end(&mut start).map_err(io_error)?;
        let format_error = |source| SegmentError::Format { segment: segment(), source };
        let header = SegmentHeader::parse(&start, size).map_err(format_error)?;
        let mut dictionary = Self { file, path: path.to_owned(), header, lengths: [0.0; FIELDS] };
        for field in ChunkField::ALL {
            dictionary.lengths[field as usize] = dictionary.sum_lengths(field)?;
        }
        Ok(dictionary)
    }

    fn sum_lengths(&self, field: ChunkField) -> Result<f64, SegmentError> {
        let docs = self.header.docs;
        let first = self.header.counts_end + docs * (4 + field as usize);
        let (mut sum, mut block) = (0.0, Vec::new());
        for start in (0..docs).step_by(BLOCK_BYTES) {
            block.resize(BLOCK_BYTES.min(docs - start), 0);
            self.read_at(&mut block, first + start)?;
            sum += block.iter().map(|code| f64::from(decode_length(*code))).sum::<f64>();
        }
        Ok(sum)
    }

    /// Returns the number of documents with the term of this hash, including deleted documents.
    ///
    /// # Errors
    /// When the file cannot be read, or is found to be damaged.
    pub fn count_documents(&self, hash: u64) -> Result<u32, SegmentError> {
        let Some(index) = self.find_term(hash)? else { return Ok(0) };
        let ends = self.hashes_start() + 8 * self.header.terms;
        let end_at = |index: usize| {
            let mut bytes = [0; 4];
            self.read_at(&mut bytes, ends + 4 * index).map(|()| u32::from_le_bytes(bytes) as usize)
        };
        let start = index.checked_sub(1).map_or(Ok(0), end_at)?;
        let end = end_at(index)?;
        let length = end.checked_sub(start).ok_or_else(|| self.format_error(FormatError::Truncated))?;
        let mut count = vec![0; length.min(MAX_COUNT_BYTES)];
        self.read_at(&mut count, self.header.head_bytes + start)?;
        Ok(PostingReader::new(&count).len())
    }

    /// Returns the index of the term with this hash; `None` if the segment lacks it. Hashes are spread evenly, so
    /// reading one block around the expected position usually suffices.
    fn find_term(&self, hash: u64) -> Result<Option<usize>, SegmentError> {
        let (mut from, mut to) = (0, self.header.terms);
        let (mut least, mut most) = (0, u64::MAX);
        let mut block = [0; 8 * HASHES_READ];
        while from < to {
            let share = (u128::from(hash.saturating_sub(least)) * (to - from) as u128)
                / u128::from(most.saturating_sub(least)).max(1);
            let likely = from + usize::try_from(share).unwrap_or(0);
            let start = likely.saturating_sub(HASHES_READ / 2).clamp(from, to.saturating_sub(HASHES_READ).max(from));
            let block = &mut block[..8 * (to - start).min(HASHES_READ)];
            self.read_at(block, self.hashes_start() + 8 * start)?;
            let hashes = block.as_chunks::<8>().0;
            let first = u64::from_le_bytes(hashes[0]);
            let last = u64::from_le_bytes(hashes[hashes.len() - 1]);
            if hash < first {
                (to, most) = (start, first);
            } else if hash > last {
                (from, least) = (start + hashes.len(), last);
            } else {
                let found = hashes.binary_search_by_key(&hash, |bytes| u64::from_le_bytes(*bytes));
                return Ok(found.ok().map(|at| start + at));
            }
        }
        Ok(None)
    }

    fn hashes_start(&self) -> usize {
        self.header.counts_end + self.header.docs * (4 + FIELDS)
    }

    /// Returns the statistics of the documents of all `segments` together.
    #[expect(clippy::cast_precision_loss, reason = "means need no more than 24 bits")]
    #[expect(clippy::cast_possible_truncation, reason = "a mean length")]
    pub fn join_statistics(segments: &[Self]) -> CorpusStatistics {
        let docs: usize = segments.iter().map(|segment| segment.header.docs).sum();
        let mean = |field: ChunkField| {
            let sum: f64 = segments.iter().map(|segment| segment.lengths[field as usize]).sum();
            (sum / (docs as f64).max(1.0)) as f32
        };
        CorpusStatistics { docs, mean_lengths: ChunkField::ALL.map(mean) }
    }

    fn read_at(&self, buffer: &mut [u8], at: usize) -> Result<(), SegmentError> {
        file_format::read_exact_at(&self.file, buffer, at as u64)
            .map_err(|source| SegmentError::Io { segment: self.path.display().to_string(), source })
    }

    fn format_error(&self, source: FormatError) -> SegmentError {
        SegmentError::Format { segment: self.path.display().to_string(), source }
    }
}
