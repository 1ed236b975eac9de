//! Published indexes: fetched before a folder is opened for the first time, and published after an index run.

use std::ffi::OsStr;

use config::Settings;
use engine::{Engine, PublishedBase};

use crate::cli::arguments::SharedArguments;
use crate::cli::interrupts::Interrupts;
use crate::cli::printer;
use crate::cli::progress::TransferProgressBar;

/// Copies the published index that `settings` name to a folder that has no index yet; see [`engine::fetch_base`]. If
/// the folder has an index, prints a note that the published one is not used, if `--base` names it and
/// `shared.quiet` is not set.
///
/// # Errors
/// If [`engine::fetch_base`] fails, also because Ctrl-C cancels it; with `--trust-base`, also if the folder has an
/// index.
pub fn bring_base(shared: &SharedArguments, settings: &Settings) -> anyhow::Result<()> {
    if settings.base.is_none() {
        return Ok(());
    }
    let interrupts = Interrupts::listen()?;
    let bar = TransferProgressBar::new(shared, "fetching the published index");
    let fetched = interrupts.run_cancellable(|cancel| engine::fetch_base(settings, cancel, &|state| bar.show(state)));
    drop(bar);
    if settings.base.as_ref().is_some_and(|base| base.is_collection) {
        if let Some(report) = fetched?.filter(|report| !shared.quiet && report.offline.is_some()) {
            printer::print_note(&report.describe());
        }
        return Ok(());
    }
    let remedy = "or leave out --base (CODESCRY_BASE) to index the folder here";
    match fetched.map_err(|error| anyhow::anyhow!("{error}; {remedy}"))? {
        Some(report) if !shared.quiet => printer::print_note(&report.describe()),
        Some(_) => {}
        None => report_unused_base(shared, settings)?,
    }
    Ok(())
}

/// Prints a note if the folder's own index is used instead of the published one. The variable may be meant for other
/// folders, so that for it the note is only logged.
///
/// # Errors
/// If answers are to come from the published index alone.
fn report_unused_base(shared: &SharedArguments, settings: &Settings) -> anyhow::Result<()> {
    let Some(reason) = engine::explain_unused_base(settings) else { return Ok(()) };
    let is_trusted = settings.base.as_ref().is_some_and(|base| base.is_trusted);
    anyhow::ensure!(!is_trusted, "{reason}; or leave out --trust-base to search the index of this folder");
    match shared.base {
        Some(_) if !shared.quiet => printer::print_note(&reason),
        Some(_) => {}
        None => tracing::info!("{reason}"),
    }
    Ok(())
}

/// Publishes the index of a folder at a location. Unless `shared.quiet` is set, prints a warning if tracked files
/// differ from the commit or may do so.
///
/// # Errors
/// If the index is not complete, the location refuses or fails, or Ctrl-C ends the transfer.
pub fn publish_index(
    shared: &SharedArguments,
    engine: &Engine,
    location: &OsStr,
    again: bool,
    interrupts: &Interrupts,
) -> anyhow::Result<PublishedBase> {
    let bar = TransferProgressBar::new(shared, "publishing");
    let done = interrupts.run_cancellable(|cancel| engine.publish(location, again, cancel, &|state| bar.show(state)));
    drop(bar);
    let done = done?;
    if !shared.quiet && done.commit.is_some() && done.is_modified != Some(false) {
        printer::print_note(match done.is_modified {
            Some(_) => "the published index has uncommitted changes; publish from a clean checkout to share a commit",
            None => "git cannot tell whether files differ from the commit; the published index says that they may",
        });
    }
    Ok(done)
}
