//! The view that the readers of a store in this process share.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use super::LanceView;

/// The place for the view that a store has opened last, which its writer shares.
#[derive(Clone, Default)]
pub(in crate::lance) struct ViewSlot {
    view: Arc<Mutex<Option<Arc<LanceView>>>>,
}

impl ViewSlot {
    /// Locks the place.
    pub fn lock(&self) -> MutexGuard<'_, Option<Arc<LanceView>>> {
        self.view.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Drops the view, and with it the lock on its commit, unless a reader uses it or is about to.
    pub fn release_unused(&self) {
        let mut view = match self.view.try_lock() {
            Ok(view) => view,
            Err(TryLockError::Poisoned(view)) => view.into_inner(),
            // Somebody opens a view.
            Err(TryLockError::WouldBlock) => return,
        };
        view.take_if(|view| Arc::strong_count(view) == 1);
    }
}
