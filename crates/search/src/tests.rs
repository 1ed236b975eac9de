//! Tests of searches over small in-memory stores.

mod failures;
mod groups;
mod questions;
mod refresh;
mod scores;

use std::sync::Arc;

use crate::{
    ContentFilter, FileFilter, Filter, FolderScope, Hit, QueryError, RankingWeights, RetrievalMode, SearchContext,
    SearchQuery, SearchResults, Snapshot, check_query, find_nearest_chunks,
};
use embed::static_model::StaticModel;
use embed::{self, Embedder};
use platform::cancel::CancelToken;
use source::language;
use source::parse::{Parser, SourceFile};
use store::inverted_index::Terms;
use store::memory::MemoryStore;
use store::{ChunkStore, Commit, CommitStatus, EmbeddedChunk, IndexFingerprint};
use types::{ContentHash, ContentRecord, FileOutcome, FileRecord, FileStat, RepoPath, TextEncoding};

const FILES: &[(&str, &str)] = &[
    (
        "src/retry.rs",
        "/// Calls again after a failure, waiting longer each time.\npub fn retry_with_backoff() {}\n\npub fn jitter() {}\n",
    ),
    ("src/http/header.rs", "pub fn parseHTTPHeader(line: &str) {}\n"),
    (
        "src/pool.rs",
        "/// Keeps connections to the database open.\npub struct ConnectionPool;\n\nimpl ConnectionPool {\n    pub fn acquire(&self) {}\n}\n",
    ),
    ("tests/pool_test.rs", "fn connection_pool_hands_out_connections() { ConnectionPool::acquire(); }\n"),
    ("docs/pool.md", "# Pool\n\nThe connection pool keeps connections open.\n"),
    ("config/pool.toml", "connection_pool = 5\n"),
    ("app/retry.py", "def retry(call):\n    return call()\n"),
];

fn recipe() -> IndexFingerprint {
    IndexFingerprint {
        schema_version: store::SCHEMA_VERSION,
        chunker_version: 1,
        model_id: String::new(),
        dimensions: u32::try_from(StaticModel::builtin().width()).expect("small"),
        settings: String::new(),
        model_checksum: None,
    }
}

/// Parses and embeds a file, and adds it to `commit`.
fn put(commit: &mut Commit, path: &str, text: &str) {
    let model = StaticModel::builtin();
    let path = RepoPath::new(path);
    let source = SourceFile {
        language: language::detect_language(&path, None),
        path: path.clone(),
        text: text.to_owned(),
        masks: Vec::new(),
    };
    let chunks = Parser::new(std::time::Duration::from_secs(5)).parse(&source).chunks;
    let outcome = FileOutcome::Indexed { chunks: u32::try_from(chunks.len()).expect("few"), problem: None };
    let (hash, language) = (ContentHash::of_bytes(text.as_bytes()), source.language);
    let content = ContentRecord { hash, encoding: TextEncoding::Utf8, language, outcome };
    commit.replace.push(FileRecord { path, content, stat: FileStat::default() });
    commit.chunks.extend(chunks.into_iter().map(|chunk| EmbeddedChunk {
        terms: Terms::from_chunk(&chunk),
        vector: model.embed_text(&embed::build_passage(&chunk)),
        chunk,
    }));
}

fn snapshot() -> Arc<Snapshot> {
    snapshot_of(FILES.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())))
}

fn snapshot_of(files: impl Iterator<Item = (String, String)>) -> Arc<Snapshot> {
    let store = MemoryStore::new("/root".into());
    let mut commit = Commit::default();
    files.for_each(|(path, text)| put(&mut commit, &path, &text));
    store.writer(&recipe(), false).expect("a writer").commit(commit, &CommitStatus::default()).expect("a commit");
    Arc::new(Snapshot::load(store.view().expect("a view").expect("a commit")).expect("a snapshot"))
}

fn search(query: SearchQuery) -> Result<Vec<Hit>, QueryError> {
    let model = StaticModel::builtin();
    Ok(searcher(&snapshot(), model.as_ref(), &[]).search(&query)?.hits)
}

