//! `index_project`: brings the index up to date, reporting on the way.
//!
//! Waits at most [`PATIENCE`], well below the time-outs of clients; the run goes on by itself. A request that is
//! cancelled while it waits stops the run, whoever began it, unless another request waits for the same one. After the
//! answer there is nothing that a client could cancel.
//! Must never import: anything of this crate but `engine`.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use rmcp::RoleServer;
use rmcp::model::{CallToolResult, JsonObject, ProgressNotificationParam, ProgressToken};
use rmcp::service::RequestContext;
use tokio::time::Instant;

use super::answer::{Answer, Refusal, arguments, aside, clean};
use super::roots::{Root, Roots};
use super::runs::{Outcome, State, Ticket};
use super::wire::{IndexArguments, IndexOutput, ReportOutput, RunningOutput};
use super::{device, render, schema, search_code};
use crate::engine::{IndexReport, Phase, Progress, bottleneck};

/// For the list of tools.
pub const NAME: &str = "index_project";
pub const TITLE: &str = "Index the project";
pub const DESCRIPTION: &str = "Bring the index up to date with the folder: after many edits, after a branch switch, or \
when an answer says stale or incomplete. Only changed files are done again, which takes seconds. Returns when done, or \
after 20 seconds while the run goes on; ask index_status then. Mostly with {}; {\"rebuild\": true} does everything from \
nothing: only for a broken index.";

pub static INPUT: LazyLock<Arc<JsonObject>> = LazyLock::new(|| Arc::new(schema::of_input::<IndexArguments>()));
pub static OUTPUT: LazyLock<Arc<JsonObject>> = LazyLock::new(|| Arc::new(schema::of_output::<IndexOutput>()));

/// The longest a call takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// Answers a call.
pub async fn call(
    roots: &Roots,
    given: JsonObject,
    context: &RequestContext<RoleServer>,
) -> Result<CallToolResult, Refusal> {
    let given: IndexArguments = arguments(given, &INPUT)?;
    let root = roots.pick(given.root.as_deref(), None)?;
    let rebuild = given.rebuild.unwrap_or(false);
    let begin = || root.runs.begin(rebuild).ok_or_else(|| Refusal("the server is closing".to_owned()));
    let mut waiting = Waiting::new(context);
    let mut ticket = begin()?;
    let joined = ticket.joined;
    let mut waited = waiting.wait(root, &ticket).await;
    if ticket.joined && matches!(waited, Waited::Ended(_)) {
        // That run may have passed by what changed since it began; a run over unchanged files is
        // quick.
        ticket = begin()?;
        waited = waiting.wait(root, &ticket).await;
    }
    match waited {
        Waited::Cancelled => Err(Refusal("cancelled".to_owned())),
        Waited::Ended(Outcome::Failed(message)) => Err(Refusal(clean(&message))),
        Waited::Ended(Outcome::Cancelled) => {
            Err(Refusal("the run was cancelled; what it had done is kept, call index_project again".to_owned()))
        }
        Waited::Ended(Outcome::Done(report)) => answer(root, joined, Some(&report)).await,
        Waited::TooLong => answer(root, joined, None).await,
    }
}

/// How waiting for a run came out.
enum Waited {
    Ended(Outcome),
    TooLong,
    Cancelled,
}

/// Waits for runs on behalf of one request, telling progress if the request wants it.
struct Waiting<'c> {
    context: &'c RequestContext<RoleServer>,
    token: Option<ProgressToken>,
    until: Instant,
    /// The highest count told so far: the protocol wants it to grow.
    told: Option<u64>,
}

impl<'c> Waiting<'c> {
    fn new(context: &'c RequestContext<RoleServer>) -> Self {
        let token = context.meta.get_progress_token();
        Self { context, token, until: Instant::now() + PATIENCE, told: None }
    }

    async fn wait(&mut self, root: &Root, ticket: &Ticket) -> Waited {
        let mut watch = root.runs.watch();
        let seat = root.runs.seat(ticket.number);
        loop {
            let state = watch.borrow_and_update().clone();
            if state.running.is_none() || state.number > ticket.number {
                let last = state.last.unwrap_or(Outcome::Cancelled);
                if let Outcome::Done(report) = &last {
                    self.tell(report.files_found, Some(report.files_found), done(report)).await;
                }
                return Waited::Ended(last);
            }
            if let Some(progress) = state.running.and_then(|running| running.progress) {
                let total = progress.walk_ended.then_some(progress.files_found);
                self.tell(progress.files_done, total, pace(&progress)).await;
            }
            tokio::select! {
                changed = watch.changed() => if changed.is_err() { return Waited::Cancelled },
                () = tokio::time::sleep_until(self.until) => return Waited::TooLong,
                () = self.context.ct.cancelled() => {
                    seat.cancel();
                    return Waited::Cancelled;
                }
            }
        }
    }

