//! Injects a fault into each call to the file system in turn: no run hangs or panics, indexed data is kept, and the
//! next run repairs the damage.

use std::fs::Metadata;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use super::{CountingEmbedder, IndexFixture};
use crate::{IndexError, IndexReport, IndexRequest, IndexScope};
use platform::cancel::CancelToken;
use source::walk::{Disk, FileContents, FileSystem};
use store::ChunkStore as _;
use store::memory::MemoryStore;
use types::{FileOutcome, FileStat, RepoPath, SkipReason};

/// A fault in the read of a file.
#[derive(Clone, Copy, Debug)]
enum ReadFault {
    Error(ErrorKind),
    /// The file is longer than expected.
    Grows,
    /// The file is shorter than expected.
    Shrinks,
    /// The file has other content of the same length.
    IsReplaced,
}

const FAULTS: [ReadFault; 7] = [
    ReadFault::Error(ErrorKind::PermissionDenied),
    ReadFault::Error(ErrorKind::NotFound),
    ReadFault::Error(ErrorKind::Interrupted),
    ReadFault::Error(ErrorKind::Other),
    ReadFault::Grows,
    ReadFault::Shrinks,
    ReadFault::IsReplaced,
];

/// A file system with a fault in read number `at`.
struct FaultyFiles {
    at: usize,
    fault: ReadFault,
    reads: AtomicUsize,
}

impl FileSystem for FaultyFiles {
    fn read(&self, path: &Path, limit_bytes: u64) -> io::Result<FileContents> {
        let read = Disk.read(path, limit_bytes)?;
        if self.reads.fetch_add(1, Ordering::SeqCst) != self.at {
            return Ok(read);
        }
        let mut bytes = read.bytes;
        match self.fault {
            ReadFault::Error(kind) => return Err(kind.into()),
            ReadFault::Grows => bytes.resize(usize::try_from(limit_bytes).expect("small"), b'x'),
            ReadFault::Shrinks => bytes.truncate(bytes.len() / 2),
            ReadFault::IsReplaced => bytes.fill(b'y'),
        }
        let stat = FileStat { size_bytes: bytes.len() as u64, mtime_ns: read.stat.mtime_ns + 1, ..read.stat };
        Ok(FileContents { bytes, stat })
    }
}

pub(super) const FILES: usize = 12;

pub(super) fn fixture() -> IndexFixture {
    let fixture = IndexFixture::new();
    (0..FILES).for_each(|at| fixture.write(&format!("{at:02}.rs"), &format!("fn part_{at}() {{}}\n")));
    fixture
}

/// Returns the path, hash and outcome of every file.
pub(super) fn content(store: &MemoryStore) -> Vec<(RepoPath, String, FileOutcome)> {
    let files = store.view().expect("a view").map_or_else(Vec::new, |view| view.files().expect("files"));
    files.into_iter().map(|file| (file.path, file.content.hash.to_string(), file.content.outcome)).collect()
}

pub(super) fn content_without_faults() -> Vec<(RepoPath, String, FileOutcome)> {
    let fixture = fixture();
    fixture.index();
    content(&fixture.store)
}

#[test]
fn an_unreadable_file_is_recorded_and_indexed_by_the_next_run() {
    let wanted = content_without_faults();
    for fault in FAULTS {
        for at in 0..FILES {
            let fixture = fixture();
            let files = FaultyFiles { at, fault, reads: AtomicUsize::new(0) };
            let indexer = fixture.indexer(&fixture.store, &EMBEDDER, &files);
            let report = indexer.run(&IndexRequest::default(), &CancelToken::default(), &|_| ()).expect("a run");
            let found = content(&fixture.store);
            let unreadable = |(_, _, outcome): &&(_, _, FileOutcome)| {
                matches!(outcome, FileOutcome::Skipped(SkipReason::Unreadable { .. }))
            };
            let expected = match fault {
                ReadFault::Error(ErrorKind::NotFound) => (FILES - 1, 0, FILES - 1),
                ReadFault::Error(_) | ReadFault::Grows => (FILES, 1, FILES - 1),
                ReadFault::Shrinks | ReadFault::IsReplaced => (FILES, 0, FILES),
            };
            let counts = (found.len(), found.iter().filter(unreadable).count(), indexed(&report));
            assert_eq!(counts, expected, "{fault:?} at {at}");
            assert_eq!(report.skipped.get("unreadable").copied().unwrap_or(0), expected.1 as u64, "{fault:?} at {at}");
            fixture.index();
            assert_eq!(content(&fixture.store), wanted, "{fault:?} at {at}");
        }
    }
}

