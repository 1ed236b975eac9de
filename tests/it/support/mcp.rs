//! A small repository, and clients of `codescry serve --stdio` over it. They request structured content, in which tests
//! find their values.
//!
//! [`connect`] starts a client of the `rmcp` crate; [`RawClient`] is a client that sends arbitrary bytes.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
#[cfg(unix)]
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use rmcp::model::{CallToolRequestParams, CallToolResult, ProgressNotificationParam};
use rmcp::service::{NotificationContext, RunningService};
use rmcp::{ClientHandler, RoleClient, ServiceExt as _};
#[cfg(unix)]
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::tested_program;

/// A timeout longer than any response takes on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(120);

const FILES: &[(&str, &str)] = &[
    (
        "src/retry.rs",
        "//! Runs fallible work again.\n\n/// Calls the operation again after a failure, waiting exponentially longer each time.\n\
         pub fn retry_with_backoff<T>(attempts: u32, mut operation: impl FnMut() -> Option<T>) -> Option<T> {\n    \
         let mut delay_ms = 10;\n    for _ in 0..attempts {\n        if let Some(value) = operation() {\n            \
         return Some(value);\n        }\n        std::thread::sleep(std::time::Duration::from_millis(delay_ms));\n        \
         delay_ms *= 2;\n    }\n    None\n}\n",
    ),
    (
        "src/cache.rs",
        "//! A cache that forgets.\n\nuse std::collections::HashMap;\n\n/// Keeps the most recently used entries up to a capacity.\n\
         pub struct LruCache {\n    capacity: usize,\n    clock: u64,\n    entries: HashMap<String, (u64, String)>,\n}\n\n\
         impl LruCache {\n    /// Removes the entry that was not used for the longest time.\n    \
         pub fn evict_oldest(&mut self) {\n        let oldest = self.entries.iter().min_by_key(|(_, (used, _))| *used);\n        \
         if let Some(key) = oldest.map(|(key, _)| key.clone()) {\n            self.entries.remove(&key);\n        }\n    }\n}\n",
    ),
    (
        "app/passwords.py",
        "\"\"\"Keeping and checking passwords.\"\"\"\n\nimport hashlib\nimport hmac\n\n\n\
         def hash_password(password: str, salt: bytes) -> bytes:\n    \"\"\"Derive a slow hash of a password for storage.\"\"\"\n    \
         return hashlib.pbkdf2_hmac(\"sha256\", password.encode(), salt, 600_000)\n\n\n\
         def verify_password(password: str, salt: bytes, stored: bytes) -> bool:\n    \
         \"\"\"Check a login attempt against the stored hash in constant time.\"\"\"\n    \
         return hmac.compare_digest(hash_password(password, salt), stored)\n",
    ),
    (
        "app/invoices.py",
        "\"\"\"Invoices and their totals.\"\"\"\n\n\nclass Invoice:\n    \"\"\"Lines of goods with prices.\"\"\"\n\n    \
         def __init__(self):\n        self.lines = []\n\n    def total_with_tax(self, rate):\n        \
         \"\"\"Sum the prices of all invoice lines and add value added tax.\"\"\"\n        \
         net = sum(price * count for price, count in self.lines)\n        return net * (1 + rate)\n",
    ),
    (
        "web/routeParser.ts",
        "/** Splits the path of a URL into its named parameters. */\n\
         export function parseRouteParams(pattern: string, url: string): Record<string, string> {\n  \
         const params: Record<string, string> = {};\n  const parts = url.split(\"/\");\n  \
         pattern.split(\"/\").forEach((name, index) => {\n    if (name.startsWith(\":\")) params[name.slice(1)] = parts[index];\n  \
         });\n  return params;\n}\n",
    ),
    (
        "web/debounce.ts",
        "/** Delays calls of a function until no new one has come for a while. */\n\
         export function debounce(callback: () => void, waitMs: number): () => void {\n  \
         let timer: ReturnType<typeof setTimeout> | undefined;\n  return () => {\n    clearTimeout(timer);\n    \
         timer = setTimeout(callback, waitMs);\n  };\n}\n",
    ),
];

