//! The terms of a chunk as bytes that are searched without being decoded.
//!
//! `lengths: [u8; FIELDS] · terms: u32 · hashes: [u32; terms] · once: [u8; terms / 8, rounded up] · counts: [u16]`, in
//! little-endian order. The hashes are the high halves of the terms' hashes, ascending. The bit of a term in `once` is
//! 1 if its counts are [`TermCounts::ONE`]; `counts` has those of the other terms.

use super::counts::TermCounts;
use super::field::FIELDS;
use super::terms::Terms;

impl Terms {
    /// Appends the packed terms to `bytes`.
    pub fn pack(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&self.lengths);
        let count = u32::try_from(self.counts.len()).expect("a chunk has fewer than 4 billion terms");
        bytes.extend_from_slice(&count.to_le_bytes());
        for (hash, _) in &self.counts {
            bytes.extend_from_slice(&high_half(*hash).to_le_bytes());
        }
        for terms in self.counts.chunks(8) {
            bytes
                .push(terms.iter().rev().fold(0, |bits, (_, counts)| bits << 1 | u8::from(*counts == TermCounts::ONE)));
        }
        for (_, counts) in self.counts.iter().filter(|(_, counts)| *counts != TermCounts::ONE) {
            bytes.extend_from_slice(&counts.0.to_le_bytes());
        }
    }

    /// Returns the terms whose hashes are in `wanted`, which is sorted, from `bytes` that [`Terms::pack`] appended;
    /// `None` if the bytes end too early. Compares only the high halves of the hashes, so that rarely another term is
    /// returned for a wanted one.
    pub fn unpack(bytes: &[u8], wanted: &[u64]) -> Option<Self> {
        let (lengths, bytes) = bytes.split_first_chunk::<FIELDS>()?;
        let (count, bytes) = bytes.split_first_chunk()?;
        let count = u32::from_le_bytes(*count) as usize;
        let (hashes, bytes) = bytes.split_at_checked(count.checked_mul(4)?)?;
        let (once, bytes) = bytes.split_at_checked(count.div_ceil(8))?;
        let (hashes, counts) = (hashes.as_chunks::<4>().0, bytes.as_chunks::<2>().0);
        let mut found = Vec::new();
        let mut from = 0;
        for hash in wanted {
            let half = high_half(*hash);
            from += hashes[from..].partition_point(|other| u32::from_le_bytes(*other) < half);
            if hashes.get(from).is_some_and(|other| u32::from_le_bytes(*other) == half) {
                found.push((*hash, read_counts(once, counts, from)?));
            }
        }
        Some(Self { counts: found, lengths: *lengths })
    }
}

fn high_half(hash: u64) -> u32 {
    (hash >> 32) as u32
}

/// Returns the counts of the term at `index`; `None` if they are missing.
fn read_counts(once: &[u8], counts: &[[u8; 2]], index: usize) -> Option<TermCounts> {
    let (byte, bit) = (index / 8, index % 8);
    let last = once.get(byte)?;
    if last >> bit & 1 == 1 {
        return Some(TermCounts::ONE);
    }
    let ones: u32 = once[..byte].iter().map(|bits| bits.count_ones()).sum();
    let ones = ones + (last & ((1 << bit) - 1)).count_ones();
    counts.get(index - ones as usize).map(|counts| TermCounts(u16::from_le_bytes(*counts)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_terms_are_those_that_were_packed() {
        let counts = |number: u64| {
            if number.is_multiple_of(3) { TermCounts([2, 7, 1 << 9][number as usize % 2]) } else { TermCounts::ONE }
        };
        for count in [0, 1, 8, 9, 100] {
            let all = (0..count).map(|number| ((number * 3) << 32 | 8, counts(number))).collect();
            let terms = Terms { counts: all, lengths: [1, 2, 3, 4, 5, 6] };
            let mut bytes = Vec::new();
            terms.pack(&mut bytes);
            let hashes: Vec<u64> = terms.counts.iter().map(|(hash, _)| *hash).collect();
            assert_eq!(Terms::unpack(&bytes, &hashes), Some(terms.clone()));
            // One of three hashes is a term.
            let more: Vec<u64> = (0..count * 3).map(|number| number << 32 | 8).collect();
            assert_eq!(Terms::unpack(&bytes, &more), Some(terms.clone()));
            assert_eq!(Terms::unpack(&bytes, &[]).map(|terms| terms.counts.len()), Some(0));
            let whole = bytes.len() == FIELDS + 4;
            assert!(whole || Terms::unpack(&bytes[..FIELDS + 5], &hashes).is_none());
        }
    }
}
