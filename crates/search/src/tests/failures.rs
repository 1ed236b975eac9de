//! Tests of searches that are cancelled or cannot be answered.

use super::*;
use embed::EmbedError;

/// An embedder that wraps the built-in model and cancels a search when it embeds the query.
struct CancellingEmbedder {
    model: Arc<StaticModel>,
    cancel: CancelToken,
}

impl Embedder for CancellingEmbedder {
    fn model_id(&self) -> &str {
        self.model.model_id()
    }

    fn dimensions(&self) -> usize {
        self.model.dimensions()
    }

    fn embed_passages(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EmbedError> {
        self.model.embed_passages(texts)
    }

    fn embed_query(&self, text: &str) -> Result<Vec<f32>, EmbedError> {
        self.cancel.cancel();
        self.model.embed_query(text)
    }
}

fn search_with(embedder: &dyn Embedder, text: &str, cancel: &CancelToken) -> Result<SearchResults, QueryError> {
    let (snapshot, weights) = (&snapshot(), &RankingWeights::default());
    let context = SearchContext { snapshot, embedder, weights, cancel };
    crate::search(&context, check_query(&query(text))?, &FolderScope::default())
}

#[test]
fn a_cancelled_search_ends_with_an_error() {
    let model = StaticModel::builtin();
    let cancel = CancelToken::default();
    assert!(search_with(model.as_ref(), "connection pool", &cancel).is_ok());
    for text in ["connection pool", "\"keeps connections\"", "\"=> {\"", "if retry() {\n    jitter();\n}"] {
        let cancel = CancelToken::default();
        let embedder = CancellingEmbedder { model: Arc::clone(&model), cancel: cancel.clone() };
        let cancelled = search_with(&embedder, text, &cancel);
        assert!(matches!(cancelled, Err(QueryError::Cancelled)), "{text}: cancelled while it runs");
        let before = search_with(model.as_ref(), text, &cancel);
        assert!(matches!(before, Err(QueryError::Cancelled)), "{text}: cancelled before it starts");
    }
    cancel.cancel();
    let vector = model.embed_text("connection pool");
    let filter = FileFilter::new(&Filter::default()).expect("a filter");
    let near = find_nearest_chunks(&snapshot(), &vector, filter, 5, None, &cancel);
    assert!(matches!(near, Err(QueryError::Cancelled)));
}

#[test]
fn a_vector_of_another_width_is_an_error() {
    let (snapshot, model) = (snapshot(), StaticModel::builtin());
    let near = searcher(&snapshot, model.as_ref(), &[]).nearest(&[0.6, 0.8], 5);
    let message = near.expect_err("no hits").to_string();
    let wanted = format!("the model gives vectors of 2 values, but the index has {}", model.dimensions());
    assert!(message.starts_with(&wanted), "{message}");
}

#[test]
fn a_stored_vector_of_another_width_is_an_error() {
    let store = MemoryStore::new("/root".into());
    let mut commit = Commit::default();
    put(&mut commit, "src/pool.rs", "fn acquire() {}\n");
    commit.chunks[0].vector.pop();
    store.writer(&recipe(), false).expect("a writer").commit(commit, &CommitStatus::default()).expect("a commit");
    let loaded = Snapshot::load(store.view().expect("a view").expect("a commit"));
    let message = loaded.err().expect("an error").to_string();
    let dimensions = StaticModel::builtin().dimensions();
    let wanted = format!("src/pool.rs:1 has a vector of {} values instead of {dimensions}", dimensions - 1);
    assert!(message.contains(&wanted), "{message}");
    assert!(message.contains("codescry index --rebuild"), "{message}");
}
