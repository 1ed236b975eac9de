//! Tests of row keys and of the rows generation within which they are stable.

use super::*;
use crate::{RowKey, StoredChunk};

fn view(store: &LanceStore) -> Arc<dyn StoreView> {
    store.view().expect("a view").expect("a commit")
}

fn edit(store: &LanceStore, files: &[(&str, &str)], fresh: bool) {
    let mut writer = store.writer(&fingerprint(), fresh).expect("a writer");
    writer.commit(commit(files), &status(false)).expect("a commit");
    writer.finish(&status(true)).expect("a finish");
}

/// Returns the row keys of chunks in ascending order.
fn sorted_keys(chunks: &[StoredChunk]) -> Vec<RowKey> {
    let mut keys: Vec<_> = chunks.iter().map(|chunk| chunk.row).collect();
    keys.sort_unstable();
    keys
}

#[test]
fn chunks_are_read_by_their_keys() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = store(folder.path());
    store.writer(&fingerprint(), false).expect("a writer").commit(Commit::default(), &status(true)).expect("a commit");
    assert!(view(&store).row_keys().expect("keys").is_empty());
    let mut made = commit(&[("it's.rs", "alpha"), ("a.rs", "beta")]);
    made.chunks.extend((1..200).map(|line| chunk("a.rs", line * 10, "more")));
    store.writer(&fingerprint(), false).expect("a writer").commit(made, &status(true)).expect("a commit");
    edit(&store, &[("b.rs", "gamma"), ("it's.rs", "delta")], false);
    let view = view(&store);
    let all = view.chunks().expect("chunks");
    assert_eq!(all.len(), 202);
    let rows = view.row_keys().expect("keys");
    assert_eq!(rows, sorted_keys(&all));
    assert_eq!(view.chunks_by_key(&rows).expect("chunks"), all);
    let some: Vec<_> = all.iter().rev().step_by(7).cloned().collect();
    let wanted: Vec<_> = some.iter().map(|chunk| chunk.row).collect();
    assert_eq!(view.chunks_by_key(&wanted).expect("chunks"), some.into_iter().rev().collect::<Vec<_>>());
    assert!(view.chunks_by_key(&[]).expect("chunks").is_empty());
    assert!(view.chunks_by_key(&[rows[0], 9 << 32]).is_err());
}

#[test]
fn a_key_refers_to_one_chunk_within_a_rows_generation() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut store = store(folder.path());
    store.limits = MaintenanceLimits { small_fragments: 12, deleted_percent: 100, ..MaintenanceLimits::default() };
    let (mut generations, mut known) = (Vec::new(), BTreeMap::new());
    for round in 0..24 {
        // One file stays, one is edited, and one is edited and restored between two reads.
        edit(&store, &[(&format!("{round}.rs"), "stays"), ("edited.rs", &format!("round{round}"))], round == 12);
        edit(&store, &[("back.rs", "other")], false);
        edit(&store, &[("back.rs", "same")], false);
        let view = view(&store);
        if generations.last() != Some(&view.rows_generation()) {
            assert!(!generations.contains(&view.rows_generation()), "a rows generation never recurs");
            generations.push(view.rows_generation());
            known.clear();
        }
        let chunks = view.chunks().expect("chunks");
        assert_eq!(view.row_keys().expect("keys"), sorted_keys(&chunks));
        let texts = view.chunk_texts(&sorted_keys(&chunks)).expect("texts");
        for (key, text) in sorted_keys(&chunks).into_iter().zip(texts) {
            assert_eq!(known.entry(key).or_insert_with(|| text.clone()), &text);
        }
    }
    assert_eq!(generations.len(), 2, "only the rebuild begins a rows generation: {generations:?}");
    // Each of the twelve rounds since then has a file that stays, in a fragment of its own unless it was compacted.
    let now = view(&store).row_keys().expect("keys").into_iter().map(|key| key >> 32).collect::<BTreeSet<_>>();
    assert!(now.len() < 12, "the rows were compacted: {now:?}");
    let recorded = manifest::read_manifest(&store.location).expect("a manifest").expect("a commit").rows_generation;
    assert_eq!(store.generation().expect("a generation"), Some(view(&store).generation()));
    assert_eq!(recorded, view(&store).rows_generation());
}

/// A crash between a commit and the copy of its manifest leaves the copy of the commit before. If the manifest is then
/// damaged, the next commit has the number, and names of files, of a commit that a reader has open.
#[test]
fn a_commit_is_not_mistaken_for_a_lost_one_of_its_number() {
    let folder = tempfile::tempdir().expect("a folder");
    let (here, there) = (store(folder.path()), store(folder.path()));
    let write = |files: &[(&str, &str)]| {
        let mut writer = here.writer(&fingerprint(), false).expect("a writer");
        writer.commit(commit(files), &status(true)).expect("a commit").generation
    };
    write(&[("a.rs", "alpha")]);
    let index = folder.path().join("index");
    let before = fs::read(index.join("manifest.json")).expect("a manifest");
    let lost = write(&[("b.rs", "lost")]);
    assert_eq!(texts_with(&there, "lost"), ["lost"]);
    fs::write(index.join("manifest.copy.json"), before).expect("a copy");
    fs::write(index.join("manifest.json"), "").expect("a manifest");
    assert_eq!(write(&[("c.rs", "gamma")]), lost);
    assert_eq!(texts_with(&there, "gamma"), ["gamma"]);
    assert!(texts_with(&there, "lost").is_empty());
}

#[test]
fn an_index_built_again_after_deletion_has_another_rows_generation() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = store(folder.path());
    edit(&store, &[("a.rs", "alpha")], false);
    let old = view(&store).generation();
    fs::remove_dir_all(folder.path().join("index")).expect("the index");
    edit(&store, &[("a.rs", "alpha")], false);
    let new = view(&store).generation();
    assert_eq!(old.number, new.number);
    assert_ne!(old.rows_generation, new.rows_generation);
}
