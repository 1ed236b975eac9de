//! The bounded queues between stages, and the clocks that measure how long each side waits.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, SendTimeoutError, Sender, bounded};

use super::{CancelToken, StageReport};

/// Interval at which a blocked stage checks for cancellation.
const CANCEL_POLL: Duration = Duration::from_millis(50);

/// Times and counts of one stage, summed over its threads.
pub(super) struct StageClock {
    name: &'static str,
    begun: Instant,
    thread_times: Mutex<ThreadTimes>,
    input_ns: AtomicU64,
    output_ns: AtomicU64,
    items: AtomicU64,
    bytes: AtomicU64,
    queue: QueueDepth,
}

/// How long the threads of a stage have run.
#[derive(Default)]
struct ThreadTimes {
    threads: usize,
    running: u32,
    /// Total time of the threads that have ended.
    ended: Duration,
    /// Sum of the start times of the running threads, relative to [`StageClock::begun`].
    starts: Duration,
}

/// Capacity and depth of the queue in front of a stage.
#[derive(Default)]
struct QueueDepth {
    capacity: AtomicUsize,
    depth: Arc<AtomicUsize>,
    samples: AtomicU64,
    sum: AtomicU64,
}

impl StageClock {
    /// Creates the clock of a stage whose threads have not started.
    pub fn new(name: &'static str) -> Self {
        let zero = AtomicU64::default;
        Self {
            name,
            begun: Instant::now(),
            thread_times: Mutex::default(),
            input_ns: zero(),
            output_ns: zero(),
            items: zero(),
            bytes: zero(),
            queue: QueueDepth::default(),
        }
    }

    /// Returns the name of the stage, such as `walk`.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Counts finished items and their bytes of source.
    pub fn count(&self, items: u64, bytes: u64) {
        self.items.fetch_add(items, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Returns the number of finished items.
    pub fn items(&self) -> u64 {
        self.items.load(Ordering::Relaxed)
    }

    /// Runs the whole work of a new thread and adds its time to the stage.
    pub fn track_thread<T>(&self, work: impl FnOnce() -> T) -> T {
        self.thread_times(|times| times.threads += 1);
        self.track_resumed_thread(work)
    }

    /// Adds the time of further work by a thread that [`StageClock::track_thread`] has counted.
    pub fn track_resumed_thread<T>(&self, work: impl FnOnce() -> T) -> T {
        let start = self.begun.elapsed();
        self.thread_times(|times| {
            times.running += 1;
            times.starts += start;
        });
        let result = work();
        let end = self.begun.elapsed();
        self.thread_times(|times| {
            times.running -= 1;
            times.starts -= start;
            times.ended += end.saturating_sub(start);
        });
        result
    }

    fn thread_times<T>(&self, with: impl FnOnce(&mut ThreadTimes) -> T) -> T {
        with(&mut self.thread_times.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Adds time spent waiting for the next stage or for memory.
    pub fn waited_for_output(&self, time: Duration) {
        add_nanos(&self.output_ns, time);
    }

    /// Samples the depth of the queue, for its mean.
    pub fn sample_queue(&self) {
        self.queue.samples.fetch_add(1, Ordering::Relaxed);
        self.queue.sum.fetch_add(self.queue.depth.load(Ordering::Relaxed) as u64, Ordering::Relaxed);
    }

    /// Reports the stage so far; works while it runs.
    pub fn report(&self) -> StageReport {
        let read = |counter: &AtomicU64| Duration::from_nanos(counter.load(Ordering::Relaxed));
        let (input, output) = (read(&self.input_ns), read(&self.output_ns));
        let now = self.begun.elapsed();
        let (threads, alive) = self
            .thread_times(|times| (times.threads, times.ended + (now * times.running).saturating_sub(times.starts)));
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

fn add_nanos(counter: &AtomicU64, time: Duration) {
    counter.fetch_add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
}

/// Connects two stages with a queue of `capacity` elements.
pub(super) fn connect_stages<'r, T>(
    from: &'r StageClock,
    to: &'r StageClock,
    capacity: usize,
    cancel: &'r CancelToken,
) -> (StageSender<'r, T>, StageReceiver<'r, T>) {
    let (sender, receiver) = bounded(capacity);
    to.queue.capacity.store(capacity, Ordering::Relaxed);
    let depth = Arc::clone(&to.queue.depth);
    let output = StageSender { to: sender, depth: Arc::clone(&depth), clock: from, cancel };
    (output, StageReceiver { from: receiver, depth, clock: to, cancel })
}

/// The receiving end of a queue, held by one thread of a stage.
pub(super) struct StageReceiver<'r, T> {
    from: Receiver<T>,
    depth: Arc<AtomicUsize>,
    pub clock: &'r StageClock,
    pub cancel: &'r CancelToken,
}

/// The result of a short wait for input.
pub(super) enum Received<T> {
    Item(T),
    /// Nothing has arrived for a moment. A stage that holds items back should now pass them on.
    Idle,
    /// The previous stage has ended, or the run is cancelled.
    End,
}

impl<T> StageReceiver<'_, T> {
    /// Waits for the next item for [`CANCEL_POLL`] at most.
    pub fn receive_or_idle(&self) -> Received<T> {
        if self.cancel.is_cancelled() {
            return Received::End;
        }
        let started = Instant::now();
        let received = self.from.recv_timeout(CANCEL_POLL);
        add_nanos(&self.clock.input_ns, started.elapsed());
        match received {
            Ok(item) => {
                self.depth.fetch_sub(1, Ordering::Relaxed);
                Received::Item(item)
            }
            Err(RecvTimeoutError::Timeout) => Received::Idle,
            Err(RecvTimeoutError::Disconnected) => Received::End,
        }
    }

    /// Waits for the next item; `None` at the end of the input.
    pub fn next(&self) -> Option<T> {
        loop {
            match self.receive_or_idle() {
                Received::Item(item) => return Some(item),
                Received::Idle => {}
                Received::End => return None,
            }
        }
    }
}

// Not derived, because that would require `T: Clone`.
impl<T> Clone for StageReceiver<'_, T> {
    fn clone(&self) -> Self {
        let (from, depth) = (self.from.clone(), Arc::clone(&self.depth));
        Self { from, depth, clock: self.clock, cancel: self.cancel }
    }
}

/// The sending end of a queue, held by one thread of a stage.
pub(super) struct StageSender<'r, T> {
    to: Sender<T>,
    depth: Arc<AtomicUsize>,
    pub clock: &'r StageClock,
    pub cancel: &'r CancelToken,
}

impl<T> StageSender<'_, T> {
    /// Sends an item, waiting for room in the queue. Returns false if the next stage has ended or the run is
    /// cancelled; the calling stage should then end too.
    pub fn send(&self, mut item: T) -> bool {
        // Counted before sending, because the receiver may subtract the item before this call returns.
        self.depth.fetch_add(1, Ordering::Relaxed);
        loop {
            if self.cancel.is_cancelled() {
                break;
            }
            let started = Instant::now();
            let sent = self.to.send_timeout(item, CANCEL_POLL);
            add_nanos(&self.clock.output_ns, started.elapsed());
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

impl<T> Clone for StageSender<'_, T> {
    fn clone(&self) -> Self {
        let (to, depth) = (self.to.clone(), Arc::clone(&self.depth));
        Self { to, depth, clock: self.clock, cancel: self.cancel }
    }
}
