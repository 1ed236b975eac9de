//! `find_references`: a name becomes the places that use it.
//!
//! Must never import: anything of this crate but `engine`.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use rmcp::model::{CallToolResult, JsonObject};

use super::answer::{Answer, Refusal, arguments, aside, clean, clip, within};
use super::cursor::{Cursor, fingerprint};
use super::find_symbol::name;
use super::render::{self, json, largest};
use super::roots::Roots;
use super::search_code::{DEFAULT_MAX_TOKENS, Found, MAX_TOKENS, below, project, search, tell_moved_on};
use super::wire::{FindReferencesArguments, FindReferencesOutput, Names, ReferencedFileOutput, UseOutput};
use super::{schema, tokens};
use crate::engine::{CancelToken, Coverage, Filter, Position, Reference, ReferenceAnswer, ReferenceQuery, UseKind};

/// For the list of tools.
pub const NAME: &str = "find_references";
pub const TITLE: &str = "Find uses of a name";
pub const DESCRIPTION: &str = "List where a name is used: calls, imports, type uses, writes, with the line and the \
function around it. Use it before changing or removing something (name \"parseConfig\", or \"Config::load\" for every \
load). Read from the syntax trees of the files as they are now, so unlike grep it leaves out comments, strings and longer \
names; it goes by the name, not by types. Narrow it with kind (\"call\", \"import\"), path, project or language.";

pub static INPUT: LazyLock<Arc<JsonObject>> = LazyLock::new(|| Arc::new(schema::of_input::<FindReferencesArguments>()));
pub static OUTPUT: LazyLock<Arc<JsonObject>> = LazyLock::new(|| Arc::new(schema::of_output::<FindReferencesOutput>()));

/// Uses when a call does not say.
const DEFAULT_LIMIT: u32 = 50;
const LIMITS: std::ops::RangeInclusive<u32> = 1..=500;

/// No further file is read after this time.
const TIME_LIMIT: Duration = Duration::from_millis(700);

/// Longest path, name and line shown, in characters.
const MAX_PATH_CHARS: usize = 200;
const MAX_NAME_CHARS: usize = 100;
const MAX_LINE_CHARS: usize = 160;

/// Ends the work of a call that nobody waits for any more.
struct Stop(CancelToken);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// Answers a call.
pub async fn call(roots: &Roots, given: JsonObject) -> Result<CallToolResult, Refusal> {
    let question = fingerprint(&given);
    let given: FindReferencesArguments = arguments(given, &INPUT)?;
    let cursor = Cursor::read(question, given.cursor.as_deref())?;
    let root = roots.pick(given.root.as_deref(), given.path.as_deref())?;
    let max_tokens = within("max_tokens", given.max_tokens, DEFAULT_MAX_TOKENS, MAX_TOKENS)?;
    let path = below(roots, root, given.path.as_deref())?;
    let languages = given.language.map(Names::into_vec).unwrap_or_default();
    let query = ReferenceQuery {
        name: name(given.name)?,
        kinds: kinds(given.kind)?,
        include_definitions: given.include_definition.unwrap_or(false),
        filter: Filter { languages, path, project: project(given.project), ..Filter::default() },
        from: Position { files: cursor.at[0], uses: cursor.at[1] },
        limit: within("limit", given.limit, DEFAULT_LIMIT, LIMITS)?,
        time_limit: TIME_LIMIT,
    };
    let stop = Stop(CancelToken::default());
    let cancel = stop.0.clone();
    match search(root, move |engine| engine.find_references(&query, &cancel)).await? {
        Found::Begun(text) => {
            let (note, coverage) = (Some(text.clone()), render::partial(&Coverage::default()));
            let structured = FindReferencesOutput { note, coverage, ..FindReferencesOutput::default() };
            Answer { text, structured }.into_result()
        }
        Found::Answer(answer, mut note) => {
            tell_moved_on(&cursor, answer.edition, &mut note);
            aside(move || render(&answer, &cursor, note.as_deref(), max_tokens)).await?.into_result()
        }
    }
}

fn kinds(given: Option<Names>) -> Result<Vec<UseKind>, Refusal> {
    let names = given.map(Names::into_vec).unwrap_or_default();
    let kind = |name: &String| {
        let lower = name.to_ascii_lowercase();
        let known = UseKind::ALL.iter().find(|kind| kind.as_str() == lower.trim_end_matches('s'));
        known.copied().ok_or_else(|| {
            let all: Vec<_> = UseKind::ALL.iter().map(|kind| kind.as_str()).collect();
            Refusal(format!("unknown kind {}; the kinds are: {}", clip(&clean(name), 60), all.join(", ")))
        })
    };
    names.iter().map(kind).collect()
}

