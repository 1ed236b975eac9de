//! Tests of concurrent searches while the store changes, of cancelled calls, and of damaged and stale texts.

#[cfg(feature = "lance")]
mod copies;
#[cfg(feature = "lance")]
mod large;

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use crate::models::IndexModels;
use crate::{
    CancelToken, Engine, EngineError, Filter, FolderQuery, IndexRequest, Options, QueryCalls as _, ReadRequest,
    RetrievalMode, SearchQuery, Settings, SimilarQuery, SimilarTarget, SymbolQuery,
};
use embed::static_model::StaticModel;
use store::memory::MemoryStore;
use store::{
    ChunkStore, ChunkText, Generation, IndexFingerprint, Manifest, RowKey, StoreError, StoreView, StoreWriter,
    StoredChunk,
};
use types::FileRecord;

/// A store whose readers can be counted and blocked. Clones share their content.
#[derive(Clone)]
struct GatedStore {
    store: Arc<Mutex<MemoryStore>>,
    gate: Arc<Gate>,
}

#[derive(Default)]
struct Gate {
    /// Whether the texts of chunks are altered, as damage without a checksum would.
    alters_texts: AtomicBool,
    /// Locked by a test to block readers.
    closed: Mutex<()>,
    counts: Mutex<GateCounts>,
    changed: Condvar,
}

#[derive(Clone, Copy, Default)]
struct GateCounts {
    /// Number of times that chunks were read.
    reads: usize,
    /// Number of times that the generation was read.
    generations: usize,
    /// Number of times that the view was released.
    releases: usize,
}

impl Gate {
    fn count(&self, change: impl FnOnce(&mut GateCounts)) {
        change(&mut self.counts.lock().expect("no panic"));
        self.changed.notify_all();
    }

    /// Waits until the counts meet a condition.
    fn wait_until(&self, is_reached: impl Fn(GateCounts) -> bool) {
        let counts = self.counts.lock().expect("no panic");
        drop(self.changed.wait_while(counts, |counts| !is_reached(*counts)).expect("no panic"));
    }
}

struct GatedView {
    view: Arc<dyn StoreView>,
    gate: Arc<Gate>,
}

impl GatedView {
    fn pass(&self) {
        self.gate.count(|counts| counts.reads += 1);
        drop(self.gate.closed.lock().expect("the gate"));
    }
}

impl GatedStore {
    fn store(&self) -> MemoryStore {
        self.store.lock().expect("the store").clone()
    }
}

impl ChunkStore for GatedStore {
    fn generation(&self) -> Result<Option<Generation>, StoreError> {
        self.gate.count(|counts| counts.generations += 1);
        self.store().generation()
    }

    fn view(&self) -> Result<Option<Arc<dyn StoreView>>, StoreError> {
        let with_gate = |view| Arc::new(GatedView { view, gate: Arc::clone(&self.gate) }) as Arc<dyn StoreView>;
        Ok(self.store().view()?.map(with_gate))
    }

    fn release_view(&self) {
        self.gate.count(|counts| counts.releases += 1);
    }

    fn writer(&self, recipe: &IndexFingerprint, fresh: bool) -> Result<Box<dyn StoreWriter>, StoreError> {
        self.store().writer(recipe, fresh)
    }

    fn size_bytes(&self) -> u64 {
        0
    }
}

impl StoreView for GatedView {
    fn manifest(&self) -> &Manifest {
        self.view.manifest()
    }

    fn rows_generation(&self) -> u64 {
        self.view.rows_generation()
    }

    fn files(&self) -> Result<Vec<FileRecord>, StoreError> {
        self.view.files()
    }

    fn chunks(&self) -> Result<Vec<StoredChunk>, StoreError> {
        self.pass();
        self.view.chunks()
    }

    fn row_keys(&self) -> Result<Vec<RowKey>, StoreError> {
        self.view.row_keys()
    }

    fn chunks_by_key(&self, rows: &[RowKey]) -> Result<Vec<StoredChunk>, StoreError> {
        self.pass();
        self.view.chunks_by_key(rows)
    }

    fn inverted_index(&self) -> &store::inverted_index::InvertedIndex {
        self.view.inverted_index()
    }

