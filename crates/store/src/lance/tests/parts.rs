//! Tests of the files of a commit, and of indexes that share them.

use super::*;
use location::SNAPSHOT_CACHE;

/// Returns the paths, texts and vectors of an index's chunks, and checks that the index is intact.
fn rows_of(store: &LanceStore) -> Vec<(String, String, Vec<f32>)> {
    let view = store.view().expect("a view").expect("a commit");
    let chunks = view.chunks().expect("chunks");
    let keys: Vec<_> = chunks.iter().map(|chunk| chunk.row).collect();
    let texts = view.chunk_texts(&keys).expect("texts");
    assert_eq!(view.verify(&CancelToken::default()).expect("verified"), StoreDamage::default());
    let both = chunks.into_iter().zip(texts);
    both.map(|(chunk, text)| (chunk.path.to_string(), text.text, chunk.vector)).collect()
}

fn write(store: &LanceStore, files: &[(&str, &str)]) {
    let mut writer = store.writer(&fingerprint(), false).expect("a writer");
    writer.commit(commit(files), &status(false)).expect("a commit");
    writer.finish(&status(true)).expect("a finish");
}

/// The index of a folder, and the folder of its copy.
struct Copies {
    folder: tempfile::TempDir,
    original: LanceStore,
    copy: LanceStore,
}

impl Copies {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let original = store(folder.path());
        write(&original, &[("a.rs", "alpha shared"), ("b.rs", "beta shared")]);
        write(&original, &[("b.rs", "gamma shared"), ("c.rs", "delta shared")]);
        let copy = LanceStore::open(&folder.path().join("copy"), Path::new("/other")).expect("a store");
        Self { folder, original, copy }
    }

    fn clone_index(&self) -> Result<Manifest, StoreError> {
        LanceStore::clone_index(&self.original.location.dir, &self.copy.location.dir, Path::new("/other"))
    }
}

#[test]
fn a_clone_answers_the_same_and_says_where_it_is_from() {
    let copies = Copies::new();
    let manifest = copies.clone_index().expect("a clone");
    assert_eq!((manifest.root.as_path(), manifest.complete), (Path::new("/other"), false));
    let origin = manifest.origin.clone().expect("an origin");
    assert_eq!((origin.root.as_path(), origin.generation), (copies.folder.path(), 4));
    assert!(manifest.is_unconfirmed_copy());
    assert_eq!(rows_of(&copies.copy), rows_of(&copies.original));
    assert_eq!(texts_with(&copies.copy, "shared").len(), 3);
    let generation = |store: &LanceStore| store.generation().expect("a generation").expect("a commit");
    assert_eq!(
        (generation(&copies.copy).number, generation(&copies.copy).rows_generation),
        (generation(&copies.original).number, generation(&copies.original).rows_generation)
    );
    write(&copies.copy, &[("d.rs", "epsilon")]);
    let view = copies.copy.view().expect("a view").expect("a commit");
    let later = view.manifest().origin.clone().expect("an origin");
    assert!(later.is_confirmed && later.id == origin.id && !view.manifest().is_unconfirmed_copy());
    assert_eq!(copies.clone_index().expect("the commit is kept"), *view.manifest());
}

#[test]
fn neither_index_sees_what_the_other_one_writes() {
    let mut copies = Copies::new();
    copies.clone_index().expect("a clone");
    let limits = MaintenanceLimits { small_fragments: 2, segments: 2, keep_ms: 0, ..MaintenanceLimits::default() };
    (copies.original.limits, copies.copy.limits) = (limits, limits);
    let (mut original, mut copy) = (rows_of(&copies.original), rows_of(&copies.copy));
    for round in 0..6 {
        let (here, there) = (format!("original {round}"), format!("copy {round}"));
        write(&copies.original, &[("a.rs", &here), ("o.rs", &here)]);
        assert_eq!(rows_of(&copies.copy), copy);
        original = rows_of(&copies.original);
        write(&copies.copy, &[("b.rs", &there), ("c.rs", &there)]);
        assert_eq!(rows_of(&copies.original), original);
        copy = rows_of(&copies.copy);
    }
    assert_eq!(copy.iter().map(|row| row.1.as_str()).collect::<Vec<_>>(), ["alpha shared", "copy 5", "copy 5"]);
    let paths: Vec<_> = original.iter().map(|row| row.0.as_str()).collect();
    assert_eq!(paths, ["a.rs", "b.rs", "c.rs", "o.rs"]);
    LanceStore::remove_replaced(&copies.original.location.dir).expect("pruned");
    assert_eq!(rows_of(&copies.copy), copy);
    LanceStore::remove(&copies.original.location.dir).expect("removed");
    assert_eq!(rows_of(&copies.copy), copy);
    write(&copies.copy, &[("e.rs", "last")]);
    assert_eq!(texts_with(&copies.copy, "last"), ["last"]);
}

