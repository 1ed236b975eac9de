//! The tool `read_code`: reads lines of files or whole definitions from disk, several at once.

mod targets;

use answer::caveats::append_note;
use answer::excerpt::{Excerpt, cut_long_lines, fit_part_of_first_line, fit_whole_lines, number_lines};
use answer::fence::format_code_block;
use answer::location::{format_lines, format_location};
use answer::{AnswerError, RenderedAnswer, TokenBudget};
use engine::{CodeExcerpt, Freshness, ReadRequest, Span, Symbol, SymbolHit};
use mcp_schema::argument::{CONTEXT, FILE, LINES, MAX_TOKENS, ROOT, SYMBOL};
use mcp_schema::code::{ReadCodeOutput, ReadCodesOutput};
use mcp_schema::parts::SymbolOutput;
use mcp_schema::schema::generate_output_schema;
use text::display::{escape_code, escape_name_to_length, sanitize_to_length};
use text::tokens;

use self::targets::{GivenTargets, ReadTarget};
use super::entry::{ToolEntry, ToolListing};
use crate::call::arguments::{GivenArguments, KnownArguments, check_name};
use crate::call::blocking::run_blocking;
use crate::call::context::CallContext;
use crate::call::result::{ToolError, ToolResult, to_tool_result};
use crate::render::symbol::{format_other_definition, format_symbol, to_symbol_output};
use crate::roots::query::{QueryOutcome, query_engine};
use crate::roots::served::{CallTarget, ServedRoots};

/// The `read_code` tool.
pub const TOOL: ToolEntry = ToolEntry {
    name: "read_code",
    title: "Read code",
    description: "Read definitions by name, without their files, or lines of files, several at once. Cheaper than \
        reading whole files: search_code, find_symbol and outline give names and lines.",
    search_hint: "read a function, a class or lines of a file",
    arguments: KnownArguments {
        required: &[],
        optional: &[&SYMBOL, &FILE, &LINES, &CONTEXT, &MAX_TOKENS],
        unlisted: &[&ROOT],
    },
    output_schema: generate_output_schema::<ReadCodesOutput>,
    is_read_only: true,
    listing: ToolListing::Always,
    call: |roots, given, context| Box::pin(call_read_code(roots, given, context)),
};

/// Default token limit of an answer: most definitions fit. The rest of a longer one is named by its lines.
const DEFAULT_TOKENS: u32 = 1_000;

/// Default token limit for each further place.
const FURTHER_TOKENS: u32 = 500;
/// Default token limit for each line of a range that the caller gives: the caller knows how much that is, and would ask
/// for the rest in another call.
const LINE_TOKENS: u32 = 24;

/// Maximum default token limit of an answer with several places, or a range of lines.
const MAX_DEFAULT_TOKENS: u32 = 3_000;

/// Maximum number of cut lines that an answer names.
const MAX_CUT_LISTED: usize = 5;

/// Maximum number of places read at once.
const MAX_TARGETS: usize = 12;

/// Estimated number of tokens that separate a part from the next one, in either form.
const PART_TOKENS: usize = 8;

/// Maximum length of the message about a place that cannot be read, in characters.
const MAX_FAILURE_CHARS: usize = 300;

/// Allowed number of context lines before and after.
const CONTEXT_LINES_RANGE: std::ops::RangeInclusive<u32> = 0..=100;

/// Maximum length of a path in an answer, in characters.
const MAX_PATH_CHARS: usize = 200;

/// Maximum number of enclosing definitions listed; the innermost ones are kept.
const MAX_ENCLOSING: usize = 4;

/// Answers a call of `read_code`.
async fn call_read_code(roots: &ServedRoots, given: GivenArguments, context: &CallContext) -> ToolResult {
    given.number_within(&CONTEXT, 0, CONTEXT_LINES_RANGE)?;
    let paths = given.list(&FILE);
    let symbols = given.list(&SYMBOL);
    let symbols = symbols.iter().map(|name| check_name(name.trim())).collect::<Result<Vec<_>, _>>()?;
    let target = roots.select_target(given.text(&ROOT))?;
    let context_lines = given.number(&CONTEXT).unwrap_or(0);
    let targets = GivenTargets { paths, symbols, lines: given.lines(&LINES), context_lines };
    let is_file = |path: &str| roots.is_file(target, path);
    let mut targets = targets.to_targets(&is_file).map_err(ToolError)?;
    let not_read: Vec<String> = targets.drain(targets.len().min(MAX_TARGETS)..).map(|target| target.given).collect();
    let budget = given.token_budget(find_default_tokens(&targets), context);
    let is_single = targets.len() == 1;
    let read_in = target;
    let mut parts = Vec::new();
    for target in targets {
        let code = match read_target(roots, read_in, context, target.request).await {
            Err(error) if is_single => return Err(error),
            outcome => outcome.map_err(|ToolError(message)| message),
        };
        parts.push(ReadPart { given: target.given, code });
    }
    if parts.iter().all(|part| part.code.is_err())
        && let Some(message) = parts.iter().find_map(|part| part.code.as_ref().err())
    {
        return Err(ToolError(message.clone()));
    }
    to_tool_result(run_blocking(move || render_parts(&parts, &not_read, budget)).await??, budget.form)
}

