use std::sync::Arc;

use super::*;
use types::{Chunk, Language, RepoPath, Span, Symbol, SymbolKind};

fn chunk(path: &str, name: &str, text: &str) -> Chunk {
    let (path, span) = (RepoPath::new(path), Span { start_line: 1, end_line: 9 });
    Chunk {
        path,
        language: Language("python"),
        span,
        kind: SymbolKind::Function,
        symbol: name.to_owned(),
        container: String::new(),
        definitions: [name].iter().filter(|name| !name.is_empty()).map(|name| symbol(name, span)).collect(),
        signature: String::new(),
        text: text.to_owned(),
        masked: Vec::new(),
    }
}

fn symbol(name: &str, span: Span) -> Symbol {
    let (container, signature) = (String::new(), String::new());
    Symbol { name: name.to_owned(), kind: SymbolKind::Function, container, signature, span }
}

fn build_segment(first: DocNumber, chunks: &[Chunk]) -> Vec<u8> {
    let mut writer = SegmentWriter::default();
    (first..).zip(chunks).for_each(|(number, chunk)| writer.add(number, &Terms::from_chunk(chunk)));
    writer.finish().expect("a small segment")
}

fn build_index(parts: &[Vec<u8>]) -> InvertedIndex {
    InvertedIndex::new(
        parts.iter().map(|bytes| Arc::new(IndexSegment::from_bytes(bytes).expect("a segment"))).collect(),
    )
}

/// Returns the numbers of the documents that contain a word, with their scores, best first.
fn scored_docs(index: &InvertedIndex, word: &str) -> Vec<(DocNumber, f32)> {
    let mut found = Vec::new();
    let each = |matched: ScoredPosting| {
        found.push((index.segments()[matched.segment].docs()[matched.ordinal as usize], matched.score));
    };
    index.score_postings(hash_term(word), each).expect("it is readable");
    found.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    found
}

fn corpus() -> Vec<Chunk> {
    vec![
        chunk("src/retry.py", "retry_request", "def retry_request(times):\n    # waits before it retries\n    pass"),
        chunk("src/http.py", "send", "def send(request):\n    return request.socket"),
        chunk("src/http.py", "", "import socket\nimport time"),
        chunk("docs/long.md", "", &format!("request {}", "and many other words ".repeat(4))),
    ]
}

#[test]
fn a_word_is_found_in_every_field() {
    let index = build_index(&[build_segment(10, &corpus())]);
    let numbers = |word| scored_docs(&index, word).into_iter().map(|(number, _)| number).collect::<Vec<_>>();
    assert_eq!(numbers("request"), [10, 11, 13]);
    assert_eq!(numbers("retryrequest"), [10]);
    assert_eq!(numbers("http"), [11, 12]);
    assert_eq!(numbers("waits"), [10]);
    assert!(numbers("nowhere").is_empty());
}

#[test]
fn a_score_equals_the_formula() {
    let chunks = [chunk("a", "", "one two two"), chunk("a", "", "one"), chunk("a", "", "three four five six")];
    let index = build_index(&[build_segment(0, &chunks)]);
    let (mean, b) = (8.0 / 3.0_f32, 0.75_f32);
    let idf = (1.0 + (3.0 - 1.0 + 0.5) / 1.5_f32).ln();
    let t = 2.0 / (1.0 - b + b * 3.0 / mean);
    let [(0, score)] = scored_docs(&index, "two")[..] else { panic!("one document") };
    assert!((score - idf * t / (1.2 + t)).abs() < 1e-5, "{score}");
}

#[test]
fn several_segments_and_their_merge_score_like_one_segment() {
    let chunks: Vec<Chunk> = (0..40).flat_map(|_| corpus()).collect();
    let whole = build_index(&[build_segment(0, &chunks)]);
    let parts = [build_segment(0, &chunks[..50]), build_segment(50, &chunks[50..51]), build_segment(51, &chunks[51..])];
    let several = build_index(&parts);
    let opened: Vec<IndexSegment> =
        parts.iter().map(|bytes| IndexSegment::from_bytes(bytes).expect("a segment")).collect();
    let merged = merge_segments(&opened.iter().collect::<Vec<_>>(), |_| true).expect("readable").expect("small");
    assert_eq!(merged, build_segment(0, &chunks));
    for word in ["request", "http", "socket", "py"] {
        assert_eq!(scored_docs(&whole, word), scored_docs(&several, word), "{word}");
    }
}

