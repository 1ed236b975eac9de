//! Which texts go through the model together.
//!
//! Texts are taken by length, and a batch is bounded by its tokens with padding, not by its rows:
//! that is what time and memory go by. Must never import anything of this crate.

use std::ops::Range;

/// A batch ends where its padding would pass this share, unless it is still small.
const MOST_PADDING: f64 = 0.06;

/// A batch below this part of the limit may have more, …
const SMALL: usize = 8;

/// … and so many tokens at most.
const MOST_SMALL: usize = 2_048;

/// What a model's shape or a device's memory leaves for a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Tokens with padding.
    pub tokens: usize,
    /// Bytes of a batch's intermediate values; see [`bytes`].
    pub bytes: u64,
    /// Width of the model, from which those are guessed.
    pub width: usize,
    /// Rows the model insists on.
    pub rows: Option<usize>,
    /// Tokens a row it insists on.
    pub row_tokens: Option<usize>,
}

/// What the intermediate values of a batch may take: a transformer's widest layer, twice, and its
/// attention, for heads of 32.
pub fn bytes(rows: usize, row_tokens: usize, width: usize) -> u64 {
    let [rows, row_tokens, width] = [rows, row_tokens, width].map(|number| number as u64);
    let layer = rows * row_tokens * width * 4 * 10;
    let attention = rows * (width / 32).max(1) * row_tokens * row_tokens * 4 * 2;
    layer + attention
}

impl Limits {
    /// Whether so many rows of so many tokens may go together. One row always may.
    fn allow(&self, rows: usize, row_tokens: usize) -> bool {
        if let Some(most) = self.rows {
            return rows <= most;
        }
        rows <= 1 || (rows * row_tokens <= self.tokens && bytes(rows, row_tokens, self.width) <= self.bytes)
    }

    /// Tokens with padding of a batch.
    pub fn padded(&self, rows: usize, row_tokens: usize) -> usize {
        self.rows.unwrap_or(rows) * self.row_tokens.unwrap_or(row_tokens)
    }
}

/// Cuts texts, whose lengths in tokens rise, into batches.
pub fn plan(lengths: &[usize], limits: &Limits) -> Vec<Range<usize>> {
    let mut batches = Vec::new();
    let (mut start, mut real) = (0, 0);
    for (at, length) in lengths.iter().enumerate() {
        let rows = at - start + 1;
        let padded = limits.padded(rows, *length);
        let padding = 1.0 - (real + length) as f64 / padded as f64;
        let is_wasteful =
            limits.row_tokens.is_none() && padding > MOST_PADDING && real > (limits.tokens / SMALL).min(MOST_SMALL);
        if rows > 1 && (!limits.allow(rows, *length) || is_wasteful) {
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

    const LIMITS: Limits = Limits { tokens: 4_096, bytes: u64::MAX, width: 384, rows: None, row_tokens: None };

    fn padding(lengths: &[usize], batches: &[Range<usize>]) -> f64 {
        let padded: usize = batches.iter().map(|batch| batch.len() * lengths[batch.end - 1]).sum();
        1.0 - lengths.iter().sum::<usize>() as f64 / padded as f64
    }

    #[test]
    fn batches_hold_every_text_once_within_the_limit_and_pad_little() {
        // A window as the pipeline hands on: many short chunks, a tail up to the model's length.
        let mut lengths: Vec<usize> = (0..1_024).map(|at| 8 + (at * 7_919 % 250) * (at % 5) / 4).collect();
        lengths.sort_unstable();
        let batches = plan(&lengths, &LIMITS);
        assert!(batches.iter().flat_map(Clone::clone).eq(0..lengths.len()));
        for batch in &batches {
            assert!(batch.len() * lengths[batch.end - 1] <= 4_096, "{batch:?}");
        }
        assert!(padding(&lengths, &batches) < 0.10, "{}", padding(&lengths, &batches));
        let large = plan(&lengths, &Limits { tokens: 1 << 17, ..LIMITS });
        assert!(large.len() < batches.len() && padding(&lengths, &large) < 0.10, "{}", padding(&lengths, &large));
    }

    #[test]
    fn one_text_too_long_for_the_limit_goes_alone() {
        assert_eq!(plan(&[10, 9_000, 9_000], &LIMITS), [0..1, 1..2, 2..3]);
        assert!(plan(&[], &LIMITS).is_empty());
    }

    #[test]
    fn memory_and_a_fixed_shape_bound_the_rows() {
        let tight = Limits { bytes: bytes(4, 100, 384), ..LIMITS };
        assert!(plan(&[100; 10], &tight).iter().all(|batch| batch.len() <= 4));
        let fixed = Limits { rows: Some(2), row_tokens: Some(16), ..LIMITS };
        assert_eq!(plan(&[3, 4, 5, 16, 16], &fixed), [0..2, 2..4, 4..5]);
        assert_eq!(fixed.padded(1, 3), 32);
    }
}
