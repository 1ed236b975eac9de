//! Whatever a client writes, the server answers or refuses it, and goes on.
//!
//! The frames are random and the same in every run. `CODESCRY_TEST_FRAMES` says how many, in place of
//! [`FRAMES`]; `CODESCRY_TEST_SEED` makes others.

use std::collections::HashSet;
use std::fs;
use std::time::Instant;

use serde_json::{Value, json};

use crate::support::mcp::{PATIENCE, Raw, Repository};

/// Frames to each server.
const FRAMES: u64 = 20_000;

/// Frames sent before the answers to them are waited for.
const BATCH: usize = 100;

/// Memory that a server may have more at the end than half-way, in KiB.
const GROWTH_KIB: u64 = 32 << 10;

/// What calls are sent to; the last two are no tools.
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
fn whatever_is_sent_to_a_server_that_may_be_shared_it_goes_on() {
    survive(&["--stdio"]);
}

#[test]
fn whatever_is_sent_to_a_server_alone_it_goes_on() {
    survive(&["serve", "--no-share"]);
}

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(otherwise)
}

#[expect(clippy::print_stdout, reason = "what a long run is recorded by")]
fn survive(arguments: &[&str]) {
    let repository = Repository::new();
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_codescry"));
    let started = || {
        let mut command = repository.command_of(program, arguments);
        // What it would say is about this test.
        command.stderr(std::process::Stdio::null());
        // What is kept for each thread by glibc grows with the cores, and is no leak.
        command.env("MALLOC_ARENA_MAX", "2");
        Raw::of(command)
    };
    let frames = number("CODESCRY_TEST_FRAMES", FRAMES);
    let mut random = Random(number("CODESCRY_TEST_SEED", 0x5eed_c0de).max(1));
    let mut told = Told::default();
    // What comes before a greeting; some of it is one.
    let mut server = started();
    (1..=frames / 10).step_by(BATCH).for_each(|first| told.exchange(&mut server, &mut random, first));
    server.greet();
    is_well(&mut server);
    assert!(server.close().success());

    let mut server = started();
    server.greet();
    is_well(&mut server);
    // Each cache and pool has been used by then; what grows on is a leak.
    let middle = (frames / BATCH as u64).div_ceil(2) * BATCH as u64;
    let mut send = |from: u64, to: u64| {
        (from + 1..=to).step_by(BATCH).for_each(|first| told.exchange(&mut server, &mut random, first));
        is_well(&mut server);
        resident_kib(server.id())
    };
    let (early, late) = (send(frames / 10, middle), send(middle, frames));
    let Told { answers, refusals } = told;
    println!("{arguments:?}: {frames} frames, {answers} answers, {refusals} refusals, {early} KiB, then {late} KiB");
    assert!(answers > frames / 100 && refusals > frames / 4, "{answers} answers and {refusals} refusals of {frames}");
    assert!(late < early + GROWTH_KIB, "{early} KiB after {middle} frames, {late} KiB after {frames}");
    assert!(server.close().success());
}

/// The server still answers what it can, whichever way it has been greeted.
fn is_well(server: &mut Raw) {
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

/// What a server said.
#[derive(Default)]
struct Told {
    answers: u64,
    refusals: u64,
}

impl Told {
    /// Sends a batch of frames, and waits for all answers that there must be.
    fn exchange(&mut self, server: &mut Raw, random: &mut Random, first: u64) {
        let mut open = HashSet::new();
        for number in first..first + BATCH as u64 {
            let frame = frame(random, number);
            server.send(&frame.line);
            open.extend(frame.id.map(Value::from));
        }
        // Its answer comes after the refusals of all that was no message.
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

/// What is sent, and the id that must be answered if there is one.
struct Frame {
    line: Vec<u8>,
    id: Option<String>,
}

/// One frame of many kinds.
fn frame(random: &mut Random, number: u64) -> Frame {
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
            // Two by one id are answered at least once.
            let call = json!({ "jsonrpc": "2.0", "id": id, "method": "ping" });
            asks(format!("{call}\n{call}"))
        }
        60 if random.below(40) == 0 => other(vec![b"x{[\""[random.below(4)]; (16 << 20) + random.below(9) + 1]),
        _ => asks(request(random, &id).to_string()),
    }
}

/// A request of the right form to a method that may be there.
fn request(random: &mut Random, id: &str) -> Value {
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
        // A request may carry its greeting along, or a part of it.
        for (name, usual) in [("protocolVersion", json!("2026-07-28")), ("clientCapabilities", json!({}))] {
            let given = [usual, json!("2025-06-18"), value(random, 1)];
            request["params"]["_meta"][format!("io.modelcontextprotocol/{name}")] = random.one_of(&given).clone();
        }
    }
    request
}

