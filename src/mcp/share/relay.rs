//! The thin half: passes messages between this process's client and a server, wherever that is.
//!
//! When the server goes, the conversation goes on with another one: see [`Memory`]. Client to
//! server and back run side by side, so that neither waits for the other.
//! Must never import: anything of this crate.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rmcp::model::ErrorCode;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;

use super::memory::{Memory, Passing};
use super::socket::Link;
use crate::mcp::lines::{self, MAX_LINE_BYTES, Read, Writer};

/// Messages read ahead of the server.
const READ_AHEAD: usize = 8;

/// Requests without an answer above which no more are read.
const MAX_OPEN: usize = 4_096;

/// How long calls may take to be answered once the client says no more.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Shortest time between two servers.
const PAUSE: Duration = Duration::from_millis(20);

/// A client on its way through servers.
pub struct Relay<W> {
    input: mpsc::Receiver<Vec<u8>>,
    /// Taken from the input and not passed on yet.
    pending: Option<Vec<u8>>,
    client: Writer<W>,
    memory: Mutex<Memory>,
    /// Told whenever a request is answered.
    room: Notify,
    /// Since when the client says no more.
    closed: Option<Instant>,
    last_link: Option<Instant>,
}

/// How a conversation with a server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The client has gone, or has all its answers and asks no more.
    Client,
    /// The server has gone.
    Server,
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
        let (pending, memory, room) = (None, Mutex::default(), Notify::new());
        Self { input, pending, client, memory, room, closed: None, last_link: None }
    }

    /// Passes messages until either side ends.
    pub async fn converse(&mut self, link: Link) -> End {
        if self.last_link.is_some_and(|last| last.elapsed() < PAUSE) {
            tokio::time::sleep(PAUSE).await;
        }
        self.last_link = Some(Instant::now());
        let Self { input, pending, client, memory, room, closed, .. } = self;
        let replay = lock(memory).replay();
        for line in replay.to_client {
            if client.write(line).await.is_err() {
                return End::Client;
            }
        }
        let up = async {
            let mut server = link.writer;
            // Of a server that has gone, the other direction tells.
            if pass_up(&replay.to_server, input, pending, closed, memory, room, &mut server).await.is_err() {
                std::future::pending::<()>().await;
            }
            // The server answers what it has, and ends.
            _ = server.shutdown().await;
            tokio::time::sleep_until(closed.get_or_insert_with(Instant::now).to_owned() + LAST_WORDS).await;
            End::Client
        };
        let down = pass_down(link.reader, client, memory, room);
        let end = tokio::select! {
            end = up => end,
            end = down => end,
        };
        let done = self.closed.is_some_and(|closed| closed.elapsed() >= LAST_WORDS || lock(&self.memory).open() == 0);
        if done { End::Client } else { end }
    }
}

fn lock(memory: &Mutex<Memory>) -> MutexGuard<'_, Memory> {
    memory.lock().unwrap_or_else(PoisonError::into_inner)
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
    replay: &[std::sync::Arc<[u8]>],
    input: &mut mpsc::Receiver<Vec<u8>>,
    pending: &mut Option<Vec<u8>>,
    closed: &mut Option<Instant>,
    memory: &Mutex<Memory>,
    room: &Notify,
    server: &mut S,
) -> io::Result<()> {
    for line in replay {
        write(server, line).await?;
    }
    loop {
        if pending.is_none() {
            while lock(memory).open() >= MAX_OPEN {
                room.notified().await;
            }
            let Some(line) = input.recv().await else {
                closed.get_or_insert_with(Instant::now);
                return Ok(());
            };
            let is_remembered = lock(memory).sent(&line);
            // What is remembered is repeated by that alone.
            if is_remembered {
                write(server, &line).await?;
                continue;
            }
            *pending = Some(line);
        }
        if let Some(line) = pending {
            write(server, line).await?;
        }
        *pending = None;
    }
}

async fn write<S: AsyncWrite + Unpin>(server: &mut S, line: &[u8]) -> io::Result<()> {
    server.write_all(line).await?;
    server.write_all(b"\n").await?;
    server.flush().await
}

/// Passes what a server says on to the client, until either ends.
async fn pass_down<R, W>(mut server: R, client: &Writer<W>, memory: &Mutex<Memory>, room: &Notify) -> End
where
    R: tokio::io::AsyncBufRead + Unpin,
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
        let passing = lock(memory).received(&line);
        if passing == Passing::Nothing {
            continue;
        }
        if client.write(line).await.is_err() {
            return End::Client;
        }
        if let Passing::Answer(id) = passing {
            lock(memory).answered(&id);
            room.notify_one();
        }
    }
}
