//! `codescry gc`: removes unused parts from a location.

use config::LocationSettings;

use crate::cli::arguments::{GcArguments, SharedArguments};
use crate::cli::exit::CommandExit;
use crate::cli::interrupts::Interrupts;
use crate::cli::printer::Printer;
use crate::cli::text_output::terminal_text::escape_controls;

/// Runs `codescry gc`.
///
/// # Errors
/// If the location refuses or fails, or Ctrl-C ends the command.
pub fn run_gc(_shared: &SharedArguments, arguments: &GcArguments) -> anyhow::Result<CommandExit> {
    let settings = LocationSettings::detect()?;
    let interrupts = Interrupts::listen()?;
    let done = interrupts.run_cancellable(|cancel| {
        engine::collect_location(&arguments.location, &settings, arguments.grace, arguments.dry_run, cancel)
    })?;
    let mut printer = Printer::new();
    if arguments.json {
        printer.json(&done)?;
    } else {
        done.describe(arguments.dry_run).iter().try_for_each(|line| printer.line(&escape_controls(line)))?;
    }
    printer.finish()?;
    Ok(CommandExit::Done)
}