#[test]
fn merging_omits_deleted_documents() {
    let chunks = corpus();
    let parts = [build_segment(0, &chunks[..2]), build_segment(2, &chunks[2..])]
        .map(|bytes| IndexSegment::from_bytes(&bytes).expect("good"));
    let merged = merge_segments(&[&parts[0], &parts[1]], |number| number != 1).expect("readable").expect("small");
    let index = build_index(&[merged]);
    assert_eq!(scored_docs(&index, "http").into_iter().map(|(number, _)| number).collect::<Vec<_>>(), [2]);
    assert_eq!(index.docs(), 3);
}

#[test]
fn comments_are_distinguished_from_code() {
    let comment = |text: &str, word: &str| {
        let terms = Terms::from_chunk(&chunk("a", "", text));
        let counts = terms.counts.iter().find(|(of, _)| *of == hash_term(word)).expect("the word").1;
        counts.count(ChunkField::Comment) > 0.0
    };
    for (text, word) in [
        ("x = 1\n# waits here\ny", "waits"),
        ("/* opens\n * and goes on\n */\nint x;", "goes"),
        ("def f():\n    \"\"\"Says it.\n\n    More of it.\n    \"\"\"\n    pass", "more"),
        ("    /// docs of it", "docs"),
        ("-- a query", "query"),
    ] {
        assert!(comment(text, word), "{text}");
    }
    for (text, word) in [
        ("# first\ncode_here()", "code"),
        ("/* one */\nint after;", "after"),
        ("\"\"\"one line\"\"\"\nafter", "after"),
        ("#include <vector>", "vector"),
        ("#[derive(Debug)]", "debug"),
    ] {
        assert!(!comment(text, word), "{text}");
    }
}

/// Returns the segment in the layout of version 1, without checksums.
pub(crate) fn convert_to_version_1(bytes: &[u8]) -> Vec<u8> {
    let segment = IndexSegment::from_bytes(bytes).expect("a segment");
    let (mut postings, mut ends, mut list) = (Vec::new(), Vec::new(), Vec::new());
    for term in 0..segment.hashes().len() {
        segment.read_postings(term, &mut list).expect("readable");
        postings.extend_from_slice(&list);
        ends.push(u32::try_from(postings.len()).expect("a small segment"));
    }
    let size = |count: usize| u32::try_from(count).expect("a small segment").to_le_bytes();
    let mut old = b"CSCRYLX1".to_vec();
    old.extend(size(segment.docs().len()));
    old.extend(size(segment.hashes().len()));
    old.extend((postings.len() as u64).to_le_bytes());
    old.extend(segment.docs().iter().flat_map(|number| number.to_le_bytes()));
    ChunkField::ALL.iter().for_each(|field| old.extend(segment.lengths(*field)));
    old.extend(segment.hashes().iter().flat_map(|hash| hash.to_le_bytes()));
    old.extend(ends.iter().flat_map(|end| end.to_le_bytes()));
    old.extend(postings);
    old
}

#[test]
fn segments_of_version_1_are_read_and_merged_into_the_current_version() {
    let new = build_segment(3, &corpus());
    let old = convert_to_version_1(&new);
    for word in ["request", "http", "socket"] {
        assert_eq!(
            scored_docs(&build_index(std::slice::from_ref(&old)), word),
            scored_docs(&build_index(std::slice::from_ref(&new)), word)
        );
    }
    let opened = IndexSegment::from_bytes(&old).expect("a segment");
    let merged = merge_segments(&[&opened], |_| true).expect("readable").expect("small");
    assert_eq!(merged, new);
}

