//! A limited number of permits, for which threads wait until they are cancelled.

use std::sync::{Condvar, Mutex, PoisonError};

use crate::cancel::CancelToken;

/// A pool of permits.
pub struct PermitPool {
    free: Mutex<usize>,
    /// Notified when a permit is returned or a wait is cancelled.
    changed: Condvar,
}

/// A permit, which returns to its pool when it is dropped.
pub struct Permit<'p> {
    pool: &'p PermitPool,
}

impl PermitPool {
    /// Creates a pool of `permits` permits.
    pub const fn new(permits: usize) -> Self {
        Self { free: Mutex::new(permits), changed: Condvar::new() }
    }

    /// Waits for a permit; `None` if `cancel` is cancelled before there is one.
    pub fn wait_for_permit(&'static self, cancel: &CancelToken) -> Option<Permit<'static>> {
        let _listener = cancel.on_cancel(|| {
            // A thread that has checked the token holds the lock until it waits.
            drop(self.free.lock());
            self.changed.notify_all();
        });
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        while *free == 0 {
            if cancel.is_cancelled() {
                return None;
            }
            free = self.changed.wait(free).unwrap_or_else(PoisonError::into_inner);
        }
        *free -= 1;
        Some(Permit { pool: self })
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        *self.pool.free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.pool.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_returned_permit_goes_to_a_waiting_thread_and_a_cancelled_wait_ends() {
        static POOL: PermitPool = PermitPool::new(1);
        let never = CancelToken::default();
        let first = POOL.wait_for_permit(&never).expect("a permit");
        let cancelled = CancelToken::default();
        cancelled.cancel();
        assert!(POOL.wait_for_permit(&cancelled).is_none());
        let waiting = std::thread::spawn(|| POOL.wait_for_permit(&CancelToken::default()).is_some());
        drop(first);
        assert!(waiting.join().expect("no panic"));
        assert!(POOL.wait_for_permit(&never).is_some());
    }
}
