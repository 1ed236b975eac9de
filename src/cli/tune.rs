//! `codescry tune`: trains the built-in model further on a folder, and keeps that if it is better.
//!
//! Must never import: anything of this crate but `engine`.

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use super::arguments::{Shared, TuneArguments};
use super::interrupts::Interrupts;
use super::printer::{self, Printer};
use super::{Exit, text, update};
use crate::engine::{Engine, EngineError, IndexRequest, TuneStep, Tuned};

/// What `--json` prints.
#[derive(Serialize)]
struct Outcome {
    /// `kept`, `not_better`, `dry_run`, `undone` or `not_tuned`.
    outcome: &'static str,
    model_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    measured: Option<Measured>,
    elapsed_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    vectors_computed: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vectors_reused: Option<u64>,
}

/// On the pairs that were held out.
#[derive(Serialize)]
struct Measured {
    is_better: bool,
    pairs: usize,
    questions: usize,
    definitions: usize,
    new_words: usize,
    mrr_before: f64,
    mrr_after: f64,
    /// Of the difference.
    standard_error: f64,
    recall_at_10_before: f64,
    recall_at_10_after: f64,
}

/// Runs the command.
///
/// # Errors
/// When the folder has too little to learn from, or the index cannot be written.
pub fn run(shared: &Shared, given: &TuneArguments) -> anyhow::Result<Exit> {
    let engine = Engine::open(shared.settings(given.path.as_deref())?)?;
    let interrupts = Interrupts::watch()?;
    let began = Instant::now();
    if given.undo {
        return undo(&engine, &interrupts, shared, given.json, began);
    }
    let tuned = match tune(&engine, &interrupts, shared) {
        Err(EngineError::Tuning(error)) if error.is_stopped() => {
            printer::note(&error.to_string());
            return Ok(Exit::Interrupted);
        }
        tuned => tuned?,
    };
    let trained = began.elapsed();
    let outcome = match (given.dry_run, tuned.is_better()) {
        (true, _) => "dry_run",
        (false, true) => "kept",
        (false, false) => "not_better",
    };
    let mut printer = Printer::new();
    if !given.json {
        measured_lines(&tuned, trained).iter().try_for_each(|line| printer.line(line))?;
        printer.flush()?;
    }
    if outcome == "kept" {
        engine.keep_tuned(&tuned)?;
        let report = update::update(&engine, &IndexRequest::default(), &interrupts, shared)?;
        let vectors = Some((report.vectors_computed, report.vectors_reused));
        return told(&engine, printer, given.json, outcome, Some(&tuned), vectors, began);
    }
    told(&engine, printer, given.json, outcome, Some(&tuned), None, began)
}

fn tune(engine: &Engine, interrupts: &Interrupts, shared: &Shared) -> Result<Tuned, EngineError> {
    let bar = Bar::new(shared);
    interrupts.during(|cancel| engine.tune(cancel, &mut |step| bar.show(step)))
}

fn undo(engine: &Engine, interrupts: &Interrupts, shared: &Shared, json: bool, began: Instant) -> anyhow::Result<Exit> {
    let was_tuned = engine.undo_tuning()?;
    let report = if was_tuned {
        let report = update::update(engine, &IndexRequest::default(), interrupts, shared)?;
        Some((report.vectors_computed, report.vectors_reused))
    } else {
        None
    };
    let outcome = if was_tuned { "undone" } else { "not_tuned" };
    told(engine, Printer::new(), json, outcome, None, report, began)
}

/// Says how it ended.
fn told(
    engine: &Engine,
    mut printer: Printer,
    json: bool,
    outcome: &'static str,
    tuned: Option<&Tuned>,
    vectors: Option<(u64, u64)>,
    began: Instant,
) -> anyhow::Result<Exit> {
    if json {
        printer.json(&Outcome {
            outcome,
            model_id: engine.model_id(),
            measured: tuned.map(Measured::of),
            elapsed_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
            vectors_computed: vectors.map(|(computed, _)| computed),
            vectors_reused: vectors.map(|(_, reused)| reused),
        })?;
        return Ok(Exit::Done);
    }
    let made = vectors.map_or_else(String::new, |(computed, reused)| {
        format!(" ({} computed, {reused} from the cache)", text::plural(computed, "vector"))
    });
    printer.line(&match outcome {
        "kept" => format!(
            "kept: this folder is now searched with {}{made}; `codescry tune --undo` goes back",
            engine.model_id()
        ),
        "dry_run" if tuned.is_some_and(Tuned::is_better) => {
            "nothing was changed; without --dry-run it would be kept".to_owned()
        }
        "dry_run" => "nothing was changed; without --dry-run it would not be kept either".to_owned(),
        "undone" => format!("this folder is searched with the built-in model again{made}"),
        "not_tuned" => "this folder is searched with the built-in model already; nothing to undo".to_owned(),
        _ => format!("not kept: no better than chance would make it; this folder stays with {}", engine.model_id()),
    })?;
    printer.finish()?;
    Ok(Exit::Done)
}

impl Measured {
    fn of(tuned: &Tuned) -> Self {
        Self {
            is_better: tuned.is_better(),
            pairs: tuned.pairs,
            questions: tuned.after.questions,
            definitions: tuned.definitions,
            new_words: tuned.words,
            mrr_before: tuned.before.mrr,
            mrr_after: tuned.after.mrr,
            standard_error: tuned.error,
            recall_at_10_before: tuned.before.recall_at_10,
            recall_at_10_after: tuned.after.recall_at_10,
        }
    }
}

fn measured_lines(tuned: &Tuned, elapsed: Duration) -> Vec<String> {
    let words = text::plural(tuned.words as u64, "new word");
    let (pairs, questions) =
        (text::plural(tuned.pairs as u64, "pair"), text::plural(tuned.after.questions as u64, "doc comment"));
    vec![
        format!("learned from {pairs} and {words} in {}", text::seconds(elapsed)),
        format!("{questions} held out, each to find its definition among {}:", tuned.definitions),
        format!("{:12} {:>8} {:>10}", "", "MRR", "recall@10"),
        format!("{:12} {:>8.3} {:>10.3}", "built-in", tuned.before.mrr, tuned.before.recall_at_10),
        format!("{:12} {:>8.3} {:>10.3}", "tuned", tuned.after.mrr, tuned.after.recall_at_10),
        format!("{:12} {:>+8.3} (standard error {:.3})", "gain", tuned.gain(), tuned.error),
    ]
}

/// How far it is, on a terminal.
struct Bar(ProgressBar);

impl Bar {
    fn new(shared: &Shared) -> Self {
        let seen = !shared.quiet && std::io::stderr().is_terminal();
        let target = if seen { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(1), target);
        if let Ok(style) = ProgressStyle::with_template("{bar:24} {msg}") {
            bar.set_style(style);
        }
        Self(bar)
    }

    fn show(&self, step: TuneStep) {
        let (done, of, message) = match step {
            TuneStep::Reading { done, files } => (done, files, format!("reading {done} of {files} files")),
            TuneStep::Training { epoch, epochs, done, batches } => {
                let all = (epoch - 1) * batches + done;
                (all, epochs * batches, format!("learning, pass {epoch} of {epochs}"))
            }
        };
        self.0.set_length(of as u64);
        self.0.set_message(message);
        self.0.set_position(done as u64);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
