//! Tests of the lines, names and forms of a place.

use engine::{Language, RepoPath, Symbol};

use super::*;

const DETAIL: PlaceDetail = PlaceDetail { max_line_chars: 30, max_related: 2 };

fn hit(text: &str) -> Hit {
    let lines = u32::try_from(text.lines().count()).expect("few lines");
    let related = |start_line, name: &str, kind| RelatedChunk {
        span: Span { start_line, end_line: start_line + 5 },
        kind,
        name: name.to_owned(),
    };
    Hit {
        path: RepoPath::new("src/\u{202e}a.rs"),
        language: Language("rust"),
        span: Span { start_line: 10, end_line: 9 + lines },
        kind: SymbolKind::Method,
        symbol: "open".to_owned(),
        container: "Store".to_owned(),
        signature: "fn open( path: &Path, )".to_owned(),
        definitions: Vec::new(),
        text: text.to_owned(),
        score: 0.5,
        deciding_lines: Vec::new(),
        also: vec![
            related(70, "Store.close", SymbolKind::Method),
            related(80, "", SymbolKind::Block),
            related(90, "third", SymbolKind::Function),
        ],
        project: None,
        repository: None,
        stale: false,
        explanation: None,
    }
}

#[test]
fn a_short_place_is_shown_whole_with_numbered_lines() {
    let hit = hit("fn open(\n    path: &Path,\n) {}\n\n");
    let words = QueryWords::default();
    let place = Place::new(&hit, &words, 5);
    let wanted = "src/\\u{202e}a.rs:10-13 method Store.open\n```\n10 fn open(\n11     path: &Path,\n12 ) {}\n```\n\
                  also 70-75 method close, 80-85 block";
    assert_eq!(place.format(DETAIL), wanted);
    assert_eq!(place.omitted_lines(), []);
}

#[test]
fn omitted_lines_are_marked_and_the_deciding_line_is_never_one_of_them() {
    let mut lines = vec!["filler"; 40];
    lines[0] = "/// Opens.";
    lines[1] = "fn open(path: &Path)";
    lines[20] = "    retry_after_a_long_and_winding_delay(now)";
    let mut hit = hit(&lines.join("\n"));
    hit.signature = "fn open(path: &Path)".to_owned();
    let words = QueryWords::parse("when is it retried");
    let place = Place::new(&hit, &words, 4);
    let code = "10 /// Opens.\n11 fn open(path: &Path)\n…\n29 filler\n30     retry_after_a_long_and_win…\n31 filler\n…";
    assert_eq!(place.code(30), code);
    assert_eq!(place.omitted_lines(), [Span { start_line: 12, end_line: 28 }, Span { start_line: 32, end_line: 49 }]);
    let rows = place.rows();
    assert_eq!(rows[1], PlaceRow::Line { index: 1, number: 11, text: "fn open(path: &Path)" });
    assert_eq!((rows[2], rows.last()), (PlaceRow::Gap, Some(&PlaceRow::Gap)));
    hit.deciding_lines = vec![40, 999, 3];
    let code = Place::new(&hit, &words, 4).code(30);
    assert!(code.contains("\n40 filler\n") && !code.contains("retry"), "the search's lines come first: {code}");
}

#[test]
fn a_brief_place_is_one_line_with_kind_name_signature_and_the_deciding_line() {
    let hit = hit("/// Opens.\nfn open(\n    path: &Path,\n) {\n    retry();\n}\n");
    let brief = |query: &str| {
        Place::new(&hit, &QueryWords::parse(query), 1).format_brief(BriefLengths { signature: 60, line: 60 })
    };
    assert_eq!(brief(""), "src/\\u{202e}a.rs:10-15 method Store.open(path: &Path)");
    assert_eq!(brief("path"), "src/\\u{202e}a.rs:10-15 method Store.open(path: &Path)");
    assert_eq!(brief("is it retried"), "src/\\u{202e}a.rs:10-15 method Store.open(path: &Path): 14 retry();");
}

fn definition_at(name: &str, start_line: u32, end_line: u32) -> Symbol {
    Symbol {
        name: name.to_owned(),
        kind: SymbolKind::Function,
        container: String::new(),
        signature: String::new(),
        span: Span { start_line, end_line },
    }
}

