//! JSON-RPC messages over a pair of byte streams, one per line: the transport over standard input and output.
//!
//! Every line written is one message. A line that is too long, not JSON or not a message is answered
//! with an error and skipped; it never ends the connection. A separate task reads, so that cancelling
//! [`Transport::receive`] never loses part of a line.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rmcp::RoleServer;
use rmcp::model::{
    ClientCapabilities, ClientRequest, ErrorCode, GetMeta as _, Implementation, InitializeRequestParams,
    ProtocolVersion,
};
use rmcp::service::{RxJsonRpcMessage, TxJsonRpcMessage};
use rmcp::transport::Transport;
use serde_json::{Value, json};
use text::display::sanitize_to_length;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::task::JoinHandle;

use self::pending::PendingRequests;
use crate::call::arguments::to_argument_object;

mod pending;

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
    pending: PendingRequests,
    /// Time for which requests are still answered after the end of the input; `None` if nobody waits for them.
    answer_time: Option<(Duration, oneshot::Sender<()>)>,
    /// The task that waits for these answers.
    last_answers: Option<JoinHandle<()>>,
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
        Self { writer, messages, reader, pending: PendingRequests::default(), answer_time: None, last_answers: None }
    }

    /// Answers every request that was read: after the end of the input, [`Transport::receive`] returns `None` only when
    /// all have been answered, or after `limit`, when the others have got an error. The returned receiver gets a
    /// message in the second case, in which the work for these requests is of no use any more.
    pub fn answer_all_within(mut self, limit: Duration) -> (Self, oneshot::Receiver<()>) {
        let (sender, given_up) = oneshot::channel();
        self.answer_time = Some((limit, sender));
        (self, given_up)
    }
}

impl<W: AsyncWrite + Unpin + Send + 'static> Transport<RoleServer> for JsonLinesTransport<W> {
    type Error = io::Error;

    fn send(&mut self, message: TxJsonRpcMessage<RoleServer>) -> impl Future<Output = io::Result<()>> + Send + 'static {
        let writer = self.writer.clone();
        let answering = self.pending.begin_answer(&message);
        async move {
            let Some(_answering) = answering else { return Ok(()) };
            match writer.write(serde_json::to_vec(&message)?).await {
                // The client has disconnected; the reader sees the end of the input and ends the connection.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
                written => written,
            }
        }
    }

    async fn receive(&mut self) -> Option<ClientMessage> {
        if self.last_answers.is_none() {
            if let Some(message) = self.messages.recv().await {
                self.pending.note_message(&message);
                return Some(message);
            }
            if let Some((limit, given_up)) = self.answer_time.take() {
                let (pending, writer) = (self.pending.clone(), self.writer.clone());
                self.last_answers = Some(tokio::spawn(finish_answers(pending, writer, limit, given_up)));
            }
        }
        // Awaited by reference, so that a cancelled call of this method loses nothing.
        if let Some(answered) = self.last_answers.as_mut().filter(|answered| !answered.is_finished()) {
            _ = answered.await;
        }
        None
    }

    async fn close(&mut self) -> io::Result<()> {
        self.reader.abort();
        self.writer.0.lock().await.flush().await
    }
}

/// Time to write the errors of unanswered requests, which a client that reads nothing would block forever.
const LAST_ERRORS_TIME: Duration = Duration::from_millis(500);

/// Waits until all requests are answered, for at most `limit`. If some are not, answers them with an error, and sends a
/// message to `given_up`.
async fn finish_answers<W: AsyncWrite + Unpin>(
    pending: PendingRequests,
    writer: LineWriter<W>,
    limit: Duration,
    given_up: oneshot::Sender<()>,
) {
    if tokio::time::timeout(limit, pending.wait_until_answered()).await.is_ok() {
        return;
    }
    let unanswered = pending.close();
    if unanswered.is_empty() {
        return;
    }
    let message = "the input ended before this request was answered; keep it open until the answer has come";
    let write_errors = async {
        for id in unanswered {
            let written = writer.write_error(&json!(id), ErrorCode::INTERNAL_ERROR, message).await;
            if let Err(error) = written {
                tracing::debug!("cannot answer a request after the end of the input: {error}");
                return;
            }
        }
    };
    if tokio::time::timeout(LAST_ERRORS_TIME, write_errors).await.is_err() {
        tracing::debug!("the client does not read the answers to its last requests");
    }
    // The server may have ended.
    _ = given_up.send(());
}

