//! Tests of compaction, of the removal of old versions, and of the data that must survive both.

use super::*;
use platform::cancel::CancelToken;

fn edit(store: &LanceStore, text: &str) {
    let mut writer = store.writer(&fingerprint(), false).expect("a writer");
    writer.commit(commit(&[("edited.rs", text)]), &status(true)).expect("a commit");
    writer.finish(&status(true)).expect("a finish");
}

/// Returns the number of versions of the current chunks table on disk.
fn count_versions(store: &LanceStore) -> usize {
    let name = committed(store).chunks.name;
    fs::read_dir(store.location.data_dir().join(format!("{name}.lance/_versions"))).expect("versions").count()
}

#[test]
fn small_fragments_are_compacted_and_their_chunks_are_found() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut store = store(folder.path());
    store.limits = MaintenanceLimits { small_fragments: 4, segments: 2, ..MaintenanceLimits::default() };
    for index in 0..14 {
        let mut writer = store.writer(&fingerprint(), false).expect("a writer");
        let path = format!("{index}.rs");
        writer.commit(commit(&[(&path, &format!("word{index} shared"))]), &status(true)).expect("a commit");
        writer.finish(&status(true)).expect("a finish");
        assert_eq!(texts_with(&store, &format!("word{index}")).len(), 1);
    }
    assert_eq!(texts_with(&store, "shared").len(), 10, "the limit");
    let view = LanceView::open(store.location.clone(), committed(&store), None).expect("a view");
    let fragments = store.location.block_on("count", view.tables().chunks.stats()).expect("stats").fragment_stats;
    assert!(fragments.num_fragments <= 6, "{fragments:?}");
    let segments = view.segments();
    assert!(segments.names().len() <= 3, "{:?}", segments.names());
    let on_disk = fs::read_dir(store.location.dir.join("words")).expect("words").count();
    assert!(on_disk >= segments.names().len());
}

#[test]
fn a_long_run_of_small_commits_is_compacted_while_it_runs() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut store = store(folder.path());
    store.limits = MaintenanceLimits { small_fragments: 1, ..MaintenanceLimits::default() };
    for round in 0..2 {
        let mut writer = store.writer(&fingerprint(), false).expect("a writer");
        for index in 0..20 {
            let path = format!("{round}-{index}.rs");
            writer.commit(commit(&[(&path, &format!("word{round}x{index}"))]), &status(false)).expect("a commit");
            assert_eq!(texts_with(&store, &format!("word{round}x{}", index / 2)).len(), 1);
        }
        let view = LanceView::open(store.location.clone(), committed(&store), None).expect("a view");
        let fragments = store.location.block_on("count", view.tables().chunks.stats()).expect("stats").fragment_stats;
        assert!(fragments.num_fragments <= 10, "{fragments:?}");
    }
}

#[test]
fn a_replaced_commit_stays_readable_until_it_expires() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut store = store(folder.path());
    edit(&store, "first");
    let old = store.view().expect("a view").expect("a commit");
    let row = old.chunks().expect("chunks")[0].row;
    for round in 0..3 {
        edit(&store, &format!("round{round}"));
    }
    assert_eq!(old.chunk_texts(&[row]).expect("texts")[0].text, "first");
    assert_eq!(best_chunks(old.as_ref(), &["first".to_owned()], 5).len(), 1);
    assert_eq!(old.files().expect("files").len(), 1);
    let kept = count_versions(&store);

    store.limits.keep_ms = 0;
    edit(&store, "last");
    assert!(count_versions(&store) < kept, "{} of {kept} versions are left", count_versions(&store));
    assert_eq!(texts_with(&super::store(folder.path()), "last"), ["last"]);
    edit(&store, "very last");
    assert_eq!(texts_with(&super::store(folder.path()), "last"), ["very last"]);
}

fn rebuild(store: &LanceStore) {
    let mut writer = store.writer(&fingerprint(), true).expect("a writer");
    writer.commit(commit(&[("edited.rs", "new")]), &status(true)).expect("a commit");
    writer.finish(&status(true)).expect("a finish");
}

