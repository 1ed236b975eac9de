//! The configured entries, started as the clients start them: with their words, and hardly any variables.
//!
//! What a server writes goes to a folder made for the purpose, so that no index is begun or joined.
//! Must never import: anything of this crate but `clients` and `config`.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;

use super::Check;
use super::server::Sample;
use super::talk::Talk;
use crate::clients::{Found, Place};
use crate::config::Surroundings;

/// How long a server may take to greet, and to list its tools.
const PATIENCE: Duration = Duration::from_secs(20);

/// What some clients put the open folder in place of.
const FOLDER: &str = "${workspaceFolder}";

/// Entries that are the same, and the clients that have them.
#[derive(Default)]
pub(super) struct Entries(Vec<(Found, Vec<&'static str>)>);

impl Entries {
    /// Notes an entry of this program.
    pub fn add(&mut self, place: &Place, entry: Found) {
        let title = place.client.title;
        match self.0.iter_mut().find(|(known, _)| *known == entry) {
            Some((_, titles)) if titles.contains(&title) => {}
            Some((_, titles)) => titles.push(title),
            None => self.0.push((entry, vec![title])),
        }
    }

    /// Starts each once, greets it and asks for its tools.
    pub fn checks(&self, user: &Surroundings, root: &Path) -> Vec<Check> {
        let check = |(entry, titles): &(Found, Vec<&'static str>)| {
            let begin = Instant::now();
            let words = words(entry).join(" ");
            let told = match greet(user, root, entry) {
                Ok(tools) => Check::ok("handshake", format!("{} get {tools} tools of {words}", titles.join(", "))),
                Err(problem) => {
                    let said = format!("{}: {words}: {problem}", titles.join(", "));
                    Check::fail("handshake", said, "correct the entry, or remove it and run codescry install")
                }
            };
            told.since(begin)
        };
        self.0.iter().map(check).collect()
    }
}

fn words(entry: &Found) -> Vec<String> {
    entry.command.iter().chain(&entry.args).cloned().collect()
}

/// How many tools the server of an entry has.
fn greet(user: &Surroundings, root: &Path, entry: &Found) -> Result<usize, String> {
    let aside = Sample::make("entry").map_err(|error| format!("no folder can be made to try it in: {error}"))?;
    let program = entry.command.clone().unwrap_or_default();
    let program =
        if Path::new(&program).is_absolute() { program.into() } else { user.on_path(&program).unwrap_or_default() };
    let mut command = Command::new(program);
    command.args(entry.args.iter().map(|word| word.replace(FOLDER, &root.to_string_lossy()))).current_dir(root);
    command.env_clear().env("HOME", &user.home).env("CODESCRY_NO_SHARE", "1");
    command.env("XDG_DATA_HOME", aside.folder()).env("XDG_CACHE_HOME", aside.folder());
    if cfg!(windows) {
        // Without these no program starts, and the user's folders are not found.
        command.env("SystemRoot", "C:\\Windows").env("USERPROFILE", &user.home).env("APPDATA", aside.folder());
        command.env("LOCALAPPDATA", aside.folder());
    }
    let mut talk = Talk::start(&mut command)?;
    talk.greet(PATIENCE)?;
    let tools = talk.request("tools/list", &json!({}), PATIENCE)?;
    match tools["tools"].as_array().map_or(0, Vec::len) {
        0 => Err("it has no tools".to_owned()),
        tools => Ok(tools),
    }
}
