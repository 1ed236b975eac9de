//! `codescry eval`: measures search quality on labelled questions, and compares settings or runs.

mod comparison;
mod metrics;
mod tasks;

use std::collections::{BTreeSet, HashSet};
use std::fs;
use std::path::Path;

use anyhow::{anyhow, bail};

use engine::{ContentFilter, Engine, Filter, QueryCalls as _, RepoPath, RetrievalMode, SearchQuery};

use self::comparison::{compare_evaluations, comparison_notes, print_comparison};
use self::metrics::{JUDGED_HITS, RelevanceTarget, RetrievalMetrics, compute_metrics, mean_metrics};
use self::tasks::{LabelledQuestion, format_target, read_tasks};
use crate::cli::arguments::{EvalArguments, EvalBaseline, EvalSetting, SharedArguments};
use crate::cli::exit::CommandExit;
use crate::cli::index_run::command_folder::open_to_index;
use crate::cli::index_run::update_index_if_free;
use crate::cli::interrupts::Interrupts;
use crate::cli::json_output::eval::{ComparisonJson, EvalJson, EvaluationJson, JudgedQueryJson};
use crate::cli::printer::{self, Printer};

/// Maximum number of files that are named as missing from the index.
const MAX_NAMED: usize = 5;

/// Runs `codescry eval`.
///
/// # Errors
/// If the tasks, the file of `--against`, the folder or the index is invalid, the index cannot be updated, or every
/// question fails.
pub fn run_eval(shared: &SharedArguments, arguments: &EvalArguments) -> anyhow::Result<CommandExit> {
    let tasks = read_tasks(&arguments.tasks)?;
    // Reads the file before indexing, so that an unreadable file fails early.
    let recorded = match &arguments.against {
        Some(EvalBaseline::File(path)) => Some(read_evaluation(path)?),
        _ => None,
    };
    // The paths of the answers are relative to the folder, so it is not searched as a part of another one.
    let engine = open_to_index(shared, arguments.path.as_deref())?;
    let interrupts = Interrupts::listen()?;
    if !arguments.no_index {
        update_index_if_free(&engine, &interrupts, shared)?;
    }
    // A failure is reported by the first search.
    if let Some(paths) = engine.indexed_paths().ok().flatten().filter(|_| !shared.quiet) {
        note_unindexed(&tasks, &paths).iter().for_each(|note| printer::print_note(note));
    }
    let evaluate = |setting: &EvalSetting| evaluate_tasks(&engine, &tasks, setting, arguments.content_filter());
    let mut theirs = match &arguments.against {
        Some(EvalBaseline::Setting(setting)) => Some(evaluate(setting)?),
        _ => recorded,
    };
    let ours = evaluate(&arguments.setting())?;
    let against = theirs.as_ref().map(|theirs| compare_evaluations(&ours, theirs));
    if let (Some(theirs), Some(EvalBaseline::File(path))) = (&mut theirs, &arguments.against) {
        // The name of the file distinguishes the recorded run from this one, which usually has the same setting.
        let name = path.file_name().map_or_else(|| path.to_string_lossy(), |name| name.to_string_lossy());
        theirs.setting = format!("{} ({name})", theirs.setting);
    }
    let mut printer = Printer::new();
    if arguments.json {
        printer.json(&EvalJson { ours: &ours, against: against.as_ref() })?;
    } else {
        print_evaluation(&mut printer, &ours, theirs.as_ref().zip(against.as_ref()), arguments.per_query)?;
    }
    printer.finish()?;
    if let Some(against) = &against {
        comparison_notes(against).iter().for_each(|note| printer::print_note(note));
    }
    Ok(CommandExit::Done)
}

/// Returns a note about the relevant files that are not among the indexed `paths`, so that no search can find them.
fn note_unindexed(tasks: &[LabelledQuestion], paths: &[RepoPath]) -> Option<String> {
    let known: HashSet<&str> = paths.iter().map(RepoPath::as_str).collect();
    let is_indexed = |target: &RelevanceTarget| {
        known.contains(target.path.as_str()) || paths.iter().any(|path| target.is_of_file(path.as_str()))
    };
    let missing: BTreeSet<&str> = tasks
        .iter()
        .flat_map(|task| &task.targets)
        .filter(|target| !is_indexed(target))
        .map(|target| target.path.as_str())
        .collect();
    let named: Vec<&str> = missing.iter().copied().take(MAX_NAMED).collect();
    let more = match missing.len() - named.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let verb = if missing.len() == 1 { "is" } else { "are" };
    (!missing.is_empty())
        .then(|| format!("{}{more} {verb} not in the index and cannot be found; check the labels", named.join(", ")))
}

