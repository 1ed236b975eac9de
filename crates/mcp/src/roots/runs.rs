//! Index runs in the background, at most one per root.
//!
//! A request for a run joins the run in progress, if there is one. Waiters are notified of every change of
//! the state. A run is cancelled when the last request that waits for it is cancelled, even if another
//! request started it, and when the server closes.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use engine::{
    Engine, EngineError, IndexError, IndexProgress, IndexReport, IndexRequest, IndexScope, RemainingWork, TreeUses,
    lower_thread_priority,
};
use platform::cancel::CancelToken;
use platform::permits::PermitPool;
use tokio::sync::watch;

use crate::call::context::wait_until_cancelled;

/// Time between two attempts to start a run while another process writes the index. That process sends no event when
/// its run ends; it only releases a lock on a file.
const RETRY_INTERVAL: Duration = Duration::from_millis(200);

/// Time since the end of the last run after which a search starts another one, if the folder is not watched or the last
/// run failed.
const MAX_RUN_AGE: Duration = Duration::from_secs(2);

/// Maximum number of runs at the same time, over all roots. Each run holds the records of its files and has threads of
/// its own; a server may have a hundred worktrees, which all start with a run.
const MAX_RUNS_AT_ONCE: usize = 4;

/// The rights to run; see [`MAX_RUNS_AT_ONCE`].
static RUN_PERMITS: PermitPool = PermitPool::new(MAX_RUNS_AT_ONCE);

/// The index runs of one root.
pub struct IndexRuns {
    engine: Arc<Engine>,
    state: watch::Sender<IndexRunState>,
    /// The searches of this root.
    uses: Arc<TreeUses>,
}

/// The state of a root's index runs.
#[derive(Clone, Default)]
pub struct IndexRunState {
    /// Number of runs that this server has started for the root, which is also the number of the latest run.
    pub number: u64,
    /// The run in progress, if there is one.
    pub running: Option<ActiveRun>,
    /// Outcome of the last run that ended; `None` if none has ended.
    pub last_outcome: Option<RunOutcome>,
    /// Whether file changes start a run without a request.
    pub is_watched: bool,
    last_run_ended_at: Option<Instant>,
    closed: bool,
}

impl IndexRunState {
    /// Returns the time since the last run of this server ended, which is when the folder was last scanned; `None` if
    /// no run has ended.
    pub fn time_since_last_run(&self) -> Option<Duration> {
        self.last_run_ended_at.map(|ended_at| ended_at.elapsed())
    }

    /// Formats the progress of the run, such as `12 of 4000 files`.
    pub fn format_progress(&self) -> String {
        match self.running.as_ref().and_then(|running| running.progress.as_ref()) {
            None => "looking for files".to_owned(),
            Some(progress) if progress.walk_ended => {
                format!("{} of {} files", progress.files_done, progress.files_found)
            }
            Some(progress) => format!("{} of at least {} files", progress.files_done, progress.files_found),
        }
    }
}

/// A run in progress.
#[derive(Clone)]
pub struct ActiveRun {
    pub started_at: Instant,
    /// Whether the run indexes unchanged files again. Searches do not wait for such a run.
    is_rebuild: bool,
    /// Latest progress report; `None` before the first one.
    pub progress: Option<IndexProgress>,
    /// Number of requests that wait for the run.
    waiters: usize,
    cancel: CancelToken,
}

/// The outcome of a run, as shown to clients.
#[derive(Clone)]
pub enum RunOutcome {
    Done(Arc<IndexReport>),
    Cancelled,
    /// The run failed with this message.
    Failed(Arc<str>),
}

/// The result of an attempt to run on the current thread.
enum RunAttempt {
    Done(Arc<IndexReport>),
    Cancelled,
    Failed,
    /// Another process is writing the same index.
    Busy,
}

/// The reply to a request for a run.
pub struct RunTicket {
    /// Number of the run, as in [`IndexRunState::number`].
    pub number: u64,
    /// Whether the run was already in progress.
    pub joined: bool,
    cancel: CancelToken,
}

/// A guard that counts a request as waiting for a run until it is dropped.
pub struct RunWaiter<'r> {
    runs: &'r IndexRuns,
    /// Number of the run, as in [`RunTicket::number`].
    number: u64,
}

