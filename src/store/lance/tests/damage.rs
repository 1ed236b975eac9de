//! Broken, missing and foreign pieces: an error that says what to do, or the last commit; no panic.

use super::*;

/// A store with one commit of two files.
fn written(folder: &Path) -> LanceStore {
    let store = store(folder);
    let mut writer = store.writer(&recipe(), false).expect("a writer");
    writer.commit(commit(&[("a.rs", "alpha"), ("b.rs", "beta")]), &state(true)).expect("a commit");
    store
}

fn edit_manifest(folder: &Path, edit: impl Fn(&mut serde_json::Value)) {
    let path = folder.join("index/manifest.json");
    let mut json = serde_json::from_slice(&fs::read(&path).expect("a manifest")).expect("JSON");
    edit(&mut json);
    fs::write(&path, serde_json::to_vec(&json).expect("JSON")).expect("a manifest");
}

fn remedy<T>(result: Result<T, StoreError>) {
    let message = result.err().expect("an error").to_string();
    assert!(message.contains("codescry index --rebuild"), "{message}");
}

#[test]
fn missing_tables_are_an_error_until_a_rebuild() {
    let folder = tempfile::tempdir().expect("a folder");
    written(folder.path());
    fs::remove_dir_all(folder.path().join("index/data")).expect("the data");
    let store = store(folder.path());
    remedy(store.view().map(|_| ()));
    remedy(store.writer(&recipe(), false).map(|_| ()));
    let mut writer = store.writer(&recipe(), true).expect("a writer");
    assert_eq!(writer.commit(commit(&[("c.rs", "gamma")]), &state(true)).expect("a commit").generation, 2);
    assert_eq!(finds(&store, "gamma"), ["gamma"]);
}

#[test]
fn a_missing_version_or_data_file_is_an_error_too() {
    let folder = tempfile::tempdir().expect("a folder");
    written(folder.path());
    edit_manifest(folder.path(), |json| json["files"]["version"] = 77.into());
    remedy(store(folder.path()).view().map(|_| ()));

    let folder = tempfile::tempdir().expect("a folder");
    written(folder.path());
    fs::remove_dir_all(folder.path().join("index/data/chunks_1.lance/data")).expect("the data");
    let view = store(folder.path()).view().expect("a view").expect("a commit");
    remedy(view.chunks());
    remedy(view.texts(&[0]));
}

#[test]
fn missing_or_broken_words_are_an_error_until_a_rebuild() {
    let folder = tempfile::tempdir().expect("a folder");
    written(folder.path());
    let segment = fs::read_dir(folder.path().join("index/words")).expect("words").next().expect("one").expect("one");
    let bytes = fs::read(segment.path()).expect("a segment");
    fs::write(segment.path(), &bytes[..bytes.len() / 2]).expect("half of it");
    remedy(store(folder.path()).view().map(|_| ()));
    fs::remove_file(segment.path()).expect("it is there");
    let store = store(folder.path());
    remedy(store.view().map(|_| ()));
    let mut writer = store.writer(&recipe(), true).expect("a writer");
    writer.commit(commit(&[("c.rs", "gamma")]), &state(true)).expect("a commit");
    assert_eq!(finds(&store, "gamma"), ["gamma"]);
}

#[test]
fn an_index_of_an_earlier_layout_is_made_anew() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = written(folder.path());
    edit_manifest(folder.path(), |json| json["manifest"]["recipe"]["schema_version"] = (SCHEMA_VERSION - 1).into());
    let mut writer = store.writer(&recipe(), false).expect("a writer");
    assert!(writer.base().is_none());
    let manifest = writer.commit(commit(&[("c.rs", "gamma")]), &state(true)).expect("a commit");
    assert_eq!(
        (manifest.generation, finds(&store, "gamma"), finds(&store, "alpha")),
        (2, vec!["gamma".into()], vec![])
    );
}

#[test]
fn a_row_of_another_generation_is_an_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = written(folder.path());
    let view = store.view().expect("a view").expect("a commit");
    let row = view.chunks().expect("chunks")[0].row;
    for foreign in [row + 1_000_000, u64::MAX, 9 << 32] {
        remedy(view.texts(&[row, foreign]));
    }
    assert_eq!(view.texts(&[row, row]).expect("texts").len(), 2, "a row may be asked for twice");
    let mut writer = store.writer(&recipe(), false).expect("a writer");
    let gone = Commit { remove: vec![RepoPath::new("a.rs")], ..Commit::default() };
    writer.commit(gone, &state(true)).expect("a commit");
    remedy(store.view().expect("a view").expect("a commit").texts(&[row]));
    assert_eq!(view.texts(&[row]).expect("texts")[0].text, "alpha", "the view before still has it");
}

#[test]
fn a_newer_program_s_index_is_left_alone_however_different_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = written(folder.path());
    edit_manifest(folder.path(), |json| {
        json["manifest"]["generation"] = 41.into();
        json["manifest"]["recipe"] = serde_json::json!({ "schema_version": 999, "novelty": {} });
    });
    assert!(matches!(store.generation(), Err(StoreError::Newer { found: 999, .. })));
    assert!(matches!(store.view().map(|_| ()), Err(StoreError::Newer { .. })));
    assert!(matches!(store.writer(&recipe(), false).map(|_| ()), Err(StoreError::Newer { .. })));
    let mut writer = store.writer(&recipe(), true).expect("a rebuild");
    assert_eq!(writer.commit(commit(&[("c.rs", "x")]), &state(true)).expect("a commit").generation, 42);
}

