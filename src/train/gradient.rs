//! The loss of a batch and its gradient by the table's rows.
//!
//! The loss is a softmax cross entropy both ways: a question among all passages of the batch (van den
//! Oord, Li, Vinyals 2018), and a passage among all questions. Invariant: every sum has one order.

use super::dense::{Matrix, add_scaled, dot, over_rows, product};
use super::model::{Bag, Table, as_f32, as_f64};
use crate::embed::PATH_SHARE;

/// What one step learns from. The first passages belong to the questions, in order; more are answers to
/// none of them.
pub(super) struct Batch<'e> {
    pub queries: Vec<&'e Bag>,
    pub passages: Vec<(&'e Bag, &'e Bag)>,
    /// For each question, the passages that are neither right nor wrong.
    pub masked: Vec<Vec<usize>>,
}

/// Gradients by the sums that texts' vectors are made of, before their lengths are taken away.
pub(super) struct Gradient {
    pub loss: f64,
    pub queries: Matrix,
    pub passages: Matrix,
    pub paths: Matrix,
}

/// Texts' vectors with the lengths they had.
struct Texts {
    unit: Matrix,
    lengths: Vec<f32>,
}

impl Texts {
    fn of<'b>(table: &Table, rows: usize, threads: usize, bag: impl Fn(usize) -> &'b Bag + Sync) -> Self {
        // The length is one more column, so that a thread writes to its own rows only.
        let width = table.dimensions + 1;
        let mut both = Matrix::zeros(rows, width);
        over_rows(&mut both, threads, 1, |first, values| {
            for (at, row) in values.chunks_exact_mut(width).enumerate() {
                let (unit, length) = row.split_at_mut(width - 1);
                length[0] = table.embed_into(bag(first + at), unit);
            }
        });
        let lengths = (0..rows).map(|at| both.row(at)[width - 1]).collect();
        let mut unit = Matrix::zeros(rows, width - 1);
        for at in 0..rows {
            unit.row_mut(at).copy_from_slice(&both.row(at)[..width - 1]);
        }
        Self { unit, lengths }
    }

    /// The gradient by the sums, from the one by the unit vectors, in place.
    fn backward(&self, gradient: &mut Matrix, threads: usize) {
        let width = gradient.width;
        over_rows(gradient, threads, 1, |first, values| {
            for (at, row) in values.chunks_exact_mut(width).enumerate() {
                through_length(row, self.unit.row(first + at), self.lengths[first + at]);
            }
        });
    }
}

/// d/dx of x / |x|, applied to `gradient`, where `unit` is x / |x|.
fn through_length(gradient: &mut [f32], unit: &[f32], length: f32) {
    if length == 0.0 {
        return gradient.fill(0.0);
    }
    let along = dot(gradient, unit);
    for (value, part) in gradient.iter_mut().zip(unit) {
        *value = (*value - along * part) / length;
    }
}

/// The loss of a batch and its gradient.
pub(super) fn gradient(table: &Table, batch: &Batch<'_>, temperature: f32, threads: usize) -> Gradient {
    let count = batch.passages.len();
    let queries = Texts::of(table, batch.queries.len(), threads, |at| batch.queries[at]);
    let passages = Texts::of(table, count, threads, |at| batch.passages[at].0);
    let paths = Texts::of(table, count, threads, |at| batch.passages[at].1);
    let joined = joined(&passages, &paths);
    let mut scores = product(&queries.unit, &joined.unit.transposed(), threads);
    let loss = softmax(&mut scores, &batch.masked, temperature, threads);
    let mut of_queries = product(&scores, &joined.unit, threads);
    let mut of_joined = product(&scores.transposed(), &queries.unit, threads);
    queries.backward(&mut of_queries, threads);
    joined.backward(&mut of_joined, threads);
    let mut of_paths = of_joined.clone();
    of_paths.values.iter_mut().for_each(|value| *value *= PATH_SHARE);
    passages.backward(&mut of_joined, threads);
    paths.backward(&mut of_paths, threads);
    Gradient { loss, queries: of_queries, passages: of_joined, paths: of_paths }
}

/// As [`crate::embed::with_path`].
fn joined(passages: &Texts, paths: &Texts) -> Texts {
    let mut unit = passages.unit.clone();
    let mut lengths = Vec::with_capacity(passages.lengths.len());
    for at in 0..unit.rows() {
        let row = unit.row_mut(at);
        add_scaled(row, PATH_SHARE, paths.unit.row(at));
        let length = row.iter().map(|value| value * value).sum::<f32>().sqrt();
        if length > 0.0 {
            row.iter_mut().for_each(|value| *value /= length);
        }
        lengths.push(length);
    }
    Texts { unit, lengths }
}

/// Replaces cosines by the gradient of the loss by them, and returns the loss.
fn softmax(scores: &mut Matrix, masked: &[Vec<usize>], temperature: f32, threads: usize) -> f64 {
    let (rows, width) = (scores.rows(), scores.width);
    let right: Vec<f32> = (0..rows).map(|at| scores.row(at)[at] / temperature).collect();
    // No cosine is above 1, so no exponent is above 0.
    over_rows(scores, threads, 1, |first, values| {
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
    let share = as_f32((2.0 * as_f64(rows) * f64::from(temperature)).recip());
    over_rows(scores, threads, 1, |first, values| {
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
