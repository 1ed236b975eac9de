//! The messages that a relay repeats to another server when the current one ends.
//!
//! Of a message, only the id, the method, the request id of a cancellation, and the presence of an error are used. A
//! line that the server cannot parse is answered without an id, so it does not count as a request. Invariants: a
//! request is kept from before it is forwarded until its response has been forwarded, the client has cancelled it or
//! sent another one with its id, or it has expired or used up its attempts. A successful `initialize` request is kept
//! for the whole conversation.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mcp::transport::json_lines;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::{Value, json};

/// Maximum number of servers that a request is sent to: if each of them ends while working on it, the request is
/// the likely cause.
const MAX_ATTEMPTS: u32 = 3;

/// Number of requests without a response at which no further request is read.
const MAX_PENDING_REQUESTS: usize = 4_096;

/// Total size of the requests without a response at which no further request is read, in bytes.
const MAX_PENDING_BYTES: usize = 64 << 20;

/// The state of a conversation that another server needs to continue it.
#[derive(Default)]
pub struct ReplayBuffer {
    /// The `initialize` request, once it has been answered without an error; `None` before.
    initialize: Option<PendingRequest>,
    /// The client's last `notifications/initialized` message, if it has sent one.
    initialized: Option<Arc<[u8]>>,
    /// Requests without a response, by the order of their arrival.
    pending: BTreeMap<u64, PendingRequest>,
    /// Keys into `pending`, by request id.
    pending_keys: HashMap<String, u64>,
    next_key: u64,
    /// Id of a replayed `initialize` request, whose response the client has already; `None` once the response has been
    /// dropped.
    suppressed_id: Option<String>,
}

/// A request of the client that a replay repeats.
#[derive(Clone)]
struct PendingRequest {
    /// The id as JSON.
    id: String,
    line: Arc<[u8]>,
    is_initialize: bool,
    /// Whether the response may take any time, as for `subscriptions/listen`.
    is_long_lived: bool,
    /// Number of servers the request was sent to.
    attempts: u32,
    /// The time when the request was recorded.
    since: Instant,
}

/// Id, as JSON, of the pings that a relay sends. A client's request with this id would get no response.
pub const PING_ID: &str = r#""codescry relay ping""#;

/// The way a relay handles a message of the server.
#[derive(Debug, PartialEq, Eq)]
pub enum ServerMessageAction {
    /// Forward the message.
    Forward,
    /// Forward the response to the request with this id, then call [`ReplayBuffer::complete_request`].
    ForwardResponse(String),
    /// Drop the message: the client has it already, or it answers a ping of the relay.
    Drop,
}

/// The messages to send before a conversation continues with another server.
#[derive(Default)]
pub struct Replay {
    pub to_server: Vec<Arc<[u8]>>,
    /// Error responses to requests that have used up their attempts.
    pub to_client: Vec<Vec<u8>>,
}

impl ReplayBuffer {
    /// Records a message of the client before it is forwarded; returns whether a replay would repeat it.
    pub fn record_client_message(&mut self, line: &[u8]) -> bool {
        // The whole line is parsed, as the server does: the server never answers a line that only starts like
        // a request.
        let Ok(message) = json_lines::parse_json(strip_byte_order_mark(line)) else { return false };
        let id = message.get("id");
        match (message.get("method").and_then(Value::as_str), id.filter(|id| id.is_string() || id.is_i64())) {
            (Some(method), Some(id)) => {
                let id = id.to_string();
                let (is_initialize, is_long_lived) = (method == "initialize", method == "subscriptions/listen");
                let line = line.into();
                self.add_pending(PendingRequest {
                    id,
                    line,
                    is_initialize,
                    is_long_lived,
                    attempts: 1,
                    since: Instant::now(),
                });
                true
            }
            (Some("notifications/initialized"), None) if id.is_none() => {
                self.initialized = Some(line.into());
                true
            }
            (Some("notifications/cancelled"), None) => {
                // The server may still answer it, but the client no longer waits for the response.
                if let Some(id) = message.pointer("/params/requestId") {
                    self.remove_pending(&id.to_string());
                }
                false
            }
            _ => false,
        }
    }

    /// Decides how to handle a message of the server.
    pub fn handle_server_message(&mut self, line: &[u8]) -> ServerMessageAction {
        let message = parse_json_line::<ServerMessage>(line).filter(|message| message.method.is_none());
        let Some((id, failed)) = message.and_then(|message| Some((message.id()?, message.error.is_some()))) else {
            return ServerMessageAction::Forward;
        };
        if id == PING_ID {
            return ServerMessageAction::Drop;
        }
        if self.suppressed_id.as_ref() == Some(&id) {
            self.suppressed_id = None;
            return ServerMessageAction::Drop;
        }
        if let Some(request) = self.pending_keys.get(&id).and_then(|key| self.pending.get_mut(key)).filter(|_| failed) {
            // After a failed `initialize`, the client must send it again.
            request.is_initialize = false;
        }
        ServerMessageAction::ForwardResponse(id)
    }

