//! `codescry publish`: updates the index of a folder and publishes it at a location.

use engine::IndexRequest;

use crate::cli::arguments::{PublishArguments, SharedArguments};
use crate::cli::exit::CommandExit;
use crate::cli::index_run::command_folder::{open_to_index, refuse_trusted_base};
use crate::cli::index_run::published_base::publish_index;
use crate::cli::index_run::update_index_or_wait;
use crate::cli::interrupts::Interrupts;
use crate::cli::printer::Printer;

/// Runs `codescry publish`.
///
/// # Errors
/// If the folder cannot be indexed completely, or the location refuses or fails.
pub fn run_publish(shared: &SharedArguments, arguments: &PublishArguments) -> anyhow::Result<CommandExit> {
    let engine = open_to_index(shared, arguments.path.as_deref())?;
    refuse_trusted_base(&engine)?;
    let interrupts = Interrupts::listen()?;
    update_index_or_wait(&engine, &IndexRequest::default(), &interrupts, shared)?;
    // The data that the first search would otherwise compute is published too.
    engine.warm_up();
    let published = publish_index(shared, &engine, &arguments.location, arguments.again, &interrupts)?;
    let mut printer = Printer::new();
    if arguments.json {
        printer.json(&published)?;
    } else {
        published.describe().iter().try_for_each(|line| printer.line(&terminal_text::escape_controls(line)))?;
    }
    printer.finish()?;
    Ok(CommandExit::Done)
}
