//! The tool `read_code`: reads lines of a file or a whole definition from disk.

use std::sync::{Arc, LazyLock};

use rmcp::model::{CallToolResult, JsonObject};

use super::answer::{ToolAnswer, ToolError, check_range, parse_arguments, run_blocking, sanitize_line, truncate_chars};
use super::find_symbol::check_name;
use super::render::{choose_fence, find_largest, to_json};
use super::roots::ServedRoots;
use super::search_code::{DEFAULT_MAX_TOKENS, MAX_TOKENS_RANGE, QueryOutcome, query_engine};
use super::wire::{ReadCodeArguments, ReadCodeOutput, SymbolOutput, parse_line_range};
use super::{outline, schema, tokens};
use engine::{CodeExcerpt, Freshness, ReadRequest, Symbol, SymbolHit};

/// Name of the tool.
pub const NAME: &str = "read_code";
pub const TITLE: &str = "Read code";
pub const DESCRIPTION: &str = "Read lines of a file, or a whole definition, from disk. Give symbol \
(\"Config::load\") to read one function or type without its file, or path and lines (\"src/config.rs\", \"10-40\"); \
context adds lines around it. Also returns the definitions that enclose the lines, and whether the file changed since \
it was indexed. Cheaper than reading whole files: find_symbol, search_code and outline give the lines.";

pub static INPUT_SCHEMA: LazyLock<Arc<JsonObject>> =
    LazyLock::new(|| Arc::new(schema::input_schema::<ReadCodeArguments>()));
pub static OUTPUT_SCHEMA: LazyLock<Arc<JsonObject>> =
    LazyLock::new(|| Arc::new(schema::output_schema::<ReadCodeOutput>()));

/// Allowed number of context lines before and after.
const CONTEXT_LINES_RANGE: std::ops::RangeInclusive<u32> = 0..=100;

/// Longest path in an answer, in characters.
const MAX_PATH_CHARS: usize = 200;

/// Most enclosing definitions listed; the innermost ones are kept.
const MAX_ENCLOSING: usize = 4;

/// Answers a call of `read_code`.
pub async fn call_read_code(roots: &ServedRoots, given: JsonObject) -> Result<CallToolResult, ToolError> {
    let given: ReadCodeArguments = parse_arguments(given, &INPUT_SCHEMA)?;
    let max_tokens = check_range("max_tokens", given.max_tokens, DEFAULT_MAX_TOKENS, MAX_TOKENS_RANGE)?;
    let context_lines = u32::try_from(check_range("context", given.context, 0, CONTEXT_LINES_RANGE)?).unwrap_or(0);
    let present = |text: Option<String>| text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    let (path, suffix_lines) = match present(given.path) {
        Some(path) => split_line_suffix(path),
        None => (None, None),
    };
    let symbol = present(given.symbol).map(check_name).transpose()?;
    let lines = given.lines.or(suffix_lines);
    let root = roots.select_root(given.root.as_deref(), path.as_deref())?;
    let path = match &path {
        Some(path) => Some(
            roots
                .relative_path(root, path)?
                .ok_or_else(|| ToolError("path is the root; give a file inside it".to_owned()))?,
        ),
        None => None,
    };
    if path.is_none() && symbol.is_none() {
        return Err(ToolError("give a symbol, or a path with lines like \"10-40\"".to_owned()));
    }
    if symbol.is_some() && given.lines.is_some() {
        return Err(ToolError("give either a symbol or lines, not both".to_owned()));
    }
    let by_name = path.is_none();
    let request = ReadRequest { path, lines: if symbol.is_some() { None } else { lines }, symbol, context_lines };
    let (read, note) = if by_name {
        match query_engine(root, move |engine| engine.read_code(&request)).await? {
            QueryOutcome::Answer(read, note) => (read, note),
            QueryOutcome::NotIndexedYet(text) => return Err(ToolError(text)),
        }
    } else {
        let engine = Arc::clone(&root.engine);
        (run_blocking(move || engine.read_code(&request)).await??, None)
    };
    run_blocking(move || render_code(&read, note.as_deref(), max_tokens)).await?.into_result()
}

/// Splits a path from the lines after it, as in `src/a.rs:10-40` or `src/a.rs#L10-L40`.
fn split_line_suffix(path: String) -> (Option<String>, Option<(u32, u32)>) {
    let cut = path.rsplit_once("#L").or_else(|| path.rsplit_once(':'));
    match cut.and_then(|(path, lines)| Some((path.to_owned(), parse_line_range(lines)?))) {
        Some((path, lines)) if !path.is_empty() => (Some(path), Some(lines)),
        _ => (Some(path), None),
    }
}

