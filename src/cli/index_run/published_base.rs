//! Published indexes: fetched before a folder is opened for the first time, and published after an index run.

use std::ffi::OsStr;

use config::Settings;
use engine::{Engine, PublishedBase};

use crate::cli::arguments::SharedArguments;
use crate::cli::interrupts::Interrupts;
use crate::cli::printer;
use crate::cli::progress::TransferProgressBar;

/// Copies the published index that `settings` name to a folder that has no index yet; see [`engine::fetch_base`].
///
/// # Errors
/// If [`engine::fetch_base`] fails, also because Ctrl-C cancels it.
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
    let Some(report) = fetched.map_err(|error| anyhow::anyhow!("{error}; {remedy}"))? else { return Ok(()) };
    if !shared.quiet {
        printer::print_note(&report.describe());
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
