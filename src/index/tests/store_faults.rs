//! Each call to the store is made to fail, one after the other: the run ends with the reason, and nothing is lost.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::faults::{EMBEDDER, FILES, content, fixture, undisturbed};
use crate::index::{CancelToken, IndexError, IndexRequest, Scope};
use crate::store::memory::MemoryStore;
use crate::store::{
    ChunkStore, ChunkText, Commit, Manifest, Recipe, RowKey, RunState, Stamp, StoreError, StoreView, StoreWriter,
    StoredChunk,
};
use crate::types::{FileRecord, RepoPath};
use crate::walk::Disk;

/// A store of which one call fails.
#[derive(Clone)]
struct FaultyStore {
    inner: MemoryStore,
    calls: Arc<Calls>,
}

struct Calls {
    made: AtomicUsize,
    fails: usize,
}

impl Calls {
    fn next(&self, operation: &'static str) -> Result<(), StoreError> {
        if self.made.fetch_add(1, Ordering::SeqCst) == self.fails {
            let full = io::Error::from(ErrorKind::StorageFull);
            return Err(StoreError::Io { operation, path: "index".into(), source: full });
        }
        Ok(())
    }
}

impl ChunkStore for FaultyStore {
    fn stamp(&self) -> Result<Option<Stamp>, StoreError> {
        self.calls.next("read")?;
        self.inner.stamp()
    }

    fn view(&self) -> Result<Option<Arc<dyn StoreView>>, StoreError> {
        self.calls.next("open")?;
        let calls = Arc::clone(&self.calls);
        Ok(self.inner.view()?.map(|inner| Arc::new(FaultyView { inner, calls }) as Arc<dyn StoreView>))
    }

    fn writer(&self, recipe: &Recipe, fresh: bool) -> Result<Box<dyn StoreWriter>, StoreError> {
        self.calls.next("lock")?;
        let inner = self.inner.writer(recipe, fresh)?;
        Ok(Box::new(FaultyWriter { inner, calls: Arc::clone(&self.calls) }))
    }

    fn size_bytes(&self) -> u64 {
        self.inner.size_bytes()
    }
}

struct FaultyView {
    inner: Arc<dyn StoreView>,
    calls: Arc<Calls>,
}

impl StoreView for FaultyView {
    fn manifest(&self) -> &Manifest {
        self.inner.manifest()
    }

    fn rows_epoch(&self) -> u64 {
        self.inner.rows_epoch()
    }

    fn files(&self) -> Result<Vec<FileRecord>, StoreError> {
        self.calls.next("read")?;
        self.inner.files()
    }

    fn chunks(&self) -> Result<Vec<StoredChunk>, StoreError> {
        self.inner.chunks()
    }

    fn rows(&self) -> Result<Vec<RowKey>, StoreError> {
        self.inner.rows()
    }

    fn chunks_of(&self, rows: &[RowKey]) -> Result<Vec<StoredChunk>, StoreError> {
        self.inner.chunks_of(rows)
    }

    fn words(&self) -> &crate::lexical::Index {
        self.inner.words()
    }

    fn unreadable_words(&self, error: &crate::lexical::SegmentError) -> StoreError {
        self.inner.unreadable_words(error)
    }

    fn texts(&self, rows: &[RowKey]) -> Result<Vec<ChunkText>, StoreError> {
        self.inner.texts(rows)
    }
}

struct FaultyWriter {
    inner: Box<dyn StoreWriter>,
    calls: Arc<Calls>,
}

impl StoreWriter for FaultyWriter {
    fn base(&self) -> Option<Arc<dyn StoreView>> {
        self.inner.base()
    }

    fn hide(&mut self) {
        self.inner.hide();
    }

    fn commit(&mut self, commit: Commit, state: &RunState) -> Result<Manifest, StoreError> {
        self.calls.next("write")?;
        self.inner.commit(commit, state)
    }

    fn finish(&mut self, state: &RunState) -> Result<Manifest, StoreError> {
        self.calls.next("finish")?;
        self.inner.finish(state)
    }
}

#[test]
fn a_store_that_fails_ends_the_run_with_its_reason_and_loses_nothing() {
    let wanted = undisturbed();
    let mut failed = 0;
    for fails in 0.. {
        let fixture = fixture();
        // Something to go on from: the second run replaces, adds and removes.
        fixture.write("00.rs", "fn before() {}\n");
        fixture.write("gone.rs", "fn gone() {}\n");
        fixture.index();
        let before = content(&fixture.store);
        fixture.write("00.rs", "fn part_0() {}\n");
        std::fs::remove_file(fixture.path("gone.rs")).expect("removed");
        let calls = Arc::new(Calls { made: AtomicUsize::new(0), fails });
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
fn a_run_over_a_part_that_ends_in_its_middle_leaves_the_counts_of_the_whole() {
    for fails in 0.. {
        let fixture = fixture();
        fixture.write("binary.rs", "\0\0");
        fixture.index();
        let before = fixture.store.view().expect("a view").expect("a commit").manifest().clone();
        fixture.write("00.rs", "fn changed() {}\n");
        let calls = Arc::new(Calls { made: AtomicUsize::new(0), fails });
        let store = FaultyStore { inner: fixture.store.clone(), calls };
        let request = IndexRequest { scope: Scope::Paths(vec![RepoPath::new("00.rs")]), ..IndexRequest::default() };
        let error = fixture
            .indexer(&store, &EMBEDDER, &Disk)
            .run(&request, &CancelToken::default(), &|_| ())
            .expect_err("no call was that of the end");
        let IndexError::Store(StoreError::Io { operation: "finish", .. }) = error else { continue };
        let left = fixture.store.view().expect("a view").expect("a commit").manifest().clone();
        assert!(left.generation > before.generation && !left.complete, "it committed and did not end");
        assert_eq!((left.files_found, left.skipped), (before.files_found, before.skipped));
        return;
    }
}
