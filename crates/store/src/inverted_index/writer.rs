//! Writing of segments, from new chunks or by merging segments without their deleted chunks.

use platform::file_format::{checksum32, checksum64};

use super::counts::TermCounts;
use super::field::{ChunkField, DocNumber, FIELDS};
use super::segment::{IndexSegment, PostingReader, SEGMENT_FORMAT, SegmentError};
use super::terms::Terms;

/// Collects documents and encodes them as a segment.
#[derive(Default)]
pub struct SegmentWriter {
    docs: Vec<DocNumber>,
    lengths: Vec<[u8; FIELDS]>,
    occurrences: Vec<TermOccurrence>,
}

/// Hash of a term, ordinal of the document, and counts of the term in the document.
type TermOccurrence = (u64, u32, TermCounts);

impl SegmentWriter {
    /// Adds a document, whose number must be greater than that of the previous document.
    pub fn add(&mut self, number: DocNumber, terms: &Terms) {
        let ordinal = to_u32(self.docs.len());
        self.docs.push(number);
        self.lengths.push(terms.lengths);
        self.occurrences.extend(terms.counts.iter().map(|(hash, counts)| (*hash, ordinal, *counts)));
    }

    /// Returns the segment's bytes; `None` when its postings would take 4 GiB or more.
    pub fn finish(self) -> Option<Vec<u8>> {
        let mut out = SegmentBuffer::default();
        let (mut parted, ends) = partition_by_hash(&self.occurrences);
        let mut start = 0;
        for end in ends {
            let part = &mut parted[start..end];
            part.sort_unstable_by_key(|(hash, ordinal, _)| (*hash, *ordinal));
            for same in part.chunk_by(|a, b| a.0 == b.0) {
                out.push_term(same[0].0, same.iter().map(|(_, ordinal, counts)| (*ordinal, *counts)))?;
            }
            start = end;
        }
        Some(out.finish(&self.docs, &self.lengths))
    }
}

/// Number of leading hash bits by which terms are partitioned before sorting, so that each part fits into the
/// processor's cache.
const PARTITION_BITS: u32 = 12;

/// Orders occurrences by the leading bits of their hashes. Returns them with the end of each part.
fn partition_by_hash(occurrences: &[TermOccurrence]) -> (Vec<TermOccurrence>, Vec<usize>) {
    let part_of = |occurrence: &TermOccurrence| (occurrence.0 >> (u64::BITS - PARTITION_BITS)) as usize;
    let mut at = vec![0; 1 << PARTITION_BITS];
    occurrences.iter().for_each(|occurrence| at[part_of(occurrence)] += 1);
    let mut sum = 0;
    for at in &mut at {
        sum += std::mem::replace(at, sum);
    }
    let mut parted = vec![(0, 0, TermCounts::default()); occurrences.len()];
    for occurrence in occurrences {
        let at = &mut at[part_of(occurrence)];
        parted[*at] = *occurrence;
        *at += 1;
    }
    (parted, at)
}

