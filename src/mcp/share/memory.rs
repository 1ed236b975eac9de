//! What a relay remembers of a conversation, so that it can go on with another server.
//!
//! Messages are known by their id and method alone; what else they say is between the client and
//! the server. A line that the server cannot read is answered without an id, so it is no request here. Invariants: a request is remembered from before it is passed on until its answer has
//! been passed on, or its client has cancelled it; the greeting, for good.
//! Must never import: anything of this crate.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::{Value, json};

/// How many servers a request may be given. One after another ending while they work on it is
/// likely its own fault.
const MAX_SERVERS: u32 = 3;

/// See the module's header.
#[derive(Default)]
pub struct Memory {
    greeting: Option<Request>,
    /// The client's word that it has been greeted.
    greeted: Option<Arc<[u8]>>,
    /// Requests without an answer, in the order in which they came.
    open: BTreeMap<u64, Request>,
    /// Where they are in `open`.
    places: HashMap<String, u64>,
    next_place: u64,
    /// The greeting was repeated: its answer is not for the client.
    swallow: Option<String>,
}

#[derive(Clone)]
struct Request {
    /// As JSON.
    id: String,
    line: Arc<[u8]>,
    is_greeting: bool,
    /// Whether its answer comes when there is something to tell, if ever.
    is_patient: bool,
    /// How many have been given it.
    servers: u32,
    since: Instant,
}

/// Of what a relay asks for itself, as JSON. Whoever else would choose it gets no answer.
pub const PING_ID: &str = r#""codescry relay ping""#;

/// What to do with a message of the server.
#[derive(Debug, PartialEq, Eq)]
pub enum Passing {
    /// Pass it on.
    On,
    /// Pass it on; then [`Memory::answered`].
    Answer(String),
    /// The client has it already.
    Nothing,
}

/// What another server must be told, and what the client must be told.
#[derive(Default)]
pub struct Replay {
    pub to_server: Vec<Arc<[u8]>>,
    /// Of requests that no further server is given.
    pub to_client: Vec<Vec<u8>>,
}

impl Memory {
    /// A message of the client, before it is passed on. Whether [`Memory::replay`] would repeat it.
    pub fn sent(&mut self, line: &[u8]) -> bool {
        // All of it is read, as the server does: what only looks like a request is never answered.
        let Some(message) = read::<Value>(line) else { return false };
        let id = message.get("id");
        match (message.get("method").and_then(Value::as_str), id.filter(|id| id.is_string() || id.is_i64())) {
            (Some(method), Some(id)) => {
                let id = id.to_string();
                let (is_greeting, is_patient) = (method == "initialize", method == "subscriptions/listen");
                let line = line.into();
                self.add(Request { id, line, is_greeting, is_patient, servers: 1, since: Instant::now() });
                true
            }
            (Some("notifications/initialized"), None) if id.is_none() => {
                self.greeted = Some(line.into());
                true
            }
            (Some("notifications/cancelled"), None) => {
                // It may be answered all the same, but nobody waits for that.
                if let Some(id) = message.pointer("/params/requestId") {
                    self.remove(&id.to_string());
                }
                false
            }
            _ => false,
        }
    }

    /// A message of the server.
    pub fn received(&mut self, line: &[u8]) -> Passing {
        let message = read::<Message>(line).filter(|message| message.method.is_none());
        let Some((id, failed)) = message.and_then(|message| Some((message.id()?, message.error.is_some()))) else {
            return Passing::On;
        };
        if id == PING_ID {
            return Passing::Nothing;
        }
        if self.swallow.as_ref() == Some(&id) {
            self.swallow = None;
            return Passing::Nothing;
        }
        if let Some(request) = self.places.get(&id).and_then(|place| self.open.get_mut(place)).filter(|_| failed) {
            // Who was not greeted must greet again.
            request.is_greeting = false;
        }
        Passing::Answer(id)
    }

    /// The answer to this request has been passed on.
    pub fn answered(&mut self, id: &str) {
        if let Some(request) = self.remove(id).filter(|request| request.is_greeting) {
            self.greeting = Some(request);
        }
    }

    /// How many requests have no answer.
    pub fn open(&self) -> usize {
        self.open.len()
    }

    /// Forgets requests this old, for which there will be no answer any more.
    pub fn forget(&mut self, age: Duration) {
        let old: Vec<_> = self.open.values().filter(|request| request.since.elapsed() >= age).cloned().collect();
        for request in old {
            self.remove(&request.id);
        }
    }

    /// Whether an answer is due.
    pub fn is_awaiting(&self) -> bool {
        self.open.values().any(|request| !request.is_patient)
    }

    /// What to tell a server that knows nothing yet, and what to answer in its stead.
    pub fn replay(&mut self) -> Replay {
        let mut replay = Replay::default();
        self.swallow = None;
        if let Some(greeting) = &self.greeting {
            replay.to_server.push(Arc::clone(&greeting.line));
            self.swallow = Some(greeting.id.clone());
        }
        let given_up: Vec<_> = self.open.values().filter(|request| request.servers >= MAX_SERVERS).cloned().collect();
        for request in given_up {
            self.remove(&request.id);
            replay.to_client.push(refusal(&request.id));
        }
        let (greetings, rest): (Vec<_>, Vec<_>) = self.open.values_mut().partition(|request| request.is_greeting);
        let mut give = |request: &mut Request| {
            request.servers += 1;
            Arc::clone(&request.line)
        };
        replay.to_server.extend(greetings.into_iter().map(&mut give));
        replay.to_server.extend(self.greeted.clone());
        replay.to_server.extend(rest.into_iter().map(&mut give));
        replay
    }