/// Returns the default token limit of an answer with these places.
fn find_default_tokens(targets: &[ReadTarget]) -> u32 {
    let of_target = |(at, target): (usize, &ReadTarget)| {
        let least = if at == 0 { DEFAULT_TOKENS } else { FURTHER_TOKENS };
        let lines = target.request.lines.map_or(0, |(first, last)| last.saturating_sub(first).saturating_add(1));
        lines.saturating_mul(LINE_TOKENS).clamp(least, MAX_DEFAULT_TOKENS)
    };
    targets.iter().enumerate().map(of_target).fold(0, u32::saturating_add).min(MAX_DEFAULT_TOKENS)
}

/// Code that was read, with a note.
struct ReadCode {
    read: CodeExcerpt,
    note: Option<String>,
}

/// A part of an answer.
struct ReadPart {
    /// The place or name that the caller gave.
    given: String,
    /// The code, or the reason why it cannot be read.
    code: Result<ReadCode, String>,
}

/// Reads one target: a place from disk, or a definition by its name after a query to the index.
async fn read_target(
    roots: &ServedRoots,
    target: CallTarget<'_>,
    context: &CallContext,
    request: ReadRequest,
) -> Result<ReadCode, ToolError> {
    let path = request.path.as_deref().map(|path| roots.relative_file(target, path)).transpose()?;
    let by_name = path.is_none();
    let name = request.symbol.clone();
    let request = ReadRequest { path, ..request };
    let (mut read, mut note) = if by_name {
        match query_engine(roots, target, context, move |engine, cancel| engine.read_code(&request, cancel)).await? {
            QueryOutcome::Answer(read, note) => (read, note),
            QueryOutcome::NotIndexedYet(text) => return Err(ToolError(text)),
        }
    } else {
        let (engine, cancel) = (target.calls(), context.cancel.clone());
        (run_blocking(move || engine.read_code(&request, &cancel)).await??, None)
    };
    if let Some(other) = name.and_then(|name| read.name_note(&sanitize_to_length(&name, MAX_PATH_CHARS))) {
        append_note(&mut note, &other);
    }
    if let Some(masked) = read.masked_note() {
        append_note(&mut note, &masked);
    }
    read.text = escape_code(&read.text).into_owned();
    Ok(ReadCode { read, note })
}

/// A part as it is shown.
struct RenderedPart {
    /// The place or name that the caller gave.
    given: String,
    text: String,
    /// The code in structured form; `None` for a failure, whose reason is in the text.
    code: Option<ReadCodeOutput>,
}

/// Renders the parts within the budget: each may take an equal share of the tokens that are left, so that a short part
/// leaves more to those after it. Parts for which there is no room, the last ones first, are named in place of their
/// code; the first part is always shown.
fn render_parts(
    parts: &[ReadPart],
    not_read: &[String],
    budget: TokenBudget,
) -> Result<RenderedAnswer<ReadCodesOutput>, AnswerError> {
    let (mut left, mut rendered) = (budget.max_tokens, Vec::new());
    for (at, part) in parts.iter().enumerate() {
        let share = TokenBudget { max_tokens: left / (parts.len() - at), ..budget };
        let given = part.given.clone();
        match &part.code {
            Ok(code) => {
                let answer = render_code(&code.read, code.note.as_deref(), share, parts.len() == 1)?;
                left = left.saturating_sub(answer.count_tokens(budget.form)? + PART_TOKENS);
                rendered.push(RenderedPart { given, text: answer.text, code: Some(answer.structured) });
            }
            Err(message) => {
                let text = sanitize_to_length(&format!("{given}: {message}"), MAX_FAILURE_CHARS);
                left = left.saturating_sub(tokens::count_tokens(&text) + PART_TOKENS);
                rendered.push(RenderedPart { given, text, code: None });
            }
        }
    }
    let mut shown = rendered.len();
    loop {
        let (kept, left_out) = rendered.split_at(shown);
        let left_out: Vec<&str> = left_out.iter().map(|part| part.given.as_str()).collect();
        let answer = join_parts(kept, &left_out, not_read);
        if shown <= 1 || answer.fits(budget)? {
            return Ok(answer);
        }
        shown -= 1;
    }
}

