//! Answers from a copy of another folder's index that no run has compared with its own folder.

use crate::QueryCalls as _;
use std::fs;
use std::path::Path;

use crate::{
    CancelToken, Engine, EngineError, FolderQuery, IndexRequest, Options, RetrievalMode, SearchQuery, Settings,
    SymbolQuery,
};
use store::lance::LanceStore;

/// Opens the engine of the new folder `name` below `base`, which has a file with a function of each path and name.
fn open_folder(base: &Path, name: &str, files: &[(&str, &str)]) -> Engine {
    let root = base.join(name);
    fs::create_dir(&root).expect("a folder");
    for (path, word) in files {
        let text = format!("/// Counts the apples.\nfn {word}(value: u64) -> u64 {{\n    value\n}}\n");
        fs::write(root.join(path), text).expect("a file");
    }
    let options = Options {
        path: Some(root),
        index_dir: Some(base.join(format!("index of {name}"))),
        cache_dir: Some(base.join("cache")),
        ..Options::default()
    };
    Engine::open(Settings::resolve(&options).expect("settings")).expect("an engine")
}

#[test]
fn a_run_that_begins_with_a_copy_loads_it_for_the_search_that_waits() {
    let (folder, cancel) = (tempfile::tempdir().expect("a folder"), CancelToken::default());
    let base = folder.path().canonicalize().expect("a folder");
    let main = open_folder(&base, "main", &[("same.rs", "alpha")]);
    main.warm_up();
    main.index(&IndexRequest::default(), &cancel, &|_| ()).expect("an index run");
    assert!(!main.has_snapshot(), "a first run has its own work to do");
    for is_awaited in [false, true] {
        let topic = open_folder(&base, &format!("topic {is_awaited}"), &[("same.rs", "alpha")]);
        if is_awaited {
            topic.warm_up();
        }
        LanceStore::clone_index(main.index_dir(), topic.index_dir(), topic.root()).expect("a copy");
        topic.index(&IndexRequest::default(), &cancel, &|_| ()).expect("an index run");
        assert_eq!(topic.has_snapshot(), is_awaited);
    }
}

#[test]
fn a_copy_shows_only_texts_of_its_own_folder() {
    let (folder, cancel) = (tempfile::tempdir().expect("a folder"), CancelToken::default());
    let base = folder.path().canonicalize().expect("a folder");
    let open = |name: &str, files: &[(&str, &str)]| open_folder(&base, name, files);
    let main = open("main", &[("same.rs", "alpha"), ("other.rs", "beta"), ("gone.rs", "gamma")]);
    main.index(&IndexRequest::default(), &cancel, &|_| ()).expect("an index run");
    let topic = open("topic", &[("same.rs", "alpha"), ("other.rs", "delta")]);
    LanceStore::clone_index(main.index_dir(), topic.index_dir(), topic.root()).expect("a copy");

    let query = SearchQuery { text: "apples".into(), limit: 9, mode: RetrievalMode::Lexical, ..SearchQuery::default() };
    let found = |engine: &Engine| {
        let answer = engine.search(&query, &cancel).expect("an answer");
        let mut hits: Vec<_> = answer.hits.iter().map(|hit| (hit.path.to_string(), hit.symbol.clone())).collect();
        hits.sort();
        (hits, answer.notes.join("; "), answer.coverage.complete)
    };
    let pair = |path: &str, symbol: &str| (path.to_owned(), symbol.to_owned());
    let (hits, notes, is_complete) = found(&topic);
    assert_eq!((hits, is_complete), (vec![pair("same.rs", "alpha")], false));
    for part in ["main", "topic", "left out 2 results"] {
        assert!(notes.contains(part), "{part} is not in {notes}");
    }
    let symbol = |name: &str| {
        let query = SymbolQuery { name: name.into(), limit: 9, ..SymbolQuery::default() };
        topic.find_symbol(&query, &cancel).expect("an answer").symbols.len()
    };
    assert_eq!((symbol("alpha"), symbol("beta")), (1, 0));
    let outline = topic.outline_folder(&FolderQuery { limit: 9, ..FolderQuery::default() }, &cancel);
    assert!(matches!(outline, Err(EngineError::NotIndexed { .. })), "{outline:?}");
    assert!(matches!(topic.projects(), Err(EngineError::NotIndexed { .. })));

    let report = topic.index(&IndexRequest::default(), &cancel, &|_| ()).expect("an index run");
    assert_eq!((report.files_indexed, report.files_unchanged, report.files_removed), (1, 1, 1));
    assert!(report.notes[0].contains("started from the index of"), "{:?}", report.notes);
    let wanted = vec![pair("other.rs", "delta"), pair("same.rs", "alpha")];
    assert_eq!(found(&topic), (wanted, String::new(), true));
    assert!(topic.outline_folder(&FolderQuery { limit: 9, ..FolderQuery::default() }, &cancel).is_ok());
    assert_eq!(topic.status().expect("a status").started_from.as_deref(), Some(main.root()));
}