#[test]
fn a_copy_keeps_the_metadata_of_its_own_files_beside_the_shared_rows() {
    let copies = Copies::new();
    copies.clone_index().expect("a clone");
    let mtimes = |store: &LanceStore| -> Vec<i64> {
        let view = store.view().expect("a view").expect("a commit");
        view.files().expect("files").into_iter().map(|record| record.stat.mtime_ns).collect()
    };
    let unknown = FileStat::CHANGED_TOO_RECENTLY_NS;
    assert_eq!(mtimes(&copies.copy), [unknown; 3], "another tree's metadata does not count");
    let mut writer = copies.copy.writer(&fingerprint(), false).expect("a writer");
    let touch = vec![with_mtime(record("a.rs", "alpha shared"), 70), with_mtime(record("b.rs", "gamma shared"), 80)];
    let before = copies.copy.generation_number().expect("a generation");
    writer.commit(Commit { touch, ..Commit::default() }, &status(false)).expect("a commit");
    assert_eq!(copies.copy.generation_number().expect("a generation"), before, "no reader sees a difference");
    writer.commit(commit(&[("d.rs", "new")]), &status(false)).expect("a commit");
    writer.finish(&status(true)).expect("a finish");
    drop(writer);
    assert_eq!(mtimes(&copies.copy), [70, 80, unknown, 7]);
    assert_eq!(mtimes(&copies.original), [7; 3]);

    let mut problem = with_mtime(record("b.rs", "gamma shared"), FileStat::UNREAD_NS);
    problem.content.outcome = FileOutcome::Indexed { chunks: 1, problem: Some("unread".into()) };
    let mut writer = copies.copy.writer(&fingerprint(), false).expect("a writer");
    writer.commit(Commit { touch: vec![problem], ..Commit::default() }, &status(true)).expect("a commit");
    assert_eq!(mtimes(&copies.copy), [70, FileStat::UNREAD_NS, unknown, 7]);
    let touch = vec![with_mtime(record("b.rs", "gamma shared"), 90)];
    writer.commit(Commit { touch, ..Commit::default() }, &status(true)).expect("a commit");
    assert_eq!(mtimes(&copies.copy), [70, 90, unknown, 7]);
    writer.commit(commit(&[("a.rs", "other")]), &status(true)).expect("a commit");
    assert_eq!(mtimes(&copies.copy), [7, 90, unknown, 7]);
    drop(writer);

    let mut writer = copies.copy.writer(&fingerprint(), true).expect("a rebuild");
    writer.commit(commit(&[("a.rs", "alpha")]), &status(true)).expect("a commit");
    assert!(!copies.copy.location.dir.join("tree-stats").exists());
    assert_eq!(mtimes(&copies.copy), [7]);
}

#[test]
fn an_interrupted_clone_is_no_index_and_is_made_again() {
    let copies = Copies::new();
    let to = &copies.copy.location.dir;
    let parts = LanceStore::list_parts(&copies.original.location.dir).expect("listed").expect("parts");
    for part in &parts.files[..parts.files.len() / 2] {
        let path = to.join(&part.path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, "half").expect("a file");
    }
    assert!(LanceStore::read_manifest(to).expect("no manifest").is_none());
    assert!(copies.copy.view().expect("no view").is_none());
    copies.clone_index().expect("a clone");
    assert_eq!(rows_of(&copies.copy), rows_of(&copies.original));
}

#[test]
fn the_parts_are_all_that_a_copy_needs() {
    let copies = Copies::new();
    let from = &copies.original.location.dir;
    fs::write(from.join(OBJECTS), "ids").expect("a file");
    let parts = LanceStore::list_parts(from).expect("listed").expect("parts");
    assert!(parts.files.iter().any(|part| part.path == OBJECTS && part.size_bytes == 3));
    let fetched = copies.folder.path().join("fetched");
    for part in &parts.files {
        let (path, bytes) = (fetched.join(&part.path), fs::read(from.join(&part.path)).expect("a part"));
        assert_eq!(bytes.len() as u64, part.size_bytes);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, bytes).expect("a file");
    }
    let manifest = parts.manifest_file(Path::new("s3://bucket/base")).expect("a manifest");
    fs::write(fetched.join("manifest.json"), manifest).expect("a file");
    let clone = LanceStore::clone_index(&fetched, &copies.copy.location.dir, Path::new("/other")).expect("a clone");
    assert_eq!(clone.origin.expect("an origin").root, Path::new("s3://bucket/base"));
    assert_eq!(rows_of(&copies.copy), rows_of(&copies.original));
    assert_eq!(LanceStore::list_parts(&copies.folder.path().join("nothing")).expect("no index"), None);
}

