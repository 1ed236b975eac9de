//! MCP sessions of both HTTP transports, under one limit.
//!
//! Invariants: the number of sessions never exceeds the limit, even when several are created at once. At the limit, a
//! new session replaces the session of streamable HTTP that has been idle longest, so clients that disappear without
//! closing such a session lock no other client out; it is refused if none is idle. Protocol versions from 2026-07-28 on
//! have no sessions and do not count.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use futures::{Stream, StreamExt as _};
use rmcp::model::{ClientJsonRpcMessage, ServerJsonRpcMessage};
use rmcp::transport::streamable_http_server::session::local::{LocalSessionManager, LocalSessionManagerError};
use rmcp::transport::streamable_http_server::session::{ServerSseMessage, SessionId};
use rmcp::transport::streamable_http_server::{RestoreOutcome, SessionManager};
use tokio::sync::Mutex;

use super::options::HttpLimits;

/// All open sessions of streamable HTTP and of legacy SSE.
pub struct HttpSessions {
    local: LocalSessionManager,
    /// Number of open legacy SSE sessions.
    legacy_sse: AtomicUsize,
    /// Lock held while a session is created, so that two sessions cannot take the last free slot.
    creation_lock: Mutex<()>,
    activity: SessionActivity,
    max_sessions: usize,
}

/// Last use and open streams of each streamable HTTP session; clones share one map.
#[derive(Clone, Default)]
struct SessionActivity(Arc<std::sync::Mutex<HashMap<SessionId, SessionUse>>>);

/// The last use and the open streams of one session.
struct SessionUse {
    /// Number of open streams; a session with an open stream is not idle.
    streams: usize,
    last_used: Instant,
}

