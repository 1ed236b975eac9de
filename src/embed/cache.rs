//! stub
use std::path::Path;
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct VectorKey(pub u128);
impl VectorKey {
    pub fn of(text: &str) -> Self {
        let mut half = [0; 16];
        half.copy_from_slice(&blake3::hash(text.as_bytes()).as_bytes()[..16]);
        Self(u128::from_be_bytes(half))
    }
}
pub struct VectorCache;
#[derive(Debug, thiserror::Error)]
#[error("x")]
pub struct CacheError;
impl VectorCache {
    pub fn open(_: &Path, _: &str, _: usize, _: u64) -> Self {
        Self
    }
    pub fn get(&self, _: VectorKey, _: &mut Vec<f32>) -> bool {
        false
    }
    pub fn insert(&self, _: VectorKey, _: &[f32]) {}
    pub fn flush(&self) -> Result<(), CacheError> {
        Ok(())
    }
    pub fn hits(&self) -> u64 {
        0
    }
    pub fn misses(&self) -> u64 {
        0
    }
}
pub fn rounded(vector: &mut [f32]) {
    for value in vector {
        *value = half::f16::from_f32(*value).to_f32();
    }
}
