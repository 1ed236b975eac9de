//! The state of the index: its coverage, the run in progress, and skipped files.
//!
//! The tool `index_status`, which reports it without an index run, is not listed: `index_project` reports it too.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use answer::RenderedAnswer;
use engine::{IndexStatus, Project, RunRecord, StageRecord};
use mcp_schema::argument::ROOT;
use mcp_schema::project::{
    DeviceOutput, IndexStatusOutput, PipelineOutput, ProblemOutput, ProjectOutput, ProjectsOutput, RootStatusOutput,
    StageOutput,
};
use mcp_schema::schema::generate_output_schema;
use platform::clock::now_ms;
use text::display::{escape_name_to_length, format_age, format_bytes, sanitize_line, sanitize_to_length};

use super::entry::{ToolEntry, ToolListing};
use crate::call::arguments::{GivenArguments, KnownArguments};
use crate::call::blocking::run_blocking;
use crate::call::context::CallContext;
use crate::call::result::{ToolError, ToolResult, to_tool_result};
use crate::render::coverage::to_coverage_output;
use crate::render::device;
use crate::render::run_report::{format_run_report, to_active_run_output, to_run_report_output};
use crate::roots::runs::{IndexRunState, RunOutcome};
use crate::roots::served::{ServedRoot, ServedRoots};

/// The `index_status` tool.
pub const TOOL: ToolEntry = ToolEntry {
    name: "index_status",
    title: "State of the index",
    description: "Report the state of the index without bringing it up to date: how much is indexed, how fresh it is, \
        the projects, the files left out and why.",
    search_hint: "state of the code index",
    arguments: KnownArguments { required: &[], optional: &[], unlisted: &[&ROOT] },
    output_schema: generate_output_schema::<IndexStatusOutput>,
    is_read_only: true,
    listing: ToolListing::Never,
    call: |roots, given, context| Box::pin(call_index_status(roots, given, context)),
};

/// Maximum number of problems listed; the rest are counted.
const MAX_PROBLEMS: usize = 10;

/// Maximum number of projects listed; the rest are counted.
const MAX_PROJECTS: usize = 20;

/// Maximum length of the path or message of a problem, in characters.
const MAX_TEXT_CHARS: usize = 160;

/// Answers a call of `index_status`.
async fn call_index_status(roots: &ServedRoots, given: GivenArguments, context: &CallContext) -> ToolResult {
    let selected = roots.select_roots(given.text(&ROOT))?;
    let mut text = String::new();
    let mut structured = IndexStatusOutput { roots: Vec::new() };
    for root in selected {
        let RenderedAnswer { text: of_root, structured: output } = render_root_status(root).await?;
        text.push_str(&of_root);
        structured.roots.push(output);
    }
    text.truncate(text.trim_end().len());
    to_tool_result(RenderedAnswer { text, structured }, context.form)
}

/// Renders the state of a root's index, and starts a run if the index needs repair.
///
/// # Errors
/// When reading the state panics; an index that cannot be read is part of the state.
pub async fn render_root_status(root: &ServedRoot) -> Result<RenderedAnswer<RootStatusOutput>, ToolError> {
    let engine = Arc::clone(&root.engine);
    let state = root.runs.state();
    let (status, error) = match run_blocking(move || engine.status()).await? {
        Ok(status) => {
            if root.engine.needs_repair() {
                root.runs.start_or_join(false);
            }
            let damage = status.damage.as_deref().map(sanitize_line);
            let error = damage.map(|damage| format!("it is damaged ({damage}) and being repaired; ask again soon"));
            (status, error)
        }
        // The other roots and the runs of this one are reported all the same.
        Err(error) => (IndexStatus::default(), Some(ToolError::from(error).0)),
    };
    let device = status.device.as_ref().map(device::format_device);
    let structured = to_root_status_output(root, status, error, &state);
    let text = format_root_status(&structured, &state, device);
    Ok(RenderedAnswer { text, structured })
}

