//! A client of this program's own server, over a pipe, with a limit on every wait.
//!
//! Owns a process and two threads, which end with it; all are waited for in the drop.
//! Must never import: anything of this crate.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// How long the server may take to end when its input does.
const END_PATIENCE: Duration = Duration::from_secs(15);

/// Lines that may wait to be read.
const LINES: usize = 64;

/// Most of what the server says on standard error that is told.
const COMPLAINT_CHARS: usize = 400;

/// A server that was started.
pub(super) struct Talk {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Option<Receiver<String>>,
    reader: Option<JoinHandle<()>>,
    complaints: Option<JoinHandle<String>>,
    last_id: u64,
}

impl Talk {
    /// Starts the server.
    pub fn start(command: &mut Command) -> Result<Self, String> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| format!("it cannot be started: {error}"))?;
        let (sender, lines) = mpsc::sync_channel(LINES);
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
        let complaints = err.map(|mut err| {
            thread::spawn(move || {
                let mut said = Vec::new();
                _ = err.read_to_end(&mut said);
                String::from_utf8_lossy(&said).into_owned()
            })
        });
        let stdin = child.stdin.take();
        Ok(Self { child, stdin, lines: Some(lines), reader, complaints, last_id: 0 })
    }

    /// Greets the server; what it says of itself.
    pub fn greet(&mut self, patience: Duration) -> Result<Value, String> {
        let client = json!({ "name": "codescry-doctor", "version": env!("CARGO_PKG_VERSION") });
        let greeting = json!({ "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": client });
        let answer = self.request("initialize", &greeting, patience)?;
        self.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }))?;
        Ok(answer)
    }

    /// Asks, and waits for the result.
    pub fn request(&mut self, method: &str, params: &Value, patience: Duration) -> Result<Value, String> {
        self.last_id += 1;
        let id = self.last_id;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }))?;
        let until = Instant::now() + patience;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let line = match self.lines.as_ref().map(|lines| lines.recv_timeout(left)) {
                Some(Ok(line)) => line,
                Some(Err(mpsc::RecvTimeoutError::Timeout)) => {
                    return Err(format!("it does not answer {method} within {} s", patience.as_secs()));
                }
                Some(Err(mpsc::RecvTimeoutError::Disconnected)) | None => return Err(self.ended()),
            };
            let message: Value = serde_json::from_str(&line)
                .map_err(|_| "it writes something other than messages to standard output".to_owned())?;
            if message["id"] != id {
                continue;
            }
            return match message.get("error") {
                Some(error) => Err(format!("it refuses {method}: {}", error["message"].as_str().unwrap_or_default())),
                None => Ok(message["result"].clone()),
            };
        }
    }

    fn send(&mut self, message: &Value) -> Result<(), String> {
        let sent = self.stdin.as_mut().map(|stdin| writeln!(stdin, "{message}").and_then(|()| stdin.flush()));
        match sent {
            Some(Ok(())) => Ok(()),
            Some(Err(_)) | None => Err(self.ended()),
        }
    }

    /// Why there will be no answer.
    fn ended(&mut self) -> String {
        self.close();
        let said = self.complaints.take().and_then(|said| said.join().ok()).unwrap_or_default();
        let said: String = said.trim().chars().take(COMPLAINT_CHARS).collect();
        if said.is_empty() { "it ended without a word".to_owned() } else { format!("it ended: {said}") }
    }

    /// Ends the server: whether it does so by itself.
    pub fn close(&mut self) -> bool {
        drop(self.stdin.take());
        drop(self.lines.take());
        let until = Instant::now() + END_PATIENCE;
        let by_itself = loop {
            match self.child.try_wait() {
                Ok(Some(_)) => break true,
                Ok(None) if Instant::now() < until => thread::sleep(Duration::from_millis(5)),
                Ok(None) | Err(_) => break false,
            }
        };
        if !by_itself {
            _ = self.child.kill();
            _ = self.child.wait();
        }
        if let Some(reader) = self.reader.take() {
            _ = reader.join();
        }
        by_itself
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        self.close();
        if let Some(complaints) = self.complaints.take() {
            _ = complaints.join();
        }
    }
}