/// A temporary repository of six files in three languages, with a folder for the index beside it.
pub struct Repository {
    dir: tempfile::TempDir,
}

impl Repository {
    /// Creates the repository.
    pub fn new() -> Self {
        let repository = Self { dir: tempfile::tempdir().expect("a temporary folder") };
        for (path, text) in FILES {
            repository.write(path, text);
        }
        repository
    }

    /// Returns the repository's root, with links resolved.
    pub fn root(&self) -> PathBuf {
        self.base().join("root")
    }

    /// Returns the folder that contains [`Repository::root`]. It is not served.
    pub fn base(&self) -> PathBuf {
        self.dir.path().canonicalize().expect("it is there")
    }

    /// Writes a file below the root.
    pub fn write(&self, path: &str, text: &str) {
        let file = self.root().join(path);
        std::fs::create_dir_all(file.parent().expect("it is below the root")).expect("a folder");
        std::fs::write(file, text).expect("a file");
    }

    /// Returns the command that a client uses to start the server.
    pub fn command(&self) -> Command {
        self.command_of(Path::new(tested_program()), &["serve", "--stdio", "--structured"])
    }

    /// Returns the command of [`Repository::command`] with another program and other arguments.
    pub fn command_of(&self, program: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(self.root()).env("CODESCRY_INDEX_DIR", self.base().join("index"));
        // Keep the user's own files out.
        command.env("CODESCRY_CACHE_DIR", self.base().join("cache")).env("HOME", self.base());
        // Servers of the same index share sockets in this folder.
        command.env("CODESCRY_RUNTIME_DIR", self.base().join("codescry")).env_remove("CODESCRY_NO_SHARE");
        // A client that runs the tests may name its own folder.
        command.env_remove("CLAUDE_PROJECT_DIR").env_remove("WORKSPACE_FOLDER_PATHS");
        command
    }
}

/// A client handler that records progress notifications.
#[derive(Clone, Default)]
pub struct ProgressListener(Arc<watch::Sender<Vec<ProgressNotificationParam>>>);

impl ProgressListener {
    /// Waits for progress of at least `done`, and returns the notifications of that call so far, sorted because the
    /// client handles them in parallel.
    pub async fn told(&self, done: f64) -> Vec<ProgressNotificationParam> {
        let mut watch = self.0.subscribe();
        let heard = watch.wait_for(|told| told.iter().any(|progress| progress.progress >= done));
        let heard = tokio::time::timeout(PATIENCE, heard).await.expect("it is told in time");
        let mut told = heard.expect("the sender is there").clone();
        // A repeated call reports progress from the beginning: keep that of the last one.
        let last = told.iter().rfind(|progress| progress.progress >= done).expect("it is told").progress_token.clone();
        told.retain(|progress| progress.progress_token == last);
        told.sort_by(|a, b| a.progress.total_cmp(&b.progress));
        told
    }
}

impl ClientHandler for ProgressListener {
    async fn on_progress(&self, progress: ProgressNotificationParam, _: NotificationContext<RoleClient>) {
        self.0.send_modify(|told| told.push(progress));
    }
}

pub type Client = RunningService<RoleClient, ProgressListener>;

/// Starts the server with a client of the `rmcp` crate, and initializes the session.
pub async fn connect(repository: &Repository, listener: ProgressListener) -> Client {
    let mut command = tokio::process::Command::from(repository.command());
    let mut server = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("codescry starts");
    let pipes = (server.stdout.take().expect("a pipe"), server.stdin.take().expect("a pipe"));
    listener.serve(pipes).await.expect("codescry greets")
}

/// Calls a tool. Panics on a timeout or a protocol error.
pub async fn call(client: &Client, tool: &'static str, arguments: Value) -> CallToolResult {
    let Value::Object(arguments) = arguments else { panic!("arguments are an object") };
    let call = client.call_tool(CallToolRequestParams::new(tool).with_arguments(arguments));
    let answer = tokio::time::timeout(PATIENCE, call).await.expect("an answer in time");
    answer.expect("an answer, not a protocol error")
}