/// A searcher of a snapshot, with the default weights and restricted to some folders.
struct Searcher<'s> {
    snapshot: &'s Snapshot,
    embedder: &'s dyn Embedder,
    folders: FolderScope,
}

impl Searcher<'_> {
    fn search(&self, query: &SearchQuery) -> Result<SearchResults, QueryError> {
        let (weights, cancel) = (&RankingWeights::default(), &CancelToken::default());
        let context = SearchContext { snapshot: self.snapshot, embedder: self.embedder, weights, cancel };
        crate::search(&context, check_query(query)?, &self.folders)
    }

    fn nearest(&self, vector: &[f32], limit: usize) -> Result<Vec<Hit>, QueryError> {
        let filter = FileFilter::new(&Filter::default())?.in_folders(&self.folders);
        let found = find_nearest_chunks(self.snapshot, vector, filter, limit, None, &CancelToken::default());
        found.map(|results| results.hits)
    }
}

fn searcher<'s>(snapshot: &'s Snapshot, embedder: &'s dyn Embedder, folders: &[&str]) -> Searcher<'s> {
    let inside: Vec<String> = folders.iter().map(|folder| (*folder).to_owned()).collect();
    let folders =
        FolderScope { inside: if inside.is_empty() { Vec::new() } else { vec![inside] }, ..FolderScope::default() };
    Searcher { snapshot, embedder, folders }
}

fn query(text: &str) -> SearchQuery {
    SearchQuery { text: text.to_owned(), limit: 5, ..SearchQuery::default() }
}

fn paths(query: SearchQuery) -> Vec<String> {
    search(query).expect("an answer").iter().map(|hit| hit.path.to_string()).collect()
}

#[test]
fn words_names_and_meaning_find_the_right_file_first() {
    for (text, path) in [
        ("connection pool", "src/pool.rs"),
        ("parse header", "src/http/header.rs"),
        ("parseHTTPHeader", "src/http/header.rs"),
        ("parse_http_header", "src/http/header.rs"),
        ("where is an operation attempted again after it failed", "src/retry.rs"),
        ("retry_with_backoff", "src/retry.rs"),
    ] {
        assert_eq!(paths(query(text))[0], path, "{text}");
    }
}

#[test]
fn filters_restrict_results() {
    let filtered = |filter: Filter| paths(SearchQuery { filter, limit: 50, ..query("connection pool retry") });
    let only = |language: &str| filtered(Filter { languages: vec![language.into()], ..Filter::default() });
    assert_eq!(only("python"), ["app/retry.py"]);
    assert_eq!(only("toml"), ["config/pool.toml"], "a language filter overrides the content filter");
    assert!(
        filtered(Filter { path: Some("src/**".into()), ..Filter::default() })
            .iter()
            .all(|path| path.starts_with("src/"))
    );
    let content = |content| filtered(Filter { content, ..Filter::default() });
    assert!(!content(ContentFilter::CodeAndDocs).contains(&"config/pool.toml".to_owned()));
    assert_eq!(content(ContentFilter::Config), ["config/pool.toml"]);
    assert_eq!(content(ContentFilter::Docs), ["docs/pool.md"]);
    assert!(!content(ContentFilter::Code).contains(&"docs/pool.md".to_owned()));
    assert!(content(ContentFilter::All).contains(&"config/pool.toml".to_owned()));
}

#[test]
fn configuration_files_are_found_by_name() {
    for text in ["pool.toml", "config/pool.toml", "how is pool.toml used", "pool.toml:1"] {
        assert_eq!(paths(query(text))[0], "config/pool.toml", "{text}");
    }
    let only = |content| paths(SearchQuery { filter: Filter { content, ..Filter::default() }, ..query("pool.toml") });
    assert!(
        !only(ContentFilter::Code).contains(&"config/pool.toml".to_owned()),
        "a content filter for code excludes them"
    );
    assert!(!paths(query("pool.toml -lang:toml")).contains(&"config/pool.toml".to_owned()));
    assert!(!paths(query("pool.toml path:src/**")).contains(&"config/pool.toml".to_owned()));
    // A file name that many files have matches none of them in prose, and all of them if it is the whole query.
    let many = (0..4).map(|at| (format!("part{at}/pool.toml"), format!("[pool]\nconnections = {at}\n")));
    let code = ("src/pool.rs".to_owned(), "/// How a pool.toml is used.\nfn used() {}\n".to_owned());
    let (snapshot, model) = (snapshot_of(many.chain([code])), StaticModel::builtin());
    let found =
        |text: &str| searcher(&snapshot, model.as_ref(), &[]).search(&query(text)).expect("an answer").hits.len();
    assert_eq!((found("how is pool.toml used"), found("pool.toml")), (1, 5));
}

