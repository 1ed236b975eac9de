//! Tests that a refreshed snapshot equals a newly loaded one.

use proptest::prelude::*;

use super::*;
use crate::retrieve::candidate_filter::CandidateFilter;
use crate::retrieve::dense::DenseScorer;
use crate::snapshot::file_chunks::FileChunks;
use store::StoreView;

/// The paths of the simulated files. There are few paths and texts, so that random edits change the same file twice,
/// restore a text or move a name.
const PATHS: [&str; 6] = ["a.rs", "lib/b.rs", "lib/b/c.py", "lib/b.md", "tests/d.rs", "z.toml"];

const TEXTS: [&str; 6] = [
    "/// Waits before it calls again.\npub fn retry_with_backoff() {}\n\npub fn jitter() {}\n",
    "pub struct ConnectionPool;\n\nimpl ConnectionPool {\n    pub fn acquire(&self) {}\n}\n",
    "def retryWithBackoff(call):\n    return call()\n",
    "fn parse_header() { retry() }\n",
    "# Pool\n\nThe connection pool keeps connections open.\n",
    "\n",
];

const QUERIES: [&str; 5] =
    ["connection pool", "retry_with_backoff", "parseHeader", "where are connections kept open", "acquire"];

#[derive(Clone, Debug)]
enum FolderEdit {
    Write { path: usize, text: usize },
    Remove { path: usize },
    Rename { from: usize, to: usize },
    Touch { path: usize },
}

/// One random step of the test: a change of the store or a comparison.
#[derive(Clone, Debug)]
enum StoreStep {
    Commit(Vec<FolderEdit>),
    Finish,
    /// Writes all files again, into new tables.
    Rebuild,
    Search,
}

fn edit_strategy() -> impl Strategy<Value = FolderEdit> {
    let (path, text) = (0..PATHS.len(), 0..TEXTS.len());
    prop_oneof![
        4 => (path.clone(), text).prop_map(|(path, text)| FolderEdit::Write { path, text }),
        2 => path.clone().prop_map(|path| FolderEdit::Remove { path }),
        2 => (path.clone(), path.clone()).prop_map(|(from, to)| FolderEdit::Rename { from, to }),
        1 => path.prop_map(|path| FolderEdit::Touch { path }),
    ]
}

fn steps_strategy() -> impl Strategy<Value = Vec<StoreStep>> {
    let step = prop_oneof![
        8 => prop::collection::vec(edit_strategy(), 0..4).prop_map(StoreStep::Commit),
        4 => Just(StoreStep::Search),
        1 => Just(StoreStep::Finish),
        1 => Just(StoreStep::Rebuild),
    ];
    prop::collection::vec(step, 1..14)
}

/// The simulated folder: the text of each path.
#[derive(Default)]
struct SimulatedFolder {
    texts: [Option<usize>; PATHS.len()],
    clock: i64,
}

impl SimulatedFolder {
    /// Applies `edits` and returns the resulting commit.
    fn edited(&mut self, edits: &[FolderEdit]) -> Commit {
        let before = self.texts;
        let (mut written, mut touched) = ([false; PATHS.len()], [false; PATHS.len()]);
        let mut write = |texts: &mut [Option<usize>], path: usize, text| {
            texts[path] = text;
            written[path] = true;
        };
        for edit in edits {
            match *edit {
                FolderEdit::Write { path, text } => write(&mut self.texts, path, Some(text)),
                FolderEdit::Remove { path } => write(&mut self.texts, path, None),
                FolderEdit::Rename { from, to } => {
                    let text = self.texts[from];
                    write(&mut self.texts, from, None);
                    write(&mut self.texts, to, text);
                }
                FolderEdit::Touch { path } => touched[path] = true,
            }
        }
        let mut commit = Commit::default();
        for path in 0..PATHS.len() {
            match self.texts[path] {
                // A written file gets new rows, even if its text is unchanged.
                Some(text) if written[path] => put(&mut commit, PATHS[path], TEXTS[text]),
                Some(text) if touched[path] && before[path].is_some() => {
                    let mut other = Commit::default();
                    put(&mut other, PATHS[path], TEXTS[text]);
                    self.clock += 1;
                    let mtime_ns = self.clock;
                    commit.touch.extend(other.replace.pop().map(|record| {
                        let stat = FileStat { mtime_ns, ..record.stat };
                        FileRecord { stat, ..record }
                    }));
                }
                None if before[path].is_some() => commit.remove.push(RepoPath::new(PATHS[path])),
                _ => {}
            }
        }
        commit
    }

