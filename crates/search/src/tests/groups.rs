//! Tests of the snapshots of groups.

use super::{Searcher, put, query, recipe, searcher, snapshot_of};
use crate::{Filter, FolderScope, GroupMember, SearchQuery, Snapshot};
use embed::static_model::StaticModel;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use store::inverted_index::{IndexSegment, InvertedIndex, SegmentError, SegmentWriter, hash_term};
use store::memory::MemoryStore;
use store::{ChunkStore, ChunkText, Commit, CommitStatus, Manifest, RowKey, StoreError, StoreView, StoredChunk};
use types::{FileRecord, RepoPath};

const API: &[(&str, &str)] = &[
    ("src/pool.rs", "/// Keeps connections open.\npub struct ConnectionPool;\n\npub fn open_api() {}\n"),
    ("src/main.rs", "fn main() { serve(); }\n\nfn serve() {}\n"),
];
const WEB: &[(&str, &str)] = &[
    ("src/pool.rs", "/// Keeps workers alive.\npub struct ConnectionPool;\n\npub fn open_web() {}\n"),
    ("README.md", "# Web\n\nThe pages.\n"),
];

fn commit_files(store: &MemoryStore, files: &[(&str, &str)]) {
    let mut commit = Commit::default();
    files.iter().for_each(|(path, text)| put(&mut commit, path, text));
    store.writer(&recipe(), false).expect("a writer").commit(commit, &CommitStatus::default()).expect("a commit");
}

fn load(store: &MemoryStore) -> Arc<Snapshot> {
    Arc::new(Snapshot::load(store.view().expect("a view").expect("a commit")).expect("a snapshot"))
}

fn snapshot(files: &[(&str, &str)]) -> Arc<Snapshot> {
    snapshot_of(files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())))
}

fn member(name: &str, snapshot: &Arc<Snapshot>) -> GroupMember {
    GroupMember::new(name.to_owned(), Arc::clone(snapshot))
}

fn paths(snapshot: &Snapshot) -> Vec<&str> {
    snapshot.files.iter().map(|file| file.path.as_str()).collect()
}

/// Returns the path, the lines, the names and the text of each chunk.
fn describe_chunks(snapshot: &Snapshot) -> Vec<String> {
    let all: Vec<u32> = (0..u32::try_from(snapshot.chunk_count()).expect("few")).collect();
    let texts = snapshot.read_texts(&all).expect("texts");
    let describe = |(chunk, text): (&u32, ChunkText)| {
        let path = &snapshot.files[snapshot.file_of_chunk(*chunk)].path;
        let meta = snapshot.chunk(*chunk);
        format!("{path} {:?} {:?} {:?}", meta.span, meta.defines().collect::<Vec<_>>(), text.text)
    };
    all.iter().zip(texts).map(describe).collect()
}

fn chunks_with_word(snapshot: &Snapshot, word: &str) -> Vec<u32> {
    let mut found = Vec::new();
    snapshot.match_word(hash_term(word), |chunk, _| found.push(chunk)).expect("the index can be read");
    found.sort_unstable();
    found
}

#[test]
fn a_group_has_the_files_names_and_words_of_its_repositories() {
    let (api, web) = (snapshot(API), snapshot(WEB));
    let group = Snapshot::join(vec![member("web", &web), member("api", &api)], None);
    assert_eq!(paths(&group), ["api/src/main.rs", "api/src/pool.rs", "web/README.md", "web/src/pool.rs"]);
    let prefixed = |name: &str, own: &Snapshot| -> Vec<String> {
        describe_chunks(own).into_iter().map(|chunk| format!("{name}/{chunk}")).collect()
    };
    assert_eq!(describe_chunks(&group), [prefixed("api", &api), prefixed("web", &web)].concat());
    let defining: Vec<u32> = group.chunks_defining("ConnectionPool").collect();
    let files: Vec<&str> = defining.iter().map(|chunk| paths(&group)[group.file_of_chunk(*chunk)]).collect();
    assert_eq!(files, ["api/src/pool.rs", "web/src/pool.rs"]);
    assert_eq!(group.definitions_spelled("open_web").len(), 1);
    for word in ["keeps", "connections", "pages", "serve", "nowhere"] {
        let shift = u32::try_from(api.chunk_count()).expect("few");
        let of_web = chunks_with_word(&web, word).into_iter().map(|chunk| chunk + shift);
        let expected: Vec<u32> = chunks_with_word(&api, word).into_iter().chain(of_web).collect();
        assert_eq!(chunks_with_word(&group, word), expected, "{word}");
        assert_eq!(group.has_word(hash_term(word)).expect("a word"), !expected.is_empty(), "{word}");
    }
    assert_eq!(group.files_indexed(), 4);
    let record = group.record(&RepoPath::new("web/src/pool.rs")).expect("a record");
    assert_eq!(record.content.hash, web.record(&RepoPath::new("src/pool.rs")).expect("a record").content.hash);
    assert!(group.record(&RepoPath::new("src/pool.rs")).is_none());
    assert_eq!((group.vector(0), group.repository_of_file(3)), (api.vector(0), Some("web")));
}

