//! A sorted index from keys to chunks. It is small, and renumbering its chunks is fast.

use rayon::prelude::*;

/// An index of chunks by key, as sorted pairs of a key and a chunk number.
pub(crate) struct KeyIndex<K>(Vec<(K, u32)>);

impl<K> Default for KeyIndex<K> {
    /// Returns an index without chunks.
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K: Ord + Copy + Send> KeyIndex<K> {
    /// Creates an index from pairs in any order; equal pairs count once. If the pairs consist of sorted runs, this
    /// takes little more than one pass.
    pub fn new(mut pairs: Vec<(K, u32)>) -> Self {
        pairs.par_sort();
        Self::from_sorted(pairs)
    }

    /// Creates an index from pairs without any order, like hashes; equal pairs count once.
    pub fn from_unordered(mut pairs: Vec<(K, u32)>) -> Self {
        pairs.par_sort_unstable();
        Self::from_sorted(pairs)
    }

    fn from_sorted(mut pairs: Vec<(K, u32)>) -> Self {
        pairs.dedup();
        pairs.shrink_to_fit();
        Self(pairs)
    }

    /// Returns the pairs of the remaining chunks, renumbered.
    ///
    /// `numbers` maps each old chunk number to a new one, or to [`NO_CHUNK`] if the chunk was removed;
    /// remaining chunks keep their order.
    pub fn renumbered<'s>(&'s self, numbers: &'s [u32]) -> impl Iterator<Item = (K, u32)> + 's {
        let renumbered = self.0.iter().map(|(key, chunk)| (*key, numbers[*chunk as usize]));
        renumbered.filter(|(_, chunk)| *chunk != NO_CHUNK)
    }

    /// Returns the chunks of `key` in ascending order.
    pub fn chunks_of(&self, key: K) -> impl Iterator<Item = u32> + '_ {
        let start = self.0.partition_point(|(other, _)| *other < key);
        self.0[start..].iter().take_while(move |(other, _)| *other == key).map(|(_, chunk)| *chunk)
    }

    /// Returns the first chunk of each of the sorted `keys`; [`NO_CHUNK`] for a key without chunks.
    pub fn first_chunks(&self, keys: &[K]) -> Vec<u32> {
        let mut pairs = self.0.iter().peekable();
        let find = |key: &K| {
            while pairs.next_if(|(other, _)| other < key).is_some() {}
            pairs.peek().filter(|(other, _)| other == key).map_or(NO_CHUNK, |(_, chunk)| *chunk)
        };
        keys.iter().map(find).collect()
    }

    /// Returns the size in memory, in bytes.
    pub fn memory_bytes(&self) -> usize {
        size_of_val(&self.0[..])
    }

    /// Returns all pairs, sorted by key.
    pub fn pairs(&self) -> &[(K, u32)] {
        &self.0
    }
}

/// The number that stands for a chunk that does not exist.
pub(crate) const NO_CHUNK: u32 = u32::MAX;

/// Converts a count or an index of chunks, files or names to the 32-bit number that snapshots store.
///
/// # Panics
/// If the count needs more than 32 bits.
pub(crate) fn to_number(count: usize) -> u32 {
    u32::try_from(count).expect("the store gives chunks numbers of 32 bits, so a snapshot has no more of anything")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_keeps_its_chunks_when_they_are_renumbered() {
        let index = KeyIndex::new(vec![(7, 2), (5, 0), (7, 1), (7, 2), (9, 3)]);
        assert_eq!(index.chunks_of(7).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(index.chunks_of(6).count() + index.chunks_of(10).count(), 0);
        assert_eq!(index.first_chunks(&[4, 5, 6, 9, 10]), [NO_CHUNK, 0, NO_CHUNK, 3, NO_CHUNK]);
        let renumbered = KeyIndex::new(index.renumbered(&[NO_CHUNK, 0, 4, NO_CHUNK]).chain([(7, 1)]).collect());
        assert_eq!(renumbered.pairs(), [(7, 0), (7, 1), (7, 4)]);
    }
}
