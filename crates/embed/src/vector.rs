//! Vector arithmetic used by all models.

pub mod quantized_matrix;

/// Scales `vector` to unit length (L2 norm 1) and returns its length before that.
///
/// If the length is zero or not finite, sets all values to zero and returns 0.
pub fn normalize(vector: &mut [f32]) -> f32 {
    let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    if length > 0.0 && length.is_finite() {
        vector.iter_mut().for_each(|value| *value /= length);
        length
    } else {
        vector.fill(0.0);
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_become_unit_length_or_zero() {
        for (mut vector, expected, length) in [
            ([3.0, 4.0], [0.6, 0.8], 5.0),
            ([0.0, 0.0], [0.0, 0.0], 0.0),
            ([f32::NAN, 1.0], [0.0, 0.0], 0.0),
            ([f32::INFINITY, 1.0], [0.0, 0.0], 0.0),
        ] {
            assert_eq!(normalize(&mut vector), length);
            assert!(vector.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{vector:?}");
        }
    }
}
