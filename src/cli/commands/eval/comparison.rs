//! The comparison of two evaluations: the change per question, and whether it is significant.

use std::collections::{HashMap, VecDeque};
use std::io;

use super::metrics::bootstrap_interval;
use crate::cli::json_output::eval::{ComparisonJson, EvaluationJson, JudgedQueryJson, QueryChangeJson};
use crate::cli::printer::Printer;

/// Largest change of nDCG@10 that counts as no change.
const MIN_CHANGE: f64 = 0.0005;

/// Compares `ours` with `theirs`. Repeated questions are paired in order.
pub fn compare_evaluations(ours: &EvaluationJson, theirs: &EvaluationJson) -> ComparisonJson {
    let mut before: HashMap<&str, VecDeque<&JudgedQueryJson>> = HashMap::new();
    for judged in &theirs.per_query {
        before.entry(&judged.query).or_default().push_back(judged);
    }
    let (mut per_query, mut relabelled) = (Vec::new(), 0);
    for after in &ours.per_query {
        let Some(before) = before.get_mut(after.query.as_str()).and_then(VecDeque::pop_front) else { continue };
        relabelled += usize::from(!before.relevant.is_empty() && before.relevant != after.relevant);
        let (before, query) = (before.ndcg_at_10, after.query.clone());
        per_query.push(QueryChangeJson { query, before, after: after.ndcg_at_10, change: after.ndcg_at_10 - before });
    }
    let changes: Vec<f64> = per_query.iter().map(|one| one.change).collect();
    let (better, worse) =
        (count_changes(&changes, |by| by > MIN_CHANGE), count_changes(&changes, |by| by < -MIN_CHANGE));
    let (mean_change, interval_95) = bootstrap_interval(&changes);
    ComparisonJson {
        setting: theirs.setting.clone(),
        ndcg_at_10: theirs.ndcg_at_10,
        mrr: theirs.mrr,
        recall_at_10: theirs.recall_at_10,
        questions: changes.len(),
        better,
        worse,
        same: changes.len() - better - worse,
        mean_change,
        interval_95,
        only_ours: ours.per_query.len() - changes.len(),
        only_theirs: theirs.per_query.len() - changes.len(),
        relabelled,
        per_query,
    }
}

/// Returns notes about differences between the task files, which weaken the comparison.
pub fn comparison_notes(comparison: &ComparisonJson) -> Vec<String> {
    let mut notes = Vec::new();
    if comparison.only_ours + comparison.only_theirs > 0 {
        notes.push(format!(
            "the tasks differ: {} only in this run, {} only in the other; the changes cover the {} in both",
            terminal_text::pluralize(comparison.only_ours as u64, "question"),
            terminal_text::pluralize(comparison.only_theirs as u64, "question"),
            comparison.questions
        ));
    }
    if comparison.relabelled > 0 {
        let questions = terminal_text::pluralize(comparison.relabelled as u64, "question");
        notes.push(format!("the tasks differ: {questions} had other relevant locations before"));
    }
    notes
}

/// Prints the counts, the mean change with its confidence interval, and the changed questions, or all questions if
/// `all` is set.
///
/// # Errors
/// If standard output cannot be written.
pub fn print_comparison(printer: &mut Printer, comparison: &ComparisonJson, all: bool) -> io::Result<()> {
    let ComparisonJson { better, worse, same, mean_change, interval_95: [low, high], .. } = *comparison;
    printer.line(&format!("{better} better, {worse} worse, {same} the same"))?;
    let verdict = if low > 0.0 {
        "better"
    } else if high < 0.0 {
        "worse"
    } else {
        "not significant"
    };
    printer.line(&format!("nDCG@10 {mean_change:+.4} (95 %: {low:+.4} to {high:+.4}): {verdict}"))?;
    for one in comparison.per_query.iter().filter(|one| all || one.change.abs() > MIN_CHANGE) {
        let query = terminal_text::escape_controls(&one.query);
        printer.line(&format!("{:.3} → {:.3} {:+.3}  {query}", one.before, one.after, one.change))?;
    }
    Ok(())
}

fn count_changes(changes: &[f64], is: fn(f64) -> bool) -> usize {
    changes.iter().filter(|by| is(**by)).count()
}
