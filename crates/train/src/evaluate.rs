//! Evaluation of a table: measures how well it finds the definition that a doc comment describes, among all definitions
//! of the repository.

use crate::examples::{HeldOut, HeldOutGroup};
use crate::math::{DenseMatrix, as_f64, for_row_ranges, multiply};
use crate::table::TrainingTable;

/// Retrieval scores of a table on held-out queries.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RetrievalScores {
    /// Mean reciprocal rank: the mean of 1 / rank of the right answer.
    pub mrr: f64,
    /// Share of queries whose right answer is among the first ten.
    pub recall_at_10: f64,
    pub questions: usize,
}

/// Number of queries that are scored at a time.
const BLOCK_ROWS: usize = 512;

/// Evaluates a table on held-out queries. Averages the scores over repositories, so that a large one counts no more
/// than a small one.
pub fn measure_table(table: &TrainingTable, held_out: &HeldOut, threads: usize) -> RetrievalScores {
    let mut total = RetrievalScores::default();
    for group in &held_out.groups {
        let scores = measure_group(table, group, threads);
        total.mrr += scores.mrr;
        total.recall_at_10 += scores.recall_at_10;
        total.questions += scores.questions;
    }
    let groups = as_f64(held_out.groups.len().max(1));
    RetrievalScores { mrr: total.mrr / groups, recall_at_10: total.recall_at_10 / groups, ..total }
}

/// Returns the rank of each query's answer, from 1.
pub(crate) fn answer_ranks(table: &TrainingTable, held_out: &HeldOut, threads: usize) -> Vec<f64> {
    held_out.groups.iter().flat_map(|group| group_ranks(table, group, threads)).collect()
}

fn measure_group(table: &TrainingTable, group: &HeldOutGroup, threads: usize) -> RetrievalScores {
    scores_from_ranks(&group_ranks(table, group, threads))
}

/// Computes the scores of queries whose answers have these ranks.
pub(crate) fn scores_from_ranks(ranks: &[f64]) -> RetrievalScores {
    let questions = ranks.len();
    let count = as_f64(questions.max(1));
    let mrr = ranks.iter().map(|rank| rank.recip()).sum::<f64>() / count;
    let recall_at_10 = as_f64(ranks.iter().filter(|rank| **rank <= 10.0).count()) / count;
    RetrievalScores { mrr, recall_at_10, questions }
}

fn group_ranks(table: &TrainingTable, group: &HeldOutGroup, threads: usize) -> Vec<f64> {
    let passage = |at: usize| table.embed_passage(group.passages.get(at), group.paths.get(at));
    let passages = embed_rows(table, group.passage_count(), threads, &passage).transposed();
    let mut ranks = Vec::with_capacity(group.answers.len());
    for first in (0..group.answers.len()).step_by(BLOCK_ROWS) {
        let answers = &group.answers[first..(first + BLOCK_ROWS).min(group.answers.len())];
        let query = |at: usize| table.embed(group.queries.get(first + at));
        let scores = multiply(&embed_rows(table, answers.len(), threads, &query), &passages, threads);
        ranks.extend(answers.iter().enumerate().map(|(row, answer)| as_f64(rank_of_answer(scores.row(row), *answer))));
    }
    ranks
}

/// Returns a matrix whose rows `embed_row` computes, on several threads.
pub(crate) fn embed_rows(
    table: &TrainingTable,
    rows: usize,
    threads: usize,
    embed_row: &(impl Fn(usize) -> Vec<f32> + Sync),
) -> DenseMatrix {
    let width = table.dimensions;
    let mut out = DenseMatrix::zeros(rows, width);
    for_row_ranges(&mut out, threads, 1, |first, values| {
        for (at, row) in values.chunks_exact_mut(width).enumerate() {
            row.copy_from_slice(&embed_row(first + at));
        }
    });
    out
}

/// Returns the rank of `answer`, from 1. Among equal scores, the first one ranks higher.
fn rank_of_answer(scores: &[f32], answer: usize) -> usize {
    let own = scores[answer];
    let above = scores.iter().enumerate().filter(|(at, score)| **score > own || (**score == own && *at < answer));
    above.count() + 1
}
