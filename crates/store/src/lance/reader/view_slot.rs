//! The view that the readers of a store in this process share.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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

    /// Drops the view, and with it the lock on its commit, unless a reader uses it.
    pub fn release_unused(&self) {
        self.lock().take_if(|view| Arc::strong_count(view) == 1);
    }
}
