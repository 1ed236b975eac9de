//! Real tables in temporary folders.

mod damage;
mod keys;
mod retrieval;
mod upkeep;

use std::collections::{BTreeMap, HashMap};
use std::fs;

use super::*;
use crate::language;
use crate::lexical::{self, DocNumber, Terms};
use crate::store::{Commit, EmbeddedChunk, RowKey, RunState, SCHEMA_VERSION};
use crate::types::{Chunk, ContentHash, FileRecord, Outcome, RepoPath, SkipReason, Span, SymbolKind};

fn store(folder: &Path) -> LanceStore {
    LanceStore::open(&folder.join("index"), folder).expect("a store")
}

fn recipe() -> Recipe {
    Recipe {
        schema_version: SCHEMA_VERSION,
        chunker_version: 1,
        model_id: "m".into(),
        dimensions: 4,
        settings: String::new(),
    }
}

fn record(path: &str, text: &str) -> FileRecord {
    FileRecord {
        path: RepoPath::new(path),
        size_bytes: text.len() as u64,
        mtime_ns: 7,
        hash: ContentHash::of(text.as_bytes()),
        language: language::by_name("rust").expect("rust"),
        outcome: Outcome::Indexed { chunks: 1, problem: None },
    }
}

fn chunk(path: &str, start_line: u32, text: &str) -> EmbeddedChunk {
    let path = RepoPath::new(path);
    let chunk = Chunk {
        path,
        language: language::by_name("rust").expect("rust"),
        span: Span { start_line, end_line: start_line + 2 },
        kind: SymbolKind::Method,
        symbol: "open".into(),
        container: "Store.Inner".into(),
        defines: vec!["open".into(), "it's \"quoted\"".into()],
        signature: "fn open()".into(),
        text: text.into(),
    };
    EmbeddedChunk { terms: Terms::of(&chunk), chunk, vector: vec![0.5, -0.5, 0.5, 0.25] }
}

fn commit(files: &[(&str, &str)]) -> Commit {
    Commit {
        replace: files.iter().map(|(path, text)| record(path, text)).collect(),
        chunks: files.iter().map(|(path, text)| chunk(path, 1, text)).collect(),
        ..Commit::default()
    }
}

fn state(complete: bool) -> RunState {
    RunState { complete, files_found: 3, skipped: BTreeMap::from([("data".to_owned(), 2)]) }
}

/// The best `limit` chunks by BM25F for any of `words`, best first.
fn hits(view: &dyn StoreView, words: &[String], limit: usize) -> Vec<(RowKey, f32)> {
    let rows: HashMap<DocNumber, RowKey> =
        view.chunks().expect("chunks").into_iter().map(|chunk| (chunk.number, chunk.row)).collect();
    let index = view.words();
    let mut scores: BTreeMap<RowKey, f32> = BTreeMap::new();
    for word in words {
        let add = |matched: lexical::Matched| {
            let number = index.segments()[matched.segment].docs()[matched.place as usize];
            if let Some(row) = rows.get(&number) {
                *scores.entry(*row).or_default() += matched.score;
            }
        };
        index.word(lexical::hash(word), add).expect("they are readable");
    }
    let mut best: Vec<(RowKey, f32)> = scores.into_iter().collect();
    best.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    best.truncate(limit);
    best
}

/// Texts of the chunks that hold a word, by path.
fn finds(store: &LanceStore, word: &str) -> Vec<String> {
    let view = store.view().expect("a view").expect("a commit");
    let rows: Vec<_> = hits(view.as_ref(), &[word.to_owned()], 10).into_iter().map(|(row, _)| row).collect();
    let mut texts: Vec<_> = view.texts(&rows).expect("texts").into_iter().map(|text| text.text).collect();
    texts.sort();
    texts
}

