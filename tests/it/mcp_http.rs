//! Tests of the HTTP server: both transports, access control, misbehaving clients and shutdown.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rmcp::ServiceExt as _;
#[cfg(unix)]
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
#[cfg(unix)]
use rmcp::transport::{StreamableHttpClientTransport, UnixSocketHttpClient};
#[cfg(unix)]
use rustix::process::Signal;
use serde_json::{Value, json};

#[cfg(unix)]
use crate::support::http::forward_unix_socket;
use crate::support::http::{HttpServer, JSON, LegacySseClient, calling, command, greeting, reply};
use crate::support::mcp::{PATIENCE, ProgressListener, Repository, call, index_until_ended, indexed, structured};

const LOGIN: &str = "check a login attempt against the stored hash";
const TOKEN: &str = "c0ffee-c0ffee-c0ffee-c0ffee";

/// Arguments for an index run that outlasts a test: each call of the embedder takes at least a minute.
pub const ENDLESS: [&str; 2] = ["--embedder", "synthetic:1:60000"];

fn best(answer: &Value) -> &Value {
    &answer["result"]["structuredContent"]["hits"][0]["path"]
}

#[test]
#[cfg(unix)]
fn an_rmcp_client_indexes_and_searches_over_http() {
    let repository = Repository::new();
    let served = HttpServer::start(&repository, &[]);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let listener = ProgressListener::default();
        let (socket, uri) = (repository.base().join("http.sock"), format!("http://{}/mcp", served.address));
        forward_unix_socket(&socket, served.address);
        let socket = socket.to_str().expect("a path in UTF-8");
        let transport = StreamableHttpClientTransport::with_client(
            UnixSocketHttpClient::new(socket, &uri),
            StreamableHttpClientTransportConfig::with_uri(uri),
        );
        let client = listener.clone().serve(transport).await.expect("codescry greets");
        let tools = client.list_all_tools().await.expect("a list");
        assert!(tools.iter().any(|tool| tool.name == "search_code"), "{tools:?}");
        let indexed = indexed(&client, json!({})).await;
        assert_eq!(structured(&indexed)["coverage"]["files_indexed"], 6);
        let told = listener.told(6.0).await;
        assert!(told.windows(2).all(|pair| pair[0].progress < pair[1].progress), "{told:?}");
        let found = call(&client, "search_code", json!({ "query": LOGIN })).await;
        assert_eq!(structured(&found)["hits"][0]["path"], "app/passwords.py");
        client.cancel().await.expect("it ends");
    });
    served.wait_for_metric("codescry_sessions{transport=\"streamable\"}", |open| open == 0.0);
    assert!(served.measured("codescry_tool_calls_total{tool=\"search_code\",outcome=\"answered\"}") >= 1.0);
    let chunks = format!("codescry_index_chunks{{root=\"{}\"}}", repository.root().display());
    assert!(served.measured(&chunks) >= 6.0);
}

#[test]
fn each_client_has_its_own_token() {
    let repository = Repository::new();
    let tokens = repository.base().join("tokens");
    std::fs::write(&tokens, format!("alice {TOKEN}-a\nbob {TOKEN}-b\n")).expect("a file");
    let path = tokens.to_str().expect("a path in UTF-8").to_owned();
    let served = HttpServer::start(&repository, &["--client-tokens", &path]);
    let status = |secret: &str| {
        let headers = format!("authorization: Bearer {secret}\r\n");
        served.ask("GET /metrics", &headers, "").status
    };
    let alice = format!("authorization: Bearer {TOKEN}-a\r\n");
    served.initialize(&alice).close();
    assert_eq!((status(&format!("{TOKEN}-b")), status(TOKEN), status("")), (200, 401, 401));
    std::fs::write(&tokens, format!("bob {TOKEN}-b\n")).expect("a file");
    assert_eq!((status(&format!("{TOKEN}-a")), status(&format!("{TOKEN}-b"))), (401, 200), "alice's token is revoked");
    let metrics = served.ask("GET /metrics", &format!("authorization: Bearer {TOKEN}-b\r\n"), "").body;
    for wanted in ["client=\"alice\",status=\"200\"", "client=\"bob\",status=\"200\""] {
        assert!(metrics.contains(&format!("codescry_client_requests_total{{{wanted}}}")), "{metrics}");
    }
}

