//! `find_symbol`: a name becomes its definitions.
//!
//! Must never import: anything of this crate but `engine`.

use std::sync::{Arc, LazyLock};

use rmcp::model::{CallToolResult, JsonObject};

use super::answer::{Answer, Refusal, arguments, aside, clean, clip, within};
use super::cursor::{Cursor, fingerprint};
use super::render::{self, json, largest};
use super::roots::Roots;
use super::search_code::{DEFAULT_MAX_TOKENS, Found, MAX_TOKENS, below, project, search, tell_moved_on};
use super::wire::{FindSymbolArguments, FindSymbolOutput, FoundSymbolOutput, Names};
use super::{outline, schema, tokens};
use crate::engine::{Coverage, Filter, FoundSymbol, NameMatch, SymbolAnswer, SymbolKind, SymbolQuery};

/// For the list of tools.
pub const NAME: &str = "find_symbol";
pub const TITLE: &str = "Find definitions by name";
pub const DESCRIPTION: &str = "Find where a name is defined: \"parseConfig\", \"Config::load\", \"Config.load\", \"parse*\". \
Exact names first, then other case, then names with these words, then typos. Use it when you know a name, even roughly; \
it beats grep by leaving out uses, comments and strings. Answers with path, lines, kind, container and signature, real \
code before tests. Narrow it with kind (\"function\", \"type\"), container, path, project or language.";

pub static INPUT: LazyLock<Arc<JsonObject>> = LazyLock::new(|| Arc::new(schema::of_input::<FindSymbolArguments>()));
pub static OUTPUT: LazyLock<Arc<JsonObject>> = LazyLock::new(|| Arc::new(schema::of_output::<FindSymbolOutput>()));

/// Definitions when a call does not say.
const DEFAULT_LIMIT: u32 = 20;
const LIMITS: std::ops::RangeInclusive<u32> = 1..=100;

/// Longest name asked for, in bytes.
pub const MAX_NAME_BYTES: usize = 500;

/// Longest path shown, in characters.
const MAX_PATH_CHARS: usize = 200;

/// Answers a call.
pub async fn call(roots: &Roots, given: JsonObject) -> Result<CallToolResult, Refusal> {
    let question = fingerprint(&given);
    let given: FindSymbolArguments = arguments(given, &INPUT)?;
    let cursor = Cursor::read(question, given.cursor.as_deref())?;
    let root = roots.pick(given.root.as_deref(), given.path.as_deref())?;
    let max_tokens = within("max_tokens", given.max_tokens, DEFAULT_MAX_TOKENS, MAX_TOKENS)?;
    let path = below(roots, root, given.path.as_deref())?;
    let languages = given.language.map(Names::into_vec).unwrap_or_default();
    let query = SymbolQuery {
        name: name(given.name)?,
        container: given.container.filter(|container| !container.trim().is_empty()),
        kinds: kinds(given.kind)?,
        filter: Filter { languages, path, project: project(given.project), ..Filter::default() },
        offset: cursor.at[0],
        limit: within("limit", given.limit, DEFAULT_LIMIT, LIMITS)?,
    };
    match search(root, move |engine| engine.find_symbol(&query)).await? {
        Found::Begun(text) => {
            let (note, coverage) = (Some(text.clone()), render::partial(&Coverage::default()));
            let structured = FindSymbolOutput { note, coverage, ..FindSymbolOutput::default() };
            Answer { text, structured }.into_result()
        }
        Found::Answer(answer, mut note) => {
            tell_moved_on(&cursor, answer.edition, &mut note);
            aside(move || render(&answer, &cursor, note.as_deref(), max_tokens)).await?.into_result()
        }
    }
}

/// A name that is short enough to be one.
pub fn name(name: String) -> Result<String, Refusal> {
    if name.len() > MAX_NAME_BYTES {
        let bytes = name.len();
        return Err(Refusal(format!(
            "name has {bytes} bytes, above {MAX_NAME_BYTES}; give a name, or ask search_code"
        )));
    }
    Ok(name)
}

