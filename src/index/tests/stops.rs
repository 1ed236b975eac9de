//! Where a run is, what it refuses, and that it ends when it is told to.

use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use super::{Counting, Fixture};
use crate::embed::Embedder;
use crate::index::{CancelToken, IndexError, IndexRequest, Progress};
use crate::walk::{Disk, FileRead, FileSystem};

/// A folder in a folder in a folder, without an end. At some depth the run is cancelled.
struct Endless {
    root: PathBuf,
    listed: AtomicUsize,
    cancel: CancelToken,
}

impl FileSystem for Endless {
    fn read(&self, path: &Path, limit_bytes: u64) -> io::Result<FileRead> {
        Disk.read(path, limit_bytes)
    }

    fn metadata(&self, _path: &Path) -> io::Result<Metadata> {
        self.root.metadata()
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        if self.listed.fetch_add(1, Ordering::SeqCst) == 100 {
            self.cancel.cancel();
        }
        Ok(vec![folder.join("d")])
    }
}

#[test]
fn a_walk_that_finds_no_file_ends_when_the_run_is_cancelled() {
    for preparse in [false, true] {
        let mut fixture = Fixture::new();
        fixture.settings.pipeline.preparse = preparse;
        let cancel = CancelToken::default();
        let files = Endless { root: fixture.path(""), listed: AtomicUsize::new(0), cancel: cancel.clone() };
        let embedder = Counting::default();
        let ran = fixture.indexer(&fixture.store, &embedder, &files).run(&IndexRequest::default(), &cancel, &|_| ());
        assert!(matches!(ran, Err(IndexError::Cancelled { .. })), "{ran:?}");
        assert!(files.listed.load(Ordering::SeqCst) <= 102, "it went on");
    }
}

/// Takes much of the memory for itself.
struct Large(Counting);

impl Embedder for Large {
    fn model_id(&self) -> &str {
        self.0.model_id()
    }

    fn dimensions(&self) -> usize {
        2
    }

    fn embed_passages(&self, texts: &[&str]) -> Vec<Vec<f32>> {
        self.0.embed_passages(texts)
    }

    fn embed_query(&self, text: &str) -> Vec<f32> {
        self.0.embed_query(text)
    }

    fn memory_bytes(&self) -> u64 {
        48 << 20
    }
}

#[test]
fn everything_is_parsed_first_only_where_it_fits_beside_the_model() {
    let mut fixture = Fixture::new();
    fixture.settings.pipeline.preparse = true;
    fixture.settings.pipeline.max_memory_bytes = 128 << 20;
    let line = "let value = compute(first, second, third);\n";
    (0..3).for_each(|at| fixture.write(&format!("{at}.rs"), &line.repeat(16_000)));
    let run = |embedder: &dyn Embedder| {
        fixture.indexer(&fixture.store, embedder, &Disk).run(&IndexRequest::default(), &CancelToken::default(), &|_| ())
    };
    let refused = run(&Large(Counting::default()));
    assert!(
        matches!(refused, Err(IndexError::Preparse { ceiling_bytes, .. }) if ceiling_bytes == 16 << 20),
        "{refused:?}"
    );
    assert_eq!(run(&Counting::default()).map(|report| report.files_indexed).ok(), Some(3));
}

#[test]
fn progress_tells_apart_what_an_earlier_run_has_done() {
    let fixture = Fixture::new();
    for at in 0..10 {
        fixture.write(&format!("{at}.rs"), "fn f() {}\n");
        let file = std::fs::File::options().write(true).open(fixture.path(&format!("{at}.rs"))).expect("a file");
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000)).expect("a time");
    }
    fixture.index();
    ["3.rs", "7.rs"].iter().for_each(|path| fixture.write(path, "fn changed() {}\n"));
    let last: Mutex<Option<Progress>> = Mutex::new(None);
    let embedder = Counting::default();
    fixture
        .indexer(&fixture.store, &embedder, &Disk)
        .run(&IndexRequest::default(), &CancelToken::default(), &|progress| {
            *last.lock().expect("no panic") = Some(progress.clone());
        })
        .expect("an index run");
    let last = last.into_inner().expect("no panic").expect("it was shown");
    let seen = (last.files_found, last.files_done, last.files_changed, last.files_redone);
    assert_eq!(seen, (10, 10, 2, 2));
}
