//! The tool `index_project`: brings the index up to date and reports progress.
//!
//! A call waits at most [`MAX_WAIT`], well below the timeouts of clients; after that, the run continues in
//! the background and cannot be cancelled. A request that is cancelled while it waits cancels the run, even
//! if another request started it, unless another request waits for the same run.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use rmcp::RoleServer;
use rmcp::model::{CallToolResult, JsonObject, ProgressNotificationParam, ProgressToken};
use rmcp::service::RequestContext;
use tokio::time::Instant;

use super::answer::{ToolAnswer, ToolError, parse_arguments, run_blocking, sanitize_line};
use super::roots::{ServedRoot, ServedRoots};
use super::runs::{IndexRunState, RunOutcome, RunTicket};
use super::wire::{ActiveRunOutput, IndexProjectArguments, IndexProjectOutput, RunReportOutput};
use super::{device, render, schema, search_code};
use engine::{IndexPhase, IndexProgress, IndexReport, find_bottleneck};

/// Name of the tool.
pub const NAME: &str = "index_project";
pub const TITLE: &str = "Index the project";
pub const DESCRIPTION: &str = "Bring the index up to date with the folder: after many edits, after a branch switch, or \
when an answer is stale or incomplete. Only changed files are indexed, which takes seconds. Returns when done, or after \
20 seconds while the run continues; then call index_status. Usually with {}; {\"rebuild\": true} indexes everything \
again: only for a broken index.";

pub static INPUT_SCHEMA: LazyLock<Arc<JsonObject>> =
    LazyLock::new(|| Arc::new(schema::input_schema::<IndexProjectArguments>()));
pub static OUTPUT_SCHEMA: LazyLock<Arc<JsonObject>> =
    LazyLock::new(|| Arc::new(schema::output_schema::<IndexProjectOutput>()));

/// Longest wait of a call for the run.
const MAX_WAIT: Duration = Duration::from_secs(20);

/// Answers a call of `index_project`.
pub async fn call_index_project(
    roots: &ServedRoots,
    given: JsonObject,
    context: &RequestContext<RoleServer>,
) -> Result<CallToolResult, ToolError> {
    let given: IndexProjectArguments = parse_arguments(given, &INPUT_SCHEMA)?;
    let root = roots.select_root(given.root.as_deref(), None)?;
    let rebuild = given.rebuild.unwrap_or(false);
    let start = || root.runs.start_or_join(rebuild).ok_or_else(|| ToolError("the server is closing".to_owned()));
    let mut awaiter = RunAwaiter::new(context);
    let mut ticket = start()?;
    let joined = ticket.joined;
    let mut outcome = awaiter.wait_for_run(root, &ticket).await;
    if ticket.joined && matches!(outcome, WaitOutcome::Ended(_)) {
        // The joined run may have missed changes made after its start; another run over unchanged files is fast.
        ticket = start()?;
        outcome = awaiter.wait_for_run(root, &ticket).await;
    }
    match outcome {
        WaitOutcome::Cancelled => Err(ToolError("cancelled".to_owned())),
        WaitOutcome::Ended(RunOutcome::Failed(message)) => Err(ToolError(sanitize_line(&message))),
        WaitOutcome::Ended(RunOutcome::Cancelled) => Err(ToolError(
            "the run was cancelled; the files indexed so far are kept, call index_project to continue".to_owned(),
        )),
        WaitOutcome::Ended(RunOutcome::Done(report)) => build_answer(root, joined, Some(&report)).await,
        WaitOutcome::TimedOut => build_answer(root, joined, None).await,
    }
}

/// The outcome of the wait for a run.
enum WaitOutcome {
    Ended(RunOutcome),
    TimedOut,
    Cancelled,
}

/// Waits for runs on behalf of one request, and sends progress notifications if the request has a progress token.
struct RunAwaiter<'c> {
    context: &'c RequestContext<RoleServer>,
    token: Option<ProgressToken>,
    deadline: Instant,
    /// The last count sent; the protocol requires progress to increase.
    last_sent: Option<u64>,
}

impl<'c> RunAwaiter<'c> {
    fn new(context: &'c RequestContext<RoleServer>) -> Self {
        let token = context.meta.get_progress_token();
        Self { context, token, deadline: Instant::now() + MAX_WAIT, last_sent: None }
    }

    async fn wait_for_run(&mut self, root: &ServedRoot, ticket: &RunTicket) -> WaitOutcome {
        let mut states = root.runs.subscribe();
        let waiter = root.runs.add_waiter(ticket.number);
        loop {
            let state = states.borrow_and_update().clone();
            if state.running.is_none() || state.number > ticket.number {
                let outcome = state.last_outcome.unwrap_or(RunOutcome::Cancelled);
                if let RunOutcome::Done(report) = &outcome {
                    self.send_progress(report.files_found, Some(report.files_found), format_report(report)).await;
                }
                return WaitOutcome::Ended(outcome);
            }
            if let Some(progress) = state.running.and_then(|running| running.progress) {
                let total = progress.walk_ended.then_some(progress.files_found);
                self.send_progress(progress.files_done, total, format_pace(&progress)).await;
            }
            tokio::select! {
                changed = states.changed() => if changed.is_err() { return WaitOutcome::Cancelled },
                () = tokio::time::sleep_until(self.deadline) => return WaitOutcome::TimedOut,
                () = self.context.ct.cancelled() => {
                    waiter.cancel();
                    return WaitOutcome::Cancelled;
                }
            }
        }
    }

