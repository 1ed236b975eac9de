//! `codescry symbol` and `codescry references`: definitions and uses of a name.
//!
//! Must never import: anything of this crate but `engine`.

use std::time::Duration;

use serde::Serialize;

use super::arguments::{Narrow, ReferencesArguments, Shared, SymbolArguments};
use super::interrupts::Interrupts;
use super::palette::{Palette, Role};
use super::printer::{self, Printer};
use super::{Exit, text, update};
use crate::engine::{
    Engine, Filter, FoundSymbol, NameMatch, Position, Reference, ReferenceAnswer, ReferenceQuery, SymbolAnswer,
    SymbolKind, SymbolQuery, UseKind,
};

/// A person at a terminal waits longer than an assistant.
const TIME_LIMIT: Duration = Duration::from_secs(20);

/// Runs `codescry symbol`.
///
/// # Errors
/// When the folder, the index or the name does not hold.
pub fn symbol(shared: &Shared, given: &SymbolArguments) -> anyhow::Result<Exit> {
    let kind = |word: &String| {
        SymbolKind::parse(word).ok_or_else(|| {
            anyhow::anyhow!("unknown kind {word}; give function, method, type, class, struct, enum, trait, interface, \
                             impl, module, constant, variable, field, macro or another kind that `codescry search` shows")
        })
    };
    let query = SymbolQuery {
        name: given.name.clone(),
        container: given.container.clone(),
        kinds: given.kinds.iter().map(kind).collect::<Result<_, _>>()?,
        filter: filter(&given.narrow),
        offset: 0,
        limit: given.narrow.limit,
    };
    let (engine, _) = ready(shared, &given.narrow)?;
    let answer = engine.find_symbol(&query)?;
    let mut printer = Printer::new();
    if given.narrow.json {
        printer.json(&Definitions::new(&given.name, &answer))?;
    } else {
        let palette = Palette::of(shared);
        answer.symbols.iter().try_for_each(|found| printer.line(&definition(found, palette)))?;
    }
    printer.finish()?;
    if !shared.quiet {
        told(&given.name, &answer);
    }
    Ok(if answer.symbols.is_empty() { Exit::NothingFound } else { Exit::Done })
}

/// Runs `codescry references`.
///
/// # Errors
/// When the folder, the index or the name does not hold.
pub fn references(shared: &Shared, given: &ReferencesArguments) -> anyhow::Result<Exit> {
    let kind = |word: &String| {
        UseKind::ALL.iter().copied().find(|kind| kind.as_str() == word).ok_or_else(|| {
            let all: Vec<_> = UseKind::ALL.iter().map(|kind| kind.as_str()).collect();
            anyhow::anyhow!("unknown kind {word}; the kinds are: {}", all.join(", "))
        })
    };
    let query = ReferenceQuery {
        name: given.name.clone(),
        kinds: given.kinds.iter().map(kind).collect::<Result<_, _>>()?,
        include_definitions: given.definitions,
        filter: filter(&given.narrow),
        from: Position::default(),
        limit: given.narrow.limit,
        time_limit: TIME_LIMIT,
    };
    let (engine, interrupts) = ready(shared, &given.narrow)?;
    let answer = interrupts.during(|cancel| engine.find_references(&query, cancel))?;
    let mut printer = Printer::new();
    if given.narrow.json {
        printer.json(&Uses::new(&answer))?;
    } else {
        let palette = Palette::of(shared);
        for file in &answer.files {
            for one in &file.references {
                printer.line(&reference(file.path.as_str(), one, palette))?;
            }
        }
    }
    printer.finish()?;
    if !shared.quiet {
        left(&answer);
    }
    let found = answer.files.iter().any(|file| !file.references.is_empty());
    Ok(if found { Exit::Done } else { Exit::NothingFound })
}

fn filter(narrow: &Narrow) -> Filter {
    let Narrow { languages, glob, project, .. } = narrow;
    Filter { languages: languages.clone(), path: glob.clone(), project: project.clone(), ..Filter::default() }
}

/// The engine of the folder, its index up to date.
fn ready(shared: &Shared, narrow: &Narrow) -> anyhow::Result<(Engine, Interrupts)> {
    let engine = Engine::open(shared.settings(narrow.path.as_deref())?)?;
    let interrupts = Interrupts::watch()?;
    if !narrow.no_index {
        update::update_or_leave(&engine, &interrupts, shared)?;
    }
    Ok((engine, interrupts))
}

/// `path:10-20  Outer.name  [method]  fn name(&self)`
fn definition(found: &FoundSymbol, palette: Palette) -> String {
    let symbol = &found.symbol;
    let place = format!("{}:{}-{}", found.path, symbol.span.start_line, symbol.span.end_line);
    let dot = if symbol.container.is_empty() { "" } else { "." };
    let mut parts = vec![
        palette.paint(Role::Path, &place),
        palette.paint(Role::Name, &format!("{}{dot}{}", symbol.container, symbol.name)),
        palette.paint(Role::Dim, &format!("[{}]", symbol.kind)),
    ];
    if !symbol.signature.is_empty() {
        parts.push(text::visible(&symbol.signature));
    }
    if found.stale {
        parts.push(palette.paint(Role::Warning, "stale"));
    }
    parts.join("  ")
}