#[test]
fn requests_without_a_session_are_answered() {
    let repository = Repository::new();
    let served = HttpServer::start(&repository, &[]);
    // Wait for the index before the actual search.
    served.assert_search_works();
    let version = "io.modelcontextprotocol/protocolVersion";
    let meta = json!({ version: "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {} });
    let params = json!({ "name": "search_code", "arguments": { "query": LOGIN }, "_meta": meta });
    let body = json!({ "jsonrpc": "2.0", "id": "a", "method": "tools/call", "params": params }).to_string();
    let headers = "mcp-protocol-version: 2026-07-28\r\nmcp-method: tools/call\r\nmcp-name: search_code\r\n";
    let answer = served.post(headers, &body);
    assert_eq!(best(&answer.message()), "app/passwords.py", "{answer:?}");
    assert_eq!(answer.header("mcp-session-id"), None);
    // A header that contradicts the body could bypass the rules of a proxy.
    let other = headers.replace("mcp-name: search_code", "mcp-name: outline");
    assert_eq!(served.post(&other, &body).status, 400);
}

#[test]
fn the_legacy_sse_transport_searches_and_reports_progress() {
    let repository = Repository::new();
    let served = HttpServer::start(&repository, &[]);
    let mut events = LegacySseClient::open(&served);
    events.initialize(&served);
    let mut progress = Vec::new();
    index_until_ended(json!({}), |arguments| {
        events.post(&served, &calling(1, "index_project", arguments));
        // A repeated call reports progress from the beginning.
        progress.clear();
        loop {
            let message = events.next();
            match message["params"]["progress"].as_f64() {
                Some(done) => progress.push(done),
                None => break message,
            }
        }
    });
    assert!(progress.contains(&6.0) && progress.is_sorted(), "{progress:?}");
    events.post(&served, &calling(2, "search_code", json!({ "query": LOGIN })));
    assert_eq!(best(&events.next()), "app/passwords.py");

    let broken = served.ask(&format!("POST {}", events.messages), JSON, "{\"jsonrpc\": ");
    assert_eq!((broken.status, &broken.message()["error"]["code"]), (400, &json!(-32700)));
    assert_eq!(served.ask("POST /messages?sessionId=nobody", JSON, &greeting()).status, 404);
    assert_eq!(served.ask("POST /messages", JSON, &greeting()).status, 400);
    // The session ends when its stream is closed.
    let messages = events.messages.clone();
    drop(events);
    served.wait_for_metric("codescry_sessions{transport=\"sse\"}", |open| open == 0.0);
    assert_eq!(served.ask(&format!("POST {messages}"), JSON, &greeting()).status, 404);
    served.assert_search_works();
}

#[test]
fn a_cancelled_call_ends_and_its_session_continues() {
    let repository = Repository::new();
    let served = HttpServer::start(&repository, &ENDLESS);
    let session = served.initialize("");
    let mut events = LegacySseClient::open(&served);
    events.initialize(&served);
    let under_way = "codescry_tool_calls_under_way";
    std::thread::scope(|threads| {
        let waiting = threads.spawn(|| session.post(&calling(7, "index_project", json!({}))));
        events.post(&served, &calling(7, "index_project", json!({})));
        served.wait_for_metric(under_way, |calls| calls == 2.0);
        let cancel = r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7}}"#;
        events.post(&served, cancel);
        served.wait_for_metric(under_way, |calls| calls == 1.0);
        assert_eq!(session.post(cancel).status, 202);
        served.wait_for_metric(under_way, |calls| calls == 0.0);
        // A cancelled call gets no response, and its stream ends.
        let reply = waiting.join().expect("it is answered");
        assert!(!reply.body.contains("\"result\""), "{reply:?}");
    });
    let answer = session.call("index_status", json!({}));
    assert!(answer["result"]["content"][0]["text"].is_string(), "{answer}");
}

