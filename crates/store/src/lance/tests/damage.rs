//! Tests with damaged, missing and foreign files: the store returns the last commit or an error with a remedy, and
//! never panics.

use super::*;
use platform::sealed_json::seal_json;
use serde_json::json;

/// Returns a store with one commit of two files.
fn store_with_a_commit(folder: &Path) -> LanceStore {
    let store = store(folder);
    let mut writer = store.writer(&fingerprint(), false).expect("a writer");
    writer.commit(commit(&[("a.rs", "alpha"), ("b.rs", "beta")]), &status(true)).expect("a commit");
    store
}

/// Changes fields of the manifest, and updates its checksum.
fn edit_manifest(folder: &Path, edit: impl Fn(&mut serde_json::Value)) {
    let path = folder.join("index/manifest.json");
    let mut json: serde_json::Value = serde_json::from_slice(&fs::read(&path).expect("a manifest")).expect("JSON");
    json.as_object_mut().expect("an object").remove("checksum");
    edit(&mut json);
    fs::write(&path, seal_json(&serde_json::to_string_pretty(&json).expect("JSON"))).expect("a manifest");
}

/// Writes these bytes as the manifest and as its copy.
fn break_manifest(folder: &Path, bytes: &[u8]) {
    for name in ["manifest.json", "manifest.copy.json"] {
        fs::write(folder.join("index").join(name), bytes).expect("a manifest");
    }
}

fn assert_suggests_repair<T>(result: Result<T, StoreError>) {
    let error = result.err().expect("an error");
    let message = error.to_string();
    assert!(error.is_damage() && message.contains("index_project"), "{message}");
    assert!(!message.contains(".rs:"), "a location in source code: {message}");
}

#[test]
fn missing_tables_are_an_error_until_a_rebuild() {
    let folder = tempfile::tempdir().expect("a folder");
    store_with_a_commit(folder.path());
    fs::remove_dir_all(folder.path().join("index/data")).expect("the data");
    let store = store(folder.path());
    assert_suggests_repair(store.view().map(|_| ()));
    assert_suggests_repair(store.writer(&fingerprint(), false).map(|_| ()));
    let mut writer = store.writer(&fingerprint(), true).expect("a writer");
    assert_eq!(writer.commit(commit(&[("c.rs", "gamma")]), &status(true)).expect("a commit").generation, 2);
    assert_eq!(texts_with(&store, "gamma"), ["gamma"]);
}

#[test]
fn a_missing_version_or_data_file_is_an_error_too() {
    let folder = tempfile::tempdir().expect("a folder");
    store_with_a_commit(folder.path());
    edit_manifest(folder.path(), |json| json["files"]["version"] = 77.into());
    assert_suggests_repair(store(folder.path()).view().map(|_| ()));

    let folder = tempfile::tempdir().expect("a folder");
    store_with_a_commit(folder.path());
    fs::remove_dir_all(folder.path().join("index/data/chunks_1.lance/data")).expect("the data");
    assert_suggests_repair(store(folder.path()).view().map(|_| ()));
}

#[test]
fn missing_or_broken_segments_are_an_error_until_a_rebuild() {
    let folder = tempfile::tempdir().expect("a folder");
    store_with_a_commit(folder.path());
    let segment = fs::read_dir(folder.path().join("index/words")).expect("words").next().expect("one").expect("one");
    let bytes = fs::read(segment.path()).expect("a segment");
    fs::write(segment.path(), &bytes[..bytes.len() / 2]).expect("half of it");
    assert_suggests_repair(store(folder.path()).view().map(|_| ()));
    fs::remove_file(segment.path()).expect("it is there");
    let store = store(folder.path());
    assert_suggests_repair(store.view().map(|_| ()));
    let mut writer = store.writer(&fingerprint(), true).expect("a writer");
    writer.commit(commit(&[("c.rs", "gamma")]), &status(true)).expect("a commit");
    assert_eq!(texts_with(&store, "gamma"), ["gamma"]);
}

