//! The tool `find_symbol`: finds the definitions of a name.

use answer::caveats::format_caveats;
use answer::location::format_lines;
use answer::{AnswerError, RenderedAnswer, TokenBudget, fit_to_budget};
use engine::{CancelToken, NameMatch, QueryCalls, SymbolAnswer, SymbolHit, SymbolQuery};
use mcp_schema::argument::{
    BELOW_PATH, CONTAINER, CURSOR, LANGUAGE, MAX_TOKENS, NAME, PROJECT, ROOT, SYMBOL_KIND, SYMBOL_LIMIT,
};
use mcp_schema::schema::generate_output_schema;
use mcp_schema::symbols::{FindSymbolOutput, SymbolHitOutput};
use text::display::{escape_name_to_length, sanitize_to_length};

use super::entry::{ToolEntry, ToolListing};
use crate::call::arguments::{GivenArguments, KnownArguments, checked_names, parse_kinds};
use crate::call::blocking::run_blocking;
use crate::call::context::CallContext;
use crate::call::cursor::PageCursor;
use crate::call::result::{ToolResult, to_tool_result};
use crate::render::coverage::{render_not_indexed, to_incomplete_coverage};
use crate::render::symbol::{format_symbol, to_symbol_output};
use crate::roots::query::{QueryOutcome, query_engine};
use crate::roots::served::ServedRoots;

/// The `find_symbol` tool.
pub const TOOL: ToolEntry = ToolEntry {
    name: "find_symbol",
    title: "Find definitions by name",
    description: "Find where names are defined, also if you know them only roughly. Returns path, lines and signature; \
        unlike grep, no uses, comments and strings.",
    search_hint: "go to definition of a function, class or type",
    arguments: KnownArguments {
        required: &[&NAME],
        optional: &[&SYMBOL_KIND, &CONTAINER, &BELOW_PATH, &LANGUAGE, &SYMBOL_LIMIT, &CURSOR],
        unlisted: &[&PROJECT, &MAX_TOKENS, &ROOT],
    },
    output_schema: generate_output_schema::<FindSymbolOutput>,
    is_read_only: true,
    listing: ToolListing::Always,
    call: |roots, given, context| Box::pin(call_find_symbol(roots, given, context)),
};

/// Default token limit of an answer.
const DEFAULT_TOKENS: u32 = 1_500;

/// Default number of definitions on a page.
const DEFAULT_LIMIT: u32 = 20;
const LIMIT_RANGE: std::ops::RangeInclusive<u32> = 1..=100;

/// Maximum number of names looked up at once.
const MAX_NAMES: usize = 12;
/// Minimum number of definitions requested for each of several names, unless the limit is lower.
const MIN_PER_NAME: usize = 3;

/// Maximum length of a name in a note, in characters.
const MAX_NOTED_CHARS: usize = 120;

/// Maximum length of a path in an answer, in characters.
const MAX_PATH_CHARS: usize = 200;

/// Answers a call of `find_symbol`.
async fn call_find_symbol(roots: &ServedRoots, given: GivenArguments, context: &CallContext) -> ToolResult {
    let cursor = PageCursor::of_call(&given)?;
    let target = roots.select_target(given.text(&ROOT))?;
    let budget = given.token_budget(DEFAULT_TOKENS, context);
    let names = checked_names(&given, &NAME)?;
    let limit = given.number_within(&SYMBOL_LIMIT, DEFAULT_LIMIT, LIMIT_RANGE)?;
    let query = SymbolQuery {
        filter: roots.build_filter(target, &given, &BELOW_PATH)?,
        name: String::new(),
        container: given.text(&CONTAINER).map(str::to_owned),
        kinds: parse_kinds(&given.list(&SYMBOL_KIND), engine::parse_symbol_kind)?,
        offset: cursor.start[0],
        // Several names share the page.
        limit: limit.div_ceil(names.len().max(1)).max(limit.min(MIN_PER_NAME)),
    };
    let asked = names.clone();
    let find_all = move |engine: &dyn QueryCalls, cancel: &CancelToken| {
        let find = |name: &String| engine.find_symbol(&SymbolQuery { name: name.clone(), ..query.clone() }, cancel);
        asked.iter().take(MAX_NAMES).map(find).collect::<Result<Vec<_>, _>>()
    };
    match query_engine(roots, target, context, find_all).await? {
        QueryOutcome::Answer(mut answers, mut note) if answers.len() == 1 => {
            let answer = answers.remove(0);
            cursor.note_index_change(answer.generation, &mut note);
            let frame = SymbolFrame { cursor, note };
            let render = move || render_symbols(&answer, &frame, budget);
            to_tool_result(run_blocking(render).await??, budget.form)
        }
        QueryOutcome::Answer(answers, note) => {
            let frame = SymbolFrame { cursor, note };
            let render = move || render_names(&answers, &names, &frame, budget);
            to_tool_result(run_blocking(render).await??, budget.form)
        }
        QueryOutcome::NotIndexedYet(text) => to_tool_result(
            render_not_indexed(text, |note, coverage| FindSymbolOutput {
                note,
                coverage,
                ..FindSymbolOutput::default()
            }),
            budget.form,
        ),
    }
}

/// The parts of an answer other than its definitions.
struct SymbolFrame {
    cursor: PageCursor,
    note: Option<String>,
}

/// Renders as many definitions as fit into the budget.
fn render_symbols(
    answer: &SymbolAnswer,
    frame: &SymbolFrame,
    budget: TokenBudget,
) -> Result<RenderedAnswer<FindSymbolOutput>, AnswerError> {
    fit_to_budget(answer.symbols.len(), budget, |count| render_first_symbols(answer, frame, count))
}

