//! Hard negatives: for a question, the nearest passages of its repository that are not its answer.

use super::dense::product;
use super::examples::{Examples, Group};
use super::measure::embedded;
use super::model::Table;

/// For each group and each of its examples, other examples whose passage is near the question.
#[derive(Default)]
pub(super) struct Negatives {
    pub groups: Vec<Vec<Vec<usize>>>,
}

/// Questions that are scored at a time.
const BLOCK_ROWS: usize = 512;

/// The very nearest are often right answers too.
const PASSED_OVER: usize = 2;

/// Finds `count` of them for each example.
pub(super) fn mine(table: &Table, examples: &Examples, count: usize, threads: usize) -> Negatives {
    Negatives { groups: examples.groups.iter().map(|group| mine_group(table, group, count, threads)).collect() }
}

fn mine_group(table: &Table, group: &Group, count: usize, threads: usize) -> Vec<Vec<usize>> {
    let rows = group.examples.len();
    let passage = |at: usize| table.embed_passage(group.passages.get(at), group.paths.get(at));
    let passages = embedded(table, rows, threads, &passage).transposed();
    let mut found = Vec::with_capacity(rows);
    for first in (0..rows).step_by(BLOCK_ROWS) {
        let block = BLOCK_ROWS.min(rows - first);
        let query = |at: usize| table.embed(group.queries.get(first + at));
        let scores = product(&embedded(table, block, threads, &query), &passages, threads);
        found.extend((0..block).map(|at| nearest(group, first + at, scores.row(at), count)));
    }
    found
}

/// The nearest but for the very nearest, without those that share a definition or a text.
fn nearest(group: &Group, own: usize, scores: &[f32], count: usize) -> Vec<usize> {
    let same = &group.examples[own].same;
    let is_wrong = |at: &usize| group.examples[*at].same.iter().zip(same).all(|(one, other)| one != other);
    let mut order: Vec<usize> = (0..scores.len()).filter(is_wrong).collect();
    let wanted = (count + PASSED_OVER).min(order.len());
    let by_score = |one: &usize, other: &usize| scores[*other].total_cmp(&scores[*one]).then(one.cmp(other));
    if wanted > 0 && wanted < order.len() {
        order.select_nth_unstable_by(wanted - 1, by_score);
    }
    order.truncate(wanted);
    order.sort_unstable_by(by_score);
    order.split_off(PASSED_OVER.min(order.len()))
}
