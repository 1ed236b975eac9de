//! Tests of the LanceDB store, on real tables in temporary folders.

mod damage;
mod keys;
mod maintenance;
mod parts;
mod remote;
mod retrieval;
mod saved;
mod schema_3;
mod search_indexes;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;

use super::*;
use crate::inverted_index::{self, DocNumber, Terms};
use crate::{ChunkText, Commit, CommitStatus, EmbeddedChunk, RowKey, SCHEMA_VERSION, StoreDamage};
use platform::cancel::CancelToken;
use source::language;
use types::{
    Chunk, ContentHash, ContentRecord, FileOutcome, FileRecord, FileStat, RepoPath, SkipReason, Span, Symbol,
    SymbolKind, TextEncoding,
};

fn store(folder: &Path) -> LanceStore {
    LanceStore::open(&folder.join("index"), folder).expect("a store")
}

fn fingerprint() -> IndexFingerprint {
    IndexFingerprint {
        schema_version: SCHEMA_VERSION,
        chunker_version: 1,
        model_id: "m".into(),
        dimensions: 4,
        settings: String::new(),
        model_checksum: None,
    }
}

fn record(path: &str, text: &str) -> FileRecord {
    FileRecord {
        path: RepoPath::new(path),
        content: ContentRecord {
            hash: ContentHash::of_bytes(text.as_bytes()),
            encoding: TextEncoding::Utf8,
            language: language::language_by_name("rust").expect("rust"),
            outcome: FileOutcome::Indexed { chunks: 1, problem: None },
        },
        stat: FileStat { size_bytes: text.len() as u64, mtime_ns: 7, ctime_ns: 8, inode: 9 },
    }
}

fn with_mtime(record: FileRecord, mtime_ns: i64) -> FileRecord {
    FileRecord { stat: FileStat { mtime_ns, ..record.stat }, ..record }
}

fn symbol(name: &str, kind: SymbolKind, signature: &str, start_line: u32, end_line: u32) -> Symbol {
    let container = "Store.Inner".to_owned();
    Symbol {
        name: name.to_owned(),
        kind,
        container,
        signature: signature.to_owned(),
        span: Span { start_line, end_line },
    }
}

fn chunk(path: &str, start_line: u32, text: &str) -> EmbeddedChunk {
    let path = RepoPath::new(path);
    let chunk = Chunk {
        path,
        language: language::language_by_name("rust").expect("rust"),
        span: Span { start_line, end_line: start_line + 2 },
        kind: SymbolKind::Method,
        symbol: "open".into(),
        container: "Store.Inner".into(),
        definitions: vec![
            symbol("open", SymbolKind::Method, "fn open()", start_line, start_line + 90),
            symbol("it's \"quoted\"", SymbolKind::Constant, "", start_line + 1, start_line + 1),
        ],
        signature: "fn open()".into(),
        text: text.into(),
        masked: Vec::new(),
    };
    EmbeddedChunk { terms: Terms::from_chunk(&chunk), chunk, vector: vec![0.5, -0.5, 0.5, 0.25] }
}

fn committed(store: &LanceStore) -> CommitRecord {
    manifest::read_manifest(&store.location).expect("a manifest").expect("a commit")
}

fn commit(files: &[(&str, &str)]) -> Commit {
    Commit {
        replace: files.iter().map(|(path, text)| record(path, text)).collect(),
        chunks: files.iter().map(|(path, text)| chunk(path, 1, text)).collect(),
        ..Commit::default()
    }
}

fn status(complete: bool) -> CommitStatus {
    CommitStatus {
        complete,
        files_found: 3,
        skipped: BTreeMap::from([("data".to_owned(), 2)]),
        ..CommitStatus::default()
    }
}