/// Sends messages to `sender`, and answers invalid ones with errors, until the input ends or the receiver is dropped.
/// Until a request opens the session, ignores all messages but requests.
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
    /// The end of the input; the buffer holds the rest, which has no line end. A rest that is too long comes before it,
    /// as [`LineRead::TooLong`].
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
            (_, true) if input_ended => return Ok(LineRead::TooLong),
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
/// When the line is not a message, or is a tool call or an `initialize` request with a missing field or one of a wrong
/// type; holds the id, code and text of the error response.
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
    if !is_greeting || has_version_in_metadata(message) || message.get("id").is_none() {
        return;
    }
    let Some(message) = message.as_object_mut() else { return };
    let params = message.entry("params").or_insert_with(|| json!({}));
    if params.is_null() {
        *params = json!({});
    }
    let Some(params) = params.as_object_mut() else { return };
    params.retain(|field, value| field != "_meta" || value.is_object());
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
    if let Some(capabilities) = params.get_mut("capabilities") {
        remove_unreadable::<ClientCapabilities>(capabilities, &json!({}));
    }
    if let Some(client) = params.get_mut("clientInfo") {
        let unnamed = json!({ "name": "unknown", "version": "unknown" });
        remove_unreadable::<Implementation>(client, &unnamed);
        if let (Some(client), Value::Object(unnamed)) = (client.as_object_mut(), unnamed) {
            unnamed.into_iter().for_each(|(field, value)| _ = client.entry(field).or_insert(value));
        }
    }
}

/// Removes the fields of an object that `T` cannot read. In a field that is an object itself, first removes only its
/// unreadable fields. `required` has the fields that `T` must have. A client may send fields of types that this program
/// does not know.
fn remove_unreadable<T: serde::de::DeserializeOwned>(object: &mut Value, required: &Value) {
    let reads = |field: &str, value: Value| {
        let mut alone = required.clone();
        alone[field] = value;
        serde_json::from_value::<T>(alone).is_ok()
    };
    let Some(fields) = object.as_object_mut() else { return };
    fields.retain(|field, value| {
        if reads(field, value.clone()) {
            return true;
        }
        let Some(parts) = value.as_object_mut() else { return false };
        parts.retain(|part, value| reads(field, json!({ part: value.clone() })));
        reads(field, value.clone())
    });
}

/// Returns whether the metadata of a request has a protocol version, as it must since version 2026-07-28.
fn has_version_in_metadata(message: &Value) -> bool {
    message.pointer("/params/_meta/io.modelcontextprotocol~1protocolVersion").is_some()
}

/// Maximum length of a value in a message, in characters.
const MAX_SHOWN_CHARS: usize = 60;

/// Describes the first field of a tool call that is missing or has a wrong type, or the fault of an `initialize`
/// request; `None` if there is no fault, or the message is neither.
fn find_call_fault(message: &Value) -> Option<String> {
    let method = message.get("method")?;
    if method == "initialize" && !has_version_in_metadata(message) {
        let params = message.get("params").cloned().unwrap_or_default();
        let shown = sanitize_to_length(&params.to_string(), MAX_SHOWN_CHARS);
        let error = serde_json::from_value::<InitializeRequestParams>(params).err()?;
        let reason = sanitize_to_length(&error.to_string(), 2 * MAX_SHOWN_CHARS);
        return Some(format!(
            "params of initialize is {shown} ({reason}); give an object with protocolVersion, capabilities and clientInfo"
        ));
    }
    if method != "tools/call" {
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
