//! The context of a call: when to stop, where to send progress, and which forms of an answer the client receives.

use answer::AnswerForm;
use platform::cancel::CancelToken;
use rmcp::RoleServer;
use rmcp::model::{ProgressNotificationParam, ProgressToken};
use rmcp::service::{Peer, RequestContext};
use tokio::sync::oneshot;

/// The cancellation and the progress of a call, and the forms of its answer.
pub struct CallContext {
    /// Token that stops the work of the call. It is cancelled when the client cancels the call or disconnects,
    /// and when the call takes too long.
    pub cancel: CancelToken,
    pub form: AnswerForm,
    progress: Option<ProgressReceiver>,
}

/// A client that requested the progress of its call.
struct ProgressReceiver {
    peer: Peer<RoleServer>,
    token: ProgressToken,
}

impl CallContext {
    /// Creates the context of a request; `cancel` stops the work of the request.
    pub fn new(cancel: CancelToken, form: AnswerForm, request: &RequestContext<RoleServer>) -> Self {
        let token = request.meta.get_progress_token();
        let progress = token.map(|token| ProgressReceiver { peer: request.peer.clone(), token });
        Self { cancel, form, progress }
    }

    /// Creates the context of a call outside of a request.
    #[cfg(test)]
    pub fn without_request() -> Self {
        Self { cancel: CancelToken::default(), form: AnswerForm::TextAndData, progress: None }
    }

    /// Resolves when the call is cancelled.
    pub async fn cancelled(&self) {
        wait_until_cancelled(&self.cancel).await;
    }

    /// Sends progress to the client, if it requested it: `done` of `total` steps, and a message for people.
    pub async fn send_progress(&self, done: u64, total: Option<u64>, message: String) {
        let Some(progress) = &self.progress else { return };
        let mut notification =
            ProgressNotificationParam::new(progress.token.clone(), done as f64).with_message(message);
        notification.total = total.map(|total| total as f64);
        if let Err(error) = progress.peer.notify_progress(notification).await {
            tracing::debug!("cannot send progress: {error}");
        }
    }
}

/// A guard that cancels a token when it is dropped.
pub struct CancelOnDrop(pub CancelToken);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// Resolves when `token` is cancelled.
pub async fn wait_until_cancelled(token: &CancelToken) {
    let (sender, cancelled) = oneshot::channel::<()>();
    let _listener = token.on_cancel(move || drop(sender));
    // The sender sends nothing: it is dropped by the callback, which is kept until then.
    _ = cancelled.await;
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread;

    use super::*;

    #[test]
    fn a_task_wakes_when_its_call_is_cancelled() {
        let context = Arc::new(CallContext::without_request());
        let waiting = thread::spawn({
            let context = Arc::clone(&context);
            move || futures::executor::block_on(context.cancelled())
        });
        drop(CancelOnDrop(context.cancel.clone()));
        waiting.join().expect("no panic");
        futures::executor::block_on(context.cancelled());
    }
}