#[test]
fn after_a_rebuild_past_a_broken_manifest_no_reader_takes_the_new_index_for_the_old() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = written(folder.path());
    let old = store.view().expect("a view").expect("a commit");
    fs::write(folder.path().join("index/manifest.json"), "").expect("a manifest");
    remedy(store.writer(&recipe(), false).map(|_| ()));
    let mut writer = store.writer(&recipe(), true).expect("a rebuild");
    writer.commit(commit(&[("a.rs", "delta")]), &state(true)).expect("a commit");
    assert!(store.generation().expect("a generation") > old.manifest().generation);
    assert_eq!(old.chunks().expect("chunks").len(), 2, "an open view is not written over");
    assert_eq!(finds(&store, "delta"), ["delta"]);
}

#[test]
fn yesterday_s_manifest_is_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = written(folder.path());
    edit_manifest(folder.path(), |json| {
        let json = json.as_object_mut().expect("an object");
        json.remove("retired");
        json.remove("rows_epoch");
    });
    assert_eq!(finds(&store, "beta"), ["beta"]);
    assert_eq!(store.stamp().expect("a stamp").expect("a commit").rows_epoch, 0);
    let mut writer = store.writer(&recipe(), false).expect("a writer");
    writer.commit(commit(&[("a.rs", "gamma")]), &state(true)).expect("a commit");
    assert_ne!(store.stamp().expect("a stamp").expect("a commit").rows_epoch, 0, "the next commit has an epoch");
}

#[test]
fn a_failed_commit_changes_nothing_and_the_next_one_goes_through() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = store(folder.path());
    let mut writer = store.writer(&recipe(), false).expect("a writer");
    let broken = || {
        let mut broken = commit(&[("a.rs", "lost"), ("b.rs", "lost too")]);
        broken.chunks[1].vector.pop();
        broken
    };
    let error = writer.commit(broken(), &state(true)).expect_err("a vector too short").to_string();
    assert!(error.contains("b.rs has 3 dimensions, the table has 4"), "{error}");
    assert_eq!(store.generation().expect("a generation"), 0);
    writer.commit(commit(&[("a.rs", "alpha"), ("c.rs", "gamma")]), &state(true)).expect("a first commit");
    writer.commit(broken(), &state(true)).expect_err("a vector too short");
    assert_eq!(store.generation().expect("a generation"), 1);
    assert_eq!(finds(&store, "alpha"), ["alpha"]);
    writer.commit(commit(&[("c.rs", "delta")]), &state(true)).expect("a commit");
    writer.finish(&state(true)).expect("a finish");
    let view = store.view().expect("a view").expect("a commit");
    assert_eq!((view.files().expect("files").len(), view.chunks().expect("chunks").len()), (2, 2));
    assert_eq!([finds(&store, "alpha"), finds(&store, "delta")].concat(), ["alpha", "delta"]);
    assert!(finds(&store, "lost").is_empty() && finds(&store, "gamma").is_empty());
}

#[test]
fn a_first_run_that_died_before_its_first_commit_leaves_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = written(folder.path());
    fs::remove_file(folder.path().join("index/manifest.json")).expect("a manifest");
    assert!(store.view().expect("a view").is_none());
    let mut writer = store.writer(&recipe(), false).expect("a writer");
    assert!(writer.base().is_none());
    writer.commit(commit(&[("c.rs", "gamma")]), &state(true)).expect("a commit");
    writer.finish(&state(true)).expect("a finish");
    assert!(finds(&store, "alpha").is_empty());
    assert!(!folder.path().join("index/data/chunks_1.lance").exists(), "what it left behind is removed");
}

#[test]
fn vectors_of_another_width_start_from_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = written(folder.path());
    let wide = Recipe { dimensions: 5, ..recipe() };
    let mut writer = store.writer(&wide, false).expect("a writer");
    assert!(writer.base().is_none());
    let mut made = commit(&[("c.rs", "gamma")]);
    made.chunks[0].vector.push(0.0);
    writer.commit(made, &state(true)).expect("a commit");
    assert!(finds(&store, "alpha").is_empty());
}

#[test]
fn a_folder_may_be_called_anything() {
    for name in ["it's a #folder?", "50% of it", "ünï", "a%20b", "file:x"] {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = folder.path().join(name);
        let store = LanceStore::open(&folder.join("index"), &folder).expect("a store");
        let mut writer = store.writer(&recipe(), false).expect("a writer");
        writer.commit(commit(&[("a.rs", "alpha")]), &state(true)).unwrap_or_else(|error| panic!("{name}: {error}"));
        writer.finish(&state(true)).expect("a finish");
        assert_eq!(finds(&store, "alpha"), ["alpha"], "{name}");
        assert!(folder.join("index/data/chunks_1.lance").is_dir(), "{name}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_folder_that_lancedb_cannot_name_is_refused() {
    use std::os::unix::ffi::OsStrExt;
    let folder = tempfile::tempdir().expect("a folder");
    let odd = folder.path().join(std::ffi::OsStr::from_bytes(b"\xff"));
    let store = LanceStore::open(&odd, folder.path()).expect("a store");
    let error = store.writer(&recipe(), false).err().expect("an error").to_string();
    assert!(error.contains("--index-dir"), "{error}");
}
