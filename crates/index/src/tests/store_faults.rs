//! Fails each call to the store in turn: the run ends with the error, or rebuilds a damaged index. No indexed data is
//! lost.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::faults::{EMBEDDER, FILES, content, content_without_faults, fixture, wait_until_old};
use crate::{IndexError, IndexRequest, IndexScope};
use platform::cancel::CancelToken;
use source::walk::Disk;
use store::memory::MemoryStore;
use store::{
    ChunkStore, ChunkText, Commit, CommitStatus, Generation, IndexFingerprint, Manifest, RowKey, StoreDamage,
    StoreError, StoreView, StoreWriter, StoredChunk,
};
use types::{FileRecord, RepoPath};

/// A store in which one call fails.
#[derive(Clone)]
struct FaultyStore {
    inner: MemoryStore,
    calls: Arc<CountedCalls>,
}

struct CountedCalls {
    made: AtomicUsize,
    fails: usize,
    /// The error of the call that fails.
    error: fn(&'static str) -> StoreError,
}

impl CountedCalls {
    fn new(fails: usize, error: fn(&'static str) -> StoreError) -> Arc<Self> {
        Arc::new(Self { made: AtomicUsize::new(0), fails, error })
    }

    fn next(&self, operation: &'static str) -> Result<(), StoreError> {
        let fails = self.made.fetch_add(1, Ordering::SeqCst) == self.fails;
        if fails { Err((self.error)(operation)) } else { Ok(()) }
    }
}

fn disk_is_full(operation: &'static str) -> StoreError {
    StoreError::Io { operation, path: "index".into(), source: io::Error::from(ErrorKind::StorageFull) }
}

fn is_damaged(operation: &'static str) -> StoreError {
    StoreError::Damaged { operation, dir: "index".into(), message: "a checksum does not match".to_owned() }
}

impl ChunkStore for FaultyStore {
    fn generation(&self) -> Result<Option<Generation>, StoreError> {
        self.calls.next("read")?;
        self.inner.generation()
    }

    fn view(&self) -> Result<Option<Arc<dyn StoreView>>, StoreError> {
        self.calls.next("open")?;
        let calls = Arc::clone(&self.calls);
        Ok(self.inner.view()?.map(|inner| Arc::new(FaultyView { inner, calls }) as Arc<dyn StoreView>))
    }

    fn writer(&self, fingerprint: &IndexFingerprint, fresh: bool) -> Result<Box<dyn StoreWriter>, StoreError> {
        self.calls.next("lock")?;
        let inner = self.inner.writer(fingerprint, fresh)?;
        Ok(Box::new(FaultyWriter { inner, calls: Arc::clone(&self.calls) }))
    }

    fn size_bytes(&self) -> u64 {
        self.inner.size_bytes()
    }
}

struct FaultyView {
    inner: Arc<dyn StoreView>,
    calls: Arc<CountedCalls>,
}

impl StoreView for FaultyView {
    fn manifest(&self) -> &Manifest {
        self.inner.manifest()
    }

    fn rows_generation(&self) -> u64 {
        self.inner.rows_generation()
    }

    fn files(&self) -> Result<Vec<FileRecord>, StoreError> {
        self.calls.next("read")?;
        self.inner.files()
    }

    fn chunks(&self) -> Result<Vec<StoredChunk>, StoreError> {
        self.inner.chunks()
    }

    fn row_keys(&self) -> Result<Vec<RowKey>, StoreError> {
        self.inner.row_keys()
    }

    fn chunks_by_key(&self, rows: &[RowKey]) -> Result<Vec<StoredChunk>, StoreError> {
        self.inner.chunks_by_key(rows)
    }

    fn inverted_index(&self) -> &store::inverted_index::InvertedIndex {
        self.inner.inverted_index()
    }

    fn inverted_index_error(&self, error: &store::inverted_index::SegmentError) -> StoreError {
        self.inner.inverted_index_error(error)
    }

    fn chunk_texts(&self, rows: &[RowKey]) -> Result<Vec<ChunkText>, StoreError> {
        self.inner.chunk_texts(rows)
    }

    fn verify(&self, _: &CancelToken) -> Result<StoreDamage, StoreError> {
        self.calls.next("verify")?;
        Ok(StoreDamage { files: [RepoPath::new("01.rs")].into(), ..StoreDamage::default() })
    }
}

struct FaultyWriter {
    inner: Box<dyn StoreWriter>,
    calls: Arc<CountedCalls>,
}

impl StoreWriter for FaultyWriter {
    fn base(&self) -> Option<Arc<dyn StoreView>> {
        self.inner.base()
    }

    fn defer_publication(&mut self) {
        self.inner.defer_publication();
    }

    fn commit(&mut self, commit: Commit, state: &CommitStatus) -> Result<Manifest, StoreError> {
        self.calls.next("write")?;
        self.inner.commit(commit, state)
    }

