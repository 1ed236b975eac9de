mod faults;
mod model_faults;
mod stops;
mod store_faults;

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{IndexError, IndexReport, IndexRequest, Indexer};
use crate::report::Stage;
use config::{Options, Settings};
use embed::{EmbedError, Embedder};
use platform::cancel::CancelToken;
use source::walk::{Disk, FaultLog, FileSystem};
use store::memory::MemoryStore;
use store::{ChunkStore, StoreError};
use types::FileOutcome;
use workers::ParserPool;

/// An embedder that counts its texts and can be made to panic or to cancel the run.
#[derive(Default)]
struct CountingEmbedder {
    texts: AtomicUsize,
    panics: bool,
    cancels: Option<CancelToken>,
    model: &'static str,
}

impl Embedder for CountingEmbedder {
    fn model_id(&self) -> &str {
        self.model
    }

    fn dimensions(&self) -> usize {
        2
    }

    fn embed_passages(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EmbedError> {
        assert!(!self.panics, "the model broke");
        if let Some(cancel) = &self.cancels {
            cancel.cancel();
        }
        self.texts.fetch_add(texts.len(), Ordering::Relaxed);
        Ok(vec![vec![1.0, 0.0]; texts.len()])
    }

    fn embed_query(&self, _text: &str) -> Result<Vec<f32>, EmbedError> {
        Ok(vec![1.0, 0.0])
    }
}

struct IndexFixture {
    folder: tempfile::TempDir,
    store: MemoryStore,
    settings: Settings,
    parsers: ParserPool,
    fault_log: FaultLog,
}

impl IndexFixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let options =
            Options { path: Some(folder.path().to_owned()), index_dir: Some("unused".into()), ..Options::default() };
        let settings = Settings::resolve(&options).expect("settings");
        let (parsers, fault_log) = (ParserPool::in_process(), FaultLog::default());
        Self { store: MemoryStore::new(folder.path().to_owned()), folder, settings, parsers, fault_log }
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::write(path, text).expect("a file");
    }

    fn path(&self, path: &str) -> std::path::PathBuf {
        Path::new(self.folder.path()).join(path)
    }

    fn index_with(
        &self,
        embedder: &dyn Embedder,
        request: IndexRequest,
        cancel: &CancelToken,
    ) -> Result<IndexReport, IndexError> {
        self.indexer(&self.store, embedder, &Disk).run(&request, cancel, &|_| ())
    }

    fn indexer<'i>(
        &'i self,
        store: &'i dyn ChunkStore,
        embedder: &'i dyn Embedder,
        files: &'i dyn FileSystem,
    ) -> Indexer<'i> {
        Indexer {
            settings: &self.settings,
            store,
            embedder,
            cache: None,
            files,
            fault_log: &self.fault_log,
            parsers: &self.parsers,
            renew_parsers: false,
        }
    }

    fn index(&self) -> IndexReport {
        self.index_with(&CountingEmbedder::default(), IndexRequest::default(), &CancelToken::default())
            .expect("an index run")
    }

    fn paths(&self) -> Vec<String> {
        let view = self.store.view().expect("a view").expect("a commit");
        view.files().expect("files").into_iter().map(|file| file.path.to_string()).collect()
    }
}

#[test]
fn only_changed_files_are_indexed_again() {
    let fixture = IndexFixture::new();
    for name in ["a.rs", "b.rs", "sub/c.py"] {
        fixture.write(name, "fn f() {}\n");
    }
    let first = fixture.index();
    assert_eq!((first.files_found, first.files_indexed, first.files_unchanged), (3, 3, 0));

    let generation = fixture.store.generation_number().expect("a generation");
    fixture.write("b.rs", "fn changed() {}\n");
    fs::remove_file(fixture.path("a.rs")).expect("removed");
    fixture.write("d.rs", "fn new() {}\n");
    let second = fixture.index();
    assert_eq!((second.files_indexed, second.files_removed), (2, 1));
    assert_eq!(fixture.paths(), ["b.rs", "d.rs", "sub/c.py"]);
    assert!(fixture.store.generation_number().expect("a generation") > generation);
}

#[test]
fn a_run_that_changes_nothing_commits_nothing_and_needs_no_lock() {
    let fixture = IndexFixture::new();
    fixture.write("a.rs", "fn f() {}\n");
    fixture.write("skipped.csv", "1,2\n");
    fixture.write("empty.rs", "\n");
    fixture.index();
    // A file written just now is read twice, since its time is not trusted yet.
    let old = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000);
    for name in ["a.rs", "empty.rs"] {
        fs::File::options().write(true).open(fixture.path(name)).expect("a file").set_modified(old).expect("a time");
    }
    let touched = fixture.index();
    assert_eq!((touched.files_indexed, touched.files_unchanged), (0, 1), "an empty file is left out");
    let generation = fixture.store.generation_number().expect("a generation");
    let fingerprint = super::index_fingerprint(&fixture.settings, &CountingEmbedder::default());
    let _lock = fixture.store.writer(&fingerprint, false).expect("the lock");
    let again = fixture.index();
    assert_eq!((again.files_indexed, again.files_unchanged, again.files_removed), (0, 1, 0));
    assert_eq!(again.skipped.get("data"), Some(&1));
    assert_eq!(again.skipped.get("empty"), Some(&1));
    assert_eq!(fixture.store.generation_number().expect("a generation"), generation);
}

