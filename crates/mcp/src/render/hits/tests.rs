//! Tests that answers stay within the budget for any hits, and that omitted hits are reported.

use proptest::prelude::*;

use super::*;
use engine::{IndexCoverage, Language, RepoPath, SymbolKind};

fn hit(path: &str, text: String) -> Hit {
    let lines = u32::try_from(text.lines().count().max(1)).expect("few lines");
    Hit {
        path: RepoPath::new(path),
        language: Language("rust"),
        span: Span { start_line: 10, end_line: 9 + lines },
        kind: SymbolKind::Function,
        symbol: "find_it".to_owned(),
        container: "Finder".to_owned(),
        signature: String::new(),
        text,
        score: 0.5,
        also: Vec::new(),
        project: None,
        stale: false,
        explanation: None,
    }
}

fn create_answer(hits: Vec<Hit>) -> SearchAnswer {
    SearchAnswer {
        hits,
        coverage: IndexCoverage { files_indexed: 2, files_found: Some(2), chunks: 9, complete: true },
        ..SearchAnswer::default()
    }
}

fn render(hits: Vec<Hit>, max_tokens: usize) -> RenderedAnswer<SearchOutput> {
    let frame = AnswerFrame { noun: "hits", note: None, page: None };
    render_hits(&create_answer(hits), &frame, max_tokens).expect("it can be serialized")
}

fn is_within_budget(answer: &RenderedAnswer<SearchOutput>, max_tokens: usize) -> bool {
    let count = |text: &str| text::tokens::count_tokens(text);
    let json = serde_json::to_string(&answer.structured).expect("it can be serialized");
    count(&answer.text) <= max_tokens && count(&json) <= max_tokens
}

#[test]
fn a_hit_shows_location_name_and_code() {
    let mut stale = hit("b.md", "```rust\nlet a = 1;\n```".to_owned());
    stale.stale = true;
    let span = Span { start_line: 70, end_line: 80 };
    stale.also = vec![RelatedChunk { span, kind: SymbolKind::Section, name: "Reset".to_owned() }];
    let answer = render(vec![hit("src/a.rs", "fn find_it() {\n}".to_owned()), stale], 8_000);
    let wanted = "2 hits; 1 from files changed since they were indexed: call index_project\n\n\
        1. src/a.rs:10-11  [function] Finder.find_it\n```rust\nfn find_it() {\n}\n```\n\n\
        2. b.md:10-12  [function] Finder.find_it  (stale: file changed since indexed)\n\
        ````rust\n```rust\nlet a = 1;\n```\n````\nalso: Reset 70-80";
    assert_eq!(answer.text, wanted);
}

#[test]
fn an_incomplete_index_is_reported_in_the_first_line() {
    let mut partial = create_answer(Vec::new());
    partial.coverage.complete = false;
    let frame = AnswerFrame { noun: "similar places", note: Some("indexing is in progress".to_owned()), page: None };
    let text = render_hits(&partial, &frame, 500).expect("it can be serialized").text;
    assert_eq!(text, "0 similar places; the index is incomplete: 2 of 2 files, 9 chunks; indexing is in progress");
}

#[test]
fn a_long_hit_keeps_its_beginning_and_names_the_lines_to_read() {
    let code: Vec<_> = (0..400).map(|line| format!("    let value_{line} = compute({line});")).collect();
    let answer = render(vec![hit("src/a.rs", code.join("\n")), hit("src/b.rs", "fn b() {}".to_owned())], 1_000);
    assert!(is_within_budget(&answer, 1_000), "{}", answer.text);
    let shown = &answer.structured.hits[0];
    let lines = u32::try_from(shown.code.lines().count()).expect("few lines");
    assert!(lines > 30 && shown.code.starts_with(&code[0]));
    assert_eq!(shown.more_lines, Some(format!("{}-409", 10 + lines)));
    let rest = format!("\n… {} more lines (read src/a.rs:{}-409)\n\n2. src/b.rs:10-10", 400 - lines, 10 + lines);
    assert!(answer.text.contains(&rest), "{}", answer.text);
    assert_eq!(answer.structured.hits[1].code, "fn b() {}");
}

#[test]
fn hits_without_room_are_listed() {
    let code = |n: usize| format!("fn function_{n}() {{\n{}}}", "    call(some, arguments, here);\n".repeat(30));
    let answer = render((0..12).map(|n| hit(&format!("src/f{n}.rs"), code(n))).collect(), 800);
    assert!(is_within_budget(&answer, 800), "{}", answer.text);
    let shown = answer.structured.hits.len();
    assert!(shown >= 3 && answer.structured.left_out_hits == Some(12 - shown));
    let listed = format!("\n\nleft out for max_tokens: {} more hits: src/f{shown}.rs:10-41, ", 12 - shown);
    assert!(answer.text.contains(&listed), "{}", answer.text);
}

#[test]
fn one_line_too_long_for_the_budget_is_cut_inside() {
    for piece in ["漢字かな", "👩‍👩‍👧‍👦🏳️‍🌈", "QUJDREVGR0g9PQ", "\u{1b}[0m\"\\\u{202e}", "`````", "        ", "\t\r"]
    {
        let text = format!("let data = {};\nnext line", piece.repeat(30_000));
        let started_at = std::time::Instant::now();
        for max_tokens in [500, 20_000] {
            let answer = render(vec![hit("src/a.rs", text.clone()), hit("src/b.rs", text.clone())], max_tokens);
            assert!(is_within_budget(&answer, max_tokens), "{piece:?}");
            let hits = &answer.structured.hits;
            assert!(hits.len() == 2 && hits[0].code.len() > 20, "{piece:?}: {}", answer.text);
            let whole = hits[0].code == text;
            assert!(whole || answer.text.contains("lines not shown in full (read src/a.rs:10-11)"), "{piece:?}");
        }
        assert!(started_at.elapsed().as_secs() < 60, "{piece:?} took {:?}", started_at.elapsed());
    }
}

#[test]
fn names_too_long_for_the_budget_are_counted() {
    let path = format!("{}/a.rs", "漢字\u{202e}/".repeat(1_000));
    let answer = render(vec![hit(&path, "fn a() {}".to_owned()), hit("b.rs", "fn b() {}".to_owned())], 500);
    assert!(is_within_budget(&answer, 500), "{}", answer.text);
    assert!(!answer.text.contains('\u{202e}') && answer.text.contains("b.rs:10-10"), "{}", answer.text);
    assert!(answer.text.contains("left out for max_tokens: 1 more hit"), "{}", answer.text);
}

fn line_strategy() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z_(){};= ]{0,60}",
        "\\PC{0,80}",
        "[ \t\r`\"\\\\]{0,40}",
        "[A-Za-z0-9+/]{0,400}",
        "[漢字😀🏳\u{300}]{0,60}"
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_budget_holds_for_anything(
        hits in prop::collection::vec((line_strategy(), prop::collection::vec(line_strategy(), 1..120)), 0..30),
        max_tokens in 500_usize..3_000,
    ) {
        let span = Span { start_line: 1, end_line: 2 };
        let also = |name: &String| RelatedChunk { span, kind: SymbolKind::Block, name: name.clone() };
        let made = |(path, lines): (String, Vec<String>)| {
            let mut hit = hit(&path, lines.join("\n"));
            hit.also = lines.iter().map(also).collect();
            hit
        };
        let hits = hits.into_iter().map(made).collect();
        let answer = render(hits, max_tokens);
        prop_assert!(is_within_budget(&answer, max_tokens));
    }
}
