//! The tool `index_project`: brings the index up to date, and reports progress and the state of the index.
//!
//! A call waits at most [`MAX_WAIT`], well below the timeouts of clients; after that, the run continues in the
//! background, and the call can no longer cancel it. A request that is cancelled while it waits cancels the run, even
//! if another request started it, unless another request waits for the same run.

use std::sync::Arc;
use std::time::Duration;

use answer::RenderedAnswer;
use answer::caveats::format_coverage;
use engine::{EngineError, IndexCoverage, IndexPhase, IndexProgress, IndexReport, find_bottleneck};
use mcp_schema::argument::{REBUILD, ROOT};
use mcp_schema::project::{IndexProjectOutput, OtherRunOutput};
use mcp_schema::schema::generate_output_schema;
use text::display::{format_rate, sanitize_line};
use tokio::time::Instant;

use super::entry::{ToolEntry, ToolListing};
use super::index_status::render_root_status;
use crate::call::arguments::{GivenArguments, KnownArguments};
use crate::call::blocking::run_blocking;
use crate::call::context::CallContext;
use crate::call::result::{ToolError, ToolResult, to_tool_result};
use crate::render::coverage::to_coverage_output;
use crate::render::run_report::{format_run_report, to_active_run_output, to_run_report_output};
use crate::roots::runs::{RunOutcome, RunTicket};
use crate::roots::served::{ServedRoot, ServedRoots};

/// The `index_project` tool.
pub const TOOL: ToolEntry = ToolEntry {
    name: "index_project",
    title: "Index the project",
    description: "Bring the index up to date and report its state: coverage, projects, files left out and why. Call it, \
        with {}, when an answer is stale or incomplete, or when code that exists is not found. Returns after 20 seconds \
        at most, while a long run goes on.",
    search_hint: "update and state of the code index",
    arguments: KnownArguments { required: &[], optional: &[&REBUILD], unlisted: &[&ROOT] },
    output_schema: generate_output_schema::<IndexProjectOutput>,
    is_read_only: false,
    listing: ToolListing::OnDemand,
    call: |roots, given, context| Box::pin(call_index_project(roots, given, context)),
};

/// Time that a call waits, at most, for the run.
const MAX_WAIT: Duration = Duration::from_secs(20);

/// Answers a call of `index_project`. All served roots are indexed if the call names none.
async fn call_index_project(roots: &ServedRoots, given: GivenArguments, context: &CallContext) -> ToolResult {
    let rebuild = given.flag(&REBUILD);
    let selected = roots.select_roots(given.text(&ROOT))?;
    let mut awaiter = RunAwaiter::new(context);
    // All runs are started before the first one is awaited.
    let mut runs = Vec::new();
    for root in selected {
        root.engine.request_repair();
        runs.push((root, start_run(root, rebuild)?));
    }
    let is_single = runs.len() == 1;
    let (mut texts, mut first, mut others) = (Vec::new(), None, Vec::new());
    for (root, ticket) in runs {
        match finish_run(&mut awaiter, root, ticket, rebuild).await {
            Ok(RenderedAnswer { text, structured }) => {
                texts.push(if is_single { text } else { format!("{}: {text}", root.name()) });
                match first {
                    None => first = Some(structured),
                    Some(_) => others.push(OtherRunOutput {
                        root: structured.root,
                        ended: structured.ended,
                        coverage: Some(structured.coverage),
                        error: None,
                    }),
                }
            }
            Err(error) if is_single || context.cancel.is_cancelled() => return Err(error),
            Err(ToolError(message)) => {
                texts.push(format!("{}: {message}", root.name()));
                others.push(OtherRunOutput { root: root.name(), ended: true, coverage: None, error: Some(message) });
            }
        }
    }
    let Some(first) = first else { return Err(ToolError(texts.join("\n"))) };
    let structured = IndexProjectOutput { others, ..first };
    to_tool_result(RenderedAnswer { text: texts.join("\n"), structured }, context.form)
}

/// Starts a run of a root, or joins the one in progress.
///
/// # Errors
/// When the server is closing.
fn start_run(root: &ServedRoot, rebuild: bool) -> Result<RunTicket, ToolError> {
    root.runs.start_or_join(rebuild).ok_or_else(|| ToolError("the server is closing".to_owned()))
}

