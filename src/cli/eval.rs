//! `codescry eval`: measures search quality on labelled questions, and compares settings or runs.

mod compare;

use std::fs;
use std::path::Path;

use anyhow::{Context as _, bail, ensure};
use serde::{Deserialize, Serialize};

use self::compare::Comparison;
use super::arguments::{EvalArguments, EvalBaseline, EvalSetting, SharedArguments};
use super::interrupts::Interrupts;
use super::printer::{self, Printer};
use super::{CommandExit, text, update};
use engine::{
    ContentFilter, Engine, Filter, JUDGED_HITS, RelevanceTarget, RetrievalMetrics, RetrievalMode, SearchQuery, Span,
    compute_metrics, mean_metrics,
};

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

/// The results of one setting, which `--json` prints and `--against` reads.
#[derive(Serialize, Deserialize)]
struct Evaluation {
    setting: String,
    questions: usize,
    ndcg_at_10: f64,
    mrr: f64,
    recall_at_10: f64,
    per_query: Vec<JudgedQuery>,
}

/// The results of one question.
#[derive(Serialize, Deserialize)]
struct JudgedQuery {
    query: String,
    /// The relevant locations, as the task file names them; empty in the output of older versions.
    #[serde(default)]
    relevant: Vec<String>,
    ndcg_at_10: f64,
    reciprocal_rank: f64,
    recall_at_10: f64,
    /// Why the search failed; the question then scores zero.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// The output of `codescry eval --json`.
#[derive(Serialize)]
struct EvalJson<'a> {
    #[serde(flatten)]
    ours: &'a Evaluation,
    #[serde(skip_serializing_if = "Option::is_none")]
    against: Option<&'a Comparison>,
}

/// Runs `codescry eval`.
///
/// # Errors
/// If the tasks, the folder or the index are invalid, or every question fails.
pub fn run_eval(shared: &SharedArguments, arguments: &EvalArguments) -> anyhow::Result<CommandExit> {
    let tasks = read_tasks(&arguments.tasks)?;
    // Reads the file before indexing, so that an unreadable file fails early.
    let recorded = match &arguments.against {
        Some(EvalBaseline::File(path)) => Some(read_evaluation(path)?),
        _ => None,
    };
    let engine = Engine::open(shared.settings(arguments.path.as_deref())?)?;
    let interrupts = Interrupts::listen()?;
    if !arguments.no_index {
        update::update_index_if_free(&engine, &interrupts, shared)?;
    }
    let evaluate = |setting: &EvalSetting| evaluate_tasks(&engine, &tasks, setting, arguments.content_filter());
    let theirs = match &arguments.against {
        Some(EvalBaseline::Setting(setting)) => Some(evaluate(setting)?),
        _ => recorded,
    };
    let ours = evaluate(&arguments.setting())?;
    let against = theirs.as_ref().map(|theirs| Comparison::new(&ours, theirs));
    let mut printer = Printer::new();
    if arguments.json {
        printer.json(&EvalJson { ours: &ours, against: against.as_ref() })?;
    } else {
        print_evaluation(&mut printer, &ours, theirs.as_ref().zip(against.as_ref()), arguments.per_query)?;
    }
    printer.finish()?;
    if let Some(against) = &against {
        against.notes().iter().for_each(|note| printer::print_note(note));
    }
    Ok(CommandExit::Done)
}

