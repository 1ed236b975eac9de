//! Fuzz tests of the stdio server: it answers or refuses every frame and keeps running.
//!
//! The frames are pseudo-random and the same in every run. `CODESCRY_TEST_FRAMES` overrides their number
//! ([`FRAMES`]), and `CODESCRY_TEST_SEED` their seed.

use std::collections::HashSet;
use std::fs;
use std::time::Instant;

use serde_json::{Value, json};

use crate::support::mcp::{PATIENCE, RawClient, Repository};
use crate::support::random::{Xorshift, damage, number};
use crate::support::tested_program;

/// The number of frames sent to each server.
const FRAMES: u64 = 20_000;

/// The number of frames sent before waiting for their answers.
const BATCH: usize = 100;

/// Maximum growth of a server's memory in the second half of the test, in KiB.
const GROWTH_KIB: u64 = 32 << 10;

/// The names of the tools called. The last two do not exist.
const TOOLS: [&str; 10] = [
    "search_code",
    "find_similar",
    "find_symbol",
    "find_references",
    "outline",
    "read_code",
    "index_project",
    "index_status",
    "no_such_tool",
    "",
];

#[test]
fn a_shared_server_survives_random_frames() {
    survive(&["serve", "--structured"]);
}

#[test]
fn an_unshared_server_survives_random_frames() {
    survive(&["serve", "--structured", "--no-share"]);
}

#[expect(clippy::print_stdout, reason = "what a long run is recorded by")]
fn survive(arguments: &[&str]) {
    let repository = Repository::new();
    let program = std::path::Path::new(tested_program());
    let started = || {
        let mut command = repository.command_of(program, arguments);
        // The server logs an error for every bad frame.
        command.stderr(std::process::Stdio::null());
        // glibc keeps an arena per thread, which grows with the number of cores and is not a leak.
        command.env("MALLOC_ARENA_MAX", "2");
        RawClient::spawn(command)
    };
    let frames = number("CODESCRY_TEST_FRAMES", FRAMES);
    let mut random = Xorshift::seeded();
    let mut told = ReplyCounts::default();
    // Frames before the session is initialized; some of them initialize it.
    let mut server = started();
    (1..=frames / 10).step_by(BATCH).for_each(|first| told.exchange(&mut server, &mut random, first));
    server.initialize();
    assert_search_works(&mut server);
    assert!(server.close().success());

    let mut server = started();
    server.initialize();
    assert_search_works(&mut server);
    // By half-time, every cache and pool has been filled: further growth is a leak.
    let middle = (frames / BATCH as u64).div_ceil(2) * BATCH as u64;
    let mut send = |from: u64, to: u64| {
        (from + 1..=to).step_by(BATCH).for_each(|first| told.exchange(&mut server, &mut random, first));
        assert_search_works(&mut server);
        resident_kib(server.id())
    };
    let (early, late) = (send(frames / 10, middle), send(middle, frames));
    let ReplyCounts { answers, refusals } = told;
    println!("{arguments:?}: {frames} frames, {answers} answers, {refusals} refusals, {early} KiB, then {late} KiB");
    assert!(answers > frames / 100 && refusals > frames / 4, "{answers} answers and {refusals} refusals of {frames}");
    assert!(late < early + GROWTH_KIB, "{early} KiB after {middle} frames, {late} KiB after {frames}");
    assert!(server.close().success());
}