    /// Records that the response to this request has been forwarded.
    pub fn complete_request(&mut self, id: &str) {
        if let Some(request) = self.remove_pending(id).filter(|request| request.is_initialize) {
            self.initialize = Some(request);
        }
    }

    /// Returns whether no more requests should be read until some of the pending ones are completed or dropped.
    pub fn is_full(&self) -> bool {
        let bytes: usize = self.pending.values().map(|request| request.line.len()).sum();
        self.pending.len() >= MAX_PENDING_REQUESTS || bytes >= MAX_PENDING_BYTES
    }

    /// Returns the number of requests without a response.
    pub fn pending_count(&self) -> usize {
        self.pending.len()
    }

    /// Drops requests that are at least `age` old, whose responses are no longer expected.
    pub fn drop_older_than(&mut self, age: Duration) {
        let old: Vec<_> = self.pending.values().filter(|request| request.since.elapsed() >= age).cloned().collect();
        for request in old {
            self.remove_pending(&request.id);
        }
    }

    /// Returns whether any request awaits a response; long-lived requests do not count.
    pub fn is_response_due(&self) -> bool {
        self.pending.values().any(|request| !request.is_long_lived)
    }

    /// Returns the messages to send when the conversation continues with a new server. Counts an attempt for each
    /// repeated request, and drops the requests that have used up theirs.
    pub fn start_replay(&mut self) -> Replay {
        let mut replay = Replay::default();
        self.suppressed_id = None;
        if let Some(initialize) = &self.initialize {
            replay.to_server.push(Arc::clone(&initialize.line));
            self.suppressed_id = Some(initialize.id.clone());
        }
        let given_up: Vec<_> =
            self.pending.values().filter(|request| request.attempts >= MAX_ATTEMPTS).cloned().collect();
        for request in given_up {
            self.remove_pending(&request.id);
            replay.to_client.push(gave_up_response(&request.id));
        }
        let (initialize, rest): (Vec<_>, Vec<_>) = self.pending.values_mut().partition(|request| request.is_initialize);
        let mut next_attempt = |request: &mut PendingRequest| {
            request.attempts += 1;
            Arc::clone(&request.line)
        };
        replay.to_server.extend(initialize.into_iter().map(&mut next_attempt));
        replay.to_server.extend(self.initialized.clone());
        replay.to_server.extend(rest.into_iter().map(&mut next_attempt));
        replay
    }

    /// Adds a request as the newest pending one.
    fn add_pending(&mut self, request: PendingRequest) {
        // Responses to two requests with the same id cannot be distinguished, so the newer request replaces the older.
        self.remove_pending(&request.id);
        self.pending_keys.insert(request.id.clone(), self.next_key);
        self.pending.insert(self.next_key, request);
        self.next_key += 1;
    }

    /// Removes the pending request with this id, if there is one.
    fn remove_pending(&mut self, id: &str) -> Option<PendingRequest> {
        self.pending.remove(&self.pending_keys.remove(id)?)
    }
}

/// The parts of a server's message that a relay reads.
#[derive(Deserialize)]
struct ServerMessage {
    id: Option<Value>,
    method: Option<Value>,
    error: Option<IgnoredAny>,
}

/// Parses a line of JSON, which may start with a byte order mark; `None` if it is not a `T`.
fn parse_json_line<T: DeserializeOwned>(line: &[u8]) -> Option<T> {
    serde_json::from_slice(strip_byte_order_mark(line)).ok()
}

fn strip_byte_order_mark(line: &[u8]) -> &[u8] {
    line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line)
}

impl ServerMessage {
    /// Returns the id as JSON, if it is a string or a number.
    fn id(&self) -> Option<String> {
        self.id.as_ref().filter(|id| id.is_string() || id.is_number()).map(Value::to_string)
    }
}

