//! The tool `outline`: lists the definitions of a file, or the files of a folder with their definitions.

mod folder;

use std::sync::{Arc, LazyLock};

use rmcp::model::{CallToolResult, JsonObject};

use super::answer::{ToolAnswer, ToolError, check_range, parse_arguments, run_blocking, sanitize_line, truncate_chars};
use super::cursor::{PageCursor, fingerprint_arguments};
use super::render::{find_largest, to_json};
use super::roots::ServedRoots;
use super::search_code::{DEFAULT_MAX_TOKENS, MAX_TOKENS_RANGE};
use super::wire::{OutlineArguments, OutlineOutput, SymbolOutput};
use super::{schema, tokens};
use engine::{FileOutline, Symbol};

/// Name of the tool.
pub const NAME: &str = "outline";
pub const TITLE: &str = "Outline a file or a folder";
pub const DESCRIPTION: &str = "List the definitions of a file with lines and signatures, parsed from disk, or the files of \
a folder with the names they define: path \".\" is a map of the project, \"src/auth\" of a part. Use it to find your way \
in unknown code, and before reading a large file (\"src/server.rs\"), to read only the lines you need. Unlike ls and grep \
it shows which definitions a file has; methods are listed below their class.";

pub static INPUT_SCHEMA: LazyLock<Arc<JsonObject>> =
    LazyLock::new(|| Arc::new(schema::input_schema::<OutlineArguments>()));
pub static OUTPUT_SCHEMA: LazyLock<Arc<JsonObject>> =
    LazyLock::new(|| Arc::new(schema::output_schema::<OutlineOutput>()));

/// Longest name, container or path in an answer, in characters.
const MAX_NAME_CHARS: usize = 100;

/// Longest signature in an answer, in characters.
const MAX_SIGNATURE_CHARS: usize = 160;

/// Allowed depth of a folder's outline, in folders.
const DEPTH_RANGE: std::ops::RangeInclusive<u32> = 1..=50;

/// Answers a call of `outline`.
pub async fn call_outline(roots: &ServedRoots, given: JsonObject) -> Result<CallToolResult, ToolError> {
    let arguments_hash = fingerprint_arguments(&given);
    let given: OutlineArguments = parse_arguments(given, &INPUT_SCHEMA)?;
    let cursor = PageCursor::parse(arguments_hash, given.cursor.as_deref())?;
    let root = roots.select_root(given.root.as_deref(), Some(&given.path))?;
    let max_tokens = check_range("max_tokens", given.max_tokens, DEFAULT_MAX_TOKENS, MAX_TOKENS_RANGE)?;
    let depth = given.depth.map(|depth| check_range("depth", Some(depth), depth, DEPTH_RANGE)).transpose()?;
    let path = roots.relative_path(root, given.path.trim())?;
    let engine = Arc::clone(&root.engine);
    let Some(file) = path.clone() else {
        return folder::answer_folder_outline(root, None, depth, cursor, max_tokens).await;
    };
    let outlined = run_blocking(move || match engine.is_folder(&file)? {
        true => Ok(None),
        false => engine.outline(&file).map(Some),
    });
    match outlined.await?? {
        Some(outline) => run_blocking(move || render_outline(&outline, &cursor, max_tokens)).await?.into_result(),
        None => folder::answer_folder_outline(root, path, depth, cursor, max_tokens).await,
    }
}

/// Renders as many definitions as fit into `max_tokens`, after those of the previous pages.
fn render_outline(outline: &FileOutline, cursor: &PageCursor, max_tokens: usize) -> ToolAnswer<OutlineOutput> {
    let fitting = |count: usize| {
        let answer = render_first_definitions(outline, cursor, count);
        let fits = tokens::fits_token_limit(&answer.text, max_tokens)
            && tokens::fits_token_limit(&to_json(&answer.structured), max_tokens);
        fits.then_some(answer)
    };
    let left = outline.symbols.len().saturating_sub(cursor.start[0]);
    fitting(left)
        .or_else(|| find_largest(left, fitting))
        .unwrap_or_else(|| render_first_definitions(outline, cursor, 0))
}

