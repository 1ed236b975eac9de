//! Legacy SSE, the HTTP transport of MCP before streamable HTTP: an event stream, and posted messages.
//!
//! `GET /sse` opens a session. Its first event names the URL to post the session's messages to; all
//! messages of the server follow as events. The session ends with the stream. Invariant: the queues of
//! both directions are bounded, and a slow client delays only its own session.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::CACHE_CONTROL;
use http::{HeaderValue, Response, StatusCode};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use rmcp::model::{ClientNotification, JsonRpcMessage, RequestId};
use rmcp::service::{RxJsonRpcMessage, TxJsonRpcMessage};
use rmcp::transport::Transport;
use rmcp::{RoleServer, ServerHandler, ServiceExt as _};
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::http::body::{self, BodyPermit, BodyWithGuard, ResponseBody};
use super::http::in_flight::{InFlightGuard, InFlightRequests};
use super::http::sessions::{HttpSessions, LegacySseSession};

/// Capacity of a session's queues, in messages per direction.
const QUEUE_CAPACITY: usize = 16;

/// Time without an event after which a comment is sent, so that proxies do not close an idle stream.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(15);

/// A message of the client, with the permit for the memory of its body.
type IncomingMessage = (RxJsonRpcMessage<RoleServer>, BodyPermit);

/// The sender of a client's messages to its session.
type IncomingSender = mpsc::Sender<IncomingMessage>;

/// The legacy SSE endpoints, with their open sessions by id.
pub struct LegacySse<S> {
    service: S,
    sessions: Arc<HttpSessions>,
    open: Arc<Mutex<HashMap<String, IncomingSender>>>,
    shutdown: CancellationToken,
    in_flight: InFlightRequests,
}

/// A guard that ends a session when the session's stream is dropped.
struct LegacySessionGuard {
    id: String,
    open: Arc<Mutex<HashMap<String, IncomingSender>>>,
    _cancel: DropGuard,
    _counted: LegacySseSession,
}

impl Drop for LegacySessionGuard {
    fn drop(&mut self) {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
    }
}

impl<S: ServerHandler + Clone> LegacySse<S> {
    /// Creates the endpoints for `service`; cancelling `shutdown` ends every session.
    pub fn new(
        service: S,
        sessions: Arc<HttpSessions>,
        shutdown: CancellationToken,
        in_flight: InFlightRequests,
    ) -> Self {
        Self { service, sessions, open: Arc::default(), shutdown, in_flight }
    }

    /// Answers `GET /sse`: opens a session and returns its event stream.
    pub async fn open_session(&self) -> Response<ResponseBody> {
        let Some(counted) = self.sessions.reserve_legacy_sse().await else {
            return body::text_response(
                StatusCode::SERVICE_UNAVAILABLE,
                "too many sessions; close some, or try again later",
            );
        };
        let (incoming, messages) = mpsc::channel(QUEUE_CAPACITY);
        let (outgoing, events) = mpsc::channel(QUEUE_CAPACITY);
        let id = uuid::Uuid::new_v4().to_string();
        let cancel = self.shutdown.child_token();
        self.open.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone(), incoming);
        let transport =
            LegacySseTransport { messages, outgoing, in_flight: self.in_flight.clone(), unanswered: Arc::default() };
        let (service, ended) = (self.service.clone(), cancel.clone());
        tokio::spawn(async move {
            match service.serve_with_ct(transport, ended).await {
                Ok(running) => _ = running.waiting().await,
                Err(error) => tracing::debug!("cannot start a session over /sse: {error}"),
            }
        });
        let first = format!("event: endpoint\ndata: /messages?sessionId={id}\n\n");
        let guard =
            LegacySessionGuard { id, open: Arc::clone(&self.open), _cancel: cancel.drop_guard(), _counted: counted };
        let mut response = body::typed_response(StatusCode::OK, "text/event-stream", "");
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        response.map(|_| BodyWithGuard::boxed(event_stream_body(first, events), guard))
    }

    /// Answers `POST /messages?sessionId=…`: passes a message to its session, after waiting at most `limit` for room in
    /// the session's queue.
    pub async fn post_message(
        &self,
        query: Option<&str>,
        message: IncomingMessage,
        limit: Duration,
    ) -> Response<ResponseBody> {
        let parts = query.unwrap_or_default().split('&').filter_map(|part| part.split_once('='));
        let Some((_, id)) = parts.into_iter().find(|(name, _)| *name == "sessionId") else {
            return body::text_response(
                StatusCode::BAD_REQUEST,
                "the URL has no sessionId; post to the URL that GET /sse returns",
            );
        };
        let incoming = self.open.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned();
        let Some(incoming) = incoming else {
            return body::text_response(StatusCode::NOT_FOUND, "no such session; open one with GET /sse");
        };
        match incoming.send_timeout(message, limit).await {
            Ok(()) => body::text_response(StatusCode::ACCEPTED, "Accepted"),
            Err(mpsc::error::SendTimeoutError::Closed(_)) => {
                body::text_response(StatusCode::NOT_FOUND, "the session has ended; open another with GET /sse")
            }
            Err(mpsc::error::SendTimeoutError::Timeout(_)) => body::text_response(
                StatusCode::SERVICE_UNAVAILABLE,
                "the session's queue is full; read its event stream",
            ),
        }
    }
}

