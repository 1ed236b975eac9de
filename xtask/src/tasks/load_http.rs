//! `cargo xtask load-http`: lets many clients search over HTTP at once, and measures how long they wait.
//!
//! Each client has its own session and connection. It sends one of a few questions, reads the whole answer, and pauses
//! for up to twice `--pause-ms`. Prints one JSON object, and fails if an answer is wrong.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};

/// Puts load on a running server, and prints how long searches take
#[derive(clap::Args)]
pub struct LoadHttpArguments {
    /// The address of a running `codescry serve --http`
    address: String,
    /// Clients that search at the same time
    #[arg(long, default_value_t = 64)]
    clients: usize,
    /// Duration of the load
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Mean pause of a client between two searches
    #[arg(long, default_value_t = 1000)]
    pause_ms: u64,
    /// Process ID of the server; its memory is sampled every second (Linux)
    #[arg(long)]
    pid: Option<u32>,
    /// One more client that rebuilds the index again and again
    #[arg(long)]
    rebuild: bool,
}

const QUESTIONS: &[&str] = &[
    "where is a failed request tried again",
    "parse the arguments of the command line",
    "read a configuration file",
    "compute a hash of the content",
    "open a connection to the database",
    "render a template to HTML",
    "convert a date to text",
    "iterate over the entries of a folder",
    "check that the user may do this",
    "write a log message",
    "compress a stream of bytes",
    "match a path against a pattern",
    "send an event to all listeners",
    "decode unicode escapes in a string",
    "allocate memory for a buffer",
    "merge two sorted lists",
];

/// The searches of one client.
#[derive(Default)]
struct ClientRecord {
    /// For each search, its duration in milliseconds and the second of the load in which it began.
    searches: Vec<(f64, u64)>,
    errors: Vec<String>,
}

/// Runs the load and prints the report.
///
/// # Errors
/// If a call fails or its answer is wrong.
pub fn run_load_http(load: &LoadHttpArguments) -> Result<()> {
    let begun = Instant::now();
    let end = begun + Duration::from_secs(load.seconds);
    let (stop, stopped) = mpsc::channel();
    let (records, rebuilds, memory_mib) = thread::scope(|threads| {
        let clients: Vec<_> =
            (0..load.clients).map(|number| threads.spawn(move || search(load, number, end))).collect();
        let rebuilder = load.rebuild.then(|| threads.spawn(|| rebuild_until(&load.address, end)));
        let sampler = threads.spawn(move || sample_memory(load.pid, &stopped));
        let records: Vec<ClientRecord> = clients.into_iter().filter_map(|client| client.join().ok()).collect();
        let rebuilds = rebuilder.map(|rebuilder| rebuilder.join().unwrap_or_else(|_| bail!("the rebuilder panicked")));
        drop(stop);
        (records, rebuilds.transpose(), sampler.join().unwrap_or_default())
    });
    let mut searches: Vec<(f64, u64)> = records.iter().flat_map(|record| record.searches.iter().copied()).collect();
    searches.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let slowest: Vec<String> = searches.iter().rev().take(12).map(|(ms, at)| format!("{ms:.0} ms at {at} s")).collect();
    let errors: Vec<&String> = records.iter().flat_map(|record| &record.errors).collect();
    let quantile = |share: f64| {
        let at = ((searches.len() as f64 * share) as usize).min(searches.len().saturating_sub(1));
        searches.get(at).map(|(ms, _)| ms)
    };
    let report = json!({
        "clients": load.clients, "seconds": load.seconds, "pause_ms": load.pause_ms,
        "searches": searches.len(), "searches_per_s": searches.len() as f64 / begun.elapsed().as_secs_f64(),
        "p50_ms": quantile(0.5), "p90_ms": quantile(0.9), "p99_ms": quantile(0.99), "max_ms": quantile(1.0),
        "slowest": slowest, "errors": errors.len(), "first_errors": errors.iter().take(3).collect::<Vec<_>>(),
        "index_calls": rebuilds?, "server_mib": memory_mib,
    });
    writeln!(std::io::stdout(), "{report}")?;
    ensure!(errors.is_empty(), "{} calls failed", errors.len());
    Ok(())
}

