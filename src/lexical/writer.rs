//! Writing segments: of new chunks, and of older segments without what is gone.
//!
//! Must never import: anything of this crate but `lexical`.

use super::counts::Counts;
use super::segment::{MAGIC, Reader, Segment, SegmentError};
use super::terms::Terms;
use super::{DocNumber, FIELDS, Field};

/// Gathers documents and makes a segment of them.
#[derive(Default)]
pub struct SegmentWriter {
    docs: Vec<DocNumber>,
    lengths: Vec<[u8; FIELDS]>,
    found: Vec<Found>,
}

/// Hash, place of the document, counts.
type Found = (u64, u32, Counts);

impl SegmentWriter {
    /// Adds a document; its number is above that of the one before.
    pub fn add(&mut self, number: DocNumber, terms: &Terms) {
        let place = u32::try_from(self.docs.len()).unwrap_or(u32::MAX);
        self.docs.push(number);
        self.lengths.push(terms.lengths);
        self.found.extend(terms.words.iter().map(|(hash, counts)| (*hash, place, *counts)));
    }

    /// The segment's bytes; `None` when its postings would take 4 GiB or more.
    pub fn finish(self) -> Option<Vec<u8>> {
        let mut out = Out::default();
        let (mut parted, ends) = part(&self.found);
        let mut start = 0;
        for end in ends {
            let words = &mut parted[start..end];
            // By place, too: a document has a word once.
            words.sort_unstable_by_key(|(hash, place, _)| (*hash, *place));
            for same in words.chunk_by(|a, b| a.0 == b.0) {
                out.word(same[0].0, same.iter().map(|(_, place, counts)| (*place, *counts)))?;
            }
            start = end;
        }
        Some(out.finish(&self.docs, &self.lengths))
    }
}

/// Bits of a hash that words are parted by before they are sorted: so many parts fit the processor's
/// nearest memory one by one.
const PART_BITS: u32 = 12;

/// The words in the order of their hashes' highest bits, and where each part ends.
fn part(found: &[Found]) -> (Vec<Found>, Vec<usize>) {
    let part_of = |found: &Found| (found.0 >> (u64::BITS - PART_BITS)) as usize;
    let mut at = vec![0; 1 << PART_BITS];
    found.iter().for_each(|found| at[part_of(found)] += 1);
    let mut sum = 0;
    for at in &mut at {
        sum += std::mem::replace(at, sum);
    }
    let mut parted = vec![(0, 0, Counts::default()); found.len()];
    for found in found {
        let at = &mut at[part_of(found)];
        parted[*at] = *found;
        *at += 1;
    }
    (parted, at)
}

/// One segment of several whose documents follow each other, with those that `is_live`. `None` when
/// its postings would take 4 GiB or more.
///
/// # Errors
/// When a segment cannot be read.
pub fn merge(segments: &[&Segment], is_live: impl Fn(DocNumber) -> bool) -> Result<Option<Vec<u8>>, SegmentError> {
    let (mut docs, mut lengths) = (Vec::new(), Vec::new());
    // Of each segment, the new place of each document.
    let mut places: Vec<Vec<Option<u32>>> = Vec::with_capacity(segments.len());
    for segment in segments {
        let codes = Field::ALL.map(|field| segment.lengths(field));
        let mut moved = Vec::with_capacity(segment.docs().len());
        for (place, number) in segment.docs().iter().enumerate() {
            let live = is_live(*number);
            moved.push(live.then(|| u32::try_from(docs.len()).unwrap_or(u32::MAX)));
            if live {
                docs.push(*number);
                lengths.push(codes.map(|codes| codes[place]));
            }
        }
        places.push(moved);
    }
    let mut out = Out::default();
    let (mut at, mut buffer, mut found) = (vec![0; segments.len()], Vec::new(), Vec::new());
    while let Some(hash) = segments.iter().zip(&at).filter_map(|(segment, at)| segment.hashes().get(*at)).min().copied()
    {
        found.clear();
        for ((segment, at), places) in segments.iter().zip(&mut at).zip(&places) {
            if segment.hashes().get(*at) == Some(&hash) {
                segment.read(*at, &mut buffer)?;
                *at += 1;
                let moved = |(place, counts): (u32, Counts)| Some(((*places.get(place as usize)?)?, counts));
                found.extend(Reader::new(&buffer).filter_map(moved));
            }
        }
        if !found.is_empty() && out.word(hash, found.iter().copied()).is_none() {
            return Ok(None);
        }
    }
    Ok(Some(out.finish(&docs, &lengths)))
}

/// A segment's dictionary and postings as they grow.
#[derive(Default)]
struct Out {
    hashes: Vec<u64>,
    ends: Vec<u32>,
    postings: Vec<u8>,
}

impl Out {
    /// `None` when the postings are too many.
    fn word(&mut self, hash: u64, postings: impl ExactSizeIterator<Item = (u32, Counts)>) -> Option<()> {
        self.number(u32::try_from(postings.len()).ok()?);
        let mut next = 0;
        for (place, counts) in postings {
            let is_plain = counts == Counts::ONE;
            self.number((place - next) << 1 | u32::from(!is_plain));
            if !is_plain {
                self.postings.extend_from_slice(&counts.0.to_le_bytes());
            }
            next = place + 1;
        }
        self.hashes.push(hash);
        self.ends.push(u32::try_from(self.postings.len()).ok()?);
        Some(())
    }

    fn number(&mut self, mut value: u32) {
        while value >= 128 {
            self.postings.push(value.to_le_bytes()[0] | 128);
            value >>= 7;
        }
        self.postings.push(value.to_le_bytes()[0]);
    }

    fn finish(self, docs: &[DocNumber], lengths: &[[u8; FIELDS]]) -> Vec<u8> {
        let size = |count: usize| u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes();
        let mut bytes = MAGIC.to_vec();
        bytes.extend(size(docs.len()));
        bytes.extend(size(self.hashes.len()));
        bytes.extend((self.postings.len() as u64).to_le_bytes());
        bytes.extend(docs.iter().flat_map(|number| number.to_le_bytes()));
        for field in Field::ALL {
            bytes.extend(lengths.iter().map(|lengths| lengths[field as usize]));
        }
        bytes.extend(self.hashes.iter().flat_map(|hash| hash.to_le_bytes()));
        bytes.extend(self.ends.iter().flat_map(|end| end.to_le_bytes()));
        bytes.extend(self.postings);
        bytes
    }
}
