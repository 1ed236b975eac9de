//! Arithmetic on vectors that every model shares.

/// Scales `vector` to unit length (L2 norm 1). A vector of length zero, or with values that are not
/// finite, becomes all zeros.
pub fn normalize(vector: &mut [f32]) {
    let squared_length: f32 = vector.iter().map(|value| value * value).sum();
    if squared_length > 0.0 && squared_length.is_finite() {
        let scale = squared_length.sqrt().recip();
        vector.iter_mut().for_each(|value| *value *= scale);
    } else {
        vector.fill(0.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_become_unit_length_or_zero() {
        for (mut vector, expected) in [
            ([3.0, 4.0], [0.6, 0.8]),
            ([0.0, 0.0], [0.0, 0.0]),
            ([f32::NAN, 1.0], [0.0, 0.0]),
            ([f32::INFINITY, 1.0], [0.0, 0.0]),
        ] {
            normalize(&mut vector);
            assert!(vector.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{vector:?}");
        }
    }
}
