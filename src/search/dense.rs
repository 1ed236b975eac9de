//! Dense retrieval: which chunks and files are nearest to a vector.
//!
//! Few vectors are all compared. Of many, those whose sketches are nearest are: a scan of the sketches
//! reads an eighth of the memory, and the memory is what a scan waits for.
//! Must never import: anything above `search`.

use std::ops::Range;

use super::best::best;
use super::snapshot::Snapshot;
use super::vectors::Needle;

/// Up to so many vectors are all compared.
const ALL: usize = 8_192;

/// How many of more are: for each one that is asked for.
const FOR_ONE: usize = 8;

/// A vector among those of a snapshot.
pub(super) struct Dense<'s> {
    snapshot: &'s Snapshot,
    needle: Needle,
}

impl<'s> Dense<'s> {
    /// For dot products with `vector`.
    pub fn new(snapshot: &'s Snapshot, vector: &[f32]) -> Self {
        Self { snapshot, needle: Needle::new(vector) }
    }

    /// The `count` nearest chunks that `may`, best first; equal ones by number.
    pub fn nearest(&self, count: usize, may: impl Fn(u32) -> bool) -> Vec<u32> {
        let all = self.snapshot.chunk_count();
        nearest(all, count, may, || self.snapshot.chunk_distances(&self.needle), |chunk| self.cosine(chunk))
    }

    /// The `count` files whose chunks' mean is nearest, as [`Dense::nearest`].
    pub fn nearest_files(&self, count: usize, may: impl Fn(u32) -> bool) -> Vec<u32> {
        let all = self.snapshot.files.len();
        nearest(all, count, may, || self.snapshot.file_distances(&self.needle), |file| self.file(file as usize))
    }

    /// The cosine of a chunk.
    pub fn cosine(&self, chunk: u32) -> f32 {
        self.snapshot.chunk_score(chunk, &self.needle)
    }

    /// The cosines of some chunks.
    pub fn cosines(&self, chunks: Range<u32>) -> Vec<f32> {
        chunks.map(|chunk| self.cosine(chunk)).collect()
    }

    /// The cosine of the mean of a file's chunks.
    pub fn file(&self, index: usize) -> f32 {
        self.snapshot.file_score(index, &self.needle)
    }
}

fn nearest(
    all: usize,
    count: usize,
    may: impl Fn(u32) -> bool,
    distances: impl FnOnce() -> Vec<u16>,
    score: impl Fn(u32) -> f32,
) -> Vec<u32> {
    let number = u32::try_from(all).unwrap_or(u32::MAX);
    let compared: Vec<u32> = if all <= ALL {
        (0..number).filter(|index| may(*index)).collect()
    } else {
        lowest(&distances(), (count * FOR_ONE).max(ALL / 4), may)
    };
    best(compared.into_iter().map(|index| (index, score(index))), count, f32::MIN)
}

/// Those with the lowest distances that `may`, rising: at least `count` where there are as many, and
/// all that are as near as the last of them.
fn lowest(distances: &[u16], count: usize, may: impl Fn(u32) -> bool) -> Vec<u32> {
    let allowed = || (0_u32..).zip(distances).filter(|(index, _)| may(*index));
    let mut with = [0_usize; 1 << 12];
    allowed().for_each(|(_, distance)| with[usize::from(*distance).min(with.len() - 1)] += 1);
    let mut sum = 0;
    let last = with.iter().position(|some| {
        sum += some;
        sum >= count
    });
    let last = last.map_or(u16::MAX, |last| u16::try_from(last).unwrap_or(u16::MAX));
    allowed().filter(|(_, distance)| **distance <= last).map(|(index, _)| index).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_by_sketch_are_all_that_are_as_near_as_the_last() {
        let distances = [5, 1, 3, 3, 9, 0, 3];
        assert_eq!(lowest(&distances, 3, |_| true), [1, 2, 3, 5, 6]);
        assert_eq!(lowest(&distances, 2, |index| index != 5), [1, 2, 3, 6]);
        assert_eq!(lowest(&distances, 20, |index| index < 2), [0, 1]);
        assert!(lowest(&[], 3, |_| true).is_empty());
    }
}