#[test]
fn foreign_hosts_and_origins_are_refused() {
    let repository = Repository::new();
    let served = HttpServer::start(&repository, &["--host", "code.example"]);
    let port = served.address.port();
    for place in ["POST /mcp", "GET /mcp", "GET /sse", "POST /messages?sessionId=1", "GET /metrics", "GET /healthz"] {
        for host in ["evil.example", &format!("evil.example:{port}"), "localhost.evil.example", "10.0.0.1", "", "a b"] {
            let reply = served.ask(place, &format!("{JSON}host: {host}\r\n"), &greeting());
            assert!(reply.status == 403 || reply.status == 400, "{place} {host}: {reply:?}");
        }
        for origin in
            ["http://evil.example", "null", &format!("http://localhost:{}", port ^ 1), "https://localhost", "http://"]
        {
            let reply = served.ask(place, &format!("{JSON}origin: {origin}\r\n"), &greeting());
            assert_eq!(reply.status, 403, "{place} {origin}: {reply:?}");
        }
    }
    for headers in [
        format!("host: localhost:{port}\r\norigin: http://localhost:{port}\r\n"),
        format!("host: 127.0.0.1:{port}\r\norigin: http://localhost:{port}\r\n"),
        "host: CODE.example\r\norigin: https://code.example\r\n".to_owned(),
        String::new(),
    ] {
        let reply = served.post(&headers, &greeting());
        assert_eq!(reply.status, 200, "{headers}: {reply:?}");
        assert_eq!(reply.header("access-control-allow-origin"), None);
    }
}

#[test]
fn a_token_is_required_everywhere_except_for_health() {
    let repository = Repository::new();
    let mut guarded = command(&repository, &["--http", "127.0.0.1:0"]);
    guarded.env("CODESCRY_TOKEN", TOKEN);
    let served = HttpServer::spawn(guarded);
    let right = format!("authorization: Bearer {TOKEN}\r\n");
    for place in ["POST /mcp", "GET /mcp", "DELETE /mcp", "GET /sse", "POST /messages?sessionId=1", "GET /metrics"] {
        for wrong in [
            String::new(),
            "authorization: Bearer c0ffee-c0ffee-c0ffee-c0fff0\r\n".to_owned(),
            format!("authorization: Basic {TOKEN}\r\n"),
            format!("authorization: Bearer {TOKEN}x\r\n"),
            format!("{right}authorization: Bearer other\r\n"),
            format!("x-token: {TOKEN}\r\ncookie: token={TOKEN}\r\n"),
        ] {
            let reply = patiently(|| served.ask(place, &format!("{JSON}{wrong}"), &greeting()));
            assert_eq!(reply.status, 401, "{place} {wrong}: {reply:?}");
            assert_eq!(reply.header("www-authenticate"), Some("bearer"));
        }
    }
    let in_the_address = patiently(|| served.ask(&format!("POST /mcp?token={TOKEN}"), JSON, &greeting()));
    assert_eq!(in_the_address.status, 401);
    assert_eq!(patiently(|| served.ask("GET /healthz", "", "")).body, "ok\n");
    assert!(served.ask("GET /metrics", &right, "").body.contains("codescry_http_responses_total{status=\"401\"}"));
    let session = served.initialize(&right);
    session.indexed(json!({}));
    let answer = session.call("search_code", json!({ "query": LOGIN }));
    assert_eq!(best(&answer), "app/passwords.py");
}

