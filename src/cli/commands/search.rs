//! `codescry search`: updates the index, searches, and prints the hits.

mod batch;

use std::ffi::OsStr;
use std::path::Path;

use anyhow::Context as _;

use engine::{ContentFilter, Filter, SearchAnswer, SearchQuery};

use super::result_page::{ResultPage, describe_page_beyond, show_hit_paths};
use crate::cli::arguments::{ChosenFolders, SearchArguments, SharedArguments, is_filter, split_folder, without_mark};
use crate::cli::exit::CommandExit;
use crate::cli::index_run::searched::open_searched;
use crate::cli::index_run::{call_with_repair, update_searched};
use crate::cli::interrupts::Interrupts;
use crate::cli::json_output::search::SearchJson;
use crate::cli::printer::{self, Printer};
use crate::cli::text_output::hits::{self, HitView};
use crate::cli::text_output::palette::Palette;

/// Default number of results for each line of a batch.
const BATCH_LIMIT: usize = 10;

/// Runs `codescry search`, for one query or a batch.
///
/// # Errors
/// If a folder, the index, the query or a setting is invalid, or the index cannot be updated or searched.
pub fn run_search(shared: &SharedArguments, arguments: &SearchArguments) -> anyhow::Result<CommandExit> {
    let (words, folders) = split_query(arguments)?;
    let page = ResultPage::new(arguments.limit, arguments.offset)?;
    let query = build_search_query(arguments, &words, &page)?;
    let (searched, paths) = open_searched(shared, &folders)?;
    // An invalid query fails before the index is updated, which may take minutes.
    if !arguments.batch {
        searched.check_query(&query)?;
    }
    let interrupts = Interrupts::listen()?;
    if !arguments.no_index {
        std::thread::scope(|scope| {
            // The search loads the index itself if this thread cannot be started.
            let warm_up = std::thread::Builder::new().name("warm up".to_owned());
            _ = warm_up.spawn_scoped(scope, || searched.warm_up());
            update_searched(&searched, &interrupts, shared)
        })?;
    }
    if arguments.batch {
        return batch::answer_batch(&searched, &paths, &query, page.offset);
    }
    let search = || searched.search(&query, &engine::CancelToken::default());
    let mut answer = call_with_repair(&searched, &interrupts, shared, arguments.no_index, search)?;
    let ranked = answer.hits.len();
    let more = page.cut(&mut answer.hits);
    // The notes come before the results.
    if !shared.quiet {
        print_notes(&query, &answer, &words, ranked);
    }
    if arguments.json {
        let mut printer = Printer::new();
        searched.set_projects(&mut answer.hits);
        show_hit_paths(&mut answer, &paths);
        let repositories = searched.list_repositories();
        printer.json(&SearchJson::new(&query.text, &answer, &repositories))?;
        printer.finish()?;
    } else {
        let view =
            HitView { searched: &searched, paths: &paths, full: arguments.full, context_lines: arguments.context };
        hits::print_hits(Palette::for_stdout(shared), &view, &query.text, &answer)?;
    }
    if !shared.quiet {
        page.print_more(more, arguments.json);
    }
    Ok(if answer.hits.is_empty() { CommandExit::NothingFound } else { CommandExit::Done })
}

/// Returns the words of the query and the folders to search.
fn split_query(arguments: &SearchArguments) -> anyhow::Result<(Vec<&OsStr>, ChosenFolders)> {
    let (words, folder) = match arguments.batch {
        true => (Vec::new(), arguments.words.first().map(|word| Path::new(word.as_os_str()))),
        false => split_folder(&arguments.words, &arguments.folders),
    };
    Ok((words, arguments.folders.choose(folder)?))
}

/// Builds the query from the arguments.
fn build_search_query(arguments: &SearchArguments, words: &[&OsStr], page: &ResultPage) -> anyhow::Result<SearchQuery> {
    let words: Vec<&OsStr> = words.iter().map(|word| without_mark(word)).collect();
    let text = words.join(OsStr::new(" "));
    let text = text.to_str().context("the query is not UTF-8; write it in UTF-8")?.trim().to_owned();
    anyhow::ensure!(arguments.batch || !text.trim().is_empty(), "the query is empty; give words, a name or a question");
    let content = arguments.content.map_or(ContentFilter::default(), ContentFilter::from);
    let filter = Filter {
        languages: arguments.languages.clone(),
        path: arguments.glob.clone(),
        project: arguments.project.clone(),
        content,
    };
    Ok(SearchQuery {
        text,
        // A batch is read by programs, and each of its lines may have its own limit.
        limit: if arguments.batch { arguments.limit.unwrap_or(BATCH_LIMIT) } else { page.ranked() },
        mode: arguments.mode.into(),
        filter,
        explain: arguments.explain,
    })
}

/// Prints notes about the answer on standard error: a word that may be meant as a folder, an empty answer, the notes of
/// the answer, the interpretation with `--explain`, and an incomplete index. `ranked` is the number of results with those
/// of other pages.
fn print_notes(query: &SearchQuery, answer: &SearchAnswer, words: &[&OsStr], ranked: usize) {
    let coverage = &answer.coverage;
    if let [_, folder] = words
        && folder.to_string_lossy().contains(['/', '\\'])
        && !is_filter(&folder.to_string_lossy())
    {
        let folder = folder.to_string_lossy();
        printer::print_note(&format!("{folder} is no folder, so it was searched for; name a folder with --in FOLDER"));
    }
    if answer.hits.is_empty() && ranked > 0 {
        printer::print_note(&describe_page_beyond(ranked, "result"));
    } else if answer.hits.is_empty() {
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
