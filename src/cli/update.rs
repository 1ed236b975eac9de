//! An index run for a command, with a progress bar and Ctrl-C.

use super::arguments::SharedArguments;
use super::interrupts::Interrupts;
use super::printer;
use super::progress::IndexProgressBar;
use engine::{Engine, EngineError, IndexReport, IndexRequest};

/// Updates the index.
///
/// # Errors
/// See [`Engine::index`].
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
/// See [`Engine::index`]; a lock held by another process is not an error here.
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
