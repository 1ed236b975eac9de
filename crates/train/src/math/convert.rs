//! Number conversions that may lose precision but cause no other error.

#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
pub(crate) fn as_f64(count: usize) -> f64 {
    count as f64
}

#[expect(clippy::cast_possible_truncation, reason = "the table has single precision")]
pub(crate) fn round_to_f32(value: f64) -> f32 {
    value as f32
}