/// Merges segments whose document numbers ascend from one to the next, keeping the documents for which
/// `is_live` is true. Returns `None` when the postings would take 4 GiB or more.
///
/// # Errors
/// When a segment cannot be read or is damaged.
pub fn merge_segments(
    segments: &[&IndexSegment],
    is_live: impl Fn(DocNumber) -> bool,
) -> Result<Option<Vec<u8>>, SegmentError> {
    let (mut docs, mut lengths) = (Vec::new(), Vec::new());
    // The new ordinal of each document of each segment; `None` for a deleted document.
    let mut ordinals: Vec<Vec<Option<u32>>> = Vec::with_capacity(segments.len());
    for segment in segments {
        let codes = ChunkField::ALL.map(|field| segment.lengths(field));
        let mut moved = Vec::with_capacity(segment.docs().len());
        for (ordinal, number) in segment.docs().iter().enumerate() {
            let live = is_live(*number);
            moved.push(live.then(|| to_u32(docs.len())));
            if live {
                docs.push(*number);
                lengths.push(codes.map(|codes| codes[ordinal]));
            }
        }
        ordinals.push(moved);
    }
    let mut out = SegmentBuffer::default();
    let (mut at, mut buffer, mut postings) = (vec![0; segments.len()], Vec::new(), Vec::new());
    while let Some(hash) = segments.iter().zip(&at).filter_map(|(segment, at)| segment.hashes().get(*at)).min().copied()
    {
        postings.clear();
        for ((segment, at), ordinals) in segments.iter().zip(&mut at).zip(&ordinals) {
            if segment.hashes().get(*at) == Some(&hash) {
                segment.read_postings(*at, &mut buffer)?;
                *at += 1;
                let moved = |(ordinal, counts): (u32, TermCounts)| Some(((*ordinals.get(ordinal as usize)?)?, counts));
                postings.extend(PostingReader::new(&buffer).filter_map(moved));
            }
        }
        if !postings.is_empty() && out.push_term(hash, postings.iter().copied()).is_none() {
            return Ok(None);
        }
    }
    Ok(Some(out.finish(&docs, &lengths)))
}

/// The dictionary and postings of a segment under construction.
#[derive(Default)]
struct SegmentBuffer {
    hashes: Vec<u64>,
    ends: Vec<u32>,
    postings: Vec<u8>,
}

impl SegmentBuffer {
    /// Appends a term with its postings; `None` when all postings together take 4 GiB or more.
    fn push_term(&mut self, hash: u64, postings: impl ExactSizeIterator<Item = (u32, TermCounts)>) -> Option<()> {
        let start = self.postings.len();
        self.push_leb128(to_u32(postings.len()));
        let mut next = 0;
        for (ordinal, counts) in postings {
            let is_plain = counts == TermCounts::ONE;
            self.push_leb128((ordinal - next) << 1 | u32::from(!is_plain));
            if !is_plain {
                self.postings.extend_from_slice(&counts.0.to_le_bytes());
            }
            next = ordinal + 1;
        }
        let checksum = checksum32(&self.postings[start..]);
        self.postings.extend_from_slice(&checksum.to_le_bytes());
        self.hashes.push(hash);
        self.ends.push(u32::try_from(self.postings.len()).ok()?);
        Some(())
    }

    fn push_leb128(&mut self, mut value: u32) {
        while value >= 128 {
            self.postings.push(value.to_le_bytes()[0] | 128);
            value >>= 7;
        }
        self.postings.push(value.to_le_bytes()[0]);
    }

    /// Returns the bytes of the segment.
    fn finish(self, docs: &[DocNumber], lengths: &[[u8; FIELDS]]) -> Vec<u8> {
        let mut bytes = SEGMENT_FORMAT.header().to_vec();
        bytes.extend(to_u32(docs.len()).to_le_bytes());
        bytes.extend(to_u32(self.hashes.len()).to_le_bytes());
        bytes.extend((self.postings.len() as u64).to_le_bytes());
        bytes.extend(docs.iter().flat_map(|number| number.to_le_bytes()));
        for field in ChunkField::ALL {
            bytes.extend(lengths.iter().map(|lengths| lengths[field as usize]));
        }
        bytes.extend(self.hashes.iter().flat_map(|hash| hash.to_le_bytes()));
        bytes.extend(self.ends.iter().flat_map(|end| end.to_le_bytes()));
        bytes.extend(checksum64(&bytes).to_le_bytes());
        bytes.extend(self.postings);
        bytes
    }
}

/// Converts a number of documents or terms to 32 bits. It always fits: documents have 32-bit numbers, and each term
/// takes at least one byte of the postings, which are below 4 GiB.
fn to_u32(count: usize) -> u32 {
    u32::try_from(count).expect("a segment has fewer than 2^32 documents and terms")
}
