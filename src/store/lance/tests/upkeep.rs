//! What is tidied, what is forgotten, and what must not be.

use super::*;

fn edit(store: &LanceStore, text: &str) {
    let mut writer = store.writer(&recipe(), false).expect("a writer");
    writer.commit(commit(&[("edited.rs", text)]), &state(true)).expect("a commit");
    writer.finish(&state(true)).expect("a finish");
}

fn committed(store: &LanceStore) -> manifest::Committed {
    manifest::read(&store.place).expect("a manifest").expect("a commit")
}

/// Versions on disk of the chunks of the current commit.
fn versions(store: &LanceStore) -> usize {
    let name = committed(store).chunks.name;
    fs::read_dir(store.place.data().join(format!("{name}.lance/_versions"))).expect("versions").count()
}

#[test]
fn small_fragments_are_joined_and_what_was_in_them_is_found() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut store = store(folder.path());
    store.limits = Limits { small_fragments: 4, segments: 2, ..Limits::default() };
    for index in 0..14 {
        let mut writer = store.writer(&recipe(), false).expect("a writer");
        let path = format!("{index}.rs");
        writer.commit(commit(&[(&path, &format!("word{index} shared"))]), &state(true)).expect("a commit");
        writer.finish(&state(true)).expect("a finish");
        assert_eq!(finds(&store, &format!("word{index}")).len(), 1);
    }
    assert_eq!(finds(&store, "shared").len(), 10, "the limit");
    let view = LanceView::open(store.place.clone(), committed(&store), None).expect("a view");
    let fragments = store.place.block_on("count", view.tables().chunks.stats()).expect("stats").fragment_stats;
    assert!(fragments.num_fragments <= 6, "{fragments:?}");
    let words = view.segments();
    assert!(words.names().len() <= 3, "{:?}", words.names());
    let on_disk = fs::read_dir(store.place.dir.join("words")).expect("words").count();
    assert!(on_disk >= words.names().len());
}

#[test]
fn a_long_run_of_small_commits_is_tidied_on_its_way() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut store = store(folder.path());
    store.limits = Limits { small_fragments: 1, ..Limits::default() };
    for round in 0..2 {
        let mut writer = store.writer(&recipe(), false).expect("a writer");
        for index in 0..20 {
            let path = format!("{round}-{index}.rs");
            writer.commit(commit(&[(&path, &format!("word{round}x{index}"))]), &state(false)).expect("a commit");
            assert_eq!(finds(&store, &format!("word{round}x{}", index / 2)).len(), 1);
        }
        let view = LanceView::open(store.place.clone(), committed(&store), None).expect("a view");
        let fragments = store.place.block_on("count", view.tables().chunks.stats()).expect("stats").fragment_stats;
        assert!(fragments.num_fragments <= 10, "{fragments:?}");
    }
}

#[test]
fn a_replaced_commit_stays_readable_for_a_while_and_goes_then() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut store = store(folder.path());
    edit(&store, "first");
    let old = store.view().expect("a view").expect("a commit");
    let row = old.chunks().expect("chunks")[0].row;
    for round in 0..3 {
        edit(&store, &format!("round{round}"));
    }
    assert_eq!(old.texts(&[row]).expect("texts")[0].text, "first");
    assert_eq!(hits(old.as_ref(), &["first".to_owned()], 5).len(), 1);
    assert_eq!(old.files().expect("files").len(), 1);
    let kept = versions(&store);

    store.limits.keep_ms = 0;
    edit(&store, "last");
    assert!(versions(&store) < kept, "{} of {kept} versions are left", versions(&store));
    assert_eq!(finds(&super::store(folder.path()), "last"), ["last"]);
    edit(&store, "very last");
    assert_eq!(finds(&super::store(folder.path()), "last"), ["very last"]);
}

