//! What is under way, so that closing can wait for it.
//!
//! Must never import anything of this crate.

use std::sync::Arc;

use tokio::sync::watch;

/// Counts what is under way.
#[derive(Clone, Default)]
pub struct Busy(Arc<watch::Sender<usize>>);

/// Something under way; dropped, it is done.
pub struct Working(Busy);

impl Busy {
    pub fn begin(&self) -> Working {
        self.0.send_modify(|count| *count += 1);
        Working(self.clone())
    }

    /// Waits until nothing is under way.
    pub async fn over(&self) {
        // The sender is in `self`: there is no end to wait for but that.
        _ = self.0.subscribe().wait_for(|count| *count == 0).await;
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        (self.0).0.send_modify(|count| *count -= 1);
    }
}
