//! The tool `find_symbol`: finds the definitions of a name.

use answer::caveats::format_caveats;
use answer::{AnswerError, RenderedAnswer, fit_to_budget};
use engine::{NameMatch, SymbolAnswer, SymbolHit, SymbolKind, SymbolQuery};
use rmcp::model::JsonObject;
use text::display::{escape_name_to_length, sanitize_to_length};

use super::entry::ToolEntry;
use crate::call::arguments::{check_max_tokens, check_name, check_range};
use crate::call::blocking::run_blocking;
use crate::call::context::CallContext;
use crate::call::cursor::{PageCursor, parse_paged_arguments};
use crate::call::result::{ToolError, ToolResult, to_tool_result};
use crate::render::coverage::{render_not_indexed, to_incomplete_coverage};
use crate::render::symbol::to_symbol_output;
use crate::roots::query::{QueryOutcome, query_engine};
use crate::roots::served::ServedRoots;
use crate::wire::schema::{generate_input_schema, generate_output_schema};
use crate::wire::symbols::{FindSymbolArguments, FindSymbolOutput, SymbolHitOutput};
use crate::wire::values::NameList;

/// The tool.
pub const TOOL: ToolEntry = ToolEntry {
    name: "find_symbol",
    title: "Find definitions by name",
    description: "Find where a name is defined: \"parseConfig\", \"Config::load\", \"Config.load\", \"parse*\". \
        Exact names first, then other case, then names with these words, then typos. Use it when you know a name, even roughly; \
        unlike grep it omits uses, comments and strings. Returns path, lines, kind, container and signature, with tests after \
        other code. Narrow it with kind (\"function\", \"type\"), container, path, project or language.",
    input_schema: generate_input_schema::<FindSymbolArguments>,
    output_schema: generate_output_schema::<FindSymbolOutput>,
    is_read_only: true,
    needs_root: true,
    call: |roots, given, context| Box::pin(call_find_symbol(roots, given, context)),
};

/// Default number of definitions on a page.
const DEFAULT_LIMIT: u32 = 20;
const LIMIT_RANGE: std::ops::RangeInclusive<u32> = 1..=100;

/// Maximum length of a path in an answer, in characters.
const MAX_PATH_CHARS: usize = 200;

/// Answers a call of `find_symbol`.
async fn call_find_symbol(roots: &ServedRoots, given: JsonObject, context: &CallContext) -> ToolResult {
    let (given, cursor) =
        parse_paged_arguments(given, TOOL.input_schema, |given: &FindSymbolArguments| given.cursor.as_deref())?;
    let root = roots.select_root(given.root.as_deref(), given.path.as_deref())?;
    let max_tokens = check_max_tokens(given.max_tokens)?;
    let query = SymbolQuery {
        filter: roots.build_filter(root, given.language, given.path.as_deref(), given.project)?,
        name: check_name(given.name)?,
        container: given.container.filter(|container| !container.trim().is_empty()),
        kinds: parse_symbol_kinds(given.kind)?,
        offset: cursor.start[0],
        limit: check_range("limit", given.limit, DEFAULT_LIMIT, LIMIT_RANGE)?,
    };
    match query_engine(root, context, move |engine, cancel| engine.find_symbol(&query, cancel)).await? {
        QueryOutcome::Answer(answer, mut note) => {
            cursor.note_index_change(answer.generation, &mut note);
            let render = move || render_symbols(&answer, &cursor, note.as_deref(), max_tokens);
            to_tool_result(run_blocking(render).await??)
        }
        QueryOutcome::NotIndexedYet(text) => to_tool_result(render_not_indexed(text, |note, coverage| {
            FindSymbolOutput { note, coverage, ..FindSymbolOutput::default() }
        })),
    }
}

/// Parses kinds of symbols, including the keywords that languages use for them, such as `fn`.
fn parse_symbol_kinds(given: Option<NameList>) -> Result<Vec<SymbolKind>, ToolError> {
    let names = given.map(NameList::into_vec).unwrap_or_default();
    let kind = |name: &String| {
        let lower = name.to_ascii_lowercase();
        let keyword = match lower.as_str() {
            "fn" | "func" | "def" | "fun" | "functions" => "function",
            "const" => "constant",
            "var" | "let" => "variable",
            "mod" | "namespace" | "package" => "module",
            "protocol" => "interface",
            "types" | "typedef" | "typealias" => "type",
            other => other.trim_end_matches('s'),
        };
        let kind = SymbolKind::parse(&lower).or_else(|| SymbolKind::parse(keyword));
        // The plural of a kind that ends in "s", such as "classes".
        kind.or_else(|| SymbolKind::parse(lower.trim_end_matches("es"))).ok_or_else(|| {
            let known = "function, method, constructor, type, class, struct, union, enum, interface, trait, impl, \
                         module, constant, variable, field, property, macro, test, section";
            ToolError(format!("unknown kind {}; the kinds are: {known}", sanitize_to_length(name, 60)))
        })
    };
    names.iter().map(kind).collect()
}

