//! The clocks that measure how long the stages work and wait.

use std::ops::Index;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::report::{QueueReport, Stage, StageReport};

/// The clocks of all stages.
pub(crate) struct StageClocks([StageClock; Stage::ALL.len()]);

impl StageClocks {
    /// Creates the clocks of stages whose threads have not started.
    pub fn new() -> Self {
        Self(Stage::ALL.map(StageClock::new))
    }

    /// Returns the clock of the stage after `stage`; `None` for the last one.
    pub fn after(&self, stage: Stage) -> Option<&StageClock> {
        self.0.get(stage as usize + 1)
    }

    /// Returns the clocks in pipeline order.
    pub fn iter(&self) -> impl Iterator<Item = &StageClock> {
        self.0.iter()
    }

    /// Returns a report of each stage up to now, in pipeline order.
    pub fn report(&self) -> Vec<StageReport> {
        self.iter().map(StageClock::report).collect()
    }
}

impl Index<Stage> for StageClocks {
    type Output = StageClock;

    fn index(&self, stage: Stage) -> &StageClock {
        &self.0[stage as usize]
    }
}

/// Times and counts of one stage, summed over its threads.
pub(crate) struct StageClock {
    stage: Stage,
    begun: Instant,
    times: Mutex<ThreadTimes>,
    items: AtomicU64,
    bytes: AtomicU64,
    queue: Mutex<Option<QueueGauge>>,
}

/// The times for which the threads of a stage have run and waited.
#[derive(Default)]
struct ThreadTimes {
    threads: usize,
    alive: SpanSum,
    waiting_for_input: SpanSum,
    waiting_for_output: SpanSum,
}

/// The total length of several spans of time, some of which have not ended.
///
/// Times are relative to [`StageClock::begun`].
#[derive(Default)]
struct SpanSum {
    /// Total length of the spans that have ended.
    ended: Duration,
    running: u32,
    /// Sum of the start times of the running spans.
    starts: Duration,
}

impl SpanSum {
    fn start(&mut self, now: Duration) {
        self.running += 1;
        self.starts += now;
    }

    fn end(&mut self, start: Duration, now: Duration) {
        self.running -= 1;
        self.starts -= start;
        self.ended += now - start;
    }

    fn total(&self, now: Duration) -> Duration {
        self.ended + now * self.running - self.starts
    }
}

/// Capacity and depth of the queue in front of a stage.
struct QueueGauge {
    capacity: usize,
    depth: Arc<AtomicUsize>,
    samples: u64,
    sum: u64,
}

impl QueueGauge {
    fn depth(&self) -> usize {
        // A sender counts its element while it waits for room.
        self.depth.load(Ordering::Relaxed).min(self.capacity)
    }
}

impl StageClock {
    fn new(stage: Stage) -> Self {
        Self {
            stage,
            begun: Instant::now(),
            times: Mutex::default(),
            items: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            queue: Mutex::new(None),
        }
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

    /// Runs all work of a new thread and adds its time to the stage.
    pub fn track_thread<T>(&self, work: impl FnOnce() -> T) -> T {
        self.times.lock().threads += 1;
        self.track_resumed_thread(work)
    }

    /// Runs further work of a thread that [`StageClock::track_thread`] has counted, and adds its time to the stage.
    pub fn track_resumed_thread<T>(&self, work: impl FnOnce() -> T) -> T {
        self.track_span(|times| &mut times.alive, work)
    }

    /// Runs `wait` and counts its time as waiting for the previous stage.
    pub fn track_input_wait<T>(&self, wait: impl FnOnce() -> T) -> T {
        self.track_span(|times| &mut times.waiting_for_input, wait)
    }

    /// Runs `wait` and counts its time as waiting for the next stage or for memory.
    pub fn track_output_wait<T>(&self, wait: impl FnOnce() -> T) -> T {
        self.track_span(|times| &mut times.waiting_for_output, wait)
    }

    fn track_span<T>(&self, span: fn(&mut ThreadTimes) -> &mut SpanSum, work: impl FnOnce() -> T) -> T {
        let start = self.with_times(|times, now| {
            span(times).start(now);
            now
        });
        let result = work();
        self.with_times(|times, now| span(times).end(start, now));
        result
    }

    /// Calls `with` with the recorded times and the current time, which is never earlier than a recorded time.
    fn with_times<T>(&self, with: impl FnOnce(&mut ThreadTimes, Duration) -> T) -> T {
        let mut times = self.times.lock();
        let now = self.begun.elapsed();
        with(&mut times, now)
    }

    /// Sets the queue in front of the stage. Senders and receivers keep its `depth` up to date.
    pub fn set_queue(&self, capacity: usize, depth: Arc<AtomicUsize>) {
        *self.queue.lock() = Some(QueueGauge { capacity, depth, samples: 0, sum: 0 });
    }

    /// Adds the current queue depth to the samples for the mean depth.
    pub fn sample_queue(&self) {
        if let Some(queue) = &mut *self.queue.lock() {
            queue.samples += 1;
            queue.sum += queue.depth() as u64;
        }
    }

    /// Returns a report of the stage up to now; may be called while the stage runs.
    pub fn report(&self) -> StageReport {
        let mut report = StageReport::new(self.stage);
        self.with_times(|times, now| {
            report.threads = times.threads;
            report.waiting_for_input = times.waiting_for_input.total(now);
            report.waiting_for_output = times.waiting_for_output.total(now);
            let waiting = report.waiting_for_input + report.waiting_for_output;
            report.busy = times.alive.total(now).saturating_sub(waiting);
        });
        report.items = self.items();
        report.bytes = self.bytes.load(Ordering::Relaxed);
        report.queue = self.queue.lock().as_ref().map(|queue| QueueReport {
            depth: queue.depth(),
            capacity: queue.capacity,
            mean: queue.sum as f64 / queue.samples.max(1) as f64,
        });
        report
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_reported_while_it_goes_on() {
        let clocks = StageClocks::new();
        let clock = &clocks[Stage::Parse];
        clock.track_thread(|| {
            clock.track_input_wait(|| {
                let before = clock.report().waiting_for_input;
                while clock.report().waiting_for_input == before {}
            });
            clock.track_output_wait(|| {
                let (before, busy) = (clock.report().waiting_for_output, clock.report().busy);
                while clock.report().waiting_for_output == before {}
                assert_eq!(clock.report().busy, busy, "a wait is not work");
            });
        });
        let ended = clock.report();
        assert!(ended.waiting_for_input > Duration::ZERO && ended.busy > Duration::ZERO);
        assert_eq!((ended.threads, clock.report()), (1, ended), "nothing runs any more");
    }
}
