//! Each call to the file system and to the store is made to fail, one after the other: no run hangs
//! or panics, what was indexed before is kept, and what a fault kept out is told, and made up for by the next run.

use std::fs::Metadata;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Counting, Fixture};
use crate::index::{CancelToken, IndexError, IndexReport, IndexRequest, Scope};
use crate::store::ChunkStore as _;
use crate::store::memory::MemoryStore;
use crate::types::{Outcome, RepoPath, SkipReason};
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

pub(super) const FILES: usize = 12;

pub(super) fn fixture() -> Fixture {
    let fixture = Fixture::new();
    (0..FILES).for_each(|at| fixture.write(&format!("{at:02}.rs"), &format!("fn part_{at}() {{}}\n")));
    fixture
}

/// Path, hash and outcome of every file.
pub(super) fn content(store: &MemoryStore) -> Vec<(RepoPath, String, Outcome)> {
    let files = store.view().expect("a view").map_or_else(Vec::new, |view| view.files().expect("files"));
    files.into_iter().map(|file| (file.path, file.hash.to_string(), file.outcome)).collect()
}

pub(super) fn undisturbed() -> Vec<(RepoPath, String, Outcome)> {
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
fn a_folder_that_cannot_be_listed_is_told_and_what_was_indexed_of_it_is_kept() {
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

pub(super) static EMBEDDER: Counting = Counting { texts: AtomicUsize::new(0), panics: false, cancels: None, model: "" };

fn indexed(report: &IndexReport) -> usize {
    usize::try_from(report.files_indexed).expect("few")
}

#[test]
fn a_part_of_a_folder_that_cannot_be_listed_keeps_what_was_indexed_of_it() {
    for fails in 0.. {
        let fixture = Fixture::new();
        ["a.rs", "sub/b.rs", "sub/deep/c.rs"].iter().for_each(|path| fixture.write(path, "fn f() {}\n"));
        fixture.index();
        let wanted = content(&fixture.store);
        let files = FaultyFolders { fails, calls: AtomicUsize::new(0) };
        let scope = Scope::Paths(vec![RepoPath::new("sub/deep/c.rs")]);
        let request = IndexRequest { scope, ..IndexRequest::default() };
        let ran = fixture.indexer(&fixture.store, &EMBEDDER, &files).run(&request, &CancelToken::default(), &|_| ());
        assert_eq!(content(&fixture.store), wanted, "call {fails} lost something");
        if files.calls.load(Ordering::SeqCst) <= fails {
            assert!(ran.is_ok() && fails >= 5, "only {fails} calls were made to fail");
            return;
        }
        assert!(ran.is_err() || ran.is_ok_and(|report| report.look_again().is_some()), "call {fails} is not told");
    }
}

/// Files of which one can never be read.
struct Shut(&'static str);

impl FileSystem for Shut {
    fn read(&self, path: &Path, limit_bytes: u64) -> io::Result<FileRead> {
        if path.ends_with(self.0) { Err(ErrorKind::PermissionDenied.into()) } else { Disk.read(path, limit_bytes) }
    }
}

#[test]
fn a_file_that_cannot_be_read_any_more_keeps_its_rows_and_says_so() {
    let fixture = fixture();
    age_all(&fixture, 1);
    fixture.index();
    let chunks = || fixture.store.view().expect("a view").expect("a commit").chunks().expect("chunks").len();
    let (wanted, before) = (content(&fixture.store), chunks());
    for fault in [Fault::Error(ErrorKind::PermissionDenied), Fault::Error(ErrorKind::Other), Fault::Grows] {
        age_all(&fixture, 2);
        let files = FaultyFiles { at: 3, fault, reads: AtomicUsize::new(0) };
        let indexer = fixture.indexer(&fixture.store, &EMBEDDER, &files);
        let report = indexer.run(&IndexRequest::default(), &CancelToken::default(), &|_| ()).expect("a run");
        let hashes =
            |content: &[(RepoPath, String, Outcome)]| content.iter().map(|file| file.1.clone()).collect::<Vec<_>>();
        assert_eq!(hashes(&content(&fixture.store)), hashes(&wanted), "{fault:?}");
        assert_eq!((chunks(), report.unread.len(), report.problems.len()), (before, 1, 1), "{fault:?}");
        assert!(report.problems[0].1.contains("what was indexed before is kept"), "{:?}", report.problems);
        assert_eq!(fixture.index().unread, [], "{fault:?}");
        assert_eq!(content(&fixture.store), wanted, "{fault:?}");
        age_all(&fixture, 1);
        fixture.index();
    }
}

#[test]
fn a_file_that_stays_unreadable_makes_no_run_commit() {
    let first = fixture();
    let later = fixture();
    [&first, &later].iter().for_each(|fixture| age_all(fixture, 1));
    later.index();
    age_all(&later, 2);
    for fixture in [first, later] {
        let run = || {
            let indexer = fixture.indexer(&fixture.store, &EMBEDDER, &Shut("03.rs"));
            indexer.run(&IndexRequest::default(), &CancelToken::default(), &|_| ()).expect("a run")
        };
        let told = run();
        let generation = fixture.store.generation().expect("a generation");
        let _lock = fixture.store.writer(&crate::index::recipe(&fixture.settings, &EMBEDDER), false).expect("the lock");
        let again = run();
        assert_eq!(fixture.store.generation().expect("a generation"), generation);
        assert_eq!((&again.unread, &again.problems), (&told.unread, &told.problems));
        assert_eq!((again.unread.len(), again.skipped), (1, told.skipped));
    }
}

/// Gives every file a time of its own in the past.
fn age_all(fixture: &Fixture, seconds: u64) {
    let time = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000 + seconds);
    for at in 0..FILES {
        let file = std::fs::File::options().write(true).open(fixture.path(&format!("{at:02}.rs"))).expect("a file");
        file.set_modified(time).expect("a time");
    }
}