/// Returns the `limit` chunks with the highest sum of BM25F scores over `words`, best first.
fn best_chunks(view: &dyn StoreView, words: &[String], limit: usize) -> Vec<(RowKey, f32)> {
    let rows: HashMap<DocNumber, RowKey> =
        view.chunks().expect("chunks").into_iter().map(|chunk| (chunk.number, chunk.row)).collect();
    let index = view.inverted_index();
    let mut scores: BTreeMap<RowKey, f32> = BTreeMap::new();
    for word in words {
        let add = |matched: inverted_index::ScoredPosting| {
            let number = index.segments()[matched.segment].docs()[matched.ordinal as usize];
            if let Some(row) = rows.get(&number) {
                *scores.entry(*row).or_default() += matched.score;
            }
        };
        index.score_postings(inverted_index::hash_term(word), add).expect("they are readable");
    }
    let mut best: Vec<(RowKey, f32)> = scores.into_iter().collect();
    best.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    best.truncate(limit);
    best
}

/// Returns the texts of the ten best chunks that contain a word, sorted.
fn texts_with(store: &LanceStore, word: &str) -> Vec<String> {
    let view = store.view().expect("a view").expect("a commit");
    let rows: Vec<_> = best_chunks(view.as_ref(), &[word.to_owned()], 10).into_iter().map(|(row, _)| row).collect();
    let mut texts: Vec<_> = view.chunk_texts(&rows).expect("texts").into_iter().map(|text| text.text).collect();
    texts.sort();
    texts
}

#[test]
fn a_commit_is_read_back_unchanged() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = store(folder.path());
    assert_eq!(store.generation_number().expect("a generation"), 0);
    assert!(store.view().expect("a view").is_none());
    let odd = "it's/ünï \"x\".rs";
    let mut written = commit(&[(odd, "alpha beta"), ("a.rs", "gamma")]);
    let mut skipped = record("b.bin", "x");
    skipped.content.outcome = FileOutcome::Skipped(SkipReason::Ignored { rule: Some("*'".into()), source: "s".into() });
    let mut timed = record("c.rs", "y");
    timed.content.outcome = FileOutcome::Indexed { chunks: 0, problem: Some("gave up".into()) };
    written.replace.extend([skipped, timed]);
    let (records, chunks) = (written.replace.clone(), written.chunks.clone());
    let manifest =
        store.writer(&fingerprint(), false).expect("a writer").commit(written, &status(false)).expect("a commit");
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
    assert_eq!((first.defines.join("|"), &first.vector), ("open|it's \"quoted\"".to_owned(), &original.vector));
    let text = view.chunk_texts(&[first.row]).expect("texts").remove(0);
    assert_eq!((text.text.as_str(), text.signature.as_str()), ("alpha beta", "fn open()"));
    assert_eq!(text.definitions, original.chunk.definitions);
    assert!(store.size_bytes() > 0);
}

#[test]
fn terms_are_found_before_and_after_finish_and_not_after_deletion() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = store(folder.path());
    let mut writer = store.writer(&fingerprint(), false).expect("a writer");
    writer.commit(commit(&[("a.rs", "alpha shared"), ("b.rs", "beta shared")]), &status(false)).expect("a commit");
    assert_eq!(texts_with(&store, "alpha"), ["alpha shared"]);
    writer.commit(commit(&[("c.rs", "gamma shared")]), &status(false)).expect("a commit");
    assert_eq!(texts_with(&store, "gamma"), ["gamma shared"], "terms of the last commit are found before finish");
    writer.finish(&status(true)).expect("a finish");
    assert_eq!(texts_with(&store, "shared").len(), 3);
    drop(writer);

    let mut writer = store.writer(&fingerprint(), false).expect("a writer");
    let mut change = commit(&[("b.rs", "delta shared")]);
    change.remove.push(RepoPath::new("a.rs"));
    writer.commit(change, &status(false)).expect("a commit");
    assert_eq!(texts_with(&store, "shared"), ["delta shared", "gamma shared"]);
    assert!(texts_with(&store, "alpha").is_empty() && texts_with(&store, "beta").is_empty());
    writer.finish(&status(true)).expect("a finish");
    assert_eq!(texts_with(&store, "shared"), ["delta shared", "gamma shared"]);
    let view = store.view().expect("a view").expect("a commit");
    assert_eq!(view.files().expect("files").len(), 2);
    assert!(view.manifest().complete);
}

