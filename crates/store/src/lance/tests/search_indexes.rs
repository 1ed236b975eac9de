//! Tests of the search indexes: rows that they find after each kind of commit, and a crash while they are built.

use super::*;
use crate::inverted_index::{definition_key, file_key, hash_term};
use crate::{FileHit, RowFilter, SearchIndexes};
use location::SNAPSHOT_CACHE;

fn searched_store(folder: &Path) -> LanceStore {
    store(folder).with_resident_limit(0)
}

fn write(store: &LanceStore, files: &[(&str, &str)]) {
    let mut writer = store.writer(&fingerprint(), false).expect("a writer");
    writer.commit(commit(files), &status(false)).expect("a commit");
    writer.finish(&status(true)).expect("a finish");
}

fn indexes(store: &LanceStore) -> Arc<dyn SearchIndexes> {
    let view = store.view().expect("a view").expect("a commit");
    view.search_indexes().expect("search indexes")
}

fn paths(hits: Vec<FileHit>) -> Vec<String> {
    let mut paths: Vec<String> = hits.into_iter().map(|hit| hit.path.to_string()).collect();
    paths.sort();
    paths
}

fn with_word(store: &LanceStore, word: &str) -> Vec<String> {
    paths(indexes(store).find_words(&[word], true, 10, &RowFilter::default()).expect("hits"))
}

fn files(count: usize) -> Vec<(String, String)> {
    (0..count).map(|at| (format!("src/part{}/file{at}.rs", at % 3), format!("shared word{at}"))).collect()
}

fn borrowed(files: &[(String, String)]) -> Vec<(&str, &str)> {
    files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect()
}

#[test]
fn rows_are_found_by_words_names_and_vectors() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = searched_store(folder.path());
    let files = files(9);
    write(&store, &borrowed(&files));
    let found = indexes(&store);
    assert_eq!(with_word(&store, "word4"), ["src/part1/file4.rs"]);
    assert_eq!(with_word(&store, &file_key("FILE7.rs")), ["src/part1/file7.rs"]);
    assert_eq!(with_word(&store, &definition_key("Open")).len(), 9);
    let any = RowFilter::default();
    let either = found.find_words(&["word1", "word2", "nowhere"], false, 10, &any).expect("hits");
    assert_eq!(paths(either), ["src/part1/file1.rs", "src/part2/file2.rs"]);
    assert!(found.find_words(&["word1", "word2"], true, 10, &any).expect("hits").is_empty());
    let parts = vec!["src/part1".to_owned(), "src/part2/file2.rs".to_owned()];
    let below = RowFilter { below: vec![parts], ..RowFilter::default() };
    let all = ["src/part1/file1.rs", "src/part1/file4.rs", "src/part1/file7.rs", "src/part2/file2.rs"];
    assert_eq!(paths(found.find_words(&["shared"], true, 10, &below).expect("hits")), all);
    assert_eq!(paths(found.find_nearest(&[0.5, -0.5, 0.5, 0.25], 10, &below).expect("hits")), all);
    let only = RowFilter { files: Some(vec![all[1].to_owned(), "nowhere".to_owned()]), ..below.clone() };
    assert_eq!(paths(found.find_nearest(&[0.5, -0.5, 0.5, 0.25], 10, &only).expect("hits")), [all[1]]);
    let none = RowFilter { languages: Some(vec![types::Language("go")]), ..RowFilter::default() };
    assert!(found.find_words(&["shared"], true, 10, &none).expect("hits").is_empty());
    let chunks =
        found.read_chunks_of(&[RepoPath::new("src/part1/file4.rs"), RepoPath::new("nowhere")], None).expect("chunks");
    let [(read, terms)] = chunks.as_slice() else { panic!("one chunk") };
    assert_eq!(*terms, Terms::from_chunk(&chunk("src/part1/file4.rs", 1, "shared word4").chunk));
    assert_eq!((read.symbol.as_str(), read.vector.len()), ("open", 4));
    assert_eq!(found.read_records_of(&[RepoPath::new("src/part1/file4.rs")]).expect("records").len(), 1);
    let mut listed = 0;
    found.for_each_path(&mut |_| listed += 1).expect("paths");
    assert_eq!(listed, 9);
}

