//! An embedder and a store that do nothing.

use std::sync::Arc;

use embed::{EmbedError, Embedder};
use store::{
    ChunkStore, Commit, CommitStatus, Generation, IndexFingerprint, Manifest, StoreError, StoreView, StoreWriter,
};

/// An embedder without a model that returns empty vectors.
pub(super) struct NullEmbedder(pub usize);

impl Embedder for NullEmbedder {
    fn model_id(&self) -> &'static str {
        "nothing"
    }

    fn dimensions(&self) -> usize {
        self.0
    }

    fn embed_passages(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EmbedError> {
        Ok(vec![Vec::new(); texts.len()])
    }

    fn embed_query(&self, _text: &str) -> Result<Vec<f32>, EmbedError> {
        Ok(Vec::new())
    }
}

/// A store that discards all commits.
pub(super) struct NullStore;

impl ChunkStore for NullStore {
    fn generation(&self) -> Result<Option<Generation>, StoreError> {
        Ok(None)
    }

    fn view(&self) -> Result<Option<Arc<dyn StoreView>>, StoreError> {
        Ok(None)
    }

    fn writer(&self, fingerprint: &IndexFingerprint, _fresh: bool) -> Result<Box<dyn StoreWriter>, StoreError> {
        Ok(Box::new(NullWriter(fingerprint.clone())))
    }

    fn size_bytes(&self) -> u64 {
        0
    }
}

struct NullWriter(IndexFingerprint);

impl NullWriter {
    fn manifest(&self) -> Manifest {
        Manifest {
            generation: 1,
            fingerprint: self.0.clone(),
            root: std::path::PathBuf::new(),
            complete: false,
            files_found: 0,
            skipped: std::collections::BTreeMap::new(),
            committed_at_ms: 0,
            origin: None,
            head: None,
            is_empty: true,
        }
    }
}

impl StoreWriter for NullWriter {
    fn base(&self) -> Option<Arc<dyn StoreView>> {
        None
    }

    fn defer_publication(&mut self) {}

    fn commit(&mut self, _commit: Commit, _state: &CommitStatus) -> Result<Manifest, StoreError> {
        Ok(self.manifest())
    }

    fn finish(&mut self, _state: &CommitStatus) -> Result<Manifest, StoreError> {
        Ok(self.manifest())
    }
}