/// Reads the labelled questions of a file: a JSON list, or one object per line.
fn read_tasks(path: &Path) -> anyhow::Result<Vec<(String, Vec<RelevanceTarget>)>> {
    let bytes = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let shape = "give objects such as {\"query\": \"open a file\", \"relevant\": [\"src/io.rs\"]}, one per line or in a JSON list";
    let tasks: Vec<EvalTask> = if bytes.trim_start().starts_with('[') {
        serde_json::from_str(&bytes).with_context(|| format!("cannot read {}; {shape}", path.display()))?
    } else {
        let lines = (1..).zip(bytes.lines()).filter(|(_, line)| !line.trim().is_empty());
        let parse = |(number, line): (u32, &str)| {
            serde_json::from_str(line)
                .with_context(|| format!("cannot read line {number} of {}; {shape}", path.display()))
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
            labelled.push((task.query, targets));
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

/// Reads the output of an earlier run with `--json`.
fn read_evaluation(path: &Path) -> anyhow::Result<Evaluation> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let shape = || format!("{} is not output of `codescry eval --json`", path.display());
    serde_json::from_slice(&bytes).with_context(shape)
}

/// Searches for all questions with one setting, and judges the answers.
///
/// # Errors
/// If every question fails.
fn evaluate_tasks(
    engine: &Engine,
    tasks: &[(String, Vec<RelevanceTarget>)],
    setting: &EvalSetting,
    content: ContentFilter,
) -> anyhow::Result<Evaluation> {
    let filter = Filter { content, ..Filter::default() };
    let (mode, per_chunk) = (RetrievalMode::from(setting.mode), setting.per_chunk);
    let like = SearchQuery { limit: JUDGED_HITS, mode, per_chunk, filter, ..SearchQuery::default() };
    let mut judged = Vec::with_capacity(tasks.len());
    let mut per_query = Vec::with_capacity(tasks.len());
    for (query, targets) in tasks {
        let answer = engine.search(&SearchQuery { text: query.clone(), ..like.clone() });
        let error = answer.as_ref().err().map(ToString::to_string);
        if let Some(error) = &error {
            printer::print_note(&format!("{query:?} cannot be answered and scores zero: {error}"));
        }
        let judgement = answer.map_or(RetrievalMetrics::default(), |answer| compute_metrics(&answer.hits, targets));
        judged.push(judgement);
        per_query.push(JudgedQuery {
            query: query.clone(),
            relevant: targets.iter().map(format_target).collect(),
            ndcg_at_10: judgement.ndcg,
            reciprocal_rank: judgement.reciprocal_rank,
            recall_at_10: judgement.recall,
            error,
        });
    }
    if let Some(error) = per_query.iter().map(|judged| judged.error.as_deref()).collect::<Option<Vec<_>>>() {
        bail!("no question can be answered: {}", error.first().copied().unwrap_or_default());
    }
    let RetrievalMetrics { ndcg, reciprocal_rank, recall } = mean_metrics(&judged);
    Ok(Evaluation {
        setting: setting.to_string(),
        questions: tasks.len(),
        ndcg_at_10: ndcg,
        mrr: reciprocal_rank,
        recall_at_10: recall,
        per_query,
    })
}

/// Formats a location as `src/io.rs` or `src/io.rs:10-40`.
fn format_target(target: &RelevanceTarget) -> String {
    match &target.lines {
        Some(lines) => format!("{}:{}-{}", target.path, lines.start_line, lines.end_line),
        None => target.path.clone(),
    }
}

fn print_evaluation(
    printer: &mut Printer,
    ours: &Evaluation,
    against: Option<(&Evaluation, &Comparison)>,
    per_query: bool,
) -> std::io::Result<()> {
    printer.line(&format!("{:24} {:>9} {:>8} {:>8} {:>10}", "setting", "questions", "nDCG@10", "MRR", "recall@10"))?;
    for evaluation in against.map(|(theirs, _)| theirs).into_iter().chain([ours]) {
        printer.line(&format!(
            "{:24} {:>9} {:>8.4} {:>8.4} {:>10.4}",
            text::escape_controls(&evaluation.setting),
            evaluation.questions,
            evaluation.ndcg_at_10,
            evaluation.mrr,
            evaluation.recall_at_10
        ))?;
    }
    if let Some((_, comparison)) = against {
        printer.line("")?;
        return comparison.print(printer, per_query);
    }
    for judged in ours.per_query.iter().filter(|_| per_query) {
        printer.line(&format!("{:.3}  {}", judged.ndcg_at_10, text::escape_controls(&judged.query)))?;
    }
    Ok(())
}