impl SessionActivity {
    /// Runs `work` on the locked map.
    fn with_map<T>(&self, work: impl FnOnce(&mut HashMap<SessionId, SessionUse>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Marks a session as used now, with `streams` more open streams.
    fn touch(&self, id: &SessionId, streams: usize) {
        self.with_map(|uses| {
            let used = uses.entry(id.clone()).or_insert(SessionUse { streams: 0, last_used: Instant::now() });
            used.streams += streams;
            used.last_used = Instant::now();
        });
    }

    /// Removes and returns the session that has been idle longest; `None` if every session has an open stream.
    fn remove_longest_idle(&self) -> Option<SessionId> {
        self.with_map(|uses| {
            let idle = uses.iter().filter(|(_, used)| used.streams == 0);
            let (id, _) = idle.min_by_key(|(_, used)| used.last_used)?;
            let id = id.clone();
            uses.remove(&id);
            Some(id)
        })
    }

    /// Wraps a session's stream so that the session does not count as idle until the stream is dropped.
    fn track_stream<T, S: Stream<Item = T>>(&self, id: &SessionId, stream: S) -> impl Stream<Item = T> + use<T, S> {
        self.touch(id, 1);
        let guard = OpenStreamGuard { activity: self.clone(), id: id.clone() };
        stream.map(move |message| {
            // Moves the guard into the closure, which is dropped with the stream.
            let _guard = &guard;
            message
        })
    }
}

/// A guard that counts an open stream of a session until it is dropped.
struct OpenStreamGuard {
    activity: SessionActivity,
    id: SessionId,
}

impl Drop for OpenStreamGuard {
    fn drop(&mut self) {
        self.activity.with_map(|uses| {
            if let Some(used) = uses.get_mut(&self.id) {
                used.streams = used.streams.saturating_sub(1);
                used.last_used = Instant::now();
            }
        });
    }
}

/// Time for which the messages of a completed response are kept, whether delivered or not, in multiples of the delay
/// after which clients reconnect.
const RETRY_DELAYS_KEPT: u32 = 3;

/// The reason why a session operation failed.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    #[error("too many sessions")]
    Full,
    #[error(transparent)]
    Local(#[from] LocalSessionManagerError),
}

/// A guard that counts a legacy SSE session as open until it is dropped.
pub struct LegacySseSession(Arc<HttpSessions>);

impl Drop for LegacySseSession {
    fn drop(&mut self) {
        self.0.legacy_sse.fetch_sub(1, Ordering::Relaxed);
    }
}

impl HttpSessions {
    /// Creates an empty registry; clients reconnect a broken stream after `retry`.
    pub fn new(limits: &HttpLimits, retry: Duration) -> Self {
        let mut local = LocalSessionManager::default();
        local.session_config.keep_alive = Some(limits.session_timeout);
        local.session_config.init_timeout = Some(limits.head_timeout);
        local.session_config.sse_retry = Some(retry);
        local.session_config.completed_cache_ttl = retry * RETRY_DELAYS_KEPT;
        let (legacy_sse, creation_lock, activity) = (AtomicUsize::new(0), Mutex::new(()), SessionActivity::default());
        Self { local, legacy_sse, creation_lock, activity, max_sessions: limits.sessions }
    }

    /// Returns the number of open sessions of streamable HTTP and of legacy SSE.
    pub async fn count_by_transport(&self) -> (usize, usize) {
        (self.local.sessions.read().await.len(), self.legacy_sse.load(Ordering::Relaxed))
    }

    /// Closes idle sessions of streamable HTTP until there is room for one more; returns `false` if none is idle.
    pub async fn make_room(&self) -> bool {
        loop {
            let (streamable, legacy_sse) = self.count_by_transport().await;
            if streamable + legacy_sse < self.max_sessions {
                return true;
            }
            let Some(idle) = self.activity.remove_longest_idle() else { return false };
            if let Err(error) = self.local.close_session(&idle).await {
                tracing::debug!("cannot close an idle session: {error}");
            }
        }
    }

    /// Reserves a slot for a legacy SSE session; `None` if there is no room and no idle session to close.
    pub async fn reserve_legacy_sse(self: &Arc<Self>) -> Option<LegacySseSession> {
        let _lock = self.creation_lock.lock().await;
        if !self.make_room().await {
            return None;
        }
        self.legacy_sse.fetch_add(1, Ordering::Relaxed);
        Some(LegacySseSession(Arc::clone(self)))
    }
}

impl SessionManager for HttpSessions {
    type Error = SessionError;
    type Transport = <LocalSessionManager as SessionManager>::Transport;

    async fn create_session(&self) -> Result<(SessionId, Self::Transport), SessionError> {
        let _lock = self.creation_lock.lock().await;
        if !self.make_room().await {
            return Err(SessionError::Full);
        }
        let (id, transport) = self.local.create_session().await?;
        self.activity.touch(&id, 0);
        Ok((id, transport))
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
        self.activity.with_map(|uses| uses.remove(id));
        Ok(self.local.close_session(id).await?)
    }

    async fn create_stream(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, SessionError> {
        Ok(self.activity.track_stream(id, self.local.create_stream(id, message).await?))
    }

    async fn accept_message(&self, id: &SessionId, message: ClientJsonRpcMessage) -> Result<(), SessionError> {
        self.activity.touch(id, 0);
        Ok(self.local.accept_message(id, message).await?)
    }

    async fn create_standalone_stream(
        &self,
        id: &SessionId,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, SessionError> {
        Ok(self.activity.track_stream(id, self.local.create_standalone_stream(id).await?))
    }

    async fn resume(
        &self,
        id: &SessionId,
        last_event_id: String,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, SessionError> {
        Ok(self.activity.track_stream(id, self.local.resume(id, last_event_id).await?))
    }

    async fn restore_session(&self, id: SessionId) -> Result<RestoreOutcome<Self::Transport>, SessionError> {
        Ok(self.local.restore_session(id).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_session_replaces_the_longest_idle_one_but_none_with_an_open_stream() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let limits = HttpLimits { sessions: 3, ..HttpLimits::default() };
            let sessions = Arc::new(HttpSessions::new(&limits, Duration::from_secs(1)));
            // Completed responses are kept only a little longer than a client takes to reconnect.
            assert!(sessions.local.session_config.completed_cache_ttl <= Duration::from_secs(5));
            let mut ids = Vec::new();
            for _ in 0..3 {
                ids.push(sessions.create_session().await.expect("there is room").0);
            }
            let reading = sessions.activity.track_stream(&ids[0], futures::stream::pending::<()>());
            sessions.activity.touch(&ids[1], 0);
            let (fourth, _) = sessions.create_session().await.expect("room is made");
            let mut there = Vec::new();
            for id in &ids {
                there.push(sessions.has_session(id).await.expect("the session is looked up"));
            }
            assert_eq!(there, [true, true, false]);
            let streams =
                [&ids[1], &fourth].map(|id| sessions.activity.track_stream(id, futures::stream::pending::<()>()));
            assert!(sessions.create_session().await.is_err() && sessions.reserve_legacy_sse().await.is_none());
            drop(reading);
            assert!(sessions.reserve_legacy_sse().await.is_some());
            assert!(!sessions.has_session(&ids[0]).await.expect("the session is looked up"));
            drop(streams);
        });
    }
}
