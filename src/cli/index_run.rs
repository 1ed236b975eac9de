//! An index run for a command, with a progress bar and Ctrl-C.

use std::path::Path;

use engine::{Engine, EngineError, IndexReport, IndexRequest};

use super::arguments::SharedArguments;
use super::interrupts::Interrupts;
use super::printer;
use super::progress::IndexProgressBar;

/// Updates the index.
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

/// Updates the index before a search; prints a note instead if another process is writing the index.
///
/// # Errors
/// If [`Engine::index`] fails; a lock held by another process is not an error here.
pub fn update_index_if_free(
    engine: &Engine,
    interrupts: &Interrupts,
    shared: &SharedArguments,
) -> Result<(), EngineError> {
    match update_index(engine, &IndexRequest::default(), interrupts, shared) {
        Err(error) if error.is_busy() => {
            if !shared.quiet {
                printer::print_note(&format!("searching the files indexed so far: {error}"));
            }
            Ok(())
        }
        updated => updated.map(drop),
    }
}

/// Makes a call of `engine`. If it meets damage of the index, repairs the index, unless `no_index` is set, and makes the
/// call again.
///
/// # Errors
/// If the call or [`Engine::index`] fails.
pub fn call_with_repair<T>(
    engine: &Engine,
    interrupts: &Interrupts,
    shared: &SharedArguments,
    no_index: bool,
    call: impl Fn() -> Result<T, EngineError>,
) -> Result<T, EngineError> {
    let answered = call();
    if no_index || !engine.needs_repair() {
        return answered;
    }
    if !shared.quiet {
        printer::print_note("the index is damaged; repairing it from the files");
    }
    update_index_if_free(engine, interrupts, shared)?;
    call()
}

/// Opens the engine of a folder, and updates its index unless `no_index` is set.
///
/// # Errors
/// If the folder or the index is invalid, or the index cannot be updated.
pub fn open_updated_engine(
    shared: &SharedArguments,
    path: Option<&Path>,
    no_index: bool,
) -> anyhow::Result<(Engine, Interrupts)> {
    let engine = Engine::open(shared.settings(path)?)?;
    let interrupts = Interrupts::listen()?;
    if !no_index {
        update_index_if_free(&engine, &interrupts, shared)?;
    }
    Ok((engine, interrupts))
}