#[test]
fn what_no_process_reads_is_removed_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = store(folder.path());
    let count_tables = || crate::lance::maintenance::list_tables(&store.location).len();
    edit(&store, "old");
    rebuild(&store);
    assert_eq!(count_tables(), 2, "the old index is gone");
    edit(&store, "read");
    let reader = super::store(folder.path());
    let view = reader.view().expect("a view").expect("a commit");
    let row = view.chunks().expect("chunks")[0].row;
    let is_readable = || view.chunk_texts(&[row]).is_ok_and(|texts| texts[0].text == "read");
    rebuild(&store);
    LanceStore::remove_replaced(&store.location.dir).expect("nothing is removed");
    assert!(count_tables() == 4 && is_readable(), "a process reads the old index");
    edit(&store, "newest");
    assert!(is_readable());
    drop((view, reader));
    assert!(LanceStore::remove_replaced(&store.location.dir).expect("removed") > 0);
    assert_eq!((count_tables(), texts_with(&store, "newest")), (2, vec!["newest".to_owned()]));
}

#[test]
fn an_index_in_use_keeps_what_is_read_and_stays_small() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = store(folder.path());
    edit(&store, "first");
    let first = super::store(folder.path()).view().expect("a view").expect("a commit");
    let row = first.chunks().expect("chunks")[0].row;
    let mut most = 0;
    for round in 0..30 {
        edit(&store, &format!("round{round}"));
        assert_eq!(first.chunk_texts(&[row]).expect("texts")[0].text, "first");
        most = most.max(count_versions(&store));
    }
    drop(first);
    edit(&store, "nobody reads the others");
    assert!(count_versions(&store) < most / 3, "{} of {most} versions", count_versions(&store));
    let server = super::store(folder.path());
    for round in 0..10 {
        edit(&store, &format!("again round{round}"));
        assert_eq!(texts_with(&server, "again"), [format!("again round{round}")]);
    }
    LanceStore::remove_replaced(&store.location.dir).expect("removed");
    assert!(count_versions(&store) <= 2, "{} versions beside one that is read", count_versions(&store));
    assert_eq!(texts_with(&server, "again"), ["again round9"]);
}

#[test]
fn a_rebuild_keeps_the_old_tables_that_are_read_until_they_expire() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut store = store(folder.path());
    edit(&store, "old");
    let old = store.view().expect("a view").expect("a commit");
    rebuild(&store);
    let row = old.chunks().expect("chunks")[0].row;
    assert_eq!(old.chunk_texts(&[row]).expect("texts")[0].text, "old");
    assert_eq!(texts_with(&store, "new"), ["new"]);
    store.limits.keep_ms = 0;
    rebuild(&store);
    let tables = fs::read_dir(store.location.data_dir()).expect("tables").flatten();
    let tables: Vec<_> = tables.filter(|entry| entry.file_name().to_string_lossy().ends_with(".lance")).collect();
    assert!(tables.len() <= 4, "{tables:?}");
    edit(&store, "newest");
    assert_eq!(texts_with(&store, "newest"), ["newest"]);
}

#[test]
fn commits_close_together_are_retired_as_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = store(folder.path());
    let mut writer = store.writer(&fingerprint(), false).expect("a writer");
    for round in 0..20 {
        writer.commit(commit(&[("a.rs", &format!("round{round}"))]), &status(false)).expect("a commit");
    }
    let committed = committed(&store);
    assert_eq!(committed.retired.len(), 1);
    assert!(committed.oldest_version(&committed.chunks.name) < Some(committed.chunks.version));
    assert_eq!(committed.oldest_version("chunks_99"), None);
}

