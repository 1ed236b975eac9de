//! Connections: taking them, keeping them few, and letting them finish.
//!
//! Invariants: there are never more than the limit; a new one is taken as long as any is idle,
//! because the one that was idle for longest makes room for it, so that nobody locks others out by
//! opening connections and saying nothing. Must never import: anything of this crate.

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

use super::body::Holding;
use super::options::Limits;
use super::site::Site;

/// Largest head of a request, in bytes.
const MAX_HEAD_BYTES: usize = 32 << 10;

/// After a failed accept: most often there are no file descriptors left.
const RECOVERY: Duration = Duration::from_millis(50);

/// How long the streams have to be closed once they are ended.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Said to a connection that finds all others at work.
const FULL: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// The open connections.
#[derive(Default)]
struct Open(Mutex<HashMap<u64, Connection>>);

struct Connection {
    /// Requests that are not fully answered.
    at_work: usize,
    since: Instant,
    close: CancellationToken,
}

impl Open {
    fn with<T>(&self, work: impl FnOnce(&mut HashMap<u64, Connection>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Notes a connection; `None` if there are `most` and all are at work.
    fn add(&self, number: u64, most: usize) -> Option<CancellationToken> {
        self.with(|open| {
            if open.len() >= most {
                let idle = open.iter().filter(|(_, connection)| connection.at_work == 0);
                let (oldest, _) = idle.min_by_key(|(_, connection)| connection.since)?;
                let oldest = *oldest;
                if let Some(oldest) = open.remove(&oldest) {
                    oldest.close.cancel();
                }
            }
            let close = CancellationToken::new();
            open.insert(number, Connection { at_work: 0, since: Instant::now(), close: close.clone() });
            Some(close)
        })
    }

    fn change(&self, number: u64, change: impl FnOnce(&mut Connection)) {
        self.with(|open| open.get_mut(&number).map(change));
    }
}

/// A request under way on a connection.
struct AtWork {
    open: Arc<Open>,
    number: u64,
}

impl AtWork {
    fn begin(open: &Arc<Open>, number: u64) -> Self {
        open.change(number, |connection| connection.at_work += 1);
        Self { open: Arc::clone(open), number }
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        self.open.change(self.number, |connection| {
            connection.at_work -= 1;
            connection.since = Instant::now();
        });
    }
}

/// Serves `site` until `stop`; returns when what was under way is answered, or after the limit.
pub async fn serve<S>(listener: TcpListener, site: Site<S>, limits: Limits, stop: impl Future<Output = ()>)
where
    S: ServerHandler + Clone,
{
    let (site, open, closing) = (Arc::new(site), Arc::new(Open::default()), CancellationToken::new());
    let mut tasks = JoinSet::new();
    let mut stop = std::pin::pin!(stop);
    for number in 0_u64.. {
        // Finished ones are let go as new ones come.
        while tasks.try_join_next().is_some() {}
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stop => break,
        };
        let (stream, from) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!("cannot take a connection: {error}");
                tokio::time::sleep(RECOVERY).await;
                continue;
            }
        };
        match open.add(number, limits.connections) {
            Some(close) => {
                let talk = Talk { site: Arc::clone(&site), open: Arc::clone(&open), number, from, head: limits.head };
                site.metrics.connections(open.with(|open| open.len()));
                tasks.spawn(talk.run(stream, close, closing.clone()));
            }
            None => refuse(stream).await,
        }
    }
    drop(listener);
    closing.cancel();
    if tokio::time::timeout(limits.close, site.busy.over()).await.is_err() {
        tracing::warn!("some requests were not answered in time");
    }
    site.ending.cancel();
    let ended = async { while tasks.join_next().await.is_some() {} };
    // Who does not read the end of a stream is not waited for.
    _ = tokio::time::timeout(LAST_WORDS, ended).await;
}

async fn refuse(mut stream: TcpStream) {
    // It fits into the buffer of the socket; who is gone misses nothing.
    _ = tokio::time::timeout(RECOVERY, stream.write_all(FULL)).await;
}

/// One connection.
struct Talk<S> {
    site: Arc<Site<S>>,
    open: Arc<Open>,
    number: u64,
    from: SocketAddr,
    head: Duration,
}

impl<S: ServerHandler + Clone> Talk<S> {
    async fn run(self, stream: TcpStream, close: CancellationToken, closing: CancellationToken) {
        // Answers are small and wanted at once; where that cannot be set, they come later.
        _ = stream.set_nodelay(true);
        let answer = service_fn(|request| {
            let (site, at_work) = (Arc::clone(&self.site), AtWork::begin(&self.open, self.number));
            let from = self.from.ip();
            async move {
                let response = site.answer(request, from).await;
                Ok::<_, Infallible>(response.map(|body| Holding::boxed(body, at_work)))
            }
        });
        let mut builder = http1::Builder::new();
        builder.timer(TokioTimer::new()).header_read_timeout(self.head).max_buf_size(MAX_HEAD_BYTES);
        let mut talk = std::pin::pin!(builder.serve_connection(TokioIo::new(stream), answer));
        tokio::select! {
            ended = &mut talk => told(ended),
            () = close.cancelled() => {}
            () = closing.cancelled() => {
                talk.as_mut().graceful_shutdown();
                told(talk.await);
            }
        }
        self.open.with(|open| open.remove(&self.number));
        self.site.metrics.connections(self.open.with(|open| open.len()));
    }
}

fn told(ended: hyper::Result<()>) {
    if let Err(error) = ended {
        tracing::debug!("a connection ended: {error}");
    }
}