#[test]
fn one_idf_counts_the_chunks_of_all_repositories() {
    let (api, web) = (snapshot(API), snapshot(WEB));
    let group = Snapshot::join(vec![member("api", &api), member("web", &web)], None);
    let idf = |snapshot: &Snapshot, word| snapshot.match_word(hash_term(word), |_, _| ()).expect("an idf");
    // The word is rare in the group, because no chunk of the other repository has it.
    assert!(idf(&group, "serve") > idf(&api, "serve"));
}

#[test]
fn a_changed_repository_is_replaced_and_the_others_are_kept() {
    let store = MemoryStore::new("/api".into());
    commit_files(&store, API);
    let (api, web) = (load(&store), snapshot(WEB));
    let group = Snapshot::join(vec![member("api", &api), member("web", &web)], None);
    commit_files(&store, &[("src/main.rs", "fn main() {}\n\nfn listen() {}\n"), ("a.rs", "fn added() {}\n")]);
    let changed = Arc::new(api.refresh(store.view().expect("a view").expect("a commit")).expect("a snapshot"));
    let members = || vec![member("api", &changed), member("web", &web)];
    let refreshed = Snapshot::join(members(), Some(&group));
    assert!(refreshed.is_joined_from(&members()) && !group.is_joined_from(&members()));
    assert_eq!(describe_chunks(&refreshed), describe_chunks(&Snapshot::join(members(), None)));
    let defines = |group: &Snapshot, name| group.chunks_defining(name).count();
    assert_eq!((defines(&group, "serve"), defines(&group, "listen")), (1, 0), "the old snapshot stays as it was");
    assert_eq!((defines(&refreshed, "serve"), defines(&refreshed, "listen"), defines(&refreshed, "added")), (0, 1, 1));
    assert!(chunks_with_word(&refreshed, "serve").is_empty());
    assert_ne!(refreshed.generation(), group.generation());
    let file = |group: &Snapshot| Arc::clone(&group.files[group.file_index("web/src/pool.rs").expect("a file")]);
    assert!(Arc::ptr_eq(&file(&refreshed), &file(&group)), "an unchanged repository is not read again");
    let without = Snapshot::join(vec![member("web", &web)], Some(&refreshed));
    assert_eq!(paths(&without), ["web/README.md", "web/src/pool.rs"]);
    assert_eq!(describe_chunks(&without).len(), web.chunk_count());
}

#[test]
fn a_search_of_a_group_names_the_repository_and_filters_by_it() {
    let group = Snapshot::join(vec![member("api", &snapshot(API)), member("web", &snapshot(WEB))], None);
    let model = StaticModel::builtin();
    let found = |searcher: &Searcher<'_>, query: SearchQuery| -> Vec<String> {
        let hits = searcher.search(&query).expect("an answer").hits;
        hits.iter().map(|hit| format!("{} in {}", hit.path, hit.repository.as_deref().unwrap_or("none"))).collect()
    };
    let all = found(&searcher(&group, model.as_ref(), &[]), query("ConnectionPool"));
    assert!(all.contains(&"api/src/pool.rs in api".to_owned()), "{all:?}");
    assert!(all.contains(&"web/src/pool.rs in web".to_owned()), "{all:?}");
    let web = found(&searcher(&group, model.as_ref(), &["web"]), query("ConnectionPool"));
    assert!(!web.is_empty() && web.iter().all(|hit| hit.ends_with(" in web")), "{web:?}");
    let path = |path: &str| SearchQuery {
        filter: Filter { path: Some(path.to_owned()), ..Filter::default() },
        ..query("keeps connections open")
    };
    let searcher = Searcher { snapshot: &group, embedder: model.as_ref(), folders: FolderScope::default() };
    let both = found(&searcher, path("src/*.rs"));
    assert!(both.iter().any(|hit| hit.ends_with("api")) && both.iter().any(|hit| hit.ends_with("web")), "{both:?}");
    assert!(found(&searcher, path("api/src")).iter().all(|hit| hit.ends_with("api")));
    assert!(found(&searcher, query("keeps -path:api/src")).iter().all(|hit| hit.ends_with("web")));
}

