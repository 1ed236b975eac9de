//! Many clients that search over HTTP at once, and what they wait: for a server that is running.
//!
//! ```text
//! cargo run --release --example load_http -- 127.0.0.1:7979 --clients 64 --seconds 60 --pause-ms 1000 --pid 4711 --rebuild
//! ```
//!
//! Each client has a session and a connection of its own, asks one of some questions, reads the whole
//! answer, and pauses for up to twice the pause. With `--rebuild` one more client has everything indexed
//! anew, again and again. With `--pid` the memory of the server is looked at every second (Linux).
//! Prints one JSON object; fails if any answer was not a good one.

use std::io::{BufRead as _, BufReader, Error, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

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

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// What was asked for.
#[derive(Clone)]
struct Load {
    address: String,
    clients: usize,
    time: Duration,
    pause_ms: u64,
    pid: Option<u32>,
    rebuild: bool,
}

fn load() -> Outcome<Load> {
    let mut words = std::env::args().skip(1);
    let address = words.next().ok_or("give the address of the server")?;
    let mut load =
        Load { address, clients: 64, time: Duration::from_secs(60), pause_ms: 1000, pid: None, rebuild: false };
    while let Some(word) = words.next() {
        let mut number = || words.next().ok_or("a number is missing")?.parse::<u64>().map_err(|_| "not a number");
        match word.as_str() {
            "--clients" => load.clients = usize::try_from(number()?)?,
            "--seconds" => load.time = Duration::from_secs(number()?),
            "--pause-ms" => load.pause_ms = number()?,
            "--pid" => load.pid = Some(u32::try_from(number()?)?),
            "--rebuild" => load.rebuild = true,
            other => return Err(format!("unknown option {other}").into()),
        }
    }
    Ok(load)
}

/// A session on a connection that stays open.
struct Session {
    stream: BufReader<TcpStream>,
    address: String,
    headers: String,
}

impl Session {
    fn open(address: &str) -> Outcome<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        let mut session = Self { stream: BufReader::new(stream), address: address.to_owned(), headers: String::new() };
        let client = json!({ "name": "load", "version": "1" });
        let params = json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client });
        let greeting = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params });
        let (head, _) = session.post(&greeting.to_string())?;
        let id = head.lines().find_map(|line| line.strip_prefix("mcp-session-id: ")).ok_or("no session")?;
        session.headers = format!("mcp-session-id: {id}\r\nmcp-protocol-version: 2025-11-25\r\n");
        session.post(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#)?;
        Ok(session)
    }

    fn call(&mut self, tool: &str, arguments: &serde_json::Value) -> Outcome<String> {
        let params = json!({ "name": tool, "arguments": arguments });
        let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params });
        Ok(self.post(&call.to_string())?.1)
    }

    /// Posts a message; the head and the body of the answer.
    fn post(&mut self, body: &str) -> Outcome<(String, String)> {
        let (address, headers) = (&self.address, &self.headers);
        let request = format!(
            "POST /mcp HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\n\
             accept: application/json, text/event-stream\r\n{headers}content-length: {}\r\n\r\n{body}",
            body.len()
        );
        self.stream.get_mut().write_all(request.as_bytes())?;
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if self.stream.read_line(&mut head)? == 0 {
                return Err(Error::other("the server closed the connection").into());
            }
        }
        let head = head.to_lowercase();
        if !head.starts_with("http/1.1 20") {
            return Err(Error::other(head).into());
        }
        let body = self.body(&head)?;
        Ok((head, body))
    }

    fn body(&mut self, head: &str) -> Outcome<String> {
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

/// What one client saw.
#[derive(Default)]
struct Seen {
    /// With the second in which each was asked.
    waits_ms: Vec<(f64, u64)>,
    errors: Vec<String>,
}

fn search(load: &Load, number: usize, end: Instant) -> Seen {
    let mut seen = Seen::default();
    let mut session = None;
    // Clients do not begin in step.
    let mut random = number as u64 * 0x9e37_79b9 + 1;
    let mut next = || {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        random >> 33
    };
    let mut pause = move |most: u64| thread::sleep(Duration::from_millis(if most == 0 { 0 } else { next() % most }));
    pause(load.pause_ms);
    for turn in number.. {
        if Instant::now() >= end {
            break;
        }
        let query = QUESTIONS[turn % QUESTIONS.len()];
        let asked = Instant::now();
        let answer = session.take().map_or_else(|| Session::open(&load.address), Ok).and_then(|mut open: Session| {
            let body = open.call("search_code", &json!({ "query": query, "limit": 5, "max_tokens": 2000 }))?;
            session = Some(open);
            Ok(body)
        });
        match answer {
            Ok(body) if body.contains("\"hits\":[{") => {
                let second = load.time.saturating_sub(end.saturating_duration_since(asked)).as_secs();
                seen.waits_ms.push((asked.elapsed().as_secs_f64() * 1000.0, second));
            }
            Ok(body) => seen.errors.push(body.chars().take(300).collect()),
            Err(error) => seen.errors.push(error.to_string()),
        }
        pause(load.pause_ms * 2);
    }
    seen
}

/// Has everything indexed anew until the end; how often.
fn rebuild(address: &str, end: Instant) -> Outcome<usize> {
    let mut session = Session::open(address)?;
    let mut runs = 0;
    while Instant::now() < end {
        session.call("index_project", &json!({ "rebuild": true }))?;
        runs += 1;
    }
    Ok(runs)
}

fn resident_mib(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().trim_end_matches(" kB").parse::<u64>().ok()? / 1024)
}

