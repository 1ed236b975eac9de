//! `codescry gc`: removes from a location what no published index needs any more.

use config::LocationSettings;

use crate::cli::arguments::{GcArguments, SharedArguments};
use crate::cli::exit::CommandExit;
use crate::cli::interrupts::Interrupts;
use crate::cli::json_output::locations::GcJson;
use crate::cli::printer::Printer;
use crate::cli::text_output::terminal_text::{escape_controls, format_bytes, pluralize};

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
        printer.json(&GcJson::new(&done, arguments.dry_run))?;
    } else {
        let removed = if arguments.dry_run { "would remove" } else { "removed" };
        printer.line(&escape_controls(&format!(
            "{removed} {} and {} with {} from {}",
            pluralize(done.removed_parts, "part"),
            pluralize(done.removed_bases, "manifest"),
            format_bytes(done.removed_bytes),
            done.location
        )))?;
        printer.line(&format!(
            "{} and {} with {} are in use, {} may be in use soon",
            pluralize(done.kept_parts, "part"),
            pluralize(done.kept_bases, "manifest"),
            format_bytes(done.kept_bytes),
            pluralize(done.young_objects, "object")
        ))?;
    }
    printer.finish()?;
    Ok(CommandExit::Done)
}
