//! The tool `find_references`: lists the uses of a name.

use std::time::Duration;

use answer::caveats::format_caveats;
use answer::{AnswerError, RenderedAnswer, fit_to_budget};
use engine::{CodeReference, ReferenceAnswer, ReferenceKind, ReferencePosition, ReferenceQuery};
use rmcp::model::JsonObject;
use text::display::{escape_name_to_length, sanitize_to_length};

use super::entry::ToolEntry;
use crate::call::arguments::{check_max_tokens, check_name, check_range};
use crate::call::blocking::run_blocking;
use crate::call::context::CallContext;
use crate::call::cursor::{PageCursor, parse_paged_arguments};
use crate::call::result::{ToolError, ToolResult, to_tool_result};
use crate::render::coverage::{render_not_indexed, to_incomplete_coverage};
use crate::roots::query::{QueryOutcome, query_engine};
use crate::roots::served::ServedRoots;
use crate::wire::references::{FindReferencesArguments, FindReferencesOutput, ReferencedFileOutput, UseOutput};
use crate::wire::schema::{generate_input_schema, generate_output_schema};
use crate::wire::values::NameList;

/// The tool.
pub const TOOL: ToolEntry = ToolEntry {
    name: "find_references",
    title: "Find uses of a name",
    description: "List where a name is used: calls, imports, type uses, writes, with the line and the \
        function around it. Use it before changing or removing something (name \"parseConfig\", or \"Config::load\" for every \
        load). It parses the files as they are now, so unlike grep it omits comments, strings and longer names; it compares \
        names, not types. Narrow it with kind (\"call\", \"import\"), path, project or language.",
    input_schema: generate_input_schema::<FindReferencesArguments>,
    output_schema: generate_output_schema::<FindReferencesOutput>,
    is_read_only: true,
    needs_root: true,
    call: |roots, given, context| Box::pin(call_find_references(roots, given, context)),
};

/// Default number of uses on a page.
const DEFAULT_LIMIT: u32 = 50;
const LIMIT_RANGE: std::ops::RangeInclusive<u32> = 1..=500;

/// Time after which a call reads no further file.
const TIME_LIMIT: Duration = Duration::from_millis(700);

/// Maximum length of a path in an answer, in characters.
const MAX_PATH_CHARS: usize = 200;

/// Maximum length of a name in an answer, in characters.
const MAX_NAME_CHARS: usize = 100;

/// Maximum length of a line of code in an answer, in characters.
const MAX_LINE_CHARS: usize = 160;

/// Answers a call of `find_references`.
async fn call_find_references(roots: &ServedRoots, given: JsonObject, context: &CallContext) -> ToolResult {
    let (given, cursor) =
        parse_paged_arguments(given, TOOL.input_schema, |given: &FindReferencesArguments| given.cursor.as_deref())?;
    let root = roots.select_root(given.root.as_deref(), given.path.as_deref())?;
    let max_tokens = check_max_tokens(given.max_tokens)?;
    let query = ReferenceQuery {
        filter: roots.build_filter(root, given.language, given.path.as_deref(), given.project)?,
        name: check_name(given.name)?,
        kinds: parse_use_kinds(given.kind)?,
        include_definitions: given.include_definition.unwrap_or(false),
        from: ReferencePosition { files: cursor.start[0], uses: cursor.start[1] },
        limit: check_range("limit", given.limit, DEFAULT_LIMIT, LIMIT_RANGE)?,
        time_limit: TIME_LIMIT,
    };
    match query_engine(root, context, move |engine, cancel| engine.find_references(&query, cancel)).await? {
        QueryOutcome::Answer(answer, mut note) => {
            cursor.note_index_change(answer.generation, &mut note);
            let render = move || render_references(&answer, &cursor, note.as_deref(), max_tokens);
            to_tool_result(run_blocking(render).await??)
        }
        QueryOutcome::NotIndexedYet(text) => to_tool_result(render_not_indexed(text, |note, coverage| {
            FindReferencesOutput { note, coverage, ..FindReferencesOutput::default() }
        })),
    }
}