    fn inverted_index_error(&self, error: &store::inverted_index::SegmentError) -> StoreError {
        self.view.inverted_index_error(error)
    }

    fn chunk_texts(&self, rows: &[RowKey]) -> Result<Vec<ChunkText>, StoreError> {
        let mut texts = self.view.chunk_texts(rows)?;
        if self.gate.alters_texts.load(Ordering::SeqCst) {
            texts.iter_mut().for_each(|text| text.text = text.text.replace("alpha()", "alpaa()"));
        }
        Ok(texts)
    }
}

/// Writes these files into the new folder `root` in `folder`, and indexes it. Files of more than 10,000 bytes are left out.
pub(crate) fn index_files(folder: &Path, files: &[(&str, &str)]) -> Engine {
    let root = folder.join("root");
    fs::create_dir(&root).expect("a folder");
    for (path, text) in files {
        let path = root.join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::write(path, text).expect("a file");
    }
    let options = Options {
        path: Some(root),
        index_dir: Some(folder.join("index")),
        max_file_bytes: Some(10_000),
        max_cache_bytes: Some(0),
        ..Options::default()
    };
    let engine = Engine::open(Settings::resolve(&options).expect("settings")).expect("it opens");
    engine.index(&IndexRequest::default(), &CancelToken::default(), &|_| ()).expect("an index");
    engine
}

struct EngineFixture {
    folder: tempfile::TempDir,
    store: GatedStore,
    engine: Engine,
}

impl EngineFixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let options =
            Options { path: Some(folder.path().to_owned()), index_dir: Some("unused".into()), ..Options::default() };
        let settings = Settings::resolve(&options).expect("settings");
        let inner = MemoryStore::new(settings.root.as_path().to_owned());
        let store = GatedStore { store: Arc::new(Mutex::new(inner)), gate: Arc::default() };
        let models = IndexModels::new(&settings, StaticModel::builtin());
        let engine = Engine::new(settings, Box::new(store.clone()), models);
        Self { folder, store, engine }
    }

    fn index(&self, path: &str, text: &str) {
        fs::write(self.folder.path().join(path), text).expect("a file");
        self.engine.index(&IndexRequest::default(), &CancelToken::default(), &|_| ()).expect("an index");
    }

    /// Searches for a name and returns the paths of the hits.
    fn finds(&self, name: &str) -> Vec<String> {
        let query = SearchQuery { text: name.into(), limit: 5, mode: RetrievalMode::Lexical, ..SearchQuery::default() };
        self.engine
            .search(&query, &CancelToken::default())
            .expect("an answer")
            .hits
            .iter()
            .map(|hit| hit.path.to_string())
            .collect()
    }

    fn counts(&self) -> GateCounts {
        *self.store.gate.counts.lock().expect("no panic")
    }

    fn reads(&self) -> usize {
        self.counts().reads
    }
}

#[test]
fn concurrent_first_searches_read_the_store_once() {
    let fixture = EngineFixture::new();
    fixture.index("a.rs", "fn alpha() {}\n");
    let closed = fixture.store.gate.closed.lock().expect("the gate");
    let before = fixture.counts().generations;
    thread::scope(|scope| {
        let searches: Vec<_> = (0..4).map(|_| scope.spawn(|| fixture.finds("alpha"))).collect();
        // Every search reads the generation once, and the search that loads the snapshot reads it again.
        fixture.store.gate.wait_until(|counts| counts.reads == 1 && counts.generations >= before + 5);
        drop(closed);
        for search in searches {
            assert_eq!(search.join().expect("a search"), ["a.rs"]);
        }
    });
    assert_eq!(fixture.reads(), 1);
}

#[test]
fn a_search_does_not_wait_for_one_that_loads_a_snapshot() {
    let fixture = EngineFixture::new();
    fixture.index("a.rs", "fn alpha() {}\n");
    assert_eq!(fixture.finds("alpha"), ["a.rs"]);
    fixture.index("b.rs", "fn alpha() {}\n");
    let closed = fixture.store.gate.closed.lock().expect("the gate");
    thread::scope(|scope| {
        let reading = scope.spawn(|| fixture.finds("alpha").len());
        fixture.store.gate.wait_until(|counts| counts.reads == 2);
        let (send, answers) = mpsc::channel();
        let fixture = &fixture;
        scope.spawn(move || send.send(fixture.finds("alpha")));
        let answer = answers.recv_timeout(Duration::from_secs(20));
        drop(closed);
        assert_eq!(answer.as_deref(), Ok(&["a.rs".to_owned()][..]), "from the snapshot before");
        assert_eq!(reading.join().expect("a search"), 2);
    });
    assert_eq!(fixture.finds("alpha").len(), 2);
    assert_eq!(fixture.reads(), 2);
}

