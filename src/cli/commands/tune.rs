//! `codescry tune`: fine-tunes the built-in model on a folder, and keeps the result if it is better.

use std::time::{Duration, Instant};

use engine::{Engine, EngineError, IndexRequest, TuneResult};
use platform::clock;

use crate::cli::arguments::{SharedArguments, TuneArguments};
use crate::cli::exit::CommandExit;
use crate::cli::index_run::command_folder::open_to_index;
use crate::cli::index_run::update_index_or_wait;
use crate::cli::interrupts::Interrupts;
use crate::cli::json_output::tune::{TuneJson, TuneMeasurementsJson};
use crate::cli::printer::{self, Printer};
use crate::cli::progress::TuneProgressBar;

/// Runs `codescry tune`.
///
/// # Errors
/// If the folder or the index is invalid, the folder has too little to learn from, or the index cannot be written.
pub fn run_tune(shared: &SharedArguments, arguments: &TuneArguments) -> anyhow::Result<CommandExit> {
    let engine = open_to_index(shared, arguments.path.as_deref())?;
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
        let report = update_index_or_wait(&engine, &IndexRequest::default(), &interrupts, shared)?;
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
        let report = update_index_or_wait(engine, &IndexRequest::default(), interrupts, shared)?;
        Some((report.vectors_computed, report.vectors_reused))
    } else {
        None
    };
    let outcome = if was_tuned { "undone" } else { "not_tuned" };
    print_outcome(engine, Printer::new(), json, outcome, None, report, began)
}

/// Prints the outcome as JSON or text. `vectors` are the numbers of vectors that were computed and that came from the
/// cache.
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
            elapsed_ms: clock::duration_ms(began.elapsed()),
            vectors_computed: vectors.map(|(computed, _)| computed),
            vectors_reused: vectors.map(|(_, reused)| reused),
        })?;
        return Ok(CommandExit::Done);
    }
    let vectors_text = vectors.map_or_else(String::new, |(computed, reused)| {
        format!(" ({} computed, {reused} from the cache)", terminal_text::pluralize(computed, "vector"))
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
        _ => format!("not kept: {}; this folder keeps using {}", why_not_kept(tuned), engine.model_id()),
    })?;
    printer.finish()?;
    Ok(CommandExit::Done)
}

/// Says why a tuned model is not kept.
fn why_not_kept(tuned: Option<&TuneResult>) -> &'static str {
    match tuned {
        Some(tuned) if tuned.gain() < 0.0 => "the tuned model finds less than the one before",
        _ => "the gain is within chance",
    }
}

fn measurement_lines(tuned: &TuneResult, elapsed: Duration) -> Vec<String> {
    let words = terminal_text::pluralize(tuned.words as u64, "new word");
    let (pairs, questions) = (
        terminal_text::pluralize(tuned.pairs as u64, "pair"),
        terminal_text::pluralize(tuned.after.questions as u64, "doc comment"),
    );
    let gain = if tuned.gain() < 0.0 { "loss" } else { "gain" };
    vec![
        format!("learned from {pairs} and {words} in {}", terminal_text::format_seconds(elapsed)),
        format!("{questions} held out, each searched for its definition among {}:", tuned.definitions),
        format!("{:12} {:>8} {:>10}", "", "MRR", "recall@10"),
        format!("{:12} {:>8.3} {:>10.3}", "built-in", tuned.before.mrr, tuned.before.recall_at_10),
        format!("{:12} {:>8.3} {:>10.3}", "tuned", tuned.after.mrr, tuned.after.recall_at_10),
        format!("{gain:12} {:>+8.3} (standard error {:.3})", tuned.gain(), tuned.error),
    ]
}