/// Renders the definitions of several names, each after its name: of every name up to the same number, as large as the
/// budget allows.
fn render_names(
    answers: &[SymbolAnswer],
    names: &[String],
    frame: &SymbolFrame,
    budget: TokenBudget,
) -> Result<RenderedAnswer<FindSymbolOutput>, AnswerError> {
    let all = answers.iter().map(|answer| answer.symbols.len()).max().unwrap_or(0);
    fit_to_budget(all, budget, |count| {
        let mut structured = FindSymbolOutput::default();
        let (mut texts, mut notes) = (Vec::new(), Vec::new());
        for (answer, name) in answers.iter().zip(names) {
            // The notes on a name without definitions are those of the whole answer.
            let has_note = !answer.symbols.is_empty() && !answer.notes.is_empty();
            let note = has_note.then(|| sanitize_to_length(&answer.notes.join("; "), MAX_NOTED_CHARS));
            let frame = SymbolFrame { cursor: PageCursor::default(), note };
            let shown = count.min(answer.symbols.len());
            let RenderedAnswer { text, structured: one } = render_first_symbols(answer, &frame, shown);
            let name = sanitize_to_length(name, MAX_NOTED_CHARS);
            // The cursor of one name does not fit the call for several.
            let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with(MORE)).collect();
            texts.push(format!("{name}: {}", lines.join("\n")));
            if one.next_cursor.is_some() {
                texts.push(format!("more of {name}: ask for it alone"));
            }
            notes.extend(one.note.map(|note| format!("{name}: {note}")));
            structured.symbols.extend(one.symbols);
            structured.coverage = one.coverage;
        }
        if let Some(more) = names.get(answers.len()..).filter(|more| !more.is_empty()) {
            let more = format!("not looked up, at most {MAX_NAMES} at once: {}", more.join(", "));
            notes.push(sanitize_to_length(&more, MAX_NOTED_CHARS));
            texts.extend(notes.last().cloned());
        }
        notes.extend(frame.note.clone());
        texts.extend(frame.note.clone());
        structured.note = (!notes.is_empty()).then(|| notes.join("; "));
        RenderedAnswer { text: texts.join("\n"), structured }
    })
}

/// Renders the first `count` definitions of a page. Consecutive definitions in one file are listed below one line with
/// its path.
fn render_first_symbols(answer: &SymbolAnswer, frame: &SymbolFrame, count: usize) -> RenderedAnswer<FindSymbolOutput> {
    let cursor = &frame.cursor;
    let all = answer.symbols.len();
    let symbols: Vec<_> = answer.symbols[..count].iter().map(to_symbol_hit_output).collect();
    let match_kind = answer.symbols.first().map(|symbol| symbol.how);
    let mut notes: Vec<String> = Vec::new();
    if all == 0 {
        notes.push(if cursor.start[0] == 0 { NO_DEFINITION } else { "no further definition" }.to_owned());
    }
    notes.extend(match match_kind {
        None | Some(NameMatch::Exact) => None,
        Some(NameMatch::Normalized) => Some("no exact match; these differ in case".to_owned()),
        Some(NameMatch::Partial) => Some("no exact match; these have its words".to_owned()),
        Some(NameMatch::Fuzzy) => Some("no exact match; these are spelled alike".to_owned()),
    });
    notes.extend(frame.note.clone());
    if count == 0 && all > 0 {
        notes.push(ALL_LEFT_OUT.to_owned());
    }
    let note = (!notes.is_empty()).then(|| notes.join("; "));
    let stale = symbols.iter().filter(|symbol| symbol.stale).count();
    let mut lines: Vec<String> = format_caveats(&answer.coverage, stale, note.as_deref()).into_iter().collect();
    for same in answer.symbols[..count].chunk_by(|a, b| a.path == b.path) {
        let path = escape_name_to_length(same[0].path.as_str(), MAX_PATH_CHARS);
        match same {
            [only] => lines.push(format!("{path}:{}", format_symbol_line(only))),
            several => {
                lines.push(path);
                lines.extend(several.iter().map(|found| format!("  {}", format_symbol_line(found))));
            }
        }
    }
    let more = (answer.more || count < all) && count > 0;
    let next_cursor = more.then(|| cursor.format_next(answer.generation, [cursor.start[0] + count, 0]));
    lines.extend(next_cursor.iter().map(|cursor| format!("{MORE}{cursor}")));
    let matched = match_kind.map(match_label).unwrap_or_default().to_owned();
    let coverage = to_incomplete_coverage(&answer.coverage);
    let structured = FindSymbolOutput { symbols, matched, next_cursor, coverage, note };
    RenderedAnswer { text: lines.join("\n"), structured }
}

/// Note when no name matches.
const NO_DEFINITION: &str = "no definition found; try fewer words of the name, or search_code";

/// Note when `max_tokens` has no room for a single definition.
const ALL_LEFT_OUT: &str = "all left out for max_tokens; raise it";

/// Text before the cursor of the next page.
const MORE: &str = "more: cursor ";

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

/// Formats a line such as `10-20 Outer: fn name(&self)`.
fn format_symbol_line(found: &SymbolHit) -> String {
    let stale = if found.stale { " (stale)" } else { "" };
    let container = escape_name_to_length(&found.symbol.container, MAX_CONTAINER_CHARS);
    let colon = if container.is_empty() { "" } else { ": " };
    format!("{} {container}{colon}{}{stale}", format_lines(found.symbol.span), format_symbol(&found.symbol))
}

/// Maximum length of a container in an answer, in characters.
const MAX_CONTAINER_CHARS: usize = 100;