/// Returns a response body that sends `first`, then `events`, with comments during pauses.
fn event_stream_body(first: String, events: mpsc::Receiver<Bytes>) -> ResponseBody {
    let frame = |bytes| Ok::<_, Infallible>(Frame::data(bytes));
    let start = futures::stream::iter([frame(Bytes::from(first))]);
    let rest = futures::stream::unfold(events, move |mut events| async move {
        let next = match tokio::time::timeout(KEEP_ALIVE_INTERVAL, events.recv()).await {
            Ok(event) => event?,
            Err(_) => Bytes::from_static(b": still here\n\n"),
        };
        Some((frame(next), events))
    });
    // A boxed body must be `Sync`, and this stream is not.
    let all = futures::StreamExt::chain(start, rest);
    StreamBody::new(sync_wrapper(all)).boxed()
}

/// Wraps a stream in a mutex, which makes it `Sync`. Polling needs exclusive access, so the mutex never blocks.
fn sync_wrapper<T: Send>(
    stream: impl futures::Stream<Item = T> + Send,
) -> impl futures::Stream<Item = T> + Send + Sync {
    let mut stream = Mutex::new(Box::pin(stream));
    futures::stream::poll_fn(move |context| {
        let stream = stream.get_mut().unwrap_or_else(PoisonError::into_inner);
        stream.as_mut().poll_next(context)
    })
}

/// The server side of a legacy SSE session.
struct LegacySseTransport {
    messages: mpsc::Receiver<IncomingMessage>,
    outgoing: mpsc::Sender<Bytes>,
    in_flight: InFlightRequests,
    /// Guards of the requests that have no response yet, by request id.
    unanswered: Arc<Mutex<HashMap<RequestId, (InFlightGuard, BodyPermit)>>>,
}

impl Transport<RoleServer> for LegacySseTransport {
    type Error = io::Error;

    fn send(&mut self, message: TxJsonRpcMessage<RoleServer>) -> impl Future<Output = io::Result<()>> + Send + 'static {
        let (outgoing, unanswered) = (self.outgoing.clone(), Arc::clone(&self.unanswered));
        async move {
            let answered = match &message {
                JsonRpcMessage::Response(response) => Some(response.id.clone()),
                JsonRpcMessage::Error(error) => error.id.clone(),
                _ => None,
            };
            // Serialized JSON contains no line breaks, so one data line holds the whole message.
            let event = format!("event: message\ndata: {}\n\n", serde_json::to_string(&message)?);
            let sent = outgoing.send(Bytes::from(event)).await;
            if let Some(id) = answered {
                unanswered.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
            }
            sent.map_err(|_| io::ErrorKind::BrokenPipe.into())
        }
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleServer>> {
        let (message, permit) = self.messages.recv().await?;
        let mut unanswered = self.unanswered.lock().unwrap_or_else(PoisonError::into_inner);
        match &message {
            JsonRpcMessage::Request(request) => {
                unanswered.insert(request.id.clone(), (self.in_flight.start_request(), permit));
            }
            // A cancelled request gets no response.
            JsonRpcMessage::Notification(notification) => {
                if let ClientNotification::CancelledNotification(cancelled) = &notification.notification
                    && let Some(id) = &cancelled.params.request_id
                {
                    unanswered.remove(id);
                }
            }
            _ => {}
        }
        drop(unanswered);
        Some(message)
    }

    async fn close(&mut self) -> io::Result<()> {
        self.messages.close();
        Ok(())
    }
}
