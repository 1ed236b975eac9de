use super::*;
use crate::{IndexRequest, Options, QueryCalls as _, Settings};

fn engine(folder: &std::path::Path, files: usize) -> Engine {
    for n in 0..files {
        let text = format!("fn caller_{n}() {{\n    price_of({n});\n    price_of(0);\n}}\n");
        std::fs::write(folder.join(format!("f{n:02}.rs")), text).expect("a file");
    }
    let options = Options {
        path: Some(folder.to_owned()),
        index_dir: Some(folder.join(".index")),
        max_cache_bytes: Some(0),
        ..Options::default()
    };
    let engine = Engine::open(Settings::resolve(&options).expect("settings")).expect("it opens");
    engine.index(&IndexRequest::default(), &CancelToken::default(), &|_| ()).expect("an index");
    engine
}

fn query(from: ReferencePosition, time_limit: Duration) -> ReferenceQuery {
    let filter = Filter::default();
    let (name, kinds) = ("price_of".to_owned(), Vec::new());
    ReferenceQuery { name, kinds, include_definitions: false, filter, from, limit: 7, time_limit }
}

/// Collects every use, page by page, and counts the pages.
fn all_pages(engine: &Engine, time_limit: Duration, cancel: &CancelToken) -> (Vec<String>, usize) {
    let (mut found, mut from) = (Vec::new(), ReferencePosition::default());
    for pages in 1..100 {
        let answer = engine.find_references(&query(from, time_limit), cancel).expect("an answer");
        for file in &answer.files {
            found.extend(file.references.iter().map(|site| format!("{}:{} {}", file.path, site.line, site.within)));
        }
        match answer.next {
            Some(next) => assert!(next > from, "no progress from {from:?}"),
            None => return (found, pages),
        }
        from = answer.next.unwrap_or_default();
    }
    panic!("the pages do not end: {found:?}");
}

#[test]
fn without_time_every_page_makes_progress_and_nothing_is_missed() {
    let folder = tempfile::tempdir().expect("a folder");
    let engine = engine(folder.path(), 12);
    let wanted: Vec<String> =
        (0..12).flat_map(|n| [2, 3].map(|line| format!("f{n:02}.rs:{line} caller_{n}"))).collect();
    let cancel = CancelToken::default();
    assert_eq!(all_pages(&engine, Duration::from_secs(60), &cancel), (wanted.clone(), 4));
    let (hurried, pages) = all_pages(&engine, Duration::ZERO, &cancel);
    assert_eq!(hurried, wanted);
    assert_eq!(pages, 12, "one file per page");
    cancel.cancel();
    let answer = engine.find_references(&query(ReferencePosition::default(), Duration::from_secs(60)), &cancel);
    let answer = answer.expect("a partial answer");
    assert!(answer.out_of_time && answer.files.len() <= 1, "{answer:?}");
}

#[test]
fn a_file_that_can_no_longer_be_read_is_named_and_a_deleted_one_is_left_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let engine = engine(folder.path(), 3);
    std::fs::write(folder.path().join("f00.rs"), b"price_of(1);\0").expect("a file");
    std::fs::remove_file(folder.path().join("f01.rs")).expect("removed");
    let query = query(ReferencePosition::default(), Duration::from_secs(60));
    let answer = engine.find_references(&query, &CancelToken::default()).expect("an answer");
    let files: Vec<_> =
        answer.files.iter().map(|file| (file.path.as_str(), file.references.len(), file.problem.as_deref())).collect();
    assert_eq!(files, [("f00.rs", 0, Some("cannot read f00.rs: it is binary")), ("f02.rs", 2, None)]);
}

#[test]
fn a_name_that_no_file_spells_so_gets_the_similar_one() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("a.py"), "def load_config():\n    pass\n\nload_config()\n").expect("a file");
    let engine = engine(folder.path(), 1);
    let ask = |name: &str, kinds: &[ReferenceKind]| {
        let query = ReferenceQuery {
            name: name.to_owned(),
            kinds: kinds.to_vec(),
            ..query(ReferencePosition::default(), Duration::from_secs(60))
        };
        engine.find_references(&query, &CancelToken::default()).expect("an answer")
    };
    let absent = ask("loadconfig", &[]);
    assert_eq!((absent.files_spelled, absent.similar_name.as_deref()), (0, Some("load_config")));
    assert!(absent.files.is_empty());
    let unused = ask("load_config kind:write", &[]);
    assert_eq!((unused.files_spelled, unused.similar_name), (1, None));
    assert_eq!(unused.kinds, [ReferenceKind::Write]);
    assert_eq!(unused.other_kinds.get(&ReferenceKind::Call), Some(&1));
    assert!(absent.notes.iter().all(|note| !note.contains("content all")), "{:?}", absent.notes);
}