#[test]
fn every_view_is_consistent_while_a_writer_commits() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut store = store(folder.path());
    store.limits = MaintenanceLimits { small_fragments: 3, ..MaintenanceLimits::default() };
    edit(&store, "start");
    let ended = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let reader = super::store(folder.path());
                while !ended.load(std::sync::atomic::Ordering::Relaxed) {
                    let view = reader.view().expect("a view").expect("a commit");
                    let (files, chunks) = (view.files().expect("files"), view.chunks().expect("chunks"));
                    assert_eq!(files.len(), chunks.len());
                    let rows: Vec<_> = chunks.iter().map(|chunk| chunk.row).collect();
                    assert_eq!(view.chunk_texts(&rows).expect("texts").len(), rows.len());
                    assert_eq!(best_chunks(view.as_ref(), &["shared".to_owned()], 1_000).len(), rows.len() - 1);
                }
            });
        }
        for round in 0..25 {
            let mut writer = store.writer(&fingerprint(), round == 12).expect("a writer");
            let paths: Vec<String> = (0..=round % 7).map(|index| format!("{index}.rs")).collect();
            let mut made = commit(&[("edited.rs", "start")]);
            for path in &paths {
                let text = format!("shared round{round} {path}");
                made.replace.push(record(path, &text));
                made.chunks.push(chunk(path, 1, &text));
            }
            writer.commit(made, &status(false)).expect("a commit");
            writer.finish(&status(true)).expect("a finish");
        }
        ended.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}

#[test]
fn every_column_is_stored_unchanged() {
    use arrow_array::{RecordBatch, StringArray};
    use futures::TryStreamExt;
    use lancedb::query::ExecutableQuery;
    let folder = tempfile::tempdir().expect("a folder");
    let store = store(folder.path());
    let made = commit(&[("it's.rs", "Alpha Beta")]);
    let given = made.chunks[0].clone();
    store.writer(&fingerprint(), false).expect("a writer").commit(made, &status(true)).expect("a commit");
    let view = LanceView::open(store.location.clone(), committed(&store), None).expect("a view");
    let batches = store.location.block_on("read", async {
        view.tables().chunks.query().execute().await?.try_collect::<Vec<RecordBatch>>().await
    });
    let batch = &batches.expect("rows")[0];
    let text = |name| rows::typed_column::<StringArray>(batch, name).expect("a column").value(0).to_owned();
    assert_eq!(text("text"), given.chunk.text);
    assert_eq!((text("kind"), text("language")), ("method".to_owned(), "rust".to_owned()));
}

#[test]
fn a_cancellation_ends_an_operation_that_waits() {
    let folder = tempfile::tempdir().expect("a folder");
    let (store, cancel) = (store(folder.path()), CancelToken::default());
    std::thread::scope(|scope| {
        let endless = std::future::pending::<Result<(), String>>();
        let waiting = scope.spawn(|| store.location.block_on_until("wait", &cancel, endless));
        cancel.cancel();
        assert!(matches!(waiting.join().expect("no panic"), Err(StoreError::Stopped { .. })));
    });
    let done = store.location.block_on_until("work", &CancelToken::default(), async { Ok::<_, String>(7) });
    assert_eq!(done.expect("nothing is cancelled"), 7);
}

#[test]
fn merging_segments_ends_when_it_is_cancelled() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = store(folder.path());
    fs::create_dir_all(&store.location.dir).expect("the index folder");
    let mut segments = segments::SegmentList::default();
    for at in 0..3 {
        segments.append(&store.location, at + 1, &[chunk("a.rs", 1, "text")]).expect("a segment");
    }
    let mut merge = |is_cancelled: bool| {
        let cancel = CancelToken::default();
        if is_cancelled {
            cancel.cancel();
        }
        let merged = segments.merge_last(&store.location, 9, 3, [0, 1, 2].into(), &cancel);
        (merged, segments.names().len())
    };
    assert!(matches!(merge(true), (Err(StoreError::Stopped { .. }), 3)));
    assert!(matches!(merge(false), (Ok(()), 1)));
}

#[test]
fn a_view_is_released_when_nothing_uses_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = store(folder.path());
    edit(&store, "alpha");
    let view = store.view().expect("a view").expect("a commit");
    store.release_view();
    let again = store.view().expect("a view").expect("a commit");
    assert!(Arc::ptr_eq(&view, &again), "it is in use");
    let released = Arc::downgrade(&view);
    drop((view, again));
    assert!(released.upgrade().is_some(), "the store keeps it for the next call");
    store.release_view();
    assert!(released.upgrade().is_none());
    assert_eq!(texts_with(&store, "alpha"), ["alpha"]);
}