    fn add(&mut self, request: Request) {
        // Two by one id cannot be told apart by their answers.
        self.remove(&request.id);
        self.places.insert(request.id.clone(), self.next_place);
        self.open.insert(self.next_place, request);
        self.next_place += 1;
    }

    fn remove(&mut self, id: &str) -> Option<Request> {
        self.open.remove(&self.places.remove(id)?)
    }
}

/// What is read of a message of the server.
#[derive(Deserialize)]
struct Message {
    id: Option<Value>,
    method: Option<Value>,
    error: Option<IgnoredAny>,
}

/// `line` as `T`, if it is one.
fn read<T: DeserializeOwned>(line: &[u8]) -> Option<T> {
    serde_json::from_slice(line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line)).ok()
}

impl Message {
    fn id(&self) -> Option<String> {
        self.id.as_ref().filter(|id| id.is_string() || id.is_number()).map(Value::to_string)
    }
}

/// The answer to a request that no server lives through.
fn refusal(id: &str) -> Vec<u8> {
    let message = "the server ended again and again while it worked on this; try another way, and please report this";
    let id: Value = serde_json::from_str(id).unwrap_or_default();
    let error = json!({ "jsonrpc": "2.0", "id": id, "error": { "code": -32603, "message": message } });
    error.to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GREETING: &str = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{}}"#;
    const GREETED: &str = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;

    fn request(id: &str) -> String {
        format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"id":9,"name":"é"}}}}"#)
    }

    fn answer(id: &str) -> String {
        format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"method":"x"}}}}"#)
    }

    fn sent(lines: &[String]) -> Memory {
        let mut memory = Memory::default();
        for line in lines {
            memory.sent(line.as_bytes());
        }
        memory
    }

    /// Passes an answer on.
    fn pass(memory: &mut Memory, id: &str) -> Passing {
        let passing = memory.received(answer(id).as_bytes());
        if let Passing::Answer(id) = &passing {
            memory.answered(id);
        }
        passing
    }

    fn repeated(memory: &mut Memory) -> Vec<String> {
        let lines = memory.replay().to_server;
        lines.iter().map(|line| String::from_utf8(line.to_vec()).expect("it was text")).collect()
    }

    #[test]
    fn another_server_is_greeted_and_asked_what_has_no_answer() {
        let mut memory = sent(&[GREETING.to_owned()]);
        assert_eq!(pass(&mut memory, "0"), Passing::Answer("0".to_owned()));
        for line in [GREETED, &request("1"), &request(r#""a\u0062""#), &request("2"), "nothing", "[1]"] {
            memory.sent(line.as_bytes());
        }
        assert_eq!(pass(&mut memory, "1"), Passing::Answer("1".to_owned()));
        assert_eq!(repeated(&mut memory), [GREETING, GREETED, &request(r#""a\u0062""#), &request("2")]);
        assert_eq!(pass(&mut memory, "0"), Passing::Nothing);
        assert_eq!(pass(&mut memory, r#""ab""#), Passing::Answer(r#""ab""#.to_owned()));
        assert_eq!(pass(&mut memory, "2"), Passing::Answer("2".to_owned()));
        assert_eq!((memory.open(), repeated(&mut memory)), (0, vec![GREETING.to_owned(), GREETED.to_owned()]));
    }

    #[test]
    fn a_greeting_without_an_answer_is_repeated_and_answered() {
        let mut memory = sent(&[request("1"), GREETING.to_owned()]);
        assert_eq!(repeated(&mut memory), [GREETING.to_owned(), request("1")]);
        assert_eq!(pass(&mut memory, "0"), Passing::Answer("0".to_owned()));
    }

    #[test]
    fn what_is_cancelled_is_not_repeated() {
        let cancel = r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}"#;
        let mut memory = sent(&[request("1"), request("2"), cancel.to_owned()]);
        assert_eq!(repeated(&mut memory), [request("2")]);
    }

    #[test]
    fn what_the_server_cannot_read_is_no_request() {
        let deep = format!(r#"{{"id":1,"method":"x","params":{}1{}}}"#, "[".repeat(200), "]".repeat(200));
        for line in [
            r#"{"id":1,"method":"x","params":1e400}"#,
            r#"{"id":1,"method":"x","params":"\ud800"}"#,
            r#"{"id":1.5,"method":"x"}"#,
            r#"{"id":1,"method":7}"#,
            &deep,
        ] {
            let mut memory = Memory::default();
            assert!(!memory.sent(line.as_bytes()), "{line}");
            assert_eq!(memory.open(), 0, "{line}");
        }
        let mut memory = sent(&[request("1")]);
        memory.forget(Duration::from_secs(60));
        assert_eq!(memory.open(), 1);
        memory.forget(Duration::ZERO);
        assert_eq!(memory.open(), 0);
    }

    #[test]
    fn requests_and_notices_of_the_server_are_no_answers() {
        let mut memory = sent(&[request("1")]);
        for line in [request("1"), r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{}}"#.to_owned()] {
            assert_eq!(memory.received(line.as_bytes()), Passing::On);
        }
        assert_eq!(memory.open(), 1);
    }

    #[test]
    fn what_no_server_lives_through_is_refused() {
        let mut memory = sent(&[request("1")]);
        assert_eq!(repeated(&mut memory).len(), 1);
        assert_eq!(repeated(&mut memory).len(), 1);
        memory.sent(request("2").as_bytes());
        let replay = memory.replay();
        assert_eq!((replay.to_server.len(), replay.to_client.len(), memory.open()), (1, 1, 1));
        let refused: Value = serde_json::from_slice(&replay.to_client[0]).expect("it is JSON");
        assert_eq!((&refused["id"], &refused["error"]["code"]), (&json!(1), &json!(-32603)));
    }
}
