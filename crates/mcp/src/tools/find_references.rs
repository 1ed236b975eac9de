//! The tool `find_references`: lists the uses of a name.

use std::time::Duration;

use answer::caveats::{format_caveats, format_kinds_asked};
use answer::{AnswerError, RenderedAnswer, TokenBudget, fit_to_budget};
use engine::{
    CancelToken, CodeReference, QueryCalls, ReferenceAnswer, ReferenceKind, ReferencePosition, ReferenceQuery,
};
use mcp_schema::argument::{
    BELOW_PATH, CURSOR, INCLUDE_DEFINITION, LANGUAGE, MAX_TOKENS, PROJECT, ROOT, USE_KIND, USE_LIMIT, USED_NAME,
};
use mcp_schema::references::{FindReferencesOutput, ReferencedFileOutput, UseOutput};
use mcp_schema::schema::generate_output_schema;
use text::display::{escape_name_to_length, pluralize, sanitize_to_length};

use super::entry::{ToolEntry, ToolListing};
use crate::call::arguments::{GivenArguments, KnownArguments, checked_names, parse_kinds};
use crate::call::blocking::run_blocking;
use crate::call::context::CallContext;
use crate::call::cursor::PageCursor;
use crate::call::result::{ToolResult, to_tool_result};
use crate::render::coverage::{render_not_indexed, to_incomplete_coverage};
use crate::render::symbol::format_other_definition;
use crate::roots::query::{QueryOutcome, query_engine};
use crate::roots::served::ServedRoots;

/// The `find_references` tool.
pub const TOOL: ToolEntry = ToolEntry {
    name: "find_references",
    title: "Find uses of a name",
    description: "List the uses of names by file and function, and every definition of them, such as the other \
        implementations of a method; no comments and strings. Call it before you change something. It compares names, \
        not types.",
    search_hint: "find usages and callers before a change",
    arguments: KnownArguments {
        required: &[&USED_NAME],
        optional: &[&USE_KIND, &BELOW_PATH, &LANGUAGE, &USE_LIMIT, &CURSOR],
        unlisted: &[&PROJECT, &INCLUDE_DEFINITION, &MAX_TOKENS, &ROOT],
    },
    output_schema: generate_output_schema::<FindReferencesOutput>,
    is_read_only: true,
    listing: ToolListing::Always,
    call: |roots, given, context| Box::pin(call_find_references(roots, given, context)),
};

/// Default token limit of an answer.
const DEFAULT_TOKENS: u32 = 2_000;

/// Default number of uses on a page.
const DEFAULT_LIMIT: u32 = 50;
const LIMIT_RANGE: std::ops::RangeInclusive<u32> = 1..=500;

/// Time after which a call reads no further file. Not shorter, because another call for the rest takes an agent longer.
const TIME_LIMIT: Duration = Duration::from_millis(2_500);

/// Maximum length of a path in an answer, in characters.
const MAX_PATH_CHARS: usize = 200;

/// Maximum length of a name in an answer, in characters.
const MAX_NAME_CHARS: usize = 100;

/// Maximum length of the list of definitions, in characters.
const MAX_DEFINITION_CHARS: usize = 700;

/// Maximum length of a line of code in an answer, in characters.
const MAX_LINE_CHARS: usize = 160;

/// Maximum number of names looked up at once.
const MAX_NAMES: usize = 8;

/// Text before the cursor of the next page.
const MORE: &str = "more: cursor ";

