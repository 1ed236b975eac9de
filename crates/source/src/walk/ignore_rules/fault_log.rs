//! The warnings about ignore files that cannot be used.

use std::sync::{Mutex, PoisonError};

/// Maximum number of faults that are logged.
const MAX_FAULTS: usize = 1_000;

/// Logs each fault of the ignore files of a tree once, however often the tree is walked.
#[derive(Default)]
pub struct FaultLog {
    logged: Mutex<Vec<String>>,
}

impl FaultLog {
    /// Logs a fault, unless it has been logged before, or [`MAX_FAULTS`] others have. `fault` names the file, or a line
    /// of it, and the reason.
    pub(super) fn warn_once(&self, fault: String) {
        let mut logged = self.logged.lock().unwrap_or_else(PoisonError::into_inner);
        if logged.len() < MAX_FAULTS && !logged.contains(&fault) {
            tracing::warn!("cannot use {fault}; what it excludes may be indexed");
            logged.push(fault);
        }
    }

    /// Returns the logged faults in order.
    #[cfg(test)]
    pub(in crate::walk) fn faults(&self) -> Vec<String> {
        self.logged.lock().expect("no panic").clone()
    }
}
