//! The thin half: passes messages between this process's client and a server, wherever that is.
//!
//! When the server goes, the conversation goes on with another one: see [`Memory`]. Client to
//! server and back run side by side, so that neither waits for the other.
//! Must never import: anything of this crate.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rmcp::model::ErrorCode;
use serde_json::Value;
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;

use super::memory::{Memory, PING_ID, Passing};
use super::socket::Link;
use crate::mcp::lines::{self, MAX_LINE_BYTES, Read, Writer};

/// Messages read ahead of the server.
const READ_AHEAD: usize = 8;

/// Requests without an answer above which no more are read.
const MAX_OPEN: usize = 4_096;

/// How long calls may take to be answered once the client says no more.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// How often a server that is asked something is asked whether it is there. It answers that at once,
/// whatever else it does.
const PING: Duration = Duration::from_secs(2);

/// How many pings in a row may go without a word before the server is taken to hang.
const PINGS: u32 = 3;

/// A request this old has no answer any more: longer than any call takes.
const FORGOTTEN: Duration = Duration::from_secs(60);

/// How long to wait for room before looking what may be forgotten.
const LOOK: Duration = Duration::from_secs(1);

/// Shortest time between two servers.
const PAUSE: Duration = Duration::from_millis(20);

/// A client on its way through servers.
pub struct Relay<W> {
    input: mpsc::Receiver<Vec<u8>>,
    /// Taken from the input and not passed on yet.
    pending: Option<Vec<u8>>,
    client: Writer<W>,
    talk: Talk,
    /// Since when the client says no more.
    closed: Option<Instant>,
    last_link: Option<Instant>,
    ping: Duration,
}

/// What both directions know.
struct Talk {
    memory: Mutex<Memory>,
    /// Told whenever a request is answered.
    room: Notify,
    /// When the server last said something, or was first asked after that.
    heard: Mutex<Instant>,
    /// Whether a line is on its way to the client, who may be slow to take it.
    is_telling: AtomicBool,
}

/// How a conversation with a server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The client has gone, or has all its answers and asks no more.
    Client,
    /// The server has gone.
    Server,
    /// The server is there, and does not answer.
    Hung,
    /// There is a better server, and nothing is under way with this one.
    Moved,
}

impl<W: AsyncWrite + Send + Unpin + 'static> Relay<W> {
    /// Begins to read. Must be called inside of a runtime.
    pub fn new<R: AsyncRead + Send + Unpin + 'static>(reader: R, writer: W) -> Self {
        let client = Writer::new(writer);
        let (sender, input) = mpsc::channel(READ_AHEAD);
        let refuser = client.clone();
        tokio::spawn(async move {
            if let Err(error) = read(BufReader::new(reader), &refuser, &sender).await {
                tracing::warn!("cannot go on reading requests: {error}");
            }
        });
        let talk = Talk {
            memory: Mutex::default(),
            room: Notify::new(),
            heard: Mutex::new(Instant::now()),
            is_telling: AtomicBool::new(false),
        };
        Self { input, pending: None, client, talk, closed: None, last_link: None, ping: PING }
    }

    /// Passes messages until either side ends; in another process (`elsewhere`), until the server hangs;
    /// and until nothing is under way once `better` has found another server.
    pub async fn converse(&mut self, link: Link, elsewhere: bool, better: impl Future<Output = ()>) -> End {
        if self.last_link.is_some_and(|last| last.elapsed() < PAUSE) {
            tokio::time::sleep(PAUSE).await;
        }
        self.last_link = Some(Instant::now());
        let Self { input, pending, client, talk, closed, ping, .. } = self;
        let replay = talk.memory().replay();
        for line in replay.to_client {
            if client.write(line).await.is_err() {
                return End::Client;
            }
        }
        talk.hear();
        let server = tokio::sync::Mutex::new(link.writer);
        let up = async {
            // Of a server that has gone, the other direction tells.
            if pass_up(&replay.to_server, input, pending, talk, &server).await.is_err() {
                std::future::pending::<()>().await;
            }
            let closed = *closed.get_or_insert_with(Instant::now);
            // The server answers what it has, and ends.
            _ = server.lock().await.shutdown().await;
            tokio::time::sleep_until(closed + LAST_WORDS).await;
            End::Client
        };
        let end = tokio::select! {
            end = up => end,
            end = pass_down(link.reader, client, talk) => end,
            () = talk.silent_for(*ping * PINGS), if elsewhere => End::Hung,
            () = talk.keep_asking(*ping, &server), if elsewhere => End::Server,
            () = async { better.await; talk.idle().await } => End::Moved,
        };
        let is_done = |closed: Instant| closed.elapsed() >= LAST_WORDS || self.talk.memory().open() == 0;
        if self.closed.is_some_and(is_done) { End::Client } else { end }
    }
}