/// Calls `index_project` until the run has ended, and returns the last answer. One call may return before that,
/// because the server limits the time of a call.
pub async fn indexed(client: &Client, arguments: Value) -> CallToolResult {
    let until = Instant::now() + PATIENCE;
    loop {
        let answer = call(client, "index_project", arguments.clone()).await;
        if structured(&answer)["ended"] == true {
            return answer;
        }
        assert!(Instant::now() < until, "{answer:?}");
    }
}

/// Repeats `call`, which calls `index_project` with the given arguments, until the run has ended. Returns the last
/// answer.
pub fn index_until_ended(mut arguments: Value, mut call: impl FnMut(Value) -> Value) -> Value {
    let again = || {
        let answer = call(arguments.clone());
        // Further calls must not start another rebuild.
        arguments["rebuild"] = json!(false);
        answer
    };
    let has_ended = |answer: &Value| answer["result"]["structuredContent"]["ended"] == true;
    let answer = poll_until(again, has_ended);
    assert!(has_ended(&answer), "{answer}");
    answer
}

/// Checks that a search finds `app/passwords.py`. Repeats the search while the index is incomplete, because on a
/// busy machine the server may answer before all files are indexed.
pub fn assert_finds_password_check(mut search: impl FnMut(Value) -> Value) {
    let again = || search(json!({ "query": "check a login attempt against the stored hash" }));
    let is_found = |answer: &Value| answer["result"]["structuredContent"]["hits"][0]["path"] == "app/passwords.py";
    let is_young = |answer: &Value| {
        let found = &answer["result"]["structuredContent"];
        found["note"].is_string() && found["coverage"].is_object()
    };
    let answer = poll_until(again, |answer| is_found(answer) || !is_young(answer));
    assert!(is_found(&answer), "{answer}");
}