/// A file system in which one call that lists a folder or reads metadata fails.
struct FaultyFolders {
    fails: usize,
    calls: AtomicUsize,
}

impl FaultyFolders {
    fn next(&self) -> io::Result<()> {
        let is_faulty = self.calls.fetch_add(1, Ordering::SeqCst) == self.fails;
        if is_faulty { Err(ErrorKind::PermissionDenied.into()) } else { Ok(()) }
    }
}

impl FileSystem for FaultyFolders {
    fn read(&self, path: &Path, limit_bytes: u64) -> io::Result<FileContents> {
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
fn an_unreadable_folder_is_reported_and_its_indexed_content_is_kept() {
    for fails in 0.. {
        let fixture = IndexFixture::new();
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
            Ok(report) => {
                assert_eq!(report.skipped.get("unreadable"), Some(&1), "call {fails}");
                assert_eq!((report.unread.len(), report.files_removed), (1, 0), "call {fails}");
                assert_eq!(content(&fixture.store), wanted, "call {fails} lost something");
            }
            Err(error) => {
                assert!(matches!(error, IndexError::Walk(_)), "call {fails}: {error}");
                assert_eq!(content(&fixture.store), wanted, "a run that cannot begin changes nothing");
            }
        }
        fixture.index();
        assert_eq!(content(&fixture.store), wanted, "call {fails}");
    }
}

pub(super) static EMBEDDER: CountingEmbedder =
    CountingEmbedder { texts: AtomicUsize::new(0), panics: false, cancels: None, model: "" };

fn indexed(report: &IndexReport) -> usize {
    usize::try_from(report.files_indexed).expect("few")
}

#[test]
fn a_partial_run_keeps_the_indexed_content_of_an_unreadable_folder() {
    for fails in 0.. {
        let fixture = IndexFixture::new();
        ["a.rs", "sub/b.rs", "sub/deep/c.rs"].iter().for_each(|path| fixture.write(path, "fn f() {}\n"));
        fixture.index();
        let wanted = content(&fixture.store);
        let files = FaultyFolders { fails, calls: AtomicUsize::new(0) };
        let scope = IndexScope::Paths(vec![RepoPath::new("sub/deep/c.rs")]);
        let request = IndexRequest { scope, ..IndexRequest::default() };
        let ran = fixture.indexer(&fixture.store, &EMBEDDER, &files).run(&request, &CancelToken::default(), &|_| ());
        assert_eq!(content(&fixture.store), wanted, "call {fails} lost something");
        if files.calls.load(Ordering::SeqCst) <= fails {
            assert!(ran.is_ok() && fails >= 5, "only {fails} calls were made to fail");
            return;
        }
        assert!(ran.is_err() || ran.is_ok_and(|report| report.retry_scope().is_some()), "call {fails} is not reported");
    }
}

/// A file system in which one file can never be read.
struct UnreadableFile(&'static str);

impl FileSystem for UnreadableFile {
    fn read(&self, path: &Path, limit_bytes: u64) -> io::Result<FileContents> {
        if path.ends_with(self.0) { Err(ErrorKind::PermissionDenied.into()) } else { Disk.read(path, limit_bytes) }
    }
}

#[test]
fn a_file_that_became_unreadable_keeps_its_rows_and_is_reported() {
    let fixture = fixture();
    age_all(&fixture, 1);
    fixture.index();
    let chunks = || fixture.store.view().expect("a view").expect("a commit").chunks().expect("chunks").len();
    let (wanted, before) = (content(&fixture.store), chunks());
    for fault in [ReadFault::Error(ErrorKind::PermissionDenied), ReadFault::Error(ErrorKind::Other), ReadFault::Grows] {
        age_all(&fixture, 2);
        let files = FaultyFiles { at: 3, fault, reads: AtomicUsize::new(0) };
        let indexer = fixture.indexer(&fixture.store, &EMBEDDER, &files);
        let report = indexer.run(&IndexRequest::default(), &CancelToken::default(), &|_| ()).expect("a run");
        let hashes =
            |content: &[(RepoPath, String, FileOutcome)]| content.iter().map(|file| file.1.clone()).collect::<Vec<_>>();
        assert_eq!(hashes(&content(&fixture.store)), hashes(&wanted), "{fault:?}");
        assert_eq!((chunks(), report.unread.len(), report.problems.len()), (before, 1, 1), "{fault:?}");
        assert!(report.problems[0].1.contains("its indexed content is kept"), "{:?}", report.problems);
        assert_eq!(fixture.index().unread, [], "{fault:?}");
        assert_eq!(content(&fixture.store), wanted, "{fault:?}");
        age_all(&fixture, 1);
        fixture.index();
    }
}

#[test]
fn a_file_that_stays_unreadable_causes_no_commit() {
    let first = fixture();
    let later = fixture();
    [&first, &later].iter().for_each(|fixture| age_all(fixture, 1));
    later.index();
    age_all(&later, 2);
    for fixture in [first, later] {
        let run = || {
            let indexer = fixture.indexer(&fixture.store, &EMBEDDER, &UnreadableFile("03.rs"));
            indexer.run(&IndexRequest::default(), &CancelToken::default(), &|_| ()).expect("a run")
        };
        let number = || fixture.store.generation_number().expect("a generation");
        wait_until_old(&fixture);
        let (mut first_report, mut generation) = (run(), number());
        // A file that an earlier run read too soon after it was written is read and recorded again.
        let is_settled = (0..10_000).any(|_| {
            let before = generation;
            (first_report, generation) = (run(), number());
            generation == before
        });
        assert!(is_settled, "each run makes a commit");
        let _lock =
            fixture.store.writer(&crate::index_fingerprint(&fixture.settings, &EMBEDDER), false).expect("the lock");
        let again = run();
        assert_eq!(fixture.store.generation_number().expect("a generation"), generation);
        assert_eq!((&again.unread, &again.problems), (&first_report.unread, &first_report.problems));
        assert_eq!((again.unread.len(), again.skipped), (1, first_report.skipped));
    }
}

/// Waits until every file is old enough for a run to trust its times: a run reads younger ones again.
pub(super) fn wait_until_old(fixture: &IndexFixture) {
    let is_old = |at: usize| {
        let stat = FileStat::from_metadata(&std::fs::metadata(fixture.path(&format!("{at:02}.rs"))).expect("a file"));
        let changed = Duration::from_nanos(stat.mtime_ns.max(stat.ctime_ns).unsigned_abs());
        (UNIX_EPOCH + changed).elapsed().is_ok_and(|age| age > Duration::from_millis(100))
    };
    while !(0..FILES).all(is_old) {
        std::thread::yield_now();
    }
}

/// Sets the modification time of every file to the past.
fn age_all(fixture: &IndexFixture, seconds: u64) {
    let time = UNIX_EPOCH + Duration::from_secs(1_000_000 + seconds);
    for at in 0..FILES {
        let file = std::fs::File::options().write(true).open(fixture.path(&format!("{at:02}.rs"))).expect("a file");
        file.set_modified(time).expect("a time");
    }
}
