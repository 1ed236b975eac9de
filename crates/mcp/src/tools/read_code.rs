//! The tool `read_code`: reads lines of a file or a whole definition from disk.

use std::sync::Arc;

use answer::excerpt::{Excerpt, fit_part_of_first_line, fit_whole_lines};
use answer::fence::format_code_block;
use answer::location::{format_lines, format_location};
use answer::{AnswerError, RenderedAnswer, TokenBudget};
use engine::{CodeExcerpt, Freshness, ReadRequest, Span, Symbol, SymbolHit};
use text::display::{escape_code, escape_name_to_length};

use super::entry::{ToolEntry, ToolListing};
use crate::call::arguments::{GivenArguments, KnownArguments, check_name};
use crate::call::blocking::run_blocking;
use crate::call::context::CallContext;
use crate::call::result::{ToolError, ToolResult, to_tool_result};
use crate::call::values::parse_line_range;
use crate::render::symbol::{format_symbol, to_symbol_output};
use crate::roots::query::{QueryOutcome, query_engine};
use crate::roots::served::ServedRoots;
use crate::wire::argument::{CONTEXT, FILE, LINES, MAX_TOKENS, ROOT, SYMBOL};
use crate::wire::code::ReadCodeOutput;
use crate::wire::parts::SymbolOutput;
use crate::wire::schema::generate_output_schema;

/// The tool.
pub const TOOL: ToolEntry = ToolEntry {
    name: "read_code",
    title: "Read code",
    description: "Read a definition by its name, without its file, or lines of a file. Cheaper than reading whole \
        files: search_code, find_symbol and outline give names and lines.",
    search_hint: "read a function, a class or lines of a file",
    arguments: KnownArguments {
        required: &[],
        optional: &[&SYMBOL, &FILE, &LINES, &CONTEXT, &MAX_TOKENS],
        unlisted: &[&ROOT],
    },
    output_schema: generate_output_schema::<ReadCodeOutput>,
    is_read_only: true,
    listing: ToolListing::Always,
    needs_root: true,
    call: |roots, given, context| Box::pin(call_read_code(roots, given, context)),
};

/// Default token limit of an answer: most definitions fit. The rest of a longer one is named by its lines.
const DEFAULT_TOKENS: u32 = 1_000;

/// Allowed number of context lines before and after.
const CONTEXT_LINES_RANGE: std::ops::RangeInclusive<u32> = 0..=100;

/// Maximum length of a path in an answer, in characters.
const MAX_PATH_CHARS: usize = 200;

/// Maximum number of enclosing definitions listed; the innermost ones are kept.
const MAX_ENCLOSING: usize = 4;

/// Answers a call of `read_code`.
async fn call_read_code(roots: &ServedRoots, given: GivenArguments, context: &CallContext) -> ToolResult {
    let budget = given.token_budget(DEFAULT_TOKENS, context)?;
    given.number_within(&CONTEXT, 0, CONTEXT_LINES_RANGE)?;
    let context_lines = given.number(&CONTEXT).unwrap_or(0);
    let (path, suffix_lines) = match given.text(&FILE) {
        Some(path) => split_line_suffix(path.trim()),
        None => (None, None),
    };
    let symbol = given.text(&SYMBOL).map(|name| check_name(name.trim())).transpose()?;
    let given_lines = given.lines(&LINES);
    let root = roots.select_root(given.text(&ROOT), path.as_deref())?;
    let path = path.map(|path| roots.relative_file(root, &path)).transpose()?;
    if path.is_none() && symbol.is_none() {
        return Err(ToolError("give a symbol, or a path with lines like \"10-40\"".to_owned()));
    }
    if symbol.is_some() && given_lines.is_some() {
        return Err(ToolError("give either a symbol or lines, not both".to_owned()));
    }
    let by_name = path.is_none();
    let lines = if symbol.is_some() { None } else { given_lines.or(suffix_lines) };
    let request = ReadRequest { path, lines, symbol, context_lines };
    let (mut read, note) = if by_name {
        match query_engine(roots, root, context, move |engine, cancel| engine.read_code(&request, cancel)).await? {
            QueryOutcome::Answer(read, note) => (read, note),
            QueryOutcome::NotIndexedYet(text) => return Err(ToolError(text)),
        }
    } else {
        let (engine, cancel) = (Arc::clone(&root.engine), context.cancel.clone());
        (run_blocking(move || engine.read_code(&request, &cancel)).await??, None)
    };
    let notes: Vec<String> = note.into_iter().chain(read.masked_note()).collect();
    let note = (!notes.is_empty()).then(|| notes.join("; "));
    read.text = escape_code(&read.text).into_owned();
    to_tool_result(run_blocking(move || render_code(&read, note.as_deref(), budget)).await??, budget.form)
}

