//! Tests of the inverted index, compared with the store in memory.

use super::*;
use crate::memory::MemoryStore;

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

/// Returns a commit of files with three chunks each, whose words depend on `seed`.
fn generate_commit(files: std::ops::Range<u64>, seed: u64) -> Commit {
    let mut made = Commit::default();
    for file in files {
        let path = format!("f{file}.rs");
        let mut state = (file + 1).wrapping_mul(seed | 1);
        for line in 0..3_u32 {
            let text: Vec<String> = (0..12)
                .map(|_| {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    format!("w{}", (state >> 40) % 40)
                })
                .collect();
            made.chunks.push(chunk(&path, line * 10 + 1, &format!("{} f{file}x{line}", text.join(" "))));
        }
        made.replace.push(record(&path, &path));
    }
    made
}

fn copy_commit(commit: &Commit) -> Commit {
    Commit {
        remove: commit.remove.clone(),
        replace: commit.replace.clone(),
        touch: commit.touch.clone(),
        chunks: commit.chunks.clone(),
    }
}

/// Returns the score of each matching chunk, keyed by its text, which is unique.
fn scores_by_text(store: &dyn ChunkStore, query: &[String]) -> BTreeMap<String, f32> {
    let view = store.view().expect("a view").expect("a commit");
    let hits = best_chunks(view.as_ref(), query, 10_000);
    let rows: Vec<_> = hits.iter().map(|(row, _)| *row).collect();
    let texts = view.chunk_texts(&rows).expect("texts");
    texts.into_iter().zip(hits).map(|(text, (_, score))| (text.text, score)).collect()
}

fn assert_same(lance: &LanceStore, memory: &MemoryStore, queries: &[&str], tolerance: f32) {
    for query in queries {
        let (real, twin) = (scores_by_text(lance, &words(query)), scores_by_text(memory, &words(query)));
        assert_eq!(real.keys().collect::<Vec<_>>(), twin.keys().collect::<Vec<_>>(), "hits of {query}");
        for (text, score) in &real {
            let expected = twin[text];
            assert!(
                (score - expected).abs() <= tolerance * expected,
                "{query} in {text}: {score}, not {expected} (± {tolerance})"
            );
        }
    }
}

const QUERIES: [&str; 5] = ["w1", "w1 w2 w3", "w1 w1 w2", "f3x1 w7", "nowhere"];

#[test]
fn matches_and_scores_equal_those_of_the_store_in_memory() {
    let folder = tempfile::tempdir().expect("a folder");
    let lance = store(folder.path());
    let memory = MemoryStore::new(folder.path().to_owned());
    let (mut real, mut twin) = (
        lance.writer(&fingerprint(), false).expect("a writer"),
        memory.writer(&fingerprint(), false).expect("a writer"),
    );
    let mut step = |commit: Commit| {
        real.commit(copy_commit(&commit), &status(false)).expect("a commit");
        twin.commit(commit, &status(false)).expect("a commit");
    };
    step(generate_commit(0..40, 1));
    assert_same(&lance, &memory, &QUERIES, 1e-4);
    step(generate_commit(40..60, 2));
    assert_same(&lance, &memory, &QUERIES, 1e-4);
    real.finish(&status(true)).expect("a finish");
    twin.finish(&status(true)).expect("a finish");
    assert_same(&lance, &memory, &QUERIES, 1e-4);
}

#[test]
fn content_equals_that_of_the_store_in_memory_after_every_commit() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut lance = store(folder.path());
    lance.limits = MaintenanceLimits { segments: 2, small_fragments: 2, keep_ms: 0, ..MaintenanceLimits::default() };
    let memory = MemoryStore::new(folder.path().to_owned());
    for round in 0..12_u64 {
        let (mut real, mut twin) = (
            lance.writer(&fingerprint(), false).expect("a writer"),
            memory.writer(&fingerprint(), false).expect("a writer"),
        );
        for part in 0..3 {
            let first = (round * 7 + part * 5) % 30;
            let mut commit = generate_commit(first..first + 4, round * 3 + part);
            commit.remove = vec![RepoPath::new(format!("f{}.rs", (first + 9) % 30)), RepoPath::new("never.rs")];
            let touched = |path: String| with_mtime(record(&path, &path), round as i64);
            commit.touch = vec![
                touched(format!("f{}.rs", (first + 12) % 30)),
                touched(format!("f{first}.rs")),
                touched("no".into()),
            ];
            commit.chunks.push(chunk("of-no-file.rs", 1, "w1"));
            let same = copy_commit(&commit);
            let manifests = (real.commit(commit, &status(false)), twin.commit(same, &status(false)));
            let (real, twin) = (manifests.0.expect("a commit"), manifests.1.expect("a commit"));
            assert_eq!((real.generation, real.is_empty), (twin.generation, twin.is_empty));
            assert_equal_rows(&lance, &memory);
        }
        real.finish(&status(true)).expect("a finish");
        twin.finish(&status(true)).expect("a finish");
        assert_equal_rows(&lance, &memory);
    }
}