    async fn send_progress(&mut self, done: u64, total: Option<u64>, message: String) {
        let Some(token) = self.token.as_ref().filter(|_| self.last_sent.is_none_or(|last| done > last)) else {
            return;
        };
        self.last_sent = Some(done);
        let mut notification = ProgressNotificationParam::new(token.clone(), done as f64).with_message(message);
        notification.total = total.map(|total| total as f64);
        if let Err(error) = self.context.peer.notify_progress(notification).await {
            tracing::debug!("cannot send progress: {error}");
        }
    }
}

/// Formats the progress of a run, such as `412 chunks, 96 chunks/s, 12 s left; parse is the bottleneck: busy 98 %`.
fn format_pace(progress: &IndexProgress) -> String {
    if progress.phase == IndexPhase::Finishing {
        return format!("{} chunks, finishing", progress.chunks);
    }
    let mut pace =
        format!("{} chunks, {:.0} chunks/s", progress.chunks, rate_per_second(progress.chunks, progress.elapsed));
    if let Some(left) = progress.remaining() {
        pace.push_str(&format!(", {} s left", left.as_secs()));
    }
    if let Some(slowest) = find_bottleneck(&progress.stages, progress.elapsed) {
        pace.push_str(&format!("; {slowest}"));
    }
    pace
}

fn rate_per_second(count: u64, elapsed: Duration) -> f64 {
    count as f64 / elapsed.as_secs_f64().max(0.001)
}

/// Formats a finished run, such as `3 files indexed, 120 unchanged, 1 removed, 45 chunks in 0.8 s`, followed by the
/// device that ran the model.
pub fn format_report(report: &IndexReport) -> String {
    let device = report.device.as_ref().map(|report| format!("; {}", device::format_device(report)));
    format!(
        "{} files indexed, {} unchanged, {} removed, {} chunks in {:.1} s{}",
        report.files_indexed,
        report.files_unchanged,
        report.files_removed,
        report.chunks,
        report.elapsed.as_secs_f64(),
        device.unwrap_or_default()
    )
}

/// Builds the answer; `report` is `None` while the run is in progress.
async fn build_answer(
    root: &ServedRoot,
    joined: bool,
    report: Option<&IndexReport>,
) -> Result<CallToolResult, ToolError> {
    let engine = Arc::clone(&root.engine);
    // The status of an index of another format version cannot be read before the run has replaced it.
    let status = run_blocking(move || engine.status()).await?.unwrap_or_default();
    let state = root.runs.state();
    let searchable = render::format_coverage(&status.coverage);
    let text = match report {
        Some(report) => {
            let redone = report.redone_because.as_ref();
            let redone = redone
                .map_or_else(String::new, |why| format!("; everything was indexed again: {}", sanitize_line(why)));
            let notes: String = report.notes.iter().map(|note| format!("\n{}", sanitize_line(note))).collect();
            format!("done: {}{redone}{notes}\nsearchable: {searchable}", format_report(report))
        }
        None => format!(
            "still running: {}; call index_status later\nalready searchable: {searchable}",
            search_code::format_progress(&state)
        ),
    };
    let structured = IndexProjectOutput {
        root: root.name(),
        ended: report.is_some(),
        joined,
        coverage: render::to_coverage_output(&status.coverage),
        running: report.map_or_else(|| to_active_run_output(&state), |_| None),
        report: report.map(to_run_report_output),
    };
    ToolAnswer { text, structured }.into_result()
}

/// Returns the wire type of the run in progress.
pub fn to_active_run_output(state: &IndexRunState) -> Option<ActiveRunOutput> {
    let running = state.running.as_ref()?;
    let progress = running.progress.as_ref();
    Some(ActiveRunOutput {
        files_done: progress.map_or(0, |progress| progress.files_done),
        files_found: progress.map_or(0, |progress| progress.files_found),
        walk_ended: progress.is_some_and(|progress| progress.walk_ended),
        chunks: progress.map_or(0, |progress| progress.chunks),
        elapsed_ms: to_milliseconds(running.started_at.elapsed()),
    })
}

/// Converts the report of a run to its wire type.
pub fn to_run_report_output(report: &IndexReport) -> RunReportOutput {
    let slowest = find_bottleneck(&report.stages, report.elapsed);
    RunReportOutput {
        files_found: report.files_found,
        files_indexed: report.files_indexed,
        files_unchanged: report.files_unchanged,
        files_removed: report.files_removed,
        chunks: report.chunks,
        elapsed_ms: to_milliseconds(report.elapsed),
        bottleneck: slowest.map_or_else(String::new, |slowest| slowest.to_string()),
        device: report.device.as_ref().map(device::to_device_output),
        redone_because: report.redone_because.clone(),
    }
}

fn to_milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