/// Answers a call of `find_references`.
async fn call_find_references(roots: &ServedRoots, given: GivenArguments, context: &CallContext) -> ToolResult {
    let cursor = PageCursor::of_call(&given)?;
    let target = roots.select_target(given.text(&ROOT))?;
    let budget = given.token_budget(DEFAULT_TOKENS, context);
    let names = checked_names(&given, &USED_NAME)?;
    let count = names.len().clamp(1, MAX_NAMES);
    let query = ReferenceQuery {
        filter: roots.build_filter(target, &given, &BELOW_PATH)?,
        name: String::new(),
        kinds: parse_kinds(&given.list(&USE_KIND), engine::parse_use_kind)?,
        include_definitions: given.flag(&INCLUDE_DEFINITION),
        from: ReferencePosition { files: cursor.start[0], uses: cursor.start[1] },
        limit: given.number_within(&USE_LIMIT, DEFAULT_LIMIT, LIMIT_RANGE)?,
        // Several names share the time, and the tokens.
        time_limit: TIME_LIMIT / u32::try_from(count).unwrap_or(1),
    };
    let includes_definitions = query.include_definitions;
    let asked = names.clone();
    let find_all = move |engine: &dyn QueryCalls, cancel: &CancelToken| {
        let find =
            |name: &String| engine.find_references(&ReferenceQuery { name: name.clone(), ..query.clone() }, cancel);
        asked.iter().take(MAX_NAMES).map(find).collect::<Result<Vec<_>, _>>()
    };
    match query_engine(roots, target, context, find_all).await? {
        QueryOutcome::Answer(answers, mut note) => {
            if let [answer] = answers.as_slice() {
                cursor.note_index_change(answer.generation, &mut note);
            }
            let frame = ReferenceFrame { cursor, note, includes_definitions };
            let render = move || match answers.as_slice() {
                [answer] => render_references(answer, &frame, budget),
                answers => render_names(answers, &names, &frame, budget),
            };
            to_tool_result(run_blocking(render).await??, budget.form)
        }
        QueryOutcome::NotIndexedYet(text) => to_tool_result(
            render_not_indexed(text, |note, coverage| FindReferencesOutput {
                note,
                coverage,
                ..FindReferencesOutput::default()
            }),
            budget.form,
        ),
    }
}

/// The parts of an answer other than its uses.
struct ReferenceFrame {
    cursor: PageCursor,
    note: Option<String>,
    includes_definitions: bool,
}

/// Renders as many uses as fit into the budget.
fn render_references(
    answer: &ReferenceAnswer,
    frame: &ReferenceFrame,
    budget: TokenBudget,
) -> Result<RenderedAnswer<FindReferencesOutput>, AnswerError> {
    let uses = answer.files.iter().map(|file| file.references.len()).sum();
    fit_to_budget(uses, budget, |count| render_first_uses(answer, frame, count))
}

/// Renders the uses of several names, each after its name: of every name up to the same number, as large as the budget
/// allows.
fn render_names(
    answers: &[ReferenceAnswer],
    names: &[String],
    frame: &ReferenceFrame,
    budget: TokenBudget,
) -> Result<RenderedAnswer<FindReferencesOutput>, AnswerError> {
    let count_uses = |answer: &ReferenceAnswer| answer.files.iter().map(|file| file.references.len()).sum();
    let all = answers.iter().map(count_uses).max().unwrap_or(0);
    fit_to_budget(all, budget, |count| {
        let mut structured = FindReferencesOutput::default();
        let mut texts = Vec::new();
        for answer in answers {
            let includes_definitions = frame.includes_definitions;
            let alone = ReferenceFrame { cursor: PageCursor::default(), note: None, includes_definitions };
            let shown = count.min(count_uses(answer));
            let RenderedAnswer { text, structured: mut one } = render_first_uses(answer, &alone, shown);
            let name = sanitize_to_length(&answer.name, MAX_NAME_CHARS);
            // The cursor of one name does not fit the call for several.
            let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with(MORE)).collect();
            texts.push(format!("{name}: {}", lines.join("\n")));
            if one.next_cursor.is_some() {
                texts.push(format!("more of {name}: ask for it alone"));
            }
            one.files.iter_mut().for_each(|file| file.name.clone_from(&name));
            structured.files.extend(one.files);
            structured.definitions.extend(one.definitions);
            structured.out_of_time |= one.out_of_time;
            structured.coverage = one.coverage;
        }
        let left = names.get(answers.len()..).filter(|left| !left.is_empty());
        let left = left.map(|left| format!("not looked up, at most {MAX_NAMES} at once: {}", left.join(", ")));
        let left = left.map(|left| sanitize_to_length(&left, MAX_LINE_CHARS));
        let notes: Vec<String> = left.into_iter().chain(frame.note.clone()).collect();
        texts.extend(notes.iter().cloned());
        structured.note = (!notes.is_empty()).then(|| notes.join("; "));
        RenderedAnswer { text: texts.join("\n"), structured }
    })
}

