//! `codescry eval`: how good the answers to your own labelled questions are, and whether another setting
//! is better.
//!
//! Must never import: anything of this crate but `engine`.

mod compare;

use std::fs;
use std::path::Path;

use anyhow::{Context as _, bail, ensure};
use serde::{Deserialize, Serialize};

use self::compare::Comparison;
use super::arguments::{Against, EvalArguments, EvalSetting, Shared};
use super::interrupts::Interrupts;
use super::printer::{self, Printer};
use super::{Exit, text, update};
use crate::engine::{
    ContentFilter, Engine, Filter, JUDGED_HITS, Judgement, Mode, SearchQuery, Span, Target, judge, mean,
};

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

/// What `--json` prints beside the comparison, and `--against` reads.
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
    /// The places that answer it, as the tasks name them; none in what older versions printed.
    #[serde(default)]
    relevant: Vec<String>,
    ndcg_at_10: f64,
    reciprocal_rank: f64,
    recall_at_10: f64,
    /// Why it was not answered; it counts nothing then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Report<'a> {
    #[serde(flatten)]
    ours: &'a Evaluation,
    #[serde(skip_serializing_if = "Option::is_none")]
    against: Option<&'a Comparison>,
}

/// Runs the command.
///
/// # Errors
/// When the tasks, the folder or the index do not hold.
pub fn run(shared: &Shared, given: &EvalArguments) -> anyhow::Result<Exit> {
    let tasks = tasks(&given.tasks)?;
    // A file that cannot be read is told before minutes go into an index.
    let former = match &given.against {
        Some(Against::File(path)) => Some(former(path)?),
        _ => None,
    };
    let engine = Engine::open(shared.settings(given.path.as_deref())?)?;
    let interrupts = Interrupts::watch()?;
    if !given.no_index {
        update::update_or_leave(&engine, &interrupts, shared)?;
    }
    let of = |setting: &EvalSetting| evaluate(&engine, &tasks, setting, given.content_filter());
    let theirs = match &given.against {
        Some(Against::Setting(setting)) => Some(of(setting)?),
        _ => former,
    };
    let ours = of(&given.setting())?;
    let against = theirs.as_ref().map(|theirs| Comparison::new(&ours, theirs));
    let mut printer = Printer::new();
    if given.json {
        printer.json(&Report { ours: &ours, against: against.as_ref() })?;
    } else {
        print(&mut printer, &ours, theirs.as_ref().zip(against.as_ref()), given.per_query)?;
    }
    printer.finish()?;
    if let Some(against) = &against {
        against.notes().iter().for_each(|note| printer::note(note));
    }
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

/// # Errors
/// When no question at all can be answered.
fn evaluate(
    engine: &Engine,
    tasks: &[(String, Vec<Target>)],
    setting: &EvalSetting,
    content: ContentFilter,
) -> anyhow::Result<Evaluation> {
    let filter = Filter { content, ..Filter::default() };
    let (mode, per_chunk) = (Mode::from(setting.mode), setting.per_chunk);
    let like = SearchQuery { limit: JUDGED_HITS, mode, per_chunk, filter, ..SearchQuery::default() };
    let mut judged = Vec::with_capacity(tasks.len());
    let mut per_query = Vec::with_capacity(tasks.len());
    for (query, targets) in tasks {
        let answer = engine.search(&SearchQuery { text: query.clone(), ..like.clone() });
        let error = answer.as_ref().err().map(ToString::to_string);
        if let Some(error) = &error {
            printer::note(&format!("{query:?} cannot be answered and counts nothing: {error}"));
        }
        let of_it = answer.map_or(Judgement::default(), |answer| judge(&answer.hits, targets));
        judged.push(of_it);
        per_query.push(Judged {
            query: query.clone(),
            relevant: targets.iter().map(written).collect(),
            ndcg_at_10: of_it.ndcg,
            reciprocal_rank: of_it.reciprocal_rank,
            recall_at_10: of_it.recall,
            error,
        });
    }
    if let Some(error) = per_query.iter().map(|judged| judged.error.as_deref()).collect::<Option<Vec<_>>>() {
        bail!("no question can be answered: {}", error.first().copied().unwrap_or_default());
    }
    let Judgement { ndcg, reciprocal_rank, recall } = mean(&judged);
    Ok(Evaluation {
        setting: setting.to_string(),
        questions: tasks.len(),
        ndcg_at_10: ndcg,
        mrr: reciprocal_rank,
        recall_at_10: recall,
        per_query,
    })
}

/// `src/io.rs`, `src/io.rs:10-40`
fn written(target: &Target) -> String {
    match &target.lines {
        Some(lines) => format!("{}:{}-{}", target.path, lines.start_line, lines.end_line),
        None => target.path.clone(),
    }
}

fn print(
    printer: &mut Printer,
    ours: &Evaluation,
    against: Option<(&Evaluation, &Comparison)>,
    per_query: bool,
) -> std::io::Result<()> {
    printer.line(&format!("{:24} {:>9} {:>8} {:>8} {:>10}", "setting", "questions", "nDCG@10", "MRR", "recall@10"))?;
    for one in against.map(|(theirs, _)| theirs).into_iter().chain([ours]) {
        printer.line(&format!(
            "{:24} {:>9} {:>8.4} {:>8.4} {:>10.4}",
            text::visible(&one.setting),
            one.questions,
            one.ndcg_at_10,
            one.mrr,
            one.recall_at_10
        ))?;
    }
    if let Some((_, comparison)) = against {
        printer.line("")?;
        return comparison.print(printer, per_query);
    }
    for judged in ours.per_query.iter().filter(|_| per_query) {
        printer.line(&format!("{:.3}  {}", judged.ndcg_at_10, text::visible(&judged.query)))?;
    }
    Ok(())
}
