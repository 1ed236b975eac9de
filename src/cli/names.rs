//! `codescry symbol` and `codescry references`: find the definitions and uses of a name.

use std::time::Duration;

use serde::Serialize;

use super::arguments::{NameFilterArguments, ReferencesArguments, SharedArguments, SymbolArguments};
use super::interrupts::Interrupts;
use super::palette::{Palette, TextRole};
use super::printer::{self, Printer};
use super::{CommandExit, text, update};
use engine::{
    CodeReference, Engine, Filter, NameMatch, ReferenceAnswer, ReferenceKind, ReferencePosition, ReferenceQuery,
    SymbolAnswer, SymbolHit, SymbolKind, SymbolQuery,
};

/// The time limit of a reference search, longer than over MCP: users at a terminal wait longer.
const TIME_LIMIT: Duration = Duration::from_secs(20);

/// Runs `codescry symbol`.
///
/// # Errors
/// If the folder, the index, the name or a kind is invalid.
pub fn run_symbol(shared: &SharedArguments, arguments: &SymbolArguments) -> anyhow::Result<CommandExit> {
    let kind = |word: &String| {
        SymbolKind::parse(word).ok_or_else(|| {
            anyhow::anyhow!("unknown kind {word}; give function, method, type, class, struct, enum, trait, interface, \
                             impl, module, constant, variable, field, macro or another kind that `codescry search` shows")
        })
    };
    let query = SymbolQuery {
        name: arguments.name.clone(),
        container: arguments.container.clone(),
        kinds: arguments.kinds.iter().map(kind).collect::<Result<_, _>>()?,
        filter: build_name_filter(&arguments.filters),
        offset: 0,
        limit: arguments.filters.limit,
    };
    let (engine, _) = open_updated_engine(shared, &arguments.filters)?;
    let answer = engine.find_symbol(&query)?;
    let mut printer = Printer::new();
    if arguments.filters.json {
        printer.json(&DefinitionsJson::new(&arguments.name, &answer))?;
    } else {
        let palette = Palette::for_stdout(shared);
        answer.symbols.iter().try_for_each(|found| printer.line(&definition_line(found, palette)))?;
    }
    printer.finish()?;
    if !shared.quiet {
        print_symbol_notes(&arguments.name, &answer);
    }
    Ok(if answer.symbols.is_empty() { CommandExit::NothingFound } else { CommandExit::Done })
}

/// Runs `codescry references`.
///
/// # Errors
/// If the folder, the index, the name or a kind is invalid.
pub fn run_references(shared: &SharedArguments, arguments: &ReferencesArguments) -> anyhow::Result<CommandExit> {
    let kind = |word: &String| {
        ReferenceKind::ALL.iter().copied().find(|kind| kind.as_str() == word).ok_or_else(|| {
            let all: Vec<_> = ReferenceKind::ALL.iter().map(|kind| kind.as_str()).collect();
            anyhow::anyhow!("unknown kind {word}; the kinds are: {}", all.join(", "))
        })
    };
    let query = ReferenceQuery {
        name: arguments.name.clone(),
        kinds: arguments.kinds.iter().map(kind).collect::<Result<_, _>>()?,
        include_definitions: arguments.definitions,
        filter: build_name_filter(&arguments.filters),
        from: ReferencePosition::default(),
        limit: arguments.filters.limit,
        time_limit: TIME_LIMIT,
    };
    let (engine, interrupts) = open_updated_engine(shared, &arguments.filters)?;
    let answer = interrupts.run_cancellable(|cancel| engine.find_references(&query, cancel))?;
    let mut printer = Printer::new();
    if arguments.filters.json {
        printer.json(&ReferencesJson::new(&answer))?;
    } else {
        let palette = Palette::for_stdout(shared);
        for file in &answer.files {
            for one in &file.references {
                printer.line(&reference_line(file.path.as_str(), one, palette))?;
            }
        }
    }
    printer.finish()?;
    if !shared.quiet {
        print_reference_notes(&answer);
    }
    let found = answer.files.iter().any(|file| !file.references.is_empty());
    Ok(if found { CommandExit::Done } else { CommandExit::NothingFound })
}

fn build_name_filter(arguments: &NameFilterArguments) -> Filter {
    let NameFilterArguments { languages, glob, project, .. } = arguments;
    Filter { languages: languages.clone(), path: glob.clone(), project: project.clone(), ..Filter::default() }
}

/// Opens the engine of the folder, and updates the index unless `--no-index` is given.
fn open_updated_engine(
    shared: &SharedArguments,
    filters: &NameFilterArguments,
) -> anyhow::Result<(Engine, Interrupts)> {
    let engine = Engine::open(shared.settings(filters.path.as_deref())?)?;
    let interrupts = Interrupts::listen()?;
    if !filters.no_index {
        update::update_index_if_free(&engine, &interrupts, shared)?;
    }
    Ok((engine, interrupts))
}