#[cfg(unix)]
#[test]
fn a_file_replaced_by_one_of_the_same_size_and_time_is_indexed_again() {
    let fixture = IndexFixture::new();
    fixture.write("a.rs", "fn one() {}\n");
    let old = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000);
    let age = |name: &str| {
        fs::File::options().write(true).open(fixture.path(name)).expect("a file").set_modified(old).expect("a time");
    };
    age("a.rs");
    fixture.index();
    assert_eq!(fixture.index().files_indexed, 0);
    fixture.write("b.rs", "fn two() {}\n");
    age("b.rs");
    fs::rename(fixture.path("b.rs"), fixture.path("a.rs")).expect("replaced");
    assert_eq!(fixture.index().files_indexed, 1, "another inode");
    // Rewriting the same file keeps its inode, but changes the time of its last change.
    fixture.write("a.rs", "fn six() {}\n");
    age("a.rs");
    assert_eq!(fixture.index().files_indexed, 1, "another change time");
}

#[test]
fn a_changed_choice_of_languages_reads_the_files_again_that_it_concerns() {
    let fixture = IndexFixture::new();
    fixture.write("a.tpl2", "fn f() {}\n");
    fixture.write("b.rs", "fn g() {}\n");
    let language_of = |path: &str| {
        let view = fixture.store.view().expect("a view").expect("a commit");
        let files = view.files().expect("files");
        files.iter().find(|file| file.path.as_str() == path).expect("a record").content.language.0
    };
    fixture.index();
    assert_eq!(language_of("a.tpl2"), "text");
    fixture.write(".codescry/languages.toml", "[extensions]\ntpl2 = \"rust\"\n");
    assert_eq!(fixture.index().files_indexed, 1);
    assert_eq!([language_of("a.tpl2"), language_of("b.rs")], ["rust", "rust"]);
    assert_eq!(fixture.index().files_indexed, 0);
    fixture.write(".codescry/languages.toml", "[extensions]\ntpl2 = \"klingon\"\n");
    let error = fixture.index_with(&CountingEmbedder::default(), IndexRequest::default(), &CancelToken::default());
    let error = error.expect_err("an unknown language").to_string();
    assert!(error.contains("languages.toml:2: `klingon` is no known language; allowed are text,"), "{error}");
    fs::remove_file(fixture.path(".codescry/languages.toml")).expect("removed");
    assert_eq!(fixture.index().files_indexed, 1);
    assert_eq!(language_of("a.tpl2"), "text");
}

#[test]
fn a_second_writer_fails_because_of_the_lock() {
    let fixture = IndexFixture::new();
    fixture.write("a.rs", "fn f() {}\n");
    let fingerprint = super::index_fingerprint(&fixture.settings, &CountingEmbedder::default());
    let _lock = fixture.store.writer(&fingerprint, false).expect("the lock");
    let error = fixture.index_with(&CountingEmbedder::default(), IndexRequest::default(), &CancelToken::default());
    assert!(matches!(error, Err(IndexError::Store(StoreError::Locked { .. }))), "{error:?}");
}

#[test]
fn a_changed_model_rebuilds_the_index_and_gives_the_reason() {
    let fixture = IndexFixture::new();
    fixture.write("a.rs", "fn f() {}\n");
    fixture.index();
    let other = CountingEmbedder { model: "other", ..CountingEmbedder::default() };
    let report = fixture.index_with(&other, IndexRequest::default(), &CancelToken::default()).expect("an index run");
    assert_eq!(report.files_indexed, 1);
    assert!(report.redone_because.is_some_and(|because| because.contains("model")));
}

#[test]
fn the_old_index_stays_until_a_run_with_another_model_completes() {
    let fixture = IndexFixture::new();
    fixture.write("a.rs", "fn f() {}\n");
    fixture.write("b.rs", "fn g() {}\n");
    fixture.index();
    let (before, other) = (fixture.store.generation().expect("a generation"), "other");
    let stopped = CancelToken::default();
    let half = CountingEmbedder { model: other, cancels: Some(stopped.clone()), ..CountingEmbedder::default() };
    fixture.index_with(&half, IndexRequest::default(), &stopped).expect_err("it was cancelled");
    assert_eq!(fixture.store.generation().expect("a generation"), before, "the partial index is not visible");
    let failing = FailingEmbedder { model: other };
    let error = fixture.index_with(&failing, IndexRequest::default(), &CancelToken::default()).expect_err("it fails");
    assert!(error.to_string().contains("the model other failed on CPU"), "{error}");
    assert_eq!(fixture.store.generation().expect("a generation"), before);
    let whole = CountingEmbedder { model: other, ..CountingEmbedder::default() };
    fixture.index_with(&whole, IndexRequest::default(), &CancelToken::default()).expect("an index run");
    let view = fixture.store.view().expect("a view").expect("a commit");
    assert_eq!((view.manifest().fingerprint.model_id.as_str(), view.manifest().complete), (other, true));
    assert_eq!(fixture.paths(), ["a.rs", "b.rs"]);
}

