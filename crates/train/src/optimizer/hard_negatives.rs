//! Mining of hard negatives: passages of a query's repository that are near to the query but not its answer.

use crate::evaluate::embed_rows;
use crate::examples::{ExampleGroup, TrainingExamples};
use crate::math::multiply;
use crate::table::TrainingTable;

/// For each group and each of its examples, the examples whose passages are hard negatives.
#[derive(Default)]
pub(super) struct HardNegatives {
    pub groups: Vec<Vec<Vec<usize>>>,
}

/// Number of queries that are scored at a time.
const BLOCK_ROWS: usize = 512;

/// Number of nearest passages that are skipped, since they are often right answers too.
const SKIPPED_NEAREST: usize = 2;

/// Finds up to `count` hard negatives for each example.
pub(super) fn mine_negatives(
    table: &TrainingTable,
    examples: &TrainingExamples,
    count: usize,
    threads: usize,
) -> HardNegatives {
    HardNegatives { groups: examples.groups.iter().map(|group| mine_group(table, group, count, threads)).collect() }
}

fn mine_group(table: &TrainingTable, group: &ExampleGroup, count: usize, threads: usize) -> Vec<Vec<usize>> {
    let rows = group.examples.len();
    let passage = |at: usize| table.embed_passage(group.passages.get(at), group.paths.get(at));
    let passages = embed_rows(table, rows, threads, &passage).transposed();
    let mut found = Vec::with_capacity(rows);
    for first in (0..rows).step_by(BLOCK_ROWS) {
        let block = BLOCK_ROWS.min(rows - first);
        let query = |at: usize| table.embed(group.queries.get(first + at));
        let scores = multiply(&embed_rows(table, block, threads, &query), &passages, threads);
        found.extend((0..block).map(|at| nearest_negatives(group, first + at, scores.row(at), count)));
    }
    found
}

/// Ranks the passages that share neither a definition nor a text with the example, nearest first. Returns up to `count`
/// of them, after the first [`SKIPPED_NEAREST`].
fn nearest_negatives(group: &ExampleGroup, own: usize, scores: &[f32], count: usize) -> Vec<usize> {
    let identity = &group.examples[own].identity;
    let is_wrong = |at: &usize| group.examples[*at].identity.iter().zip(identity).all(|(one, other)| one != other);
    let mut order: Vec<usize> = (0..scores.len()).filter(is_wrong).collect();
    let wanted = (count + SKIPPED_NEAREST).min(order.len());
    let by_score = |one: &usize, other: &usize| scores[*other].total_cmp(&scores[*one]).then(one.cmp(other));
    if wanted > 0 && wanted < order.len() {
        order.select_nth_unstable_by(wanted - 1, by_score);
    }
    order.truncate(wanted);
    order.sort_unstable_by(by_score);
    order.split_off(SKIPPED_NEAREST.min(order.len()))
}
