//! Tests that searches do not use rayon's global thread pool, which belongs to the host program.
//!
//! The test runs in a separate process, because a global pool is never stopped.

use std::sync::Arc;
use std::time::Duration;

use codescry_search::{
    FileFilter, Filter, FolderScope, NameQuery, RankingWeights, SearchContext, SearchQuery, Snapshot, check_query,
    find_definitions, find_nearest_chunks, run_on_refresh_pool,
};
use embed::Embedder;
use embed::static_model::StaticModel;
use platform::cancel::CancelToken;
use source::language;
use source::parse::{Parser, SourceFile};
use store::inverted_index::Terms;
use store::memory::MemoryStore;
use store::{ChunkStore, Commit, CommitStatus, EmbeddedChunk, IndexFingerprint, StoreView};
use types::{ContentHash, ContentRecord, FileOutcome, FileRecord, FileStat, RepoPath, TextEncoding};

/// Commits a file with the function `name` and returns the view of the commit.
fn commit_file(store: &MemoryStore, name: &str) -> Arc<dyn StoreView> {
    let model = StaticModel::builtin();
    let path = RepoPath::new(format!("src/{name}.rs"));
    let text = format!("/// Waits for a free connection.\npub fn {name}() {{}}\n");
    let source =
        SourceFile { language: language::detect_language(&path, None), path: path.clone(), text, masks: Vec::new() };
    let chunks = Parser::new(Duration::from_secs(5)).parse(&source).chunks;
    let outcome = FileOutcome::Indexed { chunks: 1, problem: None };
    let (hash, language) = (ContentHash::of_bytes(source.text.as_bytes()), source.language);
    let content = ContentRecord { hash, encoding: TextEncoding::Utf8, language, outcome };
    let record = FileRecord { path, content, stat: FileStat::default() };
    let embed = |chunk| EmbeddedChunk {
        terms: Terms::from_chunk(&chunk),
        vector: model.embed_text(&embed::build_passage(&chunk)),
        chunk,
    };
    let chunks = chunks.into_iter().map(embed).collect();
    let fingerprint = IndexFingerprint {
        schema_version: 1,
        chunker_version: 1,
        model_id: String::new(),
        dimensions: u32::try_from(model.dimensions()).expect("small"),
        settings: String::new(),
        model_checksum: None,
    };
    let commit = Commit { replace: vec![record], chunks, ..Commit::default() };
    store.writer(&fingerprint, false).expect("a writer").commit(commit, &CommitStatus::default()).expect("a commit");
    store.view().expect("a view").expect("a commit")
}

#[test]
fn the_global_pool_is_left_to_the_host() {
    let store = MemoryStore::new("/root".into());
    let first = Snapshot::load(commit_file(&store, "acquire_connection")).expect("a snapshot");
    let view = commit_file(&store, "release_connection");
    let snapshot = run_on_refresh_pool(|| first.refresh(view)).expect("a snapshot");
    let (model, weights, cancel) = (StaticModel::builtin(), RankingWeights::default(), CancelToken::default());
    let context = SearchContext { snapshot: &snapshot, embedder: model.as_ref(), weights: &weights, cancel: &cancel };
    for text in ["aquire_connection", "free connection path:src", "acquire_connection.rs", "\"free connection\""] {
        let query = SearchQuery { text: text.to_owned(), limit: 5, ..SearchQuery::default() };
        let results = codescry_search::search(&context, check_query(&query).expect("a query"), &FolderScope::default());
        assert!(!results.expect("an answer").hits.is_empty(), "{text}");
    }
    let name = NameQuery::parse("relaese_connection").expect("a name");
    assert_eq!(find_definitions(&snapshot, &name, |_| true).len(), 1);
    let filter = FileFilter::new(&Filter::default()).expect("a filter");
    let vector = snapshot.vector(0);
    assert!(!find_nearest_chunks(&snapshot, &vector, filter, 5, None, &cancel).expect("hits").hits.is_empty());

    let host = rayon::ThreadPoolBuilder::new().num_threads(1).build_global();
    assert!(host.is_ok(), "a search has started the global pool: {host:?}");
}
