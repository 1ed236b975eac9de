//! The server, as a client would start it: greeted, asked for its tools, and for a place.
//!
//! Must never import: anything of this crate but `config`.

use std::fs::{self, DirBuilder};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::talk::Talk;
use super::{Check, text};
use crate::config::{Settings, Surroundings};

/// How long the server may take to greet: clients give up soon after.
const GREETING_PATIENCE: Duration = Duration::from_secs(20);

/// How long a call may take: clients give up after a minute.
const CALL_PATIENCE: Duration = Duration::from_secs(50);

/// What is looked for in the folder made for the purpose.
const SAMPLE_QUERY: &str = "call a request again after a failure";

const SAMPLE: &str = "/// Calls the request again after a failure, waiting longer each time.
pub fn retry_with_backoff(request: impl Fn() -> bool, attempts: u32) -> bool {
    (0..attempts).any(|_| request())
}
";

/// Starts the server on the folder if it is indexed, on a small one otherwise, and talks to it.
pub(super) fn checks(user: &Surroundings, settings: &Settings, is_indexed: bool) -> Vec<Check> {
    if is_indexed {
        let folders = [settings.root.as_path(), &settings.index_dir, &settings.cache_dir];
        return talk(user, folders, "main entry point", None);
    }
    match Sample::make("server") {
        Ok(sample) => {
            let (root, index, cache) = (sample.0.join("code"), sample.0.join("index"), sample.0.join("cache"));
            talk(user, [&root, &index, &cache], SAMPLE_QUERY, Some("retry.rs"))
        }
        Err(error) => {
            let said = format!("no folder can be made to try it in: {error}");
            vec![Check::fail("server", said, "give yourself the right to write to the folder for temporary files")]
        }
    }
}

/// Greets, lists the tools, searches; the first hit must be `wanted`, if anything is.
fn talk(user: &Surroundings, folders: [&Path; 3], query: &str, wanted: Option<&str>) -> Vec<Check> {
    let begin = Instant::now();
    let mut command = Command::new(&user.program);
    let [root, index, cache] = folders;
    command.arg("--index-dir").arg(index).arg("--cache-dir").arg(cache);
    command.args(["serve", "--stdio", "--no-watch", "--no-share", "--allow-home"]).arg(root);
    let remedy = format!("run it yourself to see why: codescry serve --stdio {}", root.display());
    let mut checks = Vec::new();
    let mut steps = || -> Result<(), String> {
        let mut talk = Talk::start(&mut command)?;
        let greeting = talk.greet(GREETING_PATIENCE)?;
        let protocol = greeting["protocolVersion"].as_str().unwrap_or("an unknown version");
        checks.push(Check::ok("server", format!("serve --stdio greets, MCP {protocol}")).since(begin));
        let begin = Instant::now();
        let tools = talk.request("tools/list", &json!({}), GREETING_PATIENCE)?;
        let tools = tools["tools"].as_array().map_or(0, Vec::len);
        if tools == 0 {
            return Err("it has no tools".to_owned());
        }
        checks.push(Check::ok("tools", text::plural(tools as u64, "tool")).since(begin));
        let begin = Instant::now();
        let call = json!({ "name": "search_code", "arguments": { "query": query, "limit": 3 } });
        let answer = talk.request("tools/call", &call, CALL_PATIENCE)?;
        checks.push(found(&answer, query, wanted)?.since(begin));
        match talk.close() {
            true => Ok(()),
            false => Err("it does not end with its client".to_owned()),
        }
    };
    if let Err(problem) = steps() {
        checks.push(Check::fail("server", problem, remedy).since(begin));
    }
    checks
}

/// What a search through the server found.
fn found(answer: &Value, query: &str, wanted: Option<&str>) -> Result<Check, String> {
    if answer["isError"] == true {
        return Err(format!("it does not search: {}", answer["content"][0]["text"].as_str().unwrap_or_default()));
    }
    let hits = answer["structuredContent"]["hits"].as_array().map_or(&[][..], Vec::as_slice);
    let best = hits.first().and_then(|hit| hit["path"].as_str());
    match (best, wanted) {
        (None, None) => Ok(Check::ok("search", format!("{query:?} is answered, though nothing here fits it"))),
        (None, Some(_)) => Ok(Check::warn(
            "search",
            format!("{query:?} finds nothing"),
            "codescry index --dry-run tells what is left out",
        )),
        (Some(best), Some(wanted)) if best != wanted => Err(format!("{query:?} finds {best}, not {wanted}")),
        (Some(best), None) => Ok(Check::ok("search", format!("{query:?} finds {best} first"))),
        (Some(_), Some(_)) => Ok(Check::ok("search", "finds its way in a folder made for the purpose")),
    }
}

/// A folder with a file in it, gone when dropped.
pub(super) struct Sample(PathBuf);

impl Sample {
    /// `what` tells it from others of this process.
    pub fn make(what: &str) -> io::Result<Self> {
        let mut builder = DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        let folder = std::env::temp_dir().join(format!("codescry-doctor-{}-{what}", std::process::id()));
        // Fails where somebody else has made it.
        builder.create(&folder)?;
        let sample = Self(folder);
        fs::create_dir(sample.0.join("code"))?;
        fs::write(sample.0.join("code/retry.rs"), SAMPLE)?;
        fs::write(sample.0.join("code/notes.md"), "# Notes\n\nWhat there is to know about invoices.\n")?;
        Ok(sample)
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.0
    }
}

impl Drop for Sample {
    fn drop(&mut self) {
        // What cannot be removed is for the system to tidy.
        _ = fs::remove_dir_all(&self.0);
    }
}