/// Renders the first `count` definitions of a page.
fn render_first_definitions(outline: &FileOutline, cursor: &PageCursor, count: usize) -> ToolAnswer<OutlineOutput> {
    let path = truncate_chars(&sanitize_line(outline.path.as_str()), MAX_NAME_CHARS);
    let (lines, all) = (outline.lines, outline.symbols.len());
    let problem = outline.problem.as_deref();
    let problem = problem.map(|problem| truncate_chars(&sanitize_line(problem), MAX_SIGNATURE_CHARS));
    let rest = outline.symbols.get(cursor.start[0]..).unwrap_or_default();
    let symbols: Vec<_> = rest[..count].iter().map(to_symbol_output).collect();
    let language = outline.language.clone();
    let mut text = format!("{path}  [{language}] lines: {lines}, definitions: {all}");
    if let Some(problem) = &problem {
        text.push_str(&format!("; problem: {problem}"));
    }
    symbols.iter().map(format_definition).for_each(|line| text.push_str(&line));
    let left = rest.len() - count;
    let mut next_cursor = None;
    if let Some(next) = rest.get(count) {
        let line = next.span.start_line;
        text.push_str(&format!("\nleft out for max_tokens: {left} definitions from line {line} on"));
        // The file is parsed from disk, so that the generation of the index does not matter: 0.
        next_cursor = (count > 0).then(|| cursor.format_next(0, [cursor.start[0] + count, 0]));
    }
    if let Some(cursor) = &next_cursor {
        text.push_str(&format!("; more: cursor {cursor}"));
    }
    let left_out_symbols = (left > 0).then_some(left);
    let structured = OutlineOutput {
        path,
        language,
        lines: Some(lines),
        symbols,
        left_out_symbols,
        problem,
        next_cursor,
        ..OutlineOutput::default()
    };
    ToolAnswer { text, structured }
}

/// Formats a definition as one line, indented by its nesting.
fn format_definition(symbol: &SymbolOutput) -> String {
    let names = symbol.container.split('.').filter(|name| !name.is_empty());
    let indent = "  ".repeat(names.count().min(8));
    let shown = if symbol.signature.is_empty() { &symbol.name } else { &symbol.signature };
    let SymbolOutput { start_line, end_line, kind, .. } = symbol;
    format!("\n{indent}{start_line}-{end_line}  [{kind}] {shown}")
}

/// Converts a symbol to its wire type, with long texts truncated.
pub fn to_symbol_output(symbol: &Symbol) -> SymbolOutput {
    SymbolOutput {
        name: truncate_chars(&sanitize_line(&symbol.name), MAX_NAME_CHARS),
        kind: symbol.kind.to_string(),
        container: truncate_chars(&sanitize_line(&symbol.container), MAX_NAME_CHARS),
        signature: truncate_chars(&sanitize_line(&symbol.signature), MAX_SIGNATURE_CHARS),
        start_line: symbol.span.start_line,
        end_line: symbol.span.end_line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::{RepoPath, Span, SymbolKind};

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
        };
        for max_tokens in [500, 8_000] {
            let answer = render_outline(&outline, &PageCursor::default(), max_tokens);
            assert!(
                tokens::fits_token_limit(&answer.text, max_tokens)
                    && tokens::fits_token_limit(&to_json(&answer.structured), max_tokens)
            );
            let shown = answer.structured.symbols.len();
            assert!(shown > 3 && Some(5_000 - shown) == answer.structured.left_out_symbols);
            assert!(answer.text.contains("    1-1  [method] fn 名前1("), "{}", answer.text);
            assert!(answer.text.contains(&format!("{} definitions from line {} on", 5_000 - shown, shown + 1)));
            let cursor = answer.structured.next_cursor.expect("there is more");
            let next = render_outline(&outline, &PageCursor::parse(0, Some(&cursor)).expect("a cursor"), max_tokens);
            assert_eq!(next.structured.symbols[0].name, format!("名前{}", shown + 1));
        }
    }
}