#[test]
fn names_are_right() {
    let mut hit = hit("fn open() {\n    fn inner() {}\n}\nfn close() {\n}\n");
    hit.signature = "fn open()".to_owned();
    hit.definitions = vec![
        Symbol { container: "Store".to_owned(), ..definition_at("open", 10, 12) },
        definition_at("inner", 11, 11),
        definition_at("close", 13, 14),
    ];
    let words = QueryWords::default();
    assert_eq!(Place::new(&hit, &words, 1).name(), "Store.open, close", "a chunk of two functions names both");
    hit.container = String::new();
    hit.definitions[0].container = String::new();
    let place = Place::new(&hit, &words, 1);
    assert_eq!((place.kind(), place.name().as_str()), (SymbolKind::Function, "open, close"));
    assert_eq!(
        place.format_brief(BriefLengths { signature: 60, line: 60 }),
        "src/\\u{202e}a.rs:10-14 function open, close"
    );
    (hit.container, hit.symbol, hit.definitions) =
        ("Scaler".to_owned(), "Scaler".to_owned(), vec![definition_at("Scaler", 10, 14)]);
    assert_eq!(Place::new(&hit, &words, 1).name(), "Scaler", "a constructor is named as its class");
    (hit.kind, hit.container) = (SymbolKind::Struct, String::new());
    hit.definitions = vec![definition_at("Options", 10, 11), definition_at("Scaler", 12, 14)];
    assert_eq!(Place::new(&hit, &words, 1).name(), "Scaler, Options", "a chunk of two structs names both");
    hit.definitions[0].container = "Model".to_owned();
    assert_eq!(Place::new(&hit, &words, 1).name(), "Scaler, Model.Options", "a container that they do not share");
    hit.definitions[0] = Symbol { container: "Scaler".to_owned(), ..definition_at("fit", 13, 14) };
    assert_eq!(Place::new(&hit, &words, 1).name(), "Scaler", "a method is inside of its struct");
}

#[test]
fn names_of_different_kinds_have_their_own() {
    let mut hit = hit("const RETRIES = 3;\nstruct Matcher;\nfn reset() {}\n");
    (hit.kind, hit.symbol, hit.container) = (SymbolKind::Constant, "RETRIES".to_owned(), String::new());
    hit.signature = "const RETRIES".to_owned();
    let of_kind = |name: &str, kind, line| Symbol { kind, ..definition_at(name, line, line) };
    hit.definitions = vec![
        of_kind("RETRIES", SymbolKind::Constant, 10),
        of_kind("Matcher", SymbolKind::Struct, 11),
        of_kind("reset", SymbolKind::Function, 12),
    ];
    let words = QueryWords::default();
    let place = Place::new(&hit, &words, 1);
    assert!(
        place
            .format_brief(BriefLengths { signature: 60, line: 0 })
            .ends_with("a.rs:10-12 constant RETRIES, struct Matcher, function reset")
    );
    assert_eq!(
        place.name_with_kinds(|name, kind| format!("{name} [{kind}]")).as_deref(),
        Some("RETRIES [constant], Matcher [struct], reset [function]")
    );
}

#[test]
fn a_place_with_a_part_of_its_definition_says_so() {
    let mut hit = hit("/// Opens.\n/// Retries.\n");
    let words = QueryWords::default();
    let brief = |hit: &Hit| Place::new(hit, &words, 1).format_brief(BriefLengths { signature: 0, line: 0 });
    assert!(brief(&hit).ends_with("a.rs:10-11 (part) method Store.open"), "a comment before the definition");
    hit.kind = SymbolKind::Class;
    assert!(brief(&hit).ends_with("a.rs:10-11 class Store.open"), "the head of a class");
    hit.kind = SymbolKind::Method;
    hit.text = "fn open( path: &Path, ) {\n    retry();\n".to_owned();
    hit.definitions = vec![Symbol { container: "Store".to_owned(), ..definition_at("open", 10, 40) }];
    assert!(brief(&hit).ends_with("a.rs:10-11 (part) method Store.open"), "the body goes on");
    hit.definitions[0].span.end_line = 11;
    assert!(brief(&hit).ends_with("a.rs:10-11 method Store.open"));
}

