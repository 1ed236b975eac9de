//! Dense retrieval: finds the chunks and files nearest to a query vector.
//!
//! If there are few vectors, all are compared. If there are many, a scan over their binary quantizations selects the
//! vectors to compare. Memory bandwidth limits a scan, and binary quantizations take an eighth of the vectors' memory.

use std::ops::Range;

use super::candidate_filter::CandidateFilter;
use super::top_k::select_top;
use crate::query::error::QueryError;
use crate::snapshot::Snapshot;
use crate::snapshot::key_index::to_number;
use embed::vector::quantized_matrix::QuantizedQuery;

/// Maximum number of vectors of which all are compared.
const MAX_EXHAUSTIVE: usize = 8_192;

/// Number of vectors compared per requested result if there are more than [`MAX_EXHAUSTIVE`]; see [`comparison_count`].
const COMPARED_PER_RESULT: usize = 8;

/// Number of chunks of a file that are compared in addition to an eighth of its chunks. In a small file, all are
/// compared.
const MAX_EXHAUSTIVE_IN_FILE: usize = 8;

/// A scorer that compares the vectors of a snapshot with a query vector.
pub(crate) struct DenseScorer<'s> {
    snapshot: &'s Snapshot,
    query: QuantizedQuery,
}

impl<'s> DenseScorer<'s> {
    /// Creates a scorer for `vector`.
    ///
    /// # Errors
    /// [`QueryError::VectorWidth`] if the vectors of the snapshot have other dimensions.
    pub fn new(snapshot: &'s Snapshot, vector: &[f32]) -> Result<Self, QueryError> {
        let (found, expected) = (vector.len(), snapshot.dimensions());
        if found != expected {
            return Err(QueryError::VectorWidth { found, expected });
        }
        Ok(Self { snapshot, query: QuantizedQuery::new(vector) })
    }

    /// Returns the `count` chunks nearest to the query among those that pass `filter`, best first. Chunks with equal
    /// cosines are sorted by number.
    ///
    /// If there are many chunks, only the ones with the nearest binary quantizations are compared.
    pub fn nearest(&self, count: usize, filter: &CandidateFilter<'_>) -> Vec<u32> {
        let all = self.snapshot.chunk_count();
        let compared = if all <= MAX_EXHAUSTIVE {
            (0..to_number(all)).filter(|chunk| filter.allows(self.snapshot, *chunk)).collect()
        } else {
            let mut selector = DistanceSelector::new(comparison_count(count), self.query.max_bits());
            self.snapshot.scan_chunks(&self.query, &mut |chunk, bits| {
                if filter.allows(self.snapshot, chunk) {
                    selector.push(chunk, bits);
                }
                selector.max_distance
            });
            selector.finish()
        };
        select_nearest(compared, count, |chunk| self.cosine(chunk))
    }

    /// Returns the `count` files whose mean vectors are nearest to the query among those that pass `filter`, best
    /// first.
    ///
    /// If there are many files, only the ones with the nearest binary quantizations are compared.
    pub fn nearest_files(&self, count: usize, filter: &CandidateFilter<'_>) -> Vec<u32> {
        let all = self.snapshot.files.len();
        let compared = if all <= MAX_EXHAUSTIVE {
            (0..to_number(all)).filter(|file| filter.files[*file as usize]).collect()
        } else {
            let mut selector = DistanceSelector::new(comparison_count(count), self.query.max_bits());
            self.snapshot.scan_files(&self.query, &mut |file, bits| {
                if filter.files[file as usize] {
                    selector.push(file, bits);
                }
                selector.max_distance
            });
            selector.finish()
        };
        select_nearest(compared, count, |file| self.file_cosine(file as usize))
    }

    /// Returns the cosine of a chunk and the query.
    pub fn cosine(&self, chunk: u32) -> f32 {
        self.snapshot.chunk_score(chunk, &self.query)
    }