/// Parses kinds of uses.
fn parse_use_kinds(given: Option<NameList>) -> Result<Vec<ReferenceKind>, ToolError> {
    let names = given.map(NameList::into_vec).unwrap_or_default();
    let kind = |name: &String| {
        let lower = name.to_ascii_lowercase();
        let known = ReferenceKind::ALL.iter().find(|kind| kind.as_str() == lower.trim_end_matches('s'));
        known.copied().ok_or_else(|| {
            let all: Vec<_> = ReferenceKind::ALL.iter().map(|kind| kind.as_str()).collect();
            ToolError(format!("unknown kind {}; the kinds are: {}", sanitize_to_length(name, 60), all.join(", ")))
        })
    };
    names.iter().map(kind).collect()
}

/// Renders as many uses as fit into `max_tokens`.
fn render_references(
    answer: &ReferenceAnswer,
    cursor: &PageCursor,
    note: Option<&str>,
    max_tokens: usize,
) -> Result<RenderedAnswer<FindReferencesOutput>, AnswerError> {
    let uses = answer.files.iter().map(|file| file.references.len()).sum();
    fit_to_budget(uses, max_tokens, |count| render_first_uses(answer, cursor, note, count))
}

/// Renders the first `count` uses of a page.
fn render_first_uses(
    answer: &ReferenceAnswer,
    cursor: &PageCursor,
    note: Option<&str>,
    count: usize,
) -> RenderedAnswer<FindReferencesOutput> {
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
                uses: file.references[..shown].iter().map(to_use_output).collect(),
                problem,
            });
        }
        room -= shown;
    }
    let next = if count < all { Some(next_position(answer, cursor, count)) } else { answer.next };
    let next = next.filter(|_| count > 0 || all == 0);
    let next_cursor = next.map(|next| cursor.format_next(answer.generation, [next.files, next.uses]));
    let mut text = format_reference_head(answer, count, files.iter().filter(|file| !file.uses.is_empty()).count());
    text.push_str(&format_caveats(&answer.coverage, 0, note));
    files.iter().map(format_file_uses).for_each(|uses| text.push_str(&uses));
    if let Some(cursor) = &next_cursor {
        text.push_str(&format!("\nmore: cursor {cursor}"));
    }
    let left_out = answer.definitions_left_out;
    let is_partly_read = answer.files_read < answer.files_with_name;
    let structured = FindReferencesOutput {
        files,
        definitions_left_out: (left_out > 0).then_some(left_out),
        files_with_name: is_partly_read.then_some(answer.files_with_name),
        files_read: is_partly_read.then_some(answer.files_read),
        out_of_time: answer.out_of_time,
        next_cursor,
        coverage: to_incomplete_coverage(&answer.coverage),
        note: note.map(str::to_owned),
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

/// Formats the first line, such as `6 uses of open in 4 files`.
fn format_reference_head(answer: &ReferenceAnswer, count: usize, files: usize) -> String {
    let name = escape_name_to_length(&answer.name, MAX_NAME_CHARS);
    let plural = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    let mut head = format!("{} of {name} in {}", plural(count, "use"), plural(files, "file"));
    if answer.files_read < answer.files_with_name {
        head.push_str(&format!(
            "; {} of {} files that contain the name searched",
            answer.files_read, answer.files_with_name
        ));
    }
    if answer.out_of_time {
        head.push_str("; time ran out, continue with the cursor");
    }
    if answer.definitions_left_out > 0 {
        head.push_str(&format!("; {} not shown", plural(answer.definitions_left_out, "definition")));
    }
    head
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

/// Formats the uses in a file, one line for all uses on a line: `  12 [call] Outer.name: let x = parse(y);`
fn format_file_uses(file: &ReferencedFileOutput) -> String {
    let mut text = format!("\n{}", file.path);
    if let Some(problem) = &file.problem {
        text.push_str(&format!("  ({problem})"));
    }
    for same in file.uses.chunk_by(|a, b| a.line == b.line) {
        let mut kinds: Vec<&str> = same.iter().map(|use_output| use_output.kind.as_str()).collect();
        kinds.dedup();
        let UseOutput { line, within, code, .. } = &same[0];
        let within = if within.is_empty() { String::new() } else { format!(" {within}:") };
        text.push_str(&format!("\n  {line} [{}]{within} {code}", kinds.join(", ")));
    }
    text
}