#[test]
fn an_index_of_an_earlier_layout_is_rebuilt() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = store_with_a_commit(folder.path());
    edit_manifest(folder.path(), |json| json["manifest"]["recipe"]["schema_version"] = (SCHEMA_VERSION - 1).into());
    let mut writer = store.writer(&fingerprint(), false).expect("a writer");
    assert!(writer.base().is_none());
    let manifest = writer.commit(commit(&[("c.rs", "gamma")]), &status(true)).expect("a commit");
    assert_eq!(
        (manifest.generation, texts_with(&store, "gamma"), texts_with(&store, "alpha")),
        (2, vec!["gamma".into()], vec![])
    );
}

#[test]
fn a_row_of_another_generation_is_an_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = store_with_a_commit(folder.path());
    let view = store.view().expect("a view").expect("a commit");
    let row = view.chunks().expect("chunks")[0].row;
    for foreign in [row + 1_000_000, u64::MAX, 9 << 32] {
        assert_suggests_repair(view.chunk_texts(&[row, foreign]));
    }
    assert_eq!(view.chunk_texts(&[row, row]).expect("texts").len(), 2, "a row may be asked for twice");
    let mut writer = store.writer(&fingerprint(), false).expect("a writer");
    let gone = Commit { remove: vec![RepoPath::new("a.rs")], ..Commit::default() };
    writer.commit(gone, &status(true)).expect("a commit");
    assert_suggests_repair(store.view().expect("a view").expect("a commit").chunk_texts(&[row]));
    assert_eq!(view.chunk_texts(&[row]).expect("texts")[0].text, "alpha", "the view before still has it");
}

#[test]
fn an_index_of_a_newer_program_is_not_changed_without_a_rebuild() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = store_with_a_commit(folder.path());
    edit_manifest(folder.path(), |json| {
        json["manifest"]["generation"] = 41.into();
        json["manifest"]["recipe"] = serde_json::json!({ "schema_version": 999, "novelty": {} });
    });
    assert!(matches!(store.generation_number(), Err(StoreError::Newer { found: 999, .. })));
    assert!(matches!(store.view().map(|_| ()), Err(StoreError::Newer { .. })));
    assert!(matches!(store.writer(&fingerprint(), false).map(|_| ()), Err(StoreError::Newer { .. })));
    let mut writer = store.writer(&fingerprint(), true).expect("a rebuild");
    assert_eq!(writer.commit(commit(&[("c.rs", "x")]), &status(true)).expect("a commit").generation, 42);
}

#[test]
fn a_rebuild_over_a_broken_manifest_gets_a_higher_generation() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = store_with_a_commit(folder.path());
    let old = store.view().expect("a view").expect("a commit");
    break_manifest(folder.path(), b"");
    assert_suggests_repair(store.writer(&fingerprint(), false).map(|_| ()));
    let mut writer = store.writer(&fingerprint(), true).expect("a rebuild");
    writer.commit(commit(&[("a.rs", "delta")]), &status(true)).expect("a commit");
    assert!(store.generation_number().expect("a generation") > old.manifest().generation);
    assert_eq!(old.chunks().expect("chunks").len(), 2, "an open view is not overwritten");
    assert_eq!(texts_with(&store, "delta"), ["delta"]);
}

#[test]
fn a_manifest_without_the_newest_fields_is_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = store_with_a_commit(folder.path());
    edit_manifest(folder.path(), |json| {
        let json = json.as_object_mut().expect("an object");
        json.remove("retired");
        json.remove("rows_epoch");
    });
    assert_eq!(texts_with(&store, "beta"), ["beta"]);
    assert_eq!(store.generation().expect("a generation").expect("a commit").rows_generation, 0);
    let mut writer = store.writer(&fingerprint(), false).expect("a writer");
    writer.commit(commit(&[("a.rs", "gamma")]), &status(true)).expect("a commit");
    assert_ne!(
        store.generation().expect("a generation").expect("a commit").rows_generation,
        0,
        "the next commit has a rows generation"
    );
}