/// Reads the output of an earlier run with `--json`.
fn read_evaluation(path: &Path) -> anyhow::Result<EvaluationJson> {
    let settings = "--against takes hybrid, dense, lexical, or a file with the output of `codescry eval --json`";
    let shown = path.display();
    let bytes = fs::read(path).map_err(|error| anyhow!("cannot read {shown}: {error}; {settings}"))?;
    let read: Result<EvaluationJson, _> = serde_json::from_slice(&bytes);
    read.map_err(|error| anyhow!("cannot read {shown}: {error}; {settings}"))
}

/// Searches for all questions with one setting, and judges the answers.
///
/// # Errors
/// If every question fails.
fn evaluate_tasks(
    engine: &Engine,
    tasks: &[LabelledQuestion],
    setting: &EvalSetting,
    content: ContentFilter,
) -> anyhow::Result<EvaluationJson> {
    let filter = Filter { content, ..Filter::default() };
    let mode = RetrievalMode::from(setting.mode);
    let like = SearchQuery { limit: JUDGED_HITS, mode, filter, ..SearchQuery::default() };
    let mut judged = Vec::with_capacity(tasks.len());
    let mut per_query = Vec::with_capacity(tasks.len());
    for LabelledQuestion { query, targets } in tasks {
        let answer =
            engine.search(&SearchQuery { text: query.clone(), ..like.clone() }, &engine::CancelToken::default());
        let error = answer.as_ref().err().map(ToString::to_string);
        if let Some(error) = &error {
            printer::print_note(&format!("{query:?} cannot be answered and scores zero: {error}"));
        }
        let judgement = answer.map_or(RetrievalMetrics::default(), |answer| compute_metrics(&answer.hits, targets));
        judged.push(judgement);
        per_query.push(JudgedQueryJson {
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
    Ok(EvaluationJson {
        setting: setting.to_string(),
        questions: tasks.len(),
        ndcg_at_10: ndcg,
        mrr: reciprocal_rank,
        recall_at_10: recall,
        per_query,
    })
}

fn print_evaluation(
    printer: &mut Printer,
    ours: &EvaluationJson,
    against: Option<(&EvaluationJson, &ComparisonJson)>,
    per_query: bool,
) -> std::io::Result<()> {
    printer.line(&format!("{:18} {:>9} {:>8} {:>8} {:>10}", "setting", "questions", "nDCG@10", "MRR", "recall@10"))?;
    for evaluation in against.map(|(theirs, _)| theirs).into_iter().chain([ours]) {
        printer.line(&format!(
            "{:18} {:>9} {:>8.4} {:>8.4} {:>10.4}",
            terminal_text::escape_controls(&evaluation.setting),
            evaluation.questions,
            evaluation.ndcg_at_10,
            evaluation.mrr,
            evaluation.recall_at_10
        ))?;
    }
    if let Some((_, comparison)) = against {
        printer.line("")?;
        return print_comparison(printer, comparison, per_query);
    }
    for judged in ours.per_query.iter().filter(|_| per_query) {
        printer.line(&format!("{:.3}  {}", judged.ndcg_at_10, terminal_text::escape_controls(&judged.query)))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_that_no_search_can_find_are_named() {
        let question = |paths: &[&str]| LabelledQuestion {
            query: "q".to_owned(),
            targets: paths.iter().map(|path| RelevanceTarget { path: (*path).to_owned(), lines: None }).collect(),
        };
        let indexed = ["src/io.rs", "src/net/io.rs"].map(RepoPath::new);
        assert_eq!(note_unindexed(&[question(&["src/io.rs", "net/io.rs", "repository/src/io.rs"])], &indexed), None);
        let note = note_unindexed(&[question(&["src/io.rs", "nofile.py"])], &indexed).expect("a note");
        assert!(note.starts_with("nofile.py is not in the index"), "{note}");
        let many: Vec<String> = (0..7).map(|n| format!("gone{n}.py")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let note = note_unindexed(&[question(&many)], &indexed).expect("a note");
        assert!(note.contains("gone4.py and 2 more are not in the index"), "{note}");
    }
}
