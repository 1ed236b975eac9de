//! Queries the engine of a root, or all roots as one, after waiting until their indexes can answer.

use std::sync::Arc;
use std::time::Duration;

use engine::{CodeExcerpt, EngineError, FolderOutline, IndexCoverage, QueryCalls, ReferenceAnswer, SymbolAnswer};
use futures::future::{join_all, select_all};
use platform::cancel::CancelToken;
use text::display::sanitize_to_length;
use tokio::time::Instant;

use super::runs::{IndexRunState, RunOutcome};
use super::served::{CallTarget, ServedRoot, ServedRoots};
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

/// Several answers from the same index. A single one has its own notes. The notes of several are those of the first if
/// all are empty; otherwise there are none.
impl<T: IndexAnswer> IndexAnswer for Vec<T> {
    fn coverage(&self) -> Option<&IndexCoverage> {
        self.first().and_then(T::coverage)
    }

    fn notes(&self) -> &[String] {
        // The method of the same name of a vector counts its elements.
        if self.as_slice().len() == 1 || IndexAnswer::is_empty(self) { self.first().map_or(&[], T::notes) } else { &[] }
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
    /// An answer, with a note if there is one.
    Answer(T, Option<String>),
    /// Nothing is indexed yet; holds a message with the progress of the first run.
    NotIndexedYet(String),
}

/// Queries the engine of a root, or all roots as one. Before the query, starts an index run for each root that may be
/// stale, and waits for runs to end, at most until [`MAX_AWAITED_RUN_AGE`] after their start. If nothing is indexed
/// yet, waits at most [`FIRST_COMMIT_WAIT`] for the first commit.
///
/// `query` receives the cancellation token of the call, which ends its work early. The note of an empty answer names
/// the other roots, which were not searched.
///
/// # Errors
/// When the query fails, or there is no index and no run in progress.
pub async fn query_engine<T, F>(
    roots: &ServedRoots,
    target: CallTarget<'_>,
    context: &CallContext,
    query: F,
) -> Result<QueryOutcome<T>, ToolError>
where
    T: IndexAnswer + Send + 'static,
    F: Fn(&dyn QueryCalls, &CancelToken) -> Result<T, EngineError> + Send + Sync + 'static,
{
    let served = target.roots();
    served.iter().for_each(|(_, root)| root.runs.start_if_stale());
    join_all(served.iter().map(|(_, root)| root.runs.wait_for_young_run(MAX_AWAITED_RUN_AGE))).await;
    let (calls, query) = (target.calls(), Arc::new(query));
    let deadline = Instant::now() + FIRST_COMMIT_WAIT;
    let mut receivers: Vec<_> = served.iter().map(|(_, root)| root.runs.subscribe()).collect();
    let mut is_repaired = false;
    loop {
        let states: Vec<IndexRunState> =
            receivers.iter_mut().map(|receiver| receiver.borrow_and_update().clone()).collect();
        let named = || served.iter().map(|(name, _)| *name).zip(&states);
        let (calls, query, cancel) = (Arc::clone(&calls), Arc::clone(&query), context.cancel.clone());
        let error = match run_blocking(move || query(calls.as_ref(), &cancel)).await? {
            Ok(answer) => {
                repair_damaged(&served);
                let own_notes = answer.coverage().map(|coverage| coverage_notes(coverage, answer.notes(), named()));
                let other_roots = match target {
                    CallTarget::Root(root) if answer.is_empty() => other_roots_note(roots, root),
                    _ => None,
                };
                let notes = own_notes
                    .unwrap_or_default()
                    .into_iter()
                    .chain(answer.notes().iter().map(|note| sanitize_to_length(note, MAX_NOTE_CHARS)))
                    .chain(other_roots);
                let note = notes.collect::<Vec<_>>().join("; ");
                return Ok(QueryOutcome::Answer(answer, Some(note).filter(|note| !note.is_empty())));
            }
            Err(error @ (EngineError::NotIndexed { .. } | EngineError::Outdated { .. })) => ToolError::from(error),
            Err(error) if error.is_damage() && !is_repaired => {
                // The run repairs the index, which this call waits for.
                is_repaired = true;
                served.iter().for_each(|(_, root)| _ = root.runs.start_or_join(false));
                ToolError::from(error)
            }
            Err(error) => return Err(error.into()),
        };
        let is_idle = states.iter().all(|state| state.running.is_none());
        if is_idle && !receivers.iter().any(|receiver| receiver.has_changed().unwrap_or(false)) {
            return Err(match states.iter().find_map(|state| state.last_outcome.as_ref()) {
                Some(RunOutcome::Failed(message)) => ToolError(format!("{}; the last run failed: {message}", error.0)),
                _ => error,
            });
        }
        // Tries again after every progress report of a run, because a commit may have come with it.
        let changed = select_all(receivers.iter_mut().map(|receiver| Box::pin(receiver.changed())));
        if tokio::time::timeout_at(deadline, changed).await.is_err() {
            let progress: Vec<String> = states.iter().map(IndexRunState::format_progress).collect();
            return Ok(QueryOutcome::NotIndexedYet(format!(
                "indexing has just started: {}; try again in a few seconds",
                progress.join(", ")
            )));
        }
    }
}

/// Starts a run for each root whose index is damaged.
fn repair_damaged(served: &[(Option<&str>, &ServedRoot)]) {
    for (_, root) in served.iter().filter(|(_, root)| root.engine.needs_repair()) {
        root.runs.start_or_join(false);
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

/// Returns notes for an answer from incomplete indexes, or after failed runs. `notes` are those of the answer, which
/// name the roots of a group that it leaves out.
fn coverage_notes<'s>(
    coverage: &IndexCoverage,
    notes: &[String],
    states: impl Iterator<Item = (Option<&'s str>, &'s IndexRunState)>,
) -> Vec<String> {
    let note = |(name, state): (Option<&str>, &IndexRunState)| {
        let is_left_out =
            name.is_some_and(|name| notes.iter().any(|note| note.starts_with(&format!("{name} was not "))));
        let (of_root, in_root) = match name {
            Some(name) => (format!(" of {name}"), format!(" in {name}")),
            None => (String::new(), String::new()),
        };
        match (&state.running, &state.last_outcome) {
            (Some(_), _) if !coverage.complete || is_left_out => {
                Some(format!("indexing is in progress{in_root} ({})", state.format_progress()))
            }
            (None, Some(RunOutcome::Failed(_))) => {
                Some(format!("the last index run{of_root} failed: call index_project for the reason"))
            }
            (None, _) if name.is_none() && !coverage.complete => {
                Some("call index_project to complete the index".to_owned())
            }
            _ => None,
        }
    };
    states.filter_map(note).collect()
}