/// Runs the searches of one client until `end`.
fn search(load: &LoadHttpArguments, number: usize, end: Instant) -> ClientRecord {
    let mut record = ClientRecord::default();
    let mut session = None;
    let mut random = number as u64 * 0x9e37_79b9 + 1;
    let mut pause = |longest_ms: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        thread::sleep(Duration::from_millis((random >> 33).checked_rem(longest_ms).unwrap_or_default()));
    };
    // Spreads the first searches of the clients.
    pause(load.pause_ms);
    for turn in number.. {
        if Instant::now() >= end {
            break;
        }
        let query = QUESTIONS[turn % QUESTIONS.len()];
        let begun = Instant::now();
        let answer = session.take().map_or_else(|| HttpSession::open(&load.address), Ok).and_then(|mut open| {
            let body = open.call("search_code", &json!({ "query": query, "limit": 5, "max_tokens": 2000 }))?;
            session = Some(open);
            Ok(body)
        });
        match answer {
            Ok(body) if body.contains("```") => {
                let second = load.seconds.saturating_sub(end.saturating_duration_since(begun).as_secs());
                record.searches.push((begun.elapsed().as_secs_f64() * 1000.0, second));
            }
            Ok(body) => record.errors.push(body.chars().take(300).collect()),
            Err(error) => record.errors.push(error.to_string()),
        }
        pause(load.pause_ms * 2);
    }
    record
}

/// Rebuilds the index repeatedly until `end`, and returns the number of rebuilds.
fn rebuild_until(address: &str, end: Instant) -> Result<usize> {
    let mut session = HttpSession::open(address)?;
    let mut runs = 0;
    while Instant::now() < end {
        session.call("index_project", &json!({ "rebuild": true }))?;
        runs += 1;
    }
    Ok(runs)
}

/// Reads the resident memory of a process in MiB every second until the sender of `stopped` is dropped.
fn sample_memory(pid: Option<u32>, stopped: &mpsc::Receiver<()>) -> Vec<u64> {
    let mut samples = Vec::new();
    loop {
        samples.extend(pid.and_then(read_resident_mib));
        if stopped.recv_timeout(Duration::from_secs(1)) != Err(mpsc::RecvTimeoutError::Timeout) {
            return samples;
        }
    }
}

fn read_resident_mib(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().trim_end_matches(" kB").parse::<u64>().ok()? / 1024)
}

/// An MCP session on a connection that stays open.
struct HttpSession {
    stream: BufReader<TcpStream>,
    address: String,
    /// The headers that every request of the session has.
    headers: String,
}

impl HttpSession {
    fn open(address: &str) -> Result<Self> {
        let stream = TcpStream::connect(address).with_context(|| format!("cannot connect to {address}"))?;
        stream.set_nodelay(true)?;
        let mut session = Self { stream: BufReader::new(stream), address: address.to_owned(), headers: String::new() };
        let client = json!({ "name": "load", "version": "1" });
        let params = json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client });
        let request = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params });
        let (head, _) = session.post(&request.to_string())?;
        let id = head.lines().find_map(|line| line.strip_prefix("mcp-session-id: ")).context("no session")?;
        session.headers = format!("mcp-session-id: {id}\r\nmcp-protocol-version: 2025-11-25\r\n");
        session.post(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#)?;
        Ok(session)
    }

    /// Calls a tool and returns the body of the response.
    fn call(&mut self, tool: &str, arguments: &Value) -> Result<String> {
        let params = json!({ "name": tool, "arguments": arguments });
        let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params });
        Ok(self.post(&call.to_string())?.1)
    }

    /// Posts a message and returns the head of the response, in lower case, and its body.
    fn post(&mut self, body: &str) -> Result<(String, String)> {
        let (address, headers) = (&self.address, &self.headers);
        let request = format!(
            "POST /mcp HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\n\
             accept: application/json, text/event-stream\r\n{headers}content-length: {}\r\n\r\n{body}",
            body.len()
        );
        self.stream.get_mut().write_all(request.as_bytes())?;
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            ensure!(self.stream.read_line(&mut head)? > 0, "the server closed the connection");
        }
        let head = head.to_lowercase();
        ensure!(head.starts_with("http/1.1 20"), "{head}");
        let body = self.read_body(&head)?;
        Ok((head, body))
    }

    /// Reads a body with a length or in chunks.
    fn read_body(&mut self, head: &str) -> Result<String> {
        let mut body = Vec::new();
        if let Some(length) = head.lines().find_map(|line| line.strip_prefix("content-length: ")) {
            body.resize(length.trim().parse()?, 0);
            self.stream.read_exact(&mut body)?;
        } else {
            loop {
                let mut line = String::new();
                self.stream.read_line(&mut line)?;
                let begin = body.len();
                let length = usize::from_str_radix(line.trim(), 16)?;
                body.resize(begin + length + 2, 0);
                self.stream.read_exact(&mut body[begin..])?;
                body.truncate(begin + length);
                if length == 0 {
                    break;
                }
            }
        }
        Ok(String::from_utf8(body)?)
    }
}
