//! Tests of the HTTP server's limits on sessions, requests and memory.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

#[cfg(unix)]
use rustix::process::Signal;
use serde_json::json;

use crate::mcp_http::ENDLESS;
use crate::support::http::{HttpServer, JSON, LegacySseClient, calling, greeting, reply};
use crate::support::mcp::{PATIENCE, Repository};

#[test]
fn idle_sessions_are_closed_when_the_limit_is_reached() {
    let repository = Repository::new();
    let served = HttpServer::start(&repository, &["--max-sessions", "3"]);
    let one = served.initialize("");
    let two = served.initialize("");
    let events = LegacySseClient::open(&served);
    // The session that was idle for the longest time is closed.
    let status = one.call("index_status", json!({}));
    assert!(status["result"].is_object(), "{status}");
    let three = served.initialize("");
    assert_eq!(two.post(&calling(1, "index_status", json!({}))).status, 404);
    for session in [&one, &three] {
        let status = session.call("index_status", json!({}));
        assert!(status["result"].is_object(), "{status}");
    }
    // Sessions with an open stream do not count as idle.
    let more = [LegacySseClient::open(&served), LegacySseClient::open(&served)];
    let full = served.post("", &greeting());
    assert_eq!((full.status, &full.message()["id"]), (503, &json!(0)), "{full:?}");
    assert_eq!(served.ask("GET /sse", "", "").status, 503);
    assert_eq!(one.post(&calling(1, "index_status", json!({}))).status, 404);
    drop(events);
    served.wait_for_metric("codescry_sessions{transport=\"sse\"}", |open| open == 2.0);
    served.assert_search_works();
    drop(more);
}

/// Most clients exit without closing their session.
#[test]
fn abandoned_sessions_do_not_lock_out_new_clients() {
    let repository = Repository::new();
    let served = HttpServer::start(&repository, &["--max-requests", "100000"]);
    let mut first = None;
    for _ in 0..600 {
        let session = served.initialize("");
        first.get_or_insert(session);
    }
    served.assert_search_works();
    assert!(served.measured("codescry_sessions{transport=\"streamable\"}") <= 512.0);
    assert_eq!(first.expect("the first").post(&calling(1, "index_status", json!({}))).status, 404);
}

/// Each body is within the limit for one request; together they would be a hundred megabytes.
#[test]
fn unfinished_request_bodies_are_limited_in_total() {
    let repository = Repository::new();
    let served = HttpServer::start(&repository, &[]);
    let part = vec![b' '; (4 << 20) - 1];
    let mut refused = 0;
    let mut open = Vec::new();
    for _ in 0..25 {
        let mut stream = served.connect();
        let length = part.len() + 1;
        let head = format!("POST /mcp HTTP/1.0\r\nhost: {}\r\n{JSON}content-length: {length}\r\n\r\n", served.address);
        // The server may close a refused connection while the client still sends.
        if stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&part)).is_err() {
            refused += 1;
            continue;
        }
        open.push(stream);
    }
    let until = Instant::now() + PATIENCE;
    while !served.ask("GET /metrics", "", "").body.contains("status=\"503\"") {
        assert!(Instant::now() < until, "nobody was refused");
        std::thread::sleep(Duration::from_millis(20));
    }
    let mut last = open.pop().expect("not all were cut off");
    let mut answer = String::new();
    // Some systems discard the response when the connection is closed.
    if last.read_to_string(&mut answer).is_ok() && !answer.is_empty() {
        let answer = reply(&answer);
        // On a busy machine, the request may time out first.
        let expected = if answer.status == 408 { (408, None) } else { (503, Some("1")) };
        assert_eq!((answer.status, answer.header("retry-after")), expected, "{answer:?}");
    }
    assert!(refused + open.len() >= 16, "{refused} were refused, {} wait", open.len());
    drop(open);
    served.wait_for_metric("codescry_http_connections", |open| open <= 2.0);
    served.assert_search_works();
    drop(TcpStream::connect(served.address).expect("it listens"));
}

/// Searches during a rebuild are neither refused nor incomplete.
#[test]
fn many_clients_can_search_during_a_rebuild() {
    let repository = Repository::new();
    for n in 0..300 {
        repository.write(
            &format!("many/part{n}.rs"),
            &format!("/// Part {n} of many.\npub fn part_{n}() -> u32 {{ {n} }}\n"),
        );
    }
    let served = HttpServer::start(&repository, &[]);
    served.initialize("").indexed(json!({}));
    let stop = AtomicBool::new(false);
    std::thread::scope(|threads| {
        let anew = threads.spawn(|| {
            let session = served.initialize("");
            let mut runs = 0;
            while !stop.load(Ordering::Relaxed) {
                let run = session.call("index_project", json!({ "rebuild": true }));
                assert!(run["result"]["structuredContent"]["ended"].is_boolean(), "{run}");
                runs += 1;
            }
            runs
        });
        let client = || {
            let session = served.initialize("");
            for _ in 0..15 {
                let question = json!({ "query": "check a login attempt against the stored hash", "limit": 3 });
                let answer = session.call("search_code", question);
                let hits = &answer["result"]["structuredContent"]["hits"];
                assert_eq!(hits[0]["path"], "app/passwords.py", "{answer}");
            }
            session.close();
        };
        let clients: Vec<_> = (0..32).map(|_| threads.spawn(client)).collect();
        let ended: Vec<_> = clients.into_iter().map(std::thread::ScopedJoinHandle::join).collect();
        stop.store(true, Ordering::Relaxed);
        assert!(anew.join().expect("it indexes") > 0);
        assert!(ended.iter().all(Result::is_ok), "a client was not answered well");
    });
    served.assert_search_works();
}

/// A cancelled call gets no response, so shutting down must not wait for one.
#[cfg(unix)]
#[test]
fn a_cancelled_call_does_not_delay_shutdown() {
    let repository = Repository::new();
    let mut served = HttpServer::start(&repository, &ENDLESS);
    let mut events = LegacySseClient::open(&served);
    events.initialize(&served);
    events.post(&served, &calling(7, "index_project", json!({})));
    served.wait_for_metric("codescry_tool_calls_under_way", |calls| calls == 1.0);
    events.post(&served, r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7}}"#);
    served.wait_for_metric("codescry_tool_calls_under_way", |calls| calls == 0.0);
    served.signal(Signal::TERM);
    while events.next_line().is_some() {}
    assert!(served.wait().success());
    let said = served.stderr();
    assert!(!said.contains("not answered in time"), "{said}");
}
