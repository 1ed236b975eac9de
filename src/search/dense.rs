//! Dense retrieval: which chunks and files are nearest to a vector.
//!
//! Few vectors are all compared. Of many, those whose sketches are nearest are: a scan of the sketches
//! reads an eighth of the memory, and the memory is what a scan waits for.
//! Must never import: anything above `search`.

use std::ops::Range;

use super::best::best;
use super::candidates::Within;
use super::snapshot::Snapshot;
use super::vectors::Needle;

/// Up to so many vectors are all compared.
const ALL: usize = 8_192;

/// How many of more are: for each one that is asked for.
const FOR_ONE: usize = 8;

/// So many chunks of a file are all compared; of more, an eighth more than that.
const FEW: usize = 8;

/// The distance of what may not answer.
const BARRED: u16 = u16::MAX;

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

    /// The `count` nearest chunks of those that may answer, best first; equal ones by number.
    pub fn nearest(&self, count: usize, within: &Within) -> Vec<u32> {
        let all = self.snapshot.chunk_count();
        let compared = if all <= ALL {
            (0..number(all)).filter(|chunk| within.may(self.snapshot, *chunk)).collect()
        } else {
            let mut distances = self.snapshot.chunk_distances(&self.needle);
            within.bar(self.snapshot, |chunks| distances[chunks].fill(BARRED));
            lowest(&distances, many(count))
        };
        nearest(compared, count, |chunk| self.cosine(chunk))
    }

    /// The `count` files whose chunks' mean is nearest, as [`Dense::nearest`].
    pub fn nearest_files(&self, count: usize, within: &Within) -> Vec<u32> {
        let all = self.snapshot.files.len();
        let compared = if all <= ALL {
            (0..number(all)).filter(|file| within.files[*file as usize]).collect()
        } else {
            let mut distances = self.snapshot.file_distances(&self.needle);
            let barred = distances.iter_mut().zip(&within.files).filter(|(_, may)| !**may);
            barred.for_each(|(distance, _)| *distance = BARRED);
            lowest(&distances, many(count))
        };
        nearest(compared, count, |file| self.file(file as usize))
    }

    /// The cosine of a chunk.
    pub fn cosine(&self, chunk: u32) -> f32 {
        self.snapshot.chunk_score(chunk, &self.needle)
    }

    /// The cosines of the nearest of some chunks; of few, those of all.
    pub fn cosines(&self, chunks: Range<u32>) -> Vec<f32> {
        let count = FEW + chunks.len() / FEW;
        if count >= chunks.len() {
            return chunks.map(|chunk| self.cosine(chunk)).collect();
        }
        let distances = self.snapshot.distances_of(chunks.clone(), &self.needle);
        lowest(&distances, count).into_iter().map(|place| self.cosine(chunks.start + place)).collect()
    }

    /// The cosine of the mean of a file's chunks.
    pub fn file(&self, index: usize) -> f32 {
        self.snapshot.file_score(index, &self.needle)
    }
}

fn nearest(compared: Vec<u32>, count: usize, score: impl Fn(u32) -> f32) -> Vec<u32> {
    best(compared.into_iter().map(|index| (index, score(index))), count, f32::MIN)
}

/// How many are compared for so many that are asked for.
fn many(count: usize) -> usize {
    (count * FOR_ONE).max(ALL / 8)
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// Those with the lowest distances, rising: at least `count` where there are as many, and all that are
/// as near as the last of them. Never those that are [`BARRED`].
fn lowest(distances: &[u16], count: usize) -> Vec<u32> {
    let mut with = [0_usize; 1 << 12];
    let farthest = with.len() - 1;
    distances.iter().for_each(|distance| with[usize::from(*distance).min(farthest)] += 1);
    let mut sum = 0;
    let last = with[..farthest].iter().position(|some| {
        sum += some;
        sum >= count
    });
    let last = last.map_or(BARRED - 1, |last| u16::try_from(last).unwrap_or(BARRED - 1));
    (0_u32..).zip(distances).filter(|(_, distance)| **distance <= last).map(|(index, _)| index).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_by_sketch_are_all_that_are_as_near_as_the_last() {
        let distances = [5, 1, 3, 3, 9, 0, 3];
        assert_eq!(lowest(&distances, 3), [1, 2, 3, 5, 6]);
        assert_eq!(lowest(&[5, 1, 3, 3, 9, BARRED, 3], 2), [1, 2, 3, 6]);
        assert_eq!(lowest(&[5, 1, BARRED, BARRED], 20), [0, 1]);
        assert!(lowest(&[], 3).is_empty());
    }
}