#[test]
fn a_failed_commit_changes_nothing_and_the_next_commit_succeeds() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = store(folder.path());
    let mut writer = store.writer(&fingerprint(), false).expect("a writer");
    let broken = || {
        let mut broken = commit(&[("a.rs", "lost"), ("b.rs", "lost too")]);
        broken.chunks[1].vector.pop();
        broken
    };
    let error = writer.commit(broken(), &status(true)).expect_err("a vector too short").to_string();
    assert!(error.contains("b.rs has 3 dimensions, the table has 4"), "{error}");
    assert_eq!(store.generation_number().expect("a generation"), 0);
    writer.commit(commit(&[("a.rs", "alpha"), ("c.rs", "gamma")]), &status(true)).expect("a first commit");
    writer.commit(broken(), &status(true)).expect_err("a vector too short");
    assert_eq!(store.generation_number().expect("a generation"), 1);
    assert_eq!(texts_with(&store, "alpha"), ["alpha"]);
    writer.commit(commit(&[("c.rs", "delta")]), &status(true)).expect("a commit");
    writer.finish(&status(true)).expect("a finish");
    let view = store.view().expect("a view").expect("a commit");
    assert_eq!((view.files().expect("files").len(), view.chunks().expect("chunks").len()), (2, 2));
    assert_eq!([texts_with(&store, "alpha"), texts_with(&store, "delta")].concat(), ["alpha", "delta"]);
    assert!(texts_with(&store, "lost").is_empty() && texts_with(&store, "gamma").is_empty());
}

#[test]
fn tables_of_a_run_that_died_before_its_first_commit_are_removed() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = store_with_a_commit(folder.path());
    fs::remove_file(folder.path().join("index/manifest.json")).expect("a manifest");
    assert!(store.view().expect("a view").is_none());
    let mut writer = store.writer(&fingerprint(), false).expect("a writer");
    assert!(writer.base().is_none());
    writer.commit(commit(&[("c.rs", "gamma")]), &status(true)).expect("a commit");
    writer.finish(&status(true)).expect("a finish");
    assert!(texts_with(&store, "alpha").is_empty());
    assert!(!folder.path().join("index/data/chunks_1.lance").exists(), "the tables of the dead run are removed");
}

#[test]
fn another_number_of_dimensions_starts_an_empty_store() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = store_with_a_commit(folder.path());
    let wide = IndexFingerprint { dimensions: 5, ..fingerprint() };
    let mut writer = store.writer(&wide, false).expect("a writer");
    assert!(writer.base().is_none());
    let mut made = commit(&[("c.rs", "gamma")]);
    made.chunks[0].vector.push(0.0);
    writer.commit(made, &status(true)).expect("a commit");
    assert!(texts_with(&store, "alpha").is_empty());
}

