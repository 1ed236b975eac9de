//! Answers from an index that is not held in memory, compared with those from one that is.

use super::similar_to;
use crate::QueryCalls as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::{
    CancelToken, Engine, Filter, FolderQuery, IndexRequest, Options, ReferencePosition, ReferenceQuery, SearchQuery,
    Settings, SimilarQuery, SimilarTarget, SymbolQuery,
};
use config::PipelineOptions;

/// Questions of every kind about the source of `codescry-search`.
const QUESTIONS: &[&str] = &[
    "where is a misspelled name corrected",
    "how are candidates grouped by file",
    "reciprocal rank fusion constant",
    "load the snapshot from the cache file",
    "binary quantization scan",
    "ColumnBlock",
    "Snapshot::refresh",
    "find_corrections",
    "KeyIndex chunks_of",
    "retrieve/candidates.rs",
    "path_class.rs vendored",
    "lang:rust stack trace frame parsing",
    "path:rank weights of features",
    "-test edit distance of names",
    "\"reciprocal rank fusion\" constant",
    "file:hit.rs score",
    "fn select_top(scores: impl Iterator<Item = (u32, f32)>, count: usize)",
];

struct Both {
    _folder: tempfile::TempDir,
    root: PathBuf,
    resident: Engine,
    large: Engine,
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("a file");
        }
    }
}

impl Both {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let base = folder.path().canonicalize().expect("a folder");
        let root = base.join("search");
        copy_folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../search/src"), &root);
        let open = |name: &str, limit: u64| {
            let options = Options {
                path: Some(root.clone()),
                index_dir: Some(base.join(name)),
                cache_dir: Some(base.join("cache")),
                pipeline: PipelineOptions { resident_chunks: Some(limit), ..PipelineOptions::default() },
                ..Options::default()
            };
            Engine::open(Settings::resolve(&options).expect("settings")).expect("an engine")
        };
        let (resident, large) = (open("resident", u64::MAX), open("large", 0));
        let both = Self { _folder: folder, root, resident, large };
        both.index();
        both
    }

    fn index(&self) {
        for engine in [&self.resident, &self.large] {
            engine.index(&IndexRequest::default(), &CancelToken::default(), &|_| ()).expect("an index run");
        }
        assert!(self.large.current_snapshot().expect("a snapshot").is_part());
        assert!(!self.resident.current_snapshot().expect("a snapshot").is_part());
    }

    /// Asserts that both engines answer alike, and returns the answer.
    fn compare<T: PartialEq + std::fmt::Debug>(&self, what: &str, answer: impl Fn(&Engine) -> T) -> T {
        let (resident, large) = (answer(&self.resident), answer(&self.large));
        assert_eq!(resident, large, "{what}");
        large
    }
}

fn places(engine: &Engine, text: &str) -> (Vec<String>, Vec<String>) {
    let query = SearchQuery { text: text.into(), limit: 5, ..SearchQuery::default() };
    let answer = engine.search(&query, &CancelToken::default()).expect("an answer");
    let place = |hit: &search::Hit| format!("{}:{} {:.2} {}", hit.path, hit.span.start_line, hit.score, hit.stale);
    (answer.hits.iter().map(place).collect(), answer.notes)
}

#[test]
fn both_retrievers_give_the_same_answers() {
    let both = Both::new();
    let cancel = CancelToken::default();
    for question in QUESTIONS {
        let (places, notes) = both.compare(question, |engine| places(engine, question));
        assert!(!places.is_empty() && notes.is_empty(), "{question}: {places:?} {notes:?}");
    }
    for name in ["Snapshot", "select_top", "Snapshot::load", "selecttop"] {
        let query = SymbolQuery { name: name.into(), limit: 9, ..SymbolQuery::default() };
        let found = both.compare(name, |engine| {
            let answer = engine.find_symbol(&query, &cancel).expect("an answer");
            answer.symbols.iter().map(|hit| format!("{} {:?}", hit.path, hit.symbol)).collect::<Vec<_>>()
        });
        assert!(!found.is_empty(), "{name}");
    }
    let query = ReferenceQuery {
        name: "select_top".into(),
        kinds: Vec::new(),
        include_definitions: false,
        filter: Filter::default(),
        from: ReferencePosition::default(),
        limit: 50,
        time_limit: Duration::from_secs(60),
    };
    let used = both.compare("references", |engine| {
        let answer = engine.find_references(&query, &cancel).expect("an answer");
        answer.files.iter().map(|file| file.path.to_string()).collect::<Vec<_>>()
    });
    assert!(used.len() >= 2, "{used:?}");
    let target = SimilarTarget::Location { path: "retrieve/top_k.rs".into(), line: 8 };
    let similar = similar_to(target);
    both.compare("similar", |engine| {
        let answer = engine.find_similar(&similar, &cancel).expect("an answer");
        answer.hits.iter().map(|hit| format!("{}:{}", hit.path, hit.span.start_line)).collect::<Vec<_>>()
    });
    both.compare("outline", |engine| {
        let query = FolderQuery { path: Some("rank".into()), limit: 50, ..FolderQuery::default() };
        let outline = engine.outline_folder(&query, &cancel).expect("an outline");
        outline.entries.iter().map(|entry| format!("{entry:?}")).collect::<Vec<_>>()
    });
}

#[test]
fn edits_change_the_answers_of_both_retrievers_alike() {
    let both = Both::new();
    fs::write(
        both.root.join("zebra.rs"),
        "/// Counts the zebras of a savanna.\npub fn count_zebras() -> u32 {\n    7\n}\n",
    )
    .expect("a file");
    fs::remove_file(both.root.join("retrieve/top_k.rs")).expect("removed");
    both.index();
    let (found, _) = both.compare("a new file", |engine| places(engine, "how many zebras are there"));
    assert!(found[0].starts_with("zebra.rs:"), "{found:?}");
    let (found, _) = both.compare("a removed file", |engine| places(engine, "select the highest of many scores"));
    assert!(found.iter().all(|place| !place.starts_with("retrieve/top_k.rs")), "{found:?}");
    for question in QUESTIONS.iter().take(8) {
        both.compare(question, |engine| places(engine, question));
    }
}

#[test]
fn a_name_with_brackets_is_taken_literally_by_both_retrievers() {
    let both = Both::new();
    for (folder, name) in [("[slug]", "slug"), ("s", "plain"), ("other", "other")] {
        let path = both.root.join("app").join(folder);
        fs::create_dir_all(&path).expect("a folder");
        let function = format!("export function {name}Page() {{\n  return null;\n}}\n");
        fs::write(path.join("page.tsx"), format!("/** Renders the page of a zebra. */\n{function}")).expect("a file");
    }
    both.index();
    for filter in ["path:app/[slug]", "path:[slug] file:page.tsx"] {
        let question = format!("{filter} page of a zebra");
        let (found, _) = both.compare(filter, |engine| places(engine, &question));
        let is_there = |place: &String| place.starts_with("app/[slug]/page.tsx:");
        assert!(!found.is_empty() && found.iter().all(is_there), "{filter}: {found:?}");
    }
    let filter = Filter { path: Some("app/[slug]".to_owned()), ..Filter::default() };
    let target = SimilarTarget::Snippet("export function zebraPage() { return null; }".to_owned());
    let similar = SimilarQuery { filter, ..similar_to(target) };
    let found = both.compare("similar", |engine| {
        let answer = engine.find_similar(&similar, &CancelToken::default()).expect("an answer");
        answer.hits.iter().map(|hit| hit.path.to_string()).collect::<Vec<_>>()
    });
    assert_eq!(found, ["app/[slug]/page.tsx"]);
}
