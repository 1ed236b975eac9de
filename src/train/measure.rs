//! How well a table finds what a doc comment documents, among all definitions of its repository.

use super::dense::{Matrix, over_rows, product};
use super::examples::{HeldOut, HeldOutGroup};
use super::model::{Table, as_f64};

/// Means over repositories, so that a large one counts no more than a small one.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Measure {
    /// Mean of 1 / rank of the right answer.
    pub mrr: f64,
    /// Share of questions with the right answer among the first ten.
    pub recall_at_10: f64,
    pub questions: usize,
}

/// Questions that are scored at a time.
const BLOCK_ROWS: usize = 512;

/// Measures a table.
pub fn measure(table: &Table, held_out: &HeldOut, threads: usize) -> Measure {
    let mut total = Measure::default();
    for group in &held_out.groups {
        let of_group = measure_group(table, group, threads);
        total.mrr += of_group.mrr;
        total.recall_at_10 += of_group.recall_at_10;
        total.questions += of_group.questions;
    }
    let groups = as_f64(held_out.groups.len().max(1));
    Measure { mrr: total.mrr / groups, recall_at_10: total.recall_at_10 / groups, ..total }
}

/// The rank of each question's answer, from 1.
pub(super) fn ranks(table: &Table, held_out: &HeldOut, threads: usize) -> Vec<f64> {
    held_out.groups.iter().flat_map(|group| group_ranks(table, group, threads)).collect()
}

fn measure_group(table: &Table, group: &HeldOutGroup, threads: usize) -> Measure {
    of_ranks(&group_ranks(table, group, threads))
}

/// The measures of questions whose answers have these ranks.
pub(super) fn of_ranks(ranks: &[f64]) -> Measure {
    let questions = ranks.len();
    let count = as_f64(questions.max(1));
    let mrr = ranks.iter().map(|rank| rank.recip()).sum::<f64>() / count;
    let recall_at_10 = as_f64(ranks.iter().filter(|rank| **rank <= 10.0).count()) / count;
    Measure { mrr, recall_at_10, questions }
}

fn group_ranks(table: &Table, group: &HeldOutGroup, threads: usize) -> Vec<f64> {
    let passage = |at: usize| table.embed_passage(group.passages.get(at), group.paths.get(at));
    let passages = embedded(table, group.passage_count(), threads, &passage).transposed();
    let mut ranks = Vec::with_capacity(group.answers.len());
    for first in (0..group.answers.len()).step_by(BLOCK_ROWS) {
        let answers = &group.answers[first..(first + BLOCK_ROWS).min(group.answers.len())];
        let query = |at: usize| table.embed(group.queries.get(first + at));
        let scores = product(&embedded(table, answers.len(), threads, &query), &passages, threads);
        ranks.extend(answers.iter().enumerate().map(|(row, answer)| as_f64(rank(scores.row(row), *answer))));
    }
    ranks
}

/// Rows made by `of`, over threads.
pub(super) fn embedded(table: &Table, rows: usize, threads: usize, of: &(impl Fn(usize) -> Vec<f32> + Sync)) -> Matrix {
    let width = table.dimensions;
    let mut out = Matrix::zeros(rows, width);
    over_rows(&mut out, threads, 1, |first, values| {
        for (at, row) in values.chunks_exact_mut(width).enumerate() {
            row.copy_from_slice(&of(first + at));
        }
    });
    out
}

/// The rank of `answer`, from 1; of equal scores the first stands first.
fn rank(scores: &[f32], answer: usize) -> usize {
    let own = scores[answer];
    let above = scores.iter().enumerate().filter(|(at, score)| **score > own || (**score == own && *at < answer));
    above.count() + 1
}