/// An embedder that makes its own batches, and fails.
struct FailingEmbedder {
    model: &'static str,
}

impl Embedder for FailingEmbedder {
    fn model_id(&self) -> &str {
        self.model
    }

    fn dimensions(&self) -> usize {
        2
    }

    fn embed_passages(&self, _: &[&str]) -> Result<Vec<Vec<f32>>, EmbedError> {
        Err(self.error())
    }

    fn embed_query(&self, _text: &str) -> Result<Vec<f32>, EmbedError> {
        Err(self.error())
    }

    fn batches_internally(&self) -> bool {
        true
    }
}

impl FailingEmbedder {
    fn error(&self) -> EmbedError {
        EmbedError::Run { model: self.model.into(), device: "CPU".into(), problem: "no luck".into() }
    }
}

#[test]
fn a_changed_size_limit_indexes_the_affected_files_again() {
    let mut fixture = IndexFixture::new();
    fixture.write("small.rs", "fn f() {}\n");
    fixture.write("large.rs", &"fn long_name() {}\n".repeat(100));
    fixture.settings.max_file_bytes = 100;
    assert_eq!(fixture.index().files_indexed, 1);
    fixture.settings.max_file_bytes = 10_000;
    let report = fixture.index();
    assert_eq!(report.files_indexed, 1);
    assert!(report.redone_because.is_some_and(|because| because.contains("max_file_bytes=10000")));
    assert_eq!(report.skipped.get("too-large"), None);
    assert_eq!(fixture.index().redone_because, None);
    fixture.settings.max_file_bytes = 100;
    assert_eq!(fixture.index().files_removed, 1);
    assert_eq!(fixture.paths(), ["small.rs"]);
}

#[test]
fn a_panicking_stage_ends_the_run_with_its_name() {
    let fixture = IndexFixture::new();
    (0..2000).for_each(|index| fixture.write(&format!("{index}.rs"), "fn f() {}\n"));
    let broken = CountingEmbedder { panics: true, ..CountingEmbedder::default() };
    let error = fixture.index_with(&broken, IndexRequest::default(), &CancelToken::default()).expect_err("a panic");
    assert!(error.to_string().contains("embed") && error.to_string().contains("the model broke"), "{error}");
    assert_eq!(fixture.index().files_indexed, 2000, "the lock is free again");
}

#[test]
fn a_cancelled_run_ends_and_the_next_one_completes_it() {
    let fixture = IndexFixture::new();
    (0..2000).for_each(|index| fixture.write(&format!("{index}.rs"), "fn f() {}\n"));
    let cancel = CancelToken::default();
    let embedder = CountingEmbedder { cancels: Some(cancel.clone()), ..CountingEmbedder::default() };
    let error = fixture.index_with(&embedder, IndexRequest::default(), &cancel).expect_err("a cancelled run");
    assert!(matches!(error, IndexError::Cancelled { .. }), "{error}");
    let report = fixture.index();
    assert_eq!(report.files_indexed + report.files_unchanged, 2000);
    assert_eq!(fixture.paths().len(), 2000);
}

#[test]
fn a_file_skipped_for_its_content_is_recorded_with_the_reason() {
    let fixture = IndexFixture::new();
    fixture.write("a.rs", "fn f() {}\n\0");
    let report = fixture.index();
    assert_eq!(report.skipped.get("binary"), Some(&1));
    let view = fixture.store.view().expect("a view").expect("a commit");
    let files = view.files().expect("files");
    assert!(matches!(files[0].content.outcome, FileOutcome::Skipped(_)));
}

#[test]
fn every_stage_reports_its_items() {
    let fixture = IndexFixture::new();
    (0..50).for_each(|index| fixture.write(&format!("{index}.rs"), "fn f() {}\n"));
    let report = fixture.index();
    let items: Vec<_> = report.stages.iter().map(|stage| (stage.stage, stage.items)).collect();
    assert_eq!(items, Stage::ALL.map(|stage| (stage, 50)));
    assert!(report.stages.iter().all(|stage| stage.threads >= 1));
}

#[test]
fn ignore_files_that_cannot_be_used_are_reported_apart_from_other_problems() {
    let fixture = IndexFixture::new();
    fixture.write("a.rs", "fn f() {}\n");
    fixture.write("sub/.gitignore", &"\n".repeat((1 << 20) + 1));
    for _ in 0..2 {
        let report = fixture.index();
        let paths: Vec<&str> = report.ignore_faults.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!((paths, report.problems), (vec!["sub/.gitignore"], Vec::new()));
    }
}
