//! How much may be on its way through the stages at once.
//!
//! Owns the count of bytes in flight. A file is admitted before it is read and counted until its
//! rows are committed. Invariants: the count never passes the ceiling; who waits first is admitted
//! first, so that a large file is not passed by for ever; every permit that is dropped wakes a
//! waiter. Must never import: anything of this crate but `index`.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::CancelToken;

/// How long a waiting stage goes without looking whether the run was cancelled.
const CANCEL_POLL: Duration = Duration::from_millis(50);

/// Bytes in flight for each byte of a file at its widest: the text as read, in chunks, as passage
/// and as search text, its vectors, and all of that once more in the rows of a commit.
const BYTES_PER_BYTE: u64 = 12;

/// Bytes in flight for a file of any size: its path and record at every hand-off.
const BYTES_PER_FILE: u64 = 4 << 10;

/// What a file of `size_bytes` may take in flight.
pub(super) fn cost(size_bytes: u64) -> u64 {
    size_bytes.saturating_mul(BYTES_PER_BYTE).saturating_add(BYTES_PER_FILE)
}

/// The largest file that `in_flight_bytes` admit.
pub(super) fn largest_file(in_flight_bytes: u64) -> u64 {
    in_flight_bytes.saturating_sub(BYTES_PER_FILE) / BYTES_PER_BYTE
}

/// The ceiling and what counts towards it.
pub(super) struct MemoryBudget {
    ceiling_bytes: u64,
    state: Mutex<State>,
    freed: Condvar,
}

#[derive(Default)]
struct State {
    used_bytes: u64,
    peak_bytes: u64,
    /// Who waits, the first one first; each has a number of its own.
    line: VecDeque<u64>,
    /// Numbers given so far.
    places: u64,
}

/// A file's share of the budget, given back when dropped.
pub(super) struct Permit {
    budget: Arc<MemoryBudget>,
    bytes: u64,
}

impl MemoryBudget {
    /// Nothing is in flight yet.
    pub fn new(ceiling_bytes: u64) -> Arc<Self> {
        Arc::new(Self { ceiling_bytes, state: Mutex::default(), freed: Condvar::new() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A share of `bytes` if there is room for it now.
    pub fn try_acquire(self: &Arc<Self>, bytes: u64) -> Option<Permit> {
        let mut state = self.state();
        let fits = state.used_bytes + bytes <= self.ceiling_bytes && state.line.is_empty();
        fits.then(|| self.grant(&mut state, bytes))
    }

    /// A share of `bytes`, once there is room for it; `None` when the run is cancelled. More than
    /// the ceiling is granted when nothing else is in flight. `waited` is told of the wait while it goes on.
    pub fn acquire(self: &Arc<Self>, bytes: u64, cancel: &CancelToken, waited: &dyn Fn(Duration)) -> Option<Permit> {
        let mut told = Instant::now();
        let mut state = self.state();
        let place = state.places;
        state.places += 1;
        state.line.push_back(place);
        let is_mine = |state: &State| state.line.front() == Some(&place);
        while !is_mine(&state) || (state.used_bytes > 0 && state.used_bytes + bytes > self.ceiling_bytes) {
            if cancel.is_cancelled() {
                state.line.retain(|waiting| *waiting != place);
                return None;
            }
            state = self.freed.wait_timeout(state, CANCEL_POLL).unwrap_or_else(PoisonError::into_inner).0;
            let now = Instant::now();
            waited(now - told);
            told = now;
        }
        state.line.pop_front();
        self.freed.notify_all(); // there may be room for the next one too
        Some(self.grant(&mut state, bytes))
    }

    fn grant(self: &Arc<Self>, state: &mut State, bytes: u64) -> Permit {
        state.used_bytes += bytes;
        state.peak_bytes = state.peak_bytes.max(state.used_bytes);
        Permit { budget: Arc::clone(self), bytes }
    }

    /// See [`crate::config::Pipeline::in_flight_bytes`].
    pub fn ceiling_bytes(&self) -> u64 {
        self.ceiling_bytes
    }

    /// Whether a file waits for others to be committed: who holds some back should hand it on.
    pub fn is_short(&self) -> bool {
        !self.state().line.is_empty()
    }

    /// The most that was in flight at once, in bytes.
    pub fn peak_bytes(&self) -> u64 {
        self.state().peak_bytes
    }
}

impl Permit {
    /// Its share.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Drop for Permit {
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
    fn the_ceiling_holds_and_who_waits_is_admitted_when_there_is_room() {
        let (budget, cancel) = (MemoryBudget::new(100), CancelToken::default());
        let first = budget.acquire(80, &cancel, &|_| ()).expect("there is room");
        assert!(budget.try_acquire(21).is_none());
        let told = AtomicBool::new(false);
        thread::scope(|scope| {
            let waiting =
                scope.spawn(|| budget.acquire(60, &cancel, &|_| told.store(true, Ordering::SeqCst)).is_some());
            while !budget.is_short() {
                thread::yield_now();
            }
            assert!(budget.try_acquire(1).is_none(), "nobody passes by who waits");
            while !told.load(Ordering::SeqCst) {
                thread::yield_now(); // the wait is told before it is over
            }
            drop(first);
            assert!(waiting.join().expect("no panic"));
        });
        assert_eq!((budget.peak_bytes(), budget.is_short()), (80, false));
    }

    #[test]
    fn what_is_larger_than_the_ceiling_goes_alone_and_a_cancelled_run_waits_for_nothing() {
        let (budget, cancel) = (MemoryBudget::new(100), CancelToken::default());
        let alone = budget.acquire(1_000, &cancel, &|_| ());
        assert!(alone.is_some());
        cancel.cancel();
        assert!(budget.acquire(1, &cancel, &|_| ()).is_none());
    }
}
