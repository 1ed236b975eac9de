//! From a key to the chunks that have it, as one sorted list: small, and cheap to carry over.

use rayon::prelude::*;

/// Pairs of a key and the number of a chunk, sorted.
pub(super) struct Lookup<K>(Vec<(K, u32)>);

impl<K: Ord + Copy + Send> Lookup<K> {
    /// Of pairs in any order. Runs that are in order already cost no more than a pass over them.
    pub fn new(mut pairs: Vec<(K, u32)>) -> Self {
        pairs.par_sort();
        pairs.dedup();
        Self(pairs)
    }

    /// The pairs of chunks that stay, each under the chunk's new number. `numbers` gives it for each
    /// old one, [`GONE`] for those that go; chunks that stay keep their order.
    pub fn moved<'s>(&'s self, numbers: &'s [u32]) -> impl Iterator<Item = (K, u32)> + 's {
        let moved = self.0.iter().map(|(key, chunk)| (*key, numbers[*chunk as usize]));
        moved.filter(|(_, chunk)| *chunk != GONE)
    }

    /// Chunks of this key, rising.
    pub fn of(&self, key: K) -> impl Iterator<Item = u32> + '_ {
        let start = self.0.partition_point(|(other, _)| *other < key);
        self.0[start..].iter().take_while(move |(other, _)| *other == key).map(|(_, chunk)| *chunk)
    }

    /// The first chunk of each of `keys`, which rise; [`GONE`] where there is none.
    pub fn all(&self, keys: &[K]) -> Vec<u32> {
        let mut pairs = self.0.iter().peekable();
        let find = |key: &K| {
            while pairs.next_if(|(other, _)| other < key).is_some() {}
            pairs.peek().filter(|(other, _)| other == key).map_or(GONE, |(_, chunk)| *chunk)
        };
        keys.iter().map(find).collect()
    }

    /// All pairs, by key.
    pub fn pairs(&self) -> &[(K, u32)] {
        &self.0
    }
}

/// The new number of a chunk that has none.
pub(super) const GONE: u32 = u32::MAX;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_its_chunks_before_and_after_they_move() {
        let lookup = Lookup::new(vec![(7, 2), (5, 0), (7, 1), (7, 2), (9, 3)]);
        assert_eq!(lookup.of(7).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(lookup.of(6).count() + lookup.of(10).count(), 0);
        assert_eq!(lookup.all(&[4, 5, 6, 9, 10]), [GONE, 0, GONE, 3, GONE]);
        let moved = Lookup::new(lookup.moved(&[GONE, 0, 4, GONE]).chain([(7, 1)]).collect());
        assert_eq!(moved.pairs(), [(7, 0), (7, 1), (7, 4)]);
    }
}