/// Joins the parts of an answer into one. Adds a remark that names the parts in `left_out`, for which the budget has no
/// room, and one that names the places in `not_read`, which exceed the maximum of one call.
fn join_parts(parts: &[RenderedPart], left_out: &[&str], not_read: &[String]) -> RenderedAnswer<ReadCodesOutput> {
    let mut remarks = Vec::new();
    if !left_out.is_empty() {
        let names = sanitize_to_length(&left_out.join(", "), MAX_FAILURE_CHARS);
        remarks.push(format!("left out for max_tokens: {names}"));
    }
    if !not_read.is_empty() {
        let names = sanitize_to_length(&not_read.join(", "), MAX_FAILURE_CHARS);
        remarks.push(format!("not read, at most {MAX_TARGETS} at once: {names}"));
    }
    let mut codes = parts.iter().filter_map(|part| part.code.clone());
    let first = codes.next();
    let others = codes.collect();
    let failures = parts.iter().filter(|part| part.code.is_none()).map(|part| part.text.clone());
    let errors = failures.chain(remarks.iter().cloned()).collect();
    let texts: Vec<&str> =
        parts.iter().map(|part| part.text.as_str()).chain(remarks.iter().map(String::as_str)).collect();
    RenderedAnswer { text: texts.join("\n"), structured: ReadCodesOutput { first, others, errors } }
}

/// Renders as many lines as fit into the budget, or a part of the first line when that is too long. If not all lines
/// fit, a very long one, such as a table of data, is cut, so that it does not take the room of the lines after it.
fn render_code(
    read: &CodeExcerpt,
    note: Option<&str>,
    budget: TokenBudget,
    is_single: bool,
) -> Result<RenderedAnswer<ReadCodeOutput>, AnswerError> {
    let fit = |bytes: usize| render_first_bytes(read, note, bytes, is_single).within(budget);
    let whole = fit(read.text.len())?;
    if whole.is_none()
        && let Some((text, long)) = cut_long_lines(&read.text)
    {
        let numbers = long.iter().take(MAX_CUT_LISTED).map(|at| (read.span.start_line as usize + at).to_string());
        let mut listed = numbers.collect::<Vec<_>>().join(", ");
        if long.len() > MAX_CUT_LISTED {
            listed.push_str(", …");
        }
        let verb = if long.len() == 1 { "line {} is cut; read it" } else { "lines {} are cut; read one" };
        let cut = format!("{} alone for more", verb.replace("{}", &listed));
        let note = note.map_or_else(|| cut.clone(), |note| format!("{note}; {cut}"));
        let shortened = CodeExcerpt { text, ..read.clone() };
        return render_code(&shortened, Some(&note), budget, is_single);
    }
    let fitting = match whole {
        Some(whole) => Some(whole),
        None => match fit_whole_lines(&read.text, fit)? {
            Some(lines) => Some(lines),
            None => fit_part_of_first_line(&read.text, budget.max_tokens, fit)?,
        },
    };
    Ok(fitting.unwrap_or_else(|| render_first_bytes(read, note, 0, is_single)))
}

/// Renders the first `bytes` of the text; `bytes` must be a character boundary. If there are several parts, each names
/// only the innermost enclosing definition, and no other definitions of the name.
fn render_first_bytes(
    read: &CodeExcerpt,
    note: Option<&str>,
    bytes: usize,
    is_single: bool,
) -> RenderedAnswer<ReadCodeOutput> {
    let excerpt = Excerpt::new(&read.text, read.span, bytes);
    let left_out_lines = excerpt.lines_left().map(format_lines);
    let end_line = excerpt.last_line();
    let path = escape_name_to_length(read.path.as_str(), MAX_PATH_CHARS);
    let kept = read.inside.len().saturating_sub(if is_single { MAX_ENCLOSING } else { 1 });
    let enclosing = &read.inside[kept..];
    let inside: Vec<SymbolOutput> = enclosing.iter().map(to_symbol_output).collect();
    let others: &[SymbolHit] = if is_single { &read.also } else { &[] };
    let also: Vec<String> = others.iter().map(format_other_definition).collect();
    let shown = Span { start_line: read.span.start_line, end_line };
    let mut text = format!("{} of {} lines", format_location(&path, shown), read.lines);
    if !enclosing.is_empty() {
        let around: Vec<_> = enclosing.iter().map(format_enclosing).collect();
        text.push_str(&format!(", in {}", around.join(", in ")));
    }
    if read.is_notebook() {
        text.push_str("; a notebook: lines are those of its cells");
    }
    text.push_str(match read.freshness {
        Freshness::Indexed => "",
        Freshness::Changed => "; changed since it was indexed",
        Freshness::Unknown => "; not in the index",
    });
    if let Some(note) = note {
        text.push_str(&format!("; {note}"));
    }
    text.push_str(&format_code_block(&number_lines(excerpt.code, read.span.start_line)));
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

/// Formats an enclosing definition, such as `impl Config 10-200`.
fn format_enclosing(symbol: &Symbol) -> String {
    format!("{} {}", format_symbol(symbol), format_lines(symbol.span))
}
