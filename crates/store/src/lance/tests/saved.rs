//! Tests of saved trees: commits that stay readable, and to which a writer returns.

use super::*;
use crate::SavedTree;

fn status_at(head: &str) -> CommitStatus {
    CommitStatus { head: Some(head.to_owned()), ..status(true) }
}

fn sample(word: &str) -> Vec<(String, String)> {
    vec![("a.rs".to_owned(), word.to_owned())]
}

fn committed(store: &LanceStore) -> CommitRecord {
    manifest::read_manifest(&store.location).expect("a manifest").expect("a commit")
}

/// Writes the files of a branch and saves the tree that was there before.
fn switch(store: &LanceStore, head: &str, word: &str) {
    let mut writer = store.writer(&fingerprint(), false).expect("a writer");
    let files: Vec<(String, String)> = (0..5).map(|at| (format!("{at}.rs"), format!("{word} shared{at}"))).collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    writer.commit(commit(&files), &status(false)).expect("a commit");
    writer.save_tree(sample(word));
    writer.finish(&status_at(head)).expect("a finish");
}

/// Returns to a saved tree, with one touched file, and saves the tree that was there before.
fn switch_back(store: &LanceStore, generation: u64, head: &str) {
    let mut writer = store.writer(&fingerprint(), false).expect("a writer");
    assert!(writer.restore_tree(generation).expect("it is readable"));
    writer.save_tree(sample("left"));
    let base = writer.base().expect("the saved tree").files().expect("files");
    writer
        .commit(Commit { touch: vec![with_mtime(base[0].clone(), 99)], ..Commit::default() }, &status(false))
        .expect("a commit");
    writer.finish(&status_at(head)).expect("a finish");
}

fn saved(store: &LanceStore) -> Vec<(u64, SavedTree)> {
    store.view().expect("a view").expect("a commit").saved_trees()
}

fn keys(store: &LanceStore) -> Vec<RowKey> {
    store.view().expect("a view").expect("a commit").row_keys().expect("keys")
}

#[test]
fn a_switch_and_its_return_show_the_rows_of_each_tree() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut store = store(folder.path());
    // Replaced commits expire at once, so that only what is saved stays.
    store.limits = MaintenanceLimits { keep_ms: 0, ..MaintenanceLimits::default() };
    switch(&store, "one", "first");
    assert!(saved(&store).is_empty(), "there was nothing to save");
    let first_keys = keys(&store);
    switch(&store, "two", "second");
    let (generation, tree) = saved(&store)[0].clone();
    assert_eq!((tree.head.as_str(), tree.sample), ("one", sample("second")));
    assert_eq!((texts_with(&store, "first").len(), texts_with(&store, "second").len()), (0, 5));
    let (second_keys, rows_generation) = (keys(&store), committed(&store).rows_generation);

    switch_back(&store, generation, "one");
    assert_eq!((texts_with(&store, "first").len(), texts_with(&store, "second").len()), (5, 0));
    assert_eq!((keys(&store), committed(&store).rows_generation), (first_keys, rows_generation), "they mean the same");
    let trees = saved(&store);
    assert_eq!(trees.iter().map(|(_, tree)| tree.head.as_str()).collect::<Vec<_>>(), ["two"]);
    assert_eq!(store.view().expect("a view").expect("a commit").manifest().head.as_deref(), Some("one"));

    // New rows after a return have keys that no tree has used.
    let mut writer = store.writer(&fingerprint(), false).expect("a writer");
    writer.commit(commit(&[("new.rs", "third")]), &status(false)).expect("a commit");
    writer.finish(&status_at("one")).expect("a finish");
    drop(writer);
    let new: Vec<RowKey> = keys(&store).into_iter().filter(|key| second_keys.contains(key)).collect();
    assert_eq!(new, Vec::<RowKey>::new());
    switch_back(&store, trees[0].0, "two");
    assert_eq!((texts_with(&store, "third").len(), texts_with(&store, "second").len()), (0, 5));
    assert_eq!(keys(&store), second_keys);
    let damage = store.view().expect("a view").expect("a commit").verify(&CancelToken::default()).expect("readable");
    assert_eq!(damage, StoreDamage::default());
}

