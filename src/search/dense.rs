//! Dense retrieval: which chunks and files are nearest to a vector.
//!
//! Few vectors are all compared. Of many, those whose sketches are nearest are: a scan of the sketches
//! reads an eighth of the memory, and the memory is what a scan waits for.
//! Must never import: anything above `search`.

use std::ops::Range;

use super::best::best;
use super::snapshot::Snapshot;
use super::vectors::Needle;
use super::within::Within;

/// Up to so many vectors are all compared.
const ALL: usize = 8_192;

/// How many of more are: for each one that is asked for.
const FOR_ONE: usize = 8;

/// So many chunks of a file are all compared; of more, an eighth more than that.
const FEW: usize = 8;

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
            let mut lowest = Lowest::new(many(count), self.needle.bits());
            self.snapshot.near_chunks(&self.needle, &mut |chunk, bits| {
                if within.may(self.snapshot, chunk) {
                    lowest.push(chunk, bits);
                }
                lowest.last
            });
            lowest.finish()
        };
        nearest(compared, count, |chunk| self.cosine(chunk))
    }

    /// The `count` files whose chunks' mean is nearest, as [`Dense::nearest`].
    pub fn nearest_files(&self, count: usize, within: &Within) -> Vec<u32> {
        let all = self.snapshot.files.len();
        let compared = if all <= ALL {
            (0..number(all)).filter(|file| within.files[*file as usize]).collect()
        } else {
            let mut lowest = Lowest::new(many(count), self.needle.bits());
            self.snapshot.near_files(&self.needle, &mut |file, bits| {
                if within.files[file as usize] {
                    lowest.push(file, bits);
                }
                lowest.last
            });
            lowest.finish()
        };
        nearest(compared, count, |file| self.file(file as usize))
    }

    /// The cosine of a chunk.
    pub fn cosine(&self, chunk: u32) -> f32 {
        self.snapshot.chunk_score(chunk, &self.needle)
    }

    /// The three highest cosines of some chunks, falling, 0 where there are fewer; of many chunks, those whose
    /// sketches are nearest are compared.
    pub fn highest(&self, chunks: Range<u32>) -> [f32; 3] {
        let mut highest = [f32::MIN; 3];
        let mut take = |chunk: u32| {
            let mut cosine = self.cosine(chunk);
            for place in &mut highest {
                if cosine.total_cmp(place).is_gt() {
                    std::mem::swap(place, &mut cosine);
                }
            }
        };
        let compared = FEW + chunks.len() / FEW;
        if compared >= chunks.len() {
            chunks.for_each(take);
        } else {
            let mut lowest = Lowest::new(compared, self.needle.bits());
            self.snapshot.near_chunks_of(chunks.clone(), &self.needle, &mut |place, bits| {
                lowest.push(place, bits);
                lowest.last
            });
            lowest.finish().into_iter().for_each(|place| take(chunks.start + place));
        }
        highest.map(|cosine| if cosine == f32::MIN { 0.0 } else { cosine })
    }

    /// The cosine of the mean of a file's chunks.
    pub fn file(&self, index: usize) -> f32 {
        self.snapshot.file_score(index, &self.needle)
    }
}

fn nearest(compared: Vec<u32>, count: usize, score: impl Fn(u32) -> f32) -> Vec<u32> {
    best(compared.into_iter().map(|index| (index, score(index))), count, f32::MIN, |_| true)
}

/// How many are compared for so many that are asked for.
fn many(count: usize) -> usize {
    (count * FOR_ONE).max(ALL / 8)
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// Gathers those with the lowest distances: at least `count` where there are as many, and all that are as near
/// as the last of them.
struct Lowest {
    count: usize,
    /// With their distances.
    kept: Vec<(u32, u16)>,
    /// How many are of each distance.
    with: Vec<u32>,
    /// How many of those kept are no farther than `last`.
    near: usize,
    /// What is farther need not be handed over.
    last: u16,
}

impl Lowest {
    /// Of distances up to `farthest`.
    fn new(count: usize, farthest: usize) -> Self {
        let last = u16::try_from(farthest).unwrap_or(u16::MAX);
        Self { count, kept: Vec::new(), with: vec![0; usize::from(last) + 1], near: 0, last }
    }

    fn push(&mut self, index: u32, distance: u16) {
        if distance > self.last {
            return;
        }
        self.kept.push((index, distance));
        self.with[usize::from(distance)] += 1;
        self.near += 1;
        // As long as there are enough without the farthest of them.
        while self.last > 0 && self.near - self.with[usize::from(self.last)] as usize >= self.count {
            self.near -= self.with[usize::from(self.last)] as usize;
            self.last -= 1;
        }
    }

    /// In the order in which they came.
    fn finish(self) -> Vec<u32> {
        let near = self.kept.into_iter().filter(|(_, distance)| *distance <= self.last);
        near.map(|(index, _)| index).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_by_sketch_are_all_that_are_as_near_as_the_last() {
        let lowest = |distances: &[u16], count: usize| {
            let mut lowest = Lowest::new(count, 256);
            (0..).zip(distances).for_each(|(index, distance)| lowest.push(index, *distance));
            lowest.finish()
        };
        assert_eq!(lowest(&[5, 1, 3, 3, 9, 0, 3], 3), [1, 2, 3, 5, 6]);
        assert_eq!(lowest(&[5, 1, 3, 3, 9, 3], 2), [1, 2, 3, 5]);
        assert_eq!(lowest(&[256, 1, 0, 0], 20), [0, 1, 2, 3]);
        assert_eq!(lowest(&[7, 0, 0, 0], 1), [1, 2, 3]);
        assert!(lowest(&[], 3).is_empty());
    }
}
