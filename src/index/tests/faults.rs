//! Each call to the file system and to the store is made to fail, one after the other: no run hangs
//! or panics, and what a fault kept out is told, and made up for by the next run.

use std::fs::Metadata;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Counting, Fixture};
use crate::index::{CancelToken, IndexError, IndexReport, IndexRequest};
use crate::store::memory::MemoryStore;
use crate::store::{
    ChunkStore, ChunkText, Commit, Manifest, Recipe, RowKey, RunState, Stamp, StoreError, StoreView, StoreWriter,
    StoredChunk,
};
use crate::types::{FileRecord, Outcome, RepoPath, SkipReason};
use crate::walk::{Disk, FileRead, FileSystem};

/// What happens to one read.
#[derive(Clone, Copy, Debug)]
enum Fault {
    Error(ErrorKind),
    /// The file is longer by the time it is read.
    Grows,
    /// It is shorter.
    Shrinks,
    /// It is another one of the same length.
    IsReplaced,
}

const FAULTS: [Fault; 7] = [
    Fault::Error(ErrorKind::PermissionDenied),
    Fault::Error(ErrorKind::NotFound),
    Fault::Error(ErrorKind::Interrupted),
    Fault::Error(ErrorKind::Other),
    Fault::Grows,
    Fault::Shrinks,
    Fault::IsReplaced,
];

/// Files of which the one read at `at` meets a fault.
struct FaultyFiles {
    at: usize,
    fault: Fault,
    reads: AtomicUsize,
}

impl FileSystem for FaultyFiles {
    fn read(&self, path: &Path, limit_bytes: u64) -> io::Result<FileRead> {
        let read = Disk.read(path, limit_bytes)?;
        if self.reads.fetch_add(1, Ordering::SeqCst) != self.at {
            return Ok(read);
        }
        let mut bytes = read.bytes;
        match self.fault {
            Fault::Error(kind) => return Err(kind.into()),
            Fault::Grows => bytes.resize(usize::try_from(limit_bytes).expect("small"), b'x'),
            Fault::Shrinks => bytes.truncate(bytes.len() / 2),
            Fault::IsReplaced => bytes.fill(b'y'),
        }
        Ok(FileRead { size_bytes: bytes.len() as u64, mtime_ns: read.mtime_ns + 1, bytes })
    }
}

const FILES: usize = 12;

fn fixture() -> Fixture {
    let fixture = Fixture::new();
    (0..FILES).for_each(|at| fixture.write(&format!("{at:02}.rs"), &format!("fn part_{at}() {{}}\n")));
    fixture
}

/// Path, hash and outcome of every file.
fn content(store: &MemoryStore) -> Vec<(RepoPath, String, Outcome)> {
    let files = store.view().expect("a view").map_or_else(Vec::new, |view| view.files().expect("files"));
    files.into_iter().map(|file| (file.path, file.hash.to_string(), file.outcome)).collect()
}

fn undisturbed() -> Vec<(RepoPath, String, Outcome)> {
    let fixture = fixture();
    fixture.index();
    content(&fixture.store)
}

#[test]
fn a_file_that_cannot_be_read_is_recorded_and_the_next_run_makes_up_for_it() {
    let wanted = undisturbed();
    for fault in FAULTS {
        for at in 0..FILES {
            let fixture = fixture();
            let files = FaultyFiles { at, fault, reads: AtomicUsize::new(0) };
            let indexer = fixture.indexer(&fixture.store, &EMBEDDER, &files);
            let report = indexer.run(&IndexRequest::default(), &CancelToken::default(), &|_| ()).expect("a run");
            let found = content(&fixture.store);
            let unreadable =
                |(_, _, outcome): &&(_, _, Outcome)| matches!(outcome, Outcome::Skipped(SkipReason::Unreadable { .. }));
            let expected = match fault {
                Fault::Error(ErrorKind::NotFound) => (FILES - 1, 0, FILES - 1),
                Fault::Error(_) | Fault::Grows => (FILES, 1, FILES - 1),
                Fault::Shrinks | Fault::IsReplaced => (FILES, 0, FILES),
            };
            let counts = (found.len(), found.iter().filter(unreadable).count(), indexed(&report));
            assert_eq!(counts, expected, "{fault:?} at {at}");
            assert_eq!(report.skipped.get("unreadable").copied().unwrap_or(0), expected.1 as u64, "{fault:?} at {at}");
            fixture.index();
            assert_eq!(content(&fixture.store), wanted, "{fault:?} at {at}");
        }
    }
}

/// Files of which one call about a folder or a path fails.
struct FaultyFolders {
    fails: usize,
    calls: AtomicUsize,
}

impl FaultyFolders {
    fn next(&self) -> io::Result<()> {
        let is_it = self.calls.fetch_add(1, Ordering::SeqCst) == self.fails;
        if is_it { Err(ErrorKind::PermissionDenied.into()) } else { Ok(()) }
    }
}

impl FileSystem for FaultyFolders {
    fn read(&self, path: &Path, limit_bytes: u64) -> io::Result<FileRead> {
        Disk.read(path, limit_bytes)
    }

    fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        self.next()?;
        Disk.metadata(path)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        self.next()?;
        Disk.list(folder)
    }
}

#[test]
fn a_folder_that_cannot_be_listed_is_told_and_the_next_run_makes_up_for_it() {
    for fails in 0.. {
        let fixture = Fixture::new();
        ["a.rs", "sub/b.rs", "sub/deep/c.rs"].iter().for_each(|path| fixture.write(path, "fn f() {}\n"));
        fixture.index();
        let wanted = content(&fixture.store);
        let files = FaultyFolders { fails, calls: AtomicUsize::new(0) };
        let indexer = fixture.indexer(&fixture.store, &EMBEDDER, &files);
        let ran = indexer.run(&IndexRequest::default(), &CancelToken::default(), &|_| ());
        if files.calls.load(Ordering::SeqCst) <= fails {
            assert!(ran.is_ok() && fails >= 7, "only {fails} calls were made to fail");
            return;
        }
        match ran {
            Ok(report) => assert_eq!(report.skipped.get("unreadable"), Some(&1), "call {fails}"),
            Err(error) => {
                assert!(matches!(error, IndexError::Walk(_)), "call {fails}: {error}");
                assert_eq!(content(&fixture.store), wanted, "a run that cannot begin changes nothing");
            }
        }
        fixture.index();
        assert_eq!(content(&fixture.store), wanted, "call {fails}");
    }
}

static EMBEDDER: Counting = Counting { texts: AtomicUsize::new(0), panics: false, cancels: None, model: "" };

fn indexed(report: &IndexReport) -> usize {
    usize::try_from(report.files_indexed).expect("few")
}

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
