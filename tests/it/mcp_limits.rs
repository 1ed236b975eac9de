//! How much of everything there may be over HTTP, and who has to go when there is more.

use serde_json::json;

use crate::support::http::{Events, Served, calling, greeting};
use crate::support::mcp::Repository;

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