    fn all(&self) -> Commit {
        let mut commit = Commit::default();
        for (path, text) in PATHS.iter().zip(self.texts) {
            text.into_iter().for_each(|text| put(&mut commit, path, TEXTS[text]));
        }
        commit
    }
}

fn latest_view(store: &dyn ChunkStore) -> Arc<dyn StoreView> {
    store.view().expect("a view").expect("a commit")
}

fn commit_to(store: &dyn ChunkStore, commit: Commit, fresh: bool) {
    store.writer(&recipe(), fresh).expect("a writer").commit(commit, &CommitStatus::default()).expect("a commit");
}

/// Asserts that two snapshots have equal chunks, file records and search results.
fn assert_snapshots_equal(refreshed: &Arc<Snapshot>, loaded: &Arc<Snapshot>) {
    assert_eq!(refreshed.generation(), loaded.generation());
    assert_eq!((refreshed.chunk_count(), refreshed.files_indexed()), (loaded.chunk_count(), loaded.files_indexed()));
    let chunks = |snapshot: &Snapshot| {
        let chunks = 0..u32::try_from(snapshot.chunk_count()).expect("few");
        let chunk = |chunk| format!("{:?} of file {}", snapshot.chunk(chunk), snapshot.file_of_chunk(chunk));
        chunks.map(chunk).collect::<Vec<_>>()
    };
    assert_eq!(chunks(refreshed), chunks(loaded));
    for path in PATHS.map(RepoPath::new) {
        assert_eq!(refreshed.record(&path), loaded.record(&path));
        assert_eq!(refreshed.file_index(path.as_str()), loaded.file_index(path.as_str()));
    }
    let model = StaticModel::builtin();
    for text in QUERIES {
        let vector = model.embed_text(text);
        let near = |snapshot: &Snapshot| {
            let dense = DenseScorer::new(snapshot, &vector).expect("a vector of this model");
            let all = CandidateFilter {
                files: vec![true; snapshot.files.len()],
                kinds: None,
                only: None,
                except: Vec::new(),
                named: Vec::new(),
            };
            let numbers = 0..u32::try_from(snapshot.chunk_count()).expect("few");
            let scores: Vec<f32> = numbers.map(|chunk| dense.cosine(chunk)).collect();
            (dense.nearest(5, &all), dense.nearest_files(5, &all), scores)
        };
        assert_eq!(near(refreshed), near(loaded));
        assert!(refreshed.chunks_defining(text).eq(loaded.chunks_defining(text)));
        for mode in [RetrievalMode::Hybrid, RetrievalMode::Dense, RetrievalMode::Lexical] {
            let query = SearchQuery { mode, explain: true, limit: 20, ..query(text) };
            let ask = |snapshot| searcher(snapshot, model.as_ref(), &[]).search(&query).expect("an answer").hits;
            assert_eq!(ask(refreshed), ask(loaded), "{query:?}");
        }
    }
}