#[test]
fn the_name_of_a_repository_says_nothing_about_its_files() {
    let group = Snapshot::join(vec![member("vendor-tests", &snapshot(API)), member("api-2", &snapshot(WEB))], None);
    assert!(group.files.iter().all(|file| !file.is_test_or_example() && !file.path_class().vendored));
    // A slash comes after a dash, so the order of names is not that of paths.
    let ordered = Snapshot::join(vec![member("api", &snapshot(API)), member("api-2", &snapshot(WEB))], None);
    assert!(ordered.files.is_sorted_by(|a, b| a.path < b.path));
    assert_eq!(ordered.file_index("api/src/main.rs").map(|at| paths(&ordered)[at]), Some("api/src/main.rs"));
    let trace = "Traceback:\n  File \"/home/me/checkout/src/main.rs\", line 1, in main\n";
    let model = StaticModel::builtin();
    let hits = searcher(&ordered, model.as_ref(), &[]).search(&query(trace)).expect("an answer").hits;
    assert_eq!(hits[0].path.as_str(), "api/src/main.rs");
}

/// A view whose inverted index is in a file.
struct ViewWithSegment {
    view: Arc<dyn StoreView>,
    inverted_index: InvertedIndex,
}

impl StoreView for ViewWithSegment {
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
        self.view.chunks()
    }

    fn row_keys(&self) -> Result<Vec<RowKey>, StoreError> {
        self.view.row_keys()
    }

    fn chunks_by_key(&self, rows: &[RowKey]) -> Result<Vec<StoredChunk>, StoreError> {
        self.view.chunks_by_key(rows)
    }

    fn inverted_index(&self) -> &InvertedIndex {
        &self.inverted_index
    }

    fn inverted_index_error(&self, error: &SegmentError) -> StoreError {
        self.view.inverted_index_error(error)
    }

    fn chunk_texts(&self, rows: &[RowKey]) -> Result<Vec<ChunkText>, StoreError> {
        self.view.chunk_texts(rows)
    }
}

/// Loads the index of the folder `root` with these files, whose inverted index is in the file `segment`.
fn load_with_segment(root: &str, files: &[(&str, &str)], segment: &Path) -> Arc<Snapshot> {
    let (store, mut commit, mut writer) = (MemoryStore::new(root.into()), Commit::default(), SegmentWriter::default());
    files.iter().for_each(|(path, text)| put(&mut commit, path, text));
    // A store in memory numbers the chunks of a commit in this order.
    (0..).zip(&commit.chunks).for_each(|(number, chunk)| writer.add(number, &chunk.terms));
    fs::write(segment, writer.finish().expect("few postings")).expect("a segment");
    store.writer(&recipe(), false).expect("a writer").commit(commit, &CommitStatus::default()).expect("a commit");
    let inverted_index = InvertedIndex::new(vec![Arc::new(IndexSegment::open(segment).expect("a segment"))]);
    let view = store.view().expect("a view").expect("a commit");
    Arc::new(Snapshot::load(Arc::new(ViewWithSegment { view, inverted_index })).expect("a snapshot"))
}

#[test]
fn the_error_of_a_damaged_inverted_index_names_its_repository() {
    let folder = tempfile::tempdir().expect("a folder");
    let (first, second) = (folder.path().join("1.words"), folder.path().join("2.words"));
    let api = load_with_segment("/srv/api", API, &first);
    let web = load_with_segment("/srv/web", WEB, &second);
    let group = Snapshot::join(vec![member("api", &api), member("web", &web)], None);
    assert_eq!(chunks_with_word(&group, "keeps").len(), 2);
    for (segment, root, other) in [(&second, "/srv/web", "/srv/api"), (&first, "/srv/api", "/srv/web")] {
        let bytes = fs::read(segment).expect("a segment");
        fs::write(segment, "").expect("written");
        let error = group.match_word(hash_term("keeps"), |_, _| ()).expect_err("an empty file").to_string();
        assert!(error.contains(root) && !error.contains(other), "{error}");
        fs::write(segment, bytes).expect("written");
    }
}
