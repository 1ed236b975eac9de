//! Row keys: what a reader may keep from one commit to the next.

use super::*;
use crate::store::{RowKey, StoredChunk};

fn view(store: &LanceStore) -> Arc<dyn StoreView> {
    store.view().expect("a view").expect("a commit")
}

fn edit(store: &LanceStore, files: &[(&str, &str)], fresh: bool) {
    let mut writer = store.writer(&recipe(), fresh).expect("a writer");
    writer.commit(commit(files), &state(false)).expect("a commit");
    writer.finish(&state(true)).expect("a finish");
}

/// Keys, rising, as the chunks themselves have them.
fn keys(chunks: &[StoredChunk]) -> Vec<RowKey> {
    let mut keys: Vec<_> = chunks.iter().map(|chunk| chunk.row).collect();
    keys.sort_unstable();
    keys
}

#[test]
fn chunks_are_read_by_their_keys() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = store(folder.path());
    store.writer(&recipe(), false).expect("a writer").commit(Commit::default(), &state(true)).expect("a commit");
    assert!(view(&store).rows().expect("keys").is_empty());
    let mut made = commit(&[("it's.rs", "alpha"), ("a.rs", "beta")]);
    made.chunks.extend((1..200).map(|line| chunk("a.rs", line * 10, "more")));
    store.writer(&recipe(), false).expect("a writer").commit(made, &state(true)).expect("a commit");
    edit(&store, &[("b.rs", "gamma"), ("it's.rs", "delta")], false);
    let view = view(&store);
    let all = view.chunks().expect("chunks");
    assert_eq!(all.len(), 202);
    let rows = view.rows().expect("keys");
    assert_eq!(rows, keys(&all));
    assert_eq!(view.chunks_of(&rows).expect("chunks"), all);
    let some: Vec<_> = all.iter().rev().step_by(7).cloned().collect();
    let asked: Vec<_> = some.iter().map(|chunk| chunk.row).collect();
    assert_eq!(view.chunks_of(&asked).expect("chunks"), some.into_iter().rev().collect::<Vec<_>>());
    assert!(view.chunks_of(&[]).expect("chunks").is_empty());
    assert!(view.chunks_of(&[rows[0], 9 << 32]).is_err());
}

#[test]
fn within_an_epoch_a_key_names_one_chunk() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut store = store(folder.path());
    store.limits = Limits { small_fragments: 12, deleted_percent: 100, ..Limits::default() };
    let (mut epochs, mut known) = (Vec::new(), BTreeMap::new());
    for round in 0..24 {
        // One file stays, one is edited, one is edited and put back between two looks.
        edit(&store, &[(&format!("{round}.rs"), "stays"), ("edited.rs", &format!("round{round}"))], round == 12);
        edit(&store, &[("back.rs", "other")], false);
        edit(&store, &[("back.rs", "same")], false);
        let view = view(&store);
        if epochs.last() != Some(&view.rows_epoch()) {
            assert!(!epochs.contains(&view.rows_epoch()), "an epoch comes once");
            epochs.push(view.rows_epoch());
            known.clear();
        }
        let chunks = view.chunks().expect("chunks");
        assert_eq!(view.rows().expect("keys"), keys(&chunks));
        let texts = view.texts(&keys(&chunks)).expect("texts");
        for (key, text) in keys(&chunks).into_iter().zip(texts) {
            assert_eq!(known.entry(key).or_insert_with(|| text.clone()), &text);
        }
    }
    assert!((3..24).contains(&epochs.len()), "compactions and a rebuild: {epochs:?}");
    let recorded = manifest::read(&store.place).expect("a manifest").expect("a commit").rows_epoch;
    assert_eq!(store.stamp().expect("a stamp"), Some(view(&store).stamp()));
    assert_eq!(recorded, view(&store).rows_epoch());
}

#[test]
fn a_deleted_index_comes_back_in_another_epoch() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = store(folder.path());
    edit(&store, &[("a.rs", "alpha")], false);
    let old = view(&store).stamp();
    fs::remove_dir_all(folder.path().join("index")).expect("the index");
    edit(&store, &[("a.rs", "alpha")], false);
    let new = view(&store).stamp();
    assert_eq!(old.generation, new.generation);
    assert_ne!(old.rows_epoch, new.rows_epoch);
}
