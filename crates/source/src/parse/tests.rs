use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::{ParsedFile, Parser, SourceFile};
use crate::{language, long_lines};
use platform::cancel::CancelToken;
use types::{Chunk, RepoPath};

mod definition_facts;
mod embedded_texts;

fn parse(path: &str, text: &str) -> ParsedFile {
    let path = RepoPath::new(path);
    let language = language::refine_language(language::detect_language(&path, text.lines().next()), &path, text);
    Parser::new(Duration::from_secs(5)).parse(&SourceFile { path, language, text: text.to_owned(), masks: Vec::new() })
}

/// Asserts that every non-blank line is in exactly one chunk, in order, and that each chunk's text equals the file's
/// with long lines shortened.
fn assert_covers(text: &str, chunks: &[Chunk]) {
    let lines: Vec<&str> = text.split('\n').collect();
    let mut held = vec![0; lines.len()];
    let mut last = 0;
    for chunk in chunks {
        let (start, end) = (chunk.span.start_line as usize, chunk.span.end_line as usize);
        assert!(start > last && end >= start, "chunk {start}-{end} after line {last}");
        last = end;
        held[start - 1..end].iter_mut().for_each(|count| *count += 1);
        let expected = lines[start - 1..end].join("\n");
        let expected = long_lines::shorten_lines(chunk.language, expected.strip_suffix('\r').unwrap_or(&expected)).text;
        assert_eq!(chunk.text, expected);
    }
    for (index, line) in lines.iter().enumerate() {
        let wanted = usize::from(!line.trim().is_empty());
        assert!(held[index] >= wanted && held[index] <= 1, "line {} is in {} chunks", index + 1, held[index]);
    }
}

