//! Tests that answers stay within the budget for any hits, and that omitted hits are reported.

use answer::AnswerForm;
use proptest::prelude::*;

use super::*;
use engine::{IndexCoverage, Language, RelatedChunk, RepoPath, Span, SymbolKind};

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
        definitions: Vec::new(),
        text,
        deciding_lines: Vec::new(),
        score: 0.5,
        also: Vec::new(),
        project: None,
        repository: None,
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

fn render_words(hits: Vec<Hit>, max_tokens: usize, query: &str) -> RenderedAnswer<SearchOutput> {
    render_in_detail(hits, max_tokens, query, Detail::Full)
}

fn render_in_detail(hits: Vec<Hit>, max_tokens: usize, query: &str, detail: Detail) -> RenderedAnswer<SearchOutput> {
    let frame = AnswerFrame { noun: "hits", words: QueryWords::parse(query), detail, ..AnswerFrame::default() };
    let budget = TokenBudget { max_tokens, form: AnswerForm::TextAndData };
    render_hits(&create_answer(hits), &frame, budget).expect("it can be serialized")
}

fn render(hits: Vec<Hit>, max_tokens: usize) -> RenderedAnswer<SearchOutput> {
    render_words(hits, max_tokens, "")
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
    let wanted = "1 stale: changed since indexed, call index_project\n\
        src/a.rs:10-11 (part) function Finder.find_it\n```\n10 fn find_it() {\n11 }\n```\n\
        b.md:10-12 (part) (stale) function Finder.find_it\n````\n10 ```rust\n11 let a = 1;\n12 ```\n````\nalso 70-80 section Reset";
    assert_eq!(answer.text, wanted);
}

#[test]
fn an_empty_answer_has_its_caveats() {
    let mut partial = create_answer(Vec::new());
    partial.coverage.complete = false;
    let note = Some("indexing is in progress".to_owned());
    let frame = AnswerFrame { noun: "similar places", note, ..AnswerFrame::default() };
    let budget = TokenBudget { max_tokens: 500, form: AnswerForm::Text };
    let text = render_hits(&partial, &frame, budget).expect("it can be serialized").text;
    assert_eq!(text, "no similar places; the index is incomplete: 2 of 2 files, 9 chunks; indexing is in progress");
}

#[test]
fn a_long_hit_keeps_the_lines_that_match_the_query() {
    let mut code: Vec<_> = (0..400).map(|line| format!("    let value_{line} = compute({line});")).collect();
    code[0] = "fn find_it() {".to_owned();
    code[300] = "    retry_with_backoff();".to_owned();
    let mut hits = vec![hit("src/a.rs", code.join("\n")), hit("src/b.rs", "fn b() {}".to_owned())];
    hits[0].signature = "fn find_it()".to_owned();
    let answer = render_words(hits, 1_000, "when is it retried");
    assert!(is_within_budget(&answer, 1_000), "{}", answer.text);
    let shown = &answer.structured.hits[0];
    assert!(shown.code.starts_with("10 fn find_it() {") && shown.code.contains("retry_with_backoff"), "{}", shown.code);
    assert!(shown.code.ends_with('…') && shown.code.contains("\n…\n309 "), "{}", shown.code);
    assert_eq!(shown.more_lines.len(), 2, "{:?}", shown.more_lines);
    assert_eq!(answer.structured.hits[1].code, "10 fn b() {}");
}

#[test]
fn the_first_of_ten_structured_hits_have_code_by_default() {
    let code = format!("fn find_it() {{\n{}}}", "    retry(some, arguments, here);\n".repeat(30));
    let hits: Vec<Hit> = (0..10).map(|at| hit(&format!("src/network/transport/part_{at}.rs"), code.clone())).collect();
    let tokens = default_hit_tokens(Detail::Brief, AnswerForm::TextAndData, "") as usize;
    let answer = render_in_detail(hits, tokens, "when is it retried", Detail::Brief);
    let lines = |at: usize| answer.structured.hits[at].code.lines().count();
    assert_eq!(answer.structured.hits.len(), 10);
    assert!(lines(0) >= 6 && lines(1) >= 3, "{:?}", answer.structured.hits);
}

#[test]
fn the_first_place_is_shown_whole_if_the_others_leave_room_on_one_line_each() {
    let shown = |text: &str, calls: usize| {
        let code = |n: usize| format!("fn function_{n}() {{\n{}}}", "    call(some, arguments);\n".repeat(calls));
        let hits: Vec<Hit> = (0..10).map(|n| hit(&format!("src/f{n}.rs"), code(n))).collect();
        let tokens = default_hit_tokens(Detail::Brief, AnswerForm::Text, text) as usize;
        let answer = render_in_detail(hits, tokens, "when is some call retried", Detail::Brief);
        assert_eq!(answer.structured.hits.len(), 10);
        answer.structured.hits[0].code.lines().count()
    };
    let (question, report) =
        ("when is some call retried", "The upload stops\n".to_owned() + &"Since Monday. ".repeat(20));
    assert_eq!((shown(question, 34), shown(&report, 34)), (36, 36));
    assert!(shown(question, 56) < 30, "a longer one is cut");
    assert_eq!(shown(&report, 56), 58, "a pasted report has more room");
}