impl RunWaiter<'_> {
    /// Cancels the wait, and also the run unless another request waits for it.
    pub fn cancel(self) {
        self.runs.update_active_run(self.number, |running| {
            if running.waiters == 1 {
                running.cancel.cancel();
            }
        });
    }
}

impl Drop for RunWaiter<'_> {
    fn drop(&mut self) {
        self.runs.update_active_run(self.number, |running| running.waiters = running.waiters.saturating_sub(1));
    }
}

impl IndexRuns {
    /// Creates the state of a root without a run.
    pub fn new(engine: Arc<Engine>) -> Self {
        Self { engine, state: watch::Sender::new(IndexRunState::default()), uses: TreeUses::new() }
    }

    /// Starts a run on a new thread, or joins the run in progress, even if that one was started with another `rebuild`.
    /// Returns `None` once the server is closing.
    pub fn start_or_join(self: &Arc<Self>, rebuild: bool) -> Option<RunTicket> {
        let ticket = self.claim_run(rebuild)?;
        if !ticket.joined {
            let (runs, cancel) = (Arc::clone(self), ticket.cancel.clone());
            let request = IndexRequest { rebuild, ..IndexRequest::default() };
            let name = "index".to_owned();
            let work = move || {
                lower_thread_priority();
                runs.run_to_end(&request, &cancel);
            };
            if let Err(error) = thread::Builder::new().name(name).spawn(work) {
                self.record_spawn_failure(&error);
            }
        }
        Some(ticket)
    }

    /// Ends the claimed run as failed, because its thread could not be started.
    fn record_spawn_failure(&self, error: &std::io::Error) {
        let message =
            format!("cannot start a thread to index: {error}; free some memory or raise the limit on threads");
        self.state.send_modify(|state| {
            state.running = None;
            state.last_outcome = Some(RunOutcome::Failed(message.into()));
            state.last_run_ended_at = Some(Instant::now());
        });
    }

    /// Claims the right to run, or returns the ticket of the run in progress. `None` once the server is closing.
    fn claim_run(&self, is_rebuild: bool) -> Option<RunTicket> {
        let mut ticket = None;
        self.state.send_if_modified(|state| {
            if state.closed {
                return false;
            }
            let joined = state.running.is_some();
            state.number += u64::from(!joined);
            let number = state.number;
            let running = state.running.get_or_insert_with(|| ActiveRun {
                started_at: Instant::now(),
                is_rebuild,
                progress: None,
                waiters: 0,
                cancel: CancelToken::default(),
            });
            ticket = Some(RunTicket { number, joined, cancel: running.cancel.clone() });
            !joined
        });
        ticket
    }