#[test]
fn a_rebuild_leaves_the_old_tables_to_their_readers_for_a_while() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut store = store(folder.path());
    edit(&store, "old");
    let old = store.view().expect("a view").expect("a commit");
    let rebuild = |store: &LanceStore| {
        let mut writer = store.writer(&recipe(), true).expect("a writer");
        writer.commit(commit(&[("edited.rs", "new")]), &state(true)).expect("a commit");
        writer.finish(&state(true)).expect("a finish");
    };
    rebuild(&store);
    let row = old.chunks().expect("chunks")[0].row;
    assert_eq!(old.texts(&[row]).expect("texts")[0].text, "old");
    assert_eq!(finds(&store, "new"), ["new"]);
    store.limits.keep_ms = 0;
    rebuild(&store);
    let tables = fs::read_dir(store.place.data()).expect("tables").flatten();
    let tables: Vec<_> = tables.filter(|entry| entry.file_name().to_string_lossy().ends_with(".lance")).collect();
    assert!(tables.len() <= 4, "{tables:?}");
    edit(&store, "newest");
    assert_eq!(finds(&store, "newest"), ["newest"]);
}

#[test]
fn commits_close_together_are_retired_as_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = store(folder.path());
    let mut writer = store.writer(&recipe(), false).expect("a writer");
    for round in 0..20 {
        writer.commit(commit(&[("a.rs", &format!("round{round}"))]), &state(false)).expect("a commit");
    }
    let committed = committed(&store);
    assert_eq!(committed.retired.len(), 1);
    assert!(committed.oldest(&committed.chunks.name) < Some(committed.chunks.version));
    assert_eq!(committed.oldest("chunks_99"), None);
}

#[test]
fn every_view_is_whole_while_a_writer_commits() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut store = store(folder.path());
    store.limits = Limits { small_fragments: 3, ..Limits::default() };
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
                    assert_eq!(view.texts(&rows).expect("texts").len(), rows.len());
                    assert_eq!(hits(view.as_ref(), &["shared".to_owned()], 1_000).len(), rows.len() - 1);
                }
            });
        }
        for round in 0..25 {
            let mut writer = store.writer(&recipe(), round == 12).expect("a writer");
            let paths: Vec<String> = (0..=round % 7).map(|index| format!("{index}.rs")).collect();
            let mut made = commit(&[("edited.rs", "start")]);
            for path in &paths {
                let text = format!("shared round{round} {path}");
                made.replace.push(record(path, &text));
                made.chunks.push(chunk(path, 1, &text));
            }
            writer.commit(made, &state(false)).expect("a commit");
            writer.finish(&state(true)).expect("a finish");
        }
        ended.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}

#[test]
fn every_column_is_stored_as_it_was_given() {
    use arrow_array::{RecordBatch, StringArray};
    use futures::TryStreamExt;
    use lancedb::query::ExecutableQuery;
    let folder = tempfile::tempdir().expect("a folder");
    let store = store(folder.path());
    let made = commit(&[("it's.rs", "Alpha Beta")]);
    let given = made.chunks[0].clone();
    store.writer(&recipe(), false).expect("a writer").commit(made, &state(true)).expect("a commit");
    let view = LanceView::open(store.place.clone(), committed(&store), None).expect("a view");
    let batches = store.place.block_on("read", async {
        view.tables().chunks.query().execute().await?.try_collect::<Vec<RecordBatch>>().await
    });
    let batch = &batches.expect("rows")[0];
    let text = |name| rows::column::<StringArray>(batch, name).expect("a column").value(0).to_owned();
    assert_eq!(text("text"), given.chunk.text);
    assert_eq!((text("kind"), text("language")), ("method".to_owned(), "rust".to_owned()));
}

#[test]
fn joining_words_ends_when_nobody_wants_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = store(folder.path());
    fs::create_dir_all(&store.place.dir).expect("the index folder");
    let mut words = words::Words::default();
    for at in 0..3 {
        words.add(&store.place, at + 1, &[chunk("a.rs", 1, "text")]).expect("a segment");
    }
    let mut join = |is_stopped: bool| {
        let stop: Stop = Arc::new(move || is_stopped);
        let joined = words.join(&store.place, 9, 3, [0, 1, 2].into(), &stop);
        (joined, words.names().len())
    };
    assert!(matches!(join(true), (Err(StoreError::Stopped { .. }), 3)));
    assert!(matches!(join(false), (Ok(()), 1)));
}