#[test]
fn what_is_written_is_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = store(folder.path());
    assert_eq!(store.generation().expect("a generation"), 0);
    assert!(store.view().expect("a view").is_none());
    let odd = "it's/ünï \"x\".rs";
    let mut written = commit(&[(odd, "alpha beta"), ("a.rs", "gamma")]);
    let mut skipped = record("b.bin", "x");
    skipped.outcome = Outcome::Skipped(SkipReason::Ignored { rule: "*'".into(), source: "s".into() });
    let mut timed = record("c.rs", "y");
    timed.outcome = Outcome::Indexed { chunks: 0, problem: Some("gave up".into()) };
    written.replace.extend([skipped, timed]);
    let (records, chunks) = (written.replace.clone(), written.chunks.clone());
    let manifest = store.writer(&recipe(), false).expect("a writer").commit(written, &state(false)).expect("a commit");
    assert_eq!((manifest.generation, manifest.complete, manifest.files_found), (1, false, 3));

    let view = store.view().expect("a view").expect("a commit");
    let mut expected = records;
    expected.sort_by(|a, b| a.path.cmp(&b.path));
    assert_eq!(view.files().expect("files"), expected);
    let read = view.chunks().expect("chunks");
    assert_eq!(read.len(), 2);
    let first = read.iter().find(|read| read.path.as_str() == odd).expect("the odd path");
    let original = &chunks[0];
    assert_eq!((&first.symbol, &first.container), (&original.chunk.symbol, &original.chunk.container));
    assert_eq!(
        (first.kind, first.span, first.language),
        (original.chunk.kind, original.chunk.span, original.chunk.language)
    );
    assert_eq!((&first.defines, &first.vector), (&original.chunk.defines, &original.vector));
    let text = view.texts(&[first.row]).expect("texts").remove(0);
    assert_eq!((text.text.as_str(), text.signature.as_str()), ("alpha beta", "fn open()"));
    assert!(store.size_bytes() > 0);
}

#[test]
fn words_are_found_before_and_after_the_index_is_finished_and_not_once_deleted() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = store(folder.path());
    let mut writer = store.writer(&recipe(), false).expect("a writer");
    writer.commit(commit(&[("a.rs", "alpha shared"), ("b.rs", "beta shared")]), &state(false)).expect("a commit");
    assert_eq!(finds(&store, "alpha"), ["alpha shared"]);
    writer.commit(commit(&[("c.rs", "gamma shared")]), &state(false)).expect("a commit");
    assert_eq!(finds(&store, "gamma"), ["gamma shared"], "rows beyond the index are found too");
    writer.finish(&state(true)).expect("a finish");
    assert_eq!(finds(&store, "shared").len(), 3);
    drop(writer);

    let mut writer = store.writer(&recipe(), false).expect("a writer");
    let mut change = commit(&[("b.rs", "delta shared")]);
    change.remove.push(RepoPath::new("a.rs"));
    writer.commit(change, &state(false)).expect("a commit");
    assert_eq!(finds(&store, "shared"), ["delta shared", "gamma shared"]);
    assert!(finds(&store, "alpha").is_empty() && finds(&store, "beta").is_empty());
    writer.finish(&state(true)).expect("a finish");
    assert_eq!(finds(&store, "shared"), ["delta shared", "gamma shared"]);
    let view = store.view().expect("a view").expect("a commit");
    assert_eq!(view.files().expect("files").len(), 2);
    assert!(view.manifest().complete);
}

#[test]
fn a_touched_file_keeps_its_chunks() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = store(folder.path());
    let mut writer = store.writer(&recipe(), false).expect("a writer");
    writer.commit(commit(&[("a.rs", "alpha")]), &state(true)).expect("a commit");
    let touched = FileRecord { mtime_ns: 99, ..record("a.rs", "alpha") };
    writer.commit(Commit { touch: vec![touched.clone()], ..Commit::default() }, &state(true)).expect("a commit");
    let view = store.view().expect("a view").expect("a commit");
    assert_eq!(view.files().expect("files"), [touched]);
    assert_eq!(view.chunks().expect("chunks").len(), 1);
}

#[test]
fn another_process_sees_a_commit_and_an_old_view_stays_as_it_was() {
    let folder = tempfile::tempdir().expect("a folder");
    let (here, there) = (store(folder.path()), store(folder.path()));
    let mut writer = here.writer(&recipe(), false).expect("a writer");
    writer.commit(commit(&[("a.rs", "alpha")]), &state(true)).expect("a commit");
    let old = there.view().expect("a view").expect("a commit");
    writer.commit(commit(&[("a.rs", "beta")]), &state(true)).expect("a commit");
    writer.finish(&state(true)).expect("a finish");
    assert_eq!(there.generation().expect("a generation"), 3);
    assert_eq!(finds(&there, "beta"), ["beta"]);
    let row = old.chunks().expect("chunks")[0].row;
    assert_eq!(old.texts(&[row]).expect("texts")[0].text, "alpha");
    assert_eq!(hits(old.as_ref(), &["alpha".to_owned()], 5).len(), 1);
}

#[test]
fn one_writer_at_a_time_and_the_second_is_told_who_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = store(folder.path());
    let writer = store.writer(&recipe(), false).expect("a writer");
    let error = store.writer(&recipe(), false).err().map(|error| error.to_string()).unwrap_or_default();
    assert!(error.contains(&format!("process {}", std::process::id())), "{error}");
    drop(writer);
    assert!(store.writer(&recipe(), false).is_ok());
}