#[test]
fn more_tokens_show_more_lines() {
    let code = |n: usize| format!("fn function_{n}() {{\n{}}}", "    call(some, arguments, here);\n".repeat(30));
    let hits: Vec<Hit> = (0..12).map(|n| hit(&format!("src/f{n}.rs"), code(n))).collect();
    let shown_lines = |max_tokens| -> Vec<usize> {
        let answer = render(hits.clone(), max_tokens);
        assert!(is_within_budget(&answer, max_tokens), "{}", answer.text);
        answer.structured.hits.iter().map(|hit| hit.code.lines().count()).collect()
    };
    let (few, many) = (shown_lines(800), shown_lines(8_000));
    assert_eq!((few.len(), many.len()), (12, 12), "all hits are named");
    assert!(few.iter().zip(&many).all(|(few, many)| few <= many), "{few:?} {many:?}");
    assert_eq!(many[0], 32, "the whole hit");
}

#[test]
fn a_brief_answer_shows_code_of_the_first_two_hits_and_one_line_of_each_other_one() {
    let code = |n: usize| {
        let mut lines = vec!["    call(some, arguments, here);".to_owned(); 30];
        lines[0] = format!("fn function_{n}() {{");
        lines[20] = "    retry_upload();".to_owned();
        lines.join("\n")
    };
    let hits: Vec<Hit> = (0..10).map(|n| hit(&format!("src/f{n}.rs"), code(n))).collect();
    for max_tokens in [440, 1_000] {
        let answer = render_in_detail(hits.clone(), max_tokens, "when is an upload retried", Detail::Brief);
        assert!(is_within_budget(&answer, max_tokens) || max_tokens < 500, "{}", answer.text);
        let shown = &answer.structured.hits;
        assert_eq!(shown.len(), 10, "{}", answer.text);
        let numbers: Vec<usize> = shown.iter().map(|hit| hit.code.lines().count()).collect();
        assert!(numbers[0] >= numbers[1] && numbers[2..].iter().all(|lines| *lines <= 1), "{numbers:?}");
        assert!(
            shown[..5]
                .iter()
                .all(|hit| hit.code.contains("30     retry_upload();") || hit.code == "30 retry_upload();")
        );
        assert_eq!(answer.text.lines().filter(|line| line.starts_with("src/f")).count(), 10);
    }
}

#[test]
fn hits_without_room_are_counted_and_follow_on_the_next_page() {
    let hits: Vec<Hit> =
        (0..50).map(|n| hit(&format!("src/a/rather/long/path/to/the/file_{n}.rs"), "fn a() {}".to_owned())).collect();
    let answer = render(hits, 500);
    assert!(is_within_budget(&answer, 500), "{}", answer.text);
    let shown = answer.structured.hits.len();
    assert!(shown >= 3 && answer.structured.left_out_hits == Some(50 - shown));
    let next = answer.structured.next_cursor.expect("there is more");
    let tail = format!("{} more left out for max_tokens\nmore: cursor {next}", 50 - shown);
    assert!(answer.text.ends_with(&tail), "{}", answer.text);
    assert!(next.ends_with(&format!("-{shown:x}-0")), "{next}");
}

#[test]
fn one_line_too_long_for_the_budget_is_cut_inside() {
    for piece in ["漢字かな", "👩‍👩‍👧‍👦🏳️‍🌈", "QUJDREVGR0g9PQ", "\u{1b}[0m\"\\\u{202e}", "`````", "        ", "\t\r"]
    {
        let text = format!("let data = {};\nnext line", piece.repeat(30_000));
        for max_tokens in [500, 20_000] {
            let answer = render(vec![hit("src/a.rs", text.clone()), hit("src/b.rs", text.clone())], max_tokens);
            assert!(is_within_budget(&answer, max_tokens), "{piece:?}");
            let hits = &answer.structured.hits;
            assert!(hits.len() == 2 && hits[0].code.len() > 10, "{piece:?}: {}", answer.text);
        }
    }
}

#[test]
fn long_paths_are_cut() {
    let path = format!("{}/a.rs", "漢字\u{202e}/".repeat(1_000));
    let answer = render(vec![hit(&path, "fn a() {}".to_owned()), hit("b.rs", "fn b() {}".to_owned())], 500);
    assert!(is_within_budget(&answer, 500), "{}", answer.text);
    assert!(!answer.text.contains('\u{202e}') && answer.text.contains("\nb.rs:10"), "{}", answer.text);
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
        query in line_strategy(),
    ) {
        let span = Span { start_line: 1, end_line: 2 };
        let also = |name: &String| RelatedChunk { span, kind: SymbolKind::Block, name: name.clone() };
        let made = |(path, lines): (String, Vec<String>)| {
            let mut hit = hit(&path, lines.join("\n"));
            hit.also = lines.iter().map(also).collect();
            hit
        };
        let hits = hits.into_iter().map(made).collect();
        let answer = render_words(hits, max_tokens, &query);
        prop_assert!(is_within_budget(&answer, max_tokens));
    }
}