/// Renders the first `count` uses of a page.
fn render_first_uses(
    answer: &ReferenceAnswer,
    frame: &ReferenceFrame,
    count: usize,
) -> RenderedAnswer<FindReferencesOutput> {
    let ReferenceFrame { cursor, note, includes_definitions } = frame;
    // A kind that was asked for need not be repeated with every use.
    let shows_kinds = answer.kinds.len() != 1 || *includes_definitions;
    let all: usize = answer.files.iter().map(|file| file.references.len()).sum();
    let mut files = Vec::new();
    let mut room = count;
    for file in &answer.files {
        let shown = room.min(file.references.len());
        if shown > 0 || (file.references.is_empty() && room > 0) {
            let problem = file.problem.as_ref().map(|problem| sanitize_to_length(problem, MAX_LINE_CHARS));
            let path = escape_name_to_length(file.path.as_str(), MAX_PATH_CHARS);
            files.push(ReferencedFileOutput {
                path,
                name: String::new(),
                uses: file.references[..shown].iter().map(to_use_output).collect(),
                uncertain: file.is_uncertain,
                problem,
            });
        }
        room -= shown;
    }
    let next = if count < all { Some(next_position(answer, cursor, count)) } else { answer.next };
    let next = next.filter(|_| count > 0 || all == 0);
    let next_cursor = next.map(|next| cursor.format_next(answer.generation, [next.files, next.uses]));
    let mut head = format_reference_head(answer, count, all);
    head.extend(format_caveats(&answer.coverage, 0, note.as_deref()));
    let mut parts = if head.is_empty() { Vec::new() } else { vec![head.join("; ")] };
    let (definitions, has_more) = list_definitions(answer);
    if !definitions.is_empty() {
        let more = if has_more { "; find_symbol lists more" } else { "" };
        parts.push(format!("defined at {}{more}", definitions.join(", ")));
    }
    parts.extend(files.iter().map(|file| format_file_uses(file, shows_kinds)));
    parts.extend(next_cursor.iter().map(|cursor| format!("{MORE}{cursor}")));
    let text = parts.join("\n");
    let left_out = answer.definitions_left_out;
    let is_partly_read = answer.files_read < answer.files_with_name;
    let structured = FindReferencesOutput {
        files,
        definitions,
        definitions_left_out: (left_out > 0).then_some(left_out),
        files_with_name: is_partly_read.then_some(answer.files_with_name),
        files_read: is_partly_read.then_some(answer.files_read),
        out_of_time: answer.out_of_time,
        next_cursor,
        coverage: to_incomplete_coverage(&answer.coverage),
        note: note.clone(),
    };
    RenderedAnswer { text, structured }
}

/// Returns the position after the first `count` uses of a page. When the previous page ended inside the
/// first file, positions in that file count on from there.
fn next_position(answer: &ReferenceAnswer, cursor: &PageCursor, count: usize) -> ReferencePosition {
    let mut left = count;
    for file in &answer.files {
        if left < file.references.len() {
            let before = if file.position == cursor.start[0] { cursor.start[1] } else { 0 };
            return ReferencePosition { files: file.position, uses: before + left };
        }
        left -= file.references.len();
    }
    answer.next.unwrap_or_default()
}

/// Formats the remarks on the `count` shown uses of the `all` on the page: that there is no use or no room for one, that
/// not all files were read, and that time ran out.
fn format_reference_head(answer: &ReferenceAnswer, count: usize, all: usize) -> Vec<String> {
    let mut head = Vec::new();
    let name = escape_name_to_length(&answer.name, MAX_NAME_CHARS);
    if count == 0 && all > 0 {
        let uses = pluralize(all as u64, "use");
        head.push(format!("{uses} of {name} left out for max_tokens; give more"));
    } else if all == 0 {
        let similar = answer.similar_name.as_ref().map(|name| escape_name_to_length(name, MAX_NAME_CHARS));
        let similar = similar.map(|similar| format!("; did you mean {similar}?")).unwrap_or_default();
        head.push(format!("no uses of {name}{}{similar}", format_kinds_asked(answer)));
    }
    if answer.files_read < answer.files_with_name {
        head.push(format!("{} of {} files with the name read", answer.files_read, answer.files_with_name));
    }
    if answer.out_of_time {
        head.push("time ran out, continue with the cursor".to_owned());
    }
    head
}

