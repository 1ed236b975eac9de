//! `codescry index`: updates an index and reports the run.

use super::arguments::{IndexArguments, SharedArguments};
use super::interrupts::Interrupts;
use super::palette::Palette;
use super::printer::Printer;
use super::{CommandExit, dry_run, report, update, wire};
use engine::{Engine, IndexRequest};

/// Runs `codescry index`.
///
/// # Errors
/// If the folder or the index is invalid, or the run is cancelled.
pub fn run_index(shared: &SharedArguments, arguments: &IndexArguments) -> anyhow::Result<CommandExit> {
    let engine = Engine::open(shared.settings(arguments.path.as_deref())?)?;
    if arguments.dry_run {
        return dry_run::print_dry_run(&engine, arguments.json);
    }
    let interrupts = Interrupts::listen()?;
    let request = IndexRequest { rebuild: arguments.rebuild, ..IndexRequest::default() };
    let done = update::update_index(&engine, &request, &interrupts, shared)?;
    let mut printer = Printer::new();
    if arguments.json {
        printer.json(&wire::IndexReportJson::new(engine.root(), &done))?;
    } else {
        for line in report::report_lines(&done, Palette::for_stdout(shared)) {
            printer.line(&line)?;
        }
    }
    printer.finish()?;
    if done.files_indexed > 0 {
        // Builds and saves the data that the first search of a large index would otherwise compute.
        engine.warm_up();
    }
    Ok(CommandExit::Done)
}
