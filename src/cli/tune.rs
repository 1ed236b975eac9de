//! `codescry tune`: fine-tunes the built-in model on a folder, and keeps the result if it is better.

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use super::arguments::{SharedArguments, TuneArguments};
use super::interrupts::Interrupts;
use super::printer::{self, Printer};
use super::{CommandExit, text, update};
use engine::{Engine, EngineError, IndexRequest, TuneResult, TuneStep};

/// The output of `codescry tune --json`.
#[derive(Serialize)]
struct TuneJson {
    /// The outcome: `kept`, `not_better`, `dry_run`, `undone` or `not_tuned`.
    outcome: &'static str,
    model_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    measured: Option<TuneMeasurementsJson>,
    elapsed_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    vectors_computed: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vectors_reused: Option<u64>,
}

/// The measurements on the held-out pairs.
#[derive(Serialize)]
struct TuneMeasurementsJson {
    is_better: bool,
    pairs: usize,
    questions: usize,
    definitions: usize,
    new_words: usize,
    mrr_before: f64,
    mrr_after: f64,
    /// The standard error of the difference in MRR.
    standard_error: f64,
    recall_at_10_before: f64,
    recall_at_10_after: f64,
}

/// Runs `codescry tune`.
///
/// # Errors
/// If the folder has too little to learn from, or the index cannot be written.
pub fn run_tune(shared: &SharedArguments, arguments: &TuneArguments) -> anyhow::Result<CommandExit> {
    let engine = Engine::open(shared.settings(arguments.path.as_deref())?)?;
    let interrupts = Interrupts::listen()?;
    let began = Instant::now();
    if arguments.undo {
        return undo_tuning_and_update(&engine, &interrupts, shared, arguments.json, began);
    }
    let tuned = match tune_with_progress(&engine, &interrupts, shared) {
        Err(EngineError::Tuning(error)) if error.is_stopped() => {
            printer::print_note(&error.to_string());
            return Ok(CommandExit::Interrupted);
        }
        tuned => tuned?,
    };
    let trained = began.elapsed();
    let outcome = match (arguments.dry_run, tuned.is_better()) {
        (true, _) => "dry_run",
        (false, true) => "kept",
        (false, false) => "not_better",
    };
    let mut printer = Printer::new();
    if !arguments.json {
        measurement_lines(&tuned, trained).iter().try_for_each(|line| printer.line(line))?;
        printer.flush()?;
    }
    if outcome == "kept" {
        engine.keep_tuned(&tuned)?;
        let report = update::update_index(&engine, &IndexRequest::default(), &interrupts, shared)?;
        let vectors = Some((report.vectors_computed, report.vectors_reused));
        return print_outcome(&engine, printer, arguments.json, outcome, Some(&tuned), vectors, began);
    }
    print_outcome(&engine, printer, arguments.json, outcome, Some(&tuned), None, began)
}

fn tune_with_progress(
    engine: &Engine,
    interrupts: &Interrupts,
    shared: &SharedArguments,
) -> Result<TuneResult, EngineError> {
    let bar = TuneProgressBar::new(shared);
    interrupts.run_cancellable(|cancel| engine.tune(cancel, &mut |step| bar.show(step)))
}

fn undo_tuning_and_update(
    engine: &Engine,
    interrupts: &Interrupts,
    shared: &SharedArguments,
    json: bool,
    began: Instant,
) -> anyhow::Result<CommandExit> {
    let was_tuned = engine.undo_tuning()?;
    let report = if was_tuned {
        let report = update::update_index(engine, &IndexRequest::default(), interrupts, shared)?;
        Some((report.vectors_computed, report.vectors_reused))
    } else {
        None
    };
    let outcome = if was_tuned { "undone" } else { "not_tuned" };
    print_outcome(engine, Printer::new(), json, outcome, None, report, began)
}

/// Prints the outcome as JSON or text.
fn print_outcome(
    engine: &Engine,
    mut printer: Printer,
    json: bool,
    outcome: &'static str,
    tuned: Option<&TuneResult>,
    vectors: Option<(u64, u64)>,
    began: Instant,
) -> anyhow::Result<CommandExit> {
    if json {
        printer.json(&TuneJson {
            outcome,
            model_id: engine.model_id(),
            measured: tuned.map(TuneMeasurementsJson::new),
            elapsed_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
            vectors_computed: vectors.map(|(computed, _)| computed),
            vectors_reused: vectors.map(|(_, reused)| reused),
        })?;
        return Ok(CommandExit::Done);
    }
    let vectors_text = vectors.map_or_else(String::new, |(computed, reused)| {
        format!(" ({} computed, {reused} from the cache)", text::pluralize(computed, "vector"))
    });
    printer.line(&match outcome {
        "kept" => format!(
            "kept: this folder is now searched with {}{vectors_text}; `codescry tune --undo` reverts this",
            engine.model_id()
        ),
        "dry_run" if tuned.is_some_and(TuneResult::is_better) => {
            "nothing was changed; without --dry-run the tuned model would be kept".to_owned()
        }
        "dry_run" => "nothing was changed; without --dry-run the tuned model would not be kept either".to_owned(),
        "undone" => format!("this folder is searched with the built-in model again{vectors_text}"),
        "not_tuned" => "this folder already uses the built-in model; nothing to undo".to_owned(),
        _ => format!("not kept: the gain is within chance; this folder keeps using {}", engine.model_id()),
    })?;
    printer.finish()?;
    Ok(CommandExit::Done)
}

impl TuneMeasurementsJson {
    fn new(tuned: &TuneResult) -> Self {
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

fn measurement_lines(tuned: &TuneResult, elapsed: Duration) -> Vec<String> {
    let words = text::pluralize(tuned.words as u64, "new word");
    let (pairs, questions) =
        (text::pluralize(tuned.pairs as u64, "pair"), text::pluralize(tuned.after.questions as u64, "doc comment"));
    vec![
        format!("learned from {pairs} and {words} in {}", text::format_seconds(elapsed)),
        format!("{questions} held out, each searched for its definition among {}:", tuned.definitions),
        format!("{:12} {:>8} {:>10}", "", "MRR", "recall@10"),
        format!("{:12} {:>8.3} {:>10.3}", "built-in", tuned.before.mrr, tuned.before.recall_at_10),
        format!("{:12} {:>8.3} {:>10.3}", "tuned", tuned.after.mrr, tuned.after.recall_at_10),
        format!("{:12} {:>+8.3} (standard error {:.3})", "gain", tuned.gain(), tuned.error),
    ]
}

/// The progress bar of a tuning run, hidden if standard error is not a terminal.
struct TuneProgressBar(ProgressBar);

impl TuneProgressBar {
    fn new(shared: &SharedArguments) -> Self {
        let is_visible = !shared.quiet && std::io::stderr().is_terminal();
        let target = if is_visible { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
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
                (all, epochs * batches, format!("training, epoch {epoch} of {epochs}"))
            }
        };
        self.0.set_length(of as u64);
        self.0.set_message(message);
        self.0.set_position(done as u64);
    }
}

impl Drop for TuneProgressBar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