#[test]
fn the_statistics_are_those_of_the_inverted_index() {
    let folder = tempfile::tempdir().expect("a folder");
    let searched = searched_store(folder.path());
    write(&searched, &borrowed(&files(5)));
    write(&searched, &[("src/more.rs", "shared again")]);
    let found = indexes(&searched);
    let whole = store(folder.path()).view().expect("a view").expect("a commit");
    assert_eq!(found.corpus_statistics().expect("statistics").docs, whole.inverted_index().docs());
    for word in ["shared", "word3", "again", "open", "nowhere"] {
        let mut documents = 0;
        whole.inverted_index().score_postings(hash_term(word), |_| documents += 1).expect("postings");
        assert_eq!(found.document_frequency(hash_term(word)).expect("a frequency"), documents, "{word}");
    }
}

#[test]
fn changes_are_found_before_the_indexes_are_updated() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = searched_store(folder.path());
    let files = files(9);
    write(&store, &borrowed(&files));
    write(&store, &[("src/part1/file4.rs", "changed text"), ("new.rs", "shared fresh")]);
    assert!(with_word(&store, "word4").is_empty(), "replaced");
    assert_eq!(with_word(&store, "changed"), ["src/part1/file4.rs"]);
    assert_eq!(with_word(&store, "fresh"), ["new.rs"]);
    assert_eq!(with_word(&store, "shared").len(), 9);
    let mut writer = store.writer(&fingerprint(), false).expect("a writer");
    let removed = Commit { remove: vec![RepoPath::new("new.rs")], ..Commit::default() };
    writer.commit(removed, &status(true)).expect("a commit");
    drop(writer);
    assert!(with_word(&store, "fresh").is_empty(), "removed");
    let nearest = indexes(&store).find_nearest(&[0.5, -0.5, 0.5, 0.25], 20, &RowFilter::default()).expect("hits");
    assert_eq!(nearest.len(), 9);
    let view = store.view().expect("a view").expect("a commit");
    assert_eq!(view.verify(&CancelToken::default()).expect("verified"), StoreDamage::default());
}

#[test]
fn a_table_that_grows_in_small_steps_gets_more_partitions() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = searched_store(folder.path());
    let all = files(6_000);
    let partitions = || {
        let view = LanceView::open(store.location.clone(), committed(&store), None).expect("a view");
        store
            .location
            .block_on("count", tables::search_indexes::count_partitions(&view.tables().chunks))
            .expect("a count")
    };
    write(&store, &borrowed(&all[..3_000]));
    assert_eq!(partitions(), Some(1));
    write(&store, &borrowed(&all[3_000..]));
    assert_eq!(partitions(), Some(77), "the square root of the number of rows");
    assert_eq!(with_word(&store, "word4321"), ["src/part1/file4321.rs"]);
}

#[test]
fn a_store_within_the_limit_has_no_search_indexes() {
    let folder = tempfile::tempdir().expect("a folder");
    let small = store(folder.path()).with_resident_limit(9);
    write(&small, &borrowed(&files(9)));
    let view = small.view().expect("a view").expect("a commit");
    assert!(view.search_indexes().is_none());
    let view = searched_store(folder.path()).view().expect("a view").expect("a commit");
    assert!(view.lacks_search_indexes().expect("an answer"));
    write(&searched_store(folder.path()), &[]);
    let view = small.view().expect("a view").expect("a commit");
    assert!(view.search_indexes().is_none(), "few enough chunks for this reader");
    assert_eq!(texts_with(&small, "word3").len(), 1);
}

