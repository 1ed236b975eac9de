//! `codescry index`: brings an index up to date and says what that took.
//!
//! Must never import: anything of this crate but `engine`.

use super::arguments::{IndexArguments, Shared};
use super::interrupts::Interrupts;
use super::palette::Palette;
use super::printer::Printer;
use super::{Exit, dry_run, report, update, wire};
use crate::engine::{Engine, IndexRequest};

/// Runs the command.
///
/// # Errors
/// When the folder or the index does not hold, or the run is cancelled.
pub fn run(shared: &Shared, given: &IndexArguments) -> anyhow::Result<Exit> {
    let engine = Engine::open(shared.settings(given.path.as_deref())?)?;
    if given.dry_run {
        return dry_run::run(&engine, given.json);
    }
    let interrupts = Interrupts::watch()?;
    let request = IndexRequest { rebuild: given.rebuild, ..IndexRequest::default() };
    let done = update::update(&engine, &request, &interrupts, shared)?;
    let mut printer = Printer::new();
    if given.json {
        printer.json(&wire::Report::new(engine.root(), &done))?;
    } else {
        for line in report::lines(&done, Palette::of(shared)) {
            printer.line(&line)?;
        }
    }
    printer.finish()?;
    if done.files_indexed > 0 {
        // Keeps what the first search would otherwise make of a large index.
        engine.warm_up();
    }
    Ok(Exit::Done)
}
