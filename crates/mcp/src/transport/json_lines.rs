//! JSON-RPC messages over a pair of byte streams, one per line: the transport over standard input and output.
//!
//! Every line written is one message. A line that is too long, not JSON or not a message is answered
//! with an error and skipped; it never ends the connection. A separate task reads, so that cancelling
//! [`Transport::receive`] never loses part of a line.

use std::io;
use std::sync::Arc;

use rmcp::RoleServer;
use rmcp::model::{ClientRequest, ErrorCode, GetMeta as _, ProtocolVersion};
use rmcp::service::{RxJsonRpcMessage, TxJsonRpcMessage};
use rmcp::transport::Transport;
use serde_json::{Value, json};
use text::display::sanitize_to_length;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinHandle;

use crate::call::arguments::to_argument_object;

/// Maximum length of a line, in bytes; a longer one is skipped and answered with an error.
pub const MAX_LINE_BYTES: usize = 16 << 20;

/// Maximum number of messages read before the server takes them.
const READ_AHEAD: usize = 8;

/// A message from the client.
pub type ClientMessage = RxJsonRpcMessage<RoleServer>;

/// The server's end of a connection over a pair of byte streams.
pub struct JsonLinesTransport<W> {
    writer: LineWriter<W>,
    messages: mpsc::Receiver<ClientMessage>,
    reader: JoinHandle<()>,
}

/// A writer of whole lines; clones share the output, and their lines do not mix.
pub struct LineWriter<W>(Arc<Mutex<W>>);

impl<W> Clone for LineWriter<W> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<W: AsyncWrite + Unpin> LineWriter<W> {
    /// Creates a writer of lines to `writer`.
    pub fn new(writer: W) -> Self {
        Self(Arc::new(Mutex::new(writer)))
    }

    /// Writes `line`, appends the line end, and flushes.
    ///
    /// # Errors
    /// When the output cannot be written.
    pub async fn write(&self, mut line: Vec<u8>) -> io::Result<()> {
        line.push(b'\n');
        let mut writer = self.0.lock().await;
        writer.write_all(&line).await?;
        writer.flush().await
    }

    /// Writes the error response to an invalid message; `id` is null when the message's id is unknown.
    ///
    /// # Errors
    /// When the output cannot be written.
    pub async fn write_error(&self, id: &Value, code: ErrorCode, message: &str) -> io::Result<()> {
        let error = json!({ "jsonrpc": "2.0", "id": id, "error": { "code": code.0, "message": message } });
        self.write(error.to_string().into_bytes()).await
    }
}

impl<W: AsyncWrite + Unpin + Send + 'static> JsonLinesTransport<W> {
    /// Creates a transport and starts to read messages.
    ///
    /// # Panics
    /// When called outside a Tokio runtime.
    pub fn new<R: AsyncRead + Unpin + Send + 'static>(reader: R, writer: W) -> Self {
        let writer = LineWriter::new(writer);
        let (sender, messages) = mpsc::channel(READ_AHEAD);
        let error_writer = writer.clone();
        let reader = tokio::spawn(async move {
            if let Err(error) = read_messages(BufReader::new(reader), &error_writer, &sender).await {
                tracing::warn!("cannot read further requests: {error}");
            }
        });
        Self { writer, messages, reader }
    }
}

impl<W: AsyncWrite + Unpin + Send + 'static> Transport<RoleServer> for JsonLinesTransport<W> {
    type Error = io::Error;

    fn send(&mut self, message: TxJsonRpcMessage<RoleServer>) -> impl Future<Output = io::Result<()>> + Send + 'static {
        let writer = self.writer.clone();
        async move {
            match writer.write(serde_json::to_vec(&message)?).await {
                // The client has disconnected; the reader sees the end of the input and ends the connection.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
                written => written,
            }
        }
    }

    async fn receive(&mut self) -> Option<ClientMessage> {
        self.messages.recv().await
    }

    async fn close(&mut self) -> io::Result<()> {
        self.reader.abort();
        self.writer.0.lock().await.flush().await
    }
}

