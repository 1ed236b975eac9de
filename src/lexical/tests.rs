use std::sync::Arc;

use super::*;
use crate::types::{Chunk, Language, RepoPath, Span, SymbolKind};

fn chunk(path: &str, name: &str, text: &str) -> Chunk {
    let (path, span) = (RepoPath::new(path), Span { start_line: 1, end_line: 9 });
    Chunk {
        path,
        language: Language("python"),
        span,
        kind: SymbolKind::Function,
        symbol: name.to_owned(),
        container: String::new(),
        defines: if name.is_empty() { Vec::new() } else { vec![name.to_owned()] },
        signature: String::new(),
        text: text.to_owned(),
    }
}

fn segment(first: DocNumber, chunks: &[Chunk]) -> Vec<u8> {
    let mut writer = SegmentWriter::default();
    (first..).zip(chunks).for_each(|(number, chunk)| writer.add(number, &Terms::of(chunk)));
    writer.finish().expect("a small segment")
}

fn index(parts: &[Vec<u8>]) -> Index {
    Index::new(parts.iter().map(|bytes| Arc::new(Segment::from_bytes(bytes).expect("a segment"))).collect())
}

/// Document numbers and scores of a word, best first.
fn found(index: &Index, word: &str) -> Vec<(DocNumber, f32)> {
    let mut found = Vec::new();
    let each = |matched: Matched| {
        found.push((index.segments()[matched.segment].docs()[matched.place as usize], matched.score));
    };
    index.word(hash(word), each).expect("it is readable");
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
fn a_word_is_found_where_it_is_and_a_name_says_more_than_a_mention() {
    let index = index(&[segment(10, &corpus())]);
    let numbers = |word| found(&index, word).into_iter().map(|(number, _)| number).collect::<Vec<_>>();
    assert_eq!(numbers("request"), [10, 11, 13]);
    assert_eq!(numbers("retryrequest"), [10]);
    assert_eq!(numbers("http"), [11, 12]);
    assert_eq!(numbers("waits"), [10]);
    assert!(numbers("nowhere").is_empty());
}

#[test]
fn a_score_is_that_of_the_formula() {
    let chunks = [chunk("a", "", "one two two"), chunk("a", "", "one"), chunk("a", "", "three four five six")];
    let index = index(&[segment(0, &chunks)]);
    let (mean, b) = (8.0 / 3.0_f32, 0.75_f32);
    let idf = (1.0 + (3.0 - 1.0 + 0.5) / 1.5_f32).ln();
    let t = 2.0 / (1.0 - b + b * 3.0 / mean);
    let [(0, score)] = found(&index, "two")[..] else { panic!("one document") };
    assert!((score - idf * t / (1.2 + t)).abs() < 1e-5, "{score}");
}

#[test]
fn several_segments_and_their_merger_score_as_one() {
    let chunks: Vec<Chunk> = (0..40).flat_map(|_| corpus()).collect();
    let whole = index(&[segment(0, &chunks)]);
    let parts = [segment(0, &chunks[..50]), segment(50, &chunks[50..51]), segment(51, &chunks[51..])];
    let several = index(&parts);
    let opened: Vec<Segment> = parts.iter().map(|bytes| Segment::from_bytes(bytes).expect("a segment")).collect();
    let merged = merge(&opened.iter().collect::<Vec<_>>(), |_| true).expect("readable").expect("small");
    assert_eq!(merged, segment(0, &chunks));
    for word in ["request", "http", "socket", "py"] {
        assert_eq!(found(&whole, word), found(&several, word), "{word}");
    }
}

#[test]
fn merging_leaves_out_what_is_gone() {
    let chunks = corpus();
    let parts =
        [segment(0, &chunks[..2]), segment(2, &chunks[2..])].map(|bytes| Segment::from_bytes(&bytes).expect("good"));
    let merged = merge(&[&parts[0], &parts[1]], |number| number != 1).expect("readable").expect("small");
    let index = index(&[merged]);
    assert_eq!(found(&index, "http").into_iter().map(|(number, _)| number).collect::<Vec<_>>(), [2]);
    assert_eq!(index.docs(), 3);
}

#[test]
fn comments_are_told_from_code() {
    let comment = |text: &str, word: &str| {
        let terms = Terms::of(&chunk("a", "", text));
        let counts = terms.words.iter().find(|(of, _)| *of == hash(word)).expect("the word").1;
        counts.of(Field::Comment) > 0.0
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

#[test]
fn broken_bytes_are_an_error_and_never_a_panic() {
    let good = segment(0, &corpus());
    for length in 0..good.len() {
        assert!(Segment::from_bytes(&good[..length]).is_err(), "cut at {length}");
    }
    for at in 0..good.len() {
        for flip in [1, 0x80, 0xff] {
            let mut bad = good.clone();
            bad[at] ^= flip;
            let Ok(segment) = Segment::from_bytes(&bad) else { continue };
            let index = Index::new(vec![Arc::new(segment)]);
            for word in ["request", "http", "socket", "retry"] {
                let _ = index.word(hash(word), |_| {});
            }
            let _ = merge(&[&index.segments()[0]], |_| true);
        }
    }
}

#[test]
fn a_segment_on_disk_is_the_one_in_memory() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("1.words");
    let bytes = segment(7, &corpus());
    std::fs::write(&path, &bytes).expect("written");
    let opened = Index::new(vec![Arc::new(Segment::open(&path).expect("opened"))]);
    for word in ["request", "http"] {
        assert_eq!(found(&opened, word), found(&index(std::slice::from_ref(&bytes)), word));
    }
    std::fs::write(&path, &bytes[..bytes.len() - 1]).expect("written");
    assert!(Segment::open(&path).is_err());
}
