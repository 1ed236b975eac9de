//! Two evaluations beside each other: what changed for each question, and whether it is more than chance.
//!
//! Must never import: anything of this crate but `engine`.

use std::collections::{HashMap, VecDeque};
use std::io;

use serde::Serialize;

use super::{Evaluation, Judged};
use crate::cli::printer::Printer;
use crate::cli::text;
use crate::engine::bootstrap_interval;

/// A change of nDCG below this is none.
const SAME: f64 = 0.0005;

/// What became of an evaluation's questions in another one. Changes are of nDCG@10.
#[derive(Serialize)]
pub(super) struct Comparison {
    /// That of the other one.
    setting: String,
    ndcg_at_10: f64,
    mrr: f64,
    recall_at_10: f64,
    /// Questions that are in both; what follows is about these.
    questions: usize,
    better: usize,
    worse: usize,
    same: usize,
    mean_change: f64,
    /// Where the mean change lies in 95 of 100 samples of such questions (paired bootstrap).
    interval_95: [f64; 2],
    /// Questions that are here alone, and there alone.
    only_ours: usize,
    only_theirs: usize,
    /// Questions in both whose relevant places differ.
    relabelled: usize,
    per_query: Vec<Change>,
}

#[derive(Serialize)]
struct Change {
    query: String,
    before: f64,
    after: f64,
    change: f64,
}

impl Comparison {
    /// What `ours` changes of `theirs`. The same question asked twice is matched in order.
    pub fn new(ours: &Evaluation, theirs: &Evaluation) -> Self {
        let mut before: HashMap<&str, VecDeque<&Judged>> = HashMap::new();
        for judged in &theirs.per_query {
            before.entry(&judged.query).or_default().push_back(judged);
        }
        let (mut per_query, mut relabelled) = (Vec::new(), 0);
        for after in &ours.per_query {
            let Some(before) = before.get_mut(after.query.as_str()).and_then(VecDeque::pop_front) else { continue };
            relabelled += usize::from(!before.relevant.is_empty() && before.relevant != after.relevant);
            let (before, query) = (before.ndcg_at_10, after.query.clone());
            per_query.push(Change { query, before, after: after.ndcg_at_10, change: after.ndcg_at_10 - before });
        }
        let changes: Vec<f64> = per_query.iter().map(|one| one.change).collect();
        let (better, worse) = (count(&changes, |by| by > SAME), count(&changes, |by| by < -SAME));
        let (mean_change, interval_95) = bootstrap_interval(&changes);
        Self {
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

    /// What makes the comparison less than it seems.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.only_ours + self.only_theirs > 0 {
            notes.push(format!(
                "the tasks differ: {} here alone, {} in what it is compared with alone; the changes are of the {} in both",
                text::plural(self.only_ours as u64, "question"),
                text::plural(self.only_theirs as u64, "question"),
                self.questions
            ));
        }
        if self.relabelled > 0 {
            let questions = text::plural(self.relabelled as u64, "question");
            notes.push(format!("the tasks differ: {questions} had other relevant places before"));
        }
        notes
    }

    /// Counts, the mean change and what chance makes of it, and each question that moved, or all.
    ///
    /// # Errors
    /// When standard output cannot be written.
    pub fn print(&self, printer: &mut Printer, all: bool) -> io::Result<()> {
        let Self { better, worse, same, mean_change, interval_95: [low, high], .. } = *self;
        printer.line(&format!("{better} better, {worse} worse, {same} the same"))?;
        let verdict = if low > 0.0 {
            "better"
        } else if high < 0.0 {
            "worse"
        } else {
            "no more than chance does"
        };
        printer.line(&format!("nDCG@10 {mean_change:+.4} (95 %: {low:+.4} to {high:+.4}): {verdict}"))?;
        for one in self.per_query.iter().filter(|one| all || one.change.abs() > SAME) {
            let query = text::visible(&one.query);
            printer.line(&format!("{:.3} → {:.3} {:+.3}  {query}", one.before, one.after, one.change))?;
        }
        Ok(())
    }
}

fn count(changes: &[f64], is: fn(f64) -> bool) -> usize {
    changes.iter().filter(|by| is(**by)).count()
}