fn assert_equal_rows(lance: &LanceStore, memory: &MemoryStore) {
    let (real, twin) = (lance.view().expect("a view").expect("one"), memory.view().expect("a view").expect("one"));
    assert_eq!(real.files().expect("files"), twin.files().expect("files"));
    let rows = |view: &Arc<dyn StoreView>| {
        let chunks = view.chunks().expect("chunks");
        let texts = view.chunk_texts(&chunks.iter().map(|chunk| chunk.row).collect::<Vec<_>>()).expect("texts");
        let placed =
            |(chunk, text): (crate::StoredChunk, crate::ChunkText)| (chunk.path, chunk.span, chunk.vector, text);
        chunks.into_iter().zip(texts).map(placed).collect::<Vec<_>>()
    };
    assert_eq!(rows(&real), rows(&twin));
    for query in QUERIES {
        let hits = |store: &dyn ChunkStore| scores_by_text(store, &words(query)).into_keys().collect::<Vec<_>>();
        assert_eq!(hits(lance), hits(memory), "hits of {query}");
    }
}

#[test]
fn every_word_of_a_long_query_is_scores_by_text() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = store(folder.path());
    let mut writer = store.writer(&fingerprint(), false).expect("a writer");
    let all: Vec<String> = (0..300).map(|index| format!("word{index}")).collect();
    let files: Vec<(String, &String)> = all.iter().map(|word| (format!("{word}.rs"), word)).collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(path, word)| (path.as_str(), word.as_str())).collect();
    writer.commit(commit(&files), &status(false)).expect("a commit");
    for _ in 0..2 {
        let view = store.view().expect("a view").expect("a commit");
        assert_eq!(best_chunks(view.as_ref(), &all, 1_000).len(), 300);
        assert!(best_chunks(view.as_ref(), &[], 7).is_empty());
        writer.finish(&status(true)).expect("a finish");
    }
}

#[test]
fn words_are_matched_without_stemming_or_folding() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = store(folder.path());
    let mut writer = store.writer(&fingerprint(), false).expect("a writer");
    let long = "abcdefgh".repeat(8);
    let texts = ["the", "running", "café", "名前", "x", "init", "groß", long.as_str(), "and or not"];
    let files: Vec<(String, &str)> = texts.iter().map(|text| (format!("{}.rs", text.len()), *text)).collect();
    let mut made = Commit::default();
    for (index, (_, text)) in files.iter().enumerate() {
        made.replace.push(record(&format!("{index}.rs"), text));
        made.chunks.push(chunk(&format!("{index}.rs"), 1, text));
    }
    writer.commit(made, &status(false)).expect("a commit");
    for _ in 0..2 {
        for text in &texts[..8] {
            assert_eq!(texts_with(&store, text), [*text]);
        }
        assert_eq!(texts_with(&store, "or"), ["and or not"]);
        assert!(texts_with(&store, "run").is_empty() && texts_with(&store, "cafe").is_empty());
        writer.finish(&status(true)).expect("a finish");
    }
}

#[test]
fn equal_queries_return_equal_results() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = store(folder.path());
    let mut writer = store.writer(&fingerprint(), false).expect("a writer");
    let mut made = Commit::default();
    for index in 0..3_000 {
        let path = format!("{index}.rs");
        made.replace.push(record(&path, &path));
        made.chunks.push(chunk(&path, 1, if index % 3 == 0 { "same same other" } else { "same words here" }));
    }
    writer.commit(made, &status(false)).expect("a commit");
    let mut more = generate_commit(0..400, 9);
    for chunk in &mut more.chunks {
        chunk.chunk.text = "same words here".into();
        chunk.terms = Terms::from_chunk(&chunk.chunk);
    }
    writer.commit(more, &status(false)).expect("a commit");
    for _ in 0..2 {
        let query = || {
            let committed = manifest::read_manifest(&store.location).expect("one").expect("one");
            let view = LanceView::open(store.location.clone(), committed, None).expect("a view");
            best_chunks(&view, &words("same words"), 50)
        };
        let first = query();
        assert_eq!(first.len(), 50);
        assert!(
            first.windows(2).all(|pair| pair[0].1 > pair[1].1 || (pair[0].1 == pair[1].1 && pair[0].0 < pair[1].0))
        );
        for _ in 0..20 {
            assert_eq!(query(), first);
        }
        writer.finish(&status(true)).expect("a finish");
    }
}