#[test]
fn folders_restrict_searches_and_nearest_chunks() {
    let (snapshot, model) = (snapshot(), StaticModel::builtin());
    let request = SearchQuery { limit: 50, ..query("retry, parse a header, connection pool") };
    let found = |folders: &[&str]| {
        let searcher = searcher(&snapshot, model.as_ref(), folders);
        let vector = model.embed_text("connection pool");
        let near = searcher.nearest(&vector, 50).expect("an answer");
        let paths =
            |hits: Vec<Hit>| hits.iter().map(|hit| hit.path.to_string()).collect::<std::collections::BTreeSet<_>>();
        let all = paths(searcher.search(&request).expect("an answer").hits);
        assert!(paths(near).is_subset(&all));
        Vec::from_iter(all)
    };
    assert_eq!(found(&["app"]), ["app/retry.py"]);
    assert_eq!(found(&["src/http", "app"]), ["app/retry.py", "src/http/header.rs"]);
    assert!(found(&["sr"]).is_empty(), "by components");
    assert_eq!(found(&[""]), found(&[]));
}

#[test]
fn shares_add_up_to_the_score_and_scores_are_sorted() {
    let hits = search(SearchQuery { explain: true, limit: 50, ..query("connection pool") }).expect("an answer");
    assert!(hits.windows(2).all(|pair| pair[0].score >= pair[1].score));
    for hit in hits {
        let shares: f32 = hit.explanation.expect("an explanation").terms.iter().map(|term| term.share).sum();
        assert!((shares - hit.score).abs() < 1e-4, "{shares} {}", hit.score);
    }
}

#[test]
fn modes_use_their_retrievers() {
    let lexical = SearchQuery { mode: RetrievalMode::Lexical, ..query("acquire") };
    assert_eq!(paths(lexical)[0], "src/pool.rs");
    assert!(paths(SearchQuery { mode: RetrievalMode::Lexical, ..query("zzzqqq") }).is_empty());
    assert!(!paths(SearchQuery { mode: RetrievalMode::Dense, ..query("database connections") }).is_empty());
}

#[test]
fn places_are_ranked_once_each_in_every_mode() {
    for mode in [RetrievalMode::Dense, RetrievalMode::Lexical, RetrievalMode::Hybrid] {
        let request = SearchQuery { mode, limit: 50, explain: true, ..query("connection pool acquire") };
        let hits = search(request).expect("an answer");
        assert!(hits.windows(2).all(|pair| pair[0].score >= pair[1].score));
        let locations: std::collections::BTreeSet<_> = hits.iter().map(|hit| (hit.path.clone(), hit.span)).collect();
        assert_eq!(locations.len(), hits.len());
        assert_eq!(hits[0].path.as_str(), "src/pool.rs");
    }
}

#[test]
fn invalid_queries_are_errors() {
    assert!(matches!(search(query("  \n ")), Err(QueryError::EmptyQuery)));
    assert!(matches!(search(SearchQuery { limit: 0, ..query("a") }), Err(QueryError::InvalidLimit(0))));
    let filter = Filter { path: Some("src/{a".into()), ..Filter::default() };
    assert!(matches!(search(SearchQuery { filter, ..query("a") }), Err(QueryError::InvalidGlob { .. })));
}

#[test]
fn equal_queries_get_equal_answers() {
    let ids = || {
        search(query("connection pool"))
            .expect("an answer")
            .iter()
            .map(|hit| (hit.path.clone(), hit.span))
            .collect::<Vec<_>>()
    };
    let first = ids();
    (0..5).for_each(|_| assert_eq!(ids(), first));
}