/// Checks that the server can still search, however its session was initialized.
fn assert_search_works(server: &mut RawClient) {
    let until = Instant::now() + PATIENCE;
    let greeting = json!({ "io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {} });
    let query = json!({ "query": "check a login attempt against the stored hash" });
    loop {
        let call = json!({ "name": "search_code", "arguments": query, "_meta": greeting });
        let answer = server.request("tools/call", call);
        if answer["result"]["structuredContent"]["hits"][0]["path"] == "app/passwords.py" {
            return;
        }
        assert!(answer["result"]["isError"] == false && Instant::now() < until, "{answer}");
    }
}

/// The number of answers and errors that a server sent.
#[derive(Default)]
struct ReplyCounts {
    answers: u64,
    refusals: u64,
}

impl ReplyCounts {
    /// Sends a batch of frames, and waits for all answers that are due.
    fn exchange(&mut self, server: &mut RawClient, random: &mut Xorshift, first: u64) {
        let mut open = HashSet::new();
        for number in first..first + BATCH as u64 {
            let frame = frame(random, number);
            server.send(&frame.line);
            open.extend(frame.id.map(Value::from));
        }
        // The answer to this ping comes after the errors for invalid frames.
        let last = json!({ "jsonrpc": "2.0", "id": format!("end of {first}"), "method": "ping" });
        open.insert(last["id"].clone());
        server.send(last.to_string().as_bytes());
        while !open.is_empty() {
            let answer = server.next();
            assert_eq!(answer["jsonrpc"], "2.0", "{answer}");
            open.remove(&answer["id"]);
            self.refusals += u64::from(answer.get("error").is_some());
            self.answers += u64::from(answer.get("result").is_some());
        }
    }
}

fn resident_kib(id: u32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{id}/status")).expect("the server is there");
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("the kernel tells it");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// A line to send, and the request ID that must be answered, if any.
struct Frame {
    line: Vec<u8>,
    id: Option<String>,
}

/// Generates a frame of a random kind.
fn frame(random: &mut Xorshift, number: u64) -> Frame {
    let id = format!("frame {number}");
    let other = |line: Vec<u8>| Frame { line: line.into_iter().filter(|byte| *byte != b'\n').collect(), id: None };
    let asks = |line: String| Frame { line: line.into_bytes(), id: Some(id.clone()) };
    match random.below(100) {
        0..8 => other(random.bytes(300)),
        8..28 => {
            let mut line = request(random, &id).to_string().into_bytes();
            damage(random, &mut line);
            other(line)
        }
        28..30 => other(nested(random, &id)),
        30..38 => asks(odd_call(random, &id)),
        38..48 => other(odd_envelope(random).into_bytes()),
        48..58 => other(notice(random, number).to_string().into_bytes()),
        58..60 => {
            // Two requests with the same ID get at least one answer.
            let call = json!({ "jsonrpc": "2.0", "id": id, "method": "ping" });
            asks(format!("{call}\n{call}"))
        }
        60 if random.below(40) == 0 => other(vec![b"x{[\""[random.below(4)]; (16 << 20) + random.below(9) + 1]),
        _ => asks(request(random, &id).to_string()),
    }
}

/// Generates a well-formed request to a method that may not exist.
fn request(random: &mut Xorshift, id: &str) -> Value {
    if random.below(3) == 0 {
        let params = json!({ "name": random.one_of(&TOOLS), "arguments": tool_arguments(random) });
        return json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params });
    }
    let methods = [
        "ping",
        "initialize",
        "tools/list",
        "tools/call",
        "resources/list",
        "resources/read",
        "resources/subscribe",
        "prompts/list",
        "prompts/get",
        "logging/setLevel",
        "completion/complete",
        "server/discover",
        "tasks/get",
        "tasks/list",
        "roots/list",
        "sampling/createMessage",
        "no/such/method",
        "notifications/initialized",
        "",
        "\u{0}",
    ];
    let mut request = json!({ "jsonrpc": "2.0", "id": id, "method": random.one_of(&methods) });
    if random.below(3) > 0 {
        request["params"] = if random.below(2) == 0 { json!({}) } else { value(random, 3) };
    }
    if random.below(8) == 0 && (request["params"].is_null() || request["params"].is_object()) {
        request["params"]["_meta"] = json!({ "progressToken": value(random, 1) });
        // A request without a session carries the client's version and capabilities, or a part of them.
        for (name, usual) in [("protocolVersion", json!("2026-07-28")), ("clientCapabilities", json!({}))] {
            let given = [usual, json!("2025-06-18"), value(random, 1)];
            request["params"]["_meta"][format!("io.modelcontextprotocol/{name}")] = random.one_of(&given).clone();
        }
    }
    request
}

/// Generates arguments with known names and possibly unexpected values.
fn tool_arguments(random: &mut Xorshift) -> Value {
    let known = [
        ("query", json!("verify a password")),
        ("path", json!("src/retry.rs")),
        ("line", json!(3)),
        ("snippet", json!("clearTimeout(timer)")),
        ("limit", json!(3)),
        ("max_tokens", json!(900)),
        ("language", json!("rust")),
        ("content", json!("all")),
        ("mode", json!("lexical")),
        ("project", json!("web")),
        ("root", json!("/")),
        ("name", json!("login")),
        ("symbol", json!("check_password")),
        ("lines", json!([3, 9])),
        ("kind", json!("function")),
        ("cursor", json!("MTA=")),
        ("depth", json!(2)),
        ("below", json!("src")),
    ];
    let mut arguments = json!({});
    for _ in 0..random.below(4) {
        let (name, usual) = random.one_of(&known).clone();
        arguments[name] = if random.below(3) == 0 { value(random, 3) } else { usual };
    }
    match random.below(200) {
        0 => arguments["rebuild"] = json!(true),
        1..20 => arguments["rebuild"] = value(random, 2),
        20..30 => return value(random, 3),
        _ => {}
    }
    arguments
}

/// Generates a random value, nested at most `depth` levels deep.
fn value(random: &mut Xorshift, depth: usize) -> Value {
    let words = ["", "a", "\u{0}", "../../etc/passwd", "é\u{202e}漢", "2025-06-18", "2026-07-28", "null", "\\", "**/*"];
    match random.below(if depth > 0 { 11 } else { 8 }) {
        0 => Value::Null,
        1 => json!(random.below(2) == 0),
        2 => json!(random.next()),
        3 => json!(-(random.below(1 << 40) as i64)),
        4 => json!(f64::from_bits(random.next())),
        5 => json!(random.one_of(&words)),
        6 => json!(String::from_utf8_lossy(&random.bytes(40))),
        7 => json!("long ".repeat(random.below(2_000))),
        8 => (0..random.below(4)).map(|_| value(random, depth - 1)).collect(),
        _ => {
            let names = ["name", "arguments", "uri", "requestId", "level", "cursor", "capabilities", "_meta", "x"];
            let field = |random: &mut Xorshift| ((*random.one_of(&names)).to_owned(), value(random, depth - 1));
            Value::Object((0..random.below(4)).map(|_| field(random)).collect())
        }
    }
}

/// Generates a call with valid JSON that JSON libraries do not write.
fn odd_call(random: &mut Xorshift, id: &str) -> String {
    let odd = [
        "1e308",
        "-1E-400",
        "123456789012345678901234567890",
        "18446744073709551616",
        "-9223372036854775809",
        "0.1e1",
        r#""\u0000""#,
        r#""\ud83d\ude00""#,
        r#"{"a":1,"a":2}"#,
        "[[],[[]],{}]",
        "\t[ ]",
    ];
    let (name, value) = (random.one_of(&["query", "limit", "line", "path", "name"]), random.one_of(&odd));
    let tool = random.one_of(&TOOLS);
    let params = format!(r#"{{"name":"{tool}","arguments":{{"{name}":{value}}},"{name}x":{value}}}"#);
    format!(r#" {{"method":"tools/call","params":{params},"id":"{id}","jsonrpc":"2.0"}}"#)
}

/// Generates JSON that is almost a valid message, or a response to no request.
fn odd_envelope(random: &mut Xorshift) -> String {
    let ids =
        ["null", "1e400", "-0", "1.5", "[]", "{}", "true", "99999999999999999999999", r#""\ud800""#, r#""""#, "7"];
    let methods = ["7", "null", "[]", r#""ping""#, r#""tools/call""#, r#""initialize""#];
    let params = ["null", "[]", "7", r#""x""#, "{}", r#"{"name":7}"#, r#"{"name":"outline","arguments":[]}"#];
    let (id, method, params) = (random.one_of(&ids), random.one_of(&methods), random.one_of(&params));
    match random.below(7) {
        0 => format!(r#"{{"jsonrpc":"2.0","id":{id},"method":{method},"params":{params}}}"#),
        1 => format!(r#"{{"jsonrpc":"1.0","id":{id},"method":{method}}}"#),
        2 => format!(r#"{{"id":{id},"method":{method},"params":{params}}}"#),
        3 => format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{params}}}"#),
        4 => format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{params}}}"#),
        5 => format!(r#"[{{"jsonrpc":"2.0","id":{id},"method":{method}}},{params}]"#),
        _ => format!(r#"{{"jsonrpc":"2.0","id":{id},"id":{id},"method":{method}}}"#),
    }
}

/// Generates a notification, or a message that looks like one.
fn notice(random: &mut Xorshift, number: u64) -> Value {
    let methods = [
        "notifications/cancelled",
        "notifications/initialized",
        "notifications/progress",
        "notifications/roots/list_changed",
        "notifications/no_such",
        "ping",
    ];
    // Never the ID of a request that must be answered.
    let id = [json!(format!("never {number}")), value(random, 1)][random.below(2)].clone();
    let params = json!({ "requestId": id, "progressToken": value(random, 1), "progress": value(random, 1) });
    let params = if random.below(3) == 0 { value(random, 3) } else { params };
    json!({ "jsonrpc": "2.0", "method": random.one_of(&methods), "params": params })
}

/// Generates deeply nested JSON.
fn nested(random: &mut Xorshift, id: &str) -> Vec<u8> {
    let depth = *random.one_of(&[100, 127, 129, 5_000, 100_000]);
    let (open, close) = *random.one_of(&[("[", "]"), (r#"{"a":"#, "}")]);
    let deep = format!("{}1{}", open.repeat(depth), close.repeat(depth));
    match random.below(3) {
        0 => open.repeat(depth).into_bytes(),
        1 => deep.into_bytes(),
        _ => format!(r#"{{"jsonrpc":"2.0","id":"{id}","method":"tools/call","params":{{"arguments":{deep}}}}}"#).into(),
    }
}
