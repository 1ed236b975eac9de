//! The loss of a batch and its gradient with respect to the table's rows.
//!
//! The loss is a softmax cross entropy in both directions: of a query among all passages of the batch (van den
//! Oord, Li, Vinyals 2018), and of a passage among all queries. Every sum has a fixed order.

use crate::math::{DenseMatrix, add_scaled, as_f64, dot_in_fixed_order, for_row_ranges, multiply, round_to_f32};
use crate::table::{TokenWeights, TrainingTable};
use embed::PATH_SHARE;
use embed::vector::normalize;

/// The input of a training step. The first passages answer the queries, in the same order; further passages are hard
/// negatives.
pub(crate) struct TrainingBatch<'e> {
    pub queries: Vec<&'e TokenWeights>,
    pub passages: Vec<(&'e TokenWeights, &'e TokenWeights)>,
    /// For each query, the passages that are neither its answer nor its negatives.
    pub masked: Vec<Vec<usize>>,
}

/// The loss of a batch and its gradients with respect to the unscaled sums of the texts' rows.
pub(crate) struct BatchGradient {
    pub loss: f64,
    pub queries: DenseMatrix,
    pub passages: DenseMatrix,
    pub paths: DenseMatrix,
}

/// The unit vectors of texts, with the lengths of their unscaled sums.
struct TextVectors {
    unit: DenseMatrix,
    lengths: Vec<f32>,
}

impl TextVectors {
    fn embed<'b>(
        table: &TrainingTable,
        rows: usize,
        threads: usize,
        bag: impl Fn(usize) -> &'b TokenWeights + Sync,
    ) -> Self {
        // The length is stored as an additional column, so that each thread writes only to its own rows.
        let width = table.dimensions + 1;
        let mut both = DenseMatrix::zeros(rows, width);
        for_row_ranges(&mut both, threads, 1, |first, values| {
            for (at, row) in values.chunks_exact_mut(width).enumerate() {
                let (unit, length) = row.split_at_mut(width - 1);
                length[0] = table.embed_into(bag(first + at), unit);
            }
        });
        let lengths = (0..rows).map(|at| both.row(at)[width - 1]).collect();
        let mut unit = DenseMatrix::zeros(rows, width - 1);
        for at in 0..rows {
            unit.row_mut(at).copy_from_slice(&both.row(at)[..width - 1]);
        }
        Self { unit, lengths }
    }

    /// Converts the gradient with respect to the unit vectors to the gradient with respect to the unscaled sums, in
    /// place.
    fn backpropagate(&self, gradient: &mut DenseMatrix, threads: usize) {
        let width = gradient.width;
        for_row_ranges(gradient, threads, 1, |first, values| {
            for (at, row) in values.chunks_exact_mut(width).enumerate() {
                backpropagate_scaling(row, self.unit.row(first + at), self.lengths[first + at]);
            }
        });
    }
}

/// Multiplies `gradient` by the derivative of x / |x|, where `unit` is x / |x| and `length` is |x|.
fn backpropagate_scaling(gradient: &mut [f32], unit: &[f32], length: f32) {
    if length == 0.0 {
        return gradient.fill(0.0);
    }
    let along = dot_in_fixed_order(gradient, unit);
    for (value, part) in gradient.iter_mut().zip(unit) {
        *value = (*value - along * part) / length;
    }
}

/// Computes the loss of a batch and its gradient.
pub(crate) fn compute_gradient(
    table: &TrainingTable,
    batch: &TrainingBatch<'_>,
    temperature: f32,
    threads: usize,
) -> BatchGradient {
    let count = batch.passages.len();
    let queries = TextVectors::embed(table, batch.queries.len(), threads, |at| batch.queries[at]);
    let passages = TextVectors::embed(table, count, threads, |at| batch.passages[at].0);
    let paths = TextVectors::embed(table, count, threads, |at| batch.passages[at].1);
    let joined = add_paths(&passages, &paths);
    let mut scores = multiply(&queries.unit, &joined.unit.transposed(), threads);
    let loss = differentiate_loss(&mut scores, &batch.masked, temperature, threads);
    let mut query_gradient = multiply(&scores, &joined.unit, threads);
    let mut joined_gradient = multiply(&scores.transposed(), &queries.unit, threads);
    queries.backpropagate(&mut query_gradient, threads);
    joined.backpropagate(&mut joined_gradient, threads);
    let mut path_gradient = joined_gradient.clone();
    path_gradient.values.iter_mut().for_each(|value| *value *= PATH_SHARE);
    passages.backpropagate(&mut joined_gradient, threads);
    paths.backpropagate(&mut path_gradient, threads);
    BatchGradient { loss, queries: query_gradient, passages: joined_gradient, paths: path_gradient }
}

/// Adds the path vectors to the passage vectors like [`embed::add_path_vector`].
fn add_paths(passages: &TextVectors, paths: &TextVectors) -> TextVectors {
    let mut unit = passages.unit.clone();
    let mut lengths = Vec::with_capacity(passages.lengths.len());
    for at in 0..unit.rows() {
        let row = unit.row_mut(at);
        add_scaled(row, PATH_SHARE, paths.unit.row(at));
        lengths.push(normalize(row));
    }
    TextVectors { unit, lengths }
}

/// Replaces the cosines in `scores` by the gradient of the loss with respect to them; returns the loss.
fn differentiate_loss(scores: &mut DenseMatrix, masked: &[Vec<usize>], temperature: f32, threads: usize) -> f64 {
    let (rows, width) = (scores.rows(), scores.width);
    let right: Vec<f32> = (0..rows).map(|at| scores.row(at)[at] / temperature).collect();
    // No cosine exceeds 1, so no exponent exceeds 0.
    for_row_ranges(scores, threads, 1, |first, values| {
        for (at, row) in values.chunks_exact_mut(width).enumerate() {
            row.iter_mut().for_each(|score| *score = ((*score - 1.0) / temperature).exp());
            masked[first + at].iter().for_each(|column| row[*column] = 0.0);
        }
    });
    let by_row: Vec<f32> = (0..rows).map(|at| scores.row(at).iter().sum()).collect();
    let mut by_column = vec![0.0_f32; rows];
    for at in 0..rows {
        add_scaled(&mut by_column, 1.0, &scores.row(at)[..rows]);
    }
    let one_way = |sum: f32, at: usize| f64::from(sum.ln() + temperature.recip() - right[at]);
    let loss: f64 = (0..rows).map(|at| one_way(by_row[at], at) + one_way(by_column[at], at)).sum();
    let share = round_to_f32((2.0 * as_f64(rows) * f64::from(temperature)).recip());
    for_row_ranges(scores, threads, 1, |first, values| {
        for (at, row) in values.chunks_exact_mut(width).enumerate() {
            let own = by_row[first + at].recip();
            let (among, beyond) = row.split_at_mut(rows);
            for (value, column) in among.iter_mut().zip(&by_column) {
                *value *= share * (own + column.recip());
            }
            beyond.iter_mut().for_each(|value| *value *= share * own);
            row[first + at] -= 2.0 * share;
        }
    });
    loss / (2.0 * as_f64(rows))
}
