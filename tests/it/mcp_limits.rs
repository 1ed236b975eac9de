//! How much of everything there may be over HTTP, and who has to go when there is more.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

#[cfg(unix)]
use rustix::process::Signal;
use serde_json::json;

use crate::mcp_http::ENDLESS;
use crate::support::http::{Events, JSON, Served, calling, greeting, reply};
use crate::support::mcp::{PATIENCE, Repository};

#[test]
fn there_are_no_more_sessions_than_allowed_and_idle_ones_make_room() {
    let repository = Repository::new();
    let served = Served::start(&repository, &["--max-sessions", "3"]);
    let one = served.greet("");
    let two = served.greet("");
    let events = Events::open(&served);
    // The one that was idle for longest has gone.
    let status = one.call("index_status", json!({}));
    assert!(status["result"].is_object(), "{status}");
    let three = served.greet("");
    assert_eq!(two.post(&calling(1, "index_status", json!({}))).status, 404);
    for session in [&one, &three] {
        let status = session.call("index_status", json!({}));
        assert!(status["result"].is_object(), "{status}");
    }
    // Streams are no idle sessions.
    let more = [Events::open(&served), Events::open(&served)];
    let full = served.post("", &greeting());
    assert_eq!((full.status, &full.message()["id"]), (503, &json!(0)), "{full:?}");
    assert_eq!(served.ask("GET /sse", "", "").status, 503);
    assert_eq!(one.post(&calling(1, "index_status", json!({}))).status, 404);
    drop(events);
    served.until_measured("codescry_sessions{transport=\"sse\"}", |open| open == 2.0);
    served.is_well();
    drop(more);
}

/// Most clients that are closed say nothing of it.
#[test]
fn clients_that_go_without_a_word_lock_nobody_out() {
    let repository = Repository::new();
    let served = Served::start(&repository, &["--max-requests", "100000"]);
    let mut first = None;
    for _ in 0..600 {
        let session = served.greet("");
        first.get_or_insert(session);
    }
    served.is_well();
    assert!(served.measured("codescry_sessions{transport=\"streamable\"}") <= 512.0);
    assert_eq!(first.expect("the first").post(&calling(1, "index_status", json!({}))).status, 404);
}

/// Each is within the limit of one body; together they would be a hundred megabytes.
#[test]
fn bodies_that_do_not_come_to_their_end_are_held_within_a_limit() {
    let repository = Repository::new();
    let served = Served::start(&repository, &[]);
    let part = vec![b' '; (4 << 20) - 1];
    let mut refused = 0;
    let mut open = Vec::new();
    for _ in 0..25 {
        let mut stream = served.connect();
        let length = part.len() + 1;
        let head = format!("POST /mcp HTTP/1.0\r\nhost: {}\r\n{JSON}content-length: {length}\r\n\r\n", served.address);
        // Who is refused may find the connection closed while it still sends.
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
    // The answer is lost where the system throws it away with the connection.
    if last.read_to_string(&mut answer).is_ok() && !answer.is_empty() {
        let answer = reply(&answer);
        // On a busy machine its time may be over before it is looked at.
        let expected = if answer.status == 408 { (408, None) } else { (503, Some("1")) };
        assert_eq!((answer.status, answer.header("retry-after")), expected, "{answer:?}");
    }
    assert!(refused + open.len() >= 16, "{refused} were refused, {} wait", open.len());
    drop(open);
    served.until_measured("codescry_http_connections", |open| open <= 2.0);
    served.is_well();
    drop(TcpStream::connect(served.address).expect("it listens"));
}

/// Nobody is refused, and everybody finds what is there, while all of it is done anew.
#[test]
fn many_clients_search_while_everything_is_indexed_anew() {
    let repository = Repository::new();
    for n in 0..300 {
        repository.write(
            &format!("many/part{n}.rs"),
            &format!("/// Part {n} of many.\npub fn part_{n}() -> u32 {{ {n} }}\n"),
        );
    }
    let served = Served::start(&repository, &[]);
    served.greet("").indexed(json!({}));
    let stop = AtomicBool::new(false);
    std::thread::scope(|threads| {
        let anew = threads.spawn(|| {
            let session = served.greet("");
            let mut runs = 0;
            while !stop.load(Ordering::Relaxed) {
                let run = session.call("index_project", json!({ "rebuild": true }));
                assert!(run["result"]["structuredContent"]["ended"].is_boolean(), "{run}");
                runs += 1;
            }
            runs
        });
        let client = || {
            let session = served.greet("");
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
    served.is_well();
}

/// The answer to what was cancelled never comes, so nobody may wait for it.
#[cfg(unix)]
#[test]
fn a_call_that_was_cancelled_does_not_hold_up_the_end() {
    let repository = Repository::new();
    let mut served = Served::start(&repository, &ENDLESS);
    let mut events = Events::open(&served);
    events.greet(&served);
    events.post(&served, &calling(7, "index_project", json!({})));
    served.until_measured("codescry_tool_calls_under_way", |calls| calls == 1.0);
    events.post(&served, r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7}}"#);
    served.until_measured("codescry_tool_calls_under_way", |calls| calls == 0.0);
    served.signal(Signal::TERM);
    while events.next_line().is_some() {}
    assert!(served.ended().success());
    let said = served.said();
    assert!(!said.contains("not answered in time"), "{said}");
}