#[test]
fn every_damaged_byte_is_found_when_it_is_read() {
    let good = build_segment(0, &corpus());
    let whole = build_index(std::slice::from_ref(&good));
    let terms = whole.segments()[0].hashes().to_vec();
    for length in 0..good.len() {
        assert!(IndexSegment::from_bytes(&good[..length]).is_err(), "cut at {length}");
    }
    for at in 0..good.len() {
        for flip in [1, 0x80, 0xff] {
            let mut bad = good.clone();
            bad[at] ^= flip;
            let Ok(segment) = IndexSegment::from_bytes(&bad) else { continue };
            let index = InvertedIndex::new(vec![Arc::new(segment)]);
            let is_left_out = |term: &&u64| index.score_postings(**term, |_| {}).expect("it is readable") == 0.0;
            let left_out = terms.iter().filter(is_left_out).count();
            assert!(left_out == 1 && index.has_met_damage(), "byte {at}: exactly the list with that byte is damaged");
            assert!(index.segments()[0].verify().is_err(), "byte {at}");
            assert!(merge_segments(&[&index.segments()[0]], |_| true).is_err(), "byte {at}");
        }
    }
}

#[test]
fn broken_bytes_of_version_1_never_panic() {
    let good = convert_to_version_1(&build_segment(0, &corpus()));
    for length in 0..good.len() {
        assert!(IndexSegment::from_bytes(&good[..length]).is_err(), "cut at {length}");
    }
    for at in 0..good.len() {
        for flip in [1, 0x80, 0xff] {
            let mut bad = good.clone();
            bad[at] ^= flip;
            let Ok(segment) = IndexSegment::from_bytes(&bad) else { continue };
            let index = InvertedIndex::new(vec![Arc::new(segment)]);
            for word in ["request", "http", "socket", "retry"] {
                let _ = index.score_postings(hash_term(word), |_| {});
            }
            let _ = merge_segments(&[&index.segments()[0]], |_| true);
        }
    }
}

#[test]
fn a_segment_on_disk_equals_the_one_in_memory() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("1.words");
    let bytes = build_segment(7, &corpus());
    std::fs::write(&path, &bytes).expect("written");
    let opened = InvertedIndex::new(vec![Arc::new(IndexSegment::open(&path).expect("opened"))]);
    for word in ["request", "http"] {
        assert_eq!(scored_docs(&opened, word), scored_docs(&build_index(std::slice::from_ref(&bytes)), word));
    }
    std::fs::write(&path, &bytes[..bytes.len() - 1]).expect("written");
    assert!(IndexSegment::open(&path).is_err());
    let mut damaged = bytes;
    *damaged.last_mut().expect("a byte") ^= 1;
    std::fs::write(&path, &damaged).expect("written");
    let opened = InvertedIndex::new(vec![Arc::new(IndexSegment::open(&path).expect("its head is intact"))]);
    let last = *opened.segments()[0].hashes().last().expect("a term");
    assert!(opened.score_postings(last, |_| {}).is_ok() && opened.has_met_damage());
    let error = opened.segments()[0].verify().expect_err("a damaged list").to_string();
    assert!(error.contains("1.words") && error.contains("damaged"), "{error}");
}

#[test]
fn a_dictionary_counts_the_documents_of_every_term() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("1-0.words");
    for count in [1, 3, 4, 5, 300] {
        let texts = (0..count).map(|number| chunk("a.py", "", &format!("shared word{number} pair{}", number / 2)));
        let bytes = build_segment(0, &texts.collect::<Vec<_>>());
        std::fs::write(&path, &bytes).expect("written");
        let dictionary = SegmentDictionary::open(&path).expect("a dictionary");
        let index = build_index(&[bytes]);
        let words = (0..count).flat_map(|number| [format!("word{number}"), format!("pair{number}")]);
        for word in words.chain(["shared".to_owned(), "nowhere".to_owned()]) {
            let counted = dictionary.count_documents(hash_term(&word)).expect("it is readable");
            assert_eq!(counted as usize, scored_docs(&index, &word).len(), "{word} of {count}");
        }
        for hash in [0, u64::MAX] {
            assert_eq!(dictionary.count_documents(hash).expect("it is readable"), 0);
        }
    }
}
