//! `index_status`: how much is indexed, what is under way, what was left out.
//!
//! Must never import: anything of this crate but `engine`.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};
use std::time::{SystemTime, UNIX_EPOCH};

use rmcp::model::{CallToolResult, JsonObject};

use super::answer::{Answer, Refusal, arguments, aside, clean, clip};
use super::roots::{Root, Roots};
use super::runs::{Outcome, State};
use super::wire::{
    DeviceOutput, PipelineOutput, ProblemOutput, ProjectOutput, ProjectsOutput, RootOutput, StageOutput,
    StatusArguments, StatusOutput,
};
use super::{device, index_project, render, schema, search_code};
use crate::engine::{Engine, Project, RunRecord, StageRecord, Status};

/// For the list of tools.
pub const NAME: &str = "index_status";
pub const TITLE: &str = "State of the index";
pub const DESCRIPTION: &str = "Tell how much of the project is indexed, how fresh that is, whether an index run is under \
way and how far it is, the projects of a monorepo, what was left out and why, problems, model, device and size. Ask it, \
with {}, when search_code finds nothing where there should be something, or says that the index is incomplete.";

pub static INPUT: LazyLock<Arc<JsonObject>> = LazyLock::new(|| Arc::new(schema::of_input::<StatusArguments>()));
pub static OUTPUT: LazyLock<Arc<JsonObject>> = LazyLock::new(|| Arc::new(schema::of_output::<StatusOutput>()));

/// Most problems listed; the others are counted.
const MAX_PROBLEMS: usize = 10;

/// Most projects listed; the others are counted.
const MAX_PROJECTS: usize = 20;

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
        let status = aside(move || status(&engine)).await?;
        let device = status.device.as_ref().map(device::in_words);
        let output = output(root, status, &state);
        text.push_str(&in_words(&output, &state, device));
        structured.roots.push(output);
    }
    text.truncate(text.trim_end().len());
    Answer { text, structured }.into_result()
}

/// The status, or why there is none: an index that cannot be read is a state too.
fn status(engine: &Engine) -> Status {
    engine.status().unwrap_or_else(|error| Status { redo_because: Some(error.to_string()), ..Status::default() })
}

fn output(root: &Root, status: Status, state: &State) -> RootOutput {
    let problems = status.problems.iter().take(MAX_PROBLEMS).map(|(path, problem)| ProblemOutput {
        path: clip(&clean(path.as_str()), MAX_TEXT_CHARS),
        problem: clip(&clean(problem), MAX_TEXT_CHARS),
    });
    let (last_run, last_failure) = match &state.last {
        Some(Outcome::Done(report)) => (Some(index_project::reported(report)), None),
        Some(Outcome::Failed(message)) => (None, Some(clean(message))),
        Some(Outcome::Cancelled) => (None, Some("cancelled".to_owned())),
        None => (None, None),
    };
    let device = status.device.as_ref().map(device::output);
    RootOutput {
        root: root.name(),
        indexed: status.exists,
        coverage: render::coverage(&status.coverage),
        size_bytes: status.size_bytes,
        problems: problems.collect(),
        problem_files: status.problems.len() as u64,
        model: status.model_id,
        dimensions: status.dimensions,
        runs_on: if status.exists { runs_on(device.as_ref()) } else { String::new() },
        device,
        followed: state.is_followed,
        last_look_s: state.since_last_look().map(|since| since.as_secs()),
        committed_at_ms: status.committed_at_ms,
        languages: status.languages,
        projects: projects(&status.projects),
        skipped: status.skipped,
        redo_because: status.redo_because.as_deref().map(clean),
        running: index_project::running(state),
        pipeline: status.run.as_ref().map(pipeline),
        last_run,
        last_failure,
    }
}

/// `CPU, built in`, `CPU`, or `CPU; not CUDA: …`
fn runs_on(device: Option<&DeviceOutput>) -> String {
    // Tables of word vectors are looked up by the program itself.
    let Some(device) = device else { return "CPU, built in".to_owned() };
    let running = if device.running.is_empty() { &device.asked } else { &device.running.join(" and ") };
    let passed_over = device.passed_over.iter().map(|reason| format!("; not {reason}"));
    std::iter::once(running.clone()).chain(passed_over).collect()
}

fn projects(projects: &[Project]) -> ProjectsOutput {
    let project = |project: &Project| ProjectOutput {
        name: clip(&clean(&project.name), MAX_TEXT_CHARS),
        kind: project.kind.to_owned(),
        folder: clip(&clean(project.place()), MAX_TEXT_CHARS),
        files: project.files,
    };
    ProjectsOutput { total: projects.len(), first: projects.iter().take(MAX_PROJECTS).map(project).collect() }
}

/// `12: app (npm, packages/app, 340 files), … and 2 more`
fn in_a_line(projects: &ProjectsOutput) -> Option<String> {
    let project = |project: &ProjectOutput| {
        let ProjectOutput { name, kind, folder, files } = project;
        format!("{name} ({kind}, {folder}, {files} files)")
    };
    let first: Vec<_> = projects.first.iter().map(project).collect();
    let more = match projects.total - first.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    (projects.total > 0).then(|| format!("{}: {}{more}", projects.total, first.join(", ")))
}

