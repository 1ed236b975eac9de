//! Tests of a model that fails in the middle of a run.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::IndexFixture;
use crate::{IndexError, IndexRequest, Indexer};
use config::EmbedBatch;
use embed::cache::VectorCache;
use embed::{EmbedError, Embedder};
use platform::cancel::CancelToken;
use source::walk::Disk;
use store::ChunkStore;
use store::memory::MemoryStore;

/// An embedder that embeds `good_texts` passages and then fails. The vectors of passages and paths are orthogonal, so
/// the stored vectors show whether a passage had a zero vector.
struct FlakyEmbedder {
    good_texts: usize,
    embedded: AtomicUsize,
    batches_internally: bool,
}

impl FlakyEmbedder {
    fn new(good_texts: usize, batches_internally: bool) -> Self {
        Self { good_texts, embedded: AtomicUsize::new(0), batches_internally }
    }

    fn embed_one(&self, text: &str) -> Result<Vec<f32>, EmbedError> {
        if !text.contains('{') {
            return Ok(vec![0.0, 1.0]); // a path
        }
        if self.embedded.fetch_add(1, Ordering::SeqCst) < self.good_texts {
            return Ok(vec![1.0, 0.0]);
        }
        Err(EmbedError::Run { model: "flaky".into(), device: "CPU".into(), problem: "no luck".into() })
    }
}

impl Embedder for FlakyEmbedder {
    fn model_id(&self) -> &'static str {
        "flaky"
    }

    fn dimensions(&self) -> usize {
        2
    }

    fn embed_passages(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EmbedError> {
        texts.iter().map(|text| self.embed_one(text)).collect()
    }

    fn embed_query(&self, text: &str) -> Result<Vec<f32>, EmbedError> {
        self.embed_one(text)
    }

    fn embed_each(&self, texts: &[&str], each: &mut dyn FnMut(usize, Vec<f32>) -> bool) -> Result<(), EmbedError> {
        for (at, text) in texts.iter().enumerate() {
            if !each(at, self.embed_one(text)?) {
                break;
            }
        }
        Ok(())
    }

    fn batches_internally(&self) -> bool {
        self.batches_internally
    }
}

/// Returns the number of stored chunks. Fails if the vector of a chunk contains nothing of its passage's vector.
fn assert_no_zero_vector(store: &MemoryStore) -> usize {
    let Some(view) = store.view().expect("a view") else { return 0 };
    let chunks = view.chunks().expect("chunks");
    for chunk in &chunks {
        assert!(chunk.vector[0] > 0.1, "{}: {:?}", chunk.path, chunk.vector);
    }
    chunks.len()
}

#[test]
fn a_model_that_fails_leaves_no_zero_vector_in_the_store_or_the_cache() {
    const FILES: usize = 300;
    for batches_internally in [false, true] {
        let mut fixture = IndexFixture::new();
        fixture.settings.pipeline.embed_batch = EmbedBatch::Chunks(8);
        (0..FILES).for_each(|at| fixture.write(&format!("{at}.rs"), &format!("fn number_{at}() {{}}\n")));
        let cache_dir = tempfile::tempdir().expect("a folder");
        let cache = VectorCache::open(cache_dir.path(), "flaky", 2, 1 << 20);
        let run = |store: &MemoryStore, good_texts: usize| {
            let model = FlakyEmbedder::new(good_texts, batches_internally);
            let indexer = Indexer { cache: Some(&cache), ..fixture.indexer(store, &model, &Disk) };
            indexer.run(&IndexRequest::default(), &CancelToken::default(), &|_| ())
        };
        let error = run(&fixture.store, FILES / 2).expect_err("the model failed");
        assert!(matches!(error, IndexError::Embed(EmbedError::Run { .. })), "{error}");
        assert!(assert_no_zero_vector(&fixture.store) <= FILES / 2);

        let other_store = MemoryStore::new(fixture.path(""));
        let report = run(&other_store, usize::MAX).expect("an index run");
        assert_eq!(report.vectors_computed + report.vectors_reused, FILES as u64);
        assert!(report.vectors_reused <= (FILES / 2) as u64, "only good vectors are cached: {report:?}");
        assert_eq!(assert_no_zero_vector(&other_store), FILES);
    }
}
