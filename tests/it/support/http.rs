//! An HTTP server over a small repository, and clients that send raw requests.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

#[cfg(unix)]
use rustix::process::Signal;
use serde_json::{Value, json};

use super::mcp::{PATIENCE, Repository, assert_finds_password_check, index_until_ended};
use super::tested_program;

/// Headers of every MCP request.
pub const JSON: &str = "content-type: application/json\r\naccept: application/json, text/event-stream\r\n";

/// A running `codescry serve --http` process, killed when dropped.
pub struct HttpServer {
    child: Child,
    pub address: SocketAddr,
    /// The thread that collects the server's standard error.
    listener: Option<JoinHandle<String>>,
}

/// An HTTP response.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    /// The status line and headers, in lower case.
    pub head: String,
    pub body: String,
}

impl Reply {
    /// Returns the last message in the body, which is plain JSON or a stream of events.
    pub fn message(&self) -> Value {
        let mut events = self.body.lines().filter_map(|line| line.strip_prefix("data: "));
        let text = events.rfind(|data| !data.trim().is_empty()).unwrap_or(&self.body);
        serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Returns the value of a header, given its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

/// Returns a command that serves the repository. `more` are further arguments.
pub fn command(repository: &Repository, more: &[&str]) -> Command {
    let mut command = Command::new(tested_program());
    command.args(["serve", "--structured"]).args(more).arg(repository.root());
    command.env("CODESCRY_INDEX_DIR", repository.base().join("index")).env_remove("CODESCRY_TOKEN");
    command.env("CODESCRY_CACHE_DIR", repository.base().join("cache"));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

/// Listens on a Unix socket and forwards every connection to `address`. rmcp's HTTP client for TCP would bring a TLS
/// stack that the program does not need; its client for Unix sockets sends the same requests.
#[cfg(unix)]
pub fn forward_unix_socket(socket: &std::path::Path, address: SocketAddr) {
    use std::os::unix::net::UnixListener;

    let listener = UnixListener::bind(socket).expect("a socket");
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let (mut from_client, mut to_server) =
                (connection.expect("a connection"), TcpStream::connect(address).expect("the server accepts"));
            let (mut to_client, mut from_server) =
                (from_client.try_clone().expect("a clone"), to_server.try_clone().expect("a clone"));
            // An end that closes early ends the copy in its direction with an error, which the other end sees.
            std::thread::spawn(move || {
                _ = std::io::copy(&mut from_client, &mut to_server);
                _ = to_server.shutdown(std::net::Shutdown::Write);
            });
            std::thread::spawn(move || {
                _ = std::io::copy(&mut from_server, &mut to_client);
                _ = to_client.shutdown(std::net::Shutdown::Both);
            });
        }
    });
}

impl HttpServer {
    /// Serves the repository at a free port.
    pub fn start(repository: &Repository, more: &[&str]) -> Self {
        Self::spawn(command(repository, &[&["--http", "127.0.0.1:0"], more].concat()))
    }

    /// Starts a command and waits until the server listens.
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