/// Arguments that tools have, with values that they may not expect.
fn tool_arguments(random: &mut Random) -> Value {
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

/// Any value, `depth` deep at most.
fn value(random: &mut Random, depth: usize) -> Value {
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
            let field = |random: &mut Random| ((*random.one_of(&names)).to_owned(), value(random, depth - 1));
            Value::Object((0..random.below(4)).map(|_| field(random)).collect())
        }
    }
}

/// A call with what no JSON library writes.
fn odd_call(random: &mut Random, id: &str) -> String {
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

/// What is JSON, and only just no message, or one to nobody.
fn odd_envelope(random: &mut Random) -> String {
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

/// A notification, or a message that looks like one.
fn notice(random: &mut Random, number: u64) -> Value {
    let methods = [
        "notifications/cancelled",
        "notifications/initialized",
        "notifications/progress",
        "notifications/roots/list_changed",
        "notifications/no_such",
        "ping",
    ];
    // Never one that must be answered.
    let id = [json!(format!("never {number}")), value(random, 1)][random.below(2)].clone();
    let params = json!({ "requestId": id, "progressToken": value(random, 1), "progress": value(random, 1) });
    let params = if random.below(3) == 0 { value(random, 3) } else { params };
    json!({ "jsonrpc": "2.0", "method": random.one_of(&methods), "params": params })
}

/// Deeper than any message is meant to be.
fn nested(random: &mut Random, id: &str) -> Vec<u8> {
    let depth = *random.one_of(&[100, 127, 129, 5_000, 100_000]);
    let (open, close) = *random.one_of(&[("[", "]"), (r#"{"a":"#, "}")]);
    let deep = format!("{}1{}", open.repeat(depth), close.repeat(depth));
    match random.below(3) {
        0 => open.repeat(depth).into_bytes(),
        1 => deep.into_bytes(),
        _ => format!(r#"{{"jsonrpc":"2.0","id":"{id}","method":"tools/call","params":{{"arguments":{deep}}}}}"#).into(),
    }
}

/// Cuts, inserts, overwrites or doubles a part.
fn damage(random: &mut Random, line: &mut Vec<u8>) {
    for _ in 0..=random.below(3) {
        let at = random.below(line.len().max(1));
        let until = (at + random.below(12)).min(line.len());
        match random.below(6) {
            0 => line.truncate(at),
            1 => drop(line.drain(at..until)),
            2 => line.splice(at..at, random.bytes(6)).for_each(drop),
            3 => line[at..until].iter_mut().for_each(|byte| *byte ^= 1 << random.below(8)),
            4 => line.splice(at..until, [0, 0xff, 0xc0, b'"']).for_each(drop),
            _ => {
                let part = line[at..until].to_vec();
                line.splice(at..at, part).for_each(drop);
            }
        }
    }
}

/// xorshift64*: the same frames in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, limit: usize) -> usize {
        ((self.next() >> 11) % limit as u64) as usize
    }

    fn one_of<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len())]
    }

    /// Up to `most`, none of them a line end.
    fn bytes(&mut self, most: usize) -> Vec<u8> {
        (0..self.below(most)).map(|_| self.next() as u8).filter(|byte| *byte != b'\n').collect()
    }
}
