//! `codescry gc`: removes the indexes of deleted folders and the replaced tables of other indexes, or the unused
//! objects of a location.

use std::ffi::OsStr;

use config::LocationSettings;
use engine::{FolderState, StoredIndex};

use super::indexes::{Change, change_indexes, find_indexes, folder_text, remove_index, remove_replaced_tables};
use crate::cli::arguments::{GcArguments, SharedArguments};
use crate::cli::exit::CommandExit;
use crate::cli::interrupts::Interrupts;
use crate::cli::printer::{self, Printer};

/// Runs `codescry gc`.
///
/// # Errors
/// If the data folder or the folder of `--index-dir` cannot be listed, or the location refuses or fails. An index that
/// cannot be removed is reported and does not keep the others from being removed.
pub fn run_gc(shared: &SharedArguments, arguments: &GcArguments) -> anyhow::Result<CommandExit> {
    if let Some(location) = &arguments.location {
        return collect_location(location, arguments);
    }
    let indexes = find_indexes(shared)?;
    let all: Vec<&StoredIndex> = indexes.iter().collect();
    change_indexes(&all, arguments.dry_run, |index| collect_index(index, shared.quiet, arguments.dry_run))
}

/// Removes an index whose folder was deleted or that no run has written; of any other index, only the replaced tables.
/// Leaves alone the index of a folder that may be on an unmounted disk, with a note unless `is_quiet`. A dry run only
/// measures. Returns `None` if there is nothing to remove.
fn collect_index(index: &StoredIndex, is_quiet: bool, is_dry_run: bool) -> anyhow::Result<Option<Change>> {
    match index.folder_state() {
        FolderState::Gone { .. } => return remove_index(index, is_dry_run).map(Some),
        FolderState::Missing if !is_quiet => {
            let folder = folder_text(index);
            printer::print_note(&format!(
                "kept the index of {folder}: the folder may be on a disk that is not mounted; if it is gone, run \
                 `codescry indexes remove {}`",
                index.name()
            ));
        }
        FolderState::Missing => {}
        FolderState::There if index.is_empty() => return remove_index(index, is_dry_run).map(Some),
        FolderState::There => return remove_replaced_tables(index, is_dry_run),
    }
    Ok(None)
}

/// Removes unused parts and manifests from a location.
fn collect_location(location: &OsStr, arguments: &GcArguments) -> anyhow::Result<CommandExit> {
    let settings = LocationSettings::detect()?;
    let interrupts = Interrupts::listen()?;
    let done = interrupts.run_cancellable(|cancel| {
        engine::collect_location(location, &settings, arguments.grace, arguments.dry_run, cancel)
    })?;
    let mut printer = Printer::new();
    if arguments.json {
        printer.json(&done)?;
    } else {
        done.describe(arguments.dry_run)
            .iter()
            .try_for_each(|line| printer.line(&terminal_text::escape_controls(line)))?;
    }
    printer.finish()?;
    Ok(CommandExit::Done)
}
