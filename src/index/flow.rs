//! Edges of the pipeline: bounded queues that know how long each side waited.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, SendTimeoutError, Sender, bounded};

use super::{CancelToken, StageReport};

/// How long a blocked stage goes without looking whether the run was cancelled.
const CANCEL_POLL: Duration = Duration::from_millis(50);

/// What the threads of one stage have spent and done.
pub(super) struct StageClock {
    name: &'static str,
    begun: Instant,
    lives: Mutex<Lives>,
    input_ns: AtomicU64,
    output_ns: AtomicU64,
    items: AtomicU64,
    bytes: AtomicU64,
    queue: Gauge,
}

/// How long a stage's threads have lived.
#[derive(Default)]
struct Lives {
    threads: usize,
    running: u32,
    /// Of threads that have ended.
    ended: Duration,
    /// Sum of the running threads' starts, since [`StageClock::begun`].
    starts: Duration,
}

/// How full the queue in front of a stage is.
#[derive(Default)]
struct Gauge {
    capacity: AtomicUsize,
    depth: Arc<AtomicUsize>,
    samples: AtomicU64,
    sum: AtomicU64,
}

impl StageClock {
    /// A stage whose threads have not started.
    pub fn new(name: &'static str) -> Self {
        let zero = AtomicU64::default;
        Self {
            name,
            begun: Instant::now(),
            lives: Mutex::default(),
            input_ns: zero(),
            output_ns: zero(),
            items: zero(),
            bytes: zero(),
            queue: Gauge::default(),
        }
    }

