//! Limits the bytes in flight: the memory that files take between their admission and their commit.
//!
//! A file is admitted before it is read and counts until its rows are committed. Waiting files are admitted in
//! the order in which they arrived, so small files cannot delay a large one forever.

use std::collections::VecDeque;
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, bounded};
use parking_lot::{Condvar, Mutex};

use platform::cancel::CancelToken;

/// Estimated peak memory per byte of a file, in bytes. Counts the file's text, chunks, passages, search text and
/// vectors, and the copies of all of these in the rows of a commit.
const BYTES_PER_BYTE: u64 = 12;

/// Estimated memory for a file regardless of its size, in bytes: its path and its record in every stage.
const BYTES_PER_FILE: u64 = 4 << 10;

/// Estimates the bytes in flight for a file of `size_bytes`.
pub(crate) fn estimate_cost_bytes(size_bytes: u64) -> u64 {
    size_bytes.saturating_mul(BYTES_PER_BYTE).saturating_add(BYTES_PER_FILE)
}

/// Returns the size of the largest file that fits into `in_flight_bytes`.
pub(crate) fn largest_file_bytes(in_flight_bytes: u64) -> u64 {
    in_flight_bytes.saturating_sub(BYTES_PER_FILE) / BYTES_PER_BYTE
}

/// A limit for the bytes in flight, with first-come, first-served waiting.
pub(crate) struct MemoryBudget {
    ceiling_bytes: u64,
    state: Mutex<BudgetState>,
    /// Notified when memory is freed, when the first waiting thread changes, and when the run is cancelled.
    changed: Condvar,
}

#[derive(Default)]
struct BudgetState {
    used_bytes: u64,
    peak_bytes: u64,
    /// The tickets of the waiting threads, in order of arrival.
    waiting_tickets: VecDeque<u64>,
    /// The next ticket.
    next_ticket: u64,
    /// Channels that notify other stages when a thread begins to wait for memory.
    shortage_signals: Vec<Sender<()>>,
}

/// A file's share of the budget, returned when dropped.
pub(crate) struct MemoryPermit {
    budget: Arc<MemoryBudget>,
    bytes: u64,
}

impl MemoryBudget {
    /// Creates a budget with nothing in flight.
    pub fn new(ceiling_bytes: u64) -> Arc<Self> {
        Arc::new(Self { ceiling_bytes, state: Mutex::default(), changed: Condvar::new() })
    }

    /// Acquires `bytes` if they are free and no other thread waits; otherwise returns `None`.
    pub fn try_acquire(self: &Arc<Self>, bytes: u64) -> Option<MemoryPermit> {
        let mut state = self.state.lock();
        let fits = state.used_bytes + bytes <= self.ceiling_bytes && state.waiting_tickets.is_empty();
        fits.then(|| self.grant(&mut state, bytes))
    }

    /// Waits until `bytes` are free and acquires them; `None` if the run is cancelled before they are free. A request
    /// above the ceiling is granted when nothing else is in flight.
    pub fn acquire(self: &Arc<Self>, bytes: u64, cancel: &CancelToken) -> Option<MemoryPermit> {
        let budget = Arc::clone(self);
        let _listener = cancel.on_cancel(move || {
            // Locking ensures that no thread has checked the token but not yet begun to wait.
            drop(budget.state.lock());
            budget.changed.notify_all();
        });
        let mut state = self.state.lock();
        let ticket = state.next_ticket;
        state.next_ticket += 1;
        state.waiting_tickets.push_back(ticket);
        let must_wait = |state: &BudgetState| {
            let is_first = state.waiting_tickets.front() == Some(&ticket);
            !is_first || (state.used_bytes > 0 && state.used_bytes + bytes > self.ceiling_bytes)
        };
        if must_wait(&state) {
            for signal in &state.shortage_signals {
                // If the channel is full, a signal is already pending.
                _ = signal.try_send(());
            }
        }
        while must_wait(&state) && !cancel.is_cancelled() {
            self.changed.wait(&mut state);
        }
        let is_granted = !must_wait(&state);
        state.waiting_tickets.retain(|waiting| *waiting != ticket);
        self.changed.notify_all(); // the next waiting file may fit as well
        is_granted.then(|| self.grant(&mut state, bytes))
    }

    fn grant(self: &Arc<Self>, state: &mut BudgetState, bytes: u64) -> MemoryPermit {
        state.used_bytes += bytes;
        state.peak_bytes = state.peak_bytes.max(state.used_bytes);
        MemoryPermit { budget: Arc::clone(self), bytes }
    }

    /// Returns the maximum number of bytes in flight; see [`config::PipelineSettings::in_flight_bytes`].
    pub fn ceiling_bytes(&self) -> u64 {
        self.ceiling_bytes
    }

    /// Returns a channel that receives a signal when a thread begins to wait for memory. Stages that hold files back
    /// should then pass them on. A signal may arrive after the wait has ended.
    pub fn subscribe_to_shortage(&self) -> Receiver<()> {
        let (signal, receiver) = bounded(1);
        self.state.lock().shortage_signals.push(signal);
        receiver
    }

    /// Returns whether a file waits for memory.
    pub fn has_waiters(&self) -> bool {
        !self.state.lock().waiting_tickets.is_empty()
    }

    /// Returns the number of bytes in flight.
    pub fn used_bytes(&self) -> u64 {
        self.state.lock().used_bytes
    }

    /// Returns the largest number of bytes that were in flight at once.
    pub fn peak_bytes(&self) -> u64 {
        self.state.lock().peak_bytes
    }
}

impl MemoryPermit {
    /// Returns the size of this share, in bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Drop for MemoryPermit {
    fn drop(&mut self) {
        self.budget.state.lock().used_bytes -= self.bytes;
        self.budget.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn a_waiting_thread_is_admitted_when_there_is_room() {
        let (budget, cancel) = (MemoryBudget::new(100), CancelToken::default());
        let shortage = budget.subscribe_to_shortage();
        let first = budget.acquire(80, &cancel).expect("there is room");
        assert!(budget.try_acquire(21).is_none());
        assert!(shortage.is_empty(), "no thread waits");
        thread::scope(|scope| {
            let waiting = scope.spawn(|| budget.acquire(60, &cancel).is_some());
            shortage.recv().expect("a signal");
            assert!(budget.has_waiters());
            assert!(budget.try_acquire(1).is_none(), "no one overtakes a waiting thread");
            drop(first);
            assert!(waiting.join().expect("no panic"));
        });
        assert_eq!((budget.peak_bytes(), budget.has_waiters()), (80, false));
    }

    #[test]
    fn a_file_above_the_ceiling_is_admitted_alone_and_cancellation_ends_the_wait() {
        let (budget, cancel) = (MemoryBudget::new(100), CancelToken::default());
        let shortage = budget.subscribe_to_shortage();
        let alone = budget.acquire(1_000, &cancel);
        assert!(alone.is_some());
        thread::scope(|scope| {
            let waiting = scope.spawn(|| budget.acquire(1, &cancel).is_none());
            shortage.recv().expect("a signal");
            cancel.cancel();
            assert!(waiting.join().expect("no panic"));
        });
        assert!(budget.acquire(1, &cancel).is_none() && !budget.has_waiters());
    }
}
