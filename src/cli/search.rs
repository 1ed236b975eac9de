//! `codescry search`: brings the index up to date, asks, prints.
//!
//! Must never import: anything of this crate but `engine`.

use std::ffi::OsStr;
use std::path::Path;

use anyhow::Context as _;

use super::arguments::{SearchArguments, Shared};
use super::interrupts::Interrupts;
use super::palette::Palette;
use super::printer::{self, Printer};
use super::{Exit, batch, page, text, update, wire};
use crate::engine::{ContentFilter, Engine, Filter, SearchAnswer, SearchQuery};

/// Runs the command.
///
/// # Errors
/// When the folder, the index or the query does not hold.
pub fn run(shared: &Shared, given: &SearchArguments) -> anyhow::Result<Exit> {
    let path = if given.batch { given.query.as_deref().map(Path::new) } else { given.path.as_deref() };
    let query = if given.batch { None } else { given.query.as_deref() };
    let query = query_of(given, query.unwrap_or_default())?;
    let engine = Engine::open(shared.settings(path)?)?;
    if !given.batch {
        engine.check(&query)?; // before minutes go into an index
    }
    let interrupts = Interrupts::watch()?;
    if !given.no_index {
        std::thread::scope(|scope| {
            scope.spawn(|| engine.warm_up());
            update::update_or_leave(&engine, &interrupts, shared)
        })?;
    }
    if given.batch {
        return batch::run(&engine, &query);
    }
    let answer = engine.search(&query)?;
    print(shared, given, &query, &answer)?;
    if !shared.quiet {
        notes(&query, &answer);
    }
    Ok(if answer.hits.is_empty() { Exit::NothingFound } else { Exit::Done })
}

/// The question that the arguments ask.
fn query_of(given: &SearchArguments, text: &OsStr) -> anyhow::Result<SearchQuery> {
    let text = text.to_str().context("the query is not UTF-8; write it in UTF-8")?.to_owned();
    anyhow::ensure!(given.batch || !text.trim().is_empty(), "the query is empty; give words, a name or a question");
    let content = given.content.map_or(ContentFilter::default(), ContentFilter::from);
    let filter = Filter {
        languages: given.languages.clone(),
        path: given.glob.clone(),
        project: given.project.clone(),
        content,
        ..Filter::default()
    };
    Ok(SearchQuery {
        text,
        limit: given.limit,
        mode: given.mode.into(),
        filter,
        explain: given.explain,
        per_chunk: given.per_chunk,
    })
}

fn print(shared: &Shared, given: &SearchArguments, query: &SearchQuery, answer: &SearchAnswer) -> std::io::Result<()> {
    let mut printer = Printer::new();
    if given.json {
        printer.json(&wire::Answer::new(&query.text, answer))?;
    } else {
        page::print(&mut printer, Palette::of(shared), query, answer)?;
    }
    printer.finish()
}

/// What the results alone do not tell.
fn notes(query: &SearchQuery, answer: &SearchAnswer) {
    let coverage = &answer.coverage;
    answer.notes.iter().for_each(|note| printer::note(note));
    if query.explain {
        printer::note(&format!("understood as {}", answer.understood));
    }
    if answer.hits.is_empty() {
        let files = text::plural(coverage.files_indexed, "file");
        printer::note(&format!("nothing found for {:?} in {files}", query.text));
        let hint = if query.understood().filter == Filter::default() {
            "see what is indexed with `codescry status`, and what is left out with `codescry index --dry-run`"
        } else {
            "drop a filter (--lang, --path, --project, --content, or one in the query), or see what is indexed with `codescry status`"
        };
        printer::note(hint);
    }
    if !coverage.complete {
        let found = if coverage.files_found > coverage.files_indexed {
            format!(" of {}", coverage.files_found)
        } else {
            String::new()
        };
        let indexed = text::plural(coverage.files_indexed, "file");
        printer::note(&format!(
            "the index is not complete ({indexed}{found} so far); run `codescry index` to complete it"
        ));
    }
}
