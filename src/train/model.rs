//! The table in training: one f32 row a token, and texts' vectors from it.
//!
//! Invariant: a text's vector is what [`crate::embed::static_model`] makes of the same rows, and a
//! passage with a path is joined as [`crate::embed::with_path`] does it.

use super::dense::add_scaled;
use crate::embed::static_model::{ModelError, StaticModel, encode};
use crate::embed::with_path;

/// Tokens of a text with their weights in it.
pub type Bag = [(u32, f32)];

/// A row for each token.
#[derive(Clone)]
pub struct Table {
    tokens: Vec<String>,
    pub(super) dimensions: usize,
    pub(super) rows: Vec<f32>,
    /// The rows that training began with.
    pub(super) start: Vec<f32>,
}

/// The root mean square of a fresh table's rows' lengths: so a step of the optimizer has one size
/// whatever artifact it begins with.
const MEAN_LENGTH: f64 = 1.0;

impl Table {
    /// The rows of a model, all multiplied by one factor, which changes no text's vector.
    pub fn of(model: &StaticModel) -> Self {
        let tokens: Vec<String> = model.tokens().map(str::to_owned).collect();
        let mut rows = model.rows();
        let dimensions = rows.len() / tokens.len();
        let square: f64 = rows.iter().map(|value| f64::from(*value) * f64::from(*value)).sum();
        if square > 0.0 {
            let factor = MEAN_LENGTH / (square / as_f64(tokens.len())).sqrt();
            rows.iter_mut().for_each(|value| *value = as_f32(f64::from(*value) * factor));
        }
        Self { tokens, dimensions, start: rows.clone(), rows }
    }

    pub fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// A token's row.
    pub fn row(&self, token: u32) -> &[f32] {
        let start = token as usize * self.dimensions;
        &self.rows[start..start + self.dimensions]
    }

    /// The table between the start (0) and this one (1).
    #[must_use]
    pub fn between(&self, share: f32) -> Self {
        let mix = |(row, start): (&f32, &f32)| start + share * (row - start);
        let rows = self.rows.iter().zip(&self.start).map(mix).collect();
        Self { rows, ..self.clone() }
    }

    /// The artifact of the rows.
    ///
    /// # Errors
    ///
    /// When the table does not fit the format.
    pub fn artifact(&self, version: u32) -> Result<Vec<u8>, ModelError> {
        let tokens: Vec<&str> = self.tokens.iter().map(String::as_str).collect();
        encode(&tokens, &self.rows, self.dimensions, version)
    }

    /// Puts Σ weight × row into `out`, brought to unit length; returns the length before.
    pub fn embed_into(&self, bag: &Bag, out: &mut [f32]) -> f32 {
        out.fill(0.0);
        for &(token, weight) in bag {
            add_scaled(out, weight, self.row(token));
        }
        let length = out.iter().map(|value| value * value).sum::<f32>().sqrt();
        if length > 0.0 && length.is_finite() {
            out.iter_mut().for_each(|value| *value /= length);
            length
        } else {
            out.fill(0.0);
            0.0
        }
    }

    /// The vector of one text.
    pub fn embed(&self, bag: &Bag) -> Vec<f32> {
        let mut out = vec![0.0; self.dimensions];
        self.embed_into(bag, &mut out);
        out
    }

    /// The vector of a passage with its path's; an empty path adds nothing.
    pub fn embed_passage(&self, passage: &Bag, path: &Bag) -> Vec<f32> {
        let mut out = self.embed(passage);
        with_path(&mut out, &self.embed(path));
        out
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
pub(super) fn as_f64(count: usize) -> f64 {
    count as f64
}

#[expect(clippy::cast_possible_truncation, reason = "single precision is what the table has")]
pub(super) fn as_f32(value: f64) -> f32 {
    value as f32
}
