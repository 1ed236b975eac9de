//! Forwards messages between this process's client and a server, in this process or another.
//!
//! When the server ends, the conversation continues with another one: [`ReplayBuffer`] repeats the messages it needs.
//! The two directions run concurrently, so that neither waits for the other.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mcp::transport::json_lines::{self, LineRead, LineWriter, MAX_LINE_BYTES};
use rmcp::model::ErrorCode;
use serde_json::Value;
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;

use crate::peer_stream::PeerStream;
use crate::replay::{PING_ID, ReplayBuffer, ServerMessageAction};

/// Maximum number of the client's messages read before they are forwarded.
const READ_AHEAD: usize = 8;

/// Time that a relay waits, at most, for responses after the client's input has ended.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// Time between two pings to a server that owes a response. A server answers pings at once, even while it
/// works on a call.
const PING_INTERVAL: Duration = Duration::from_secs(2);

/// Number of ping intervals without a message after which a server counts as hung.
const MAX_MISSED_PINGS: u32 = 3;

/// Age from which pending requests, including those without a deadline, are dropped while the replay buffer is full. No
/// call of a tool takes this long.
const PENDING_EXPIRY: Duration = Duration::from_secs(60);

/// Time between two checks whether pending requests have expired.
const EXPIRY_CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// Minimum time between two connections to servers.
const MIN_RECONNECT_DELAY: Duration = Duration::from_millis(20);

/// The connection to a client, kept while servers come and go.
pub struct Relay<W> {
    input: mpsc::Receiver<Vec<u8>>,
    /// A message that was taken from the input and is not forwarded yet.
    unsent: Option<Vec<u8>>,
    client: LineWriter<W>,
    state: RelayState,
    /// The time when the relay noticed the end of the client's input; `None` before.
    input_ended: Option<Instant>,
    last_connected: Option<Instant>,
    ping_interval: Duration,
}

/// The state that both directions share.
struct RelayState {
    replay_buffer: Mutex<ReplayBuffer>,
    /// Notification that a request has been recorded or completed, or that a line has been written to the client.
    changed: Notify,
    /// The time from which the server's silence is measured.
    last_activity: Mutex<Instant>,
    /// Whether a line is being written to the client, which may be slow to read.
    is_writing_to_client: AtomicBool,
}

/// The reason why the conversation with a server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConversationEnd {
    /// The client disconnected, or ended its input and has all its responses or has waited [`DRAIN_TIMEOUT`] for them.
    ClientDone,
    /// The server ended.
    ServerEnded,
    /// The server is running but does not respond.
    ServerHung,
    /// A better server is available, and no request is in flight with this one.
    BetterServer,
}