/// Splits a path from the lines after it, as in `src/a.rs:10-40` or `src/a.rs#L10-L40`.
fn split_line_suffix(path: &str) -> (Option<String>, Option<(u32, u32)>) {
    let cut = path.rsplit_once("#L").or_else(|| path.rsplit_once(':'));
    match cut.and_then(|(path, lines)| Some((path.to_owned(), parse_line_range(lines)?))) {
        Some((path, lines)) if !path.is_empty() => (Some(path), Some(lines)),
        _ => (Some(path.to_owned()), None),
    }
}

/// Renders as many lines as fit into the budget, or a part of the first line when that is too long.
fn render_code(
    read: &CodeExcerpt,
    note: Option<&str>,
    budget: TokenBudget,
) -> Result<RenderedAnswer<ReadCodeOutput>, AnswerError> {
    let fit = |bytes: usize| render_first_bytes(read, note, bytes).within(budget);
    let fitting = match fit(read.text.len())? {
        Some(whole) => Some(whole),
        None => match fit_whole_lines(&read.text, fit)? {
            Some(lines) => Some(lines),
            None => fit_part_of_first_line(&read.text, budget.max_tokens, fit)?,
        },
    };
    Ok(fitting.unwrap_or_else(|| render_first_bytes(read, note, 0)))
}

/// Renders the first `bytes` of the text; `bytes` must be a character boundary.
fn render_first_bytes(read: &CodeExcerpt, note: Option<&str>, bytes: usize) -> RenderedAnswer<ReadCodeOutput> {
    let excerpt = Excerpt::new(&read.text, read.span, bytes);
    let left_out_lines = excerpt.lines_left().map(format_lines);
    let end_line = excerpt.last_line();
    let path = escape_name_to_length(read.path.as_str(), MAX_PATH_CHARS);
    let kept = read.inside.len().saturating_sub(MAX_ENCLOSING);
    let enclosing = &read.inside[kept..];
    let inside: Vec<SymbolOutput> = enclosing.iter().map(to_symbol_output).collect();
    let also: Vec<String> = read.also.iter().map(format_other_definition).collect();
    let shown = Span { start_line: read.span.start_line, end_line };
    let mut text = format!("{} of {} lines", format_location(&path, shown), read.lines);
    if !enclosing.is_empty() {
        let around: Vec<_> = enclosing.iter().map(format_enclosing).collect();
        text.push_str(&format!(", in {}", around.join(", in ")));
    }
    text.push_str(match read.freshness {
        Freshness::Indexed => "",
        Freshness::Changed => "; changed since it was indexed",
        Freshness::Unknown => "; not in the index",
    });
    if let Some(note) = note {
        text.push_str(&format!("; {note}"));
    }
    text.push_str(&format_code_block(excerpt.code));
    if let Some(lines) = &left_out_lines {
        text.push_str(&format!("\nleft out for max_tokens: lines {lines}"));
    }
    if !also.is_empty() {
        text.push_str(&format!("\nalso {}", also.join(", ")));
    }
    let structured = ReadCodeOutput {
        path,
        start_line: read.span.start_line,
        end_line,
        language: read.language.to_string(),
        lines: read.lines,
        symbol: read.symbol.as_ref().map(to_symbol_output),
        inside,
        code: excerpt.code.to_owned(),
        left_out_lines,
        changed: read.freshness == Freshness::Changed,
        not_indexed: read.freshness == Freshness::Unknown,
        also,
        note: note.map(str::to_owned),
    };
    RenderedAnswer { text, structured }
}

/// Formats the name of a definition with its container, such as `Config.load`.
fn format_qualified_name(symbol: &Symbol) -> String {
    let name = match symbol.container.as_str() {
        "" => symbol.name.clone(),
        container => format!("{container}.{}", symbol.name),
    };
    escape_name_to_length(&name, MAX_PATH_CHARS)
}

/// Formats an enclosing definition, such as `impl Config 10-200`.
fn format_enclosing(symbol: &Symbol) -> String {
    format!("{} {}", format_symbol(symbol), format_lines(symbol.span))
}

/// Formats another definition of the name, such as `src/a.rs:10-20 Config.load`.
fn format_other_definition(found: &SymbolHit) -> String {
    let path = escape_name_to_length(found.path.as_str(), MAX_PATH_CHARS);
    format!("{} {}", format_location(&path, found.symbol.span), format_qualified_name(&found.symbol))
}