#[test]
fn a_touched_file_keeps_its_chunks() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = store(folder.path());
    let mut writer = store.writer(&fingerprint(), false).expect("a writer");
    writer.commit(commit(&[("a.rs", "alpha")]), &status(true)).expect("a commit");
    let touched = with_mtime(record("a.rs", "alpha"), 99);
    writer.commit(Commit { touch: vec![touched.clone()], ..Commit::default() }, &status(true)).expect("a commit");
    let view = store.view().expect("a view").expect("a commit");
    assert_eq!(view.files().expect("files"), [touched]);
    assert_eq!(view.chunks().expect("chunks").len(), 1);
}

#[test]
fn another_store_sees_a_commit_and_an_old_view_does_not_change() {
    let folder = tempfile::tempdir().expect("a folder");
    let (here, there) = (store(folder.path()), store(folder.path()));
    let mut writer = here.writer(&fingerprint(), false).expect("a writer");
    writer.commit(commit(&[("a.rs", "alpha")]), &status(true)).expect("a commit");
    let old = there.view().expect("a view").expect("a commit");
    writer.commit(commit(&[("a.rs", "beta")]), &status(true)).expect("a commit");
    writer.finish(&status(true)).expect("a finish");
    assert_eq!(there.generation_number().expect("a generation"), 3);
    assert_eq!(texts_with(&there, "beta"), ["beta"]);
    let row = old.chunks().expect("chunks")[0].row;
    assert_eq!(old.chunk_texts(&[row]).expect("texts")[0].text, "alpha");
    assert_eq!(best_chunks(old.as_ref(), &["alpha".to_owned()], 5).len(), 1);
}

#[test]
fn a_second_writer_fails_and_its_error_names_the_first() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = store(folder.path());
    let writer = store.writer(&fingerprint(), false).expect("a writer");
    let error = store.writer(&fingerprint(), false).err().map(|error| error.to_string()).unwrap_or_default();
    assert!(error.contains(&format!("process {}", std::process::id())), "{error}");
    drop(writer);
    assert!(store.writer(&fingerprint(), false).is_ok());
}

#[test]
fn rows_that_a_crash_left_beyond_the_manifest_are_rolled_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = store(folder.path());
    let mut writer = store.writer(&fingerprint(), false).expect("a writer");
    writer.commit(commit(&[("a.rs", "alpha"), ("b.rs", "beta")]), &status(true)).expect("a commit");
    // Simulate a crash between the tables and the manifest by restoring the previous manifest.
    let before = fs::read(folder.path().join("index/manifest.json")).expect("a manifest");
    let mut lost = commit(&[("a.rs", "lost")]);
    lost.remove.push(RepoPath::new("b.rs"));
    writer.commit(lost, &status(true)).expect("a commit");
    drop(writer);
    fs::write(folder.path().join("index/manifest.json"), before).expect("a manifest");

    let view = store.view().expect("a view").expect("a commit");
    assert_eq!((view.files().expect("files").len(), view.chunks().expect("chunks").len()), (2, 2));
    let mut writer = store.writer(&fingerprint(), false).expect("a writer");
    writer.commit(commit(&[("c.rs", "gamma")]), &status(true)).expect("a commit");
    assert_eq!(texts_with(&store, "alpha"), ["alpha"]);
    assert!(texts_with(&store, "lost").is_empty());
    let view = store.view().expect("a view").expect("a commit");
    assert_eq!((view.files().expect("files").len(), view.chunks().expect("chunks").len()), (3, 3));
}