    /// `walk`, `read`, ….
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Counts finished items, and the bytes of source in them.
    pub fn count(&self, items: u64, bytes: u64) {
        self.items.fetch_add(items, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Items counted so far.
    pub fn items(&self) -> u64 {
        self.items.load(Ordering::Relaxed)
    }

    /// Runs a thread's whole work and adds its life time to the stage.
    pub fn alive<T>(&self, work: impl FnOnce() -> T) -> T {
        self.lives(|lives| lives.threads += 1);
        self.alive_again(work)
    }

    /// As [`StageClock::alive`], for more work of a thread that was counted before.
    pub fn alive_again<T>(&self, work: impl FnOnce() -> T) -> T {
        let start = self.begun.elapsed();
        self.lives(|lives| {
            lives.running += 1;
            lives.starts += start;
        });
        let result = work();
        let end = self.begun.elapsed();
        self.lives(|lives| {
            lives.running -= 1;
            lives.starts -= start;
            lives.ended += end.saturating_sub(start);
        });
        result
    }

    fn lives<T>(&self, with: impl FnOnce(&mut Lives) -> T) -> T {
        with(&mut self.lives.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Adds time spent waiting for the stage after this one, or for memory.
    pub fn waited_for_output(&self, time: Duration) {
        add(&self.output_ns, time);
    }

    /// Looks at the queue, for its mean depth.
    pub fn sample(&self) {
        self.queue.samples.fetch_add(1, Ordering::Relaxed);
        self.queue.sum.fetch_add(self.queue.depth.load(Ordering::Relaxed) as u64, Ordering::Relaxed);
    }

    /// What the stage has done so far; also while it runs.
    pub fn report(&self) -> StageReport {
        let read = |counter: &AtomicU64| Duration::from_nanos(counter.load(Ordering::Relaxed));
        let (input, output) = (read(&self.input_ns), read(&self.output_ns));
        let now = self.begun.elapsed();
        let (threads, alive) =
            self.lives(|lives| (lives.threads, lives.ended + (now * lives.running).saturating_sub(lives.starts)));
        let samples = self.queue.samples.load(Ordering::Relaxed).max(1);
        StageReport {
            stage: self.name,
            threads,
            busy: alive.saturating_sub(input + output),
            waiting_for_input: input,
            waiting_for_output: output,
            items: self.items(),
            bytes: self.bytes.load(Ordering::Relaxed),
            queue_depth: self.queue.depth.load(Ordering::Relaxed),
            queue_capacity: self.queue.capacity.load(Ordering::Relaxed),
            queue_mean: self.queue.sum.load(Ordering::Relaxed) as f64 / samples as f64,
        }
    }
}

fn add(counter: &AtomicU64, time: Duration) {
    counter.fetch_add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
}

/// A queue of `capacity` between two stages.
pub(super) fn edge<'r, T>(
    from: &'r StageClock,
    to: &'r StageClock,
    capacity: usize,
    cancel: &'r CancelToken,
) -> (Outlet<'r, T>, Inlet<'r, T>) {
    let (sender, receiver) = bounded(capacity);
    to.queue.capacity.store(capacity, Ordering::Relaxed);
    let depth = Arc::clone(&to.queue.depth);
    let outlet = Outlet { to: sender, depth: Arc::clone(&depth), clock: from, cancel };
    (outlet, Inlet { from: receiver, depth, clock: to, cancel })
}

/// The receiving end of an edge, as one thread of a stage sees it.
pub(super) struct Inlet<'r, T> {
    from: Receiver<T>,
    depth: Arc<AtomicUsize>,
    pub clock: &'r StageClock,
    pub cancel: &'r CancelToken,
}

/// What came out of an edge.
pub(super) enum Next<T> {
    Item(T),
    /// Nothing for a moment: a time to hand on what was held back.
    Idle,
    /// The stage before has ended, or the run is cancelled.
    End,
}

impl<T> Inlet<'_, T> {
    /// Waits a moment for the next item.
    pub fn poll(&self) -> Next<T> {
        if self.cancel.is_cancelled() {
            return Next::End;
        }
        let started = Instant::now();
        let received = self.from.recv_timeout(CANCEL_POLL);
        add(&self.clock.input_ns, started.elapsed());
        match received {
            Ok(item) => {
                self.depth.fetch_sub(1, Ordering::Relaxed);
                Next::Item(item)
            }
            Err(RecvTimeoutError::Timeout) => Next::Idle,
            Err(RecvTimeoutError::Disconnected) => Next::End,
        }
    }

    /// The next item, however long it takes; `None` at the end.
    pub fn next(&self) -> Option<T> {
        loop {
            match self.poll() {
                Next::Item(item) => return Some(item),
                Next::Idle => {}
                Next::End => return None,
            }
        }
    }
}

// Derived, they would ask for `T: Clone`.
impl<T> Clone for Inlet<'_, T> {
    fn clone(&self) -> Self {
        let (from, depth) = (self.from.clone(), Arc::clone(&self.depth));
        Self { from, depth, clock: self.clock, cancel: self.cancel }
    }
}

/// The sending end of an edge, as one thread of a stage sees it.
pub(super) struct Outlet<'r, T> {
    to: Sender<T>,
    depth: Arc<AtomicUsize>,
    pub clock: &'r StageClock,
    pub cancel: &'r CancelToken,
}

impl<T> Outlet<'_, T> {
    /// Hands an item on, waiting for room. False when nobody will take it: the stage should end.
    pub fn send(&self, mut item: T) -> bool {
        // Counted first: the other side may take it, and count it out, before this returns.
        self.depth.fetch_add(1, Ordering::Relaxed);
        loop {
            if self.cancel.is_cancelled() {
                break;
            }
            let started = Instant::now();
            let sent = self.to.send_timeout(item, CANCEL_POLL);
            add(&self.clock.output_ns, started.elapsed());
            match sent {
                Ok(()) => return true,
                Err(SendTimeoutError::Timeout(back)) => item = back,
                Err(SendTimeoutError::Disconnected(_)) => break,
            }
        }
        self.depth.fetch_sub(1, Ordering::Relaxed);
        false
    }
}

impl<T> Clone for Outlet<'_, T> {
    fn clone(&self) -> Self {
        let (to, depth) = (self.to.clone(), Arc::clone(&self.depth));
        Self { to, depth, clock: self.clock, cancel: self.cancel }
    }
}
