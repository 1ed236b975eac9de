//! The requests of a connection that have not been answered yet.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rmcp::RoleServer;
use rmcp::model::{ClientNotification, RequestId};
use rmcp::service::{RxJsonRpcMessage, TxJsonRpcMessage};
use tokio::sync::watch;

/// The requests that have been received and not answered. Clones share them.
#[derive(Clone)]
pub(super) struct PendingRequests(Arc<PendingState>);

struct PendingState {
    requests: Mutex<Requests>,
    /// Number of requests without an answer, those whose answer is being written included.
    left: watch::Sender<usize>,
}

#[derive(Default)]
struct Requests {
    ids: Vec<RequestId>,
    /// Number of answers that are being written.
    writing: usize,
    /// Whether the remaining requests get errors, so that no answer may follow.
    closed: bool,
}

impl Default for PendingRequests {
    fn default() -> Self {
        let left = watch::Sender::new(0);
        Self(Arc::new(PendingState { requests: Mutex::default(), left }))
    }
}

/// A guard for the time in which a message is written; dropped when it is written, or cannot be.
pub(super) struct Answering(Option<Arc<PendingState>>);

impl Drop for Answering {
    fn drop(&mut self) {
        if let Some(state) = &self.0 {
            state.change(|requests| requests.writing -= 1);
        }
    }
}

impl PendingState {
    fn lock(&self) -> MutexGuard<'_, Requests> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, change: impl FnOnce(&mut Requests) -> T) -> T {
        let mut requests = self.lock();
        let result = change(&mut requests);
        self.left.send_replace(requests.ids.len() + requests.writing);
        result
    }
}

impl PendingRequests {
    /// Notes a message from the client: a request waits for an answer, one that is cancelled gets none.
    pub fn note_message(&self, message: &RxJsonRpcMessage<RoleServer>) {
        match message {
            RxJsonRpcMessage::<RoleServer>::Request(request) => {
                self.0.change(|requests| requests.ids.push(request.id.clone()))
            }
            RxJsonRpcMessage::<RoleServer>::Notification(notification) => {
                if let ClientNotification::CancelledNotification(cancelled) = &notification.notification
                    && let Some(id) = cancelled.params.request_id.as_ref()
                {
                    self.0.change(|requests| requests.ids.retain(|known| known != id));
                }
            }
            _ => {}
        }
    }

    /// Begins to write a message; `None` if it is the answer to a request that has got an error.
    pub fn begin_answer(&self, message: &TxJsonRpcMessage<RoleServer>) -> Option<Answering> {
        let id = match message {
            TxJsonRpcMessage::<RoleServer>::Response(response) => &response.id,
            TxJsonRpcMessage::<RoleServer>::Error(error) if error.id.is_some() => error.id.as_ref()?,
            _ => return Some(Answering(None)),
        };
        self.0.change(|requests| {
            if requests.closed {
                return None;
            }
            if let Some(at) = requests.ids.iter().position(|known| known == id) {
                requests.ids.remove(at);
            }
            requests.writing += 1;
            Some(Answering(Some(Arc::clone(&self.0))))
        })
    }

    /// Returns when every request has been answered.
    pub async fn wait_until_answered(&self) {
        // The sender lives as long as `self`.
        _ = self.0.left.subscribe().wait_for(|left| *left == 0).await;
    }

    /// Ends the answers, and returns the ids of the requests without one.
    pub fn close(&self) -> Vec<RequestId> {
        self.0.change(|requests| {
            requests.closed = true;
            std::mem::take(&mut requests.ids)
        })
    }
}