/// As many uses as fit, in both forms.
fn render(
    answer: &ReferenceAnswer,
    cursor: &Cursor,
    note: Option<&str>,
    max_tokens: usize,
) -> Answer<FindReferencesOutput> {
    let all = answer.files.iter().map(|file| file.references.len()).sum();
    let fitting = |count: usize| {
        let rendered = first(answer, cursor, note, count);
        let fits = tokens::fits(&rendered.text, max_tokens) && tokens::fits(&json(&rendered.structured), max_tokens);
        fits.then_some(rendered)
    };
    fitting(all).or_else(|| largest(all, fitting)).unwrap_or_else(|| first(answer, cursor, note, 0))
}

/// The first `count` uses of a page. What it begins with in a file that the page before ended in is
/// counted on from there.
fn first(answer: &ReferenceAnswer, cursor: &Cursor, note: Option<&str>, count: usize) -> Answer<FindReferencesOutput> {
    let all: usize = answer.files.iter().map(|file| file.references.len()).sum();
    let mut files = Vec::new();
    let mut room = count;
    for file in &answer.files {
        let shown = room.min(file.references.len());
        if shown > 0 || (file.references.is_empty() && room > 0) {
            let problem = file.problem.as_ref().map(|problem| clip(&clean(problem), MAX_LINE_CHARS));
            let path = clip(&clean(file.path.as_str()), MAX_PATH_CHARS);
            files.push(ReferencedFileOutput {
                path,
                uses: file.references[..shown].iter().map(one).collect(),
                problem,
            });
        }
        room -= shown;
    }
    let next = if count < all { Some(position(answer, cursor, count)) } else { answer.next };
    let next = next.filter(|_| count > 0 || all == 0);
    let next_cursor = next.map(|next| cursor.next(answer.edition, [next.files, next.uses]));
    let mut text = head(answer, count, files.iter().filter(|file| !file.uses.is_empty()).count());
    text.push_str(&render::about(&answer.coverage, 0, note));
    files.iter().map(lines).for_each(|lines| text.push_str(&lines));
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
        coverage: render::partial(&answer.coverage),
        note: note.map(str::to_owned),
    };
    Answer { text, structured }
}

/// Where the use after the first `count` of a page is.
fn position(answer: &ReferenceAnswer, cursor: &Cursor, count: usize) -> Position {
    let mut left = count;
    for file in &answer.files {
        if left < file.references.len() {
            let before = if file.place == cursor.at[0] { cursor.at[1] } else { 0 };
            return Position { files: file.place, uses: before + left };
        }
        left -= file.references.len();
    }
    answer.next.unwrap_or_default()
}

fn head(answer: &ReferenceAnswer, count: usize, files: usize) -> String {
    let name = clip(&clean(&answer.name), MAX_NAME_CHARS);
    let plural = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    let mut head = format!("{} of {name} in {}", plural(count, "use"), plural(files, "file"));
    if answer.files_read < answer.files_with_name {
        head.push_str(&format!("; {} of {} files with the word read", answer.files_read, answer.files_with_name));
    }
    if answer.out_of_time {
        head.push_str("; time ran out, the cursor goes on");
    }
    if answer.definitions_left_out > 0 {
        head.push_str(&format!("; {} not shown", plural(answer.definitions_left_out, "definition")));
    }
    head
}

fn one(reference: &Reference) -> UseOutput {
    UseOutput {
        line: reference.line,
        column: reference.column,
        kind: reference.kind.as_str().to_owned(),
        within: clip(&clean(&reference.within), MAX_NAME_CHARS),
        code: clip(&clean(&reference.text), MAX_LINE_CHARS),
    }
}

/// A file's uses, those of one line together: `  12 [call] Outer.name: let x = parse(y);`
fn lines(file: &ReferencedFileOutput) -> String {
    let mut text = format!("\n{}", file.path);
    if let Some(problem) = &file.problem {
        text.push_str(&format!("  ({problem})"));
    }
    for same in file.uses.chunk_by(|a, b| a.line == b.line) {
        let mut kinds: Vec<&str> = same.iter().map(|one| one.kind.as_str()).collect();
        kinds.dedup();
        let UseOutput { line, within, code, .. } = &same[0];
        let within = if within.is_empty() { String::new() } else { format!(" {within}:") };
        text.push_str(&format!("\n  {line} [{}]{within} {code}", kinds.join(", ")));
    }
    text
}
