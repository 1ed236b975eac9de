//! JSON-RPC messages, one a line: the transport under stdio.
//!
//! Invariants: every line written is one message; a line that is no JSON, no message or too long
//! is answered with an error and passed by, and never ends the connection. A task of its own
//! reads, so that a wait for input can be given up at any time without losing a part of a line.
//! Must never import: anything of this crate.

use std::io;
use std::sync::Arc;

use rmcp::RoleServer;
use rmcp::model::{ClientRequest, ErrorCode, GetMeta as _, ProtocolVersion};
use rmcp::service::{RxJsonRpcMessage, TxJsonRpcMessage};
use rmcp::transport::Transport;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinHandle;

/// Longest line; above it, a line is passed by and answered with an error.
pub(super) const MAX_LINE_BYTES: usize = 16 << 20;

/// Messages read ahead of the server.
const READ_AHEAD: usize = 8;

/// What a client sends.
pub type Message = RxJsonRpcMessage<RoleServer>;

/// The server's end of a pair of byte streams.
pub struct Lines<W> {
    writer: Writer<W>,
    messages: mpsc::Receiver<Message>,
    reader: JoinHandle<()>,
}

/// Writes whole lines, whoever writes.
pub(super) struct Writer<W>(Arc<Mutex<W>>);

impl<W> Clone for Writer<W> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<W: AsyncWrite + Unpin> Writer<W> {
    /// Writes to `writer`.
    pub(super) fn new(writer: W) -> Self {
        Self(Arc::new(Mutex::new(writer)))
    }

    /// Writes a line, which has no end yet.
    pub(super) async fn write(&self, mut line: Vec<u8>) -> io::Result<()> {
        line.push(b'\n');
        let mut writer = self.0.lock().await;
        writer.write_all(&line).await?;
        writer.flush().await
    }

    /// Answers what could not be read; `id` is null where none could be told.
    pub(super) async fn refuse(&self, id: &Value, code: ErrorCode, message: &str) -> io::Result<()> {
        let error = json!({ "jsonrpc": "2.0", "id": id, "error": { "code": code.0, "message": message } });
        self.write(error.to_string().into_bytes()).await
    }
}

impl<W: AsyncWrite + Unpin + Send + 'static> Lines<W> {
    /// Begins to read. Must be called inside of a runtime.
    pub fn new<R: AsyncRead + Unpin + Send + 'static>(reader: R, writer: W) -> Self {
        let writer = Writer::new(writer);
        let (sender, messages) = mpsc::channel(READ_AHEAD);
        let refuser = writer.clone();
        let reader = tokio::spawn(async move {
            if let Err(error) = read(BufReader::new(reader), &refuser, &sender).await {
                tracing::warn!("cannot go on reading requests: {error}");
            }
        });
        Self { writer, messages, reader }
    }
}

impl<W: AsyncWrite + Unpin + Send + 'static> Transport<RoleServer> for Lines<W> {
    type Error = io::Error;

    fn send(&mut self, message: TxJsonRpcMessage<RoleServer>) -> impl Future<Output = io::Result<()>> + Send + 'static {
        let writer = self.writer.clone();
        async move {
            match writer.write(serde_json::to_vec(&message)?).await {
                // That the client has gone, the end of its input tells, once.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
                written => written,
            }
        }
    }

    async fn receive(&mut self) -> Option<Message> {
        self.messages.recv().await
    }

    async fn close(&mut self) -> io::Result<()> {
        self.reader.abort();
        self.writer.0.lock().await.flush().await
    }
}

/// Reads to the end of the input, or until nobody listens.
async fn read<R, W>(mut reader: BufReader<R>, writer: &Writer<W>, sender: &mpsc::Sender<Message>) -> io::Result<()>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let mut line = Vec::new();
    let mut opened = false;
    loop {
        let read = next_line(&mut reader, &mut line).await?;
        if let Read::TooLong = read {
            let message = format!("the message has more than {MAX_LINE_BYTES} bytes");
            writer.refuse(&Value::Null, ErrorCode::INVALID_REQUEST, &message).await?;
            continue;
        }
        match message(&line) {
            Ok(Some(message)) => {
                // Before the greeting, anything but a request would end the connection.
                opened = opened || opens(&message);
                if (opened || matches!(message, Message::Request(_))) && sender.send(message).await.is_err() {
                    return Ok(());
                }
            }
            Ok(None) => {}
            Err((id, code, message)) => writer.refuse(&id, code, &message).await?,
        }
        if let Read::End = read {
            return Ok(());
        }
    }
}

/// How reading a line came out.
pub(super) enum Read {
    Line,
    TooLong,
    /// The input has ended; what is left in the line is the last one.
    End,
}

/// Reads up to the next line end, never holding more than [`MAX_LINE_BYTES`].
pub(super) async fn next_line<R: AsyncRead + Unpin>(reader: &mut BufReader<R>, line: &mut Vec<u8>) -> io::Result<Read> {
    line.clear();
    // A long line's memory is not kept for the short ones after it.
    line.shrink_to(1 << 16);
    let mut too_long = false;
    loop {
        let ready = reader.fill_buf().await?;
        let end = ready.iter().position(|byte| *byte == b'\n');
        let part = &ready[..end.unwrap_or(ready.len())];
        let (used, input_ended) = (part.len() + usize::from(end.is_some()), ready.is_empty());
        too_long |= line.len() + part.len() > MAX_LINE_BYTES;
        if too_long {
            line.clear();
        } else {
            line.extend_from_slice(part);
        }
        reader.consume(used);
        match (end, too_long) {
            _ if input_ended => return Ok(Read::End),
            (Some(_), true) => return Ok(Read::TooLong),
            (Some(_), false) => return Ok(Read::Line),
            (None, _) => {}
        }
    }
}

/// The message of a line; `None` for a blank line and for a notification nobody knows; otherwise
/// the error to answer with, and the id to answer to.
pub fn message(line: &[u8]) -> Result<Option<Message>, (Value, ErrorCode, String)> {
    let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line).trim_ascii();
    if line.is_empty() {
        return Ok(None);
    }
    let value: Value = serde_json::from_slice(line)
        .map_err(|error| (Value::Null, ErrorCode::PARSE_ERROR, format!("the message is not JSON: {error}")))?;
    let id = value.get("id").filter(|id| id.is_string() || id.is_number()).cloned();
    let is_notification = value.get("id").is_none() && value.get("method").is_some_and(Value::is_string);
    match serde_json::from_value(value) {
        Ok(message) => Ok(Some(message)),
        Err(_) if is_notification => Ok(None),
        Err(_) => {
            let message = "the message is not a JSON-RPC 2.0 request, notification or response".to_owned();
            Err((id.unwrap_or_default(), ErrorCode::INVALID_REQUEST, message))
        }
    }
}

/// Whether the conversation has begun with this message: it greets, or carries its greeting along.
fn opens(message: &Message) -> bool {
    match message {
        Message::Request(request) => match &request.request {
            ClientRequest::InitializeRequest(_) => true,
            ClientRequest::PingRequest(_) | ClientRequest::DiscoverRequest(_) => false,
            other => {
                let greeting = other.get_meta();
                let version = greeting.protocol_version();
                // One that is not understood is answered, and greets nobody.
                version.is_some_and(|version| ProtocolVersion::KNOWN_VERSIONS.contains(&version))
                    && greeting.missing_required_keys(&ProtocolVersion::V_2026_07_28).is_empty()
            }
        },
        _ => false,
    }
}

#[cfg(test)]
mod tests;
