//! Grouping of texts into batches.
//!
//! Texts are grouped by length. Unless the model fixes the number of rows, a batch is bounded by its number of tokens
//! including padding and by its memory, because time and memory depend on tokens.

use std::ops::Range;

/// Maximum share of padding in a batch that is not small. Ignored if the model fixes the number of rows or of tokens
/// per row.
const MAX_PADDING: f64 = 0.06;

/// Divisor of the token limit that gives the maximum size of a small batch. A small batch may have more padding.
const SMALL_BATCH_DIVISOR: usize = 8;

/// Maximum number of tokens in a small batch, regardless of the token limit.
const MAX_SMALL_BATCH_TOKENS: usize = 2_048;

/// The limits that a model's input shape and a device's memory set for a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchLimits {
    /// The maximum number of tokens, including padding.
    pub tokens: usize,
    /// Maximum size of the intermediate values in bytes, as estimated by [`intermediate_bytes`].
    pub bytes: u64,
    /// The model's hidden size, used to estimate the size of the intermediate values.
    pub width: usize,
    /// The number of rows, if the model fixes it.
    pub rows: Option<usize>,
    /// The number of tokens per row, if the model fixes it.
    pub row_tokens: Option<usize>,
}

/// Estimates the memory that the intermediate values of a batch take, in bytes.
///
/// The estimate counts a transformer's widest layer twice (10 × `width` values of four bytes per token) and
/// its attention scores twice, for heads of 32 dimensions.
pub fn intermediate_bytes(rows: usize, row_tokens: usize, width: usize) -> u64 {
    let [rows, row_tokens, width] = [rows, row_tokens, width].map(|number| number as u64);
    let layer = rows * row_tokens * width * 4 * 10;
    let attention = rows * (width / 32).max(1) * row_tokens * row_tokens * 4 * 2;
    layer + attention
}

impl BatchLimits {
    /// Returns whether a batch of this shape is within the limits. A single row always is. If the model fixes the
    /// number of rows, only that number counts.
    fn allows(&self, rows: usize, row_tokens: usize) -> bool {
        if let Some(max_rows) = self.rows {
            return rows <= max_rows;
        }
        rows <= 1
            || (rows * row_tokens <= self.tokens && intermediate_bytes(rows, row_tokens, self.width) <= self.bytes)
    }

    /// Returns the number of tokens in a batch, including padding.
    pub fn padded_tokens(&self, rows: usize, row_tokens: usize) -> usize {
        self.rows.unwrap_or(rows) * self.row_tokens.unwrap_or(row_tokens)
    }
}

/// Divides texts into batches, given their lengths in tokens in ascending order.
pub fn plan_batches(lengths: &[usize], limits: &BatchLimits) -> Vec<Range<usize>> {
    let mut batches = Vec::new();
    let (mut start, mut real) = (0, 0);
    for (at, length) in lengths.iter().enumerate() {
        let rows = at - start + 1;
        let padded = limits.padded_tokens(rows, *length);
        let padding = 1.0 - (real + length) as f64 / padded as f64;
        // A batch of a model with a fixed number of rows costs as many rows when it is cut short, and a fixed row as many
        // tokens.
        let is_wasteful = limits.rows.is_none()
            && limits.row_tokens.is_none()
            && padding > MAX_PADDING
            && real > (limits.tokens / SMALL_BATCH_DIVISOR).min(MAX_SMALL_BATCH_TOKENS);
        if rows > 1 && (!limits.allows(rows, *length) || is_wasteful) {
            batches.push(start..at);
            (start, real) = (at, 0);
        }
        real += length;
    }
    if start < lengths.len() {
        batches.push(start..lengths.len());
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: BatchLimits =
        BatchLimits { tokens: 4_096, bytes: u64::MAX, width: 384, rows: None, row_tokens: None };

    fn padding(lengths: &[usize], batches: &[Range<usize>]) -> f64 {
        let padded: usize = batches.iter().map(|batch| batch.len() * lengths[batch.end - 1]).sum();
        1.0 - lengths.iter().sum::<usize>() as f64 / padded as f64
    }

    #[test]
    fn batches_cover_every_text_once_within_the_limit_with_little_padding() {
        // A typical window: many short chunks, and a tail up to the model's maximum length.
        let mut lengths: Vec<usize> = (0..1_024).map(|at| 8 + (at * 7_919 % 250) * (at % 5) / 4).collect();
        lengths.sort_unstable();
        let batches = plan_batches(&lengths, &LIMITS);
        assert!(batches.iter().flat_map(Clone::clone).eq(0..lengths.len()));
        for batch in &batches {
            assert!(batch.len() * lengths[batch.end - 1] <= 4_096, "{batch:?}");
        }
        assert!(padding(&lengths, &batches) < 0.10, "{}", padding(&lengths, &batches));
        let large = plan_batches(&lengths, &BatchLimits { tokens: 1 << 17, ..LIMITS });
        assert!(large.len() < batches.len() && padding(&lengths, &large) < 0.10, "{}", padding(&lengths, &large));
    }

    #[test]
    fn a_text_above_the_limit_gets_its_own_batch() {
        assert_eq!(plan_batches(&[10, 9_000, 9_000], &LIMITS), [0..1, 1..2, 2..3]);
        assert!(plan_batches(&[], &LIMITS).is_empty());
    }

    #[test]
    fn memory_and_a_fixed_shape_limit_the_rows() {
        let tight = BatchLimits { bytes: intermediate_bytes(4, 100, 384), ..LIMITS };
        assert!(plan_batches(&[100; 10], &tight).iter().all(|batch| batch.len() <= 4));
        let fixed = BatchLimits { rows: Some(2), row_tokens: Some(16), ..LIMITS };
        assert_eq!(plan_batches(&[3, 4, 5, 16, 16], &fixed), [0..2, 2..4, 4..5]);
        assert_eq!(fixed.padded_tokens(1, 3), 32);
        // Rows that fill up a batch are no reason to end it.
        let fixed_rows = BatchLimits { rows: Some(32), ..LIMITS };
        let ends = |batches: Vec<Range<usize>>| batches.iter().map(|batch| batch.end).collect::<Vec<_>>();
        assert_eq!(ends(plan_batches(&[500; 40], &fixed_rows)), [32, 40]);
    }
}