/// Reads messages, and answers invalid ones with errors, until the input ends or the receiver is dropped.
async fn read_messages<R, W>(
    mut reader: BufReader<R>,
    writer: &LineWriter<W>,
    sender: &mpsc::Sender<ClientMessage>,
) -> io::Result<()>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let mut line = Vec::new();
    let mut is_open = false;
    loop {
        let read = read_bounded_line(&mut reader, &mut line).await?;
        if let LineRead::TooLong = read {
            let message = format!("the message has more than {MAX_LINE_BYTES} bytes");
            writer.write_error(&Value::Null, ErrorCode::INVALID_REQUEST, &message).await?;
            continue;
        }
        match parse_message(&line) {
            Ok(Some(message)) => {
                // Before the handshake, `rmcp` ends the connection on anything but a request.
                is_open = is_open || opens_session(&message);
                if (is_open || matches!(message, ClientMessage::Request(_))) && sender.send(message).await.is_err() {
                    return Ok(());
                }
            }
            Ok(None) => {}
            Err((id, code, message)) => writer.write_error(&id, code, &message).await?,
        }
        if let LineRead::End = read {
            return Ok(());
        }
    }
}

/// The result of reading a line.
pub enum LineRead {
    /// A whole line.
    Line,
    /// A line longer than [`MAX_LINE_BYTES`], which was skipped.
    TooLong,
    /// The end of the input; the buffer holds the rest, which has no line end, or nothing if the rest is too long.
    End,
}

/// Reads the next line into `line`, without its end, holding at most [`MAX_LINE_BYTES`].
///
/// # Errors
/// When the input cannot be read.
pub async fn read_bounded_line<R: AsyncRead + Unpin>(
    reader: &mut BufReader<R>,
    line: &mut Vec<u8>,
) -> io::Result<LineRead> {
    line.clear();
    // Frees the memory of a previous long line.
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
            _ if input_ended => return Ok(LineRead::End),
            (Some(_), true) => return Ok(LineRead::TooLong),
            (Some(_), false) => return Ok(LineRead::Line),
            (None, _) => {}
        }
    }
}

/// Parses the message of a line; `None` for a blank line and for an unknown notification.
///
/// # Errors
/// When the line is not a message, or is a tool call with a missing field or one of a wrong type; holds the id, code
/// and text of the error response.
pub fn parse_message(line: &[u8]) -> Result<Option<ClientMessage>, (Value, ErrorCode, String)> {
    let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line).trim_ascii();
    if line.is_empty() {
        return Ok(None);
    }
    let value = parse_json(line)
        .map_err(|error| (Value::Null, ErrorCode::PARSE_ERROR, format!("the message is not JSON: {error}")))?;
    let value = normalize_call(value);
    let id = value.get("id").filter(|id| id.is_string() || id.is_number()).cloned();
    if let Some(problem) = id.as_ref().and_then(|_| find_call_fault(&value)) {
        return Err((id.unwrap_or_default(), ErrorCode::INVALID_PARAMS, problem));
    }
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

/// Parses JSON. The `\u` escape of a lone surrogate, half of a character, becomes a replacement character.
///
/// # Errors
/// When the text is not JSON.
pub fn parse_json(text: &[u8]) -> serde_json::Result<Value> {
    serde_json::from_slice(text).or_else(|error| match replace_lone_surrogates(text) {
        Some(repaired) => serde_json::from_slice(&repaired),
        None => Err(error),
    })
}

/// Returns the normalized JSON of a message; `None` if the message needs no change or is not JSON.
pub fn repair_message(text: &[u8]) -> Option<Vec<u8>> {
    let repaired = replace_lone_surrogates(text);
    let message: Value = serde_json::from_slice(repaired.as_deref().unwrap_or(text)).ok()?;
    let normalized = normalize_call(message.clone());
    if normalized == message { repaired } else { serde_json::to_vec(&normalized).ok() }
}

/// Replaces the `\u` escapes of surrogates without a partner by that of the replacement character; `None` if there are
/// none. Some clients cut texts in the middle of a character.
fn replace_lone_surrogates(text: &[u8]) -> Option<Vec<u8>> {
    let unit = |at: usize| {
        let digits = text.get(at..at + 6)?.strip_prefix(b"\\u")?;
        u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
    };
    let mut repaired = Vec::with_capacity(text.len());
    let (mut at, mut changed) = (0, false);
    while at < text.len() {
        let length = match (unit(at), unit(at + 6)) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => 12,
            (Some(0xd800..=0xdfff), _) => {
                repaired.extend_from_slice(b"\\ufffd");
                (at, changed) = (at + 6, true);
                continue;
            }
            (Some(_), _) => 6,
            // An escaped backslash does not begin the next escape.
            (None, _) if text[at] == b'\\' => 2,
            (None, _) => 1,
        };
        let end = (at + length).min(text.len());
        repaired.extend_from_slice(&text[at..end]);
        at = end;
    }
    changed.then_some(repaired)
}

