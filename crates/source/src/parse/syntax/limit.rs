//! The time limit of an analysis, in processor time.

use std::cell::Cell;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use platform::cancel::CancelToken;
use platform::clock::thread_cpu_time;

/// A number that grows while an analysis makes progress. Another thread that sees it stand still knows that the
/// analysis is stuck inside a grammar's scanner, which never checks the time limit.
#[derive(Clone, Debug, Default)]
pub struct ProgressCounter(Arc<AtomicU64>);

impl ProgressCounter {
    /// Records progress.
    pub fn advance(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns the number.
    pub fn current(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The time limit of an analysis. It counts the processor time of the calling thread, so that the result does not
/// depend on the load of the machine; if the system does not report it, the time on the clock.
pub(super) struct TimeLimit {
    duration: Duration,
    /// The processor time of the thread at the start; `None` if the system does not report it.
    cpu_start: Option<Duration>,
    /// The limit is not exceeded before this instant, because a thread's processor time grows no faster than the clock.
    next_check: Cell<Instant>,
    /// Ends the work early.
    cancel: CancelToken,
    progress: ProgressCounter,
}

impl TimeLimit {
    /// Starts a time limit now.
    pub fn start(duration: Duration, cancel: CancelToken, progress: ProgressCounter) -> Self {
        let next_check = Cell::new(Instant::now() + duration);
        Self { duration, cpu_start: thread_cpu_time(), next_check, cancel, progress }
    }

    /// Returns whether the work must end, and records progress.
    pub fn is_exceeded(&self) -> bool {
        self.progress.advance();
        if self.cancel.is_cancelled() {
            return true;
        }
        let now = Instant::now();
        if now < self.next_check.get() {
            return false;
        }
        let used = self.cpu_start.and_then(|start| thread_cpu_time()?.checked_sub(start));
        match used.map(|used| self.duration.saturating_sub(used)) {
            Some(left) if !left.is_zero() => {
                self.next_check.set(now + left);
                false
            }
            _ => true,
        }
    }

    /// Returns the time that is left; zero once the work must end. The whole limit, if the system does not report
    /// processor time.
    pub fn remaining(&self) -> Duration {
        if self.is_exceeded() {
            return Duration::ZERO;
        }
        let used = self.cpu_start.and_then(|start| thread_cpu_time()?.checked_sub(start));
        used.map_or(self.duration, |used| self.duration.saturating_sub(used))
    }

    /// Returns the control flow for tree-sitter's progress callbacks.
    pub fn control_flow(&self) -> ControlFlow<()> {
        if self.is_exceeded() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_that_a_thread_waits_does_not_count() {
        let limit = TimeLimit::start(Duration::from_millis(20), CancelToken::default(), ProgressCounter::default());
        std::thread::sleep(Duration::from_millis(30));
        assert!(!limit.is_exceeded() || thread_cpu_time().is_none());
        let mut spins = 0_u64;
        while !limit.is_exceeded() {
            spins += 1;
        }
        assert!(spins > 0 && limit.progress.current() > spins);
    }
}