#[test]
fn searches_load_nothing_while_an_index_run_refreshes_the_snapshot() {
    let fixture = EngineFixture::new();
    fixture.index("a.rs", "fn alpha() {}\n");
    assert_eq!(fixture.finds("alpha"), ["a.rs"]);
    fixture.engine.refresh_snapshot_during(|| {
        fixture.index("b.rs", "fn alpha() {}\n");
        assert_eq!(fixture.finds("alpha"), ["a.rs"], "from the loaded snapshot");
        assert_eq!(fixture.reads(), 1);
        fixture.engine.refresh_snapshot();
        assert_eq!(fixture.finds("alpha").len(), 2);
        fixture.index("c.rs", "fn alpha() {}\n");
    });
    assert_eq!((fixture.finds("alpha").len(), fixture.reads()), (3, 3), "the end of the run has loaded the rest");
    fixture.index("d.rs", "fn alpha() {}\n");
    assert_eq!(fixture.finds("alpha").len(), 4, "no run refreshes the snapshot any more");
}

#[test]
fn an_index_run_in_a_folder_without_searches_leaves_no_view_open() {
    let fixture = EngineFixture::new();
    fixture.engine.refresh_snapshot_during(|| fixture.index("a.rs", "fn alpha() {}\n"));
    assert!(fixture.counts().releases > 0);
    assert_eq!(fixture.finds("alpha"), ["a.rs"]);
    let before = fixture.counts().releases;
    fixture.engine.refresh_snapshot_during(|| fixture.index("b.rs", "fn alpha() {}\n"));
    assert_eq!(fixture.counts().releases, before, "the snapshot of the search uses the view");
}

#[test]
fn a_deleted_and_rebuilt_index_is_noticed() {
    let fixture = EngineFixture::new();
    fixture.index("a.rs", "fn alpha() {}\n");
    assert_eq!(fixture.finds("alpha"), ["a.rs"]);
    let generation = fixture.store.generation_number().expect("a generation");
    *fixture.store.store.lock().expect("the store") = MemoryStore::new(fixture.engine.root().to_owned());
    assert!(matches!(fixture.engine.current_snapshot(), Err(EngineError::NotIndexed { .. })));
    fs::remove_file(fixture.folder.path().join("a.rs")).expect("a file");
    fixture.index("b.rs", "fn alpha() {}\n");
    assert_eq!(fixture.store.generation_number().expect("a generation"), generation);
    assert_eq!(fixture.finds("alpha"), ["b.rs"]);
}

#[test]
fn of_two_names_in_a_file_the_one_in_the_same_case_is_shown() {
    let fixture = EngineFixture::new();
    let method =
        |at: usize| format!("    def method_{at}(self):\n        return self.call({at}, 'a rather long argument')\n\n");
    let class = |name: &str| format!("class {name}:\n{}\n\n", (0..40).map(method).collect::<String>());
    let text = format!(
        "{}def session():\n    \"\"\"Returns a session: Session.\"\"\"\n    return Session()\n",
        class("Session")
    );
    fixture.index("sessions.py", &text);
    for (asked, symbol) in [("Session", "Session"), ("session", "session")] {
        let query = SearchQuery { text: asked.into(), limit: 1, ..SearchQuery::default() };
        let hits = fixture.engine.search(&query, &CancelToken::default()).expect("an answer").hits;
        assert_eq!(hits[0].symbol, symbol, "{asked}");
    }
}

