//! Fuzzes segments of the inverted index: opens, verifies, scores and merges them. If the first byte of the input is
//! odd, the checksum of the head is corrected first, so that damaged numbers in the head are read, too.
#![no_main]

use std::sync::Arc;

use codescry_platform::file_format::{HEADER_BYTES, checksum64};
use codescry_store::inverted_index::{FIELDS, IndexSegment, InvertedIndex, hash_term, merge_segments};

/// Corrects the checksum of a segment's head, if the whole head is in the file.
fn reseal_head(bytes: &mut [u8]) {
    let counts = HEADER_BYTES + 16;
    let Some(numbers) = bytes.get(HEADER_BYTES..HEADER_BYTES + 8) else { return };
    let number = |at: usize| u32::from_le_bytes(numbers[at..at + 4].try_into().expect("four bytes")) as usize;
    let columns = number(0).saturating_mul(4 + FIELDS).saturating_add(number(4).saturating_mul(12));
    let head = counts.saturating_add(columns);
    if head.saturating_add(8) <= bytes.len() {
        let checksum = checksum64(&bytes[..head]);
        bytes[head..head + 8].copy_from_slice(&checksum.to_le_bytes());
    }
}

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let Some((kind, bytes)) = input.split_first() else { return };
    let mut bytes = bytes.to_vec();
    if kind % 2 == 1 {
        reseal_head(&mut bytes);
    }
    let Ok(segment) = IndexSegment::from_bytes(&bytes) else { return };
    _ = segment.verify();
    let index = InvertedIndex::new(vec![Arc::new(segment)]);
    for word in ["open", "pool", "retry", "fn"] {
        _ = index.score_postings(hash_term(word), |posting| assert!(posting.score.is_finite()));
        _ = index.any_posting(hash_term(word), |_, _| true);
    }
    _ = merge_segments(&[&index.segments()[0]], |_| true);
});
