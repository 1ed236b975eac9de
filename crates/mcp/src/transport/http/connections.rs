//! Accepts connections, limits their number and shuts them down.
//!
//! Invariants: the number of open connections never exceeds the limit. At the limit, a new connection replaces the one
//! that has been idle longest, so clients that open connections and send nothing lock no other client out; it is
//! refused if every connection is busy.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rmcp::ServerHandler;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::body::BodyWithGuard;
use super::options::HttpLimits;
use super::router::RequestRouter;

/// Maximum size of a request's head, in bytes.
const MAX_HEAD_BYTES: usize = 32 << 10;

/// Time between a failed accept and the next one. Accepts usually fail for lack of file descriptors.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(50);

/// Time that a shutdown waits, at most, for connections to close after the streams have ended.
const STREAM_CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// The response to a new connection when all open ones are busy.
const TOO_MANY_CONNECTIONS: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// The open connections by number.
#[derive(Default)]
struct OpenConnections(Mutex<HashMap<u64, ConnectionState>>);

/// The activity of one connection.
struct ConnectionState {
    /// Number of requests whose response is not fully sent.
    active_requests: usize,
    /// The time of the last response, or of the accept.
    idle_since: Instant,
    close: CancellationToken,
}

impl OpenConnections {
    /// Runs `work` on the locked map.
    fn with_map<T>(&self, work: impl FnOnce(&mut HashMap<u64, ConnectionState>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Adds a connection, closing the longest idle one if there are `max_connections`; returns the token that
    /// closes it, or `None` if all are busy.
    fn add(&self, number: u64, max_connections: usize) -> Option<CancellationToken> {
        self.with_map(|open| {
            if open.len() >= max_connections {
                let idle = open.iter().filter(|(_, connection)| connection.active_requests == 0);
                let (oldest, _) = idle.min_by_key(|(_, connection)| connection.idle_since)?;
                let oldest = *oldest;
                if let Some(oldest) = open.remove(&oldest) {
                    oldest.close.cancel();
                }
            }
            let close = CancellationToken::new();
            open.insert(
                number,
                ConnectionState { active_requests: 0, idle_since: Instant::now(), close: close.clone() },
            );
            Some(close)
        })
    }

    /// Applies `change` to a connection, unless it has been closed.
    fn update(&self, number: u64, change: impl FnOnce(&mut ConnectionState)) {
        self.with_map(|open| open.get_mut(&number).map(change));
    }
}

/// A guard that counts a request of a connection as active until it is dropped.
struct ActiveRequest {
    open: Arc<OpenConnections>,
    number: u64,
}

impl ActiveRequest {
    /// Counts one more active request of connection `number`.
    fn start(open: &Arc<OpenConnections>, number: u64) -> Self {
        open.update(number, |connection| connection.active_requests += 1);
        Self { open: Arc::clone(open), number }
    }
}

impl Drop for ActiveRequest {
    fn drop(&mut self) {
        self.open.update(self.number, |connection| {
            connection.active_requests -= 1;
            connection.idle_since = Instant::now();
        });
    }
}

/// Serves the connections of `listener` until `stop` resolves. Then waits at most `limits.close_timeout` for the
/// requests in flight, and at most [`STREAM_CLOSE_TIMEOUT`] for the connections to close.
pub async fn serve_connections<S>(
    listener: TcpListener,
    router: RequestRouter<S>,
    limits: HttpLimits,
    stop: impl Future<Output = ()>,
) where
    S: ServerHandler + Clone,
{
    let (router, open, closing) = (Arc::new(router), Arc::new(OpenConnections::default()), CancellationToken::new());
    let mut tasks = JoinSet::new();
    let mut stop = std::pin::pin!(stop);
    for number in 0_u64.. {
        // Removes finished tasks, so that they do not accumulate.
        while tasks.try_join_next().is_some() {}
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stop => break,
        };
        let (stream, from) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!("cannot accept a connection: {error}");
                tokio::time::sleep(ACCEPT_RETRY_DELAY).await;
                continue;
            }
        };
        match open.add(number, limits.connections) {
            Some(close) => {
                let (router, open) = (Arc::clone(&router), Arc::clone(&open));
                let task = ConnectionTask { router, open, number, from, head_timeout: limits.head_timeout };
                task.router.metrics.set_connections(task.open.with_map(|open| open.len()));
                tasks.spawn(task.run(stream, close, closing.clone()));
            }
            None => refuse_connection(stream).await,
        }
    }
    drop(listener);
    closing.cancel();
    if tokio::time::timeout(limits.close_timeout, router.in_flight.wait_until_idle()).await.is_err() {
        tracing::warn!("some requests were not answered before the server closed");
    }
    router.shutdown.cancel();
    let ended = async { while tasks.join_next().await.is_some() {} };
    // A client that does not read the end of its stream must not delay the exit.
    _ = tokio::time::timeout(STREAM_CLOSE_TIMEOUT, ended).await;
}

/// Answers a new connection with 503 and closes it, because every open connection is busy.
async fn refuse_connection(mut stream: TcpStream) {
    // The response fits into the socket's buffer; a failed write means that the client has gone.
    _ = tokio::time::timeout(ACCEPT_RETRY_DELAY, stream.write_all(TOO_MANY_CONNECTIONS)).await;
}

/// The task that serves one connection.
struct ConnectionTask<S> {
    router: Arc<RequestRouter<S>>,
    open: Arc<OpenConnections>,
    number: u64,
    from: SocketAddr,
    head_timeout: Duration,
}

impl<S: ServerHandler + Clone> ConnectionTask<S> {
    /// Serves the connection until it ends or `close` is cancelled. Once `closing` is cancelled, answers its requests
    /// and returns.
    async fn run(self, stream: TcpStream, close: CancellationToken, closing: CancellationToken) {
        // Small responses are sent without delay; a failure only makes them slower.
        _ = stream.set_nodelay(true);
        let respond = service_fn(|request| {
            let (router, active) = (Arc::clone(&self.router), ActiveRequest::start(&self.open, self.number));
            let from = self.from.ip();
            async move {
                let response = router.respond(request, from).await;
                Ok::<_, Infallible>(response.map(|body| BodyWithGuard::boxed(body, active)))
            }
        });
        let mut builder = http1::Builder::new();
        builder.timer(TokioTimer::new()).header_read_timeout(self.head_timeout).max_buf_size(MAX_HEAD_BYTES);
        let mut connection = std::pin::pin!(builder.serve_connection(TokioIo::new(stream), respond));
        tokio::select! {
            ended = &mut connection => log_connection_end(ended),
            () = close.cancelled() => {}
            () = closing.cancelled() => {
                connection.as_mut().graceful_shutdown();
                log_connection_end(connection.await);
            }
        }
        self.open.with_map(|open| open.remove(&self.number));
        self.router.metrics.set_connections(self.open.with_map(|open| open.len()));
    }
}

/// Logs the error that ended a connection, if any.
fn log_connection_end(ended: hyper::Result<()>) {
    if let Err(error) = ended {
        tracing::debug!("a connection ended: {error}");
    }
}
