//! Sessions of both transports, counted together.
//!
//! Invariants: there are never more than the limit, whatever comes at once; a new one is made as long
//! as any is idle, because the one that was idle for longest makes room for it, so that clients that go
//! without a word lock nobody out. Protocols from 2026-07-28 on have no sessions and do not count.
//! Must never import: anything of this crate.

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

use super::options::Limits;

/// All sessions.
pub struct Sessions {
    local: LocalSessionManager,
    /// Of the older transport.
    older: AtomicUsize,
    /// Held while one is made, so that the count holds.
    making: Mutex<()>,
    uses: Uses,
    most: usize,
}

/// When sessions of streamable HTTP were last of use.
#[derive(Clone, Default)]
struct Uses(Arc<std::sync::Mutex<HashMap<SessionId, Use>>>);

struct Use {
    /// Streams that somebody may be reading.
    streams: usize,
    since: Instant,
}

impl Uses {
    fn with<T>(&self, work: impl FnOnce(&mut HashMap<SessionId, Use>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn touch(&self, id: &SessionId, streams: usize) {
        self.with(|uses| {
            let used = uses.entry(id.clone()).or_insert(Use { streams: 0, since: Instant::now() });
            used.streams += streams;
            used.since = Instant::now();
        });
    }

    /// Takes out the session that was idle for longest.
    fn take_idle(&self) -> Option<SessionId> {
        self.with(|uses| {
            let idle = uses.iter().filter(|(_, used)| used.streams == 0);
            let (id, _) = idle.min_by_key(|(_, used)| used.since)?;
            let id = id.clone();
            uses.remove(&id);
            Some(id)
        })
    }

    /// The stream of a session, which is no idle one until it ends.
    fn reading<T, S: Stream<Item = T>>(&self, id: &SessionId, stream: S) -> impl Stream<Item = T> + use<T, S> {
        self.touch(id, 1);
        let reading = Reading { uses: self.clone(), id: id.clone() };
        stream.map(move |message| {
            // It goes with the stream.
            let _reading = &reading;
            message
        })
    }
}

/// A stream that goes on.
struct Reading {
    uses: Uses,
    id: SessionId,
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.uses.with(|uses| {
            if let Some(used) = uses.get_mut(&self.id) {
                used.streams = used.streams.saturating_sub(1);
                used.since = Instant::now();
            }
        });
    }
}

/// How many times the pause after which a client comes back what it missed is kept. Until then, an
/// answer that was sent is held all the same.
const KEPT_PAUSES: u32 = 3;

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
        local.session_config.completed_cache_ttl = retry * KEPT_PAUSES;
        let (older, making, uses) = (AtomicUsize::new(0), Mutex::new(()), Uses::default());
        Self { local, older, making, uses, most: limits.sessions }
    }

    /// Sessions of streamable HTTP and of the older transport.
    pub async fn count(&self) -> (usize, usize) {
        (self.local.sessions.read().await.len(), self.older.load(Ordering::Relaxed))
    }

    /// Whether there is room for one more, which may be made by ending an idle one.
    pub async fn make_room(&self) -> bool {
        loop {
            let (local, older) = self.count().await;
            if local + older < self.most {
                return true;
            }
            let Some(idle) = self.uses.take_idle() else { return false };
            if let Err(error) = self.local.close_session(&idle).await {
                tracing::debug!("an idle session did not end well: {error}");
            }
        }
    }

    /// Room for one of the older transport.
    pub async fn make_older(self: &Arc<Self>) -> Option<OlderSession> {
        let _making = self.making.lock().await;
        if !self.make_room().await {
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
        if !self.make_room().await {
            return Err(SessionError::Full);
        }
        let (id, transport) = self.local.create_session().await?;
        self.uses.touch(&id, 0);
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
        self.uses.with(|uses| uses.remove(id));
        Ok(self.local.close_session(id).await?)
    }

    async fn create_stream(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, SessionError> {
        Ok(self.uses.reading(id, self.local.create_stream(id, message).await?))
    }

    async fn accept_message(&self, id: &SessionId, message: ClientJsonRpcMessage) -> Result<(), SessionError> {
        self.uses.touch(id, 0);
        Ok(self.local.accept_message(id, message).await?)
    }

    async fn create_standalone_stream(
        &self,
        id: &SessionId,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, SessionError> {
        Ok(self.uses.reading(id, self.local.create_standalone_stream(id).await?))
    }

    async fn resume(
        &self,
        id: &SessionId,
        last_event_id: String,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, SessionError> {
        Ok(self.uses.reading(id, self.local.resume(id, last_event_id).await?))
    }

    async fn restore_session(&self, id: SessionId) -> Result<RestoreOutcome<Self::Transport>, SessionError> {
        Ok(self.local.restore_session(id).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_idle_session_makes_room_and_one_that_is_read_does_not() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let limits = Limits { sessions: 3, ..Limits::default() };
            let sessions = Arc::new(Sessions::new(&limits, Duration::from_secs(1)));
            // What was answered is not kept much longer than somebody might come back for it.
            assert!(sessions.local.session_config.completed_cache_ttl <= Duration::from_secs(5));
            let mut ids = Vec::new();
            for _ in 0..3 {
                ids.push(sessions.create_session().await.expect("there is room").0);
            }
            let reading = sessions.uses.reading(&ids[0], futures::stream::pending::<()>());
            sessions.uses.touch(&ids[1], 0);
            let (fourth, _) = sessions.create_session().await.expect("room is made");
            let mut there = Vec::new();
            for id in &ids {
                there.push(sessions.has_session(id).await.expect("it is asked"));
            }
            assert_eq!(there, [true, true, false]);
            let streams = [&ids[1], &fourth].map(|id| sessions.uses.reading(id, futures::stream::pending::<()>()));
            assert!(sessions.create_session().await.is_err() && sessions.make_older().await.is_none());
            drop(reading);
            assert!(sessions.make_older().await.is_some());
            assert!(!sessions.has_session(&ids[0]).await.expect("it is asked"));
            drop(streams);
        });
    }
}