#[test]
fn a_return_that_ends_early_changes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = store(folder.path());
    switch(&store, "one", "first");
    switch(&store, "two", "second");
    let (generation, _) = saved(&store)[0].clone();
    let before = committed(&store);
    for steps in 0..2 {
        let mut writer = store.writer(&fingerprint(), false).expect("a writer");
        assert!(writer.restore_tree(generation).expect("it is readable"));
        assert!(!writer.restore_tree(77).expect("the last commit is readable"), "there is no such tree");
        if steps > 0 {
            let cancel = CancelToken::default();
            cancel.cancel();
            writer.set_cancel_token(cancel);
            writer.commit(commit(&[("0.rs", "lost")]), &status(false)).expect_err("it is cancelled");
        }
        drop(writer);
        assert_eq!(committed(&store), before);
        assert_eq!((texts_with(&store, "first").len(), texts_with(&store, "second").len()), (0, 5));
    }
    switch_back(&store, generation, "one");
    assert_eq!(texts_with(&store, "first").len(), 5);
}

#[test]
fn saved_trees_are_few_and_removed_on_request() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = store(folder.path());
    for at in 0..6 {
        switch(&store, &format!("head{at}"), &format!("word{at}"));
    }
    let heads: Vec<String> = saved(&store).into_iter().map(|(_, tree)| tree.head).collect();
    assert_eq!(heads, ["head2", "head3", "head4"]);
    let expected = LanceStore::measure_replaced(&store.location.dir).expect("a size");
    let freed = LanceStore::remove_replaced(&store.location.dir).expect("they are removed");
    assert!(freed > 0 && expected > 0, "{freed} of {expected}");
    assert!(saved(&store).is_empty());
    assert_eq!((texts_with(&store, "word5").len(), texts_with(&store, "word4").len()), (5, 0));
    let again = LanceStore::remove_replaced(&store.location.dir).expect("nothing is left");
    assert!(again < freed, "{again} of {freed}");
}

#[test]
fn incomplete_commits_and_those_of_an_older_program_are_not_saved() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = store(folder.path());
    // An older program records no commit of git.
    let mut writer = store.writer(&fingerprint(), false).expect("a writer");
    writer.commit(commit(&[("0.rs", "old")]), &status(false)).expect("a commit");
    writer.finish(&status(true)).expect("a finish");
    drop(writer);
    let text = fs::read_to_string(store.location.dir.join("manifest.json")).expect("a manifest");
    assert!(!text.contains("\"saved\"") && !text.contains("\"head\""), "as an older program writes it: {text}");
    switch(&store, "one", "first");
    assert!(saved(&store).is_empty());
    let mut writer = store.writer(&fingerprint(), false).expect("a writer");
    writer.commit(commit(&[("0.rs", "half")]), &status(false)).expect("a commit");
    drop(writer);
    switch(&store, "two", "second");
    assert!(saved(&store).is_empty(), "the commit before was incomplete");
}

#[test]
fn a_copy_of_an_index_returns_to_its_own_saved_trees() {
    let folder = tempfile::tempdir().expect("a folder");
    let base = store(&folder.path().join("base"));
    switch(&base, "zero", "earlier");
    switch(&base, "one", "first");
    assert_eq!(saved(&base).len(), 1);
    let copy = store(&folder.path().join("copy"));
    LanceStore::clone_index(&base.location.dir, &copy.location.dir, folder.path()).expect("a copy");
    assert!(saved(&copy).is_empty(), "the files of saved trees are not shared");
    let mut writer = copy.writer(&fingerprint(), false).expect("a writer");
    writer.finish(&status_at("one")).expect("a finish");
    drop(writer);
    let first_keys = keys(&copy);
    switch(&copy, "two", "second");
    let (generation, _) = saved(&copy)[0].clone();
    switch_back(&copy, generation, "one");
    assert_eq!((texts_with(&copy, "first").len(), texts_with(&copy, "second").len()), (5, 0));
    assert_eq!(keys(&copy), first_keys);
    let files = copy.view().expect("a view").expect("a commit").files().expect("files");
    assert_eq!(files.iter().filter(|file| file.stat.mtime_ns == 99).count(), 1, "{files:?}");
    // The other index has not changed.
    assert_eq!((texts_with(&base, "first").len(), saved(&base)[0].1.head.as_str()), (5, "zero"));
    let damage = copy.view().expect("a view").expect("a commit").verify(&CancelToken::default()).expect("readable");
    assert_eq!(damage, StoreDamage::default());
}
