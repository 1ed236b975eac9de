//! `codescry hook`: answers a client's hook after a grep with places from an existing index.
//!
//! Reads the hook's JSON from standard input and writes one line of JSON. It never indexes, writes nothing to disk, and
//! never holds up the client: without an answer within [`TIME_LIMIT`], or after any other failure, it writes nothing
//! and succeeds.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use clients::{pattern_of_command, words_of_pattern};
use config::UserEnvironment;
use engine::{CancelToken, Engine, Filter, Hit, QueryCalls as _, RetrievalMode, SearchQuery};

use crate::cli::arguments::SharedArguments;
use crate::cli::exit::CommandExit;
use crate::cli::printer::Printer;

/// The time limit of an answer, from the start of the command. The rest of 300 ms is for starting and ending the
/// program.
const TIME_LIMIT: Duration = Duration::from_millis(250);

/// Maximum size of the input, in bytes. A hook gets the result of the grep, too.
const MAX_INPUT_BYTES: u64 = 8 << 20;

/// Maximum number of places in an answer.
const PLACES: usize = 5;

/// The file whose presence shows that a folder is an index.
const INDEX_MANIFEST: &str = "manifest.json";

/// The input of a hook. Clients add more fields.
#[derive(Deserialize)]
struct HookInput {
    hook_event_name: String,
    #[serde(default)]
    tool_input: ToolInput,
    /// The client's working folder, if it names one.
    cwd: Option<PathBuf>,
}

/// The arguments of the client's tool: the pattern of a grep, or the command of a shell.
#[derive(Default, Deserialize)]
struct ToolInput {
    pattern: Option<String>,
    command: Option<String>,
}

/// The output of a hook, which adds a text to the tool's result.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HookOutput {
    hook_specific_output: AddedContext,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AddedContext {
    hook_event_name: String,
    additional_context: String,
}

/// Runs `codescry hook`.
///
/// # Errors
/// If standard output cannot be written.
pub fn run_hook(shared: &SharedArguments) -> anyhow::Result<CommandExit> {
    let start = Instant::now();
    let (sender, receiver) = mpsc::sync_channel(1);
    let cancel = CancelToken::default();
    let (shared, search_cancel) = (shared.clone(), cancel.clone());
    let worker = thread::Builder::new().name("hook".to_owned()).spawn(move || {
        // The receiver is gone after the time limit.
        _ = sender.send(answer_hook(&shared, &search_cancel));
    });
    let answer = match worker {
        Ok(_) => receiver.recv_timeout(TIME_LIMIT.saturating_sub(start.elapsed())).ok().flatten(),
        Err(_) => None,
    };
    // The worker is not joined: it may wait for input that never comes, and ends with the process.
    cancel.cancel();
    if let Some(answer) = answer {
        let mut printer = Printer::new();
        printer.json(&answer)?;
        printer.finish()?;
    }
    Ok(CommandExit::Done)
}

/// Reads the input and searches the index; `None` if there is nothing to add.
fn answer_hook(shared: &SharedArguments, cancel: &CancelToken) -> Option<HookOutput> {
    let mut text = String::new();
    io::stdin().lock().take(MAX_INPUT_BYTES).read_to_string(&mut text).ok()?;
    let input: HookInput = serde_json::from_str(&text).ok()?;
    let pattern = input.tool_input.pattern.or_else(|| pattern_of_command(&input.tool_input.command?))?;
    let words = words_of_pattern(&pattern)?;
    let user = UserEnvironment::detect().ok()?;
    let folder = input.cwd.unwrap_or_else(|| user.working.clone());
    let engine = open_nearest_index(shared, &folder, &user)?;
    let query = SearchQuery {
        text: words,
        limit: PLACES,
        // Needs no embedding model, whose start may take longer than the time limit.
        mode: RetrievalMode::Lexical,
        filter: Filter::default(),
        explain: false,
    };
    let answer = engine.search(&query, cancel).ok()?;
    let places: Vec<String> = answer.hits.iter().map(describe_place).collect();
    if places.is_empty() {
        return None;
    }
    let additional_context = format!(
        "codescry's index has these places for {} (the most relevant first; `codescry search` answers questions):\n{}",
        terminal_text::escape_controls(&query.text),
        places.join("\n")
    );
    let hook_event_name = input.hook_event_name;
    Some(HookOutput { hook_specific_output: AddedContext { hook_event_name, additional_context } })
}

/// Opens the index of the folder, or of the nearest folder above it that has one which can be opened. `None` if there
/// is none below the home folder and the root of the file system, or a setting is invalid.
fn open_nearest_index(shared: &SharedArguments, folder: &Path, user: &UserEnvironment) -> Option<Engine> {
    for root in folder.ancestors().take_while(|root| *root != user.home && root.parent().is_some()) {
        let settings = shared.settings(Some(root)).ok()?;
        if !settings.index_dir.join(INDEX_MANIFEST).is_file() {
            continue;
        }
        // `--index-dir` may name the index of another folder.
        if let Some(engine) = Engine::open(settings).ok().filter(|engine| engine.is_complete().is_ok()) {
            return Some(engine);
        }
    }
    None
}

/// Formats a hit as `path:start-end name [kind]`, followed by a note if the file has changed since.
fn describe_place(hit: &Hit) -> String {
    let place = format!("{}:{}-{}", hit.path, hit.span.start_line, hit.span.end_line);
    let name = hit.qualified_name();
    let name = if name.is_empty() { String::new() } else { format!("  {name}") };
    let stale = if hit.stale { "  (the file has changed since)" } else { "" };
    terminal_text::escape_controls(&format!("{place}{name}  [{}]{stale}", hit.kind))
}