/// `path:12  [call]  Outer.name  let x = parse(y);`
fn reference(path: &str, one: &Reference, palette: Palette) -> String {
    let mut parts = vec![
        palette.paint(Role::Path, &format!("{path}:{}", one.line)),
        palette.paint(Role::Dim, &format!("[{}]", one.kind.as_str())),
    ];
    if !one.within.is_empty() {
        parts.push(palette.paint(Role::Name, &one.within));
    }
    parts.push(text::visible(&one.text));
    parts.join("  ")
}

/// What the definitions alone do not tell.
fn told(name: &str, answer: &SymbolAnswer) {
    let note = match answer.symbols.first().map(|found| found.how) {
        None => Some(format!("no definition of {name:?}; try fewer of its words, or `codescry search`")),
        Some(_) if !answer.is_qualified => Some("none is in that container: these have the name alone".to_owned()),
        Some(NameMatch::Fuzzy) => Some(format!("nothing is called {name:?}: these names are similar")),
        Some(_) => None,
    };
    note.iter().for_each(|note| printer::note(note));
    if answer.more {
        printer::note("there are others; raise --limit, or narrow down with --kind, --container or --path");
    }
}

/// What the uses alone do not tell.
fn left(answer: &ReferenceAnswer) {
    if answer.files.is_empty() {
        let files = text::plural(answer.files_with_name as u64, "file");
        printer::note(&format!("no use of {:?}; {files} with the word", answer.name));
    }
    if answer.definitions_left_out > 0 {
        let count = text::plural(answer.definitions_left_out as u64, "definition");
        printer::note(&format!("{count} not shown; --definitions shows them"));
    }
    if answer.next.is_some() {
        let (read, all) = (answer.files_read, answer.files_with_name);
        let why = if answer.out_of_time { "time ran out" } else { "--limit is reached" };
        printer::note(&format!("{why} after {read} of {all} files; narrow down with --kind, --path or --lang"));
    }
}

/// `symbol --json`. A field, once there, stays.
#[derive(Serialize)]
struct Definitions<'a> {
    name: &'a str,
    results: Vec<Definition<'a>>,
    more: bool,
}

#[derive(Serialize)]
struct Definition<'a> {
    path: &'a str,
    start_line: u32,
    end_line: u32,
    language: &'a str,
    kind: &'a str,
    symbol: &'a str,
    container: &'a str,
    signature: &'a str,
    /// `exact`, `plain`, `words` or `fuzzy`.
    matched: &'static str,
    stale: bool,
}

impl<'a> Definitions<'a> {
    fn new(name: &'a str, answer: &'a SymbolAnswer) -> Self {
        let result = |found: &'a FoundSymbol| Definition {
            path: found.path.as_str(),
            start_line: found.symbol.span.start_line,
            end_line: found.symbol.span.end_line,
            language: found.language.0,
            kind: found.symbol.kind.as_str(),
            symbol: &found.symbol.name,
            container: &found.symbol.container,
            signature: &found.symbol.signature,
            matched: match found.how {
                NameMatch::Exact => "exact",
                NameMatch::Plain => "plain",
                NameMatch::Words => "words",
                NameMatch::Fuzzy => "fuzzy",
            },
            stale: found.stale,
        };
        Self { name, results: answer.symbols.iter().map(result).collect(), more: answer.more }
    }
}

/// `references --json`. A field, once there, stays.
#[derive(Serialize)]
struct Uses<'a> {
    name: &'a str,
    results: Vec<OneUse<'a>>,
    definitions_left_out: usize,
    files_with_name: usize,
    files_read: usize,
    more: bool,
    out_of_time: bool,
}

#[derive(Serialize)]
struct OneUse<'a> {
    path: &'a str,
    line: u32,
    column: u32,
    language: &'a str,
    kind: &'a str,
    within: &'a str,
    text: &'a str,
}

impl<'a> Uses<'a> {
    fn new(answer: &'a ReferenceAnswer) -> Self {
        let of_file = |file: &'a crate::engine::ReferencedFile| {
            file.references.iter().map(|one| OneUse {
                path: file.path.as_str(),
                line: one.line,
                column: one.column,
                language: file.language.0,
                kind: one.kind.as_str(),
                within: &one.within,
                text: &one.text,
            })
        };
        Self {
            name: &answer.name,
            results: answer.files.iter().flat_map(of_file).collect(),
            definitions_left_out: answer.definitions_left_out,
            files_with_name: answer.files_with_name,
            files_read: answer.files_read,
            more: answer.next.is_some(),
            out_of_time: answer.out_of_time,
        }
    }
}
