//! The transport from before streamable HTTP: a stream of events, and messages posted beside it.
//!
//! `GET /sse` opens a session: its first event names the address that takes the session's messages,
//! everything the server says comes as further events. The session ends with the stream. Invariant:
//! both ways are bounded; who does not read is waited for, and holds up nobody else.
//! Must never import: anything of this crate.

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

use super::body::{self, Answer, Held, Holding};
use super::busy::{Busy, Working};
use super::sessions::{OlderSession, Sessions};

/// Messages of a session on their way in, and out.
const QUEUE: usize = 16;

/// A comment is sent when nothing else was for so long, so that nobody between takes the stream for dead.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// A message, and what holds the room of its body.
type Coming = (RxJsonRpcMessage<RoleServer>, Held);

type Inward = mpsc::Sender<Coming>;

/// The sessions and what serves them.
pub struct Older<S> {
    service: S,
    sessions: Arc<Sessions>,
    open: Arc<Mutex<HashMap<String, Inward>>>,
    ending: CancellationToken,
    busy: Busy,
}

/// What ends a session when its stream is dropped.
struct Ending {
    id: String,
    open: Arc<Mutex<HashMap<String, Inward>>>,
    _cancel: DropGuard,
    _counted: OlderSession,
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
    }
}

impl<S: ServerHandler + Clone> Older<S> {
    pub fn new(service: S, sessions: Arc<Sessions>, ending: CancellationToken, busy: Busy) -> Self {
        Self { service, sessions, open: Arc::default(), ending, busy }
    }

    /// `GET /sse`.
    pub async fn open(&self) -> Response<Answer> {
        let Some(counted) = self.sessions.make_older().await else {
            return body::text(StatusCode::SERVICE_UNAVAILABLE, "too many sessions; close some, or come back later");
        };
        let (inward, messages) = mpsc::channel(QUEUE);
        let (outward, events) = mpsc::channel(QUEUE);
        let id = uuid::Uuid::new_v4().to_string();
        let cancel = self.ending.child_token();
        self.open.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone(), inward);
        let transport = Events { messages, outward, busy: self.busy.clone(), working: Arc::default() };
        let (service, ended) = (self.service.clone(), cancel.clone());
        tokio::spawn(async move {
            match service.serve_with_ct(transport, ended).await {
                Ok(running) => _ = running.waiting().await,
                Err(error) => tracing::debug!("a session over /sse did not begin: {error}"),
            }
        });
        let first = format!("event: endpoint\ndata: /messages?sessionId={id}\n\n");
        let ending = Ending { id, open: Arc::clone(&self.open), _cancel: cancel.drop_guard(), _counted: counted };
        let mut response = body::with_type(StatusCode::OK, "text/event-stream", "");
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        response.map(|_| Holding::boxed(stream(first, events), ending))
    }

    /// `POST /messages?sessionId=…`.
    pub async fn take(&self, query: Option<&str>, message: Coming, limit: Duration) -> Response<Answer> {
        let parts = query.unwrap_or_default().split('&').filter_map(|part| part.split_once('='));
        let Some((_, id)) = parts.into_iter().find(|(name, _)| *name == "sessionId") else {
            return body::text(StatusCode::BAD_REQUEST, "the address lacks its sessionId; take it from GET /sse");
        };
        let inward = self.open.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned();
        let Some(inward) = inward else {
            return body::text(StatusCode::NOT_FOUND, "there is no such session; open one with GET /sse");
        };
        match inward.send_timeout(message, limit).await {
            Ok(()) => body::text(StatusCode::ACCEPTED, "Accepted"),
            Err(mpsc::error::SendTimeoutError::Closed(_)) => {
                body::text(StatusCode::NOT_FOUND, "the session has ended; open another one with GET /sse")
            }
            Err(mpsc::error::SendTimeoutError::Timeout(_)) => {
                body::text(StatusCode::SERVICE_UNAVAILABLE, "the session has too much to do; read its stream")
            }
        }
    }
}

/// The body of a session: its first event, and what comes after.
fn stream(first: String, events: mpsc::Receiver<Bytes>) -> Answer {
    let frame = |bytes| Ok::<_, Infallible>(Frame::data(bytes));
    let begin = futures::stream::iter([frame(Bytes::from(first))]);
    let rest = futures::stream::unfold(events, move |mut events| async move {
        let next = match tokio::time::timeout(KEEP_ALIVE, events.recv()).await {
            Ok(event) => event?,
            Err(_) => Bytes::from_static(b": still here\n\n"),
        };
        Some((frame(next), events))
    });
    // The body must be one that threads can share, which this stream cannot.
    let all = futures::StreamExt::chain(begin, rest);
    StreamBody::new(sync_wrapper(all)).boxed()
}

/// Lets a stream be shared: whoever has it alone may poll it.
fn sync_wrapper<T: Send>(
    stream: impl futures::Stream<Item = T> + Send,
) -> impl futures::Stream<Item = T> + Send + Sync {
    let mut stream = Mutex::new(Box::pin(stream));
    futures::stream::poll_fn(move |context| {
        let stream = stream.get_mut().unwrap_or_else(PoisonError::into_inner);
        stream.as_mut().poll_next(context)
    })
}

/// The server's end of a session.
struct Events {
    messages: mpsc::Receiver<Coming>,
    outward: mpsc::Sender<Bytes>,
    busy: Busy,
    /// Requests that are not answered yet.
    working: Arc<Mutex<HashMap<RequestId, (Working, Held)>>>,
}

impl Transport<RoleServer> for Events {
    type Error = io::Error;

    fn send(&mut self, message: TxJsonRpcMessage<RoleServer>) -> impl Future<Output = io::Result<()>> + Send + 'static {
        let (outward, working) = (self.outward.clone(), Arc::clone(&self.working));
        async move {
            let answered = match &message {
                JsonRpcMessage::Response(response) => Some(response.id.clone()),
                JsonRpcMessage::Error(error) => error.id.clone(),
                _ => None,
            };
            // JSON has no line ends, so a message is one line of data.
            let event = format!("event: message\ndata: {}\n\n", serde_json::to_string(&message)?);
            let sent = outward.send(Bytes::from(event)).await;
            if let Some(id) = answered {
                working.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
            }
            sent.map_err(|_| io::ErrorKind::BrokenPipe.into())
        }
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleServer>> {
        let (message, held) = self.messages.recv().await?;
        let mut working = self.working.lock().unwrap_or_else(PoisonError::into_inner);
        match &message {
            JsonRpcMessage::Request(request) => {
                working.insert(request.id.clone(), (self.busy.begin(), held));
            }
            // What is cancelled gets no answer.
            JsonRpcMessage::Notification(notification) => {
                if let ClientNotification::CancelledNotification(cancelled) = &notification.notification
                    && let Some(id) = &cancelled.params.request_id
                {
                    working.remove(id);
                }
            }
            _ => {}
        }
        drop(working);
        Some(message)
    }

    async fn close(&mut self) -> io::Result<()> {
        self.messages.close();
        Ok(())
    }
}
