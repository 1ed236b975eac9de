//! A hasher for maps whose keys are hashes already.

use std::hash::Hasher;

/// A hasher that takes the hash from the 64-bit key. It combines the low half with the high half, because the low bits
/// of FNV hashes are weak.
#[derive(Default)]
pub(crate) struct IdentityHasher(u64);

impl Hasher for IdentityHasher {
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