/// Converts the status of a root to its wire type; `error` says that the status could not be read or the index is
/// damaged.
fn to_root_status_output(
    root: &ServedRoot,
    status: IndexStatus,
    error: Option<String>,
    state: &IndexRunState,
) -> RootStatusOutput {
    let problems = status.problems.iter().take(MAX_PROBLEMS).map(|(path, problem)| ProblemOutput {
        path: escape_name_to_length(path.as_str(), MAX_TEXT_CHARS),
        problem: sanitize_to_length(problem, MAX_TEXT_CHARS),
    });
    let (last_run, last_failure) = match &state.last_outcome {
        Some(RunOutcome::Done(report)) => (Some(to_run_report_output(report)), None),
        Some(RunOutcome::Failed(message)) => (None, Some(sanitize_line(message))),
        Some(RunOutcome::Cancelled) => (None, Some("cancelled".to_owned())),
        None => (None, None),
    };
    let device = status.device.as_ref().map(device::to_device_output);
    RootStatusOutput {
        root: root.name(),
        error,
        indexed: status.exists,
        coverage: to_coverage_output(&status.coverage),
        size_bytes: status.size_bytes,
        problems: problems.collect(),
        problem_files: status.problems.len() as u64,
        model: status.model_id,
        dimensions: status.dimensions,
        runs_on: if status.exists { format_runs_on(device.as_ref()) } else { String::new() },
        device,
        followed: state.is_watched,
        last_look_s: state.time_since_last_run().map(|since| since.as_secs()),
        committed_at_ms: status.committed_at_ms,
        languages: status.languages,
        projects: to_projects_output(&status.projects),
        skipped: status.skipped,
        redo_because: status.redo_because.as_deref().map(sanitize_line),
        running: to_active_run_output(state),
        pipeline: status.run.as_ref().map(to_pipeline_output),
        last_run,
        last_failure,
    }
}

/// Formats the device that runs the model: `CPU, built in`, `CPU`, or `CPU; not CUDA: …`.
fn format_runs_on(device: Option<&DeviceOutput>) -> String {
    // The built-in model is a table of word vectors, which needs no device.
    let Some(device) = device else { return "CPU, built in".to_owned() };
    let running = if device.running.is_empty() { &device.asked } else { &device.running.join(" and ") };
    let passed_over = device.passed_over.iter().map(|reason| format!("; not {reason}"));
    std::iter::once(running.clone()).chain(passed_over).collect()
}

fn to_projects_output(projects: &[Project]) -> ProjectsOutput {
    let project = |project: &Project| ProjectOutput {
        name: escape_name_to_length(&project.name, MAX_TEXT_CHARS),
        kind: project.kind.to_owned(),
        folder: escape_name_to_length(project.display_folder(), MAX_TEXT_CHARS),
        files: project.files,
    };
    ProjectsOutput { total: projects.len(), first: projects.iter().take(MAX_PROJECTS).map(project).collect() }
}

