//! The task file of `codescry eval`: questions and the locations that answer them.

use std::fs;
use std::path::Path;

use anyhow::{anyhow, bail, ensure};
use serde::Deserialize;

use engine::Span;

use super::metrics::RelevanceTarget;
use crate::cli::printer;

/// A question and the locations that answer it.
pub struct LabelledQuestion {
    pub query: String,
    /// The relevant locations; at least one.
    pub targets: Vec<RelevanceTarget>,
}

/// A labelled question of the task file.
#[derive(Deserialize)]
struct EvalTask {
    query: String,
    #[serde(default)]
    relevant: Vec<RelevantLocation>,
    /// Further relevant locations, which count like `relevant`.
    #[serde(default)]
    secondary: Vec<RelevantLocation>,
}

/// A relevant location of a question: a file, or lines of a file.
#[derive(Deserialize)]
#[serde(untagged)]
enum RelevantLocation {
    Path(String),
    Lines { path: String, start_line: Option<u32>, end_line: Option<u32> },
}

/// Reads the labelled questions of a file: a JSON list, or one object per line.
///
/// Prints a note about questions without relevant locations, and leaves them out.
///
/// # Errors
/// If the file cannot be read or parsed, a question is empty, or no question is left.
pub fn read_tasks(path: &Path) -> anyhow::Result<Vec<LabelledQuestion>> {
    let bytes = fs::read_to_string(path)
        .map_err(|error| anyhow!("cannot read {}: {error}; give a file with questions", path.display()))?;
    let shape = "give objects such as {\"query\": \"open a file\", \"relevant\": [\"src/io.rs\"]}, one per line or in a JSON list";
    let tasks: Vec<EvalTask> = if bytes.trim_start().starts_with('[') {
        serde_json::from_str(&bytes).map_err(|error| anyhow!("cannot read {}: {error}; {shape}", path.display()))?
    } else {
        let lines = (1..).zip(bytes.lines()).filter(|(_, line)| !line.trim().is_empty());
        let parse = |(number, line): (u32, &str)| {
            serde_json::from_str(line)
                .map_err(|error| anyhow!("cannot read line {number} of {}: {error}; {shape}", path.display()))
        };
        lines.map(parse).collect::<anyhow::Result<_>>()?
    };
    let mut labelled = Vec::with_capacity(tasks.len());
    for (number, task) in (1..).zip(tasks) {
        let targets: Vec<RelevanceTarget> =
            task.relevant.into_iter().chain(task.secondary).map(to_relevance_target).collect();
        ensure!(!task.query.trim().is_empty(), "question {number} of {} is empty", path.display());
        if targets.is_empty() {
            printer::print_note(&format!(
                "question {number} ({:?}) names no relevant location and is skipped",
                task.query
            ));
        } else {
            labelled.push(LabelledQuestion { query: task.query, targets });
        }
    }
    if labelled.is_empty() {
        bail!("{} has no labelled question; {shape}", path.display());
    }
    Ok(labelled)
}

fn to_relevance_target(wanted: RelevantLocation) -> RelevanceTarget {
    match wanted {
        RelevantLocation::Path(path) => RelevanceTarget { path, lines: None },
        RelevantLocation::Lines { path, start_line, end_line } => {
            let lines = start_line.zip(end_line).map(|(start_line, end_line)| Span { start_line, end_line });
            RelevanceTarget { path, lines }
        }
    }
}

/// Formats a location as `src/io.rs` or `src/io.rs:10-40`.
pub fn format_target(target: &RelevanceTarget) -> String {
    match &target.lines {
        Some(lines) => format!("{}:{}-{}", target.path, lines.start_line, lines.end_line),
        None => target.path.clone(),
    }
}