#[test]
fn two_worktrees_in_one_process_share_computed_vectors() {
    let (folder, cancel) = (tempfile::tempdir().expect("a folder"), CancelToken::default());
    let open = |name: &str| {
        let root = folder.path().join(name);
        fs::create_dir(&root).expect("a folder");
        fs::write(root.join("first.rs"), "fn first() {}\n").expect("a file");
        let options = Options {
            path: Some(root),
            index_dir: Some(folder.path().join(format!("index of {name}"))),
            cache_dir: Some(folder.path().join("cache")),
            ..Options::default()
        };
        Engine::open(Settings::resolve(&options).expect("settings")).expect("an engine")
    };
    let index = |engine: &Engine| {
        let report = engine.index(&IndexRequest::default(), &cancel, &|_| ()).expect("an index run");
        (report.vectors_computed, report.vectors_reused)
    };
    let engines = [open("main"), open("branch")];
    assert_eq!(engines.each_ref().map(index), [(1, 0), (0, 1)]);
    for engine in &engines {
        fs::write(engine.root().join("later.rs"), "fn later(value: u64) -> u64 {\n    value\n}\n").expect("a file");
        fs::write(engine.root().join("copy.rs"), "fn later(value: u64) -> u64 {\n    value\n}\n").expect("a file");
    }
    assert_eq!(engines.each_ref().map(index), [(1, 1), (0, 2)], "a copy in the same window is not computed either");
}

#[test]
fn cancelled_calls_end_with_an_error() {
    let fixture = EngineFixture::new();
    fixture.index("a.rs", "fn alpha() {}\n");
    let (engine, cancel) = (&fixture.engine, CancelToken::default());
    cancel.cancel();
    let search = SearchQuery { text: "alpha".into(), limit: 5, ..SearchQuery::default() };
    let symbol = SymbolQuery { name: "alpha".into(), limit: 5, ..SymbolQuery::default() };
    let read = ReadRequest { symbol: Some("alpha".into()), ..ReadRequest::default() };
    let folder = FolderQuery { limit: 5, ..FolderQuery::default() };
    let snippet = SimilarTarget::Snippet("fn beta() {}".into());
    for ended in [
        engine.search(&search, &cancel).map(drop),
        engine.find_symbol(&symbol, &cancel).map(drop),
        engine.read_code(&read, &cancel).map(drop),
        engine.outline_folder(&folder, &cancel).map(drop),
        engine.find_similar(&similar_to(snippet), &cancel).map(drop),
        engine.dry_run(&cancel).map(drop),
    ] {
        assert!(matches!(ended, Err(EngineError::Cancelled)), "{ended:?}");
    }
    assert_eq!(fixture.finds("alpha"), ["a.rs"], "later calls are answered");
}

#[test]
fn code_like_a_line_passes_the_written_filters() {
    let fixture = EngineFixture::new();
    for (file, name) in [("a.rs", "sum_of"), ("b.rs", "total_of"), ("c_test.rs", "add_all")] {
        fixture.index(file, &format!("fn {name}(items: &[u32]) -> u32 {{\n    items.iter().sum()\n}}\n"));
    }
    let find = |filters: &str| {
        let target = SimilarTarget::Location { path: "a.rs".to_owned(), line: 1 };
        let query = SimilarQuery { written_filters: filters.to_owned(), ..similar_to(target) };
        let answer = fixture.engine.find_similar(&query, &CancelToken::default()).expect("an answer");
        let mut paths: Vec<String> = answer.hits.iter().map(|hit| hit.path.to_string()).collect();
        paths.sort();
        (paths, answer.notes.join("; "))
    };
    assert_eq!(find("").0, ["b.rs", "c_test.rs"]);
    assert_eq!(find("-test").0, ["b.rs"]);
    assert_eq!(find("-path:b.rs lang:rust").0, ["c_test.rs"]);
    let (paths, notes) = find("lang:klingon");
    assert!(paths.len() == 2 && notes.starts_with("`lang:` was ignored: unknown language klingon"), "{notes}");
}

fn similar_to(target: SimilarTarget) -> SimilarQuery {
    SimilarQuery { target, limit: 5, filter: Filter::default(), written_filters: String::new() }
}