    fn finish(&mut self, state: &CommitStatus) -> Result<Manifest, StoreError> {
        self.calls.next("finish")?;
        self.inner.finish(state)
    }
}

#[test]
fn a_failing_store_ends_the_run_and_loses_nothing() {
    let wanted = content_without_faults();
    let mut failed = 0;
    for fails in 0.. {
        let fixture = fixture();
        // The second run replaces, adds and removes files.
        fixture.write("00.rs", "fn before() {}\n");
        fixture.write("gone.rs", "fn gone() {}\n");
        fixture.index();
        let before = content(&fixture.store);
        fixture.write("00.rs", "fn part_0() {}\n");
        std::fs::remove_file(fixture.path("gone.rs")).expect("removed");
        let calls = CountedCalls::new(fails, disk_is_full);
        let store = FaultyStore { inner: fixture.store.clone(), calls: Arc::clone(&calls) };
        let ran =
            fixture.indexer(&store, &EMBEDDER, &Disk).run(&IndexRequest::default(), &CancelToken::default(), &|_| ());
        if calls.made.load(Ordering::SeqCst) <= fails {
            assert!(ran.is_ok() && content(&fixture.store) == wanted);
            break;
        }
        failed += 1;
        let error = ran.expect_err("a call failed");
        assert!(matches!(error, IndexError::Store(_)), "call {fails}: {error}");
        let kept = content(&fixture.store);
        let known = |file| before.contains(file) || wanted.contains(file);
        assert!(kept.len() >= FILES && kept.iter().all(known), "call {fails} lost something");
        fixture.index();
        assert_eq!(content(&fixture.store), wanted, "call {fails}");
    }
    assert!(failed >= 6, "only {failed} calls were made to fail");
}

#[test]
fn an_interrupted_partial_run_keeps_the_counts_of_the_full_run() {
    for fails in 0.. {
        let fixture = fixture();
        fixture.write("binary.rs", "\0\0");
        fixture.index();
        let before = fixture.store.view().expect("a view").expect("a commit").manifest().clone();
        fixture.write("00.rs", "fn changed() {}\n");
        let calls = CountedCalls::new(fails, disk_is_full);
        let store = FaultyStore { inner: fixture.store.clone(), calls };
        let request =
            IndexRequest { scope: IndexScope::Paths(vec![RepoPath::new("00.rs")]), ..IndexRequest::default() };
        let error = fixture
            .indexer(&store, &EMBEDDER, &Disk)
            .run(&request, &CancelToken::default(), &|_| ())
            .expect_err("the failing call ends the run");
        let IndexError::Store(StoreError::Io { operation: "finish", .. }) = error else { continue };
        let left = fixture.store.view().expect("a view").expect("a commit").manifest().clone();
        assert!(left.generation > before.generation && !left.complete, "the run committed without completing");
        assert_eq!((left.files_found, left.skipped), (before.files_found, before.skipped));
        return;
    }
}

#[test]
fn the_last_changes_of_a_run_become_visible_with_its_end() {
    for fails in 0.. {
        let fixture = fixture();
        fixture.write("gone.rs", "fn gone() {}\n");
        // Files that are read again would make another number of calls in each attempt.
        wait_until_old(&fixture);
        fixture.index();
        let before = fixture.store.generation().expect("a generation");
        std::fs::remove_file(fixture.path("gone.rs")).expect("removed");
        let store = FaultyStore { inner: fixture.store.clone(), calls: CountedCalls::new(fails, disk_is_full) };
        let error = fixture
            .indexer(&store, &EMBEDDER, &Disk)
            .run(&IndexRequest::default(), &CancelToken::default(), &|_| ())
            .expect_err("the failing call ends the run");
        let IndexError::Store(StoreError::Io { operation: "finish", .. }) = error else { continue };
        assert_eq!(
            fixture.store.generation().expect("a generation"),
            before,
            "the removal was not published by itself"
        );
        fixture.index();
        assert_eq!(content(&fixture.store), content_without_faults());
        return;
    }
}

#[test]
fn damage_that_a_run_meets_has_the_index_built_again() {
    let wanted = content_without_faults();
    let mut repaired = 0;
    for fails in 0.. {
        let fixture = fixture();
        fixture.write("00.rs", "fn before() {}\n");
        fixture.index();
        fixture.write("00.rs", "fn part_0() {}\n");
        let calls = CountedCalls::new(fails, is_damaged);
        let store = FaultyStore { inner: fixture.store.clone(), calls: Arc::clone(&calls) };
        let report = fixture
            .indexer(&store, &EMBEDDER, &Disk)
            .run(&IndexRequest::default(), &CancelToken::default(), &|_| ())
            .unwrap_or_else(|error| panic!("call {fails}: {error}"));
        assert_eq!(content(&fixture.store), wanted, "call {fails}");
        if calls.made.load(Ordering::SeqCst) <= fails {
            assert_eq!(report.redone_because, None);
            break;
        }
        repaired += 1;
        let reason = report.redone_because.unwrap_or_else(|| panic!("call {fails}: nothing is said"));
        assert!(reason.contains("damaged") && report.files_indexed == FILES as u64, "call {fails}: {reason}");
    }
    assert!(repaired >= 5, "only {repaired} calls met damage");
}

#[test]
fn damage_that_a_check_finds_is_repaired_file_by_file() {
    let fixture = fixture();
    fixture.index();
    let store = FaultyStore { inner: fixture.store.clone(), calls: CountedCalls::new(usize::MAX, is_damaged) };
    let run = |verify: bool| {
        // The damaged file is repaired although only another one is asked for.
        let scope = IndexScope::Paths(vec![RepoPath::new("00.rs")]);
        let request = IndexRequest { verify, scope, ..IndexRequest::default() };
        fixture.indexer(&store, &EMBEDDER, &Disk).run(&request, &CancelToken::default(), &|_| ()).expect("a run")
    };
    let (unchecked, checked) = (run(false), run(true));
    assert_eq!((unchecked.files_indexed, unchecked.notes.len()), (0, 0));
    assert_eq!((checked.files_indexed, checked.redone_because), (1, None));
    assert!(checked.notes[0].contains("damaged"), "{:?}", checked.notes);
    assert_eq!(content(&fixture.store), content_without_faults());
}
