//! Sessions of both transports, counted together.
//!
//! Invariant: there are never more than the limit, whatever comes at once. Protocols from
//! 2026-07-28 on have no sessions and do not count. Must never import: anything of this crate.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::Stream;
use rmcp::model::{ClientJsonRpcMessage, ServerJsonRpcMessage};
use rmcp::transport::streamable_http_server::session::local::{LocalSessionManager, LocalSessionManagerError};
use rmcp::transport::streamable_http_server::session::{ServerSseMessage, SessionId};
use rmcp::transport::streamable_http_server::{RestoreOutcome, SessionManager};
use tokio::sync::Mutex;

use super::options::Limits;

/// All sessions.
pub struct Sessions {
    local: LocalSessionManager,
    /// Of the older transport.
    older: AtomicUsize,
    /// Held while one is made, so that the count holds.
    making: Mutex<()>,
    most: usize,
}

/// Why there is no session.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    #[error("too many sessions")]
    Full,
    #[error(transparent)]
    Local(#[from] LocalSessionManagerError),
}

/// A session of the older transport; dropped, it does not count any more.
pub struct OlderSession(Arc<Sessions>);

impl Drop for OlderSession {
    fn drop(&mut self) {
        self.0.older.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Sessions {
    pub fn new(limits: &Limits, retry: Duration) -> Self {
        let mut local = LocalSessionManager::default();
        local.session_config.keep_alive = Some(limits.session);
        local.session_config.init_timeout = Some(limits.head);
        local.session_config.sse_retry = Some(retry);
        Self { local, older: AtomicUsize::new(0), making: Mutex::new(()), most: limits.sessions }
    }

    /// Sessions of streamable HTTP and of the older transport.
    pub async fn count(&self) -> (usize, usize) {
        (self.local.sessions.read().await.len(), self.older.load(Ordering::Relaxed))
    }

    /// Whether there is no room for one more.
    pub async fn is_full(&self) -> bool {
        let (local, older) = self.count().await;
        local + older >= self.most
    }

    /// Room for one of the older transport.
    pub async fn make_older(self: &Arc<Self>) -> Option<OlderSession> {
        let _making = self.making.lock().await;
        if self.is_full().await {
            return None;
        }
        self.older.fetch_add(1, Ordering::Relaxed);
        Some(OlderSession(Arc::clone(self)))
    }
}

impl SessionManager for Sessions {
    type Error = SessionError;
    type Transport = <LocalSessionManager as SessionManager>::Transport;

    async fn create_session(&self) -> Result<(SessionId, Self::Transport), SessionError> {
        let _making = self.making.lock().await;
        if self.is_full().await {
            return Err(SessionError::Full);
        }
        Ok(self.local.create_session().await?)
    }

    async fn initialize_session(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<ServerJsonRpcMessage, SessionError> {
        Ok(self.local.initialize_session(id, message).await?)
    }

    async fn has_session(&self, id: &SessionId) -> Result<bool, SessionError> {
        Ok(self.local.has_session(id).await?)
    }

    async fn close_session(&self, id: &SessionId) -> Result<(), SessionError> {
        Ok(self.local.close_session(id).await?)
    }

    async fn create_stream(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, SessionError> {
        Ok(self.local.create_stream(id, message).await?)
    }

    async fn accept_message(&self, id: &SessionId, message: ClientJsonRpcMessage) -> Result<(), SessionError> {
        Ok(self.local.accept_message(id, message).await?)
    }

    async fn create_standalone_stream(
        &self,
        id: &SessionId,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, SessionError> {
        Ok(self.local.create_standalone_stream(id).await?)
    }

    async fn resume(
        &self,
        id: &SessionId,
        last_event_id: String,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, SessionError> {
        Ok(self.local.resume(id, last_event_id).await?)
    }

    async fn restore_session(&self, id: SessionId) -> Result<RestoreOutcome<Self::Transport>, SessionError> {
        Ok(self.local.restore_session(id).await?)
    }
}
