//! `codescry eval`: how good the answers to your own labelled questions are, and whether another setting
//! is better.
//!
//! Must never import: anything of this crate but `engine`.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, bail, ensure};
use serde::{Deserialize, Serialize};

use super::arguments::{EvalArguments, Shared};
use super::interrupts::Interrupts;
use super::printer::{self, Printer};
use super::{Exit, text, update};
use crate::engine::{
    ContentFilter, Engine, Filter, JUDGED_HITS, Judgement, Mode, SearchQuery, Span, Target, judge, mean,
};

/// A change of nDCG below this is none.
const SAME: f64 = 0.0005;

/// A line of the tasks.
#[derive(Deserialize)]
struct Task {
    query: String,
    #[serde(default)]
    relevant: Vec<Wanted>,
    /// Counted like the others.
    #[serde(default)]
    secondary: Vec<Wanted>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Wanted {
    Path(String),
    Place { path: String, start_line: Option<u32>, end_line: Option<u32> },
}

/// What `--json` prints, and `--against` reads.
#[derive(Serialize, Deserialize)]
struct Evaluation {
    setting: String,
    questions: usize,
    ndcg_at_10: f64,
    mrr: f64,
    recall_at_10: f64,
    per_query: Vec<Judged>,
}

#[derive(Serialize, Deserialize)]
struct Judged {
    query: String,
    ndcg_at_10: f64,
    reciprocal_rank: f64,
    recall_at_10: f64,
}

/// Runs the command.
///
/// # Errors
/// When the tasks, the folder or the index do not hold.
pub fn run(shared: &Shared, given: &EvalArguments) -> anyhow::Result<Exit> {
    let tasks = tasks(&given.tasks)?;
    let former = given.against.as_deref().map(former).transpose()?;
    let engine = Engine::open(shared.settings(given.path.as_deref())?)?;
    let interrupts = Interrupts::watch()?;
    if !given.no_index {
        update::update_or_leave(&engine, &interrupts, shared)?;
    }
    let setting = if given.per_chunk { format!("{}, per chunk", given.mode) } else { given.mode.to_string() };
    let ours = evaluate(&engine, &tasks, setting, given.mode.into(), given.per_chunk, given.content_filter())?;
    let mut printer = Printer::new();
    if given.json {
        printer.json(&ours)?;
        printer.finish()?;
        return Ok(Exit::Done);
    }
    print(&mut printer, &ours, former.as_ref(), given.per_query)?;
    printer.finish()?;
    Ok(Exit::Done)
}

/// The tasks of a file: a JSON list, or an object a line.
fn tasks(path: &Path) -> anyhow::Result<Vec<(String, Vec<Target>)>> {
    let bytes = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let shape =
        "give objects such as {\"query\": \"open a file\", \"relevant\": [\"src/io.rs\"]}, one a line or in a list";
    let tasks: Vec<Task> = if bytes.trim_start().starts_with('[') {
        serde_json::from_str(&bytes).with_context(|| format!("cannot read {}; {shape}", path.display()))?
    } else {
        let lines = (1..).zip(bytes.lines()).filter(|(_, line)| !line.trim().is_empty());
        let read = |(number, line): (u32, &str)| {
            serde_json::from_str(line)
                .with_context(|| format!("cannot read line {number} of {}; {shape}", path.display()))
        };
        lines.map(read).collect::<anyhow::Result<_>>()?
    };
    let mut labelled = Vec::with_capacity(tasks.len());
    for (number, task) in (1..).zip(tasks) {
        let targets: Vec<Target> = task.relevant.into_iter().chain(task.secondary).map(target).collect();
        ensure!(!task.query.trim().is_empty(), "question {number} of {} is empty", path.display());
        if targets.is_empty() {
            printer::note(&format!("question {number} ({:?}) names no relevant file and is left out", task.query));
        } else {
            labelled.push((task.query, targets));
        }
    }
    if labelled.is_empty() {
        bail!("{} has no labelled question; {shape}", path.display());
    }
    Ok(labelled)
}

fn target(wanted: Wanted) -> Target {
    match wanted {
        Wanted::Path(path) => Target { path, lines: None },
        Wanted::Place { path, start_line, end_line } => {
            let lines = start_line.zip(end_line).map(|(start_line, end_line)| Span { start_line, end_line });
            Target { path, lines }
        }
    }
}

/// What an earlier run printed with `--json`.
fn former(path: &Path) -> anyhow::Result<Evaluation> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let shape = || format!("{} is not what `codescry eval --json` printed", path.display());
    serde_json::from_slice(&bytes).with_context(shape)
}

fn evaluate(
    engine: &Engine,
    tasks: &[(String, Vec<Target>)],
    setting: String,
    mode: Mode,
    per_chunk: bool,
    content: ContentFilter,
) -> anyhow::Result<Evaluation> {
    let filter = Filter { content, ..Filter::default() };
    let like = SearchQuery { limit: JUDGED_HITS, mode, per_chunk, filter, ..SearchQuery::default() };
    let mut judged = Vec::with_capacity(tasks.len());
    for (query, targets) in tasks {
        let answer = engine.search(&SearchQuery { text: query.clone(), ..like.clone() })?;
        judged.push(judge(&answer.hits, targets));
    }
    let Judgement { ndcg, reciprocal_rank, recall } = mean(&judged);
    let per_query = tasks.iter().zip(&judged).map(|((query, _), judged)| Judged {
        query: query.clone(),
        ndcg_at_10: judged.ndcg,
        reciprocal_rank: judged.reciprocal_rank,
        recall_at_10: judged.recall,
    });
    Ok(Evaluation {
        setting,
        questions: tasks.len(),
        ndcg_at_10: ndcg,
        mrr: reciprocal_rank,
        recall_at_10: recall,
        per_query: per_query.collect(),
    })
}

fn print(
    printer: &mut Printer,
    ours: &Evaluation,
    former: Option<&Evaluation>,
    per_query: bool,
) -> std::io::Result<()> {
    printer.line(&format!("{:24} {:>9} {:>8} {:>8} {:>10}", "setting", "questions", "nDCG@10", "MRR", "recall@10"))?;
    for one in former.into_iter().chain([ours]) {
        printer.line(&format!(
            "{:24} {:>9} {:>8.4} {:>8.4} {:>10.4}",
            text::visible(&one.setting),
            one.questions,
            one.ndcg_at_10,
            one.mrr,
            one.recall_at_10
        ))?;
    }
    let before = |query: &str| former?.per_query.iter().find(|judged| judged.query == query);
    let change = |judged: &Judged| before(&judged.query).map(|before| judged.ndcg_at_10 - before.ndcg_at_10);
    if former.is_some() {
        let count = |is: fn(f64) -> bool| ours.per_query.iter().filter_map(change).filter(|by| is(*by)).count();
        let (better, worse) = (count(|by| by > SAME), count(|by| by < -SAME));
        let same = ours.per_query.iter().filter_map(change).count() - better - worse;
        printer.line("")?;
        printer.line(&format!("{better} better, {worse} worse, {same} the same"))?;
    }
    let moved = |judged: &&Judged| per_query || change(judged).is_some_and(|by| by.abs() > SAME);
    for judged in ours.per_query.iter().filter(moved) {
        let by = change(judged).map_or_else(String::new, |by| format!("{by:+.3}"));
        printer.line(&format!("{:.3} {by:>7}  {}", judged.ndcg_at_10, text::visible(&judged.query)))?;
    }
    Ok(())
}