impl<W: AsyncWrite + Send + Unpin + 'static> Relay<W> {
    /// Starts to read the client's messages. Must be called inside a Tokio runtime.
    pub fn new<R: AsyncRead + Send + Unpin + 'static>(reader: R, writer: W) -> Self {
        let client = LineWriter::new(writer);
        let (sender, input) = mpsc::channel(READ_AHEAD);
        let refuser = client.clone();
        tokio::spawn(async move {
            if let Err(error) = read_client_lines(BufReader::new(reader), &refuser, &sender).await {
                tracing::warn!("cannot read further requests: {error}");
            }
        });
        let state = RelayState {
            replay_buffer: Mutex::default(),
            changed: Notify::new(),
            last_activity: Mutex::new(Instant::now()),
            is_writing_to_client: AtomicBool::new(false),
        };
        let ping_interval = PING_INTERVAL;
        Self { input, unsent: None, client, state, input_ended: None, last_connected: None, ping_interval }
    }

    /// Forwards messages between the client and the server behind `stream`; returns when one of them ends.
    ///
    /// With `is_remote`, the server is in another process, and the conversation also ends if the server hangs.
    /// Once `better` resolves, it ends as soon as no request is in flight.
    pub async fn converse(
        &mut self,
        stream: PeerStream,
        is_remote: bool,
        better: impl Future<Output = ()>,
    ) -> ConversationEnd {
        if self.last_connected.is_some_and(|last| last.elapsed() < MIN_RECONNECT_DELAY) {
            tokio::time::sleep(MIN_RECONNECT_DELAY).await;
        }
        self.last_connected = Some(Instant::now());
        let Self { input, unsent, client, state, input_ended, ping_interval, .. } = self;
        let replay = state.replay_buffer().start_replay();
        for line in replay.to_client {
            if client.write(line).await.is_err() {
                return ConversationEnd::ClientDone;
            }
        }
        state.note_activity();
        let server = tokio::sync::Mutex::new(stream.writer);
        let to_server = async {
            // The other direction reports that the server has ended, after it has read everything.
            if forward_to_server(&replay.to_server, input, unsent, state, &server).await.is_err() {
                std::future::pending::<()>().await;
            }
            let input_ended = *input_ended.get_or_insert_with(Instant::now);
            // The server answers the requests it has received, then ends.
            _ = server.lock().await.shutdown().await;
            tokio::time::sleep_until(input_ended + DRAIN_TIMEOUT).await;
            ConversationEnd::ClientDone
        };
        let end = tokio::select! {
            end = to_server => end,
            end = forward_to_client(stream.reader, client, state) => end,
            () = state.wait_for_silence(*ping_interval * MAX_MISSED_PINGS), if is_remote => ConversationEnd::ServerHung,
            () = state.send_pings(*ping_interval, &server), if is_remote => ConversationEnd::ServerEnded,
            () = async { better.await; state.wait_until_idle().await } => ConversationEnd::BetterServer,
        };
        let is_done = |input_ended: Instant| {
            input_ended.elapsed() >= DRAIN_TIMEOUT || self.state.replay_buffer().pending_count() == 0
        };
        if self.input_ended.is_some_and(is_done) { ConversationEnd::ClientDone } else { end }
    }
}

impl RelayState {
    /// Locks the replay buffer.
    fn replay_buffer(&self) -> MutexGuard<'_, ReplayBuffer> {
        self.replay_buffer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Restarts the measurement of the server's silence.
    fn note_activity(&self) {
        *self.last_activity.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// Resolves when a response is due and the server has been silent for `limit`.
    ///
    /// Time in which the client is slow to read does not count: the relay does not read from the server then.
    async fn wait_for_silence(&self, limit: Duration) {
        loop {
            self.wait_until(|state| state.replay_buffer().is_response_due()).await;
            if self.is_writing_to_client.load(Ordering::Relaxed) {
                self.note_activity();
            }
            let last_activity = *self.last_activity.lock().unwrap_or_else(PoisonError::into_inner);
            if last_activity.elapsed() >= limit {
                return;
            }
            tokio::time::sleep_until(last_activity + limit).await;
        }
    }

    /// Pings the server while a response is due. Never resolves: if the server has ended, the other direction
    /// reports that, after it has read everything.
    async fn send_pings<S: AsyncWrite + Unpin>(&self, interval: Duration, server: &tokio::sync::Mutex<S>) {
        loop {
            self.wait_until(|state| state.replay_buffer().is_response_due()).await;
            tokio::time::sleep(interval).await;
            if self.replay_buffer().is_response_due()
                && write_to_server(server, ping_request().as_bytes()).await.is_err()
            {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Resolves when no response is due and no line is being written to the client. Long-lived requests may be
    /// pending: they are replayed to the next server.
    async fn wait_until_idle(&self) {
        let is_writing = |state: &Self| state.is_writing_to_client.load(Ordering::Relaxed);
        self.wait_until(|state| !state.replay_buffer().is_response_due() && !is_writing(state)).await;
    }

    /// Resolves when `is_reached` holds, which is checked now and after every change.
    async fn wait_until(&self, is_reached: impl Fn(&Self) -> bool) {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            // Registered before the check, so that a change after it is not missed.
            changed.as_mut().enable();
            if is_reached(self) {
                return;
            }
            changed.await;
        }
    }
}

/// Returns the ping request that a relay sends; [`ReplayBuffer`] withholds its response from the client.
fn ping_request() -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{PING_ID},"method":"ping"}}"#)
}