/// The kinds that a call asks for, also by the words languages have for them.
fn kinds(given: Option<Names>) -> Result<Vec<SymbolKind>, Refusal> {
    let names = given.map(Names::into_vec).unwrap_or_default();
    let kind = |name: &String| {
        let lower = name.to_ascii_lowercase();
        let word = match lower.as_str() {
            "fn" | "func" | "def" | "fun" | "functions" => "function",
            "const" => "constant",
            "var" | "let" => "variable",
            "mod" | "namespace" | "package" => "module",
            "protocol" => "interface",
            "types" | "typedef" | "typealias" => "type",
            other => other.trim_end_matches('s'),
        };
        let kind = SymbolKind::parse(&lower).or_else(|| SymbolKind::parse(word));
        // What ends with an s of its own.
        kind.or_else(|| SymbolKind::parse(lower.trim_end_matches("es"))).ok_or_else(|| {
            let known = "function, method, constructor, type, class, struct, union, enum, interface, trait, impl, \
                         module, constant, variable, field, property, macro, test, section";
            Refusal(format!("unknown kind {}; the kinds are: {known}", clip(&clean(name), 60)))
        })
    };
    names.iter().map(kind).collect()
}

/// As many definitions as fit, in both forms.
fn render(answer: &SymbolAnswer, cursor: &Cursor, note: Option<&str>, max_tokens: usize) -> Answer<FindSymbolOutput> {
    let all = answer.symbols.len();
    let fitting = |count: usize| {
        let rendered = first(answer, cursor, note, count);
        let fits = tokens::fits(&rendered.text, max_tokens) && tokens::fits(&json(&rendered.structured), max_tokens);
        fits.then_some(rendered)
    };
    fitting(all).or_else(|| largest(all, fitting)).unwrap_or_else(|| first(answer, cursor, note, 0))
}

fn first(answer: &SymbolAnswer, cursor: &Cursor, note: Option<&str>, count: usize) -> Answer<FindSymbolOutput> {
    let all = answer.symbols.len();
    let symbols: Vec<_> = answer.symbols[..count].iter().map(found).collect();
    let more = (answer.more || count < all) && count > 0;
    let next_cursor = more.then(|| cursor.next(answer.edition, [cursor.at[0] + count, 0]));
    let note = match (answer.is_qualified, note) {
        (true, note) => note.map(str::to_owned),
        (false, None) => Some(ELSEWHERE.to_owned()),
        (false, Some(note)) => Some(format!("{ELSEWHERE}; {note}")),
    };
    let how = answer.symbols.first().map(|symbol| symbol.how);
    let stale = symbols.iter().filter(|symbol| symbol.stale).count();
    let mut text = match all {
        1 => "1 definition".to_owned(),
        _ => format!("{all} definitions"),
    };
    if cursor.at[0] > 0 {
        text.push_str(&format!(" after the first {}", cursor.at[0]));
    }
    text.push_str(match how {
        None if cursor.at[0] == 0 => NOTHING,
        None | Some(NameMatch::Exact) => "",
        Some(NameMatch::Plain) => " in another case",
        Some(NameMatch::Words) => " with these words in their names",
        Some(NameMatch::Fuzzy) => " of similar names; none is spelled so",
    });
    text.push_str(&render::about(&answer.coverage, stale, note.as_deref()));
    symbols.iter().map(line).for_each(|line| text.push_str(&line));
    let mut note = note;
    if let Some(cursor) = &next_cursor {
        text.push_str(&format!("\nmore: cursor {cursor}"));
    } else if count < all {
        text.push_str(&format!("\n{ALL_LEFT_OUT}"));
        note = Some(ALL_LEFT_OUT.to_owned());
    } else if all == 0 && cursor.at[0] == 0 {
        let hint = NOTHING.trim_start_matches("; ").to_owned();
        note = Some(note.map_or(hint.clone(), |note| format!("{hint}; {note}")));
    }
    let matched = how.map(matched).unwrap_or_default().to_owned();
    let coverage = render::partial(&answer.coverage);
    Answer { text, structured: FindSymbolOutput { symbols, matched, next_cursor, coverage, note } }
}

/// What is said when nothing has such a name.
const NOTHING: &str = "; try fewer words of the name, or search_code";

/// What is said when not even one fits.
const ALL_LEFT_OUT: &str = "left out for max_tokens: all of them; ask with a larger one";

/// What is said when a container has no such name.
const ELSEWHERE: &str = "none is in that container: these have the name alone";

fn matched(how: NameMatch) -> &'static str {
    match how {
        NameMatch::Exact => "exact",
        NameMatch::Plain => "other case",
        NameMatch::Words => "words",
        NameMatch::Fuzzy => "typo",
    }
}

fn found(found: &FoundSymbol) -> FoundSymbolOutput {
    FoundSymbolOutput {
        path: clip(&clean(found.path.as_str()), MAX_PATH_CHARS),
        symbol: outline::symbol(&found.symbol),
        stale: found.stale,
    }
}

/// `src/a.rs:10-20  [method] Outer.name: fn name(&self)`
fn line(found: &FoundSymbolOutput) -> String {
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
