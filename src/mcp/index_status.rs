//! `index_status`: how much is indexed, what is under way, what was left out.
//!
//! Must never import: anything of this crate but `engine`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, LazyLock};

use rmcp::model::{CallToolResult, JsonObject};

use super::answer::{Answer, Refusal, arguments, aside, clean, clip};
use super::roots::{Root, Roots};
use super::runs::{Outcome, State};
use super::wire::{ProblemOutput, RootOutput, StatusArguments, StatusOutput};
use super::{index_project, render, schema, search_code};
use crate::engine::{Engine, Status};

/// For the list of tools.
pub const NAME: &str = "index_status";
pub const TITLE: &str = "State of the index";
pub const DESCRIPTION: &str = "Tell how much of the project is indexed, whether an index run is under way and how far it \
is, what was left out and why, problems, model and size. Ask it when search_code finds nothing where there should be \
something, or says that the index is incomplete.";

pub static INPUT: LazyLock<Arc<JsonObject>> =
    LazyLock::new(|| Arc::new(schema::of_input::<StatusArguments>()));
pub static OUTPUT: LazyLock<Arc<JsonObject>> =
    LazyLock::new(|| Arc::new(schema::of_output::<StatusOutput>()));

/// Most problems listed; the others are counted.
const MAX_PROBLEMS: usize = 10;

/// Longest path or message of a problem, in characters.
const MAX_TEXT_CHARS: usize = 160;

/// Answers a call.
pub async fn call(roots: &Roots, given: JsonObject) -> Result<CallToolResult, Refusal> {
    let given: StatusArguments = arguments(given, &INPUT)?;
    let asked: Vec<&Root> = match given.root.as_deref() {
        Some(name) => vec![roots.pick(Some(name), None)?],
        None => roots.0.iter().collect(),
    };
    let mut text = String::new();
    let mut structured = StatusOutput { roots: Vec::new() };
    for root in asked {
        let engine = Arc::clone(&root.engine);
        let state = root.runs.state();
        let output = output(root, aside(move || status(&engine)).await?, &state);
        text.push_str(&in_words(&output, &state));
        structured.roots.push(output);
    }
    text.truncate(text.trim_end().len());
    Answer { text, structured }.into_result()
}

/// The status, or why there is none: an index that cannot be read is a state too.
fn status(engine: &Engine) -> Status {
    engine.status().unwrap_or_else(|error| Status {
        redo_because: Some(error.to_string()),
        ..Status::default()
    })
}

fn output(root: &Root, status: Status, state: &State) -> RootOutput {
    let problems = status
        .problems
        .iter()
        .take(MAX_PROBLEMS)
        .map(|(path, problem)| ProblemOutput {
            path: clip(&clean(path.as_str()), MAX_TEXT_CHARS),
            problem: clip(&clean(problem), MAX_TEXT_CHARS),
        });
    let (last_run, last_failure) = match &state.last {
        Some(Outcome::Done(report)) => (Some(index_project::reported(report)), None),
        Some(Outcome::Failed(message)) => (None, Some(clean(message))),
        Some(Outcome::Cancelled) => (None, Some("cancelled".to_owned())),
        None => (None, None),
    };
    RootOutput {
        root: root.name(),
        indexed: status.exists,
        coverage: render::coverage(&status.coverage),
        size_bytes: status.size_bytes,
        problems: problems.collect(),
        problem_files: status.problems.len() as u64,
        model: status.model_id,
        dimensions: status.dimensions,
        committed_at_ms: status.committed_at_ms,
        languages: status.languages,
        skipped: status.skipped,
        redo_because: status.redo_because.as_deref().map(clean),
        running: index_project::running(state),
        last_run,
        last_failure,
    }
}

fn in_words(output: &RootOutput, state: &State) -> String {
    let mut text = format!("{}\n", output.root);
    let mut line = |what: &str, value: &str| {
        if !value.is_empty() {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "  {what}: {value}");
        }
    };
    let coverage = &output.coverage;
    let of = if coverage.files_found > 0 {
        format!(" of {}", coverage.files_found)
    } else {
        String::new()
    };
    let complete = if coverage.complete {
        "complete"
    } else {
        "incomplete"
    };
    line(
        "index",
        &format!(
            "{complete}, {}{of} files, {} chunks",
            coverage.files_indexed, coverage.chunks
        ),
    );
    if output.running.is_some() {
        line("running", &search_code::progress(state));
    }
    if let Some(Outcome::Done(report)) = &state.last {
        line("last run", &index_project::done(report));
    }
    line(
        "last run",
        &output
            .last_failure
            .as_ref()
            .map_or_else(String::new, |why| format!("failed: {why}")),
    );
    line("languages", &counts(&output.languages));
    line("left out", &counts(&output.skipped));
    let more = output
        .problem_files
        .saturating_sub(output.problems.len() as u64);
    for problem in &output.problems {
        line("problem", &format!("{}: {}", problem.path, problem.problem));
    }
    line(
        "problems",
        &if more > 0 {
            format!("{more} more files")
        } else {
            String::new()
        },
    );
    line(
        "next run does everything again",
        output.redo_because.as_deref().unwrap_or_default(),
    );
    if output.indexed {
        line(
            "model",
            &format!("{}, {} dimensions", output.model, output.dimensions),
        );
        line("size", &format!("{:.1} MB", output.size_bytes as f64 / 1e6));
    }
    text
}

/// `rust 12, python 3`, the most first.
fn counts(counts: &BTreeMap<String, u64>) -> String {
    let mut sorted: Vec<_> = counts.iter().collect();
    sorted.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    let parts: Vec<_> = sorted
        .iter()
        .map(|(name, count)| format!("{name} {count}"))
        .collect();
    parts.join(", ")
}
