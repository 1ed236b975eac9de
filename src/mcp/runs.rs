//! Index runs in the background: at most one a root, joined by whoever asks for it.
//!
//! Owns the state of each root's run and tells everyone who waits when it changes; nobody polls.
//! A run ends by itself, when whoever started it cancels, or with the server.
//! Must never import: anything of this crate but `engine`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::engine::{CancelToken, Engine, EngineError, IndexError, IndexReport, IndexRequest, Progress};

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
    closed: bool,
}

/// A run that goes on.
#[derive(Clone)]
pub struct Running {
    pub begun: Instant,
    /// `None` until the run has reported for the first time.
    pub progress: Option<Progress>,
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

/// A run that was asked for.
pub struct Ticket {
    /// Of the run, as in [`State::number`].
    pub number: u64,
    /// Whether the run was under way already.
    pub joined: bool,
    /// Stops the run.
    pub cancel: CancelToken,
}

impl Runs {
    /// No run yet.
    pub fn new(engine: Arc<Engine>) -> Self {
        Self { engine, state: watch::Sender::new(State::default()) }
    }

    /// Begins a run, or joins the one under way (whatever that was asked to do). `None` once the
    /// server is closing.
    pub fn begin(self: &Arc<Self>, rebuild: bool) -> Option<Ticket> {
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
                progress: None,
                cancel: CancelToken::default(),
            });
            ticket = Some(Ticket { number, joined, cancel: running.cancel.clone() });
            !joined
        });
        let ticket = ticket?;
        if !ticket.joined {
            let (runs, cancel) = (Arc::clone(self), ticket.cancel.clone());
            tokio::task::spawn_blocking(move || runs.run(rebuild, &cancel));
        }
        Some(ticket)
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
        if let Some(running) = state.running {
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

    fn run(&self, rebuild: bool, cancel: &CancelToken) {
        let observe = |progress: &Progress| {
            self.state.send_modify(|state| {
                if let Some(running) = &mut state.running {
                    running.progress = Some(progress.clone());
                }
            });
        };
        let request = IndexRequest { rebuild, ..IndexRequest::default() };
        let result = catch_unwind(AssertUnwindSafe(|| self.engine.index(&request, cancel, &observe)));
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
            state.last = Some(outcome);
        });
    }
}