    /// Registers a request that waits for run `number`.
    pub fn add_waiter(&self, number: u64) -> RunWaiter<'_> {
        self.update_active_run(number, |running| running.waiters += 1);
        RunWaiter { runs: self, number }
    }

    /// Updates run `number` if it is still in progress, without notifying subscribers.
    fn update_active_run(&self, number: u64, update: impl FnOnce(&mut ActiveRun)) {
        self.state.send_if_modified(|state| {
            if let Some(running) = state.running.as_mut().filter(|_| state.number == number) {
                update(running);
            }
            false
        });
    }

    /// Indexes the changes within `scope` on this thread, once no other run is in progress here or in another process,
    /// and returns the scope that is left to index. If a run is cancelled, its scope waits for the next change. Returns
    /// early, with nothing left, when `stop` is cancelled or the server closes.
    pub fn index_scope(&self, scope: IndexScope, stop: &CancelToken) -> RemainingWork {
        while !stop.is_cancelled() {
            let Some(ticket) = self.claim_run(false) else { return RemainingWork::Nothing };
            if ticket.joined {
                self.block_until_end(ticket.number, stop);
                let state = self.state();
                let has_ended = state.number == ticket.number && state.running.is_none();
                if has_ended && matches!(state.last_outcome, Some(RunOutcome::Cancelled)) {
                    // The user cancelled that run and does not want another one now.
                    return RemainingWork::WaitForChange(scope);
                }
                continue;
            }
            let request = IndexRequest { scope: scope.clone(), ..IndexRequest::default() };
            match self.run_to_end(&request, &ticket.cancel) {
                RunAttempt::Done(report) => {
                    return report.retry_scope().map_or(RemainingWork::Nothing, RemainingWork::Retry);
                }
                RunAttempt::Cancelled => return RemainingWork::WaitForChange(scope),
                RunAttempt::Failed => return RemainingWork::Retry(scope),
                RunAttempt::Busy => _ = stop.wait_timeout(RETRY_INTERVAL),
            }
        }
        RemainingWork::Nothing
    }

    /// Blocks this thread until run `number` of this process has ended or `stop` is cancelled.
    fn block_until_end(&self, number: u64, stop: &CancelToken) {
        futures::executor::block_on(async {
            tokio::select! {
                _ = self.wait_for_end(number) => {}
                () = wait_until_cancelled(stop) => {}
            }
        });
    }

    /// Starts a run when the index may be stale: the folder is not watched or its last run failed, and no run
    /// ended within [`MAX_RUN_AGE`].
    pub fn start_if_stale(self: &Arc<Self>) {
        self.uses.add();
        let state = self.state();
        let is_current = state.is_watched && !matches!(state.last_outcome, Some(RunOutcome::Failed(_)));
        if !is_current && state.last_run_ended_at.is_none_or(|at| at.elapsed() >= MAX_RUN_AGE) {
            self.start_or_join(false);
        }
    }

    /// Sets whether file changes start a run without a request.
    pub fn set_watched(&self, is_watched: bool) {
        self.state.send_modify(|state| state.is_watched = is_watched);
    }

    /// Returns the searches of this root.
    pub(super) fn uses(&self) -> &Arc<TreeUses> {
        &self.uses
    }

    /// Returns the engine of the root.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Returns a receiver of the current state and its changes.
    pub fn subscribe(&self) -> watch::Receiver<IndexRunState> {
        self.state.subscribe()
    }

    /// Returns the current state.
    pub fn state(&self) -> IndexRunState {
        self.state.borrow().clone()
    }

    /// Waits for run `number` to end, and returns its outcome, or that of a later run that has ended by then. If no run
    /// has ended, returns [`RunOutcome::Cancelled`].
    pub async fn wait_for_end(&self, number: u64) -> RunOutcome {
        let mut states = self.subscribe();
        let ended = states.wait_for(|state| state.running.is_none() || state.number > number).await;
        let outcome = ended.ok().and_then(|state| state.last_outcome.clone());
        outcome.unwrap_or(RunOutcome::Cancelled)
    }

    /// Waits for the run in progress to end, at most until `max_age` after its start. Does not wait for a rebuild.
    pub async fn wait_for_young_run(&self, max_age: Duration) {
        let state = self.state();
        if let Some(running) = state.running.filter(|running| !running.is_rebuild) {
            let until = tokio::time::Instant::from_std(running.started_at + max_age);
            // After the timeout, the caller searches the last commit.
            let _ = tokio::time::timeout_at(until, self.wait_for_end(state.number)).await;
        }
    }

    /// Prevents further runs, cancels the run in progress, and waits at most `timeout` for it to end.
    pub async fn close(&self, timeout: Duration) {
        self.state.send_modify(|state| {
            state.closed = true;
            if let Some(running) = &state.running {
                running.cancel.cancel();
            }
        });
        let number = self.state.borrow().number;
        if tokio::time::timeout(timeout, self.wait_for_end(number)).await.is_err() {
            tracing::warn!(root = %self.engine.root().display(), "the index run did not end in time");
        }
    }

    /// Executes the claimed run on this thread until it ends, and records the outcome.
    fn run_to_end(&self, request: &IndexRequest, cancel: &CancelToken) -> RunAttempt {
        let observe = |progress: &IndexProgress| {
            self.state.send_modify(|state| {
                if let Some(running) = &mut state.running {
                    running.progress = Some(progress.clone());
                }
            });
            // Refreshes the search snapshot here, so that no search has to read the commits.
            self.engine.refresh_snapshot();
        };
        // The snapshot is refreshed before the end is published, so that a search after it sees the new index.
        let _permit = RUN_PERMITS.wait_for_permit(cancel);
        let run = || self.engine.refresh_snapshot_during(|| self.engine.index(request, cancel, &observe));
        let result = catch_unwind(AssertUnwindSafe(run));
        let is_busy = matches!(&result, Ok(Err(error)) if error.is_busy());
        let outcome = match result {
            Ok(Ok(report)) => RunOutcome::Done(Arc::new(report)),
            Ok(Err(EngineError::Index(IndexError::Cancelled { .. }))) => RunOutcome::Cancelled,
            Ok(Err(error)) => RunOutcome::Failed(error.to_string().into()),
            Err(_) => RunOutcome::Failed("the index run failed inside codescry; please report this".into()),
        };
        if let RunOutcome::Failed(message) = &outcome {
            tracing::warn!(root = %self.engine.root().display(), "indexing failed: {message}");
        }
        self.state.send_modify(|state| {
            state.running = None;
            state.last_run_ended_at = Some(Instant::now());
            state.last_outcome = Some(outcome.clone());
        });
        match outcome {
            _ if is_busy => RunAttempt::Busy,
            RunOutcome::Done(report) => RunAttempt::Done(report),
            RunOutcome::Cancelled => RunAttempt::Cancelled,
            RunOutcome::Failed(_) => RunAttempt::Failed,
        }
    }
}