/// Replaces the arguments of a tool call that are not an object, such as `[]` for none, by the object they stand for,
/// and adds the fields that an `initialize` request lacks.
fn normalize_call(mut message: Value) -> Value {
    complete_greeting(&mut message);
    let is_call = message.get("method").is_some_and(|method| method == "tools/call");
    if let Some(arguments) = message.pointer_mut("/params/arguments").filter(|_| is_call)
        && !arguments.is_object()
        && let Some(object) = to_argument_object(arguments.clone())
    {
        *arguments = Value::Object(object);
    }
    message
}

/// Adds the required fields that an `initialize` request lacks: some clients send no name, or no version. Since
/// protocol version 2026-07-28 there is no such request: one with that version in its metadata stays as it is.
fn complete_greeting(message: &mut Value) {
    let is_greeting = message.get("method").is_some_and(|method| method == "initialize");
    let has_version = message.pointer("/params/_meta/io.modelcontextprotocol~1protocolVersion").is_some();
    if !is_greeting || has_version || message.get("id").is_none() {
        return;
    }
    let Some(message) = message.as_object_mut() else { return };
    let params = message.entry("params").or_insert_with(|| json!({}));
    if params.is_null() {
        *params = json!({});
    }
    let Some(params) = params.as_object_mut() else { return };
    // A field of a wrong type counts as missing.
    for (field, default) in [
        ("protocolVersion", json!(ProtocolVersion::V_2025_03_26)),
        ("capabilities", json!({})),
        ("clientInfo", json!({})),
    ] {
        if params
            .get(field)
            .is_none_or(|given| !(given.is_string() && default.is_string() || given.is_object() && default.is_object()))
        {
            params.insert(field.to_owned(), default);
        }
    }
    if let Some(client) = params.get_mut("clientInfo").and_then(Value::as_object_mut) {
        for field in ["name", "version"] {
            client.entry(field).or_insert_with(|| json!("unknown"));
        }
    }
}

/// Maximum length of a value in a message, in characters.
const MAX_SHOWN_CHARS: usize = 60;

/// Describes the first field of a tool call that is missing or has a wrong type; `None` if there is none, or the
/// message is not a call.
fn find_call_fault(message: &Value) -> Option<String> {
    if message.get("method")? != "tools/call" {
        return None;
    }
    let fault = |field: &str, value: Option<&Value>, expected: &str| {
        let found =
            value.map_or_else(|| "missing".to_owned(), |value| sanitize_to_length(&value.to_string(), MAX_SHOWN_CHARS));
        Some(format!("{field} of tools/call is {found}; give {expected}"))
    };
    let params = message.get("params");
    if !params.is_some_and(Value::is_object) {
        return fault("params", params, "an object with the name of the tool and its arguments");
    }
    let (name, arguments) = (message.pointer("/params/name"), message.pointer("/params/arguments"));
    if !name.is_some_and(Value::is_string) {
        return fault("params.name", name, "the name of a tool as text");
    }
    if arguments.is_some_and(|arguments| !arguments.is_object()) {
        return fault("params.arguments", arguments, "an object such as {\"query\": \"where are retries handled\"}");
    }
    None
}

/// Returns whether the message opens a session: it is an `initialize` request, or carries the handshake in its
/// metadata.
fn opens_session(message: &ClientMessage) -> bool {
    match message {
        ClientMessage::Request(request) => match &request.request {
            ClientRequest::InitializeRequest(_) => true,
            ClientRequest::PingRequest(_) | ClientRequest::DiscoverRequest(_) => false,
            other => {
                let handshake = other.get_meta();
                let version = handshake.protocol_version();
                // A request with an unknown version gets an error response and opens no session.
                version.is_some_and(|version| ProtocolVersion::KNOWN_VERSIONS.contains(&version))
                    && handshake.missing_required_keys(&ProtocolVersion::V_2026_07_28).is_empty()
            }
        },
        _ => false,
    }
}

#[cfg(test)]
mod tests;
