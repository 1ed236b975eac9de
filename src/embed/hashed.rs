//! A hasher for maps whose keys are hashes already.
//!
//! Must never import: anything of this crate.

use std::hash::Hasher;

/// Takes a key for its hash; the high half is folded in, for FNV's low bits are weak.
#[derive(Default)]
pub(super) struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.0 = self.0.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash ^ (hash >> 32);
    }
}