#[cfg(test)]
mod tests {
    use engine::{Options, Settings};

    use super::*;

    fn create_runs() -> (tempfile::TempDir, Arc<IndexRuns>) {
        let home = tempfile::tempdir().expect("a folder");
        let root = home.path().join("root");
        std::fs::create_dir(&root).expect("a folder");
        std::fs::write(root.join("a.rs"), "fn a() {}\n").expect("a file");
        let options = Options { path: Some(root), index_dir: Some(home.path().join("index")), ..Options::default() };
        let engine = Engine::open(Settings::resolve(&options).expect("settings")).expect("an engine");
        (home, Arc::new(IndexRuns::new(Arc::new(engine))))
    }

    #[test]
    fn a_failed_scope_is_left_to_be_indexed_again() {
        let (home, runs) = create_runs();
        let stop = CancelToken::default();
        assert_eq!(runs.index_scope(IndexScope::All, &stop), RemainingWork::Nothing);
        runs.set_watched(true);
        std::fs::rename(home.path().join("root"), home.path().join("away")).expect("moved");
        let scope = IndexScope::Paths(vec![engine::RepoPath::new("a.rs")]);
        assert_eq!(runs.index_scope(scope.clone(), &stop), RemainingWork::Retry(scope.clone()));
        assert!(matches!(runs.state().last_outcome, Some(RunOutcome::Failed(_))));
        std::fs::rename(home.path().join("away"), home.path().join("root")).expect("moved back");
        assert_eq!(runs.index_scope(scope, &stop), RemainingWork::Nothing);
        assert!(matches!(runs.state().last_outcome, Some(RunOutcome::Done(_))));
    }

    #[test]
    fn a_scope_waits_for_the_run_in_progress_and_its_cancellation_ends_the_wait() {
        let (_home, runs) = create_runs();
        let ticket = runs.claim_run(false).expect("the server is open");
        let stop = CancelToken::default();
        thread::scope(|scope| {
            let waiting = scope.spawn(|| runs.index_scope(IndexScope::All, &CancelToken::default()));
            let stopped = scope.spawn(|| runs.index_scope(IndexScope::All, &stop));
            stop.cancel();
            assert_eq!(stopped.join().expect("no panic"), RemainingWork::Nothing);
            assert!(runs.state().last_outcome.is_none(), "nothing ran beside the run in progress");
            ticket.cancel.cancel();
            runs.run_to_end(&IndexRequest::default(), &ticket.cancel);
            assert!(matches!(
                waiting.join().expect("no panic"),
                RemainingWork::WaitForChange(_) | RemainingWork::Nothing
            ));
        });
    }

    #[test]
    fn cancelling_the_last_waiter_cancels_a_run_that_another_request_started() {
        let (_home, runs) = create_runs();
        let ticket = runs.claim_run(false).expect("the server is open");
        let (one, other) = (runs.add_waiter(ticket.number), runs.add_waiter(ticket.number));
        one.cancel();
        assert!(!ticket.cancel.is_cancelled(), "another request waits");
        other.cancel();
        assert!(ticket.cancel.is_cancelled());
    }

    #[test]
    fn a_dropped_waiter_does_not_keep_a_run_alive() {
        let (_home, runs) = create_runs();
        let ticket = runs.claim_run(false).expect("the server is open");
        drop(runs.add_waiter(ticket.number));
        assert!(!ticket.cancel.is_cancelled());
        runs.add_waiter(ticket.number).cancel();
        assert!(ticket.cancel.is_cancelled());
    }
}