    async fn tell(&mut self, done: u64, total: Option<u64>, message: String) {
        let Some(token) = self.token.as_ref().filter(|_| self.told.is_none_or(|told| done > told)) else {
            return;
        };
        self.told = Some(done);
        let mut told = ProgressNotificationParam::new(token.clone(), done as f64).with_message(message);
        told.total = total.map(|total| total as f64);
        if let Err(error) = self.context.peer.notify_progress(told).await {
            tracing::debug!("progress was not told: {error}");
        }
    }
}

/// `412 chunks, 96 chunks/s, 12 s left; parse is the bottleneck: busy 98 %`
fn pace(progress: &Progress) -> String {
    if progress.phase == Phase::Finishing {
        return format!("{} chunks, finishing", progress.chunks);
    }
    let mut pace = format!("{} chunks, {:.0} chunks/s", progress.chunks, per_second(progress.chunks, progress.elapsed));
    if let Some(left) = progress.remaining() {
        pace.push_str(&format!(", {} s left", left.as_secs()));
    }
    if let Some(slowest) = bottleneck(&progress.stages, progress.elapsed) {
        pace.push_str(&format!("; {slowest}"));
    }
    pace
}

fn per_second(count: u64, elapsed: Duration) -> f64 {
    count as f64 / elapsed.as_secs_f64().max(0.001)
}

/// `3 files indexed, 120 unchanged, 1 removed, 45 chunks in 0.8 s`, and what ran the model.
pub fn done(report: &IndexReport) -> String {
    let device = report.device.as_ref().map(|report| format!("; {}", device::in_words(report)));
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

async fn answer(root: &Root, joined: bool, report: Option<&IndexReport>) -> Result<CallToolResult, Refusal> {
    let engine = Arc::clone(&root.engine);
    // An index of another version cannot be read before the run has replaced it.
    let status = aside(move || engine.status()).await?.unwrap_or_default();
    let state = root.runs.state();
    let searchable = render::files(&status.coverage);
    let text = match report {
        Some(report) => {
            let redone = report.redone_because.as_ref();
            let redone = redone.map_or_else(String::new, |why| format!("; everything was done again: {}", clean(why)));
            let notes: String = report.notes.iter().map(|note| format!("\n{}", clean(note))).collect();
            format!("done: {}{redone}{notes}\nsearchable: {searchable}", done(report))
        }
        None => format!(
            "still running: {}; ask index_status\nalready searchable: {searchable}",
            search_code::progress(&state)
        ),
    };
    let structured = IndexOutput {
        root: root.name(),
        ended: report.is_some(),
        joined,
        coverage: render::coverage(&status.coverage),
        running: report.map_or_else(|| running(&state), |_| None),
        report: report.map(reported),
    };
    Answer { text, structured }.into_result()
}

/// As it goes over the wire.
pub fn running(state: &State) -> Option<RunningOutput> {
    let running = state.running.as_ref()?;
    let progress = running.progress.as_ref();
    Some(RunningOutput {
        files_done: progress.map_or(0, |progress| progress.files_done),
        files_found: progress.map_or(0, |progress| progress.files_found),
        walk_ended: progress.is_some_and(|progress| progress.walk_ended),
        chunks: progress.map_or(0, |progress| progress.chunks),
        elapsed_ms: in_ms(running.begun.elapsed()),
    })
}

/// As it goes over the wire.
pub fn reported(report: &IndexReport) -> ReportOutput {
    let slowest = bottleneck(&report.stages, report.elapsed);
    ReportOutput {
        files_found: report.files_found,
        files_indexed: report.files_indexed,
        files_unchanged: report.files_unchanged,
        files_removed: report.files_removed,
        chunks: report.chunks,
        elapsed_ms: in_ms(report.elapsed),
        bottleneck: slowest.map_or_else(String::new, |slowest| slowest.to_string()),
        device: report.device.as_ref().map(device::output),
        redone_because: report.redone_because.clone(),
    }
}

fn in_ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