    /// Opens a connection to the server.
    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a limit");
        stream
    }

    /// Sends a request and reads the whole response. `line` is `METHOD PATH`, and each line of `headers` ends in
    /// CRLF. A `Host` header is added unless `headers` has one.
    pub fn ask(&self, line: &str, headers: &str, body: &str) -> Reply {
        let host = if headers.to_lowercase().contains("host:") {
            String::new()
        } else {
            format!("host: {}\r\n", self.address)
        };
        let length = if body.is_empty() { String::new() } else { format!("content-length: {}\r\n", body.len()) };
        let mut stream = self.connect();
        // HTTP/1.0 avoids chunked encoding and closes the connection after the response.
        write!(stream, "{line} HTTP/1.0\r\n{host}{headers}{length}\r\n{body}").expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers in time");
        reply(&answer)
    }

    /// Posts a message to `/mcp`.
    pub fn post(&self, headers: &str, body: &str) -> Reply {
        self.ask("POST /mcp", &format!("{JSON}{headers}"), body)
    }

    /// Initializes a session of streamable HTTP.
    pub fn initialize(&self, headers: &str) -> Session<'_> {
        let reply = self.post(headers, &greeting());
        assert_eq!(reply.status, 200, "{reply:?}");
        assert_eq!(reply.message()["result"]["serverInfo"]["name"], "codescry", "{reply:?}");
        let id = reply.header("mcp-session-id").expect("a session has an id");
        let headers = format!("{headers}mcp-session-id: {id}\r\nmcp-protocol-version: 2025-11-25\r\n");
        let noted = self.post(&headers, r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
        assert_eq!(noted.status, 202, "{noted:?}");
        Session { served: self, headers }
    }

    /// Checks that a new client can still search.
    pub fn assert_search_works(&self) {
        let session = self.initialize("");
        assert_finds_password_check(|question| session.call("search_code", question));
        session.close();
    }

    /// Returns the value of a metric.
    pub fn measured(&self, name: &str) -> f64 {
        let reply = self.ask("GET /metrics", "", "");
        let value = reply.body.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
        value.unwrap_or_else(|| panic!("no {name} in {}", reply.body))
    }

    /// Waits until a metric satisfies a condition.
    pub fn wait_for_metric(&self, name: &str, wanted: impl Fn(f64) -> bool) {
        let until = Instant::now() + PATIENCE;
        while !wanted(self.measured(name)) {
            assert!(Instant::now() < until, "{name} is {}", self.measured(name));
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Returns the server's resident memory in bytes.
    #[cfg(target_os = "linux")]
    pub fn resident_bytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("it is told");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1024
    }

    /// Sends a signal to the server, without waiting.
    #[cfg(unix)]
    pub fn signal(&self, signal: Signal) {
        super::cli::signal(&self.child, signal);
    }

    /// Waits for the server to exit; returns its standard error from the moment it listened. May be called once.
    pub fn stderr(&mut self) -> String {
        self.listener.take().expect("it is asked once").join().expect("it is text")
    }

    /// Waits until the server exits.
    pub fn wait(&mut self) -> ExitStatus {
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

impl Drop for HttpServer {
    fn drop(&mut self) {
        // Errors are ignored, because the process may have exited already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns an `initialize` request.
pub fn greeting() -> String {
    let params = json!({
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": { "name": "raw", "version": "1" },
    });
    json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params }).to_string()
}

/// Returns a `tools/call` request.
pub fn calling(id: u64, tool: &str, arguments: Value) -> String {
    let params = json!({ "name": tool, "arguments": arguments, "_meta": { "progressToken": id } });
    json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params }).to_string()
}

/// Parses an HTTP response.
pub fn reply(answer: &str) -> Reply {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no head: {answer:?}"));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    Reply { status: status.expect("a status"), head: head.to_lowercase(), body: body.to_owned() }
}

/// A session of streamable HTTP.
pub struct Session<'s> {
    served: &'s HttpServer,
    pub headers: String,
}

impl Session<'_> {
    /// Calls a tool and returns the whole response message.
    pub fn call(&self, tool: &str, arguments: Value) -> Value {
        self.post(&calling(1, tool, arguments)).message()
    }

    /// Calls `index_project` until the run has ended, and returns the last response.
    pub fn indexed(&self, arguments: Value) -> Value {
        index_until_ended(arguments, |arguments| self.call("index_project", arguments))
    }

    /// Posts a message in this session.
    pub fn post(&self, body: &str) -> Reply {
        self.served.post(&self.headers, body)
    }

    /// Ends the session.
    pub fn close(&self) {
        let reply = self.served.ask("DELETE /mcp", &self.headers, "");
        assert_eq!((reply.status, reply.body.as_str()), (204, ""), "{reply:?}");
    }
}

/// A session of the legacy SSE transport.
pub struct LegacySseClient {
    lines: BufReader<TcpStream>,
    pub messages: String,
}

impl LegacySseClient {
    /// Opens the stream and reads the address for messages.
    pub fn open(served: &HttpServer) -> Self {
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

    /// Returns the next line, or `None` at the end of the stream.
    pub fn next_line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = self.lines.read_line(&mut line).expect("it comes in time");
        (read > 0).then(|| line.trim_end().to_owned())
    }

    fn line(&mut self) -> String {
        self.next_line().expect("the stream goes on")
    }

    /// Returns the next message.
    pub fn next(&mut self) -> Value {
        loop {
            if let Some(data) = self.line().strip_prefix("data: ") {
                return serde_json::from_str(data).expect("a message");
            }
        }
    }

    /// Posts a message and checks that it is accepted.
    pub fn post(&self, served: &HttpServer, body: &str) {
        let reply = served.ask(&format!("POST {}", self.messages), JSON, body);
        assert_eq!(reply.status, 202, "{reply:?}");
    }

    /// Initializes the session.
    pub fn initialize(&mut self, served: &HttpServer) {
        self.post(served, &greeting());
        assert_eq!(self.next()["result"]["serverInfo"]["name"], "codescry");
        self.post(served, r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
    }
}
