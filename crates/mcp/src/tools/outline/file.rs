//! The outline of a file: its definitions with lines and signatures.

use answer::location::format_lines;
use answer::{AnswerError, RenderedAnswer, TokenBudget, fit_to_budget};
use engine::{FileOutline, Symbol, SymbolKind};
use mcp_schema::outline::OutlineOutput;
use text::display::{escape_name_to_length, pluralize, sanitize_to_length};

use crate::call::cursor::PageCursor;
use crate::render::symbol::{format_symbol, to_symbol_output};

/// Maximum length of a path in an answer, in characters.
const MAX_PATH_CHARS: usize = 200;

/// Maximum length of a name in an answer, in characters.
const MAX_NAME_CHARS: usize = 100;

/// Maximum length of a problem's description in an answer, in characters.
const MAX_PROBLEM_CHARS: usize = 160;

/// Renders the definitions after those of the previous pages: with their signatures if these fit into the budget,
/// otherwise with nested definitions by name on the line of the definition around them, as many as fit.
pub fn render_outline(
    outline: &FileOutline,
    cursor: &PageCursor,
    budget: TokenBudget,
) -> Result<RenderedAnswer<OutlineOutput>, AnswerError> {
    let left = outline.symbols.len().saturating_sub(cursor.start[0]);
    if let Some(whole) = render_first_definitions(outline, cursor, left, format_definitions).within(budget)? {
        return Ok(whole);
    }
    fit_to_budget(left, budget, |count| render_first_definitions(outline, cursor, count, format_compactly))
}

/// Renders the first `count` definitions of a page, formatted by `format`.
fn render_first_definitions(
    outline: &FileOutline,
    cursor: &PageCursor,
    count: usize,
    format: fn(&[Symbol]) -> String,
) -> RenderedAnswer<OutlineOutput> {
    let path = escape_name_to_length(outline.path.as_str(), MAX_PATH_CHARS);
    let (lines, all) = (outline.lines, outline.symbols.len());
    let problem = outline.problem.as_deref().map(|problem| sanitize_to_length(problem, MAX_PROBLEM_CHARS));
    let rest = outline.symbols.get(cursor.start[0]..).unwrap_or_default();
    let (line_count, definitions) = (pluralize(u64::from(lines), "line"), pluralize(all as u64, "definition"));
    let mut text = format!("{path}: {line_count}, {definitions}");
    if let Some(problem) = &problem {
        text.push_str(&format!("; problem: {problem}"));
    }
    if let Some(note) = &outline.masked_note {
        text.push_str(&format!("; {note}"));
    }
    text.push_str(&format(&rest[..count]));
    let left = rest.len() - count;
    let mut next_cursor = None;
    if let Some(next) = rest.get(count) {
        let line = next.span.start_line;
        text.push_str(&format!("\nleft out for max_tokens: {left} definitions from line {line} on"));
        // The file is parsed from disk, so the generation of the index does not matter.
        next_cursor = (count > 0).then(|| cursor.format_next(0, [cursor.start[0] + count, 0]));
    }
    if let Some(cursor) = &next_cursor {
        text.push_str(&format!("; more: cursor {cursor}"));
    }
    let left_out_symbols = (left > 0).then_some(left);
    let structured = OutlineOutput {
        path,
        language: outline.language.clone(),
        lines: Some(lines),
        symbols: rest[..count].iter().map(to_symbol_output).collect(),
        left_out_symbols,
        problem,
        next_cursor,
        ..OutlineOutput::default()
    };
    RenderedAnswer { text, structured }
}

/// Formats a definition as one line, indented by its nesting.
fn format_definition(symbol: &Symbol) -> String {
    format!("\n{}{} {}", indent(symbol), format_lines(symbol.span), format_symbol(symbol))
}

/// Formats definitions, one a line.
fn format_definitions(symbols: &[Symbol]) -> String {
    symbols.iter().map(format_definition).collect()
}

/// Formats definitions; nested definitions are on the line of the top-level definition around them, by their first
/// lines and names, such as `10-80 impl Store: 12 open, 20 close, 31 field path`.
fn format_compactly(symbols: &[Symbol]) -> String {
    let mut text = String::new();
    let mut is_in_list = false;
    for symbol in symbols {
        if symbol.container.is_empty() {
            text.push_str(&format_definition(symbol));
            is_in_list = false;
            continue;
        }
        text.push_str(match (text.is_empty(), is_in_list) {
            (true, _) => "\n ",
            (false, false) => ": ",
            (false, true) => ", ",
        });
        is_in_list = true;
        let is_function = matches!(symbol.kind, SymbolKind::Function | SymbolKind::Method | SymbolKind::Constructor);
        let kind = if is_function { String::new() } else { format!("{} ", symbol.kind) };
        let name = escape_name_to_length(&symbol.name, MAX_NAME_CHARS);
        text.push_str(&format!("{} {kind}{name}", symbol.span.start_line));
    }
    text
}

/// Returns one space for each definition that encloses a definition, at most eight.
fn indent(symbol: &Symbol) -> String {
    let names = symbol.container.split('.').filter(|name| !name.is_empty());
    " ".repeat(names.count().min(8))
}

#[cfg(test)]
mod tests {
    use answer::AnswerForm;
    use engine::{RepoPath, Span};

    use super::*;

    #[test]
    fn every_page_keeps_the_budget_and_the_cursor_continues() {
        let symbol = |line: u32| Symbol {
            name: format!("名前{line}"),
            kind: SymbolKind::Method,
            container: "Outer.Inner".to_owned(),
            signature: format!("fn 名前{line}(a: \"😀\", b: &[u8]) -> Result<(), Error>"),
            span: Span { start_line: line, end_line: line },
        };
        let outline = FileOutline {
            path: RepoPath::new("src/a.rs"),
            language: "rust".to_owned(),
            lines: 5_000,
            symbols: (1..=5_000).map(symbol).collect(),
            problem: Some("x ".repeat(4_000)),
            masked_note: None,
        };
        for max_tokens in [500, 8_000] {
            let budget = TokenBudget { max_tokens, form: AnswerForm::TextAndData };
            let render = |cursor: &PageCursor| render_outline(&outline, cursor, budget).expect("it can be serialized");
            let answer = render(&PageCursor::default());
            assert!(answer.fits(budget).expect("it can be serialized"));
            let shown = answer.structured.symbols.len();
            assert!(shown > 3 && Some(5_000 - shown) == answer.structured.left_out_symbols);
            assert!(answer.text.contains("\n 1 名前1, 2 名前2, "), "{}", answer.text);
            assert!(answer.text.contains(&format!("{} definitions from line {} on", 5_000 - shown, shown + 1)));
            let cursor = answer.structured.next_cursor.expect("there is more");
            let next = render(&PageCursor::parse(0, Some(&cursor)).expect("a cursor"));
            assert_eq!(next.structured.symbols[0].name, format!("名前{}", shown + 1));
        }
    }
}
