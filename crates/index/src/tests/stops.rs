//! Tests of cancelled runs, of progress, and of refused runs.

use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{CountingEmbedder, IndexFixture};
use crate::{IndexError, IndexProgress, IndexRequest};
use embed::{EmbedError, Embedder};
use platform::cancel::CancelToken;
use source::walk::{Disk, FileContents, FileSystem};

/// An endless chain of nested folders that cancels the run at some depth.
struct EndlessFolders {
    root: PathBuf,
    listed: AtomicUsize,
    cancel: CancelToken,
}

impl FileSystem for EndlessFolders {
    fn read(&self, path: &Path, limit_bytes: u64) -> io::Result<FileContents> {
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
        let mut fixture = IndexFixture::new();
        fixture.settings.pipeline.preparse = preparse;
        let cancel = CancelToken::default();
        let files = EndlessFolders { root: fixture.path(""), listed: AtomicUsize::new(0), cancel: cancel.clone() };
        let embedder = CountingEmbedder::default();
        let ran = fixture.indexer(&fixture.store, &embedder, &files).run(&IndexRequest::default(), &cancel, &|_| ());
        assert!(matches!(ran, Err(IndexError::Cancelled { .. })), "{ran:?}");
        assert!(files.listed.load(Ordering::SeqCst) <= 102, "the walk went on");
    }
}

/// An embedder that reports a large memory use.
struct LargeEmbedder(CountingEmbedder);

impl Embedder for LargeEmbedder {
    fn model_id(&self) -> &str {
        self.0.model_id()
    }

    fn dimensions(&self) -> usize {
        2
    }

    fn embed_passages(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EmbedError> {
        self.0.embed_passages(texts)
    }

    fn embed_query(&self, text: &str) -> Result<Vec<f32>, EmbedError> {
        self.0.embed_query(text)
    }

    fn memory_bytes(&self) -> u64 {
        48 << 20
    }
}

#[test]
fn preparse_is_refused_if_the_model_leaves_too_little_memory() {
    let mut fixture = IndexFixture::new();
    fixture.settings.pipeline.preparse = true;
    fixture.settings.pipeline.max_memory_bytes = 128 << 20;
    let line = "let value = compute(first, second, third);\n";
    (0..3).for_each(|at| fixture.write(&format!("{at}.rs"), &line.repeat(16_000)));
    let run = |embedder: &dyn Embedder| {
        fixture.indexer(&fixture.store, embedder, &Disk).run(&IndexRequest::default(), &CancelToken::default(), &|_| ())
    };
    let refused = run(&LargeEmbedder(CountingEmbedder::default()));
    assert!(
        matches!(refused, Err(IndexError::Preparse { ceiling_bytes, .. }) if ceiling_bytes == 16 << 20),
        "{refused:?}"
    );
    assert_eq!(run(&CountingEmbedder::default()).map(|report| report.files_indexed).ok(), Some(3));
}

#[test]
fn progress_counts_unchanged_files_separately() {
    let fixture = IndexFixture::new();
    for at in 0..10 {
        fixture.write(&format!("{at}.rs"), "fn f() {}\n");
    }
    let run = || {
        let last: Mutex<Option<IndexProgress>> = Mutex::new(None);
        let embedder = CountingEmbedder::default();
        fixture
            .indexer(&fixture.store, &embedder, &Disk)
            .run(&IndexRequest::default(), &CancelToken::default(), &|progress| {
                *last.lock().expect("no panic") = Some(progress.clone());
            })
            .expect("an index run");
        let last = last.into_inner().expect("no panic").expect("it was shown");
        (last.files_found, last.files_done, last.files_changed, last.files_redone)
    };
    // Files that changed just before a run are read again by the next one.
    let is_settled = (0..10_000).any(|_| run() == (10, 10, 0, 0));
    assert!(is_settled, "unchanged files are read again for ever");
    ["3.rs", "7.rs"].iter().for_each(|path| fixture.write(path, "fn changed() {}\n"));
    assert_eq!(run(), (10, 10, 2, 2));
}
