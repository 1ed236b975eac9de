//! `codescry symbol`: finds where a name is defined.

use engine::{NameMatch, SymbolAnswer, SymbolHit, SymbolQuery};

use text::display::escape_name;

use super::name_arguments::split_names;
use super::result_page::describe_page_beyond;
use crate::cli::arguments::{SharedArguments, SymbolArguments};
use crate::cli::exit::CommandExit;
use crate::cli::index_run::{OpenedFolder, call_with_repair, open_updated_folder};
use crate::cli::json_output::symbol::DefinitionsJson;
use crate::cli::printer::{self, Printer};
use crate::cli::text_output::palette::{Palette, TextRole};

/// Runs `codescry symbol`.
///
/// # Errors
/// If the folder, the index, a name or a kind is invalid, or the index cannot be updated or searched.
pub fn run_symbol(shared: &SharedArguments, arguments: &SymbolArguments) -> anyhow::Result<CommandExit> {
    let kind = |word: &String| engine::parse_symbol_kind(word).map_err(anyhow::Error::msg);
    let filters = &arguments.filters;
    let (names, folders) = split_names(&arguments.names, &filters.folders)?;
    let like = SymbolQuery {
        name: String::new(),
        container: arguments.container.clone(),
        kinds: arguments.kinds.iter().map(kind).collect::<Result<_, _>>()?,
        filter: arguments.filters.filter(),
        offset: filters.offset,
        limit: arguments.filters.limit,
    };
    let OpenedFolder { searched, paths, interrupts } = open_updated_folder(shared, &folders, filters.no_index)?;
    let palette = Palette::for_stdout(shared);
    let mut printer = Printer::new();
    let mut exit = CommandExit::Done;
    for name in &names {
        let query = SymbolQuery { name: name.clone(), ..like.clone() };
        let find = |query: &SymbolQuery| {
            let find = || searched.find_symbol(query, &engine::CancelToken::default());
            call_with_repair(&searched, &interrupts, shared, filters.no_index, find)
        };
        let mut answer = find(&query)?;
        let is_behind = answer.symbols.is_empty() && query.offset > 0;
        let before = SymbolQuery { offset: 0, limit: query.offset, ..query.clone() };
        let count_before = if is_behind { find(&before)?.symbols.len() } else { 0 };
        answer.symbols.iter_mut().for_each(|found| found.path = paths.show(&found.path));
        if filters.json {
            printer.json(&DefinitionsJson::new(name, &answer))?;
        } else {
            answer.symbols.iter().try_for_each(|found| printer.line(&definition_line(found, palette)))?;
        }
        printer.flush()?;
        if !shared.quiet {
            print_symbol_notes(name, &answer, count_before, filters.end());
        }
        if answer.symbols.is_empty() {
            exit = CommandExit::NothingFound;
        }
    }
    printer.finish()?;
    Ok(exit)
}

/// Formats a definition as `path:10-20  Outer.name  [method]  fn name(&self)`.
fn definition_line(found: &SymbolHit, palette: Palette) -> String {
    let symbol = &found.symbol;
    let place = format!("{}:{}-{}", escape_name(found.path.as_str()), symbol.span.start_line, symbol.span.end_line);
    let dot = if symbol.container.is_empty() { "" } else { "." };
    let mut parts = vec![
        palette.paint(TextRole::Path, &place),
        palette.paint(TextRole::Name, &format!("{}{dot}{}", symbol.container, symbol.name)),
        palette.paint(TextRole::Dim, &format!("[{}]", symbol.kind)),
    ];
    if !symbol.signature.is_empty() {
        parts.push(terminal_text::escape_controls(&symbol.signature));
    }
    if found.stale {
        parts.push(palette.paint(TextRole::Warning, "stale"));
    }
    parts.join("  ")
}

/// Prints notes about missing, inexact or omitted definitions on standard error. `count_before` is the number of
/// definitions before an empty page, `next` the offset of the page that follows.
fn print_symbol_notes(name: &str, answer: &SymbolAnswer, count_before: usize, next: usize) {
    let note = match answer.symbols.first().map(|found| found.how) {
        None if count_before > 0 => Some(describe_page_beyond(count_before, "definition")),
        None => Some(format!("no definition of {name:?} found; try a part of the name, or `codescry search`")),
        Some(NameMatch::Fuzzy) => Some(format!("no symbol is named {name:?}; showing similar names")),
        Some(_) => None,
    };
    note.iter().chain(&answer.notes).for_each(|note| printer::print_note(note));
    if answer.more {
        printer::print_note(&format!(
            "more symbols match; --offset {next} shows them, --kind, --container and --path narrow down"
        ));
    }
}
