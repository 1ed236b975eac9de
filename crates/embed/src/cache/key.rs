//! The keys of cached vectors.

/// The key of a text's vector: 128 bits of the text's hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct VectorKey(pub u128);

impl VectorKey {
    /// Returns the key of a text that is embedded.
    pub fn of_text(text: &str) -> Self {
        let mut hasher = KeyHasher::default();
        hasher.add(text);
        hasher.key()
    }

    /// Returns the 64 bits of the key that lookups in memory use. If two texts have the same 64 bits, one of the two is
    /// not cached.
    pub(super) fn short_key(self) -> u64 {
        self.0 as u64
    }
}

/// A hasher that computes the key of a text from its parts.
#[derive(Default)]
pub struct KeyHasher(blake3::Hasher);

impl KeyHasher {
    /// Adds the next part of the text.
    pub fn add(&mut self, part: &str) {
        self.0.update(part.as_bytes());
    }

    /// Returns the key of all parts, equal to [`VectorKey::of_text`] of their concatenation.
    pub fn key(&self) -> VectorKey {
        let mut half = [0; 16];
        half.copy_from_slice(&self.0.finalize().as_bytes()[..16]);
        VectorKey(u128::from_le_bytes(half))
    }
}