fn in_words(output: &RootOutput, state: &State, device: Option<String>) -> String {
    let coverage = &output.coverage;
    let complete = if coverage.complete { "complete" } else { "incomplete" };
    let indexed = match coverage.files_found {
        0 => coverage.files_indexed.to_string(),
        found => format!("{} of {found}", coverage.files_indexed),
    };
    let chunks = coverage.chunks;
    let running = output.running.as_ref().map(|_| search_code::progress(state));
    let problem = |problem: &ProblemOutput| format!("{}: {}", problem.path, problem.problem);
    let problems: Vec<_> = output.problems.iter().map(problem).collect();
    let megabytes = output.size_bytes as f64 / 1e6;
    let model = format!("{}, {} dimensions", output.model, output.dimensions);
    let lines = [
        ("index", Some(format!("{complete}, {indexed} files, {chunks} chunks"))),
        ("up to date", output.indexed.then(|| staleness(output))),
        ("running", running),
        ("last run", state.last.as_ref().map(ended)),
        ("bottleneck", output.pipeline.as_ref().and_then(|pipeline| pipeline.bottleneck.clone())),
        ("stages (busy/waits for input/waits for output)", output.pipeline.as_ref().map(stages)),
        ("languages", Some(counts(&output.languages))),
        ("projects", in_a_line(&output.projects)),
        ("left out", Some(counts(&output.skipped))),
        ("files with problems", Some(output.problem_files.to_string()).filter(|_| !problems.is_empty())),
        ("first of them", Some(problems.join("; "))),
        ("next run does everything again", output.redo_because.clone()),
        ("model", output.indexed.then_some(model)),
        ("runs on", Some(device.unwrap_or_else(|| output.runs_on.clone()))),
        ("size", output.indexed.then(|| format!("{megabytes:.1} MB"))),
    ];
    let mut text = format!("{}\n", output.root);
    for (what, value) in lines {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            text.push_str(&format!("  {what}: {value}\n"));
        }
    }
    text
}

/// `followed, last looked through 12 s ago, last commit 3 min ago`
fn staleness(output: &RootOutput) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
    let commit = now.saturating_sub(output.committed_at_ms / 1_000);
    let how = if output.followed { "the folder is followed" } else { "a search looks for changes first" };
    let look = match output.last_look_s {
        Some(seconds) => format!("last looked through {} ago", ago(seconds)),
        None => "not looked through yet by this server".to_owned(),
    };
    format!("{how}, {look}, last commit {} ago", ago(commit))
}

/// `40 s`, `12 min`, `3 h` or `5 days`.
fn ago(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// As it goes over the wire.
fn pipeline(run: &RunRecord) -> PipelineOutput {
    let stage = |stage: &StageRecord| {
        let whole = run.elapsed_ms as f64 / 1_000.0 * stage.threads.max(1) as f64;
        let percent = |seconds: f64| (seconds / whole.max(0.001) * 100.0).clamp(0.0, 100.0).round();
        StageOutput {
            stage: clean(&stage.stage),
            threads: stage.threads,
            busy_percent: percent(stage.busy_seconds),
            waiting_for_input_percent: percent(stage.waiting_for_input_seconds),
            waiting_for_output_percent: percent(stage.waiting_for_output_seconds),
            items: stage.items,
            queue_depth: stage.queue_depth,
            queue_capacity: stage.queue_capacity,
        }
    };
    PipelineOutput {
        state: format!("{:?}", run.state).to_lowercase(),
        process: run.process,
        elapsed_ms: run.elapsed_ms,
        files_per_second: run.files_per_second.round(),
        chunks_per_second: run.chunks_per_second.round(),
        remaining_ms: run.remaining_ms,
        bottleneck: run.bottleneck.as_deref().map(clean),
        stages: run.stages.iter().map(stage).collect(),
    }
}

/// `walk 2/0/98 %, parse 97/3/0 %, …`
fn stages(pipeline: &PipelineOutput) -> String {
    let stage = |stage: &StageOutput| {
        let shares = [stage.busy_percent, stage.waiting_for_input_percent, stage.waiting_for_output_percent];
        format!("{} {} %", stage.stage, shares.map(|share| share.to_string()).join("/"))
    };
    pipeline.stages.iter().map(stage).collect::<Vec<_>>().join(", ")
}

/// How the last run ended.
fn ended(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Done(report) => index_project::done(report),
        Outcome::Failed(message) => format!("failed: {}", clean(message)),
        Outcome::Cancelled => "cancelled".to_owned(),
    }
}

/// `rust 12, python 3`, the most first.
fn counts(counts: &BTreeMap<String, u64>) -> String {
    let mut sorted: Vec<_> = counts.iter().collect();
    sorted.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    let parts: Vec<_> = sorted.iter().map(|(name, count)| format!("{name} {count}")).collect();
    parts.join(", ")
}
