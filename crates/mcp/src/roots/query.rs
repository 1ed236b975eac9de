//! Queries the engine of a root, after waiting until its index can answer.

use std::sync::Arc;
use std::time::Duration;

use engine::{
    CodeExcerpt, Engine, EngineError, FolderOutline, IndexCoverage, ReferenceAnswer, SearchAnswer, SymbolAnswer,
};
use platform::cancel::CancelToken;
use text::display::sanitize_to_length;
use tokio::time::Instant;

use super::runs::{IndexRunState, RunOutcome};
use super::served::{ServedRoot, ServedRoots};
use crate::call::blocking::run_blocking;
use crate::call::context::CallContext;
use crate::call::result::ToolError;

/// Maximum length of a note from the engine, in characters.
const MAX_NOTE_CHARS: usize = 400;

/// Maximum number of other roots named in an empty answer.
const MAX_OTHER_ROOTS: usize = 5;

/// Time that a search waits, at most, for the first commit of the first index run.
const FIRST_COMMIT_WAIT: Duration = Duration::from_secs(10);

/// Age of an index run above which searches no longer wait for it to end.
const MAX_AWAITED_RUN_AGE: Duration = Duration::from_secs(2);

/// An answer of the engine from an index that may be incomplete.
pub trait IndexAnswer {
    /// Returns the coverage of the index; `None` for an answer that does not depend on it.
    fn coverage(&self) -> Option<&IndexCoverage>;

    /// Returns the engine's notes on the answer.
    fn notes(&self) -> &[String] {
        &[]
    }

    /// Returns whether nothing was found.
    fn is_empty(&self) -> bool {
        false
    }
}

impl IndexAnswer for SearchAnswer {
    fn coverage(&self) -> Option<&IndexCoverage> {
        Some(&self.coverage)
    }

    fn notes(&self) -> &[String] {
        &self.notes
    }

    fn is_empty(&self) -> bool {
        self.hits.is_empty()
    }
}

impl IndexAnswer for SymbolAnswer {
    fn coverage(&self) -> Option<&IndexCoverage> {
        Some(&self.coverage)
    }

    fn notes(&self) -> &[String] {
        &self.notes
    }

    fn is_empty(&self) -> bool {
        self.symbols.is_empty()
    }
}

/// Several answers from the same index. If all are empty, their notes are those of the first; otherwise there are none.
impl<T: IndexAnswer> IndexAnswer for Vec<T> {
    fn coverage(&self) -> Option<&IndexCoverage> {
        self.first().and_then(T::coverage)
    }

    fn notes(&self) -> &[String] {
        // The method of the same name of a vector counts its elements.
        if IndexAnswer::is_empty(self) { self.first().map_or(&[], T::notes) } else { &[] }
    }

    fn is_empty(&self) -> bool {
        self.iter().all(T::is_empty)
    }
}

impl IndexAnswer for ReferenceAnswer {
    fn coverage(&self) -> Option<&IndexCoverage> {
        Some(&self.coverage)
    }

    fn notes(&self) -> &[String] {
        &self.notes
    }

    fn is_empty(&self) -> bool {
        self.files.is_empty()
    }
}

impl IndexAnswer for FolderOutline {
    fn coverage(&self) -> Option<&IndexCoverage> {
        Some(&self.coverage)
    }
}

impl IndexAnswer for CodeExcerpt {
    fn coverage(&self) -> Option<&IndexCoverage> {
        None
    }
}

/// The outcome of a query to the engine.
pub enum QueryOutcome<T> {
    /// An answer and a note for it.
    Answer(T, Option<String>),
    /// Nothing is indexed yet; holds a message with the progress of the first run.
    NotIndexedYet(String),
}

/// Queries the engine, after waiting for a recently started index run to end, or for the first commit of the first run.
/// Starts an index run if the index may be stale or needs repair.
///
/// `query` receives the cancellation token of the call, which ends its work early. The note of an empty answer names
/// the other `roots`, which were not searched.
///
/// # Errors
/// When the query fails, or there is no index and no run in progress.
pub async fn query_engine<T, F>(
    roots: &ServedRoots,
    root: &ServedRoot,
    context: &CallContext,
    query: F,
) -> Result<QueryOutcome<T>, ToolError>
where
    T: IndexAnswer + Send + 'static,
    F: Fn(&Engine, &CancelToken) -> Result<T, EngineError> + Send + Sync + 'static,
{
    root.runs.start_if_stale();
    root.runs.wait_for_young_run(MAX_AWAITED_RUN_AGE).await;
    let query = Arc::new(query);
    let deadline = Instant::now() + FIRST_COMMIT_WAIT;
    let mut states = root.runs.subscribe();
    let mut is_repaired = false;
    loop {
        let state = states.borrow_and_update().clone();
        let (engine, query, cancel) = (Arc::clone(&root.engine), Arc::clone(&query), context.cancel.clone());
        let error = match run_blocking(move || query(&engine, &cancel)).await? {
            Ok(answer) => {
                if root.engine.needs_repair() {
                    root.runs.start_or_join(false);
                }
                let own_note = answer.coverage().and_then(|coverage| coverage_note(coverage, &state));
                let notes = own_note
                    .into_iter()
                    .chain(answer.notes().iter().map(|note| sanitize_to_length(note, MAX_NOTE_CHARS)))
                    .chain(if answer.is_empty() { other_roots_note(roots, root) } else { None });
                let note = notes.collect::<Vec<_>>().join("; ");
                return Ok(QueryOutcome::Answer(answer, Some(note).filter(|note| !note.is_empty())));
            }
            Err(error @ (EngineError::NotIndexed { .. } | EngineError::Outdated { .. })) => ToolError::from(error),
            Err(error) if error.is_damage() && !is_repaired => {
                // The run repairs the index, which this call waits for.
                is_repaired = true;
                root.runs.start_or_join(false);
                ToolError::from(error)
            }
            Err(error) => return Err(error.into()),
        };
        if state.running.is_none() && !states.has_changed().unwrap_or(false) {
            return Err(match &state.last_outcome {
                Some(RunOutcome::Failed(message)) => ToolError(format!("{}; the last run failed: {message}", error.0)),
                _ => error,
            });
        }
        // Tries again after every progress report of the run, because a commit may have come with it.
        if tokio::time::timeout_at(deadline, states.changed()).await.is_err() {
            let progress = state.format_progress();
            return Ok(QueryOutcome::NotIndexedYet(format!(
                "indexing has just started: {progress}; try again in a few seconds"
            )));
        }
    }
}

/// Returns a note that names the other roots; `None` if there are none.
fn other_roots_note(roots: &ServedRoots, root: &ServedRoot) -> Option<String> {
    let others: Vec<String> =
        roots.list.iter().filter(|other| other.path() != root.path()).map(|other| other.name()).collect();
    let more = others.len().saturating_sub(MAX_OTHER_ROOTS);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let named = others[..others.len().min(MAX_OTHER_ROOTS)].join(", ");
    (!others.is_empty()).then(|| format!("other roots were not searched: {named}{more}"))
}

/// Returns a note for an answer from an incomplete index, or after a failed run; `None` for another answer.
fn coverage_note(coverage: &IndexCoverage, state: &IndexRunState) -> Option<String> {
    match (&state.running, &state.last_outcome) {
        (Some(_), _) if !coverage.complete => Some(format!("indexing is in progress ({})", state.format_progress())),
        (None, Some(RunOutcome::Failed(_))) => {
            Some("the last index run failed: call index_project for the reason".to_owned())
        }
        (None, _) if !coverage.complete => Some("call index_project to complete the index".to_owned()),
        _ => None,
    }
}
