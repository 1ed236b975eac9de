//! The table in training, with one f32 row per token, and the vectors of texts computed from it.
//!
//! The vector of a text equals the one that [`embed::static_model`] computes from the same rows, up to rounding. A
//! passage and its path are combined as in [`embed::add_path_vector`].

use crate::math::{add_scaled, as_f64, round_to_f32};
use embed::add_path_vector;
use embed::static_model::{StaticModel, StaticModelError, encode_model};
use embed::vector::normalize;

/// The version number of all models made by training.
pub const MODEL_VERSION: u32 = 2;

/// The tokens of a text with their weights.
pub type TokenWeights = [(u32, f32)];

/// The rows of all tokens: `[tokens, dimensions]`, row-major.
#[derive(Clone)]
pub struct TrainingTable {
    tokens: Vec<String>,
    pub(crate) dimensions: usize,
    pub(crate) rows: Vec<f32>,
    /// The rows before training.
    pub(crate) start: Vec<f32>,
}

/// Root mean square of the initial rows' lengths. All models are scaled to it, so that the optimizer's steps have the
/// same relative size for every model.
const INITIAL_ROW_LENGTH: f64 = 1.0;

impl TrainingTable {
    /// Creates a table with the rows of a model, all multiplied by one factor, which changes no text's vector except
    /// for rounding.
    pub fn from_model(model: &StaticModel) -> Self {
        let tokens: Vec<String> = model.tokens().map(str::to_owned).collect();
        let mut rows = model.rows();
        let dimensions = rows.len() / tokens.len();
        let square: f64 = rows.iter().map(|value| f64::from(*value) * f64::from(*value)).sum();
        if square > 0.0 {
            let factor = INITIAL_ROW_LENGTH / (square / as_f64(tokens.len())).sqrt();
            rows.iter_mut().for_each(|value| *value = round_to_f32(f64::from(*value) * factor));
        }
        Self { tokens, dimensions, start: rows.clone(), rows }
    }

    pub fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// Returns the row of a token.
    pub fn row(&self, token: u32) -> &[f32] {
        let start = token as usize * self.dimensions;
        &self.rows[start..start + self.dimensions]
    }

    /// Returns an interpolation between the initial table (`share` 0) and this one (`share` 1).
    #[must_use]
    pub fn interpolate(&self, share: f32) -> Self {
        let mix = |(row, start): (&f32, &f32)| start + share * (row - start);
        let rows = self.rows.iter().zip(&self.start).map(mix).collect();
        Self { rows, ..self.clone() }
    }

    /// Encodes the rows as an artifact.
    ///
    /// # Errors
    ///
    /// Fails if the table does not fit the format.
    pub fn encode_artifact(&self, version: u32) -> Result<Vec<u8>, StaticModelError> {
        let tokens: Vec<&str> = self.tokens.iter().map(String::as_str).collect();
        encode_model(&tokens, &self.rows, self.dimensions, version)
    }

    /// Writes Σ weight × row, scaled to unit length, to `out`; returns the length before scaling.
    pub fn embed_into(&self, bag: &TokenWeights, out: &mut [f32]) -> f32 {
        out.fill(0.0);
        for &(token, weight) in bag {
            add_scaled(out, weight, self.row(token));
        }
        normalize(out)
    }

    /// Returns the vector of a text.
    pub fn embed(&self, bag: &TokenWeights) -> Vec<f32> {
        let mut out = vec![0.0; self.dimensions];
        self.embed_into(bag, &mut out);
        out
    }

    /// Returns the combined vector of a passage and its path; an empty path adds nothing.
    pub fn embed_passage(&self, passage: &TokenWeights, path: &TokenWeights) -> Vec<f32> {
        let mut out = self.embed(passage);
        add_path_vector(&mut out, &self.embed(path));
        out
    }
}
