//! A minimal MCP client over standard input and output, with time limits for answers and for the server's exit.
//!
//! Owns the server process. Dropping the client waits for its exit, and kills it after [`EXIT_TIMEOUT`].

use std::io;
use std::process::Stdio;
use std::time::Duration;

use mcp::transport::json_lines::{LineRead, read_bounded_line};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::runtime::{self, Runtime};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};

/// The time limit for the server to exit after its input is closed.
const EXIT_TIMEOUT: Duration = Duration::from_secs(15);

/// Maximum length of the server's error output that is kept, in bytes.
const MAX_ERROR_BYTES: u64 = 4096;

/// Maximum length of the server's error output in a message, in characters.
const MAX_ERROR_CHARS: usize = 400;

/// A connection to a server process started by this client.
pub struct StdioClient {
    /// The runtime that drives all pipes of the process while a call waits.
    runtime: Runtime,
    connection: Connection,
}

/// The server process and its pipes.
struct Connection {
    child: Child,
    stdin: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    /// The line that was read last from the output.
    line: Vec<u8>,
    /// The task that reads the error output to its end, so that the server never blocks on a full pipe; `None` once its
    /// result is taken.
    error_output: Option<JoinHandle<String>>,
    last_id: u64,
}

impl StdioClient {
    /// Starts the server.
    ///
    /// # Errors
    /// If the program cannot be started.
    pub fn start(command: &mut Command) -> Result<Self, String> {
        let cannot_start = |error: io::Error| format!("the server cannot be started: {error}");
        let runtime = runtime::Builder::new_current_thread().enable_all().build().map_err(cannot_start)?;
        let guard = runtime.enter();
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().map_err(cannot_start)?;
        let (Some(out), Some(err)) = (child.stdout.take(), child.stderr.take()) else {
            return Err("the server cannot be started: it has no output".to_owned());
        };
        let error_output = Some(runtime.spawn(read_error_output(err)));
        let stdin = child.stdin.take();
        let connection =
            Connection { child, stdin, output: BufReader::new(out), line: Vec::new(), error_output, last_id: 0 };
        drop(guard);
        Ok(Self { runtime, connection })
    }

    /// Initializes the session, and returns the server's `initialize` result.
    ///
    /// # Errors
    /// Fails like [`StdioClient::send_request`].
    pub fn initialize(&mut self, time_limit: Duration) -> Result<Value, String> {
        let client = json!({ "name": "codescry-doctor", "version": env!("CARGO_PKG_VERSION") });
        let params = json!({ "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": client });
        let answer = self.send_request("initialize", &params, time_limit)?;
        let initialized = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
        let send = async { timeout(time_limit, self.connection.send_message(&initialized)).await };
        let sent = self.runtime.block_on(send);
        sent.unwrap_or_else(|_| Err("the server does not read its input".to_owned()))?;
        Ok(answer)
    }

    /// Sends a request and waits for its result.
    ///
    /// # Errors
    /// If the server ends, returns an error, does not answer within `time_limit`, or writes something else than JSON to
    /// its output.
    pub fn send_request(&mut self, method: &str, params: &Value, time_limit: Duration) -> Result<Value, String> {
        self.runtime.block_on(self.connection.send_request(method, params, time_limit))
    }

    /// Closes the server's input and waits for its exit; returns false if it had to be killed.
    pub fn close(&mut self) -> bool {
        self.runtime.block_on(self.connection.close())
    }
}

impl Drop for StdioClient {
    fn drop(&mut self) {
        self.close();
    }
}

impl Connection {
    async fn send_request(&mut self, method: &str, params: &Value, time_limit: Duration) -> Result<Value, String> {
        self.last_id += 1;
        let id = self.last_id;
        let deadline = Instant::now() + time_limit;
        let request = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        let too_late = || format!("the server does not answer {method} within {} s", time_limit.as_secs());
        timeout_at(deadline, self.send_message(&request)).await.map_err(|_| too_late())??;
        loop {
            match timeout_at(deadline, read_bounded_line(&mut self.output, &mut self.line)).await {
                Ok(Ok(LineRead::Line)) => {}
                Ok(Ok(LineRead::TooLong)) => return Err("the server writes an endless line".to_owned()),
                Ok(Ok(LineRead::End) | Err(_)) => return Err(self.exit_reason().await),
                Err(_) => return Err(too_late()),
            }
            let message: Value = serde_json::from_slice(&self.line)
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

    async fn send_message(&mut self, message: &Value) -> Result<(), String> {
        let line = format!("{message}\n");
        let sent = match &mut self.stdin {
            Some(stdin) => stdin.write_all(line.as_bytes()).await.is_ok() && stdin.flush().await.is_ok(),
            None => false,
        };
        if sent { Ok(()) } else { Err(self.exit_reason().await) }
    }

    /// Closes the connection, and returns a message with the start of the server's error output as the reason for its
    /// exit.
    async fn exit_reason(&mut self) -> String {
        self.close().await;
        let output = match self.error_output.take() {
            // A child of the server may hold the pipe open.
            Some(reader) => timeout(EXIT_TIMEOUT, reader).await.ok().and_then(Result::ok).unwrap_or_default(),
            None => String::new(),
        };
        let output: String = output.trim().chars().take(MAX_ERROR_CHARS).collect();
        if output.is_empty() {
            "the server ended without an error message".to_owned()
        } else {
            format!("the server ended: {output}")
        }
    }

    async fn close(&mut self) -> bool {
        drop(self.stdin.take());
        let wait_for_exit = async {
            // Output must be read to its end: the server cannot exit while it waits for room in the pipe.
            _ = tokio::io::copy(&mut self.output, &mut tokio::io::sink()).await;
            self.child.wait().await
        };
        if timeout(EXIT_TIMEOUT, wait_for_exit).await.is_ok_and(|exited| exited.is_ok()) {
            return true;
        }
        // Fails only if the process has exited meanwhile.
        _ = self.child.kill().await;
        false
    }
}

/// Reads to the end of the error output, and returns its first [`MAX_ERROR_BYTES`].
async fn read_error_output(err: tokio::process::ChildStderr) -> String {
    let mut bytes = Vec::new();
    let mut err = err.take(MAX_ERROR_BYTES);
    // The output before a read error is still worth reporting.
    _ = err.read_to_end(&mut bytes).await;
    _ = tokio::io::copy(&mut err.into_inner(), &mut tokio::io::sink()).await;
    String::from_utf8_lossy(&bytes).into_owned()
}