/// Renders as many lines as fit into `max_tokens`, or a part of the first line when that is too long.
fn render_code(read: &CodeExcerpt, note: Option<&str>, max_tokens: usize) -> ToolAnswer<ReadCodeOutput> {
    let fitting = |bytes: usize| {
        let rendered = render_first_bytes(read, note, bytes);
        let fits = tokens::fits_token_limit(&rendered.text, max_tokens)
            && tokens::fits_token_limit(&to_json(&rendered.structured), max_tokens);
        fits.then_some(rendered)
    };
    let ends: Vec<usize> = read.text.match_indices('\n').map(|(at, _)| at).chain([read.text.len()]).collect();
    let by_lines = || find_largest(ends.len(), |lines| fitting(ends[lines - 1]));
    let by_bytes =
        || find_largest(ends[0].min(max_tokens * 128), |bytes| fitting(read.text.floor_char_boundary(bytes)));
    fitting(read.text.len()).or_else(by_lines).or_else(by_bytes).unwrap_or_else(|| render_first_bytes(read, note, 0))
}

/// Renders the first `bytes` of the text; `bytes` must be a character boundary.
fn render_first_bytes(read: &CodeExcerpt, note: Option<&str>, bytes: usize) -> ToolAnswer<ReadCodeOutput> {
    let (code, rest) = read.text.split_at(bytes);
    let is_cut = !rest.is_empty();
    let inside_line = is_cut && !rest.starts_with('\n');
    let shown = u32::try_from(code.matches('\n').count() + usize::from(!inside_line)).unwrap_or(u32::MAX);
    let next = read.span.start_line.saturating_add(shown);
    let left_out_lines = is_cut.then(|| format!("{}-{}", next.min(read.span.end_line), read.span.end_line));
    let path = truncate_chars(&sanitize_line(read.path.as_str()), MAX_PATH_CHARS);
    let symbol = read.symbol.as_ref().map(outline::to_symbol_output);
    let kept = read.inside.len().saturating_sub(MAX_ENCLOSING);
    let inside: Vec<SymbolOutput> = read.inside[kept..].iter().map(outline::to_symbol_output).collect();
    let also: Vec<String> = read.also.iter().map(format_other_definition).collect();
    let end_line = if is_cut { next.saturating_sub(1).max(read.span.start_line) } else { read.span.end_line };
    let mut text = format!("{path}:{}-{end_line}", read.span.start_line);
    if let Some(symbol) = &symbol {
        text.push_str(&format!("  [{}] {}", symbol.kind, format_qualified_name(read.symbol.as_ref())));
    }
    text.push_str(&format!("  (file has {} lines", read.lines));
    text.push_str(match read.freshness {
        Freshness::Indexed => ")",
        Freshness::Changed => "; changed since it was indexed)",
        Freshness::Unknown => "; not in the index)",
    });
    if let Some(note) = note {
        text.push_str(&format!("; {note}"));
    }
    inside.iter().map(format_enclosing).for_each(|line| text.push_str(&line));
    let fence = choose_fence(code);
    text.push_str(&format!("\n{fence}{}\n{code}\n{fence}", read.language));
    if let Some(lines) = &left_out_lines {
        text.push_str(&format!("\nleft out for max_tokens: lines {lines}"));
    }
    if !also.is_empty() {
        text.push_str(&format!("\nalso: {}", also.join(", ")));
    }
    let structured = ReadCodeOutput {
        path,
        start_line: read.span.start_line,
        end_line,
        language: read.language.to_string(),
        lines: read.lines,
        symbol,
        inside,
        code: code.to_owned(),
        left_out_lines,
        changed: read.freshness == Freshness::Changed,
        not_indexed: read.freshness == Freshness::Unknown,
        also,
        note: note.map(str::to_owned),
    };
    ToolAnswer { text, structured }
}

fn format_qualified_name(symbol: Option<&Symbol>) -> String {
    let name = |symbol: &Symbol| match symbol.container.as_str() {
        "" => symbol.name.clone(),
        container => format!("{container}.{}", symbol.name),
    };
    truncate_chars(&sanitize_line(&symbol.map(name).unwrap_or_default()), MAX_PATH_CHARS)
}

/// Formats an enclosing definition, such as `inside 10-200 [impl] impl Config`.
fn format_enclosing(symbol: &SymbolOutput) -> String {
    let shown = if symbol.signature.is_empty() { &symbol.name } else { &symbol.signature };
    format!("\ninside {}-{} [{}] {shown}", symbol.start_line, symbol.end_line, symbol.kind)
}

/// Formats another definition of the name, such as `src/a.rs:10-20 Config.load`.
fn format_other_definition(found: &SymbolHit) -> String {
    let span = found.symbol.span;
    let path = truncate_chars(&sanitize_line(found.path.as_str()), MAX_PATH_CHARS);
    format!("{path}:{}-{} {}", span.start_line, span.end_line, format_qualified_name(Some(&found.symbol)))
}