#[test]
fn what_a_crash_left_beyond_the_manifest_is_rolled_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = store(folder.path());
    let mut writer = store.writer(&recipe(), false).expect("a writer");
    writer.commit(commit(&[("a.rs", "alpha"), ("b.rs", "beta")]), &state(true)).expect("a commit");
    // A crash between the tables and the manifest: the manifest goes back to the commit before.
    let before = fs::read(folder.path().join("index/manifest.json")).expect("a manifest");
    let mut lost = commit(&[("a.rs", "lost")]);
    lost.remove.push(RepoPath::new("b.rs"));
    writer.commit(lost, &state(true)).expect("a commit");
    drop(writer);
    fs::write(folder.path().join("index/manifest.json"), before).expect("a manifest");

    let view = store.view().expect("a view").expect("a commit");
    assert_eq!((view.files().expect("files").len(), view.chunks().expect("chunks").len()), (2, 2));
    let mut writer = store.writer(&recipe(), false).expect("a writer");
    writer.commit(commit(&[("c.rs", "gamma")]), &state(true)).expect("a commit");
    assert_eq!(finds(&store, "alpha"), ["alpha"]);
    assert!(finds(&store, "lost").is_empty());
    let view = store.view().expect("a view").expect("a commit");
    assert_eq!((view.files().expect("files").len(), view.chunks().expect("chunks").len()), (3, 3));
}

#[test]
fn a_rebuild_starts_from_nothing_and_gets_past_a_broken_manifest() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = store(folder.path());
    let mut writer = store.writer(&recipe(), false).expect("a writer");
    writer.commit(commit(&[("a.rs", "alpha")]), &state(true)).expect("a commit");
    drop(writer);
    let mut writer = store.writer(&recipe(), true).expect("a writer");
    assert_eq!(finds(&store, "alpha"), ["alpha"], "readers keep the old generation until the first commit");
    writer.commit(commit(&[("b.rs", "beta")]), &state(true)).expect("a commit");
    writer.finish(&state(true)).expect("a finish");
    assert!(finds(&store, "alpha").is_empty());
    drop(writer);

    fs::write(folder.path().join("index/manifest.json"), "{ not json").expect("a manifest");
    let error = store.generation().expect_err("a broken manifest").to_string();
    assert!(error.contains("--rebuild"), "{error}");
    let mut writer = store.writer(&recipe(), true).expect("a writer past it");
    writer.commit(commit(&[("c.rs", "gamma")]), &state(true)).expect("a commit");
    assert_eq!(finds(&store, "gamma"), ["gamma"]);
}

#[test]
fn a_newer_index_is_refused_with_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = store(folder.path());
    store.writer(&recipe(), false).expect("a writer").commit(commit(&[("a.rs", "x")]), &state(true)).expect("a commit");
    let path = folder.path().join("index/manifest.json");
    let text = fs::read_to_string(&path).expect("a manifest");
    let stored = format!("\"schema_version\": {SCHEMA_VERSION}");
    fs::write(&path, text.replace(&stored, "\"schema_version\": 999")).expect("a manifest");
    let error = store.generation().expect_err("a newer schema").to_string();
    assert!(error.contains("update codescry"), "{error}");
}

#[test]
fn many_rows_and_no_rows_are_both_a_commit() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = store(folder.path());
    let mut writer = store.writer(&recipe(), false).expect("a writer");
    writer.commit(Commit::default(), &state(true)).expect("an empty commit");
    assert!(finds(&store, "alpha").is_empty());
    let mut many = Commit::default();
    for index in 0..20_000 {
        let (path, text) = (format!("{index:05}.rs"), format!("word{index} shared"));
        many.replace.push(record(&path, &text));
        many.chunks.push(chunk(&path, 1, &text));
    }
    writer.commit(many, &state(true)).expect("a commit");
    writer.finish(&state(true)).expect("a finish");
    assert_eq!(finds(&store, "word12345"), ["word12345 shared"]);
    let view = store.view().expect("a view").expect("a commit");
    let chunks = view.chunks().expect("chunks");
    assert_eq!(chunks.len(), 20_000);
    assert!(chunks.windows(2).all(|pair| pair[0].path < pair[1].path));
}

#[cfg(unix)]
#[test]
fn the_folder_is_private() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    let store = store(folder.path());
    drop(store.writer(&recipe(), false).expect("a writer"));
    let mode = fs::metadata(folder.path().join("index")).expect("the folder").permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}
