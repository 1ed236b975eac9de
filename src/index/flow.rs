//! Edges of the pipeline: bounded queues that know how long each side waited.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, SendTimeoutError, Sender};

use super::{CancelToken, StageReport};

/// How long a blocked stage goes without looking whether the run was cancelled.
const CANCEL_POLL: Duration = Duration::from_millis(50);

/// What the threads of one stage have spent, in nanoseconds, and done.
#[derive(Default)]
pub(super) struct StageClock {
    name: &'static str,
    threads: AtomicU64,
    alive_ns: AtomicU64,
    input_ns: AtomicU64,
    output_ns: AtomicU64,
    items: AtomicU64,
}

impl StageClock {
    pub fn new(name: &'static str) -> Self {
        Self { name, ..Self::default() }
    }

    /// Counts finished items.
    pub fn count(&self, items: u64) {
        self.items.fetch_add(items, Ordering::Relaxed);
    }

    /// Items counted so far.
    pub fn items(&self) -> u64 {
        self.items.load(Ordering::Relaxed)
    }

    /// Runs a thread's whole work and adds its life time to the stage.
    pub fn alive<T>(&self, work: impl FnOnce() -> T) -> T {
        let started = Instant::now();
        self.threads.fetch_add(1, Ordering::Relaxed);
        let result = work();
        add(&self.alive_ns, started.elapsed());
        result
    }

    pub fn report(&self) -> StageReport {
        let read = |counter: &AtomicU64| Duration::from_nanos(counter.load(Ordering::Relaxed));
        let (input, output) = (read(&self.input_ns), read(&self.output_ns));
        StageReport {
            stage: self.name,
            threads: usize::try_from(self.threads.load(Ordering::Relaxed)).unwrap_or(usize::MAX),
            busy: read(&self.alive_ns).saturating_sub(input + output),
            waiting_for_input: input,
            waiting_for_output: output,
            items: self.items(),
        }
    }
}

fn add(counter: &AtomicU64, time: Duration) {
    counter.fetch_add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
}

/// The receiving end of an edge, as one stage sees it.
pub(super) struct Inlet<'r, T> {
    pub from: Receiver<T>,
    pub clock: &'r StageClock,
    pub cancel: &'r CancelToken,
}

impl<T> Inlet<'_, T> {
    /// The next item; `None` when the stage before has ended or the run is cancelled.
    pub fn next(&self) -> Option<T> {
        let started = Instant::now();
        let received = loop {
            if self.cancel.is_cancelled() {
                break None;
            }
            match self.from.recv_timeout(CANCEL_POLL) {
                Ok(item) => break Some(item),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break None,
            }
        };
        add(&self.clock.input_ns, started.elapsed());
        received
    }
}

/// The sending end of an edge, as one stage sees it.
pub(super) struct Outlet<'r, T> {
    pub to: Sender<T>,
    pub clock: &'r StageClock,
    pub cancel: &'r CancelToken,
}

impl<T> Outlet<'_, T> {
    /// Hands an item on, waiting for room. False when nobody will take it: the stage should end.
    pub fn send(&self, mut item: T) -> bool {
        let started = Instant::now();
        let sent = loop {
            if self.cancel.is_cancelled() {
                break false;
            }
            match self.to.send_timeout(item, CANCEL_POLL) {
                Ok(()) => break true,
                Err(SendTimeoutError::Timeout(back)) => item = back,
                Err(SendTimeoutError::Disconnected(_)) => break false,
            }
        };
        add(&self.clock.output_ns, started.elapsed());
        sent
    }
}