#[test]
fn a_missing_part_is_reported_and_leaves_no_index() {
    let copies = Copies::new();
    let parts = LanceStore::list_parts(&copies.original.location.dir).expect("listed").expect("parts");
    fs::remove_file(copies.original.location.dir.join(&parts.files[0].path)).expect("removed");
    assert!(LanceStore::list_parts(&copies.original.location.dir).expect_err("a missing file").is_damage());
    copies.clone_index().expect_err("a missing file");
    assert!(LanceStore::read_manifest(&copies.copy.location.dir).expect("no manifest").is_none());
}

#[test]
fn a_snapshot_cache_of_a_later_commit_is_not_shared() {
    let copies = Copies::new();
    let committed = manifest::read_manifest(&copies.original.location).expect("a manifest").expect("a commit");
    let cache = |rows_generation: u64, generation: u64| {
        let header = [0_u8; 16];
        [&header[..], &rows_generation.to_le_bytes(), &generation.to_le_bytes(), b"rows"].concat()
    };
    let rows = committed.rows_generation;
    for (bytes, is_shared) in [
        (cache(rows, 4), true),
        (cache(rows, 3), true),
        (cache(rows, 5), false),
        (cache(rows + 1, 4), false),
        (vec![], false),
    ] {
        fs::write(copies.original.location.dir.join(SNAPSHOT_CACHE), bytes).expect("a file");
        copies.clone_index().expect("a clone");
        assert_eq!(copies.copy.location.dir.join(SNAPSHOT_CACHE).exists(), is_shared);
        LanceStore::remove(&copies.copy.location.dir).expect("removed");
    }
}

#[test]
fn clones_are_whole_while_the_original_is_written() {
    let mut copies = Copies::new();
    copies.original.limits =
        MaintenanceLimits { small_fragments: 1, segments: 1, keep_ms: 0, ..MaintenanceLimits::default() };
    write(&copies.original, &[("a.rs", "start"), ("b.rs", "start")]);
    let ended = std::sync::atomic::AtomicBool::new(false);
    let (from, folder) = (copies.original.location.dir.clone(), copies.folder.path().to_owned());
    std::thread::scope(|scope| {
        let cloner = scope.spawn(|| {
            let mut made = 0;
            while !ended.load(std::sync::atomic::Ordering::Relaxed) || made < 5 {
                let to = folder.join(format!("clone {made}"));
                LanceStore::clone_index(&from, &to, Path::new("/other")).expect("a clone");
                let clone = LanceStore::open(&to, Path::new("/other")).expect("a store");
                let texts: Vec<_> = rows_of(&clone).into_iter().map(|row| row.1).collect();
                assert!(texts.len() == 3 && texts[0] == texts[1], "{texts:?}");
                made += 1;
            }
        });
        for round in 0..12 {
            let text = format!("round {round}");
            write(&copies.original, &[("a.rs", &text), ("b.rs", &text)]);
        }
        ended.store(true, std::sync::atomic::Ordering::Relaxed);
        cloner.join().expect("no panic");
    });
}

#[test]
fn search_indexes_are_parts_of_a_commit_and_work_in_a_clone() {
    let folder = tempfile::tempdir().expect("a folder");
    let original = store(folder.path()).with_resident_limit(0);
    write(&original, &[("a.rs", "alpha shared"), ("b.rs", "beta shared"), ("c.rs", "gamma shared")]);
    let parts = LanceStore::list_parts(&original.location.dir).expect("parts").expect("a commit");
    let listed: Vec<&str> = parts.files.iter().map(|part| part.path.as_str()).collect();
    let mut folders = vec![original.location.data_dir()];
    while let Some(below) = folders.pop() {
        for entry in fs::read_dir(below).expect("a folder").flatten() {
            let path = entry.path();
            let name = path.strip_prefix(&original.location.dir).expect("below").to_string_lossy().replace('\\', "/");
            if path.is_dir() {
                folders.push(path);
            } else if name.contains("/_indices/") {
                assert!(listed.contains(&name.as_str()), "{name} is not a part");
            }
        }
    }
    let copy = LanceStore::open(&folder.path().join("copy"), Path::new("/other")).expect("a store");
    LanceStore::clone_index(&original.location.dir, &copy.location.dir, Path::new("/other")).expect("a clone");
    let copy = copy.with_resident_limit(0);
    let words = |store: &LanceStore| {
        let view = store.view().expect("a view").expect("a commit");
        let found = view.search_indexes().expect("search indexes");
        let any = crate::RowFilter::default();
        let mut hits = found.find_words(&["beta", "gamma"], false, 10, &any).expect("hits");
        hits.extend(found.find_nearest(&[0.5, -0.5, 0.5, 0.25], 10, &any).expect("hits"));
        hits
    };
    assert_eq!(words(&copy), words(&original));
    assert_eq!(words(&copy).len(), 5);
}
