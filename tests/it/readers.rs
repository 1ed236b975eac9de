//! Fuzz tests of the readers of stored or given bytes: each returns a value or an error, and never panics.
//!
//! The inputs are mutants of valid ones, pseudo-random and the same in every run, and mutants with a new outcome are
//! mutated further. `CODESCRY_TEST_MUTANTS` overrides their number, and `CODESCRY_TEST_SEED` their seed.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use embed::cache::{VectorCache, VectorKey, round_to_half};
use embed::static_model::{StaticModel, encode_model};
use engine::{Engine, IndexRequest, Options, QueryCalls as _, SearchQuery, Settings};
use platform::cancel::CancelToken;
use platform::file_format::{HEADER_BYTES, checksum32, checksum64};
use platform::sealed_json::seal_json;
use store::inverted_index::{self, IndexSegment, InvertedIndex, SegmentWriter, Terms};
#[cfg(feature = "lance")]
use store::{ChunkStore as _, lance::LanceStore};
use types::{Chunk, RepoPath, Span, SymbolKind};

use crate::support::random::fuzz;

/// Asserts that the mutants reached at least `least` different outcomes, so that not all fail at the first byte.
fn assert_varied(outcomes: &BTreeMap<String, u64>, least: usize) {
    assert!(outcomes.len() >= least, "only {outcomes:?}");
}

/// Returns a segment of the inverted index with a few documents.
fn segment() -> Vec<u8> {
    let mut writer = SegmentWriter::default();
    for number in 0..12 {
        let chunk = Chunk {
            path: RepoPath::new(format!("src/part_{number}.rs")),
            language: source_language(),
            span: Span { start_line: 1, end_line: 3 },
            kind: SymbolKind::Function,
            symbol: format!("open_{number}"),
            container: "Store".to_owned(),
            definitions: vec![types::Symbol {
                name: format!("open_{number}"),
                kind: SymbolKind::Function,
                container: "Store".to_owned(),
                signature: "fn open()".to_owned(),
                span: Span { start_line: 1, end_line: 3 },
            }],
            signature: "fn open()".to_owned(),
            text: "let pool = open_pool(); retry retry retry".repeat(number as usize + 1),
            masked: Vec::new(),
        };
        writer.add(number * 3, &Terms::from_chunk(&chunk));
    }
    writer.finish().expect("it is small")
}

fn source_language() -> types::Language {
    types::Language("rust")
}

/// Recomputes the checksums of a segment whose numbers still fit its size, so that the reader accepts the checksums of
/// a mutant.
fn reseal_segment(bytes: &mut [u8]) {
    const COUNTS: usize = HEADER_BYTES + 16;
    let Some(counts) = bytes.get(HEADER_BYTES..COUNTS) else { return };
    let number = |at: usize| u32::from_le_bytes([counts[at], counts[at + 1], counts[at + 2], counts[at + 3]]) as usize;
    let (docs, terms) = (number(0), number(4));
    let columns = docs.saturating_mul(4 + inverted_index::FIELDS).saturating_add(terms.saturating_mul(12));
    let head = COUNTS.saturating_add(columns);
    if head.saturating_add(8) > bytes.len() {
        return;
    }
    let ends: Vec<usize> = bytes[head - 4 * terms..head]
        .chunks_exact(4)
        .map(|end| end.iter().rev().fold(0, |sum, byte| sum << 8 | usize::from(*byte)))
        .collect();
    let checksum = checksum64(&bytes[..head]);
    bytes[head..head + 8].copy_from_slice(&checksum.to_le_bytes());
    let (postings, mut start) = (&mut bytes[head + 8..], 0);
    for end in ends {
        if let Some(list) = postings.get_mut(start..end)
            && let Some((content, checksum)) = list.split_last_chunk_mut::<4>()
        {
            *checksum = checksum32(content).to_le_bytes();
        }
        start = end;
    }
}