#[test]
fn a_rebuild_starts_empty_and_replaces_a_broken_manifest() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = store(folder.path());
    let mut writer = store.writer(&fingerprint(), false).expect("a writer");
    writer.commit(commit(&[("a.rs", "alpha")]), &status(true)).expect("a commit");
    drop(writer);
    let mut writer = store.writer(&fingerprint(), true).expect("a writer");
    assert_eq!(texts_with(&store, "alpha"), ["alpha"], "readers keep the old generation until the first commit");
    writer.commit(commit(&[("b.rs", "beta")]), &status(true)).expect("a commit");
    writer.finish(&status(true)).expect("a finish");
    assert!(texts_with(&store, "alpha").is_empty());
    drop(writer);

    for name in ["manifest.json", "manifest.copy.json"] {
        fs::write(folder.path().join("index").join(name), "{ not json").expect("a manifest");
    }
    assert!(store.generation_number().expect_err("a broken manifest").is_damage());
    let mut writer = store.writer(&fingerprint(), true).expect("a writer past it");
    writer.commit(commit(&[("c.rs", "gamma")]), &status(true)).expect("a commit");
    assert_eq!(texts_with(&store, "gamma"), ["gamma"]);
}

#[test]
fn a_newer_index_is_refused_with_a_remedy() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = store(folder.path());
    store
        .writer(&fingerprint(), false)
        .expect("a writer")
        .commit(commit(&[("a.rs", "x")]), &status(true))
        .expect("a commit");
    let path = folder.path().join("index/manifest.json");
    let text = fs::read_to_string(&path).expect("a manifest");
    let stored = format!("\"schema_version\": {SCHEMA_VERSION}");
    let newer = text.replace(&stored, "\"schema_version\": 999");
    let (_, fields) = newer.split_once(",\n").expect("the checksum is the first field");
    fs::write(&path, format!("{{\n{fields}")).expect("a manifest without a checksum");
    let error = store.generation_number().expect_err("a newer schema").to_string();
    assert!(error.contains("update codescry"), "{error}");
}

#[test]
fn commits_of_no_rows_and_of_many_rows_succeed() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = store(folder.path());
    let mut writer = store.writer(&fingerprint(), false).expect("a writer");
    writer.commit(Commit::default(), &status(true)).expect("an empty commit");
    assert!(texts_with(&store, "alpha").is_empty());
    let mut many = Commit::default();
    for index in 0..20_000 {
        let (path, text) = (format!("{index:05}.rs"), format!("word{index} shared"));
        many.replace.push(record(&path, &text));
        many.chunks.push(chunk(&path, 1, &text));
    }
    writer.commit(many, &status(true)).expect("a commit");
    writer.finish(&status(true)).expect("a finish");
    assert_eq!(texts_with(&store, "word12345"), ["word12345 shared"]);
    let view = store.view().expect("a view").expect("a commit");
    let chunks = view.chunks().expect("chunks");
    assert_eq!(chunks.len(), 20_000);
    assert!(chunks.windows(2).all(|pair| pair[0].path < pair[1].path));
}

#[test]
fn both_stores_start_empty_for_rows_that_do_not_fit_their_tables() {
    let folder = tempfile::tempdir().expect("a folder");
    let in_memory = crate::memory::MemoryStore::new(folder.path().to_owned());
    let stores: [Box<dyn ChunkStore>; 2] = [Box::new(store(folder.path())), Box::new(in_memory)];
    for store in stores {
        let writer = store.writer(&fingerprint(), false);
        writer.expect("a writer").commit(commit(&[("a.rs", "alpha")]), &status(true)).expect("a commit");
        let extends = |wanted: IndexFingerprint| store.writer(&wanted, false).expect("a writer").base().is_some();
        let other_model = IndexFingerprint { model_id: "other".into(), chunker_version: 2, ..fingerprint() };
        assert!(extends(fingerprint()) && extends(other_model));
        assert!(!extends(IndexFingerprint { dimensions: 5, ..fingerprint() }));
        assert!(!extends(IndexFingerprint { schema_version: SCHEMA_VERSION - 1, ..fingerprint() }));
    }
}

#[cfg(unix)]
#[test]
fn the_index_folder_is_private() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    let store = store(folder.path());
    drop(store.writer(&fingerprint(), false).expect("a writer"));
    let mode = fs::metadata(folder.path().join("index")).expect("the folder").permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}