/// Reads lines from the client and queues them, until the input ends. Answers a line that is too long with an error,
/// and skips blank lines.
async fn read_client_lines<R, W>(
    mut reader: BufReader<R>,
    client: &LineWriter<W>,
    sender: &mpsc::Sender<Vec<u8>>,
) -> io::Result<()>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let mut line = Vec::new();
    loop {
        let read = json_lines::read_bounded_line(&mut reader, &mut line).await?;
        match read {
            LineRead::TooLong => {
                let message = format!("the message has more than {MAX_LINE_BYTES} bytes");
                client.write_error(&Value::Null, ErrorCode::INVALID_REQUEST, &message).await?;
            }
            LineRead::Line | LineRead::End if line.trim_ascii().is_empty() => {}
            LineRead::Line | LineRead::End => {
                if sender.send(std::mem::take(&mut line)).await.is_err() {
                    return Ok(());
                }
            }
        }
        if let LineRead::End = read {
            return Ok(());
        }
    }
}

/// Sends `replay` and then the client's messages to the server; returns when the client's input ends.
///
/// # Errors
/// When the server cannot be written to.
async fn forward_to_server<S: AsyncWrite + Unpin>(
    replay: &[Arc<[u8]>],
    input: &mut mpsc::Receiver<Vec<u8>>,
    unsent: &mut Option<Vec<u8>>,
    state: &RelayState,
    server: &tokio::sync::Mutex<S>,
) -> io::Result<()> {
    for line in replay {
        write_to_server(server, line).await?;
    }
    loop {
        if let Some(line) = unsent {
            write_to_server(server, line).await?;
        }
        *unsent = None;
        while state.replay_buffer().is_full() {
            state.replay_buffer().drop_older_than(PENDING_EXPIRY);
            // After a timeout, more requests may have expired.
            let has_room = state.wait_until(|state| !state.replay_buffer().is_full());
            _ = tokio::time::timeout(EXPIRY_CHECK_INTERVAL, has_room).await;
        }
        let Some(line) = input.recv().await else { return Ok(()) };
        if !state.replay_buffer().is_response_due() {
            state.note_activity();
        }
        let is_replayed = state.replay_buffer().record_client_message(&line);
        state.changed.notify_waiters();
        if is_replayed {
            // If this fails, the replay repeats the message; keeping it here too would send it twice.
            write_to_server(server, &line).await?;
        } else {
            *unsent = Some(line);
        }
    }
}

/// Writes one line to the server.
async fn write_to_server<S: AsyncWrite + Unpin>(server: &tokio::sync::Mutex<S>, line: &[u8]) -> io::Result<()> {
    let mut server = server.lock().await;
    server.write_all(line).await?;
    server.write_all(b"\n").await?;
    server.flush().await
}

/// Forwards the server's messages to the client, except those that the replay buffer drops, until the server or the
/// client ends.
async fn forward_to_client<R, W>(mut server: R, client: &LineWriter<W>, state: &RelayState) -> ConversationEnd
where
    R: AsyncBufRead + Unpin,
    W: AsyncWrite + Unpin,
{
    loop {
        let mut line = Vec::new();
        match server.read_until(b'\n', &mut line).await {
            Ok(bytes) if bytes > 0 && line.ends_with(b"\n") => {}
            // A server that was killed may leave an incomplete line.
            Ok(_) | Err(_) => return ConversationEnd::ServerEnded,
        }
        line.pop();
        state.note_activity();
        let action = state.replay_buffer().handle_server_message(&line);
        if action == ServerMessageAction::Drop {
            continue;
        }
        state.is_writing_to_client.store(true, Ordering::Relaxed);
        let written = client.write(line).await;
        state.is_writing_to_client.store(false, Ordering::Relaxed);
        state.note_activity();
        if written.is_err() {
            return ConversationEnd::ClientDone;
        }
        if let ServerMessageAction::ForwardResponse(id) = action {
            state.replay_buffer().complete_request(&id);
        }
        state.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests;