/// Repeats a request while the server answers 429 (too many requests).
fn patiently(ask: impl Fn() -> crate::support::http::Reply) -> crate::support::http::Reply {
    let until = Instant::now() + PATIENCE;
    loop {
        let reply = ask();
        if reply.status != 429 || Instant::now() > until {
            return reply;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn listening_on_the_network_requires_a_token() {
    let repository = Repository::new();
    let file = repository.base().join("token");
    let file_name = file.to_string_lossy().into_owned();
    let refused = |more: &[&str]| {
        let output = command(&repository, more).output().expect("it ends");
        assert_eq!(output.status.code(), Some(2));
        String::from_utf8(output.stderr).expect("text")
    };
    for address in ["0.0.0.0:0", "[::]:0"] {
        let said = refused(&["--http", address]);
        assert!(said.contains("--token-file") && said.contains("CODESCRY_TOKEN"), "{said}");
        assert!(said.contains("one for each client (--client-tokens FILE)"), "{said}");
    }
    let with_file = ["--http", "0.0.0.0:0", "--token-file", &file_name];
    assert!(refused(&with_file).contains("cannot read the token"));
    std::fs::write(&file, " \n").expect("a file");
    assert!(refused(&with_file).contains("contains no token"));
    std::fs::write(&file, "guess\n").expect("a file");
    let said = refused(&with_file);
    assert!(said.contains("too weak") && !said.contains("guess"), "{said}");
    std::fs::write(&file, format!("{TOKEN}\n")).expect("a file");
    let mut served = HttpServer::spawn(command(&repository, &with_file));
    served.address = ([127, 0, 0, 1], served.address.port()).into();
    assert_eq!(served.post("", &greeting()).status, 401);
    let right = format!("authorization: Bearer {TOKEN}\r\n");
    // A host given as an IP address cannot be a rebound DNS name.
    assert_eq!(served.post(&format!("{right}host: 192.0.2.1:80\r\n"), &greeting()).status, 200);
    assert_eq!(served.post(&format!("{right}host: evil.example\r\n"), &greeting()).status, 403);

    let taken = command(&repository, &["--http", &served.address.to_string()]).output().expect("it ends");
    let said = String::from_utf8(taken.stderr).expect("text");
    assert!(said.contains("cannot listen on") && said.contains("give another address"), "{said}");
}

#[test]
fn bodies_above_the_limit_are_not_buffered() {
    const BYTES: usize = 100_000_000;
    let repository = Repository::new();
    let served = HttpServer::start(&repository, &[]);
    served.assert_search_works();
    #[cfg(target_os = "linux")]
    let before = served.resident_bytes();
    let session = served.initialize("");
    let part = vec![b'x'; 1 << 16];
    for chunked in [false, true] {
        let length = if chunked { "transfer-encoding: chunked".to_owned() } else { format!("content-length: {BYTES}") };
        let mut stream = served.connect();
        stream.set_write_timeout(Some(PATIENCE)).expect("a limit");
        let head =
            format!("POST /mcp HTTP/1.1\r\nhost: {}\r\n{JSON}{}{length}\r\n\r\n", served.address, session.headers);
        stream.write_all(head.as_bytes()).expect("it reads the head");
        let mut sent = 0;
        while sent < BYTES {
            let begin = if chunked { format!("{:x}\r\n", part.len()) } else { String::new() };
            let end: &[u8] = if chunked { b"\r\n" } else { b"" };
            // The server may close the connection before the whole body is sent; that is the purpose of the test.
            if stream
                .write_all(begin.as_bytes())
                .and_then(|()| stream.write_all(&part))
                .and_then(|()| stream.write_all(end))
                .is_err()
            {
                break;
            }
            sent += part.len();
        }
        let mut answer = Vec::new();
        // Some systems discard the response when the connection is closed.
        if stream.read_to_end(&mut answer).is_ok() && !answer.is_empty() {
            assert_eq!(reply(&String::from_utf8_lossy(&answer)).status, 413);
        }
        assert!(sent < BYTES, "all of it was read");
    }
    #[cfg(target_os = "linux")]
    assert!(served.resident_bytes() < before + (64 << 20), "{before} → {}", served.resident_bytes());
    let small = session.post(&calling(1, "search_code", json!({ "query": "x".repeat(5 << 20) })));
    assert_eq!(small.status, 413, "{small:?}");
    served.assert_search_works();
}

#[test]
fn ten_thousand_idle_connections_do_not_block_the_server() {
    let repository = Repository::new();
    // A third of the connections send a request: do not let the rate limit refuse them.
    let served = HttpServer::start(&repository, &["--max-requests", "100000"]);
    served.assert_search_works();
    let wanted = open_files().map_or(10_000, |files| files.saturating_sub(500).min(10_000));
    let mut idle = Vec::with_capacity(wanted);
    for number in 0..wanted {
        let mut stream = TcpStream::connect(served.address).expect("it takes connections");
        match number % 3 {
            // Send nothing, half of a request head, or a whole request.
            0 => {}
            1 => stream.write_all(b"POST /mcp HTTP/1.1\r\nhost: loc").expect("it takes bytes"),
            _ => write!(stream, "GET /healthz HTTP/1.1\r\nhost: {}\r\n\r\n", served.address).expect("it takes bytes"),
        }
        idle.push(stream);
    }
    assert!(idle.len() >= 500, "too few files may be open to check anything: {wanted}");
    served.assert_search_works();
    assert!(served.measured("codescry_http_connections") <= 4_096.0);
    drop(idle);
    served.assert_search_works();
}

/// Raises the limit of open files and returns it.
fn open_files() -> Option<usize> {
    let limit = platform::process::raise_open_file_limit()?;
    usize::try_from(limit).ok()
}

#[test]
fn broken_messages_get_errors_and_the_server_continues() {
    let repository = Repository::new();
    let served = HttpServer::start(&repository, &[]);
    let session = served.initialize("");
    let deep = "[".repeat(100_000);
    for (body, status, code) in [
        ("{\"jsonrpc\": \"2.0\", ", 400, -32700),
        ("hello", 400, -32700),
        (" ", 400, -32700),
        ("[]", 400, -32600),
        ("{}", 400, -32600),
        ("7", 400, -32600),
        (r#"{"jsonrpc":"1.0","id":3,"method":"ping"}"#, 400, -32600),
        (r#"{"jsonrpc":"2.0","id":3,"method":7}"#, 400, -32600),
        (r#"[{"jsonrpc":"2.0","id":3,"method":"ping"}]"#, 400, -32600),
        (deep.as_str(), 400, -32700),
    ] {
        let reply = session.post(body);
        let shown = &body[..body.len().min(60)];
        assert_eq!((reply.status, &reply.message()["error"]["code"]), (status, &json!(code)), "{shown}: {reply:?}");
    }
    let unknown = session.post(r#"{"jsonrpc":"2.0","id":4,"method":"no/such/method"}"#);
    assert_eq!(unknown.message()["error"]["code"], -32601, "{unknown:?}");
    assert_eq!(session.post(r#"{"jsonrpc":"2.0","method":"notifications/nobody/knows"}"#).status, 202);
    for (line, headers, status) in [
        ("POST /mcp", "content-type: text/plain\r\naccept: application/json, text/event-stream\r\n", 415),
        ("POST /mcp", "content-type: application/json\r\naccept: application/json\r\n", 406),
        ("PUT /mcp", JSON, 405),
        ("GET /messages", "", 405),
        ("POST /sse", JSON, 405),
        ("GET /", "", 404),
        ("GET /../../etc/passwd", "", 404),
        ("GET /mcp", "accept: text/event-stream\r\nmcp-session-id: nobody\r\n", 404),
    ] {
        let reply = served.ask(line, headers, &greeting());
        assert_eq!(reply.status, status, "{line}: {reply:?}");
    }
    served.assert_search_works();
}

#[test]
fn too_many_requests_get_status_429() {
    let repository = Repository::new();
    let served = HttpServer::start(&repository, &["--max-requests", "1"]);
    let statuses: Vec<u16> = (0..40).map(|_| served.ask("GET /healthz", "", "").status).collect();
    assert!(statuses.contains(&200) && statuses.contains(&429), "{statuses:?}");
    assert_eq!(patiently(|| served.ask("GET /healthz", "", "")).status, 200);
}

#[cfg(unix)]
#[test]
fn running_calls_are_answered_before_shutdown() {
    for signal in [Signal::TERM, Signal::INT] {
        let repository = Repository::new();
        let mut served = HttpServer::start(&repository, &ENDLESS);
        let (address, session) = (served.address, served.initialize(""));
        let (headers, mut events) = (session.headers.clone(), LegacySseClient::open(&served));
        events.initialize(&served);
        let idle = served.connect();
        let call = calling(1, "index_project", json!({}));
        events.post(&served, &call);
        let mut stream = served.connect();
        let head =
            format!("POST /mcp HTTP/1.0\r\nhost: {address}\r\n{JSON}{headers}content-length: {}\r\n\r\n", call.len());
        stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(call.as_bytes())).expect("it reads");
        served.wait_for_metric("codescry_tool_calls_under_way", |calls| calls == 2.0);
        served.signal(signal);
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it is answered");
        let answer = reply(&answer).message();
        let said = answer["result"]["content"][0]["text"].as_str().expect("an answer");
        assert!(said.contains("cancelled") || said.contains("closing"), "{signal:?}: {answer}");
        loop {
            let message = events.next();
            if message["id"] == 1 {
                assert!(message["result"]["content"].is_array(), "{message}");
                break;
            }
        }
        while events.next_line().is_some() {}
        assert!(served.wait().success(), "{signal:?}");
        drop(idle);
        assert!(TcpStream::connect(address).is_err(), "it still listens");
    }
}
