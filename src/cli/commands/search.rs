//! `codescry search`: updates the index, searches, and prints the hits.

mod batch;

use std::ffi::OsStr;
use std::path::Path;

use anyhow::Context as _;

use engine::{CheckedQuery, ContentFilter, Engine, Filter, SearchAnswer, SearchQuery};

use crate::cli::arguments::{SearchArguments, SharedArguments};
use crate::cli::exit::CommandExit;
use crate::cli::index_run::{call_with_repair, update_index_if_free};
use crate::cli::interrupts::Interrupts;
use crate::cli::json_output::search::SearchJson;
use crate::cli::printer::{self, Printer};
use crate::cli::text_output::hits;
use crate::cli::text_output::palette::Palette;
use crate::cli::text_output::terminal_text;

/// Runs `codescry search`.
///
/// # Errors
/// If the folder, the index or the query is invalid.
pub fn run_search(shared: &SharedArguments, arguments: &SearchArguments) -> anyhow::Result<CommandExit> {
    let path = if arguments.batch { arguments.query.as_deref().map(Path::new) } else { arguments.path.as_deref() };
    let query = if arguments.batch { None } else { arguments.query.as_deref() };
    let query = build_search_query(arguments, query.unwrap_or_default())?;
    let engine = Engine::open(shared.settings(path)?)?;
    // An invalid query fails before the index is updated, which may take minutes.
    let checked = if arguments.batch { None } else { Some(engine.check_query(&query)?) };
    let interrupts = Interrupts::listen()?;
    if !arguments.no_index {
        std::thread::scope(|scope| {
            scope.spawn(|| engine.warm_up());
            update_index_if_free(&engine, &interrupts, shared)
        })?;
    }
    let Some(checked) = checked else { return batch::answer_batch(&engine, &query) };
    let search = || engine.search(&query, &engine::CancelToken::default());
    let answer = call_with_repair(&engine, &interrupts, shared, arguments.no_index, search)?;
    print_answer(shared, arguments, &engine, &query, &checked, &answer)?;
    if !shared.quiet {
        print_notes(&query, &answer);
    }
    Ok(if answer.hits.is_empty() { CommandExit::NothingFound } else { CommandExit::Done })
}

/// Builds the query from the arguments.
fn build_search_query(arguments: &SearchArguments, text: &OsStr) -> anyhow::Result<SearchQuery> {
    let text = text.to_str().context("the query is not UTF-8; write it in UTF-8")?.to_owned();
    anyhow::ensure!(arguments.batch || !text.trim().is_empty(), "the query is empty; give words, a name or a question");
    let content = arguments.content.map_or(ContentFilter::default(), ContentFilter::from);
    let filter = Filter {
        languages: arguments.languages.clone(),
        path: arguments.glob.clone(),
        project: arguments.project.clone(),
        content,
    };
    Ok(SearchQuery { text, limit: arguments.limit, mode: arguments.mode.into(), filter, explain: arguments.explain })
}

fn print_answer(
    shared: &SharedArguments,
    arguments: &SearchArguments,
    engine: &Engine,
    query: &SearchQuery,
    checked: &CheckedQuery,
    answer: &SearchAnswer,
) -> std::io::Result<()> {
    let mut printer = Printer::new();
    if arguments.json {
        printer.json(&SearchJson::new(&query.text, answer))?;
    } else {
        hits::print_hits(&mut printer, Palette::for_stdout(shared), engine, &checked.text, answer)?;
    }
    printer.finish()
}

/// Prints notes about the answer on standard error: interpretation, reasons of an empty answer, and an incomplete index.
fn print_notes(query: &SearchQuery, answer: &SearchAnswer) {
    let coverage = &answer.coverage;
    if answer.hits.is_empty() {
        let files = terminal_text::pluralize(coverage.files_indexed, "file");
        printer::print_note(&format!("nothing found for {:?} in {files}", query.text));
    }
    answer.notes.iter().for_each(|note| printer::print_note(note));
    if query.explain {
        printer::print_note(&format!("understood as {}", answer.understood));
    }
    if !coverage.complete {
        let found = match coverage.files_found {
            Some(found) if found > coverage.files_indexed => format!(" of {found}"),
            _ => String::new(),
        };
        let indexed = terminal_text::pluralize(coverage.files_indexed, "file");
        printer::print_note(&format!(
            "the index is not complete ({indexed}{found} so far); run `codescry index` to complete it"
        ));
    }
}