/// Formats a definition as `path:10-20  Outer.name  [method]  fn name(&self)`.
fn definition_line(found: &SymbolHit, palette: Palette) -> String {
    let symbol = &found.symbol;
    let place = format!("{}:{}-{}", found.path, symbol.span.start_line, symbol.span.end_line);
    let dot = if symbol.container.is_empty() { "" } else { "." };
    let mut parts = vec![
        palette.paint(TextRole::Path, &place),
        palette.paint(TextRole::Name, &format!("{}{dot}{}", symbol.container, symbol.name)),
        palette.paint(TextRole::Dim, &format!("[{}]", symbol.kind)),
    ];
    if !symbol.signature.is_empty() {
        parts.push(text::escape_controls(&symbol.signature));
    }
    if found.stale {
        parts.push(palette.paint(TextRole::Warning, "stale"));
    }
    parts.join("  ")
}

/// Formats a use as `path:12  [call]  Outer.name  let x = parse(y);`.
fn reference_line(path: &str, one: &CodeReference, palette: Palette) -> String {
    let mut parts = vec![
        palette.paint(TextRole::Path, &format!("{path}:{}", one.line)),
        palette.paint(TextRole::Dim, &format!("[{}]", one.kind.as_str())),
    ];
    if !one.within.is_empty() {
        parts.push(palette.paint(TextRole::Name, &one.within));
    }
    parts.push(text::escape_controls(&one.text));
    parts.join("  ")
}

/// Prints notes about inexact or omitted definitions on standard error.
fn print_symbol_notes(name: &str, answer: &SymbolAnswer) {
    let note = match answer.symbols.first().map(|found| found.how) {
        None => Some(format!("no definition of {name:?} found; try a part of the name, or `codescry search`")),
        Some(_) if !answer.is_qualified => {
            Some("no symbol in that container; showing symbols of that name elsewhere".to_owned())
        }
        Some(NameMatch::Fuzzy) => Some(format!("no symbol is named {name:?}; showing similar names")),
        Some(_) => None,
    };
    note.iter().for_each(|note| printer::print_note(note));
    if answer.more {
        printer::print_note("more symbols match; raise --limit, or narrow down with --kind, --container or --path");
    }
}

/// Prints notes about omitted uses on standard error.
fn print_reference_notes(answer: &ReferenceAnswer) {
    if answer.files.is_empty() {
        let files = text::pluralize(answer.files_with_name as u64, "file");
        printer::print_note(&format!("no use of {:?} found; the word occurs in {files}", answer.name));
    }
    if answer.definitions_left_out > 0 {
        let count = text::pluralize(answer.definitions_left_out as u64, "definition");
        printer::print_note(&format!("{count} not shown; give --definitions to show them"));
    }
    if answer.next.is_some() {
        let (read, all) = (answer.files_read, answer.files_with_name);
        let why = if answer.out_of_time { "the time limit was reached" } else { "--limit was reached" };
        printer::print_note(&format!("{why} after {read} of {all} files; narrow down with --kind, --path or --lang"));
    }
}

/// The output of `codescry symbol --json`. Fields are never removed or renamed.
#[derive(Serialize)]
struct DefinitionsJson<'a> {
    name: &'a str,
    results: Vec<DefinitionJson<'a>>,
    more: bool,
}

/// One definition.
#[derive(Serialize)]
struct DefinitionJson<'a> {
    path: &'a str,
    start_line: u32,
    end_line: u32,
    language: &'a str,
    kind: &'a str,
    symbol: &'a str,
    container: &'a str,
    signature: &'a str,
    /// How the name matched: `exact`, `plain`, `words` or `fuzzy`.
    matched: &'static str,
    stale: bool,
}

impl<'a> DefinitionsJson<'a> {
    fn new(name: &'a str, answer: &'a SymbolAnswer) -> Self {
        let result = |found: &'a SymbolHit| DefinitionJson {
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
                NameMatch::Normalized => "plain",
                NameMatch::Partial => "words",
                NameMatch::Fuzzy => "fuzzy",
            },
            stale: found.stale,
        };
        Self { name, results: answer.symbols.iter().map(result).collect(), more: answer.more }
    }
}

/// The output of `codescry references --json`. Fields are never removed or renamed.
#[derive(Serialize)]
struct ReferencesJson<'a> {
    name: &'a str,
    results: Vec<ReferenceJson<'a>>,
    definitions_left_out: usize,
    files_with_name: usize,
    files_read: usize,
    more: bool,
    out_of_time: bool,
}

/// One use.
#[derive(Serialize)]
struct ReferenceJson<'a> {
    path: &'a str,
    line: u32,
    column: u32,
    language: &'a str,
    kind: &'a str,
    within: &'a str,
    text: &'a str,
}

impl<'a> ReferencesJson<'a> {
    fn new(answer: &'a ReferenceAnswer) -> Self {
        let of_file = |file: &'a engine::ReferencedFile| {
            file.references.iter().map(|one| ReferenceJson {
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