#[test]
fn an_index_folder_may_have_any_utf8_name() {
    for name in ["it's a #folder?", "50% of it", "ünï", "a%20b", "file:x"] {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = folder.path().join(name);
        let store = LanceStore::open(&folder.join("index"), &folder).expect("a store");
        let mut writer = store.writer(&fingerprint(), false).expect("a writer");
        writer.commit(commit(&[("a.rs", "alpha")]), &status(true)).unwrap_or_else(|error| panic!("{name}: {error}"));
        writer.finish(&status(true)).expect("a finish");
        assert_eq!(texts_with(&store, "alpha"), ["alpha"], "{name}");
        assert!(folder.join("index/data/chunks_1.lance").is_dir(), "{name}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn an_index_folder_whose_path_is_not_utf8_is_refused() {
    use std::os::unix::ffi::OsStrExt;
    let folder = tempfile::tempdir().expect("a folder");
    let odd = folder.path().join(std::ffi::OsStr::from_bytes(b"\xff"));
    let store = LanceStore::open(&odd, folder.path()).expect("a store");
    let error = store.writer(&fingerprint(), false).err().expect("an error").to_string();
    assert!(error.contains("--index-dir"), "{error}");
}

/// Replaces the first occurrence of `from` in the data files of a table by `to`, which has the same length. The tables
/// of these tests are not compressed.
fn change_stored_bytes(folder: &Path, table: &str, from: &[u8], to: &[u8]) {
    assert_eq!(from.len(), to.len());
    let data = folder.join("index/data").join(table).join("data");
    for entry in fs::read_dir(&data).expect("the data").flatten() {
        let mut bytes = fs::read(entry.path()).expect("a data file");
        if let Some(at) = bytes.windows(from.len()).position(|window| window == from) {
            bytes[at..at + to.len()].copy_from_slice(to);
            return fs::write(entry.path(), bytes).expect("written");
        }
    }
    panic!("{table} does not contain {from:?}");
}

#[test]
fn damaged_chunks_are_left_out_and_a_damaged_file_record_is_an_error() {
    let folder = tempfile::tempdir().expect("a folder");
    store_with_a_commit(folder.path());
    change_stored_bytes(folder.path(), "chunks_1.lance", b"alpha", b"alpaa");
    let view = store(folder.path()).view().expect("a view").expect("a commit");
    let chunks = view.chunks().expect("the heads are intact");
    assert!(!view.has_met_damage(), "nothing damaged was read");
    let texts = view.chunk_texts(&[chunks[0].row, chunks[1].row]).expect("texts");
    assert_eq!(texts[0], ChunkText { is_damaged: true, ..ChunkText::default() });
    assert_eq!((texts[1].text.as_str(), texts[1].is_damaged), ("beta", false));
    assert!(view.has_met_damage());
    let found = view.verify(&CancelToken::default()).expect("readable");
    assert_eq!(found, StoreDamage { files: [RepoPath::new("a.rs")].into(), ..StoreDamage::default() });

    let folder = tempfile::tempdir().expect("a folder");
    store_with_a_commit(folder.path());
    change_stored_bytes(folder.path(), "chunks_1.lance", b"Store.Inner", b"Store.Outer");
    let view = store(folder.path()).view().expect("a view").expect("a commit");
    assert!(!view.has_met_damage(), "nothing damaged was read");
    // Both rows have the container, which is stored once.
    assert!(view.chunks().expect("it is readable").is_empty() && view.has_met_damage());
    assert!(view.chunks_by_key(&view.row_keys().expect("the keys")).expect("it is readable").is_empty());
    assert!(view.verify(&CancelToken::default()).expect("readable").whole.is_some());

    let folder = tempfile::tempdir().expect("a folder");
    store_with_a_commit(folder.path());
    change_stored_bytes(folder.path(), "files_1.lance", b"b.rs", b"c.rs");
    let view = store(folder.path()).view().expect("a view").expect("a commit");
    assert_suggests_repair(view.files());
    assert!(view.verify(&CancelToken::default()).expect("readable").whole.is_some());
}

#[test]
fn a_damaged_posting_list_is_left_out_and_found_by_a_check() {
    let folder = tempfile::tempdir().expect("a folder");
    store_with_a_commit(folder.path());
    let segment = fs::read_dir(folder.path().join("index/words")).expect("words").next().expect("one").expect("one");
    let mut bytes = fs::read(segment.path()).expect("a segment");
    *bytes.last_mut().expect("a byte") ^= 1;
    fs::write(segment.path(), bytes).expect("written");
    let view = store(folder.path()).view().expect("a view").expect("its head is intact");
    let index = view.inverted_index();
    let found = ["alpha", "beta", "open", "rs", "store", "inner", "it", "s", "quoted", "fn", "a", "b"]
        .iter()
        .map(|word| index.score_postings(inverted_index::hash_term(word), |_| {}).expect("it is readable"))
        .filter(|idf| *idf > 0.0)
        .count();
    assert!(found > 5 && view.has_met_damage(), "one of the lists is damaged");
    let damage = view.verify(&CancelToken::default()).expect("readable").whole.expect("damage");
    let name = segment.file_name().to_string_lossy().into_owned();
    assert!(damage.contains(&name), "{damage}");
}

#[test]
fn the_copy_of_a_damaged_manifest_is_used() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = store_with_a_commit(folder.path());
    let path = folder.path().join("index/manifest.json");
    let intact = fs::read(&path).expect("a manifest");
    for bit in (0..intact.len() * 8).step_by(7) {
        let mut damaged = intact.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        fs::write(&path, &damaged).expect("written");
        assert_eq!(store.generation_number().unwrap_or_else(|error| panic!("bit {bit}: {error}")), 1);
    }
    assert_eq!(texts_with(&store, "beta"), ["beta"]);
    let view = store.view().expect("a view").expect("a commit");
    let found = view.verify(&CancelToken::default()).expect("readable");
    assert_eq!(found, StoreDamage { is_manifest_damaged: true, ..StoreDamage::default() });
    store.writer(&fingerprint(), false).expect("a writer").finish(&status(true)).expect("a commit");
    let view = store.view().expect("a view").expect("a commit");
    assert!(view.verify(&CancelToken::default()).expect("readable").is_empty());
    break_manifest(folder.path(), &intact[..intact.len() / 2]);
    assert_suggests_repair(store.generation());
}

#[test]
fn a_file_of_another_program_is_not_replaced_without_a_request() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir(folder.path().join("index")).expect("a folder");
    fs::write(folder.path().join("index/manifest.json"), r#"{ "manifest_version": 3 }"#).expect("a file");
    let error = store(folder.path()).view().err().expect("an error");
    assert!(!error.is_damage() && error.to_string().contains("--rebuild"), "{error}");
}

#[test]
fn lost_doubled_and_restored_rows_are_noticed() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = store_with_a_commit(folder.path());
    let mut writer = store.writer(&fingerprint(), false).expect("a writer");
    writer.commit(commit(&[("a.rs", "gamma"), ("c.rs", "delta")]), &status(true)).expect("a commit");
    drop(writer);
    assert!(
        store.view().expect("a view").expect("a commit").verify(&CancelToken::default()).expect("readable").is_empty()
    );
    // Versions before and after the deletion of the old row of `a.rs`, and before the new rows were added.
    let committed = manifest::read_manifest(&store.location).expect("a manifest").expect("a commit");
    for version in 1..committed.chunks.version {
        edit_manifest(folder.path(), |json| json["chunks"] = json!({ "name": "chunks_1", "version": version }));
        let view = LanceStore::open(&folder.path().join("index"), folder.path()).expect("a store").view();
        let view = view.expect("the version is there").expect("a commit");
        assert_suggests_repair(view.row_keys());
        assert_suggests_repair(view.chunks());
    }
    edit_manifest(folder.path(), |json| json["chunks"] = serde_json::to_value(&committed.chunks).expect("JSON"));
    for version in 1..committed.files.version {
        edit_manifest(folder.path(), |json| json["files"] = json!({ "name": "files_1", "version": version }));
        let view = LanceStore::open(&folder.path().join("index"), folder.path()).expect("a store").view();
        assert_suggests_repair(view.expect("the version is there").expect("a commit").files());
    }
}