/// Applies `steps`. At each search, refreshes one snapshot and compares it with newly loaded snapshots.
fn check_refresh(store: &dyn ChunkStore, steps: &[StoreStep]) {
    let mut folder = SimulatedFolder::default();
    commit_to(store, Commit::default(), false);
    let mut snapshot = Arc::new(Snapshot::load(latest_view(store)).expect("a snapshot"));
    for step in steps.iter().chain([&StoreStep::Search]) {
        match step {
            StoreStep::Commit(edits) => commit_to(store, folder.edited(edits), false),
            StoreStep::Rebuild => commit_to(store, folder.all(), true),
            StoreStep::Finish => {
                let mut writer = store.writer(&recipe(), false).expect("a writer");
                writer.finish(&CommitStatus::default()).expect("a finish");
            }
            StoreStep::Search => {
                let new = Arc::new(snapshot.refresh(latest_view(store)).expect("a snapshot"));
                let old = std::mem::replace(&mut snapshot, new);
                let is_old = |index: &usize| {
                    let first = snapshot.chunks_of_file(*index).start;
                    old.chunk_of_row(snapshot.chunk(first).row).is_some()
                };
                let kept = (0..snapshot.files.len()).filter(is_old).count();
                let is_same_rows_generation = old.generation().rows_generation == snapshot.generation().rows_generation;
                assert_eq!(shared_files(&old, &snapshot).len(), if is_same_rows_generation { kept } else { 0 });
                assert_snapshots_equal(&snapshot, &Arc::new(Snapshot::load(latest_view(store)).expect("a snapshot")));
                assert_snapshots_equal(
                    &snapshot,
                    &Arc::new(Snapshot::read_from_store(latest_view(store)).expect("a snapshot")),
                );
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_refreshed_snapshot_answers_as_a_loaded_one(steps in steps_strategy()) {
        check_refresh(&MemoryStore::new("/root".into()), &steps);
    }
}

#[cfg(feature = "lance")]
proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_refreshed_snapshot_of_tables_on_disk_answers_as_a_loaded_one(steps in steps_strategy()) {
        let folder = tempfile::tempdir().expect("a folder");
        let store = store::lance::LanceStore::open(&folder.path().join("index"), folder.path()).expect("a store");
        check_refresh(&store, &steps);
    }
}

#[cfg(feature = "lance")]
#[test]
fn the_snapshot_cache_is_verified_before_use() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = store::lance::LanceStore::open(&folder.path().join("index"), folder.path()).expect("a store");
    let mut texts = SimulatedFolder { texts: [Some(0), Some(1), Some(2), Some(4), None, None], clock: 0 };
    commit_to(&store, texts.all(), false);
    let snapshot_cache_path = latest_view(&store).snapshot_cache_path().expect("a path");
    let load = || Arc::new(Snapshot::load(latest_view(&store)).expect("a snapshot"));
    let read = || Arc::new(Snapshot::read_from_store(latest_view(&store)).expect("a snapshot"));
    let first = load();
    let kept = std::fs::read(&snapshot_cache_path).expect("a cache file");
    assert_snapshots_equal(&load(), &first);
    commit_to(&store, texts.edited(&[FolderEdit::Write { path: 4, text: 3 }, FolderEdit::Remove { path: 2 }]), false);
    assert_snapshots_equal(&load(), &read());
    std::fs::write(&snapshot_cache_path, &kept).expect("an older generation");
    assert_snapshots_equal(&load(), &read());
    drop(first); // A snapshot of the same file would share its block instead of reading the file.
    for end in (0..kept.len()).step_by(kept.len() / 40) {
        let mut flipped = kept.clone();
        flipped[end] ^= 0x10;
        for damaged in [&kept[..end], &flipped] {
            std::fs::write(&snapshot_cache_path, damaged).expect("a damaged file");
            assert_snapshots_equal(&load(), &read());
        }
    }
    commit_to(&store, texts.all(), true);
    std::fs::write(&snapshot_cache_path, &kept).expect("a cache of other tables");
    assert_snapshots_equal(&load(), &read());
}

/// Returns the files that `new` shares with `old`.
fn shared_files(old: &Snapshot, new: &Snapshot) -> Vec<String> {
    let same = |file: &&Arc<FileChunks>| old.files.iter().any(|other| Arc::ptr_eq(file, other));
    new.files.iter().filter(same).map(|file| file.path.to_string()).collect()
}

#[test]
fn only_changed_files_are_read_again() {
    let store = MemoryStore::new("/root".into());
    let mut folder = SimulatedFolder { texts: [Some(0), Some(1), Some(2), Some(4), None, None], clock: 0 };
    commit_to(&store, folder.all(), false);
    let first = Snapshot::load(latest_view(&store)).expect("a snapshot");
    commit_to(&store, folder.edited(&[FolderEdit::Write { path: 1, text: 3 }, FolderEdit::Touch { path: 0 }]), false);
    commit_to(&store, folder.edited(&[FolderEdit::Write { path: 4, text: 3 }, FolderEdit::Remove { path: 2 }]), false);
    let second = first.refresh(latest_view(&store)).expect("a snapshot");
    assert_eq!(shared_files(&first, &second), ["a.rs", "lib/b.md"]);
    let touched = second.record(&RepoPath::new("a.rs")).expect("a record");
    assert_eq!(touched.stat.mtime_ns, 1, "the record of a touched file is updated");

    // A file that was edited and restored has its old record but new rows.
    commit_to(&store, folder.edited(&[FolderEdit::Write { path: 0, text: 5 }]), false);
    commit_to(&store, folder.edited(&[FolderEdit::Write { path: 0, text: 0 }]), false);
    let third = Arc::new(second.refresh(latest_view(&store)).expect("a snapshot"));
    assert_eq!(shared_files(&second, &third), ["lib/b.md", "lib/b.rs", "tests/d.rs"]);
    let model = StaticModel::builtin();
    let hits = searcher(&third, model.as_ref(), &[]).search(&query("jitter")).expect("an answer").hits;
    assert_eq!(hits[0].path.as_str(), "a.rs");

    commit_to(&store, folder.all(), true);
    let fourth = third.refresh(latest_view(&store)).expect("a snapshot");
    assert!(shared_files(&third, &fourth).is_empty(), "new tables are read as a whole");
    assert_eq!(fourth.chunk_count(), third.chunk_count());
}

#[cfg(feature = "lance")]
#[test]
fn trees_that_begin_with_one_cache_share_its_block_and_no_later_rows() {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = |name: &str| folder.path().join(name);
    let open = |name: &str| store::lance::LanceStore::open(&dir(name), folder.path()).expect("a store");
    let base = open("base");
    let mut texts = SimulatedFolder { texts: [Some(0), Some(1), Some(2), Some(4), None, None], clock: 0 };
    commit_to(&base, texts.all(), false);
    let first = Arc::new(Snapshot::load(latest_view(&base)).expect("a snapshot"));
    copy_folder(&dir("base"), &dir("one"));
    copy_folder(&dir("base"), &dir("other"));
    let (one, other) = (open("one"), open("other"));
    let load = |store| Arc::new(Snapshot::load(latest_view(store)).expect("a snapshot"));
    let unchanged = load(&one);
    assert_eq!(unchanged.memory().base, first.memory().base);
    assert!(unchanged.memory().own_bytes < first.memory().own_bytes + first.memory().base_bytes);
    assert_snapshots_equal(&unchanged, &first);

    // Both write different texts, whose rows have equal keys.
    let mut other_texts = SimulatedFolder { texts: texts.texts, clock: 0 };
    commit_to(&one, texts.edited(&[FolderEdit::Write { path: 4, text: 3 }]), false);
    commit_to(&other, other_texts.edited(&[FolderEdit::Write { path: 5, text: 0 }]), false);
    let (in_one, in_other) = (load(&one), load(&other));
    assert_eq!((in_one.memory().base, in_other.memory().base), (first.memory().base, first.memory().base));
    let paths = |snapshot: &Snapshot| snapshot.files.iter().map(|file| file.path.to_string()).collect::<Vec<_>>();
    let new = |snapshot: &Snapshot| {
        paths(snapshot).into_iter().filter(|path| !paths(&first).contains(path)).collect::<Vec<_>>()
    };
    assert_eq!((new(&in_one), new(&in_other)), (vec!["tests/d.rs".to_owned()], vec!["z.toml".to_owned()]));
    for (loaded, store) in [(in_one, &one), (in_other, &other)] {
        assert_snapshots_equal(&loaded, &Arc::new(Snapshot::read_from_store(latest_view(store)).expect("a snapshot")));
    }
}

/// Copies a folder with hard links to its files, as a clone of an index has them.
#[cfg(feature = "lance")]
fn copy_folder(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder").map(|entry| entry.expect("an entry")) {
        let target = to.join(entry.file_name());
        match entry.path() {
            folder if folder.is_dir() => copy_folder(&folder, &target),
            file => std::fs::hard_link(file, target).expect("a link"),
        }
    }
}

#[test]
fn many_files_that_come_back_are_not_read_again() {
    let store = MemoryStore::new("/root".into());
    let mut folder = SimulatedFolder { texts: [Some(0), Some(1), Some(2), Some(4), None, None], clock: 0 };
    commit_to(&store, folder.all(), false);
    let first = Arc::new(Snapshot::load(latest_view(&store)).expect("a snapshot"));
    let view = latest_view(&store);
    let edits: Vec<FolderEdit> = (0..3).map(|path| FolderEdit::Write { path, text: 3 }).collect();
    commit_to(&store, folder.edited(&edits), false);
    let second = first.refresh(latest_view(&store)).expect("a snapshot");
    assert_eq!(shared_files(&first, &second), ["lib/b.md"]);
    let third = Arc::new(second.refresh(view).expect("a snapshot"));
    assert_eq!(shared_files(&first, &third).len(), 4, "the files of the first generation are still in memory");
    assert_snapshots_equal(&third, &first);
}
