//! Tests that a client does not notice a change of servers.

use tokio::io::{DuplexStream, duplex, split};

use super::*;

const CALL: &str = r#"{"jsonrpc":"2.0","id":7,"method":"tools/call"}"#;
const RESPONSE: &str = r#"{"jsonrpc":"2.0","id":7,"result":{}}"#;

/// Ping interval of tests, long enough that a busy machine is never silent for three intervals.
const LONG_PING_INTERVAL: Duration = Duration::from_millis(500);

/// Returns a relay and the client's ends of its streams.
fn start_relay() -> (Relay<DuplexStream>, DuplexStream, BufReader<DuplexStream>) {
    let (to_relay, from_client) = duplex(1 << 10);
    let (to_client, from_relay) = duplex(1 << 10);
    (Relay::new(from_client, to_client), to_relay, BufReader::new(from_relay))
}

/// Returns a server's end and the relay's stream to it.
fn start_server() -> (BufReader<DuplexStream>, PeerStream) {
    let (there, here) = duplex(1 << 10);
    let (reader, writer) = split(here);
    (BufReader::new(there), PeerStream::new(reader, writer))
}

/// Reads one line, without its end.
async fn read_line(reader: &mut BufReader<DuplexStream>) -> String {
    let mut line = String::new();
    reader.read_line(&mut line).await.expect("the line is UTF-8");
    line.trim_end().to_owned()
}

fn block_on<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(test)
}

#[test]
fn a_partial_response_is_dropped_and_the_next_server_gets_the_request() {
    block_on(async {
        let (mut relay, mut client, mut responses) = start_relay();
        client.write_all(format!("{CALL}\n").as_bytes()).await.expect("the other end reads");
        let (mut first, stream) = start_server();
        let dies = async {
            assert_eq!(read_line(&mut first).await, CALL);
            first.write_all(&RESPONSE.as_bytes()[..20]).await.expect("the other end reads");
            drop(first);
        };
        assert_eq!(
            tokio::join!(relay.converse(stream, true, std::future::pending()), dies).0,
            ConversationEnd::ServerEnded
        );
        drop(client);
        let (mut second, stream) = start_server();
        let answers_well = async {
            assert_eq!(read_line(&mut second).await, CALL);
            second.write_all(format!("{RESPONSE}\n").as_bytes()).await.expect("the other end reads");
            assert_eq!(read_line(&mut second).await, "", "the input ends with the client's");
            drop(second);
            read_line(&mut responses).await
        };
        assert_eq!(
            tokio::join!(relay.converse(stream, true, std::future::pending()), answers_well),
            (ConversationEnd::ClientDone, RESPONSE.to_owned())
        );
    });
}

#[test]
fn a_silent_server_counts_as_hung_only_while_a_response_is_due() {
    block_on(async {
        let (mut relay, mut client, _answers) = start_relay();
        relay.ping_interval = Duration::from_millis(15);
        let listen = r#"{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen"}"#;
        client.write_all(format!("{listen}\n").as_bytes()).await.expect("the other end reads");
        let (_server, stream) = start_server();
        let idle =
            tokio::time::timeout(Duration::from_millis(200), relay.converse(stream, true, std::future::pending()))
                .await;
        assert!(idle.is_err(), "{idle:?}");
        client.write_all(format!("{CALL}\n").as_bytes()).await.expect("the other end reads");
        let (_server, stream) = start_server();
        assert_eq!(relay.converse(stream, true, std::future::pending()).await, ConversationEnd::ServerHung);
    });
}

#[test]
fn a_too_long_message_is_refused_and_the_next_is_forwarded() {
    block_on(async {
        let (mut relay, mut client, mut responses) = start_relay();
        let (mut server, stream) = start_server();
        let talks = async {
            client.write_all(&vec![b' '; MAX_LINE_BYTES + 1]).await.expect("the other end reads");
            client.write_all(format!("\n{CALL}\n").as_bytes()).await.expect("the other end reads");
            assert!(read_line(&mut responses).await.contains("-32600"));
            assert_eq!(read_line(&mut server).await, CALL);
            drop(server);
        };
        assert_eq!(
            tokio::join!(relay.converse(stream, true, std::future::pending()), talks).0,
            ConversationEnd::ServerEnded
        );
    });
}

#[test]
fn a_slow_server_that_answers_pings_is_kept_and_the_client_sees_no_ping() {
    block_on(async {
        let (mut relay, mut client, mut responses) = start_relay();
        relay.ping_interval = LONG_PING_INTERVAL;
        client.write_all(format!("{CALL}\n").as_bytes()).await.expect("the other end reads");
        let (mut server, stream) = start_server();
        let slow = async {
            assert_eq!(read_line(&mut server).await, CALL);
            // Answers pings for twice as long as the relay would wait for a silent server.
            for _ in 0..2 * MAX_MISSED_PINGS {
                let ping: Value = serde_json::from_str(&read_line(&mut server).await).expect("the line is JSON");
                assert_eq!(ping["method"], "ping");
                let pong = serde_json::json!({ "jsonrpc": "2.0", "id": ping["id"], "result": {} });
                server.write_all(format!("{pong}\n").as_bytes()).await.expect("the other end reads");
            }
            server.write_all(format!("{RESPONSE}\n").as_bytes()).await.expect("the other end reads");
            assert_eq!(read_line(&mut responses).await, RESPONSE);
            drop(server);
        };
        assert_eq!(
            tokio::join!(relay.converse(stream, true, std::future::pending()), slow).0,
            ConversationEnd::ServerEnded
        );
    });
}

#[test]
fn a_client_that_reads_slowly_does_not_make_the_server_count_as_hung() {
    block_on(async {
        let (mut relay, mut client, mut responses) = start_relay();
        relay.ping_interval = LONG_PING_INTERVAL;
        client.write_all(format!("{CALL}\n").as_bytes()).await.expect("the other end reads");
        let (mut server, stream) = start_server();
        // Longer than the capacity of the pipe to the client.
        let long = format!(r#"{{"jsonrpc":"2.0","method":"notifications/x","params":"{}"}}"#, "x".repeat(8 << 10));
        let talks = async {
            server.write_all(format!("{long}\n").as_bytes()).await.expect("the other end reads");
            // Longer than the relay waits for a silent server.
            tokio::time::sleep(LONG_PING_INTERVAL * (MAX_MISSED_PINGS + 2)).await;
            assert_eq!(read_line(&mut responses).await, long);
            server.write_all(format!("{RESPONSE}\n").as_bytes()).await.expect("the other end reads");
            assert_eq!(read_line(&mut responses).await, RESPONSE);
            drop(server);
        };
        assert_eq!(
            tokio::join!(relay.converse(stream, true, std::future::pending()), talks).0,
            ConversationEnd::ServerEnded
        );
    });
}

#[test]
fn the_relay_moves_to_a_better_server_when_no_request_is_in_flight() {
    block_on(async {
        let (mut relay, mut client, mut responses) = start_relay();
        client.write_all(format!("{CALL}\n").as_bytes()).await.expect("the other end reads");
        let (mut server, stream) = start_server();
        let found = Notify::new();
        let answers_first = async {
            assert_eq!(read_line(&mut server).await, CALL);
            found.notify_one();
            server.write_all(format!("{RESPONSE}\n").as_bytes()).await.expect("the other end reads");
            read_line(&mut responses).await
        };
        let ended = tokio::join!(relay.converse(stream, false, found.notified()), answers_first);
        assert_eq!(ended, (ConversationEnd::BetterServer, RESPONSE.to_owned()));
    });
}