#[test]
fn code_like_a_line_leaves_out_the_definition_of_the_line() {
    let fixture = EngineFixture::new();
    let function = |name: &str| {
        format!(
            "fn {name}(items: &[u32]) -> u32 {{\n    let mut sum = 0;\n    for item in items {{\n        sum += item;\n    }}\n    sum\n}}\n\n"
        )
    };
    let filler = "/// Waits.\nfn wait() {\n    loop {\n        std::thread::park();\n    }\n}\n\n".repeat(30);
    fixture.index("a.rs", &format!("{}{filler}{}", function("sum_of"), function("add_all")));
    fixture.index("b.rs", &format!("// Totals.\n{}", function("total_of")));
    let similar = |line: u32| {
        let target = SimilarTarget::Location { path: "a.rs".to_owned(), line };
        fixture.engine.find_similar(&similar_to(target), &CancelToken::default())
    };
    for line in [1, 4, 7] {
        let hits = similar(line).expect("an answer").hits;
        assert!(hits.iter().all(|hit| hit.path.as_str() != "a.rs" || !hit.span.contains(line)), "{line}: {hits:?}");
        assert!(!hits.is_empty());
    }
    let beyond = similar(99_999).expect_err("no such line").to_string();
    assert!(beyond.starts_with("a.rs has lines 1 to 226, not 99999"), "{beyond}");
    let blank = fixture
        .engine
        .read_code(&ReadRequest { path: Some("a.rs".to_owned()), ..ReadRequest::default() }, &CancelToken::default());
    assert!(similar(blank.expect("the file").lines).is_ok(), "a blank line at the end");
}

#[test]
fn a_text_that_its_unchanged_file_does_not_have_is_left_out_and_reported() {
    let fixture = EngineFixture::new();
    fixture.index("a.rs", "fn alpha() {}\n");
    fixture.index("b.rs", "// alpha\nfn beta() {}\n");
    let query = SearchQuery { text: "alpha".into(), limit: 5, ..SearchQuery::default() };
    let search = || fixture.engine.search(&query, &CancelToken::default()).expect("an answer");
    let symbol = SymbolQuery { name: "alpha".into(), limit: 5, ..SymbolQuery::default() };
    let find = || fixture.engine.find_symbol(&symbol, &CancelToken::default()).expect("an answer").symbols.len();
    let intact = search();
    assert_eq!((intact.hits.len(), intact.notes.len(), find()), (2, 0, 1));
    assert!(!fixture.engine.needs_repair());
    fixture.store.gate.alters_texts.store(true, Ordering::SeqCst);
    let damaged = search();
    assert_eq!((damaged.hits.len(), damaged.hits[0].path.as_str(), find()), (1, "b.rs", 0));
    assert!(damaged.notes[0].contains("damaged") && damaged.notes[0].contains("index_project"), "{:?}", damaged.notes);
    assert!(fixture.engine.needs_repair(), "the next run checks the index");
    // A file that has changed since is marked instead: its old text may be right or wrong.
    fs::write(fixture.folder.path().join("a.rs"), "fn alpha() { changed() }\n").expect("a file");
    let stale = search();
    let states: Vec<_> = stale.hits.iter().map(|hit| (hit.path.as_str(), hit.stale)).collect();
    assert!(states.contains(&("a.rs", true)) && states.contains(&("b.rs", false)), "{states:?}");
    fixture.store.gate.alters_texts.store(false, Ordering::SeqCst);
    fixture.index("a.rs", "fn alpha() {}\n");
    assert!(!fixture.engine.needs_repair());
    assert_eq!(search().hits.iter().map(|hit| hit.stale).collect::<Vec<_>>(), [false, false]);
}

#[test]
fn a_file_changed_without_new_metadata_is_stale() {
    let fixture = EngineFixture::new();
    let path = fixture.folder.path().join("a.rs");
    fixture.index("a.rs", "fn alpha() {}\n");
    let modified = fs::metadata(&path).and_then(|file| file.modified()).expect("a time");
    let stale = || {
        let query = SearchQuery { text: "alpha".into(), limit: 5, ..SearchQuery::default() };
        fixture.engine.search(&query, &CancelToken::default()).expect("an answer").hits[0].stale
    };
    assert!(!stale() && !stale());
    fs::write(&path, "fn alpaa() {}\n").expect("a file");
    fs::File::options().write(true).open(&path).and_then(|file| file.set_modified(modified)).expect("a time");
    assert!(stale() && stale(), "the change time differs, and so does the text");
    fs::write(&path, "fn alpha() {}\n").expect("a file");
    assert!(!stale(), "the text is as it was indexed");
}