/// Reads a segment in every way, and describes the outcomes.
fn read_segment(bytes: &[u8]) -> String {
    let segment = match IndexSegment::from_bytes(bytes) {
        Ok(segment) => segment,
        Err(error) => return error.to_string(),
    };
    let verified = segment.verify();
    let index = InvertedIndex::new(vec![Arc::new(segment)]);
    let mut read = String::new();
    for word in ["open", "pool", "retry", "store", "rs", "src", "fn"] {
        let hash = inverted_index::hash_term(word);
        let scored = index.score_postings(hash, |_| {}).map_err(|error| error.to_string());
        let any = index.any_posting(hash, |_, _| true).map_err(|error| error.to_string());
        read.push_str(match (scored, any) {
            (Ok(idf), Ok(_)) if idf.is_finite() => "+",
            _ => "-",
        });
    }
    let merged = inverted_index::merge_segments(&[&index.segments()[0]], |_| true);
    format!("{read} {} {}", verified.is_ok(), merged.is_ok())
}

#[test]
fn mutated_segments_of_the_inverted_index() {
    let seeds = [segment()];
    assert_eq!(read_segment(&seeds[0]), "+++++++ true true");
    assert_varied(&fuzz(&seeds, 20_000, read_segment), 4);
    let resealed = fuzz(&seeds, 20_000, |mutant| {
        let mut bytes = mutant.to_vec();
        reseal_segment(&mut bytes);
        read_segment(&bytes)
    });
    assert_varied(&resealed, 5);
}

#[test]
fn mutated_embedding_models() {
    let tokens = ["alpha", "beta", "gamma", "open"];
    let rows: Vec<f32> = (0..16_u8).map(f32::from).collect();
    let model = encode_model(&tokens, &rows, 4, 3).expect("a model");
    let read = |bytes: &[u8]| match StaticModel::from_bytes(bytes.to_vec()) {
        Ok(model) => format!("{} {}", model.embed_text("open alpha").len(), model.tokens().count() > 0),
        Err(error) => error.to_string(),
    };
    assert_varied(&fuzz(std::slice::from_ref(&model), 20_000, read), 3);
    let resealed = fuzz(&[model], 20_000, |mutant| {
        let mut bytes = mutant.to_vec();
        if let Some((body, checksum)) = bytes.split_last_chunk_mut::<8>() {
            *checksum = checksum64(body).to_le_bytes();
        }
        read(&bytes)
    });
    assert_varied(&resealed, 4);
}

#[test]
fn mutated_vector_caches_give_the_right_vector_or_none() {
    let folder = tempfile::tempdir().expect("a folder");
    let vector = |seed: u8| {
        let (mut vector, mut halves) = (vec![f32::from(seed), 1.0, 0.5], Vec::new());
        round_to_half(&mut vector, &mut halves);
        (vector, halves)
    };
    let open = || VectorCache::open(folder.path(), "model", 3, 1 << 20);
    let cache = open();
    (0..40_u8).for_each(|seed| cache.insert(VectorKey::of_text(&seed.to_string()), &vector(seed).1));
    cache.flush().expect("written");
    drop(cache);
    let files: Vec<PathBuf> = walk(&folder.path().join("vectors"));
    let intact: Vec<Vec<u8>> = files.iter().map(|path| fs::read(path).expect("a file")).collect();
    for (path, bytes) in files.iter().zip(&intact) {
        let outcomes = fuzz(std::slice::from_ref(bytes), 1_500, |mutant| {
            fs::write(path, mutant).expect("written");
            let (cache, mut found, mut hits) = (open(), Vec::new(), 0);
            for seed in 0..40_u8 {
                if cache.get(VectorKey::of_text(&seed.to_string()), &mut found) {
                    assert_eq!(found, vector(seed).0, "a wrong vector");
                    hits += 1;
                }
            }
            ["none", "some", "all"][usize::from(hits > 0) + usize::from(hits == 40)].to_owned()
        });
        assert_varied(&outcomes, usize::from(!bytes.is_empty()));
        for (path, bytes) in files.iter().zip(&intact) {
            fs::write(path, bytes).expect("written");
        }
    }
}

