//! An index run for a command: the progress bar, Ctrl-C, and the writer's lock.
//!
//! Must never import: anything of this crate but `engine`.

use super::arguments::Shared;
use super::interrupts::Interrupts;
use super::printer;
use super::progress::Bar;
use crate::engine::{Engine, EngineError, IndexReport, IndexRequest};

/// Brings the index up to date.
///
/// # Errors
/// As [`Engine::index`].
pub fn update(
    engine: &Engine,
    request: &IndexRequest,
    interrupts: &Interrupts,
    shared: &Shared,
) -> Result<IndexReport, EngineError> {
    let bar = Bar::new(shared);
    interrupts.during(|cancel| engine.index(request, cancel, &|progress| bar.show(progress)))
}

/// Brings the index up to date before a search. While another process does that, what is there
/// is searched, and a note says so.
///
/// # Errors
/// As [`Engine::index`], but for a lock that another process holds.
pub fn update_or_leave(engine: &Engine, interrupts: &Interrupts, shared: &Shared) -> Result<(), EngineError> {
    match update(engine, &IndexRequest::default(), interrupts, shared) {
        Err(error) if error.is_busy() => {
            if !shared.quiet {
                printer::note(&format!("searching what is indexed so far: {error}"));
            }
            Ok(())
        }
        updated => updated.map(drop),
    }
}
