//! `codescry index`: updates an index and reports the run.

mod dry_run;

use engine::IndexRequest;

use crate::cli::arguments::{IndexArguments, SharedArguments};
use crate::cli::exit::{CommandExit, report_failure};
use crate::cli::index_run::command_folder::{open_to_index, refuse_trusted_base};
use crate::cli::index_run::published_base::publish_index;
use crate::cli::index_run::update_index_or_wait;
use crate::cli::interrupts::Interrupts;
use crate::cli::json_output::index::IndexReportJson;
use crate::cli::printer::{Printer, print_note};
use crate::cli::text_output::palette::Palette;
use crate::cli::text_output::report;

/// Runs `codescry index`.
///
/// # Errors
/// If the group cannot be found; without a group, if the folder or the index is invalid, the run or the publishing
/// fails, or Ctrl-C ends it. A failed run of a group's folder is reported, and the result is its exit code.
pub fn run_index(shared: &SharedArguments, arguments: &IndexArguments) -> anyhow::Result<CommandExit> {
    let Some(name) = &arguments.group else { return index_folder(shared, arguments) };
    let mut exit = CommandExit::Done;
    for folder in config::find_group(name)? {
        let of_folder = IndexArguments { path: Some(folder), group: None, ..*arguments };
        // The other folders of the group are indexed.
        if let Err(error) = index_folder(shared, &of_folder) {
            exit = report_failure(&error);
            if exit == CommandExit::Interrupted {
                break;
            }
        }
    }
    Ok(exit)
}

fn index_folder(shared: &SharedArguments, arguments: &IndexArguments) -> anyhow::Result<CommandExit> {
    let engine = open_to_index(shared, arguments.path.as_deref())?;
    refuse_trusted_base(&engine)?;
    if arguments.dry_run {
        return dry_run::print_dry_run(&engine, arguments.json);
    }
    let interrupts = Interrupts::listen()?;
    let request = IndexRequest { rebuild: arguments.rebuild, verify: true, ..IndexRequest::default() };
    let done = update_index_or_wait(&engine, &request, &interrupts, shared)?;
    let mut printer = Printer::new();
    if arguments.json {
        printer.json(&IndexReportJson::new(engine.root(), &done))?;
    } else if !shared.quiet {
        for line in report::report_lines(&done, shared.verbose > 0, Palette::for_stdout(shared)) {
            printer.line(&line)?;
        }
    }
    printer.finish()?;
    if let Some(location) = engine.publish_location() {
        let published = publish_index(shared, &engine, &location, false, &interrupts)?;
        if !shared.quiet {
            published.describe().iter().for_each(|line| print_note(line));
        }
    }
    if done.files_indexed > 0 {
        // Builds and saves the data that the first search of a large index would otherwise compute.
        engine.warm_up();
    }
    Ok(CommandExit::Done)
}