impl Talk {
    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hear(&self) {
        *self.heard.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// Resolves when the server has said nothing for so long that it must have hung. While the client
    /// takes its time to read, nobody listens to the server.
    async fn silent_for(&self, patience: Duration) {
        loop {
            if self.is_telling.load(Ordering::Relaxed) {
                self.hear();
            }
            let heard = *self.heard.lock().unwrap_or_else(PoisonError::into_inner);
            if self.memory().is_awaiting() && heard.elapsed() >= patience {
                return;
            }
            tokio::time::sleep(patience / 4).await;
        }
    }

    /// Asks the server whether it is there as long as an answer is due. Does not end: that the server has
    /// gone, the other direction tells, once it has read what was said until then.
    async fn keep_asking<S: AsyncWrite + Unpin>(&self, every: Duration, server: &tokio::sync::Mutex<S>) {
        loop {
            tokio::time::sleep(every).await;
            if self.memory().is_awaiting() && write(server, ping().as_bytes()).await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Resolves when nothing is under way in either direction. What may never be answered is repeated.
    async fn idle(&self) {
        while self.memory().is_awaiting() || self.is_telling.load(Ordering::Relaxed) {
            tokio::time::sleep(LOOK).await;
        }
    }
}

/// A request of the relay's own; [`Memory`] keeps its answer from the client.
fn ping() -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{PING_ID},"method":"ping"}}"#)
}

/// Reads the client's lines to the end.
async fn read<R, W>(mut reader: BufReader<R>, client: &Writer<W>, sender: &mpsc::Sender<Vec<u8>>) -> io::Result<()>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let mut line = Vec::new();
    loop {
        let read = lines::next_line(&mut reader, &mut line).await?;
        match read {
            Read::TooLong => {
                let message = format!("the message has more than {MAX_LINE_BYTES} bytes");
                client.refuse(&Value::Null, ErrorCode::INVALID_REQUEST, &message).await?;
            }
            Read::Line | Read::End if line.trim_ascii().is_empty() => {}
            Read::Line | Read::End => {
                if sender.send(std::mem::take(&mut line)).await.is_err() {
                    return Ok(());
                }
            }
        }
        if let Read::End = read {
            return Ok(());
        }
    }
}

/// Passes what the client says on to a server, after `replay`; returns when the client says no more.
async fn pass_up<S: AsyncWrite + Unpin>(
    replay: &[Arc<[u8]>],
    input: &mut mpsc::Receiver<Vec<u8>>,
    pending: &mut Option<Vec<u8>>,
    talk: &Talk,
    server: &tokio::sync::Mutex<S>,
) -> io::Result<()> {
    for line in replay {
        write(server, line).await?;
    }
    loop {
        if let Some(line) = pending {
            write(server, line).await?;
        }
        *pending = None;
        while talk.memory().open() >= MAX_OPEN {
            talk.memory().forget(FORGOTTEN);
            // A time-out is a reason to look again.
            _ = tokio::time::timeout(LOOK, talk.room.notified()).await;
        }
        let Some(line) = input.recv().await else { return Ok(()) };
        if !talk.memory().is_awaiting() {
            talk.hear();
        }
        if talk.memory().sent(&line) {
            // What is remembered is repeated by that alone.
            write(server, &line).await?;
        } else {
            *pending = Some(line);
        }
    }
}

async fn write<S: AsyncWrite + Unpin>(server: &tokio::sync::Mutex<S>, line: &[u8]) -> io::Result<()> {
    let mut server = server.lock().await;
    server.write_all(line).await?;
    server.write_all(b"\n").await?;
    server.flush().await
}

/// Passes what a server says on to the client, until either ends.
async fn pass_down<R, W>(mut server: R, client: &Writer<W>, talk: &Talk) -> End
where
    R: AsyncBufRead + Unpin,
    W: AsyncWrite + Unpin,
{
    loop {
        let mut line = Vec::new();
        match server.read_until(b'\n', &mut line).await {
            Ok(bytes) if bytes > 0 && line.ends_with(b"\n") => {}
            // A server that was killed may leave a part of a line.
            Ok(_) | Err(_) => return End::Server,
        }
        line.pop();
        talk.hear();
        let passing = talk.memory().received(&line);
        if passing == Passing::Nothing {
            continue;
        }
        talk.is_telling.store(true, Ordering::Relaxed);
        let told = client.write(line).await;
        talk.is_telling.store(false, Ordering::Relaxed);
        if told.is_err() {
            return End::Client;
        }
        if let Passing::Answer(id) = passing {
            talk.memory().answered(&id);
            talk.room.notify_one();
        }
    }
}

#[cfg(test)]
mod tests;