    /// Returns the highest cosine of a chunk in `chunks`, all of one file, and the query, or 0 if all are negative.
    ///
    /// If there are many chunks, only the ones with the nearest binary quantizations are compared.
    pub fn highest_cosine(&self, chunks: Range<u32>) -> f32 {
        let mut highest = 0.0_f32;
        let mut compare = |chunk: u32| highest = highest.max(self.cosine(chunk));
        let compared = MAX_EXHAUSTIVE_IN_FILE + chunks.len() / MAX_EXHAUSTIVE_IN_FILE;
        if compared >= chunks.len() {
            chunks.for_each(compare);
        } else {
            let mut selector = DistanceSelector::new(compared, self.query.max_bits());
            self.snapshot.scan_chunks_of_file(chunks.clone(), &self.query, &mut |offset, bits| {
                selector.push(offset, bits);
                selector.max_distance
            });
            selector.finish().into_iter().for_each(|offset| compare(chunks.start + offset));
        }
        highest
    }

    /// Returns the cosine of a file's mean vector and the query.
    pub fn file_cosine(&self, index: usize) -> f32 {
        self.snapshot.file_score(index, &self.query)
    }
}

fn select_nearest(compared: Vec<u32>, count: usize, score: impl Fn(u32) -> f32) -> Vec<u32> {
    select_top(compared.into_iter().map(|index| (index, score(index))), count, f32::MIN, |_| true)
}

/// Returns the number of vectors to compare for `count` requested results if not all are compared.
fn comparison_count(count: usize) -> usize {
    (count * COMPARED_PER_RESULT).max(MAX_EXHAUSTIVE / 8)
}

/// A selector for the `count` entries with the lowest distances. Entries as near as the last of them are selected as
/// well.
struct DistanceSelector {
    count: usize,
    /// Indices and their distances.
    kept: Vec<(u32, u16)>,
    /// The number of kept entries at each distance.
    counts: Vec<u32>,
    /// The number of kept entries within `max_distance`.
    near_count: usize,
    /// Maximum distance, in bits; farther entries are rejected.
    max_distance: u16,
}

impl DistanceSelector {
    /// Creates a selector for distances up to `max_distance`.
    fn new(count: usize, max_distance: usize) -> Self {
        let max_distance = u16::try_from(max_distance).expect("a vector has fewer than 65,536 values");
        Self { count, kept: Vec::new(), counts: vec![0; usize::from(max_distance) + 1], near_count: 0, max_distance }
    }

    fn push(&mut self, index: u32, distance: u16) {
        if distance > self.max_distance {
            return;
        }
        self.kept.push((index, distance));
        self.counts[usize::from(distance)] += 1;
        self.near_count += 1;
        // Lowers the limit while enough nearer entries remain.
        while self.max_distance > 0
            && self.near_count - self.counts[usize::from(self.max_distance)] as usize >= self.count
        {
            self.near_count -= self.counts[usize::from(self.max_distance)] as usize;
            self.max_distance -= 1;
        }
    }

    /// Returns the selected indices in insertion order.
    fn finish(self) -> Vec<u32> {
        let selected = self.kept.into_iter().filter(|(_, distance)| *distance <= self.max_distance);
        selected.map(|(index, _)| index).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_with_the_last_selected_entry_are_kept() {
        let selector = |distances: &[u16], count: usize| {
            let mut selector = DistanceSelector::new(count, 256);
            (0..).zip(distances).for_each(|(index, distance)| selector.push(index, *distance));
            selector.finish()
        };
        assert_eq!(selector(&[5, 1, 3, 3, 9, 0, 3], 3), [1, 2, 3, 5, 6]);
        assert_eq!(selector(&[5, 1, 3, 3, 9, 3], 2), [1, 2, 3, 5]);
        assert_eq!(selector(&[256, 1, 0, 0], 20), [0, 1, 2, 3]);
        assert_eq!(selector(&[7, 0, 0, 0], 1), [1, 2, 3]);
        assert!(selector(&[], 3).is_empty());
    }
}
