//! The table behind a model: what training reads of it, and how a new one is written.
//!
//! Invariant: what [`encode`] writes opens, with the same tokens and with rows that differ from those
//! given by rounding and one common factor. Must never import anything but its parent module.

use super::{Buffers, MAGIC, MAX_DIMENSIONS, MAX_TOKENS, ModelError, StaticModel};

impl StaticModel {
    /// The tokens, ascending.
    pub fn tokens(&self) -> impl Iterator<Item = &str> {
        let block = std::str::from_utf8(&self.tokens.block).unwrap_or_default();
        block.split('\n')
    }

    /// The vectors of all tokens, one after another, as they are: not of unit length.
    pub fn rows(&self) -> Vec<f32> {
        let rows = self.bytes[self.rows_at..].chunks_exact(self.dimensions).zip(&self.scales);
        rows.flat_map(|(row, scale)| row.iter().map(move |byte| scale * f32::from(byte.cast_signed()))).collect()
    }

    /// The tokens of each text and how much each of them weighs in it: the text's vector is the sum of
    /// weight × row, brought to unit length.
    pub fn weighted_tokens(&self, texts: &[&str]) -> Vec<Vec<(u32, f32)>> {
        let (mut tally, mut buffers) = (self.tally(), Buffers::default());
        texts.iter().map(|text| Self::bag(text, &mut buffers, &mut tally).0).collect()
    }
}

/// The artifact of these tokens, ascending and distinct, with one row each, given one after another.
/// A value that is not finite counts as zero.
///
/// # Errors
///
/// When there are too many tokens or dimensions for the format, or another number of rows than of tokens.
pub fn encode(tokens: &[&str], rows: &[f32], dimensions: usize, version: u32) -> Result<Vec<u8>, ModelError> {
    let range = |what, value: usize| ModelError::Range { what, value: u32::try_from(value).unwrap_or(u32::MAX) };
    if dimensions == 0 || dimensions > MAX_DIMENSIONS {
        return Err(range("dimensions", dimensions));
    }
    if tokens.is_empty() || tokens.len() > MAX_TOKENS || rows.len() != tokens.len() * dimensions {
        return Err(range("count", rows.len() / dimensions));
    }
    let block = tokens.join("\n");
    let mut artifact = MAGIC.to_vec();
    for (what, field) in [("count", tokens.len()), ("dimensions", dimensions), ("token block", block.len())] {
        artifact.extend(u32::try_from(field).map_err(|_| range(what, field))?.to_le_bytes());
    }
    artifact.extend(version.to_le_bytes());
    artifact.extend(block.as_bytes());
    // Lengths only matter relative to each other; the longest component of all becomes 1.
    let highest = rows.iter().fold(f32::MIN_POSITIVE, |highest, value| highest.max(size_of_value(*value)));
    let peaks = rows
        .chunks_exact(dimensions)
        .map(|row| row.iter().fold(0.0_f32, |peak, value| peak.max(size_of_value(*value))));
    let peaks: Vec<f32> = peaks.collect();
    artifact.extend(peaks.iter().flat_map(|peak| (peak / highest / 127.0).to_le_bytes()));
    for (row, peak) in rows.chunks_exact(dimensions).zip(peaks) {
        artifact.extend(row.iter().map(|value| quantized(*value, peak)));
    }
    Ok(artifact)
}

fn size_of_value(value: f32) -> f32 {
    if value.is_finite() { value.abs() } else { 0.0 }
}

/// `value` as a share of `peak` in 127ths.
#[expect(clippy::cast_possible_truncation, reason = "from -127 to 127; what is not a number becomes 0")]
fn quantized(value: f32, peak: f32) -> u8 {
    let share = if peak > 0.0 { value / peak } else { 0.0 };
    ((share * 127.0).round() as i8).cast_unsigned()
}