/// Repeats a measurement until it satisfies a condition or time is up, and returns the last one. A server may need a
/// while to finish work or free memory on a busy machine.
pub fn poll_until<T>(mut measure: impl FnMut() -> T, is_wanted: impl Fn(&T) -> bool) -> T {
    let until = Instant::now() + PATIENCE;
    loop {
        let measured = measure();
        if is_wanted(&measured) || Instant::now() > until {
            return measured;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Returns the text of a tool result.
pub fn text(result: &CallToolResult) -> String {
    let texts = result.content.iter().filter_map(|block| block.as_text());
    texts.map(|text| text.text.clone()).collect()
}

/// Returns the structured content of a tool result. Panics if the result is an error.
pub fn structured(result: &CallToolResult) -> &Value {
    assert_ne!(result.is_error, Some(true), "{}", text(result));
    result.structured_content.as_ref().expect("every tool has a structured form")
}

/// A client over stdio that sends arbitrary lines. Kills the server when dropped.
pub struct RawClient {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: mpsc::Receiver<String>,
    last_id: u64,
}

impl RawClient {
    /// Starts the server and initializes the session.
    pub fn initialized(repository: &Repository) -> Self {
        let mut raw = Self::uninitialized(repository);
        raw.initialize();
        raw
    }

    /// Starts a server that looks for changes at each search instead of watching its folder, and initializes the
    /// session.
    pub fn unwatched(repository: &Repository) -> Self {
        let program = Path::new(tested_program());
        let mut raw = Self::spawn(repository.command_of(program, &["serve", "--no-watch", "--structured"]));
        raw.initialize();
        raw
    }

    /// Initializes the session.
    pub fn initialize(&mut self) {
        let greeting = json!({
            "protocolVersion": "2025-06-18",
            "capabilities": {},
            "clientInfo": { "name": "raw", "version": "1" },
        });
        let answer = self.request("initialize", greeting);
        assert_eq!(answer["result"]["serverInfo"]["name"], "codescry", "{answer}");
        self.send(br#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
    }

    /// Starts the server without initializing the session.
    pub fn uninitialized(repository: &Repository) -> Self {
        Self::spawn(repository.command())
    }

    /// Starts a server with the given command.
    pub fn spawn(mut command: Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("codescry starts");
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().expect("it is piped");
        let (sender, lines) = mpsc::channel();
        // The thread ends when the child closes its output.
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self { child, stdin, lines, last_id: 0 }
    }

    /// Returns the process ID of the server.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal to the server, without waiting.
    #[cfg(unix)]
    pub fn signal(&self, signal: Signal) {
        super::cli::signal(&self.child, signal);
    }

    /// Kills the server.
    pub fn kill(&mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it ends");
    }

    /// Sends one line.
    pub fn send(&mut self, line: &[u8]) {
        let stdin = self.stdin.as_mut().expect("it is open");
        stdin
            .write_all(line)
            .and_then(|()| stdin.write_all(b"\n"))
            .and_then(|()| stdin.flush())
            .expect("the server reads");
    }

    /// Returns the server's next message. Panics on a timeout, or if a line is not JSON.
    pub fn next(&mut self) -> Value {
        let line = self.lines.recv_timeout(PATIENCE).expect("the server answers in time");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("stdout is for messages alone: {error}: {line}"))
    }

    /// Sends a request and waits for its response.
    pub fn request(&mut self, method: &str, params: Value) -> Value {
        self.last_id += 1;
        let id = self.last_id;
        self.send(json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }).to_string().as_bytes());
        loop {
            let message = self.next();
            if message["id"] == id {
                return message;
            }
        }
    }

    /// Calls a tool and returns the whole response message.
    pub fn call(&mut self, tool: &str, arguments: Value) -> Value {
        self.request("tools/call", json!({ "name": tool, "arguments": arguments }))
    }

    /// Calls a tool, checks that it returns an error, and returns the error's text.
    pub fn refused(&mut self, tool: &str, arguments: Value) -> String {
        let answer = self.call(tool, arguments.clone());
        assert_eq!(answer["result"]["isError"], true, "{tool} {arguments}: {answer}");
        answer["result"]["content"][0]["text"].as_str().expect("a refusal has a text").to_owned()
    }

    /// Waits until the index is complete.
    pub fn indexed(&mut self) {
        index_until_ended(json!({}), |arguments| self.call("index_project", arguments));
    }

    /// Checks that the server can still search.
    pub fn assert_search_works(&mut self) {
        assert_finds_password_check(|question| self.call("search_code", question));
    }

    /// Closes the server's input and waits until it exits.
    pub fn close(&mut self) -> ExitStatus {
        drop(self.stdin.take());
        // The channel closes when the process exits.
        let until = Instant::now() + PATIENCE;
        while self.lines.recv_timeout(until.saturating_duration_since(Instant::now())).is_ok() {}
        assert!(Instant::now() < until, "the server does not end with its input");
        self.child.wait().expect("it has ended")
    }

    /// Sends SIGTERM and waits until the server exits.
    #[cfg(unix)]
    pub fn terminate(&mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        let until = Instant::now() + PATIENCE;
        while self.lines.recv_timeout(until.saturating_duration_since(Instant::now())).is_ok() {}
        assert!(Instant::now() < until, "the server does not end when asked to");
        self.child.wait().expect("it has ended")
    }
}

impl Drop for RawClient {
    fn drop(&mut self) {
        // Errors are ignored, because the process may have exited already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sets a flag when dropped, also during a panic. Without it, a scope would wait forever for a thread that runs
/// until the flag is set.
#[cfg(unix)]
pub struct SetOnDrop<'f>(pub &'f AtomicBool);

#[cfg(unix)]
impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Creates a symbolic link at `at` that points to `to`.
#[cfg(unix)]
pub fn link(to: &Path, at: &Path) {
    std::os::unix::fs::symlink(to, at).expect("a link");
}
