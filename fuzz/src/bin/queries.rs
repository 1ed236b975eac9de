//! Fuzzes queries over a small index: no query makes a search panic, and no hit of an unchanged folder counts as
//! changed.
#![no_main]

use std::fs;
use std::sync::OnceLock;

use codescry_engine::{Engine, IndexRequest, Options, QueryCalls as _, SearchQuery, Settings};
use codescry_platform::cancel::CancelToken;

/// Returns an engine with an index of a folder with three small source files.
fn engine() -> &'static Engine {
    static ENGINE: OnceLock<(Engine, tempfile::TempDir)> = OnceLock::new();
    let (engine, _) = ENGINE.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let texts = [
            ("pool.rs", "/// Opens a pool.\npub fn open_pool(path: &str) -> Pool {\n    Pool::open(path)\n}\n"),
            ("pool.py", "class Pool:\n    def open(self, path):\n        raise ValueError(\"no pool at \" + path)\n"),
            ("a/pool_test.go", "package a\n\nfunc TestOpen(t *testing.T) {\n\topenPool(\"x\")\n}\n"),
        ];
        for (path, text) in texts {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(path, text).expect("a file");
        }
        let options = Options { path: Some(folder.path().to_owned()), ..Options::default() };
        let engine = Engine::open(Settings::resolve(&options).expect("settings")).expect("an engine");
        engine.index(&IndexRequest::default(), &CancelToken::default(), &|_| ()).expect("an index");
        (engine, folder)
    });
    engine
}

libfuzzer_sys::fuzz_target!(|text: &[u8]| {
    let query = SearchQuery { text: String::from_utf8_lossy(text).into_owned(), limit: 3, ..SearchQuery::default() };
    if let Ok(answer) = engine().search(&query, &CancelToken::default()) {
        assert!(answer.hits.iter().all(|hit| !hit.stale), "no file has changed");
    }
});
