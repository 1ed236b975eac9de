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

/// Returns the lines of the uses of `name`, as `path:line`, and the remarks of the answer.
fn uses_of(engine: &Engine, name: &str) -> (Vec<String>, Vec<String>) {
    let query = ReferenceQuery {
        name: name.to_owned(),
        limit: 100,
        ..query(ReferencePosition::default(), Duration::from_secs(60))
    };
    let answer = engine.find_references(&query, &CancelToken::default()).expect("an answer");
    assert!(!answer.notes.iter().any(|note| note.starts_with("there is no ")), "{name}");
    let lines = |file: &ReferencedFile| {
        file.references.iter().map(|site| format!("{}:{}", file.path, site.line)).collect::<Vec<_>>()
    };
    (answer.files.iter().flat_map(lines).collect(), answer.notes)
}

#[test]
fn a_qualifier_leaves_out_uses_of_other_containers() {
    let folder = tempfile::tempdir().expect("a folder");
    let files = [
        (
            "a.py",
            "class Store:\n    def load(self):\n        return self.load()\n\nclass Cache:\n    def load(self):\n        return self.load()\n\n\
             def load():\n    pass\n\ndef use(store: Store, other, entry: Cache):\n    store.load()\n    other.load()\n    entry.load()\n    \
             cache = Cache()\n    cache.load()\n    Store().load()\n    Cache().load()\n    load()\n",
        ),
        (
            "b.ts",
            "class Store { load() {} }\nclass Cache { load() {} }\nconst store = new Store();\nconst kept = new Cache();\n\
             store.load();\nkept.load();\nnew Cache().load();\nCache.load();\nunknown().load();\n",
        ),
        (
            "C.java",
            "class Store { void load() {} }\nclass Cache { void load() {} void all() { load(); this.load(); } }\n\
             class Use {\n  void use(Store a, Cache b) {\n    a.load();\n    b.load();\n    new Store()\n      .load();\n  }\n}\n",
        ),
        (
            "d.go",
            "package d\n\ntype Store struct{}\ntype Cache struct{}\n\nfunc (s *Store) load() {}\nfunc (c *Cache) load() {}\n\n\
             func use(s *Store, c *Cache) {\n\ts.load()\n\tc.load()\n\tn := NewCache()\n\tn.load()\n}\n",
        ),
        (
            "e.rs",
            "struct Store;\nstruct Cache;\nimpl Store { fn load(&self) {} }\nimpl Cache { fn load(&self) { self.load() } }\n\
             fn use_both(a: &Store, b: Option<&Cache>) {\n    a.load();\n    b.load();\n    Store::load(a);\n    Cache::load(b);\n}\n",
        ),
    ];
    for (path, text) in files {
        std::fs::write(folder.path().join(path), text).expect("a file");
    }
    let engine = engine(folder.path(), 1);
    let lines = |path: &str, lines: &[u32]| lines.iter().map(|line| format!("{path}:{line}")).collect::<Vec<_>>();
    let store = [
        lines("C.java", &[5]),
        lines("a.py", &[3, 13, 18]),
        lines("b.ts", &[5]),
        lines("d.go", &[10]),
        lines("e.rs", &[6, 8]),
        // The receiver is on another line, a variable without a type, and the value of a function.
        lines("C.java", &[8]),
        lines("a.py", &[14]),
        lines("b.ts", &[9]),
    ];
    let (uses, notes) = uses_of(&engine, "Store.load");
    assert_eq!(uses, store.concat(), "{notes:?}");
    let note = "left out: 16 uses and 6 definitions of load in other containers; ask for load to see them";
    assert!(notes.iter().any(|other| other == note), "{notes:?}");
    let note = "3 uses of load have a receiver of unknown type, may be of another load, and come last";
    assert!(notes.iter().any(|other| other == note), "{notes:?}");
    let cache = [
        lines("C.java", &[2, 2, 6]),
        lines("a.py", &[7, 15, 17, 19]),
        lines("b.ts", &[6, 7, 8]),
        lines("d.go", &[11, 13]),
        lines("e.rs", &[4, 7, 9]),
        lines("C.java", &[8]),
        lines("a.py", &[14]),
        lines("b.ts", &[9]),
    ];
    assert_eq!(uses_of(&engine, "Cache::load").0, cache.concat());
    let (all, notes) = uses_of(&engine, "load");
    assert!(all.len() == 27 && notes.is_empty(), "{all:?} {notes:?}");
}

