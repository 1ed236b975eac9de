//! Tests that invalid lines are answered with an error and that reading continues after them.

use tokio::io::{AsyncReadExt as _, duplex};

use super::*;

const PING: &str = r#"{"jsonrpc":"2.0","id":7,"method":"ping"}"#;

/// Feeds `input` to a transport; returns the number of messages received and the error responses.
fn feed(input: Vec<u8>) -> (usize, Vec<Value>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let (mut answers, writer) = duplex(1 << 20);
        let mut transport = JsonLinesTransport::new(std::io::Cursor::new(input), writer);
        let mut messages = 0;
        while transport.receive().await.is_some() {
            messages += 1;
        }
        drop(transport);
        let mut text = String::new();
        answers.read_to_string(&mut text).await.expect("it is text");
        (messages, text.lines().map(|line| serde_json::from_str(line).expect("it is JSON")).collect())
    })
}

#[test]
fn invalid_lines_are_answered_and_skipped() {
    for (invalid, id, code) in [
        (b"{\"jsonrpc\":".to_vec(), Value::Null, -32700),
        (b"\xff\xfe{}".to_vec(), Value::Null, -32700),
        ("[".repeat(100_000).into_bytes(), Value::Null, -32700),
        (b"[1, 2]".to_vec(), Value::Null, -32600),
        (br#"{"jsonrpc":"1.0","id":"a","method":"ping"}"#.to_vec(), json!("a"), -32600),
        (vec![b' '; MAX_LINE_BYTES + 1], Value::Null, -32600),
    ] {
        let input = [PING.as_bytes(), &invalid, PING.as_bytes()].join(&b'\n');
        let (messages, answers) = feed(input);
        assert_eq!(messages, 2);
        assert_eq!(answers.len(), 1, "{answers:?}");
        assert_eq!((&answers[0]["id"], &answers[0]["error"]["code"]), (&id, &json!(code)));
    }
}

#[test]
fn blank_lines_unknown_notifications_and_byte_order_marks_are_accepted() {
    let input = format!("\n\r\n\u{feff}{PING}\r\n{{\"jsonrpc\":\"2.0\",\"method\":\"$/unknown\"}}\n{PING}");
    let (messages, answers) = feed(input.into_bytes());
    assert_eq!((messages, answers), (2, Vec::new()));
}

#[test]
fn halves_of_characters_and_odd_arguments_are_understood() {
    let call = |arguments: &str| {
        format!(r#"{{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{{"name":"x","arguments":{arguments}}}}}"#)
    };
    for (given, understood) in [
        ("[]", "{}"),
        ("null", "{}"),
        (r#""""#, "{}"),
        (r#""{\"a\": 1}""#, r#"{"a":1}"#),
        (r#"{"a":"x\ud83d"}"#, r#"{"a":"x\ufffd"}"#),
        (r#"{"a":"\udc00x\ud83d\ud83d\ude00"}"#, r#"{"a":"\ufffdx\ufffd😀"}"#),
    ] {
        let message = parse_message(call(given).as_bytes()).expect("it is understood").expect("a message");
        let wanted = parse_message(call(understood).as_bytes()).expect("it is plain").expect("a message");
        assert_eq!(json!(message), json!(wanted), "{given}");
        let repaired = repair_message(call(given).as_bytes()).expect("it is repaired");
        assert_eq!(parse_json(&repaired).expect("JSON"), parse_json(call(understood).as_bytes()).expect("JSON"));
    }
    for plain in [call(r#"{"a":"\ud83d\ude00 \\ud83d \u0041"}"#), "hello".to_owned(), PING.to_owned()] {
        assert_eq!(repair_message(plain.as_bytes()), None, "{plain}");
    }
}

#[test]
fn a_call_with_a_wrong_type_gets_an_error_that_names_the_field() {
    let call = |params: &str| format!(r#"{{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{params}}}"#);
    for (params, wanted) in [
        (r#"{"name":"search_code","arguments":7}"#, "params.arguments of tools/call is 7; give an object"),
        (r#"{"name":"search_code","arguments":[1]}"#, "params.arguments of tools/call is [1]; give an object"),
        (
            r#"{"name":"search_code","arguments":"words"}"#,
            "params.arguments of tools/call is \"words\"; give an object",
        ),
        (r#"{"name":7}"#, "params.name of tools/call is 7; give the name of a tool"),
        (r#"{}"#, "params.name of tools/call is missing"),
        (r#"7"#, "params of tools/call is 7; give an object"),
    ] {
        let (id, code, message) = parse_message(call(params).as_bytes()).map(|_| ()).expect_err(params);
        assert_eq!((id, code), (json!(7), ErrorCode::INVALID_PARAMS), "{params}");
        assert!(message.starts_with(wanted), "{params}: {message}");
    }
}

#[test]
fn a_greeting_that_lacks_fields_is_understood() {
    for params in [
        r#"{"protocolVersion":"2025-06-18","capabilities":{}}"#,
        r#"{"protocolVersion":"2025-06-18","clientInfo":{"name":"x"}}"#,
        r#"{"clientInfo":null}"#,
        r#"{"protocolVersion":1,"capabilities":[],"clientInfo":"x"}"#,
        r#"{"capabilities":{"sampling":true}}"#,
        r#"{"capabilities":{"experimental":{"x":true}}}"#,
        r#"{"capabilities":{"extensions":{"a":true}}}"#,
        r#"{"capabilities":{"elicitation":[],"unheard":{"of":1},"roots":7}}"#,
        r#"{"clientInfo":{"name":7,"version":null,"icons":"none","title":[]}}"#,
        r#"{"_meta":"x"}"#,
        "{}",
        "null",
    ] {
        let line = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"initialize","params":{params}}}"#);
        let message = parse_message(line.as_bytes()).expect("it is understood").expect("a message");
        assert!(opens_session(&message), "{params}");
    }
}

#[test]
fn a_greeting_in_the_protocol_without_greetings_is_none() {
    let meta = r#"{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}"#;
    let line = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"initialize","params":{{"_meta":{meta}}}}}"#);
    assert!(
        !parse_message(line.as_bytes()).is_ok_and(|message| message.is_some_and(|message| opens_session(&message)))
    );
}

#[test]
fn capabilities_that_are_understood_are_kept_beside_others() {
    let capabilities = json!({
        "roots": { "listChanged": "yes" },
        "experimental": { "odd": true, "plain": { "a": 1 } },
        "sampling": true,
    });
    let line = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": { "capabilities": capabilities } });
    let message = parse_message(line.to_string().as_bytes()).expect("it is understood").expect("a message");
    let understood = json!(message)["params"]["capabilities"].clone();
    assert_eq!(understood, json!({ "roots": {}, "experimental": { "plain": { "a": 1 } } }));
}

#[test]
fn a_greeting_that_cannot_be_read_gets_an_error_that_says_why() {
    for params in ["[]", "7", r#""hello""#] {
        let line = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"initialize","params":{params}}}"#);
        let (id, code, message) = parse_message(line.as_bytes()).map(|_| ()).expect_err(params);
        assert_eq!((id, code), (json!(1), ErrorCode::INVALID_PARAMS), "{params}");
        assert!(message.starts_with(&format!("params of initialize is {params}")), "{message}");
        assert!(message.ends_with("give an object with protocolVersion, capabilities and clientInfo"), "{message}");
    }
}

#[test]
fn every_request_is_answered_after_the_end_of_the_input() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let request = |id: u32| format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#);
        let cancelled = r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":3}}"#;
        let greeting = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{}}"#.to_owned();
        let input = [greeting, request(1), request(2), request(3), cancelled.to_owned()].join("\n");
        let (mut answers, writer) = duplex(1 << 20);
        let transport = JsonLinesTransport::new(std::io::Cursor::new(input), writer);
        let (mut transport, given_up) = transport.answer_all_within(Duration::from_millis(20));
        for _ in 0..5 {
            assert!(transport.receive().await.is_some());
        }
        let answer = |id: u32| serde_json::from_value(json!({ "jsonrpc": "2.0", "id": id, "result": {} }));
        transport.send(answer(0).expect("an answer")).await.expect("it is written");
        transport.send(answer(1).expect("an answer")).await.expect("it is written");
        assert!(transport.receive().await.is_none());
        given_up.await.expect("one request has no answer");
        transport.send(answer(2).expect("an answer")).await.expect("it is left out");
        drop(transport);
        let mut text = String::new();
        answers.read_to_string(&mut text).await.expect("it is text");
        let answers: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("it is JSON")).collect();
        let ids: Vec<_> = answers.iter().map(|answer| (answer["id"].clone(), answer["error"].is_object())).collect();
        assert_eq!(ids, [(json!(0), false), (json!(1), false), (json!(2), true)]);
    });
}

#[test]
fn the_connection_ends_at_once_when_all_requests_are_answered() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let (_answers, writer) = duplex(1 << 20);
        let transport = JsonLinesTransport::new(std::io::Cursor::new(PING), writer);
        // Without an answer, the test would end with a failure after this time.
        let (mut transport, given_up) = transport.answer_all_within(Duration::from_secs(600));
        assert!(transport.receive().await.is_some());
        assert!(futures::poll!(Box::pin(transport.receive())).is_pending(), "it waits for the answer");
        let answer = serde_json::from_value(json!({ "jsonrpc": "2.0", "id": 7, "result": {} })).expect("an answer");
        transport.send(answer).await.expect("it is written");
        assert!(transport.receive().await.is_none());
        given_up.await.expect_err("nothing was given up");
    });
}

#[test]
fn an_overlong_last_line_without_an_end_gets_an_error() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let mut input = PING.as_bytes().to_vec();
        input.push(b'\n');
        input.resize(input.len() + MAX_LINE_BYTES + 1, b'x');
        let (mut answers, writer) = duplex(1 << 20);
        let mut transport = JsonLinesTransport::new(std::io::Cursor::new(input), writer);
        assert!(transport.receive().await.is_some());
        assert!(transport.receive().await.is_none());
        drop(transport);
        let mut text = String::new();
        answers.read_to_string(&mut text).await.expect("it is text");
        assert!(text.contains(&format!("the message has more than {MAX_LINE_BYTES} bytes")), "{text}");
        assert_eq!(text.lines().count(), 1, "{text}");
    });
}
