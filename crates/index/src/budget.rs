//! Limits the bytes in flight: the memory that files take between their admission and their commit.
//!
//! A file is admitted before it is read and counts until its rows are committed. Waiting files are admitted in
//! the order in which they arrived, so small files cannot delay a large one forever.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::CancelToken;

/// Interval at which a waiting stage checks for cancellation.
const CANCEL_POLL: Duration = Duration::from_millis(50);

/// Peak memory per byte of a file: its text as read, in chunks, as passages and as search text, its vectors,
/// and all of these again in the rows of a commit.
const BYTES_PER_BYTE: u64 = 12;

/// Memory for a file of any size: its path and its record at every hand-off.
const BYTES_PER_FILE: u64 = 4 << 10;

/// Estimates the bytes in flight for a file of `size_bytes`.
pub(super) fn estimate_cost_bytes(size_bytes: u64) -> u64 {
    size_bytes.saturating_mul(BYTES_PER_BYTE).saturating_add(BYTES_PER_FILE)
}

/// Returns the size of the largest file that fits into `in_flight_bytes`.
pub(super) fn largest_file_bytes(in_flight_bytes: u64) -> u64 {
    in_flight_bytes.saturating_sub(BYTES_PER_FILE) / BYTES_PER_BYTE
}

/// A limit for the bytes in flight, with first-come, first-served waiting.
pub(super) struct MemoryBudget {
    ceiling_bytes: u64,
    state: Mutex<BudgetState>,
    freed: Condvar,
}

#[derive(Default)]
struct BudgetState {
    used_bytes: u64,
    peak_bytes: u64,
    /// The tickets of the waiting threads, in order of arrival.
    waiting_tickets: VecDeque<u64>,
    /// The next ticket.
    next_ticket: u64,
}

/// A file's share of the budget, returned when dropped.
pub(super) struct MemoryPermit {
    budget: Arc<MemoryBudget>,
    bytes: u64,
}

impl MemoryBudget {
    /// Creates a budget with nothing in flight.
    pub fn new(ceiling_bytes: u64) -> Arc<Self> {
        Arc::new(Self { ceiling_bytes, state: Mutex::default(), freed: Condvar::new() })
    }

    fn state(&self) -> MutexGuard<'_, BudgetState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Acquires `bytes` if they are free and no other thread waits.
    pub fn try_acquire(self: &Arc<Self>, bytes: u64) -> Option<MemoryPermit> {
        let mut state = self.state();
        let fits = state.used_bytes + bytes <= self.ceiling_bytes && state.waiting_tickets.is_empty();
        fits.then(|| self.grant(&mut state, bytes))
    }

    /// Waits until `bytes` are free and acquires them; `None` if the run is cancelled. A request above the
    /// ceiling is granted when nothing else is in flight. `waited` is called repeatedly with the time waited
    /// since the last call.
    pub fn acquire(
        self: &Arc<Self>,
        bytes: u64,
        cancel: &CancelToken,
        waited: &dyn Fn(Duration),
    ) -> Option<MemoryPermit> {
        let mut last_report = Instant::now();
        let mut state = self.state();
        let ticket = state.next_ticket;
        state.next_ticket += 1;
        state.waiting_tickets.push_back(ticket);
        let is_first = |state: &BudgetState| state.waiting_tickets.front() == Some(&ticket);
        while !is_first(&state) || (state.used_bytes > 0 && state.used_bytes + bytes > self.ceiling_bytes) {
            if cancel.is_cancelled() {
                state.waiting_tickets.retain(|waiting| *waiting != ticket);
                return None;
            }
            state = self.freed.wait_timeout(state, CANCEL_POLL).unwrap_or_else(PoisonError::into_inner).0;
            let now = Instant::now();
            waited(now - last_report);
            last_report = now;
        }
        state.waiting_tickets.pop_front();
        self.freed.notify_all(); // the next waiting file may fit as well
        Some(self.grant(&mut state, bytes))
    }

    fn grant(self: &Arc<Self>, state: &mut BudgetState, bytes: u64) -> MemoryPermit {
        state.used_bytes += bytes;
        state.peak_bytes = state.peak_bytes.max(state.used_bytes);
        MemoryPermit { budget: Arc::clone(self), bytes }
    }

    /// Returns the ceiling; see [`config::PipelineSettings::in_flight_bytes`].
    pub fn ceiling_bytes(&self) -> u64 {
        self.ceiling_bytes
    }

    /// Returns whether a file waits for memory; stages that hold files back should then pass them on.
    pub fn has_waiters(&self) -> bool {
        !self.state().waiting_tickets.is_empty()
    }

    /// Returns the largest number of bytes that were in flight at once.
    pub fn peak_bytes(&self) -> u64 {
        self.state().peak_bytes
    }
}

impl MemoryPermit {
    /// Returns the size of this share.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Drop for MemoryPermit {
    fn drop(&mut self) {
        self.budget.state().used_bytes -= self.bytes;
        self.budget.freed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;

    use super::*;

    #[test]
    fn a_waiting_thread_is_admitted_when_there_is_room() {
        let (budget, cancel) = (MemoryBudget::new(100), CancelToken::default());
        let first = budget.acquire(80, &cancel, &|_| ()).expect("there is room");
        assert!(budget.try_acquire(21).is_none());
        let was_reported = AtomicBool::new(false);
        thread::scope(|scope| {
            let waiting =
                scope.spawn(|| budget.acquire(60, &cancel, &|_| was_reported.store(true, Ordering::SeqCst)).is_some());
            while !budget.has_waiters() {
                thread::yield_now();
            }
            assert!(budget.try_acquire(1).is_none(), "no one overtakes a waiting thread");
            while !was_reported.load(Ordering::SeqCst) {
                thread::yield_now(); // the wait is reported while it goes on
            }
            drop(first);
            assert!(waiting.join().expect("no panic"));
        });
        assert_eq!((budget.peak_bytes(), budget.has_waiters()), (80, false));
    }

    #[test]
    fn a_file_above_the_ceiling_is_admitted_alone_and_cancellation_ends_the_wait() {
        let (budget, cancel) = (MemoryBudget::new(100), CancelToken::default());
        let alone = budget.acquire(1_000, &cancel, &|_| ());
        assert!(alone.is_some());
        cancel.cancel();
        assert!(budget.acquire(1, &cancel, &|_| ()).is_none());
    }
}