/// Returns as many definitions of the name as there is room for, such as `src/a.rs:10-20 method Store.open`, and
/// whether there are more.
fn list_definitions(answer: &ReferenceAnswer) -> (Vec<String>, bool) {
    let mut left = MAX_DEFINITION_CHARS;
    let fits = |shown: &String| {
        let chars = shown.chars().count();
        let has_room = chars <= left;
        left = left.saturating_sub(chars);
        has_room
    };
    let listed: Vec<String> = answer.definitions.iter().map(format_other_definition).take_while(fits).collect();
    let has_more = answer.has_more_definitions || listed.len() < answer.definitions.len();
    (listed, has_more)
}

fn to_use_output(reference: &CodeReference) -> UseOutput {
    UseOutput {
        line: reference.line,
        column: reference.column,
        kind: reference.kind.as_str().to_owned(),
        within: escape_name_to_length(&reference.within, MAX_NAME_CHARS),
        code: sanitize_to_length(&reference.text, MAX_LINE_CHARS),
    }
}

/// Formats the uses in a file, grouped by the definition around them: either `Outer.name: 12 let x = parse(y);`, or the
/// name and then the lines. Lines with the same code are written once, after all their numbers.
fn format_file_uses(file: &ReferencedFileOutput, shows_kinds: bool) -> String {
    let mut text = file.path.clone();
    if file.uncertain {
        text.push_str(" (receiver unknown)");
    }
    if let Some(problem) = &file.problem {
        text.push_str(&format!(" ({problem})"));
    }
    for group in file.uses.chunk_by(|a, b| a.within == b.within) {
        let within = &group[0].within;
        let lines = format_use_lines(group, shows_kinds);
        match lines.as_slice() {
            [only] if !within.is_empty() => text.push_str(&format!("\n{within}: {only}")),
            lines if within.is_empty() => lines.iter().for_each(|line| text.push_str(&format!("\n{line}"))),
            lines => {
                text.push_str(&format!("\n{within}:"));
                lines.iter().for_each(|line| text.push_str(&format!("\n {line}")));
            }
        }
    }
    text
}

/// Formats the uses in one definition, one entry for each different line of code, such as
/// `12, 15 [call] let x = parse(y);`.
fn format_use_lines(group: &[UseOutput], shows_kinds: bool) -> Vec<String> {
    // The numbers of the lines with the same code and kinds.
    let mut entries: Vec<(Vec<u32>, String)> = Vec::new();
    for same in group.chunk_by(|a, b| a.line == b.line) {
        let shown = format_use(same, shows_kinds);
        match entries.iter_mut().find(|(_, other)| *other == shown) {
            Some((lines, _)) => lines.push(same[0].line),
            None => entries.push((vec![same[0].line], shown)),
        }
    }
    let numbers = |lines: &[u32]| lines.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
    entries.iter().map(|(lines, shown)| format!("{}{shown}", numbers(lines))).collect()
}

/// Formats the uses on one line of code without its number, such as ` [call] let x = parse(y);`. The kind `other` is
/// not shown.
fn format_use(same: &[UseOutput], shows_kinds: bool) -> String {
    let mut kinds: Vec<&str> = same.iter().map(|use_output| use_output.kind.as_str()).collect();
    kinds.dedup();
    kinds.retain(|kind| shows_kinds && *kind != ReferenceKind::Other.as_str());
    let kinds = if kinds.is_empty() { String::new() } else { format!(" [{}]", kinds.join(", ")) };
    format!("{kinds} {}", same[0].code)
}
