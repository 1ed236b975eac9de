//! Access to a model's table for training, and writing a new artifact.
//!
//! An artifact written by [`encode_model`] opens with the same tokens; its rows differ from the given ones by
//! rounding and one common factor.

use super::format::{ARTIFACT_FORMAT, MAX_DIMENSIONS, MAX_TOKENS, StaticModelError};
use super::model::StaticModel;
use text::words::SplitBuffers;

impl StaticModel {
    /// Returns the tokens in ascending order.
    pub fn tokens(&self) -> impl Iterator<Item = &str> {
        let block = std::str::from_utf8(&self.tokens.block).expect("the block was checked when the model was opened");
        block.split('\n')
    }

    /// Returns the vectors of all tokens, not scaled to unit length: `[tokens, dimensions]`, row-major.
    pub fn rows(&self) -> Vec<f32> {
        // There are as many scales as rows, so `zip` leaves out the checksum that follows the rows.
        let rows = self.bytes[self.rows_at..].chunks_exact(self.dimensions).zip(&self.scales);
        rows.flat_map(|(row, scale)| row.iter().map(move |byte| scale * f32::from(byte.cast_signed()))).collect()
    }

    /// Returns the tokens of each text with their weights in it. The vector of a text is the sum of weight ×
    /// row, scaled to unit length.
    pub fn weighted_tokens(&self, texts: &[&str]) -> Vec<Vec<(u32, f32)>> {
        let (mut counter, mut buffers) = (self.word_counter(), SplitBuffers::default());
        texts.iter().map(|text| Self::count_words(text, &mut buffers, &mut counter).0).collect()
    }
}

/// Returns the artifact with these tokens, ascending and distinct, and their rows: `[tokens, dimensions]`, row-major.
/// `version` must be at least 1.
///
/// # Errors
///
/// Fails if there are no or too many tokens or dimensions for the format, if the number of rows differs from the number
/// of tokens, or if a value is not finite.
pub fn encode_model(
    tokens: &[&str],
    rows: &[f32],
    dimensions: usize,
    version: u32,
) -> Result<Vec<u8>, StaticModelError> {
    let range = |what, value: usize| StaticModelError::Range { what, value: value as u64 };
    if dimensions == 0 || dimensions > MAX_DIMENSIONS {
        return Err(range("dimensions", dimensions));
    }
    if tokens.is_empty() || tokens.len() > MAX_TOKENS || rows.len() != tokens.len() * dimensions {
        return Err(range("count", rows.len() / dimensions));
    }
    if let Some(at) = rows.iter().position(|value| !value.is_finite()) {
        return Err(StaticModelError::Value { token: at / dimensions });
    }
    let block = tokens.join("\n");
    let mut artifact = Vec::new();
    for (what, field) in [("count", tokens.len()), ("dimensions", dimensions), ("token block", block.len())] {
        artifact.extend(u32::try_from(field).map_err(|_| range(what, field))?.to_le_bytes());
    }
    artifact.extend(version.to_le_bytes());
    artifact.extend(block.as_bytes());
    // Only the ratios of lengths matter, so the largest component of all rows is scaled to 1.
    let highest = rows.iter().fold(f32::MIN_POSITIVE, |highest, value| highest.max(value.abs()));
    let peak = |row: &[f32]| row.iter().fold(0.0_f32, |peak, value| peak.max(value.abs()));
    let peaks: Vec<f32> = rows.chunks_exact(dimensions).map(peak).collect();
    artifact.extend(peaks.iter().flat_map(|peak| (peak / highest / 127.0).to_le_bytes()));
    for (row, peak) in rows.chunks_exact(dimensions).zip(peaks) {
        artifact.extend(row.iter().map(|value| quantize_to_int8(*value, peak)));
    }
    Ok(ARTIFACT_FORMAT.seal(&artifact))
}

/// Returns 127 × `value` / `peak`, rounded to an integer.
#[expect(clippy::cast_possible_truncation, reason = "from -127 to 127")]
fn quantize_to_int8(value: f32, peak: f32) -> u8 {
    let share = if peak > 0.0 { value / peak } else { 0.0 };
    ((share * 127.0).round() as i8).cast_unsigned()
}