#[test]
fn parts_of_one_definition_are_called_parts() {
    let mut hit = hit("fn open() {}\n");
    for (at, related) in hit.also.iter_mut().enumerate() {
        let start_line = 70 + 6 * u32::try_from(at).expect("few");
        (related.name, related.kind) = ("Store.close".to_owned(), SymbolKind::Method);
        related.span = Span { start_line, end_line: start_line + 5 };
    }
    hit.also[2].span = Span { start_line: 190, end_line: 195 };
    let shown = Place::new(&hit, &QueryWords::default(), 1).related(3);
    assert_eq!(shown, ["70-75 method close (part)", "76-81 method close (part)", "190-195 method close"]);
}

#[test]
fn a_later_part_of_a_definition_has_its_signature_in_the_head() {
    let hit = hit(&format!("    first();\n{}    retry();\n}}\n", "    step();\n".repeat(30)));
    let shown = Place::new(&hit, &QueryWords::parse("retried"), 4).format(DETAIL);
    let wanted = "src/\\u{202e}a.rs:10-42 (part) method Store.open(path: &Path)\n```\n40     step();\n41     retry();\n42 }\n```\n";
    assert!(shown.starts_with(wanted), "{shown}");
}

#[test]
fn a_long_line_is_cut_around_the_word_of_the_query() {
    let hit = hit(&format!("fn open() {{\n{} retry_now(); {}\n}}", "x".repeat(500), "y".repeat(500)));
    let code = Place::new(&hit, &QueryWords::parse("retry_now"), 8).code(60);
    let lines: Vec<&str> = code.lines().collect();
    assert!(lines[1].contains("retry_now();") && lines[1].chars().count() < 70, "{code}");
}

#[test]
fn the_line_with_the_name_is_shown_above_each_shown_line_of_a_body() {
    let step = "    step()\n".repeat(20);
    let text = format!(
        "@route(\"/items\")\ndef list_items(\n    limit: int,\n) -> list:\n    \"\"\"Lists the items.\"\"\"\n{step}    \
         return sort(found)\n\n\ndef count_items():  # cheap\n    \"\"\"Counts.\"\"\"\n{step}    number = total(found)\n"
    );
    let mut hit = hit(&text);
    let in_lines = |name: &str, signature: &str, start_line, end_line| Symbol {
        signature: signature.to_owned(),
        span: Span { start_line, end_line },
        ..definition_at(name, start_line, end_line)
    };
    hit.container = String::new();
    hit.symbol = "list_items".to_owned();
    hit.signature = "def list_items( limit: int, ) -> list".to_owned();
    hit.definitions =
        vec![in_lines("list_items", &hit.signature, 10, 35), in_lines("count_items", "def count_items()", 38, 60)];
    let words = QueryWords::default();
    for (line, above) in [(35, "11 def list_items("), (60, "38 def count_items():  # cheap")] {
        hit.deciding_lines = vec![line];
        for place in [Place::new(&hit, &words, 3), Place::new(&hit, &words, 6), Place::new(&hit, &words, 3).widen(12)] {
            let code = place.code(60);
            let shown = code.lines().any(|row| row == above);
            assert!(shown && code.contains(&format!("\n{line} ")), "{line}: {code}");
        }
    }
    let code = Place::new(&hit, &words, 8).code(60);
    assert!(code.contains("11 def list_items(\n12     limit: int,\n13 ) -> list:\n"), "{code}");
}

#[test]
fn a_place_without_a_name_has_no_gap_after_its_kind() {
    let mut hit = hit("from users\nwhere id = 1\n");
    (hit.kind, hit.symbol, hit.container, hit.signature) =
        (SymbolKind::Block, String::new(), String::new(), String::new());
    hit.also.clear();
    let words = QueryWords::default();
    let lengths = BriefLengths { signature: 60, line: 60 };
    assert_eq!(Place::new(&hit, &words, 1).format_brief(lengths), "src/\\u{202e}a.rs:10-11 block: from users");
    let whole = Place::new(&hit, &words, 5).format(DETAIL);
    assert!(whole.starts_with("src/\\u{202e}a.rs:10-11 block\n"), "{whole}");
}
