//! Counts requests in flight, so that shutdown can wait for them.

use std::sync::Arc;

use tokio::sync::watch;

/// The number of requests in flight; clones share one count.
#[derive(Clone, Default)]
pub struct InFlightRequests(Arc<watch::Sender<usize>>);

/// A guard that counts a request as in flight until it is dropped.
pub struct InFlightGuard(InFlightRequests);

impl InFlightRequests {
    /// Counts one more request until the returned guard is dropped.
    pub fn start_request(&self) -> InFlightGuard {
        self.0.send_modify(|count| *count += 1);
        InFlightGuard(self.clone())
    }

    /// Waits until no request is in flight.
    pub async fn wait_until_idle(&self) {
        // `self` holds the sender, so the channel stays open and the wait cannot fail.
        _ = self.0.subscribe().wait_for(|count| *count == 0).await;
    }
}

impl Drop for InFlightGuard {
    fn drop(&mut self) {
        (self.0).0.send_modify(|count| *count -= 1);
    }
}
