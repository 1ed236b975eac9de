//! Published indexes: fetched before a folder is opened for the first time, and published after an index run.

use std::ffi::OsStr;

use config::Settings;
use engine::{Engine, EngineError, PublishedBase};

use crate::cli::arguments::SharedArguments;
use crate::cli::interrupts::Interrupts;
use crate::cli::printer;
use crate::cli::progress::TransferProgressBar;
use crate::cli::text_output::terminal_text::{format_bytes, pluralize};

/// Makes the index of a folder of the published one that `--base` names, if the folder has no index yet.
///
/// # Errors
/// If the location cannot be read and nothing was fetched from it before, or Ctrl-C ends the transfer.
pub fn fetch_base(shared: &SharedArguments, settings: &Settings) -> anyhow::Result<()> {
    if settings.base.is_none() {
        return Ok(());
    }
    let interrupts = Interrupts::listen()?;
    let bar = TransferProgressBar::new(shared, "fetching the published index");
    let fetched = interrupts.run_cancellable(|cancel| engine::fetch_base(settings, cancel, &|state| bar.show(state)));
    drop(bar);
    let Some(report) = fetched.map_err(advise_without_base)? else { return Ok(()) };
    if !shared.quiet {
        let base = report.origin.describe();
        printer::print_note(&match &report.offline {
            Some(problem) => format!("{problem}; going on with {base}"),
            None => format!("starting from {base}; {} fetched", format_bytes(report.fetched_bytes)),
        });
    }
    Ok(())
}

/// Adds the remedy that always helps.
fn advise_without_base(error: EngineError) -> anyhow::Error {
    anyhow::anyhow!("{error}; or leave out --base (CODESCRY_BASE) to index the folder here")
}

/// What was published, to be shown.
pub struct PublishNote(pub PublishedBase);

impl PublishNote {
    /// Returns the lines that describe what was published.
    pub fn lines(&self) -> Vec<String> {
        let done = &self.0;
        let of = match &done.commit {
            Some(commit) => format!("{} at commit {}", done.project, commit.get(..12).unwrap_or(commit)),
            None => format!("{}, which is in no git repository", done.project),
        };
        let state = if done.was_there { "is there already:" } else { "published at" };
        let mut lines = vec![
            format!("{of} {state} {}", done.location),
            format!(
                "{} with {}, of these {} with {} new; model {}",
                pluralize(done.parts, "part"),
                format_bytes(done.bytes),
                done.uploaded_parts,
                format_bytes(done.uploaded_bytes),
                done.model_id
            ),
        ];
        if done.rebases > 0 {
            let others = pluralize(u64::from(done.rebases), "time");
            lines.push(format!("others published at the same time; added to their list after they won {others}"));
        }
        lines
    }

    /// Prints what was published on standard error.
    pub fn print_note(&self, shared: &SharedArguments) {
        if !shared.quiet {
            self.lines().iter().for_each(|line| printer::print_note(line));
        }
    }
}

/// Publishes the index of a folder at a location, with a warning if the files differ from the commit that names it.
///
/// # Errors
/// If the index is not complete, the location refuses or fails, or Ctrl-C ends the transfer.
pub fn publish_index(
    shared: &SharedArguments,
    engine: &Engine,
    location: &OsStr,
    interrupts: &Interrupts,
) -> anyhow::Result<PublishNote> {
    let bar = TransferProgressBar::new(shared, "publishing");
    let done = interrupts.run_cancellable(|cancel| engine.publish(location, cancel, &|state| bar.show(state)));
    drop(bar);
    let done = done?;
    if !shared.quiet && done.commit.is_some() && done.is_modified != Some(false) {
        printer::print_note(match done.is_modified {
            Some(_) => "the published index has uncommitted changes; publish from a clean checkout to share a commit",
            None => "git cannot tell whether files differ from the commit; the published index says that they may",
        });
    }
    Ok(PublishNote(done))
}