/// Returns the error response to a request that has used up its attempts; `id` is JSON.
fn gave_up_response(id: &str) -> Vec<u8> {
    let message = "the server ended each time it worked on this request; try another request, and please report this";
    let error = json!({ "code": -32603, "message": message });
    format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{error}}}"#).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{}}"#;
    const INITIALIZED: &str = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;

    fn request(id: &str) -> String {
        format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"id":9,"name":"é"}}}}"#)
    }

    fn response(id: &str) -> String {
        format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"method":"x"}}}}"#)
    }

    fn buffer_of(lines: &[String]) -> ReplayBuffer {
        let mut buffer = ReplayBuffer::default();
        for line in lines {
            buffer.record_client_message(line.as_bytes());
        }
        buffer
    }

    /// Forwards the response to `id`.
    fn forward_response(buffer: &mut ReplayBuffer, id: &str) -> ServerMessageAction {
        let action = buffer.handle_server_message(response(id).as_bytes());
        if let ServerMessageAction::ForwardResponse(id) = &action {
            buffer.complete_request(id);
        }
        action
    }

    /// Starts a replay; returns the messages to the server.
    fn replayed(buffer: &mut ReplayBuffer) -> Vec<String> {
        let lines = buffer.start_replay().to_server;
        lines.iter().map(|line| String::from_utf8(line.to_vec()).expect("the line is UTF-8")).collect()
    }

    #[test]
    fn another_server_gets_the_initialize_request_and_all_pending_ones() {
        let mut buffer = buffer_of(&[INITIALIZE.to_owned()]);
        assert_eq!(forward_response(&mut buffer, "0"), ServerMessageAction::ForwardResponse("0".to_owned()));
        for line in [INITIALIZED, &request("1"), &request(r#""a\u0062""#), &request("2"), "nothing", "[1]"] {
            buffer.record_client_message(line.as_bytes());
        }
        assert_eq!(forward_response(&mut buffer, "1"), ServerMessageAction::ForwardResponse("1".to_owned()));
        assert_eq!(replayed(&mut buffer), [INITIALIZE, INITIALIZED, &request(r#""a\u0062""#), &request("2")]);
        assert_eq!(forward_response(&mut buffer, "0"), ServerMessageAction::Drop);
        assert_eq!(
            forward_response(&mut buffer, r#""ab""#),
            ServerMessageAction::ForwardResponse(r#""ab""#.to_owned())
        );
        assert_eq!(forward_response(&mut buffer, "2"), ServerMessageAction::ForwardResponse("2".to_owned()));
        assert_eq!(
            (buffer.pending_count(), replayed(&mut buffer)),
            (0, vec![INITIALIZE.to_owned(), INITIALIZED.to_owned()])
        );
    }

    #[test]
    fn an_unanswered_initialize_request_is_replayed_and_its_response_forwarded() {
        let mut buffer = buffer_of(&[request("1"), INITIALIZE.to_owned()]);
        assert_eq!(replayed(&mut buffer), [INITIALIZE.to_owned(), request("1")]);
        assert_eq!(forward_response(&mut buffer, "0"), ServerMessageAction::ForwardResponse("0".to_owned()));
    }

    #[test]
    fn cancelled_requests_are_not_replayed() {
        let cancel = r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}"#;
        let mut buffer = buffer_of(&[request("1"), request("2"), cancel.to_owned()]);
        assert_eq!(replayed(&mut buffer), [request("2")]);
    }

    #[test]
    fn lines_that_the_server_cannot_parse_are_not_pending() {
        let deep = format!(r#"{{"id":1,"method":"x","params":{}1{}}}"#, "[".repeat(200), "]".repeat(200));
        for line in
            [r#"{"id":1,"method":"x","params":1e400}"#, r#"{"id":1.5,"method":"x"}"#, r#"{"id":1,"method":7}"#, &deep]
        {
            let mut buffer = ReplayBuffer::default();
            assert!(!buffer.record_client_message(line.as_bytes()), "{line}");
            assert_eq!(buffer.pending_count(), 0, "{line}");
        }
        let mut buffer = ReplayBuffer::default();
        assert!(buffer.record_client_message(br#"{"id":1,"method":"x","params":"\ud800"}"#), "the server repairs it");
        let mut buffer = buffer_of(&[request("1")]);
        buffer.drop_older_than(Duration::from_secs(60));
        assert_eq!(buffer.pending_count(), 1);
        buffer.drop_older_than(Duration::ZERO);
        assert_eq!(buffer.pending_count(), 0);
    }

    #[test]
    fn many_or_long_pending_requests_fill_the_buffer() {
        let mut buffer = ReplayBuffer::default();
        for id in 0..MAX_PENDING_REQUESTS {
            assert!(!buffer.is_full());
            buffer.record_client_message(request(&id.to_string()).as_bytes());
        }
        assert!(buffer.is_full());
        assert_eq!(forward_response(&mut buffer, "7"), ServerMessageAction::ForwardResponse("7".to_owned()));
        assert!(!buffer.is_full());
        let long = format!(r#"{{"id":1,"method":"x","params":"{}"}}"#, "x".repeat(MAX_PENDING_BYTES));
        assert!(buffer_of(&[long]).is_full());
    }

    #[test]
    fn requests_and_notifications_of_the_server_complete_no_request() {
        let mut buffer = buffer_of(&[request("1")]);
        for line in [request("1"), r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{}}"#.to_owned()] {
            assert_eq!(buffer.handle_server_message(line.as_bytes()), ServerMessageAction::Forward);
        }
        assert_eq!(buffer.pending_count(), 1);
    }

    #[test]
    fn a_request_that_ends_every_server_gets_an_error() {
        let mut buffer = buffer_of(&[request("1")]);
        assert_eq!(replayed(&mut buffer).len(), 1);
        assert_eq!(replayed(&mut buffer).len(), 1);
        buffer.record_client_message(request("2").as_bytes());
        let replay = buffer.start_replay();
        assert_eq!((replay.to_server.len(), replay.to_client.len(), buffer.pending_count()), (1, 1, 1));
        let error: Value = serde_json::from_slice(&replay.to_client[0]).expect("the line is JSON");
        assert_eq!((&error["id"], &error["error"]["code"]), (&json!(1), &json!(-32603)));
    }
}