/// Returns the name and text of every fixture.
fn fixtures() -> Vec<(String, String)> {
    let list = |folder: &Path| fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let folders = list(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures")));
    let mut files: Vec<_> = folders.flat_map(|folder| list(&folder)).collect();
    files.sort();
    let read = |path: PathBuf| {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        (name, fs::read_to_string(&path).expect("a fixture is UTF-8"))
    };
    files.into_iter().map(read).collect()
}

#[test]
fn fixtures_of_every_language_match_their_snapshots() {
    let mut seen = Vec::new();
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_snapshot_path(concat!(env!("CARGO_MANIFEST_DIR"), "/snapshots"));
    settings.set_omit_expression(true);
    for (name, text) in fixtures() {
        let parsed = parse(&name, &text);
        assert_covers(&text, &parsed.chunks);
        assert_eq!(parsed.problem, None, "{name}");
        let language = parsed.chunks[0].language.0;
        seen.push(language);
        settings.bind(|| insta::assert_snapshot!(language, listing(&parsed)));
    }
    for row in language::all_languages().filter(|row| {
        row.grammar.is_some() || embedded::is_scanned(row.name) || ["markdown", "text"].contains(&row.name)
    }) {
        assert!(seen.contains(&row.name), "{} has no fixture", row.name);
    }
}

fn listing(parsed: &ParsedFile) -> String {
    let mut out = String::new();
    for chunk in &parsed.chunks {
        let first = chunk.text.lines().next().unwrap_or_default();
        let _ =
            write!(out, "{}-{} {} {}", chunk.span.start_line, chunk.span.end_line, chunk.kind, chunk.qualified_name());
        let _ = writeln!(
            out,
            " [{}]\n    {}\n    {first}",
            chunk.defined_names().collect::<Vec<_>>().join(", "),
            chunk.signature
        );
    }
    out.push_str("\nsymbols\n");
    for symbol in &parsed.symbols() {
        let _ = writeln!(
            out,
            "{}-{} {} {}.{}",
            symbol.span.start_line, symbol.span.end_line, symbol.kind, symbol.container, symbol.name
        );
    }
    out
}

#[test]
fn a_definition_comes_with_its_doc_comment_attributes_and_container() {
    let text = "use std::fmt;\n\n// a remark of its own\n\n/// Keeps money.\n#[derive(Debug)]\npub struct Ledger {\n    total: u64,\n}\n\nimpl Ledger {\n    /// Adds.\n    #[inline]\n    pub fn add(&mut self, amount: u64) -> u64 {\n        self.total += amount;\n        self.total\n    }\n}\n";
    let parsed = parse("ledger.rs", text);
    let symbols = parsed.symbols();
    let add = symbols.iter().find(|symbol| symbol.name == "add").expect("add is found");
    assert_eq!((add.span.start_line, add.span.end_line), (12, 17));
    assert_eq!(
        (add.container.as_str(), add.signature.as_str()),
        ("Ledger", "pub fn add(&mut self, amount: u64) -> u64")
    );
    let ledger = symbols.iter().find(|symbol| symbol.name == "Ledger").expect("Ledger is found");
    assert_eq!(ledger.span.start_line, 5);
}

#[test]
fn a_large_function_is_cut_at_statements_and_keeps_its_name() {
    let mut text = String::from("def work(items):\n");
    for index in 0..120 {
        let _ = write!(
            text,
            "    if items[{index}] > {index}:\n        total_{index} = compute(\n            items[{index}],\n        )\n"
        );
    }
    let parsed = parse("work.py", &text);
    assert!(parsed.chunks.len() > 3, "{}", parsed.chunks.len());
    assert_covers(&text, &parsed.chunks);
    for chunk in &parsed.chunks {
        assert_eq!(chunk.symbol, "work");
        assert!(chunk.text.len() <= super::chunks::MAX_CHUNK_BYTES);
    }
    for chunk in &parsed.chunks[1..] {
        assert!(chunk.text.trim_start().starts_with("if items"), "cut inside a statement: {}", &chunk.text[..60]);
    }
    assert_eq!(parsed.chunks.iter().filter(|chunk| chunk.defined_names().any(|name| name == "work")).count(), 1);
}

#[test]
fn broken_code_still_yields_its_definitions() {
    let text = "fn good() {\n    work();\n}\n\nfn broken( {\n    let x = ;\n\nfn also_good() -> u8 {\n    7\n}\n";
    let parsed = parse("broken.rs", text);
    assert_covers(text, &parsed.chunks);
    assert!(parsed.symbols().iter().any(|symbol| symbol.name == "good"));
}

#[test]
fn an_outline_says_that_the_grammar_fails_over_much_of_a_file() {
    let outline = |text: String| {
        let file = SourceFile {
            path: RepoPath::new("a.rs"),
            language: language::detect_language(&RepoPath::new("a.rs"), None),
            text,
            masks: Vec::new(),
        };
        let mut analyzer = super::syntax::SyntaxAnalyzer::default();
        let request =
            file.syntax_request(super::syntax::SyntaxTask::Definitions, Duration::from_secs(5)).expect("a grammar");
        super::build_outline(&file, Some(analyzer.analyze(&request)), Duration::from_secs(5)).1
    };
    let broken = "fn good() {}\n".to_owned() + &"%% ?? not rust at all ??\n".repeat(40);
    let problem = outline(broken.clone()).expect("a problem");
    assert!(
        problem.contains("Rust grammar cannot parse") && problem.contains("definitions may be missing"),
        "{problem}"
    );
    assert_eq!(parse("a.rs", &broken).problem, None, "an index does not count it as a problem");
    assert_eq!(outline("fn f() { g(); }\n".repeat(40) + "fn broken( {\n"), None);
}

#[test]
fn headings_make_sections_except_in_code() {
    let text = "---\ntitle: x\n---\n\n# Guide\n\nIntro.\n\n```sh\n# not a heading\n```\n\n## Install\n\nRun it.\n\nUse\n===\n\nMore.\n";
    let symbols = parse("guide.md", text).symbols();
    let names: Vec<_> = symbols.iter().map(|symbol| (symbol.name.as_str(), symbol.container.as_str())).collect();
    assert_eq!(names, [("Guide", ""), ("Install", "Guide"), ("Use", "")]);
}

/// Returns inputs that tend to make parsers hang, overflow the stack or exhaust memory.
fn pathological_inputs() -> Vec<(&'static str, String)> {
    let nested = |open: &str, close: &str| format!("{}{}", open.repeat(10_000), close.repeat(10_000));
    vec![
        ("one long line", "x = 1; ".repeat(150_000)),
        ("nested brackets", nested("[", "]")),
        ("open parentheses", "(".repeat(1 << 20)),
        ("nested blocks", nested("{\n", "}\n")),
        ("nested functions", nested("function f() {\n", "}\n")),
        ("quotes", "\"'`".repeat(100_000)),
        ("angle brackets", "a<".repeat(200_000)),
        ("deep indent", (0..2_000).fold(String::new(), |text, depth| text + &" ".repeat(depth % 500) + "if x:\n")),
        ("block quotes", format!("{} # x", ">".repeat(100_000))),
        ("heredocs", "cat <<A <<B <<C\n".repeat(5_000)),
        ("nul and control", "\0\u{1}\u{fffd}\u{202e}\n".repeat(10_000)),
    ]
}

#[test]
fn pathological_input_ends_and_is_covered_in_every_language() {
    for row in language::all_languages()
        .filter(|row| row.grammar.is_some() || embedded::is_scanned(row.name) || row.name == "markdown")
    {
        let extension = row.extensions[0];
        for (name, text) in pathological_inputs() {
            let path = RepoPath::new(format!("bad.{extension}"));
            let language = language::detect_language(&path, None);
            let mut parser = Parser::new(Duration::from_millis(100));
            let parsed = parser.parse(&SourceFile { path, language, text: text.clone(), masks: Vec::new() });
            let lines: usize = parsed.chunks.iter().map(|chunk| chunk.span.line_count() as usize).sum();
            let wanted = text.lines().filter(|line| !line.trim().is_empty()).count();
            assert!(lines >= wanted, "{} on {name}: {lines} of {wanted} lines", row.name);
        }
    }
}

#[test]
fn a_brace_range_of_non_ascii_characters_does_not_crash_the_process() {
    for range in ["{\u{10ffff}..3}", "{1..\u{1f600}}", "{12\u{4e2d}"] {
        let text = format!("f() {{\n  echo {range}\n}}\n");
        let parsed = parse("odd.sh", &text);
        assert!(parsed.problem.is_some_and(|problem| problem.contains("brace range")), "{range}");
        assert_covers(&text, &parsed.chunks);
    }
}

#[test]
fn a_file_whose_parsing_times_out_or_is_cancelled_has_a_problem_and_is_covered() {
    let text = "((((((((((\n".repeat(100_000);
    let file = SourceFile {
        path: RepoPath::new("a.ts"),
        language: language::detect_language(&RepoPath::new("a.ts"), None),
        text,
        masks: Vec::new(),
    };
    let cancelled = CancelToken::default();
    cancelled.cancel();
    let timed_out = Parser::new(Duration::from_nanos(1));
    for mut parser in [timed_out, Parser::new(Duration::from_secs(600)).with_cancel(cancelled)] {
        let parsed = parser.parse(&file);
        assert!(parsed.problem.is_some_and(|problem| problem.contains("gave up")));
        assert_covers(&file.text, &parsed.chunks);
    }
}

proptest! {
    // The scanners of some grammars hang on rare texts, which only a process of its own survives. So these tests try the
    // same texts each time; `tests/it/grammars.rs` tries others.
    #![proptest_config(ProptestConfig {
        max_shrink_iters: 500,
        rng_seed: RngSeed::Fixed(1),
        ..ProptestConfig::with_cases(48)
    })]

    #[test]
    fn any_text_is_covered(text in "(?s)(\\PC|[\n\r\t {}();\"'#<>/*=:-]){0,400}") {
        for row in language::all_languages().filter(|row| {
            row.grammar.is_some() || embedded::is_scanned(row.name) || ["markdown", "text"].contains(&row.name)
        }) {
            assert_covers(&text, &parse(&format!("any.{}", row.extensions[0]), &text).chunks);
        }
    }

    /// Real code with shuffled lines is nearly valid syntax.
    #[test]
    fn shuffled_code_is_covered(seed in prop::collection::vec(any::<prop::sample::Index>(), 80)) {
        for (name, text) in fixtures() {
            let lines: Vec<&str> = text.lines().collect();
            let shuffled: Vec<&str> = seed.iter().map(|index| *index.get(&lines)).collect();
            let shuffled = shuffled.join("\n");
            assert_covers(&shuffled, &parse(&name, &shuffled).chunks);
        }
    }
}
