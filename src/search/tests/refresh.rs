//! A snapshot that was brought up to date is the one that would have been loaded.

use proptest::prelude::*;

use super::*;
use crate::search::dense::Dense;
use crate::search::parts::FileChunks;
use crate::search::within::Within;
use crate::store::StoreView;

/// Few enough that edits meet: the same file twice, a text that comes back, a name that moves.
const PATHS: [&str; 6] = ["a.rs", "lib/b.rs", "lib/b/c.py", "lib/b.md", "tests/d.rs", "z.toml"];

const TEXTS: [&str; 6] = [
    "/// Waits before it calls again.\npub fn retry_with_backoff() {}\n\npub fn jitter() {}\n",
    "pub struct ConnectionPool;\n\nimpl ConnectionPool {\n    pub fn acquire(&self) {}\n}\n",
    "def retryWithBackoff(call):\n    return call()\n",
    "fn parse_header() { retry() }\n",
    "# Pool\n\nThe connection pool keeps connections open.\n",
    "\n",
];

const QUESTIONS: [&str; 5] =
    ["connection pool", "retry_with_backoff", "parseHeader", "where are connections kept open", "acquire"];

#[derive(Clone, Debug)]
enum Edit {
    Write { path: usize, text: usize },
    Remove { path: usize },
    Rename { from: usize, to: usize },
    Touch { path: usize },
}

/// What happens between two looks at the store.
#[derive(Clone, Debug)]
enum Step {
    Commit(Vec<Edit>),
    Finish,
    /// Everything is written again, into new tables.
    Rebuild,
    Search,
}

fn edit() -> impl Strategy<Value = Edit> {
    let (path, text) = (0..PATHS.len(), 0..TEXTS.len());
    prop_oneof![
        4 => (path.clone(), text).prop_map(|(path, text)| Edit::Write { path, text }),
        2 => path.clone().prop_map(|path| Edit::Remove { path }),
        2 => (path.clone(), path.clone()).prop_map(|(from, to)| Edit::Rename { from, to }),
        1 => path.prop_map(|path| Edit::Touch { path }),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => prop::collection::vec(edit(), 0..4).prop_map(Step::Commit),
        4 => Just(Step::Search),
        1 => Just(Step::Finish),
        1 => Just(Step::Rebuild),
    ];
    prop::collection::vec(step, 1..14)
}

/// What a folder holds, and what was committed of it.
#[derive(Default)]
struct Folder {
    texts: [Option<usize>; PATHS.len()],
    clock: i64,
}