#[test]
fn a_crash_while_the_indexes_are_built_changes_no_answer() {
    let folder = tempfile::tempdir().expect("a folder");
    let searched = searched_store(folder.path());
    write(&store(folder.path()), &borrowed(&files(9)));
    let build = |steps: usize| {
        let writer =
            LanceWriter::open(searched.location.clone(), fingerprint(), searched.limits, false, ViewSlot::default())
                .expect("a writer");
        writer.build_search_indexes_partly(steps).expect("built");
        // The writer ends without a commit, as in a crash.
    };
    for steps in 0..=6 {
        build(steps);
        let view = searched.view().expect("a view").expect("a commit");
        assert!(Arc::clone(&view).search_indexes().is_none(), "{steps}: nothing is published");
        assert_eq!(texts_with(&searched, "word3"), ["shared word3"], "{steps}");
        assert_eq!(view.verify(&CancelToken::default()).expect("verified"), StoreDamage::default(), "{steps}");
    }
    write(&searched, &[("after.rs", "shared after")]);
    assert_eq!(with_word(&searched, "after"), ["after.rs"]);
    assert_eq!(with_word(&searched, "word3"), ["src/part0/file3.rs"]);
}

#[test]
fn a_copy_has_the_search_indexes() {
    let folder = tempfile::tempdir().expect("a folder");
    let searched = searched_store(folder.path());
    write(&searched, &borrowed(&files(9)));
    let parts = LanceStore::list_parts(&searched.location.dir).expect("listed").expect("a commit");
    assert!(parts.files.iter().any(|part| part.path.contains("_indices/")), "{:?}", parts.files);
    assert!(!parts.files.iter().any(|part| part.path == SNAPSHOT_CACHE));
    let copy = folder.path().join("copy");
    LanceStore::clone_index(&searched.location.dir, &copy, folder.path()).expect("a clone");
    fs::remove_dir_all(&searched.location.dir).expect("removed");
    let copy = LanceStore::open(&copy, folder.path()).expect("a store").with_resident_limit(0);
    assert_eq!(with_word(&copy, "word5"), ["src/part2/file5.rs"]);
    write(&copy, &[("new.rs", "shared fresh")]);
    assert_eq!(with_word(&copy, "fresh"), ["new.rs"]);
}

#[test]
fn compaction_and_updates_keep_rows_found() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut searched = searched_store(folder.path());
    searched.limits.small_fragments = 2;
    for round in 0..6 {
        let files: Vec<(String, String)> =
            (0..30).map(|at| (format!("r{round}/f{at}.rs"), format!("shared r{round}f{at} text"))).collect();
        write(&searched, &borrowed(&files));
        write(&searched, &[("r0/f0.rs", &format!("edited round{round}"))]);
        assert_eq!(with_word(&searched, &format!("round{round}")), ["r0/f0.rs"]);
        for at in [1, 29] {
            assert_eq!(with_word(&searched, &format!("r{round}f{at}")), [format!("r{round}/f{at}.rs")]);
            assert_eq!(with_word(&searched, &format!("r0f{at}")), [format!("r0/f{at}.rs")]);
        }
    }
    let all = indexes(&searched).find_nearest(&[0.5, -0.5, 0.5, 0.25], 500, &RowFilter::default()).expect("hits");
    assert_eq!(all.len(), 180);
}

#[test]
fn the_files_of_another_index_in_the_same_folder_are_checked_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = searched_store(folder.path());
    write(&store, &[("a.rs", "alpha")]);
    assert_eq!(with_word(&store, "alpha"), ["a.rs"]);
    let mut other = committed(&store);
    let name = other.files.metadata.keys().find(|name| name.starts_with("data/")).expect("a data file");
    let file = store.location.table_folder(&other.files.name).join(name);
    let mut bytes = fs::read(&file).expect("a data file");
    *bytes.last_mut().expect("a byte") ^= 1;
    fs::write(&file, bytes).expect("written");
    other.rows_generation ^= 1;
    manifest::publish_manifest(&store.location, &other).expect("a manifest");
    assert!(store.view().err().expect("a damaged file").is_damage());
}