#[test]
fn a_qualifier_keeps_uses_through_bases_and_interfaces_and_of_modules() {
    let folder = tempfile::tempdir().expect("a folder");
    let files = [
        (
            "base.py",
            "class Base:\n    def start(self):\n        self.run()\n\n    def run(self):\n        pass\n\nclass Job(Base):\n    \
             def run(self):\n        super().run()\n\nclass Walk:\n    def run(self):\n        pass\n\ndef all(base: Base, walk: Walk):\n    \
             base.run()\n    walk.run()\n",
        ),
        (
            "iface.ts",
            "interface Reader { read(): void }\nclass FileReader implements Reader { read() {} }\nfunction f(reader: Reader) {\n  reader.read();\n}\n",
        ),
        ("conf/db.py", "def parse():\n    pass\n\nparse()\n"),
        ("conf/env.py", "def parse():\n    pass\n\nparse()\n"),
        ("main.py", "from conf.env import parse\nfrom conf import db\n\nparse()\ndb.parse()\n"),
    ];
    std::fs::create_dir(folder.path().join("conf")).expect("a folder");
    for (path, text) in files {
        std::fs::write(folder.path().join(path), text).expect("a file");
    }
    let engine = engine(folder.path(), 1);
    let uses = |name: &str| uses_of(&engine, name).0.join(" ");
    assert_eq!(uses("Job.run"), "base.py:3 base.py:17");
    assert_eq!(uses("Base.run"), "base.py:3 base.py:10 base.py:17");
    assert_eq!(uses("Walk.run"), "base.py:18", "`super()` is of the base that the class names");
    assert_eq!(uses("FileReader.read"), "iface.ts:4");
    assert_eq!(uses("Reader.read"), "iface.ts:4");
    assert_eq!(uses("env.parse"), "conf/env.py:4 main.py:1 main.py:4");
    assert_eq!(uses("db.parse"), "conf/db.py:4 main.py:5");
}

#[test]
fn uses_that_the_filters_leave_out_are_counted_and_the_first_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    for (path, text) in [
        (
            "src/session.py",
            "class Session:\n    def get(self, url):\n        return gettext(url)\n\n\ndef gettext(text):\n    return text\n",
        ),
        ("tests/test_session.py", "def test_get(session):\n    session.get('a')\n    assert session.get('b')\n"),
        ("docs/session.md", "# Session\n\nCall `Session.get` and gettext.\n"),
        ("web/page.css", "a { color: red; }\n"),
    ] {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }
    let engine = engine(folder.path(), 0);
    let find = |name: &str, filter: Filter| {
        let query = ReferenceQuery {
            name: name.to_owned(),
            filter,
            ..query(ReferencePosition::default(), Duration::from_secs(60))
        };
        let answer = engine.find_references(&query, &CancelToken::default()).expect("an answer");
        assert!(answer.files.is_empty(), "{name}: {answer:?}");
        (answer.similar_name, answer.notes.join("; "))
    };
    let css = Filter { languages: vec!["css".to_owned()], ..Filter::default() };
    let tests = "`get` is used in tests/test_session.py:2 and 1 more place, which the filters leave out";
    let source = "`gettext` is used in src/session.py:3, which the filters leave out";
    for (name, filter, note) in [
        ("Session.get path:docs", Filter::default(), tests),
        ("get path:src", Filter::default(), tests),
        ("get kind:call path:web", Filter::default(), tests),
        ("gettext", css, source),
        ("gettext -path:src", Filter::default(), source),
    ] {
        assert_eq!(find(name, filter), (None, note.to_owned()), "{name}");
    }
    let (_, notes) = find("gettext kind:write path:web", Filter::default());
    assert!(
        notes.ends_with("files that the filters leave out do not use `gettext` so either, but have 1 call"),
        "{notes}"
    );
    let (_, notes) = find("gettext path:scr", Filter::default());
    assert!(notes.contains("no indexed file matches path scr") && notes.ends_with(source), "{notes}");
    let (similar, notes) = find("getext path:src", Filter::default());
    assert_eq!(similar.as_deref(), Some("gettext"), "{notes}");
    assert!(!notes.contains("leave out"), "{notes}");
}