/// Returns all files below a folder.
fn walk(folder: &std::path::Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() { files.extend(walk(&path)) } else { files.push(path) }
    }
    files.sort();
    files
}

/// Returns an engine over a folder with a few files, with its index.
fn indexed_engine(folder: &std::path::Path) -> Engine {
    let root = folder.join("root");
    fs::create_dir(&root).expect("a folder");
    for at in 0..5 {
        let text =
            format!("/// Opens pool {at}.\nfn open_pool_{at}(path: &str) -> Pool {{\n    Pool::open(path)\n}}\n");
        fs::write(root.join(format!("part_{at}.rs")), text).expect("a file");
    }
    let options = Options { path: Some(root), index_dir: Some(folder.join("index")), ..Options::default() };
    let engine = Engine::open(Settings::resolve(&options).expect("settings")).expect("an engine");
    engine.index(&IndexRequest::default(), &CancelToken::default(), &|_| ()).expect("an index");
    engine
}

#[test]
#[cfg(feature = "lance")]
fn mutated_manifests() {
    let folder = tempfile::tempdir().expect("a folder");
    drop(indexed_engine(folder.path()));
    let (dir, root) = (folder.path().join("index"), folder.path().join("root"));
    let path = dir.join("manifest.json");
    let sealed = fs::read_to_string(&path).expect("a manifest");
    fs::remove_file(dir.join("manifest.copy.json")).expect("a copy");
    let read = || {
        let store = LanceStore::open(&dir, &root).expect("a store");
        match store.view() {
            Ok(Some(view)) => format!("{:?} {:?}", view.files().is_ok(), view.row_keys().is_ok()),
            Ok(None) => "none".to_owned(),
            Err(error) => error.to_string().replace(&dir.display().to_string(), ""),
        }
    };
    let (_, fields) = sealed.split_once(",\n").expect("the checksum is the first field");
    let raw = fuzz(&[sealed.clone().into_bytes()], 3_000, |mutant| {
        fs::write(&path, mutant).expect("written");
        read()
    });
    assert!(raw.keys().all(|outcome| outcome.contains("damaged") || outcome == "true true"), "{raw:?}");
    let resealed = fuzz(&[format!("{{\n{fields}").into_bytes()], 1_500, |mutant| {
        fs::write(&path, seal_json(&String::from_utf8_lossy(mutant))).expect("written");
        read()
    });
    assert_varied(&resealed, 4);
}

#[test]
fn mutated_queries() {
    let folder = tempfile::tempdir().expect("a folder");
    let engine = indexed_engine(folder.path());
    let seeds = [
        "where is a pool opened",
        "open_pool_3",
        "\"Pool::open(path)\" lang:rust -test path:**/*.rs",
        "kind:function in:part_2.rs open",
        "thread 'main' panicked at part_1.rs:2:5:\nno pool\nstack backtrace:\n   0: open_pool_1\n  at ./part_1.rs:3",
        "Traceback (most recent call last):\n  File \"part_1.py\", line 7, in open_pool\nValueError: no pool",
        "fn open_pool_2(path: &str) -> Pool {\n    Pool::open(path)\n}",
        "part_4.rs:2-3",
        "opne pol é 漢 \u{202e}",
    ];
    let seeds = seeds.map(|query| query.as_bytes().to_vec());
    let outcomes = fuzz(&seeds, 4_000, |mutant| {
        let text = String::from_utf8_lossy(mutant).into_owned();
        let query = SearchQuery { text, limit: 3, ..SearchQuery::default() };
        match engine.search(&query, &CancelToken::default()) {
            Ok(answer) => {
                assert!(answer.hits.iter().all(|hit| !hit.stale), "no file has changed");
                format!("{} {:?}", answer.hits.len(), answer.notes)
            }
            Err(error) => error.to_string(),
        }
    });
    assert_varied(&outcomes, 4);
}
