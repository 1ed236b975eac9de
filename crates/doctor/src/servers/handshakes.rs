//! Handshakes with the configured servers, started as clients start them: with the arguments of the
//! entry and a minimal environment.
//!
//! The servers keep their indexes and caches in a temporary folder instead of the user's, unless the entry names other
//! folders.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::process::Command;

use clients::{ClientConfigFile, InstalledEntry};
use config::UserEnvironment;

use super::mcp_client::StdioClient;
use super::sample_folder::SampleFolder;
use crate::check::DoctorCheck;

/// The time limit of each of the two requests, for the initialization and the list of tools.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(20);

/// The variable that some clients replace with the open folder.
const WORKSPACE_FOLDER: &str = "${workspaceFolder}";

/// Distinct entries, each with the titles of the clients that have it.
#[derive(Default)]
pub struct EntryHandshakes(Vec<(InstalledEntry, Vec<&'static str>)>);

impl EntryHandshakes {
    /// Adds an entry of a client; equal entries are tested once.
    pub fn add(&mut self, config_file: &ClientConfigFile, entry: InstalledEntry) {
        let title = config_file.client.title;
        match self.0.iter_mut().find(|(known, _)| *known == entry) {
            Some((_, titles)) if titles.contains(&title) => {}
            Some((_, titles)) => titles.push(title),
            None => self.0.push((entry, vec![title])),
        }
    }

    /// Starts the server of each entry once, initializes it and lists its tools.
    pub fn check_all(&self, user: &UserEnvironment, root: &Path) -> Vec<DoctorCheck> {
        let check_entry = |(entry, titles): &(InstalledEntry, Vec<&'static str>)| {
            let start = Instant::now();
            let words = command_words(entry).join(" ");
            let check = match count_tools(user, root, entry) {
                Ok(tools) => {
                    let get = if titles.len() == 1 { "gets" } else { "get" };
                    DoctorCheck::ok("handshake", format!("{} {get} {tools} tools from {words}", titles.join(", ")))
                }
                Err(problem) => {
                    let message = format!("{}: {words}: {problem}", titles.join(", "));
                    DoctorCheck::fail("handshake", message, "correct the entry, or remove it and run codescry install")
                }
            };
            check.timed_since(start)
        };
        self.0.iter().map(check_entry).collect()
    }
}

fn command_words(entry: &InstalledEntry) -> Vec<String> {
    entry.command.iter().chain(&entry.args).cloned().collect()
}

/// Starts the server of an entry, and returns the number of its tools; fails if it lists none.
fn count_tools(user: &UserEnvironment, root: &Path, entry: &InstalledEntry) -> Result<usize, String> {
    let scratch = SampleFolder::create("entry")
        .map_err(|error| format!("cannot create a temporary folder for the test: {error}"))?;
    let program = entry.command.clone().unwrap_or_default();
    let program = if Path::new(&program).is_absolute() {
        program.into()
    } else {
        user.find_on_path(&program).unwrap_or_default()
    };
    let mut command = Command::new(program);
    command
        .args(entry.args.iter().map(|word| word.replace(WORKSPACE_FOLDER, &root.to_string_lossy())))
        .current_dir(root);
    command.env_clear().env("HOME", &user.home).env("CODESCRY_NO_SHARE", "1");
    command.env("XDG_DATA_HOME", scratch.folder()).env("XDG_CACHE_HOME", scratch.folder());
    if cfg!(windows) {
        // Windows programs need these variables to start and to find the user's folders.
        command.env("SystemRoot", "C:\\Windows").env("USERPROFILE", &user.home).env("APPDATA", scratch.folder());
        command.env("LOCALAPPDATA", scratch.folder());
    }
    let mut client = StdioClient::start(&mut command)?;
    client.initialize(HANDSHAKE_TIMEOUT)?;
    let tools = client.send_request("tools/list", &json!({}), HANDSHAKE_TIMEOUT)?;
    match tools["tools"].as_array().map_or(0, Vec::len) {
        0 => Err("the server lists no tools".to_owned()),
        tools => Ok(tools),
    }
}
