//! `codescry serve --http` over a small repository, and a client that sends any bytes it is told to.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

#[cfg(unix)]
use rustix::process::Signal;
use serde_json::{Value, json};

use super::mcp::{PATIENCE, Repository, finds, until_ended};

/// What every request of the protocol carries.
pub const JSON: &str = "content-type: application/json\r\naccept: application/json, text/event-stream\r\n";

/// The server.
pub struct Served {
    child: Child,
    pub address: SocketAddr,
    /// Reads what it says on standard error.
    listener: Option<JoinHandle<String>>,
}

/// An answer.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    /// In lower case.
    pub head: String,
    pub body: String,
}

impl Reply {
    /// The last message in the body, whether it came as it is or as an event.
    pub fn message(&self) -> Value {
        let mut events = self.body.lines().filter_map(|line| line.strip_prefix("data: "));
        let text = events.rfind(|data| !data.trim().is_empty()).unwrap_or(&self.body);
        serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

/// The program, serving the repository over HTTP.
pub fn command(repository: &Repository, more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_codescry"));
    command.args(["serve"]).args(more).arg(repository.root());
    command.env("CODESCRY_INDEX_DIR", repository.base().join("index")).env_remove("CODESCRY_TOKEN");
    command.env("CODESCRY_CACHE_DIR", repository.base().join("cache"));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

impl Served {
    /// Serves the repository at a port of the system's choice.
    pub fn start(repository: &Repository, more: &[&str]) -> Self {
        Self::spawn(command(repository, &[&["--http", "127.0.0.1:0"], more].concat()))
    }

    /// Waits until the program listens.
    pub fn spawn(mut command: Command) -> Self {
        let mut child = command.spawn().expect("codescry starts");
        let mut said = BufReader::new(child.stderr.take().expect("it is piped"));
        let mut line = String::new();
        let address = loop {
            line.clear();
            let read = said.read_line(&mut line).expect("it says something");
            assert!(read > 0, "codescry ended before it listened");
            if let Some(rest) = line.strip_prefix("serving MCP at http://") {
                break rest.split('/').next().and_then(|address| address.parse().ok()).expect("an address");
            }
        };
        let listener = std::thread::spawn(move || {
            let mut rest = Vec::new();
            said.read_to_end(&mut rest).expect("it can be read");
            String::from_utf8_lossy(&rest).into_owned()
        });
        Self { child, address, listener: Some(listener) }
    }

    /// A connection.
    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a limit");
        stream
    }

    /// Sends `METHOD PATH` with these header lines (each with its line end) and this body, and reads
    /// to the end of the answer. `Host` is added unless it is given.
    pub fn ask(&self, line: &str, headers: &str, body: &str) -> Reply {
        let host = if headers.to_lowercase().contains("host:") {
            String::new()
        } else {
            format!("host: {}\r\n", self.address)
        };
        let length = if body.is_empty() { String::new() } else { format!("content-length: {}\r\n", body.len()) };
        let mut stream = self.connect();
        // Without chunks, and closed at the end.
        write!(stream, "{line} HTTP/1.0\r\n{host}{headers}{length}\r\n{body}").expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers in time");
        reply(&answer)
    }

    /// Posts a message to `/mcp`.
    pub fn post(&self, headers: &str, body: &str) -> Reply {
        self.ask("POST /mcp", &format!("{JSON}{headers}"), body)
    }

    /// A greeted session.
    pub fn greet(&self, headers: &str) -> Session<'_> {
        let reply = self.post(headers, &greeting());
        assert_eq!(reply.status, 200, "{reply:?}");
        assert_eq!(reply.message()["result"]["serverInfo"]["name"], "codescry", "{reply:?}");
        let id = reply.header("mcp-session-id").expect("a session has an id");
        let headers = format!("{headers}mcp-session-id: {id}\r\nmcp-protocol-version: 2025-11-25\r\n");
        let noted = self.post(&headers, r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
        assert_eq!(noted.status, 202, "{noted:?}");
        Session { served: self, headers }
    }

    /// Still answers somebody new, with what is in the repository.
    pub fn is_well(&self) {
        let session = self.greet("");
        finds(|question| session.call("search_code", question));
        session.close();
    }

    /// One of the server's measurements.
    pub fn measured(&self, name: &str) -> f64 {
        let reply = self.ask("GET /metrics", "", "");
        let value = reply.body.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
        value.unwrap_or_else(|| panic!("no {name} in {}", reply.body))
    }

    /// Waits until a measurement is as wanted.
    pub fn until_measured(&self, name: &str, wanted: impl Fn(f64) -> bool) {
        let until = Instant::now() + PATIENCE;
        while !wanted(self.measured(name)) {
            assert!(Instant::now() < until, "{name} is {}", self.measured(name));
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Memory that the server has resident, in bytes.
    #[cfg(target_os = "linux")]
    pub fn resident_bytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("it is told");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1024
    }

    /// Asks it to end, without waiting.
    #[cfg(unix)]
    pub fn signal(&self, signal: Signal) {
        super::cli::signal(&self.child, signal);
    }

    /// What it said on standard error since it listened, once it has ended.
    pub fn said(&mut self) -> String {
        self.listener.take().expect("it is asked once").join().expect("it is text")
    }

    /// Waits for the end; how it ended.
    pub fn ended(&mut self) -> ExitStatus {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("it can be asked") {
                return status;
            }
            assert!(Instant::now() < until, "it does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // A failed test leaves no process behind; one that has ended cannot be killed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How a client begins.
pub fn greeting() -> String {
    let params = json!({
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": { "name": "raw", "version": "1" },
    });
    json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params }).to_string()
}

/// A request for a tool.
pub fn calling(id: u64, tool: &str, arguments: Value) -> String {
    let params = json!({ "name": tool, "arguments": arguments, "_meta": { "progressToken": id } });
    json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params }).to_string()
}

/// Takes an answer apart.
pub fn reply(answer: &str) -> Reply {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no head: {answer:?}"));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    Reply { status: status.expect("a status"), head: head.to_lowercase(), body: body.to_owned() }
}

/// A session of streamable HTTP.
pub struct Session<'s> {
    served: &'s Served,
    pub headers: String,
}

impl Session<'_> {
    /// Calls a tool; the whole answer.
    pub fn call(&self, tool: &str, arguments: Value) -> Value {
        self.post(&calling(1, tool, arguments)).message()
    }

