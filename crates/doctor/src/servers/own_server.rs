//! Checks of the server: starts it as a client would, lists its tools and runs a search.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::process::Command;

use config::{Settings, UserEnvironment};

use super::mcp_client::StdioClient;
use super::sample_folder::SampleFolder;
use crate::check::DoctorCheck;

/// The time limit of each of the first two requests, for the initialization and the list of tools; clients give up soon
/// after.
const GREETING_TIMEOUT: Duration = Duration::from_secs(20);

/// The time limit of a tool call; clients give up after a minute.
const CALL_TIMEOUT: Duration = Duration::from_secs(50);

/// The query for the sample folder; exactly one of its files answers the query.
const SAMPLE_QUERY: &str = "call a request again after a failure";

/// Starts the server on the folder if it is indexed, or on a sample folder otherwise, and tests it.
pub fn check_server(user: &UserEnvironment, settings: &Settings, is_indexed: bool) -> Vec<DoctorCheck> {
    if is_indexed {
        let folders = [settings.root.as_path(), &settings.index_dir, &settings.cache_dir];
        return check_session(user, folders, "main entry point", None);
    }
    match SampleFolder::create("server") {
        Ok(sample) => {
            let (root, index, cache) =
                (sample.folder().join("code"), sample.folder().join("index"), sample.folder().join("cache"));
            check_session(user, [&root, &index, &cache], SAMPLE_QUERY, Some("retry.rs"))
        }
        Err(error) => {
            let message = format!("cannot create a temporary folder for the test: {error}");
            vec![DoctorCheck::fail("server", message, "get write permission for the folder for temporary files")]
        }
    }
}

/// Initializes a server, lists its tools and searches. If `wanted` is given, another first hit fails the check, and no
/// hit is a warning.
fn check_session(user: &UserEnvironment, folders: [&Path; 3], query: &str, wanted: Option<&str>) -> Vec<DoctorCheck> {
    let start = Instant::now();
    let mut command = Command::new(&user.program);
    let [root, index, cache] = folders;
    command.arg("--index-dir").arg(index).arg("--cache-dir").arg(cache);
    command.args(["serve", "--stdio", "--no-watch", "--no-share", "--allow-home", "--structured"]).arg(root);
    let remedy = format!("run it yourself to see the error: codescry serve --stdio {}", root.display());
    let mut checks = Vec::new();
    let mut steps = || -> Result<(), String> {
        let mut client = StdioClient::start(&mut command)?;
        let server_info = client.initialize(GREETING_TIMEOUT)?;
        let protocol = server_info["protocolVersion"].as_str().unwrap_or("an unknown version");
        checks.push(DoctorCheck::ok("server", format!("serve --stdio answers, MCP {protocol}")).timed_since(start));
        let start = Instant::now();
        let tools = client.send_request("tools/list", &json!({}), GREETING_TIMEOUT)?;
        let tools = tools["tools"].as_array().map_or(0, Vec::len);
        if tools == 0 {
            return Err("the server lists no tools".to_owned());
        }
        checks.push(DoctorCheck::ok("tools", terminal_text::pluralize(tools as u64, "tool")).timed_since(start));
        let start = Instant::now();
        let call = json!({ "name": "search_code", "arguments": { "query": query, "limit": 3 } });
        let answer = client.send_request("tools/call", &call, CALL_TIMEOUT)?;
        checks.push(check_search_answer(&answer, query, wanted)?.timed_since(start));
        match client.close() {
            true => Ok(()),
            false => Err("the server does not exit when its input is closed".to_owned()),
        }
    };
    if let Err(problem) = steps() {
        checks.push(DoctorCheck::fail("server", problem, remedy).timed_since(start));
    }
    checks
}

/// Checks the answer to a `search_code` call.
fn check_search_answer(answer: &Value, query: &str, wanted: Option<&str>) -> Result<DoctorCheck, String> {
    if answer["isError"] == true {
        return Err(format!("search_code failed: {}", answer["content"][0]["text"].as_str().unwrap_or_default()));
    }
    let hits = answer["structuredContent"]["hits"].as_array().map_or(&[][..], Vec::as_slice);
    let best = hits.first().and_then(|hit| hit["path"].as_str());
    match (best, wanted) {
        (None, None) => Ok(DoctorCheck::ok("search", format!("{query:?} is answered, without hits"))),
        (None, Some(_)) => Ok(DoctorCheck::warn(
            "search",
            format!("{query:?} finds nothing"),
            "run codescry index --dry-run to list the files left out",
        )),
        (Some(best), Some(wanted)) if best != wanted => Err(format!("{query:?} finds {best}, not {wanted}")),
        (Some(best), None) => Ok(DoctorCheck::ok("search", format!("{query:?} finds {best} first"))),
        (Some(_), Some(_)) => Ok(DoctorCheck::ok("search", "finds the expected file in a sample folder")),
    }
}