fn main() -> Outcome<()> {
    let load = load()?;
    let (begun, ended) = (Instant::now(), AtomicBool::new(false));
    let end = begun + load.time;
    let (seen, calls, memory) = thread::scope(|threads| {
        let clients: Vec<_> = (0..load.clients)
            .map(|number| {
                threads.spawn({
                    let load = &load;
                    move || search(load, number, end)
                })
            })
            .collect();
        let builder = load.rebuild.then(|| threads.spawn(|| rebuild(&load.address, end)));
        let watcher = threads.spawn(|| {
            let mut memory = Vec::new();
            while !ended.load(Ordering::Relaxed) {
                memory.extend(load.pid.and_then(resident_mib));
                thread::sleep(Duration::from_secs(1));
            }
            memory
        });
        let seen: Vec<Seen> = clients.into_iter().filter_map(|client| client.join().ok()).collect();
        let calls = builder.map(|builder| builder.join().unwrap_or_else(|_| Err("it panicked".into())));
        ended.store(true, Ordering::Relaxed);
        (seen, calls.transpose(), watcher.join().unwrap_or_default())
    });
    let mut waits: Vec<(f64, u64)> = seen.iter().flat_map(|seen| seen.waits_ms.iter().copied()).collect();
    waits.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let slowest: Vec<String> = waits.iter().rev().take(12).map(|(ms, at)| format!("{ms:.0} ms at {at} s")).collect();
    let errors: Vec<&String> = seen.iter().flat_map(|seen| &seen.errors).collect();
    let of = |share: f64| ((waits.len() as f64 * share) as usize).min(waits.len().saturating_sub(1));
    let at = |share: f64| waits.get(of(share)).map(|(ms, _)| ms);
    let report = json!({
        "clients": load.clients, "seconds": load.time.as_secs(), "pause_ms": load.pause_ms,
        "searches": waits.len(), "searches_per_s": waits.len() as f64 / begun.elapsed().as_secs_f64(),
        "p50_ms": at(0.5), "p90_ms": at(0.9), "p99_ms": at(0.99), "max_ms": at(1.0), "slowest": slowest,
        "errors": errors.len(), "first_errors": errors.iter().take(3).collect::<Vec<_>>(),
        "index_calls": calls?, "server_mib": memory,
    });
    writeln!(std::io::stdout(), "{report}")?;
    if errors.is_empty() { Ok(()) } else { Err(format!("{} calls failed", errors.len()).into()) }
}
