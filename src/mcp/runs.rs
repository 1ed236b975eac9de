//! Index runs in the background: at most one a root, joined by whoever asks for it.
//!
//! Owns the state of each root's run and tells everyone who waits when it changes; nobody polls.
//! A run ends by itself, when the last request that waits for it is cancelled, whoever began it, or with
//! the server.
//! Must never import: anything of this crate but `engine`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::engine::{
    CancelToken, Engine, EngineError, IndexError, IndexReport, IndexRequest, Left, Progress, Scope, yield_to_others,
};

/// How long to wait for another run before trying again.
const RETRY: Duration = Duration::from_millis(200);

/// How old the last look at a folder may be that nobody follows.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// The run of one root.
pub struct Runs {
    engine: Arc<Engine>,
    state: watch::Sender<State>,
}

/// What is known about a root's runs.
#[derive(Clone, Default)]
pub struct State {
    /// Counts the runs begun by this server, from 1.
    pub number: u64,
    pub running: Option<Running>,
    /// How the last ended run ended.
    pub last: Option<Outcome>,
    /// Whether changes of the folder begin a run by themselves.
    pub is_followed: bool,
    ended: Option<Instant>,
    closed: bool,
}

impl State {
    /// How long ago the last run of this server ended: until then it is known what the folder was.
    pub fn since_last_look(&self) -> Option<Duration> {
        self.ended.map(|ended| ended.elapsed())
    }
}

/// A run that goes on.
#[derive(Clone)]
pub struct Running {
    pub begun: Instant,
    /// Whether it does again what is there already: then there is nothing to wait for.
    is_rebuild: bool,
    /// `None` until the run has reported for the first time.
    pub progress: Option<Progress>,
    /// Requests that wait for it.
    waiting: usize,
    cancel: CancelToken,
}

/// How a run ended.
#[derive(Clone)]
pub enum Outcome {
    Done(Arc<IndexReport>),
    Cancelled,
    /// With the message to show.
    Failed(Arc<str>),
}

/// How a run ended, to who began it.
enum Ended {
    Done(Arc<IndexReport>),
    Cancelled,
    Failed,
    /// Another process was writing the same index.
    Busy,
}

/// A run that was asked for.
pub struct Ticket {
    /// Of the run, as in [`State::number`].
    pub number: u64,
    /// Whether the run was under way already.
    pub joined: bool,
    cancel: CancelToken,
}

/// A request that waits for a run, until it is dropped.
pub struct Seat<'r> {
    runs: &'r Runs,
    /// See [`Ticket::number`].
    number: u64,
}

impl Seat<'_> {
    /// The request is cancelled: so is the run, unless another one waits for it.
    pub fn cancel(self) {
        self.runs.change(self.number, |running| {
            if running.waiting == 1 {
                running.cancel.cancel();
            }
        });
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.runs.change(self.number, |running| running.waiting = running.waiting.saturating_sub(1));
    }
}

impl Runs {
    /// No run yet.
    pub fn new(engine: Arc<Engine>) -> Self {
        Self { engine, state: watch::Sender::new(State::default()) }
    }

    /// Begins a run, or joins the one under way (whatever that was asked to do). `None` once the
    /// server is closing. Must be called inside of a runtime.
    pub fn begin(self: &Arc<Self>, rebuild: bool) -> Option<Ticket> {
        let ticket = self.claim(rebuild)?;
        if !ticket.joined {
            let (runs, cancel) = (Arc::clone(self), ticket.cancel.clone());
            let request = IndexRequest { rebuild, ..IndexRequest::default() };
            let name = "index".to_owned();
            let run = move || {
                yield_to_others();
                runs.run(&request, &cancel);
            };
            if let Err(error) = thread::Builder::new().name(name).spawn(run) {
                self.failed_to_begin(&error);
            }
        }
        Some(ticket)
    }

    fn failed_to_begin(&self, error: &std::io::Error) {
        let message =
            format!("cannot start a thread to index: {error}; free some memory or raise the limit on threads");
        self.state.send_modify(|state| {
            state.running = None;
            state.last = Some(Outcome::Failed(message.into()));
            state.ended = Some(Instant::now());
        });
    }