    /// Waits until a run has ended; the last answer.
    pub fn indexed(&self, arguments: Value) -> Value {
        until_ended(arguments, |arguments| self.call("index_project", arguments))
    }

    /// Posts a message.
    pub fn post(&self, body: &str) -> Reply {
        self.served.post(&self.headers, body)
    }

    /// Ends the session.
    pub fn close(&self) {
        let reply = self.served.ask("DELETE /mcp", &self.headers, "");
        assert!((200..300).contains(&reply.status), "{reply:?}");
    }
}

/// A session of the older transport.
pub struct Events {
    lines: BufReader<TcpStream>,
    pub messages: String,
}

impl Events {
    /// Opens the stream and reads where messages go.
    pub fn open(served: &Served) -> Self {
        let mut stream = served.connect();
        write!(stream, "GET /sse HTTP/1.0\r\nhost: {}\r\naccept: text/event-stream\r\n\r\n", served.address)
            .expect("sent");
        let mut events = Self { lines: BufReader::new(stream), messages: String::new() };
        assert!(events.line().contains("200"));
        while !events.line().is_empty() {}
        assert_eq!(events.line(), "event: endpoint");
        events.messages = events.line().strip_prefix("data: ").expect("an address").to_owned();
        events
    }

    /// The next line, or none when the stream has ended.
    pub fn next_line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = self.lines.read_line(&mut line).expect("it comes in time");
        (read > 0).then(|| line.trim_end().to_owned())
    }

    fn line(&mut self) -> String {
        self.next_line().expect("the stream goes on")
    }

    /// The next message.
    pub fn next(&mut self) -> Value {
        loop {
            if let Some(data) = self.line().strip_prefix("data: ") {
                return serde_json::from_str(data).expect("a message");
            }
        }
    }

    /// Posts a message, which must be taken.
    pub fn post(&self, served: &Served, body: &str) {
        let reply = served.ask(&format!("POST {}", self.messages), JSON, body);
        assert_eq!(reply.status, 202, "{reply:?}");
    }

    /// Begins the conversation.
    pub fn greet(&mut self, served: &Served) {
        self.post(served, &greeting());
        assert_eq!(self.next()["result"]["serverInfo"]["name"], "codescry");
        self.post(served, r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
    }
}
