//! A minimal MCP client over standard input and output, with a time limit on every wait.
//!
//! Owns the server process and two reader threads; dropping the client waits for all of them.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// The time limit for the server to exit after its input is closed.
const EXIT_TIMEOUT: Duration = Duration::from_secs(15);

/// Maximum number of lines queued for reading.
const MAX_QUEUED_LINES: usize = 64;

/// Maximum length of the server's error output in a message, in characters.
const MAX_ERROR_CHARS: usize = 400;

/// A connection to a server process started by this client.
pub(super) struct StdioClient {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Option<Receiver<String>>,
    reader: Option<JoinHandle<()>>,
    error_output: Option<JoinHandle<String>>,
    last_id: u64,
}

impl StdioClient {
    /// Starts the server.
    pub fn start(command: &mut Command) -> Result<Self, String> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| format!("the server cannot be started: {error}"))?;
        let (sender, lines) = mpsc::sync_channel(MAX_QUEUED_LINES);
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let reader = out.map(|out| {
            thread::spawn(move || {
                for line in BufReader::new(out).lines().map_while(Result::ok) {
                    if sender.send(line).is_err() {
                        return;
                    }
                }
            })
        });
        let error_output = err.map(|mut err| {
            thread::spawn(move || {
                let mut bytes = Vec::new();
                _ = err.read_to_end(&mut bytes);
                String::from_utf8_lossy(&bytes).into_owned()
            })
        });
        let stdin = child.stdin.take();
        Ok(Self { child, stdin, lines: Some(lines), reader, error_output, last_id: 0 })
    }

    /// Initializes the session, and returns the server's `initialize` result.
    pub fn initialize(&mut self, timeout: Duration) -> Result<Value, String> {
        let client = json!({ "name": "codescry-doctor", "version": env!("CARGO_PKG_VERSION") });
        let params = json!({ "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": client });
        let answer = self.send_request("initialize", &params, timeout)?;
        self.send_message(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }))?;
        Ok(answer)
    }

    /// Sends a request and waits for its result.
    ///
    /// # Errors
    /// If the server ends, returns an error, or does not answer within `timeout`.
    pub fn send_request(&mut self, method: &str, params: &Value, timeout: Duration) -> Result<Value, String> {
        self.last_id += 1;
        let id = self.last_id;
        self.send_message(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }))?;
        let deadline = Instant::now() + timeout;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = match self.lines.as_ref().map(|lines| lines.recv_timeout(left)) {
                Some(Ok(line)) => line,
                Some(Err(mpsc::RecvTimeoutError::Timeout)) => {
                    return Err(format!("the server does not answer {method} within {} s", timeout.as_secs()));
                }
                Some(Err(mpsc::RecvTimeoutError::Disconnected)) | None => return Err(self.exit_reason()),
            };
            let message: Value = serde_json::from_str(&line)
                .map_err(|_| "the server writes text other than MCP messages to standard output".to_owned())?;
            if message["id"] != id {
                continue;
            }
            return match message.get("error") {
                Some(error) => {
                    Err(format!("the server rejects {method}: {}", error["message"].as_str().unwrap_or_default()))
                }
                None => Ok(message["result"].clone()),
            };
        }
    }

    fn send_message(&mut self, message: &Value) -> Result<(), String> {
        let sent = self.stdin.as_mut().map(|stdin| writeln!(stdin, "{message}").and_then(|()| stdin.flush()));
        match sent {
            Some(Ok(())) => Ok(()),
            Some(Err(_)) | None => Err(self.exit_reason()),
        }
    }

    /// Closes the connection, and returns the server's error output as the reason for its exit.
    fn exit_reason(&mut self) -> String {
        self.close();
        let output = self.error_output.take().and_then(|thread| thread.join().ok()).unwrap_or_default();
        let output: String = output.trim().chars().take(MAX_ERROR_CHARS).collect();
        if output.is_empty() {
            "the server ended without an error message".to_owned()
        } else {
            format!("the server ended: {output}")
        }
    }

    /// Closes the server's input and waits for its exit; returns false if it had to be killed.
    pub fn close(&mut self) -> bool {
        drop(self.stdin.take());
        drop(self.lines.take());
        let deadline = Instant::now() + EXIT_TIMEOUT;
        let has_exited = loop {
            match self.child.try_wait() {
                Ok(Some(_)) => break true,
                Ok(None) if Instant::now() < deadline => thread::sleep(Duration::from_millis(5)),
                Ok(None) | Err(_) => break false,
            }
        };
        if !has_exited {
            _ = self.child.kill();
            _ = self.child.wait();
        }
        if let Some(reader) = self.reader.take() {
            _ = reader.join();
        }
        has_exited
    }
}

impl Drop for StdioClient {
    fn drop(&mut self) {
        self.close();
        if let Some(error_output) = self.error_output.take() {
            _ = error_output.join();
        }
    }
}