#[test]
fn no_flipped_bit_of_the_metadata_reaches_the_engine() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = store_with_a_commit(folder.path());
    let mut writer = store.writer(&fingerprint(), false).expect("a writer");
    writer.commit(commit(&[("a.rs", "gamma")]), &status(true)).expect("a commit");
    drop(writer);
    let committed = manifest::read_manifest(&store.location).expect("a manifest").expect("a commit");
    let names: Vec<&String> = committed.chunks.metadata.keys().collect();
    for part in ["_versions/", "_deletions/", "data/"] {
        assert!(names.iter().any(|name| name.starts_with(part)), "{names:?}");
    }
    for name in committed.chunks.metadata.keys() {
        let path = folder.path().join("index/data/chunks_1.lance").join(name);
        let intact = fs::read(&path).expect("a file");
        // The metadata of a data file is at its end.
        let start = if name.starts_with("data/") { intact.len() - 400 } else { 0 };
        for bit in (start * 8..intact.len() * 8).step_by(5) {
            let mut damaged = intact.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            fs::write(&path, damaged).expect("written");
            let opened = LanceStore::open(&folder.path().join("index"), folder.path()).expect("a store");
            assert_suggests_repair(opened.view().map(drop));
        }
        fs::write(&path, intact).expect("written");
    }
    assert_eq!(store.view().expect("a view").expect("a commit").chunks().expect("chunks").len(), 2);
}
