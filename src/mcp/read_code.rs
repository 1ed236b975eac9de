//! `read_code`: a span of a file or a whole definition, as it is on disk now.
//!
//! Must never import: anything of this crate but `engine`.

use std::sync::{Arc, LazyLock};

use rmcp::model::{CallToolResult, JsonObject};

use super::answer::{Answer, Refusal, arguments, aside, clean, clip, within};
use super::find_symbol::name;
use super::render::{fence, json, largest};
use super::roots::Roots;
use super::search_code::{DEFAULT_MAX_TOKENS, Found, MAX_TOKENS, search};
use super::wire::{ReadArguments, ReadOutput, SymbolOutput, parse_lines};
use super::{outline, schema, tokens};
use crate::engine::{CodeRead, FoundSymbol, Freshness, ReadRequest, Symbol};

/// For the list of tools.
pub const NAME: &str = "read_code";
pub const TITLE: &str = "Read code";
pub const DESCRIPTION: &str = "Read lines of a file, or a whole definition, from disk as it is now. Give symbol \
(\"Config::load\") to read one function or type without its file, or path and lines (\"src/config.rs\", \"10-40\"); \
context adds lines around it. Says which definitions the lines stand in, and whether the file changed since it was \
indexed. Cheaper than reading whole files: find_symbol, search_code and outline give the lines.";

pub static INPUT: LazyLock<Arc<JsonObject>> = LazyLock::new(|| Arc::new(schema::of_input::<ReadArguments>()));
pub static OUTPUT: LazyLock<Arc<JsonObject>> = LazyLock::new(|| Arc::new(schema::of_output::<ReadOutput>()));

/// Lines around what is asked for, at most.
const CONTEXT: std::ops::RangeInclusive<u32> = 0..=100;

/// Longest path shown, in characters.
const MAX_PATH_CHARS: usize = 200;

/// Containers shown around the lines; those nearest to them are kept.
const MAX_INSIDE: usize = 4;

/// Answers a call.
pub async fn call(roots: &Roots, given: JsonObject) -> Result<CallToolResult, Refusal> {
    let given: ReadArguments = arguments(given, &INPUT)?;
    let max_tokens = within("max_tokens", given.max_tokens, DEFAULT_MAX_TOKENS, MAX_TOKENS)?;
    let context_lines = u32::try_from(within("context", given.context, 0, CONTEXT)?).unwrap_or(0);
    let present = |text: Option<String>| text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    let (path, at) = match present(given.path) {
        Some(path) => split(path),
        None => (None, None),
    };
    let symbol = present(given.symbol).map(name).transpose()?;
    let lines = given.lines.or(at);
    let root = roots.pick(given.root.as_deref(), path.as_deref())?;
    let path = match &path {
        Some(path) => Some(
            roots
                .relative(root, path)?
                .ok_or_else(|| Refusal("path is the root; give a file inside of it".to_owned()))?,
        ),
        None => None,
    };
    if path.is_none() && symbol.is_none() {
        return Err(Refusal("give a symbol, or a path with lines like \"10-40\"".to_owned()));
    }
    if symbol.is_some() && given.lines.is_some() {
        return Err(Refusal("give either a symbol or lines, not both".to_owned()));
    }
    let by_name = path.is_none();
    let request = ReadRequest { path, lines: if symbol.is_some() { None } else { lines }, symbol, context_lines };
    let (read, note) = if by_name {
        match search(root, move |engine| engine.read_code(&request)).await? {
            Found::Answer(read, note) => (read, note),
            Found::Begun(text) => return Err(Refusal(text)),
        }
    } else {
        let engine = Arc::clone(&root.engine);
        (aside(move || engine.read_code(&request)).await??, None)
    };
    aside(move || render(&read, note.as_deref(), max_tokens)).await?.into_result()
}

/// A path, and the lines that are written behind it: `src/a.rs:10-40`, `src/a.rs#L10-L40`.
fn split(path: String) -> (Option<String>, Option<(u32, u32)>) {
    let cut = path.rsplit_once("#L").or_else(|| path.rsplit_once(':'));
    match cut.and_then(|(path, lines)| Some((path.to_owned(), parse_lines(lines)?))) {
        Some((path, lines)) if !path.is_empty() => (Some(path), Some(lines)),
        _ => (Some(path), None),
    }
}

