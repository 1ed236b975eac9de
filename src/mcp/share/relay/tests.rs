//! A client never notices how many servers it has had.

use tokio::io::{DuplexStream, duplex, split};

use super::*;

const CALL: &str = r#"{"jsonrpc":"2.0","id":7,"method":"tools/call"}"#;
const ANSWER: &str = r#"{"jsonrpc":"2.0","id":7,"result":{}}"#;

/// Between pings: a busy machine is not silent for as long as three of them.
const UNHURRIED: Duration = Duration::from_millis(500);

/// A relay, and its client's ends.
fn relay() -> (Relay<DuplexStream>, DuplexStream, BufReader<DuplexStream>) {
    let (to_relay, from_client) = duplex(1 << 10);
    let (to_client, from_relay) = duplex(1 << 10);
    (Relay::new(from_client, to_client), to_relay, BufReader::new(from_relay))
}

/// A server's end, and the link to it.
fn server() -> (BufReader<DuplexStream>, Link) {
    let (there, here) = duplex(1 << 10);
    let (reader, writer) = split(here);
    (BufReader::new(there), Link::new(reader, writer))
}

async fn line(reader: &mut BufReader<DuplexStream>) -> String {
    let mut line = String::new();
    reader.read_line(&mut line).await.expect("it is text");
    line.trim_end().to_owned()
}

fn block_on<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(test)
}

#[test]
fn half_an_answer_is_none_and_the_next_server_is_asked() {
    block_on(async {
        let (mut relay, mut client, mut answers) = relay();
        client.write_all(format!("{CALL}\n").as_bytes()).await.expect("it reads");
        let (mut first, link) = server();
        let dies = async {
            assert_eq!(line(&mut first).await, CALL);
            first.write_all(&ANSWER.as_bytes()[..20]).await.expect("it reads");
            drop(first);
        };
        assert_eq!(tokio::join!(relay.converse(link, true, std::future::pending()), dies).0, End::Server);
        drop(client);
        let (mut second, link) = server();
        let answers_well = async {
            assert_eq!(line(&mut second).await, CALL);
            second.write_all(format!("{ANSWER}\n").as_bytes()).await.expect("it reads");
            assert_eq!(line(&mut second).await, "", "the client says no more");
            drop(second);
            line(&mut answers).await
        };
        assert_eq!(
            tokio::join!(relay.converse(link, true, std::future::pending()), answers_well),
            (End::Client, ANSWER.to_owned())
        );
    });
}

#[test]
fn a_server_that_hangs_is_given_up_only_while_an_answer_is_due() {
    block_on(async {
        let (mut relay, mut client, _answers) = relay();
        relay.ping = Duration::from_millis(15);
        let listen = r#"{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen"}"#;
        client.write_all(format!("{listen}\n").as_bytes()).await.expect("it reads");
        let (_server, link) = server();
        let idle =
            tokio::time::timeout(Duration::from_millis(200), relay.converse(link, true, std::future::pending())).await;
        assert!(idle.is_err(), "{idle:?}");
        client.write_all(format!("{CALL}\n").as_bytes()).await.expect("it reads");
        let (_server, link) = server();
        assert_eq!(relay.converse(link, true, std::future::pending()).await, End::Hung);
    });
}

#[test]
fn what_is_too_long_is_refused_and_what_follows_is_passed_on() {
    block_on(async {
        let (mut relay, mut client, mut answers) = relay();
        let (mut server, link) = server();
        let talks = async {
            client.write_all(&vec![b' '; MAX_LINE_BYTES + 1]).await.expect("it reads");
            client.write_all(format!("\n{CALL}\n").as_bytes()).await.expect("it reads");
            assert!(line(&mut answers).await.contains("-32600"));
            assert_eq!(line(&mut server).await, CALL);
            drop(server);
        };
        assert_eq!(tokio::join!(relay.converse(link, true, std::future::pending()), talks).0, End::Server);
    });
}

#[test]
fn a_server_that_answers_pings_may_take_its_time_and_the_client_hears_none() {
    block_on(async {
        let (mut relay, mut client, mut answers) = relay();
        relay.ping = UNHURRIED;
        client.write_all(format!("{CALL}\n").as_bytes()).await.expect("it reads");
        let (mut server, link) = server();
        let slow = async {
            assert_eq!(line(&mut server).await, CALL);
            // Twice as long as a silent one is waited for.
            for _ in 0..2 * PINGS {
                let ping: Value = serde_json::from_str(&line(&mut server).await).expect("it is JSON");
                assert_eq!(ping["method"], "ping");
                let pong = serde_json::json!({ "jsonrpc": "2.0", "id": ping["id"], "result": {} });
                server.write_all(format!("{pong}\n").as_bytes()).await.expect("it reads");
            }
            server.write_all(format!("{ANSWER}\n").as_bytes()).await.expect("it reads");
            assert_eq!(line(&mut answers).await, ANSWER);
            drop(server);
        };
        assert_eq!(tokio::join!(relay.converse(link, true, std::future::pending()), slow).0, End::Server);
    });
}

#[test]
fn a_client_that_does_not_read_is_no_server_that_hangs() {
    block_on(async {
        let (mut relay, mut client, mut answers) = relay();
        relay.ping = UNHURRIED;
        client.write_all(format!("{CALL}\n").as_bytes()).await.expect("it reads");
        let (mut server, link) = server();
        // More than what is on its way may be.
        let long = format!(r#"{{"jsonrpc":"2.0","method":"notifications/x","params":"{}"}}"#, "x".repeat(8 << 10));
        let talks = async {
            server.write_all(format!("{long}\n").as_bytes()).await.expect("it reads");
            // Longer than a silent one is waited for.
            tokio::time::sleep(UNHURRIED * (PINGS + 2)).await;
            assert_eq!(line(&mut answers).await, long);
            server.write_all(format!("{ANSWER}\n").as_bytes()).await.expect("it reads");
            assert_eq!(line(&mut answers).await, ANSWER);
            drop(server);
        };
        assert_eq!(tokio::join!(relay.converse(link, true, std::future::pending()), talks).0, End::Server);
    });
}

#[test]
fn a_better_server_is_taken_when_nothing_is_under_way() {
    block_on(async {
        let (mut relay, mut client, mut answers) = relay();
        client.write_all(format!("{CALL}\n").as_bytes()).await.expect("it reads");
        let (mut server, link) = server();
        let found = Notify::new();
        let answers_first = async {
            assert_eq!(line(&mut server).await, CALL);
            found.notify_one();
            server.write_all(format!("{ANSWER}\n").as_bytes()).await.expect("it reads");
            line(&mut answers).await
        };
        let ended = tokio::join!(relay.converse(link, false, found.notified()), answers_first);
        assert_eq!(ended, (End::Moved, ANSWER.to_owned()));
    });
}
