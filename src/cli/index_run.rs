//! An index run for a command, with a progress bar and Ctrl-C.

pub mod command_folder;
pub mod published_base;
pub mod searched;

use std::time::Duration;

use engine::{Engine, EngineError, IndexError, IndexReport, IndexRequest};

use self::command_folder::ShownPaths;
use self::searched::{Searched, open_searched};

use super::arguments::{ChosenFolders, SharedArguments};
use super::interrupts::Interrupts;
use super::printer;
use super::progress::IndexProgressBar;

/// The interval between attempts while another process writes the index.
const WAIT_INTERVAL: Duration = Duration::from_millis(200);

/// Updates the index, with a progress bar. Ctrl-C cancels the run.
///
/// # Errors
/// If [`Engine::index`] fails.
pub fn update_index(
    engine: &Engine,
    request: &IndexRequest,
    interrupts: &Interrupts,
    shared: &SharedArguments,
) -> Result<IndexReport, EngineError> {
    let bar = IndexProgressBar::new(shared);
    interrupts.run_cancellable(|cancel| engine.index(request, cancel, &|progress| bar.show(progress)))
}

/// Updates the index like [`update_index`]. While another process is writing the index, waits for it, with a note
/// unless `shared.quiet` is set.
///
/// # Errors
/// If [`Engine::index`] fails, or Ctrl-C ends the wait.
pub fn update_index_or_wait(
    engine: &Engine,
    request: &IndexRequest,
    interrupts: &Interrupts,
    shared: &SharedArguments,
) -> Result<IndexReport, EngineError> {
    retry_while_busy(engine, request, interrupts, shared, || false).map(|report| report.unwrap_or_default())
}

/// Updates the index before a search, unless its base is trusted or the model of its base is missing. While another
/// process is writing it, accepts a complete index as it is, and waits for an incomplete one; in both cases with a note
/// unless `shared.quiet` is set.
///
/// # Errors
/// If [`Engine::index`] fails, or Ctrl-C ends the wait; a lock held by another process is not an error here.
pub fn update_index_if_free(
    engine: &Engine,
    interrupts: &Interrupts,
    shared: &SharedArguments,
) -> Result<(), EngineError> {
    if engine.trusts_base() || engine.missing_base_model().is_some() {
        // A collection was fetched when it was opened.
        return Ok(());
    }
    let is_searchable = || engine.is_complete().unwrap_or(false);
    retry_while_busy(engine, &IndexRequest::default(), interrupts, shared, is_searchable).map(drop)
}

/// Updates the index. While another process is writing it, tries again until `is_enough` returns true, and then returns
/// `None`.
fn retry_while_busy(
    engine: &Engine,
    request: &IndexRequest,
    interrupts: &Interrupts,
    shared: &SharedArguments,
    is_enough: impl Fn() -> bool,
) -> Result<Option<IndexReport>, EngineError> {
    let mut is_waiting = false;
    loop {
        let error = match update_index(engine, request, interrupts, shared) {
            Err(error) if error.is_busy() => error,
            updated => return updated.map(Some),
        };
        let enough = is_enough();
        if !shared.quiet && (enough || !is_waiting) {
            let holder = error.lock_holder().unwrap_or("another process");
            printer::print_note(&match enough {
                true if is_waiting => "the other process has written the index; searching it".to_owned(),
                true => format!("searching the files indexed so far: {error}"),
                false => format!("{holder} is indexing this folder; waiting until it has finished"),
            });
        }
        if enough {
            return Ok(None);
        }
        is_waiting = true;
        if interrupts.run_cancellable(|cancel| cancel.wait_timeout(WAIT_INTERVAL)) {
            return Err(IndexError::Cancelled { root: engine.root().to_owned() }.into());
        }
    }
}

/// Updates the indexes of the searched folders, like [`update_index_if_free`]. A failure for a folder of a group is not
/// an error: unless `shared.quiet` is set, a note is printed, and the folder is searched as it is or left out.
///
/// # Errors
/// If the index of a single folder cannot be updated, or Ctrl-C ends the run.
pub fn update_searched(
    searched: &Searched,
    interrupts: &Interrupts,
    shared: &SharedArguments,
) -> Result<(), EngineError> {
    for engine in searched.engines() {
        match update_index_if_free(engine, interrupts, shared) {
            Err(error) if searched.is_group() && !matches!(error, EngineError::Index(IndexError::Cancelled { .. })) => {
                if !shared.quiet {
                    printer::print_note(&format!("{} was not updated: {error}", engine.root().display()));
                }
            }
            updated => updated?,
        }
    }
    Ok(())
}

/// Makes a call. If it meets damage of an index, repairs the index, unless `no_index` is set, and makes the call again.
///
/// # Errors
/// If the call or [`Engine::index`] fails.
pub fn call_with_repair<T>(
    searched: &Searched,
    interrupts: &Interrupts,
    shared: &SharedArguments,
    no_index: bool,
    call: impl Fn() -> Result<T, EngineError>,
) -> Result<T, EngineError> {
    let answered = call();
    let damaged: Vec<&Engine> = searched.engines().into_iter().filter(|engine| engine.needs_repair()).collect();
    if no_index || damaged.is_empty() {
        return answered;
    }
    for engine in damaged {
        if !shared.quiet {
            printer::print_note("the index is damaged; repairing it from the files");
        }
        update_index_if_free(engine, interrupts, shared)?;
    }
    call()
}

/// An opened folder, or a group of folders, with the rules for its paths and the listener for Ctrl-C.
pub struct OpenedFolder {
    pub searched: Searched,
    pub paths: ShownPaths,
    pub interrupts: Interrupts,
}

/// Opens the engine of a folder or of the indexed folder above it, or those of a group, and updates the indexes unless
/// `no_index` is set.
///
/// # Errors
/// If [`open_searched`] fails, or an index cannot be updated.
pub fn open_updated_folder(
    shared: &SharedArguments,
    folders: &ChosenFolders,
    no_index: bool,
) -> anyhow::Result<OpenedFolder> {
    let (searched, paths) = open_searched(shared, folders)?;
    let interrupts = Interrupts::listen()?;
    if !no_index {
        update_searched(&searched, &interrupts, shared)?;
    }
    Ok(OpenedFolder { searched, paths, interrupts })
}