/// Waits for a run of a root and renders its outcome.
///
/// # Errors
/// When the run fails or is cancelled, the state of the index cannot be read, or the server is closing.
async fn finish_run(
    awaiter: &mut RunAwaiter<'_>,
    root: &ServedRoot,
    mut ticket: RunTicket,
    rebuild: bool,
) -> Result<RenderedAnswer<IndexProjectOutput>, ToolError> {
    let joined = ticket.joined;
    let mut outcome = awaiter.wait_for_run(root, &ticket).await;
    if ticket.joined && matches!(outcome, WaitOutcome::Ended(_)) {
        // The joined run may have missed changes made after its start; another run over unchanged files is fast.
        ticket = start_run(root, rebuild)?;
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

/// Waits for runs on behalf of one call, and sends progress to a client that requested it.
struct RunAwaiter<'c> {
    context: &'c CallContext,
    deadline: Instant,
    /// The last progress count sent, if one was; the protocol requires progress to increase.
    last_sent: Option<u64>,
}

impl<'c> RunAwaiter<'c> {
    fn new(context: &'c CallContext) -> Self {
        Self { context, deadline: Instant::now() + MAX_WAIT, last_sent: None }
    }

    async fn wait_for_run(&mut self, root: &ServedRoot, ticket: &RunTicket) -> WaitOutcome {
        let mut states = root.runs.subscribe();
        let waiter = root.runs.add_waiter(ticket.number);
        loop {
            let state = states.borrow_and_update().clone();
            if state.running.is_none() || state.number > ticket.number {
                let outcome = state.last_outcome.unwrap_or(RunOutcome::Cancelled);
                if let RunOutcome::Done(report) = &outcome {
                    self.send_progress(report.files_found, Some(report.files_found), format_run_report(report)).await;
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
                () = self.context.cancelled() => {
                    waiter.cancel();
                    return WaitOutcome::Cancelled;
                }
            }
        }
    }

    /// Sends progress if it has increased since the last message.
    async fn send_progress(&mut self, done: u64, total: Option<u64>, message: String) {
        if self.last_sent.is_none_or(|last| done > last) {
            self.last_sent = Some(done);
            self.context.send_progress(done, total, message).await;
        }
    }
}

/// Formats the progress of a run, such as `412 chunks, 96 chunks/s, 12 s left; parse is the bottleneck: busy 98 %`.
fn format_pace(progress: &IndexProgress) -> String {
    if progress.phase == IndexPhase::Finishing {
        return format!("{} chunks, finishing", progress.chunks);
    }
    let mut pace = format!("{} chunks", progress.chunks);
    if let Some(rate) = format_rate(rate_per_second(progress.chunks, progress.elapsed), "chunks") {
        pace.push_str(&format!(", {rate}"));
    }
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

/// Builds the answer; `report` is `None` while the run is in progress.
///
/// # Errors
/// When the state of the index cannot be read.
async fn build_answer(
    root: &ServedRoot,
    joined: bool,
    report: Option<&IndexReport>,
) -> Result<RenderedAnswer<IndexProjectOutput>, ToolError> {
    let engine = Arc::clone(&root.engine);
    let coverage = match run_blocking(move || engine.status()).await? {
        Ok(status) => status.coverage,
        // An index of another folder or version has nothing to search until the run has replaced it.
        Err(EngineError::OtherRoot { .. } | EngineError::Outdated { .. }) if report.is_none() => {
            IndexCoverage::default()
        }
        Err(error) => return Err(error.into()),
    };
    let state = root.runs.state();
    let searchable = format_coverage(&coverage);
    let status = match report {
        Some(_) => Some(render_root_status(root).await?),
        None => None,
    };
    let text = match report {
        Some(report) => {
            let redone = report.redone_because.as_ref();
            let redone = redone
                .map_or_else(String::new, |why| format!("; everything was indexed again: {}", sanitize_line(why)));
            let notes: String = report.notes.iter().map(|note| format!("\n{}", sanitize_line(note))).collect();
            let status = status.as_ref().map_or("", |status| status.text.trim_end());
            format!("done: {}{redone}{notes}\n{status}", format_run_report(report))
        }
        None => format!(
            "still running: {}; call index_project again later\nalready searchable: {searchable}",
            state.format_progress()
        ),
    };
    let structured = IndexProjectOutput {
        root: root.name(),
        ended: report.is_some(),
        joined,
        coverage: to_coverage_output(&coverage),
        running: report.map_or_else(|| to_active_run_output(&state), |_| None),
        report: report.map(to_run_report_output),
        status: status.map(|status| status.structured),
        others: Vec::new(),
    };
    Ok(RenderedAnswer { text, structured })
}