impl Folder {
    /// The commit after `edits`.
    fn edited(&mut self, edits: &[Edit]) -> Commit {
        let before = self.texts;
        let (mut written, mut touched) = ([false; PATHS.len()], [false; PATHS.len()]);
        let mut write = |texts: &mut [Option<usize>], path: usize, text| {
            texts[path] = text;
            written[path] = true;
        };
        for edit in edits {
            match *edit {
                Edit::Write { path, text } => write(&mut self.texts, path, Some(text)),
                Edit::Remove { path } => write(&mut self.texts, path, None),
                Edit::Rename { from, to } => {
                    let text = self.texts[from];
                    write(&mut self.texts, from, None);
                    write(&mut self.texts, to, text);
                }
                Edit::Touch { path } => touched[path] = true,
            }
        }
        let mut commit = Commit::default();
        for path in 0..PATHS.len() {
            match self.texts[path] {
                // Put back or not: what is written has new rows.
                Some(text) if written[path] => put(&mut commit, PATHS[path], TEXTS[text]),
                Some(text) if touched[path] && before[path].is_some() => {
                    let mut other = Commit::default();
                    put(&mut other, PATHS[path], TEXTS[text]);
                    self.clock += 1;
                    commit
                        .touch
                        .extend(other.replace.pop().map(|record| FileRecord { mtime_ns: self.clock, ..record }));
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

fn view(store: &dyn ChunkStore) -> Arc<dyn StoreView> {
    store.view().expect("a view").expect("a commit")
}

fn write(store: &dyn ChunkStore, commit: Commit, fresh: bool) {
    store.writer(&recipe(), fresh).expect("a writer").commit(commit, &RunState::default()).expect("a commit");
}

/// What can be seen of a snapshot.
fn assert_same(refreshed: &Arc<Snapshot>, loaded: &Arc<Snapshot>) {
    assert_eq!(refreshed.view.stamp(), loaded.view.stamp());
    assert_eq!((refreshed.chunk_count(), refreshed.files_indexed()), (loaded.chunk_count(), loaded.files_indexed()));
    let chunks = |snapshot: &Snapshot| {
        let chunks = 0..u32::try_from(snapshot.chunk_count()).expect("few");
        let chunk = |chunk| format!("{:?} of file {}", snapshot.chunk(chunk), snapshot.owner(chunk));
        chunks.map(chunk).collect::<Vec<_>>()
    };
    assert_eq!(chunks(refreshed), chunks(loaded));
    for path in PATHS.map(RepoPath::new) {
        assert_eq!(refreshed.record(&path), loaded.record(&path));
        assert_eq!(refreshed.file_at(path.as_str()), loaded.file_at(path.as_str()));
    }
    let model = StaticModel::builtin();
    for text in QUESTIONS {
        let vector = model.embed_query(text);
        let near = |snapshot: &Snapshot| {
            let dense = Dense::new(snapshot, &vector);
            let all = Within { files: vec![true; snapshot.files.len()], kinds: None, only: None, named: Vec::new() };
            let numbers = 0..u32::try_from(snapshot.chunk_count()).expect("few");
            let scores: Vec<f32> = numbers.map(|chunk| dense.cosine(chunk)).collect();
            (dense.nearest(5, &all), dense.nearest_files(5, &all), scores)
        };
        assert_eq!(near(refreshed), near(loaded));
        assert!(refreshed.defining(text).eq(loaded.defining(text)));
        for mode in [Mode::Hybrid, Mode::Dense, Mode::Lexical] {
            let query = SearchQuery { mode, explain: true, limit: 20, ..query(text) };
            let ask = |snapshot| {
                let searcher = Searcher {
                    snapshot,
                    embedder: model.as_ref(),
                    weights: Weights::default(),
                    folders: Folders::default(),
                };
                searcher.search(&query).expect("an answer").hits
            };
            assert_eq!(ask(refreshed), ask(loaded), "{query:?}");
        }
    }
}

/// Goes through `steps`, one snapshot brought up to date at each search.
fn follow(store: &dyn ChunkStore, steps: &[Step]) {
    let mut folder = Folder::default();
    write(store, Commit::default(), false);
    let mut held = Arc::new(Snapshot::load(view(store)).expect("a snapshot"));
    for step in steps.iter().chain([&Step::Search]) {
        match step {
            Step::Commit(edits) => write(store, folder.edited(edits), false),
            Step::Rebuild => write(store, folder.all(), true),
            Step::Finish => {
                let mut writer = store.writer(&recipe(), false).expect("a writer");
                writer.finish(&RunState::default()).expect("a finish");
            }
            Step::Search => {
                let new = Arc::new(held.refresh(view(store)).expect("a snapshot"));
                let old = std::mem::replace(&mut held, new);
                let is_old = |index: &usize| {
                    let first = held.chunks_in(*index).start;
                    old.by_row(held.chunk(first).row).is_some()
                };
                let kept = (0..held.files.len()).filter(is_old).count();
                let is_same_epoch = old.view.rows_epoch() == held.view.rows_epoch();
                assert_eq!(shared(&old, &held).len(), if is_same_epoch { kept } else { 0 });
                assert_same(&held, &Arc::new(Snapshot::load(view(store)).expect("a snapshot")));
                assert_same(&held, &Arc::new(Snapshot::read(view(store)).expect("a snapshot")));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_refreshed_snapshot_answers_as_a_loaded_one(steps in steps()) {
        follow(&MemoryStore::new("/root".into()), &steps);
    }
}

#[cfg(feature = "lance")]
proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_refreshed_snapshot_of_tables_on_disk_answers_as_a_loaded_one(steps in steps()) {
        let folder = tempfile::tempdir().expect("a folder");
        let store = crate::store::lance::LanceStore::open(&folder.path().join("index"), folder.path()).expect("a store");
        follow(&store, &steps);
    }
}

#[cfg(feature = "lance")]
#[test]
fn what_was_kept_beside_the_store_is_checked_before_it_is_used() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = crate::store::lance::LanceStore::open(&folder.path().join("index"), folder.path()).expect("a store");
    let mut texts = Folder { texts: [Some(0), Some(1), Some(2), Some(4), None, None], clock: 0 };
    write(&store, texts.all(), false);
    let kept_at = view(&store).kept_at().expect("a place");
    let load = || Arc::new(Snapshot::load(view(&store)).expect("a snapshot"));
    let read = || Arc::new(Snapshot::read(view(&store)).expect("a snapshot"));
    let first = load();
    let kept = std::fs::read(&kept_at).expect("what was kept");
    assert_same(&load(), &first);
    write(&store, texts.edited(&[Edit::Write { path: 4, text: 3 }, Edit::Remove { path: 2 }]), false);
    assert_same(&load(), &read());
    std::fs::write(&kept_at, &kept).expect("an older generation");
    assert_same(&load(), &read());
    for end in (0..kept.len()).step_by(kept.len() / 40) {
        let mut flipped = kept.clone();
        flipped[end] ^= 0x10;
        for damaged in [&kept[..end], &flipped] {
            std::fs::write(&kept_at, damaged).expect("a damaged file");
            assert_same(&load(), &read());
        }
    }
    write(&store, texts.all(), true);
    std::fs::write(&kept_at, &kept).expect("of the tables before");
    assert_same(&load(), &read());
}

/// Which of the files of `new` are those of `old`, not read again.
fn shared(old: &Snapshot, new: &Snapshot) -> Vec<String> {
    let same = |file: &&Arc<FileChunks>| old.files.iter().any(|other| Arc::ptr_eq(file, other));
    new.files.iter().filter(same).map(|file| file.path.to_string()).collect()
}

#[test]
fn only_what_was_written_is_read_again() {
    let store = MemoryStore::new("/root".into());
    let mut folder = Folder { texts: [Some(0), Some(1), Some(2), Some(4), None, None], clock: 0 };
    write(&store, folder.all(), false);
    let first = Snapshot::load(view(&store)).expect("a snapshot");
    write(&store, folder.edited(&[Edit::Write { path: 1, text: 3 }, Edit::Touch { path: 0 }]), false);
    write(&store, folder.edited(&[Edit::Write { path: 4, text: 3 }, Edit::Remove { path: 2 }]), false);
    let second = first.refresh(view(&store)).expect("a snapshot");
    assert_eq!(shared(&first, &second), ["a.rs", "lib/b.md"]);
    let touched = second.record(&RepoPath::new("a.rs")).expect("a record");
    assert_eq!(touched.mtime_ns, 1, "the record of a touched file is the new one");

    // Edited and put back: the old record, but new rows, and texts are asked for by row.
    write(&store, folder.edited(&[Edit::Write { path: 0, text: 5 }]), false);
    write(&store, folder.edited(&[Edit::Write { path: 0, text: 0 }]), false);
    let third = Arc::new(second.refresh(view(&store)).expect("a snapshot"));
    assert_eq!(shared(&second, &third), ["lib/b.md", "lib/b.rs", "tests/d.rs"]);
    let model = StaticModel::builtin();
    let searcher = Searcher {
        snapshot: &third,
        embedder: model.as_ref(),
        weights: Weights::default(),
        folders: Folders::default(),
    };
    assert_eq!(searcher.search(&query("jitter")).expect("an answer").hits[0].path.as_str(), "a.rs");

    write(&store, folder.all(), true);
    let fourth = third.refresh(view(&store)).expect("a snapshot");
    assert!(shared(&third, &fourth).is_empty(), "new tables are read as a whole");
    assert_eq!(fourth.chunk_count(), third.chunk_count());
}
