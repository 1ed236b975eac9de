/// The identity of a commit to an index.
///
/// Distinguishes commits even across an index folder that was deleted and built again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Generation {
    /// The number of the commit, higher than those of the commits before it; usually 1 for the first.
    pub number: u64,
    /// The generation of the row keys. In commits with equal values, equal row keys refer to the same chunk. New tables
    /// and compaction change the value.
    pub rows_generation: u64,
    /// The time of the commit, in milliseconds since 1970.
    pub committed_at_ms: u64,
}

impl Generation {
    /// Returns a hash that tells commits apart and is the same in every process, for the cursors of paged answers.
    pub fn stable_hash(self) -> u64 {
        let mix = |seed: u64, part: u64| (seed ^ part).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
        [self.number, self.rows_generation, self.committed_at_ms].into_iter().fold(1, mix)
    }
}