/// As many lines as fit, in both forms; of a first line that is too long, as much of it.
fn render(read: &CodeRead, note: Option<&str>, max_tokens: usize) -> Answer<ReadOutput> {
    let fitting = |bytes: usize| {
        let rendered = first(read, note, bytes);
        let fits = tokens::fits(&rendered.text, max_tokens) && tokens::fits(&json(&rendered.structured), max_tokens);
        fits.then_some(rendered)
    };
    let ends: Vec<usize> = read.text.match_indices('\n').map(|(at, _)| at).chain([read.text.len()]).collect();
    let by_lines = || largest(ends.len(), |lines| fitting(ends[lines - 1]));
    let by_bytes = || largest(ends[0].min(max_tokens * 128), |bytes| fitting(read.text.floor_char_boundary(bytes)));
    fitting(read.text.len()).or_else(by_lines).or_else(by_bytes).unwrap_or_else(|| first(read, note, 0))
}

/// The first `bytes` of what was read.
fn first(read: &CodeRead, note: Option<&str>, bytes: usize) -> Answer<ReadOutput> {
    let (code, rest) = read.text.split_at(bytes);
    let is_cut = !rest.is_empty();
    let inside_line = is_cut && !rest.starts_with('\n');
    let shown = u32::try_from(code.matches('\n').count() + usize::from(!inside_line)).unwrap_or(u32::MAX);
    let next = read.span.start_line.saturating_add(shown);
    let left_out_lines = is_cut.then(|| format!("{}-{}", next.min(read.span.end_line), read.span.end_line));
    let path = clip(&clean(read.path.as_str()), MAX_PATH_CHARS);
    let symbol = read.symbol.as_ref().map(outline::symbol);
    let kept = read.inside.len().saturating_sub(MAX_INSIDE);
    let inside: Vec<SymbolOutput> = read.inside[kept..].iter().map(outline::symbol).collect();
    let also: Vec<String> = read.also.iter().map(other).collect();
    let end_line = if is_cut { next.saturating_sub(1).max(read.span.start_line) } else { read.span.end_line };
    let mut text = format!("{path}:{}-{end_line}", read.span.start_line);
    if let Some(symbol) = &symbol {
        text.push_str(&format!("  [{}] {}", symbol.kind, qualified(read.symbol.as_ref())));
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
    inside.iter().map(header).for_each(|line| text.push_str(&line));
    let fence = fence(code);
    text.push_str(&format!("\n{fence}{}\n{code}\n{fence}", read.language));
    if let Some(lines) = &left_out_lines {
        text.push_str(&format!("\nleft out for max_tokens: lines {lines}"));
    }
    if !also.is_empty() {
        text.push_str(&format!("\nalso: {}", also.join(", ")));
    }
    let structured = ReadOutput {
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
    Answer { text, structured }
}

fn qualified(symbol: Option<&Symbol>) -> String {
    let name = |symbol: &Symbol| match symbol.container.as_str() {
        "" => symbol.name.clone(),
        container => format!("{container}.{}", symbol.name),
    };
    clip(&clean(&symbol.map(name).unwrap_or_default()), MAX_PATH_CHARS)
}

/// What the lines stand in: `inside 10-200 [impl] impl Config`.
fn header(symbol: &SymbolOutput) -> String {
    let shown = if symbol.signature.is_empty() { &symbol.name } else { &symbol.signature };
    format!("\ninside {}-{} [{}] {shown}", symbol.start_line, symbol.end_line, symbol.kind)
}

/// Another definition of the name.
fn other(found: &FoundSymbol) -> String {
    let span = found.symbol.span;
    let path = clip(&clean(found.path.as_str()), MAX_PATH_CHARS);
    format!("{path}:{}-{} {}", span.start_line, span.end_line, qualified(Some(&found.symbol)))
}