    /// The right to run, or the run under way.
    fn claim(&self, is_rebuild: bool) -> Option<Ticket> {
        let mut ticket = None;
        self.state.send_if_modified(|state| {
            if state.closed {
                return false;
            }
            let joined = state.running.is_some();
            state.number += u64::from(!joined);
            let number = state.number;
            let running = state.running.get_or_insert_with(|| Running {
                begun: Instant::now(),
                is_rebuild,
                progress: None,
                waiting: 0,
                cancel: CancelToken::default(),
            });
            ticket = Some(Ticket { number, joined, cancel: running.cancel.clone() });
            !joined
        });
        ticket
    }

    /// Takes part in the wait for a run.
    pub fn seat(&self, number: u64) -> Seat<'_> {
        self.change(number, |running| running.waiting += 1);
        Seat { runs: self, number }
    }

    /// Changes what is known of run `number`, if it goes on. Nobody needs to hear of it.
    fn change(&self, number: u64, with: impl FnOnce(&mut Running)) {
        self.state.send_if_modified(|state| {
            if let Some(running) = state.running.as_mut().filter(|_| state.number == number) {
                with(running);
            }
            false
        });
    }

    /// Brings `scope` up to date on this thread, as soon as no other run is under way, here or in
    /// another process; what was left of it. Gives up when `stop` is cancelled or the server closes.
    pub fn catch_up(&self, scope: Scope, stop: &CancelToken) -> Left {
        while !stop.is_cancelled() {
            let Some(ticket) = self.claim(false) else { return Left::Nothing };
            if !ticket.joined {
                let request = IndexRequest { scope: scope.clone(), ..IndexRequest::default() };
                match self.run(&request, &ticket.cancel) {
                    Ended::Done(report) => return report.look_again().map_or(Left::Nothing, Left::Again),
                    Ended::Cancelled => return Left::Waiting(scope),
                    Ended::Failed => return Left::Again(scope),
                    Ended::Busy => {}
                }
            }
            thread::sleep(RETRY);
            let state = self.state();
            let has_ended = ticket.joined && state.number == ticket.number && state.running.is_none();
            if has_ended && matches!(state.last, Some(Outcome::Cancelled)) {
                return Left::Waiting(scope); // who stopped that run does not want the next one
            }
        }
        Left::Nothing
    }

    /// Begins to look for changes unless that was done a moment ago, where nothing tells of them or they could
    /// not be indexed.
    pub fn look_for_changes(self: &Arc<Self>) {
        let state = self.state();
        let is_told = state.is_followed && !matches!(state.last, Some(Outcome::Failed(_)));
        if !is_told && state.ended.is_none_or(|at| at.elapsed() >= LOOK_AGAIN) {
            self.begin(false);
        }
    }

    /// Whether changes of the folder begin a run by themselves.
    pub fn set_followed(&self, is_followed: bool) {
        self.state.send_modify(|state| state.is_followed = is_followed);
    }

    /// Of the root.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The state now, and how to hear of the next one.
    pub fn watch(&self) -> watch::Receiver<State> {
        self.state.subscribe()
    }

    /// The state now.
    pub fn state(&self) -> State {
        self.state.borrow().clone()
    }

    /// Waits until run `number` has ended; how it ended.
    pub async fn ended(&self, number: u64) -> Outcome {
        let mut watch = self.watch();
        let over = watch.wait_for(|state| state.running.is_none() || state.number > number).await;
        let last = over.ok().and_then(|state| state.last.clone());
        last.unwrap_or(Outcome::Cancelled)
    }

    /// Waits until a run that began less than `grace` ago has ended or is that old.
    pub async fn settle(&self, grace: Duration) {
        let state = self.state();
        if let Some(running) = state.running.filter(|running| !running.is_rebuild) {
            let until = tokio::time::Instant::from_std(running.begun + grace);
            // Being too late is as good as being done: both go on with what is there.
            let _ = tokio::time::timeout_at(until, self.ended(state.number)).await;
        }
    }

    /// Cancels the run under way, lets none begin, and waits up to `patience` for the end.
    pub async fn close(&self, patience: Duration) {
        self.state.send_modify(|state| {
            state.closed = true;
            if let Some(running) = &state.running {
                running.cancel.cancel();
            }
        });
        let number = self.state.borrow().number;
        if tokio::time::timeout(patience, self.ended(number)).await.is_err() {
            tracing::warn!(root = %self.engine.root().display(), "the index run did not end in time");
        }
    }

    /// Runs to the end.
    fn run(&self, request: &IndexRequest, cancel: &CancelToken) -> Ended {
        let observe = |progress: &Progress| {
            self.state.send_modify(|state| {
                if let Some(running) = &mut state.running {
                    running.progress = Some(progress.clone());
                }
            });
            // Searches go on with what they have meanwhile, instead of one of them reading each commit.
            self.engine.keep_up();
        };
        // It is kept up before the end is told: who searches then finds what was indexed.
        let run = || self.engine.while_kept_up(|| self.engine.index(request, cancel, &observe));
        let result = catch_unwind(AssertUnwindSafe(run));
        let is_busy = matches!(&result, Ok(Err(error)) if error.is_busy());
        let outcome = match result {
            Ok(Ok(report)) => Outcome::Done(Arc::new(report)),
            Ok(Err(EngineError::Index(IndexError::Cancelled { .. }))) => Outcome::Cancelled,
            Ok(Err(error)) => Outcome::Failed(error.to_string().into()),
            Err(_) => Outcome::Failed("the index run failed inside codescry; please report this".into()),
        };
        if let Outcome::Failed(message) = &outcome {
            tracing::warn!(root = %self.engine.root().display(), "indexing failed: {message}");
        }
        self.state.send_modify(|state| {
            state.running = None;
            state.ended = Some(Instant::now());
            state.last = Some(outcome.clone());
        });
        match outcome {
            _ if is_busy => Ended::Busy,
            Outcome::Done(report) => Ended::Done(report),
            Outcome::Cancelled => Ended::Cancelled,
            Outcome::Failed(_) => Ended::Failed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Options, Settings};

    fn runs() -> (tempfile::TempDir, Arc<Runs>) {
        let home = tempfile::tempdir().expect("a folder");
        let root = home.path().join("root");
        std::fs::create_dir(&root).expect("a folder");
        std::fs::write(root.join("a.rs"), "fn a() {}\n").expect("a file");
        let options = Options { path: Some(root), index_dir: Some(home.path().join("index")), ..Options::default() };
        let engine = Engine::open(Settings::resolve(&options).expect("settings")).expect("an engine");
        (home, Arc::new(Runs::new(Arc::new(engine))))
    }

    #[test]
    fn what_could_not_be_indexed_is_left_to_be_done_again() {
        let (home, runs) = runs();
        let stop = CancelToken::default();
        assert_eq!(runs.catch_up(Scope::All, &stop), Left::Nothing);
        runs.set_followed(true);
        std::fs::rename(home.path().join("root"), home.path().join("away")).expect("moved");
        let scope = Scope::Paths(vec![crate::engine::RepoPath::new("a.rs")]);
        assert_eq!(runs.catch_up(scope.clone(), &stop), Left::Again(scope.clone()));
        assert!(matches!(runs.state().last, Some(Outcome::Failed(_))));
        std::fs::rename(home.path().join("away"), home.path().join("root")).expect("moved back");
        assert_eq!(runs.catch_up(scope, &stop), Left::Nothing);
        assert!(matches!(runs.state().last, Some(Outcome::Done(_))));
    }

    #[test]
    fn a_run_is_cancelled_with_the_last_request_that_waits_for_it_whoever_began_it() {
        let (_home, runs) = runs();
        let ticket = runs.claim(false).expect("the server is open");
        let (one, other) = (runs.seat(ticket.number), runs.seat(ticket.number));
        one.cancel();
        assert!(!ticket.cancel.is_cancelled(), "another request waits");
        other.cancel();
        assert!(ticket.cancel.is_cancelled());
    }

    #[test]
    fn a_request_that_waits_no_more_keeps_nobody_from_cancelling() {
        let (_home, runs) = runs();
        let ticket = runs.claim(false).expect("the server is open");
        drop(runs.seat(ticket.number));
        assert!(!ticket.cancel.is_cancelled());
        runs.seat(ticket.number).cancel();
        assert!(ticket.cancel.is_cancelled());
    }
}