/// Formats the projects, such as `12: app (npm, packages/app, 340 files), … and 2 more`; `None` without projects.
fn format_projects(projects: &ProjectsOutput) -> Option<String> {
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

/// Formats the status of a root, one line per property that is known.
fn format_root_status(output: &RootStatusOutput, state: &IndexRunState, device: Option<String>) -> String {
    let coverage = &output.coverage;
    let complete = if coverage.complete { "complete" } else { "incomplete" };
    let indexed = match coverage.files_found {
        0 => coverage.files_indexed.to_string(),
        found => format!("{} of {found}", coverage.files_indexed),
    };
    let chunks = coverage.chunks;
    let running = output.running.as_ref().map(|_| state.format_progress());
    let problem = |problem: &ProblemOutput| format!("{}: {}", problem.path, problem.problem);
    let problems: Vec<_> = output.problems.iter().map(problem).collect();
    let model = format!("{}, {} dimensions", output.model, output.dimensions);
    let index = match &output.error {
        Some(error) => format!("cannot be read: {error}"),
        None => format!("{complete}, {indexed} files, {chunks} chunks"),
    };
    let freshness = output.indexed.then(|| format_freshness(output));
    let lines = [
        ("index", Some(index)),
        // An index that is incomplete, or is being written, is not up to date.
        (if coverage.complete && running.is_none() { "up to date" } else { "changes" }, freshness),
        ("running", running),
        ("last run", state.last_outcome.as_ref().map(format_outcome)),
        ("bottleneck", output.pipeline.as_ref().and_then(|pipeline| pipeline.bottleneck.clone())),
        ("stages (busy/waits for input/waits for output)", output.pipeline.as_ref().map(format_stages)),
        ("languages", Some(format_counts(&output.languages))),
        ("projects", format_projects(&output.projects)),
        ("left out", Some(format_counts(&output.skipped))),
        ("files with problems", Some(output.problem_files.to_string()).filter(|_| !problems.is_empty())),
        ("first problems", Some(problems.join("; "))),
        ("next run indexes everything again", output.redo_because.clone()),
        ("model", output.indexed.then_some(model)),
        ("runs on", Some(device.unwrap_or_else(|| output.runs_on.clone()))),
        ("size", output.indexed.then(|| format_bytes(output.size_bytes))),
    ];
    let mut text = format!("{}\n", output.root);
    for (label, value) in lines {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            text.push_str(&format!("  {label}: {value}\n"));
        }
    }
    text
}

/// Formats the freshness of the index, such as `the folder is watched, last scanned 12 seconds ago, last commit 1 hour
/// ago`.
fn format_freshness(output: &RootStatusOutput) -> String {
    let commit_age = format_age(Duration::from_millis(now_ms().saturating_sub(output.committed_at_ms)));
    let how = if output.followed { "the folder is watched" } else { "each search checks for changes first" };
    let scan = match output.last_look_s {
        Some(seconds) => format!("last scanned {} ago", format_age(Duration::from_secs(seconds))),
        None => "not scanned yet by this server".to_owned(),
    };
    format!("{how}, {scan}, last commit {commit_age} ago")
}

/// Converts the record of a run to its wire type; times become percentages of the run, per thread.
fn to_pipeline_output(run: &RunRecord) -> PipelineOutput {
    let stage = |stage: &StageRecord| {
        let whole = run.elapsed_ms as f64 / 1_000.0 * stage.threads.max(1) as f64;
        let percent = |seconds: f64| (seconds / whole.max(0.001) * 100.0).clamp(0.0, 100.0).round();
        StageOutput {
            stage: stage.stage.to_string(),
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
        bottleneck: run.bottleneck.as_deref().map(sanitize_line),
        stages: run.stages.iter().map(stage).collect(),
    }
}

/// Formats the shares of each stage's time, such as `walk 2/0/98 %, parse 97/3/0 %, …`.
fn format_stages(pipeline: &PipelineOutput) -> String {
    let stage = |stage: &StageOutput| {
        let shares = [stage.busy_percent, stage.waiting_for_input_percent, stage.waiting_for_output_percent];
        format!("{} {} %", stage.stage, shares.map(|share| share.to_string()).join("/"))
    };
    pipeline.stages.iter().map(stage).collect::<Vec<_>>().join(", ")
}

/// Formats the outcome of a run.
fn format_outcome(outcome: &RunOutcome) -> String {
    match outcome {
        RunOutcome::Done(report) => format_run_report(report),
        RunOutcome::Failed(message) => format!("failed: {}", sanitize_line(message)),
        RunOutcome::Cancelled => "cancelled".to_owned(),
    }
}

/// Formats counts such as `rust 12, python 3`, in descending order.
fn format_counts(counts: &BTreeMap<String, u64>) -> String {
    let mut sorted: Vec<_> = counts.iter().collect();
    sorted.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    let parts: Vec<_> = sorted.iter().map(|(name, count)| format!("{name} {count}")).collect();
    parts.join(", ")
}