/// Renders as many definitions as fit into `max_tokens`.
fn render_symbols(
    answer: &SymbolAnswer,
    cursor: &PageCursor,
    note: Option<&str>,
    max_tokens: usize,
) -> Result<RenderedAnswer<FindSymbolOutput>, AnswerError> {
    fit_to_budget(answer.symbols.len(), max_tokens, |count| render_first_symbols(answer, cursor, note, count))
}

/// Renders the first `count` definitions of a page.
fn render_first_symbols(
    answer: &SymbolAnswer,
    cursor: &PageCursor,
    note: Option<&str>,
    count: usize,
) -> RenderedAnswer<FindSymbolOutput> {
    let all = answer.symbols.len();
    let symbols: Vec<_> = answer.symbols[..count].iter().map(to_symbol_hit_output).collect();
    let more = (answer.more || count < all) && count > 0;
    let next_cursor = more.then(|| cursor.format_next(answer.generation, [cursor.start[0] + count, 0]));
    let note = match (answer.is_qualified, note) {
        (true, note) => note.map(str::to_owned),
        (false, None) => Some(NOT_IN_CONTAINER.to_owned()),
        (false, Some(note)) => Some(format!("{NOT_IN_CONTAINER}; {note}")),
    };
    let match_kind = answer.symbols.first().map(|symbol| symbol.how);
    let stale = symbols.iter().filter(|symbol| symbol.stale).count();
    let mut text = match all {
        1 => "1 definition".to_owned(),
        _ => format!("{all} definitions"),
    };
    if cursor.start[0] > 0 {
        text.push_str(&format!(" after the first {}", cursor.start[0]));
    }
    text.push_str(match match_kind {
        None if cursor.start[0] == 0 => TRY_OTHER_NAME,
        None | Some(NameMatch::Exact) => "",
        Some(NameMatch::Normalized) => " that differ in case",
        Some(NameMatch::Partial) => " with these words in their names",
        Some(NameMatch::Fuzzy) => " with similar names; none has this exact spelling",
    });
    text.push_str(&format_caveats(&answer.coverage, stale, note.as_deref()));
    symbols.iter().map(format_symbol_line).for_each(|line| text.push_str(&line));
    let mut note = note;
    if let Some(cursor) = &next_cursor {
        text.push_str(&format!("\nmore: cursor {cursor}"));
    } else if count < all {
        text.push_str(&format!("\n{ALL_LEFT_OUT}"));
        note = Some(ALL_LEFT_OUT.to_owned());
    } else if all == 0 && cursor.start[0] == 0 {
        let hint = TRY_OTHER_NAME.trim_start_matches("; ").to_owned();
        note = Some(note.map_or(hint.clone(), |note| format!("{hint}; {note}")));
    }
    let matched = match_kind.map(match_label).unwrap_or_default().to_owned();
    let coverage = to_incomplete_coverage(&answer.coverage);
    RenderedAnswer { text, structured: FindSymbolOutput { symbols, matched, next_cursor, coverage, note } }
}

/// Advice when no name matches.
const TRY_OTHER_NAME: &str = "; try fewer words of the name, or search_code";

/// Note when `max_tokens` has no room for a single definition.
const ALL_LEFT_OUT: &str = "left out for max_tokens: all of them; raise max_tokens";

/// Note when the container given in the query does not contain the name.
const NOT_IN_CONTAINER: &str = "none is in that container; these match the name alone";

/// Returns the label of a kind of match, a value of the field `matched`.
fn match_label(kind: NameMatch) -> &'static str {
    match kind {
        NameMatch::Exact => "exact",
        NameMatch::Normalized => "other case",
        NameMatch::Partial => "words",
        NameMatch::Fuzzy => "typo",
    }
}

fn to_symbol_hit_output(found: &SymbolHit) -> SymbolHitOutput {
    SymbolHitOutput {
        path: escape_name_to_length(found.path.as_str(), MAX_PATH_CHARS),
        symbol: to_symbol_output(&found.symbol),
        stale: found.stale,
    }
}

/// Formats a line such as `src/a.rs:10-20  [method] Outer.name: fn name(&self)`
fn format_symbol_line(found: &SymbolHitOutput) -> String {
    let symbol = &found.symbol;
    let dot = if symbol.container.is_empty() { "" } else { "." };
    let mut line = format!("\n{}:{}-{}  [{}] ", found.path, symbol.start_line, symbol.end_line, symbol.kind);
    line.push_str(&format!("{}{dot}{}", symbol.container, symbol.name));
    if !symbol.signature.is_empty() && symbol.signature != symbol.name {
        line.push_str(&format!(": {}", symbol.signature));
    }
    if found.stale {
        line.push_str("  (stale: file changed since indexed)");
    }
    line
}
