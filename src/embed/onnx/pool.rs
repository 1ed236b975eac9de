//! The vectors of a text's tokens become one.
//!
//! Must never import: anything of this crate but `embed::models`.

use crate::embed::models::{Description, Pooling};

/// What was given for a batch: a vector a token, or with [`Pooling::None`] one a row.
pub struct Hidden<'a> {
    pub values: &'a [f32],
    /// Tokens a row, with padding.
    pub row_tokens: usize,
    pub width: usize,
    pub pooling: Pooling,
}

/// The vector of the row at `row`, whose first `tokens` are no padding.
pub fn pooled(hidden: &Hidden<'_>, row: usize, tokens: usize, model: &Description) -> Vec<f32> {
    let width = hidden.width;
    let token = |at: usize| {
        let start = (row * hidden.row_tokens + at) * width;
        &hidden.values[start..start + width]
    };
    let mut vector = match hidden.pooling {
        Pooling::None => hidden.values[row * width..(row + 1) * width].to_vec(),
        Pooling::Cls => token(0).to_vec(),
        Pooling::Last => token(tokens.saturating_sub(1)).to_vec(),
        Pooling::Mean => {
            let mut sum = vec![0.0; width];
            for at in 0..tokens {
                sum.iter_mut().zip(token(at)).for_each(|(sum, value)| *sum += value);
            }
            let scale = (tokens.max(1) as f32).recip();
            sum.iter_mut().for_each(|value| *value *= scale);
            sum
        }
    };
    vector.truncate(model.width());
    if model.normalize {
        normalize(&mut vector);
    }
    vector
}

/// Scales to unit length; what is zero, or no number, becomes all zeros.
pub fn normalize(vector: &mut [f32]) {
    let square: f32 = vector.iter().map(|value| value * value).sum();
    let scale = if square > 0.0 && square.is_finite() { square.sqrt().recip() } else { 0.0 };
    vector.iter_mut().for_each(|value| *value = if scale > 0.0 { *value * scale } else { 0.0 });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_is_left_out_and_dimensions_are_cut_before_the_length() {
        let values = [3.0, 0.0, 0.0, 4.0, 9.0, 9.0, 1.0, 0.0, 2.0, 2.0, 9.0, 9.0];
        let model = Description { dimensions: 2, normalize: false, ..Description::default() };
        let hidden = |pooling| Hidden { values: &values, row_tokens: 3, width: 2, pooling };
        assert_eq!(pooled(&hidden(Pooling::Mean), 0, 2, &model), [1.5, 2.0]);
        assert_eq!(pooled(&hidden(Pooling::Cls), 1, 2, &model), [1.0, 0.0]);
        assert_eq!(pooled(&hidden(Pooling::Last), 0, 2, &model), [0.0, 4.0]);
        assert_eq!(pooled(&hidden(Pooling::None), 2, 2, &model), [9.0, 9.0]);
        let cut = Description { truncate_to: Some(1), normalize: true, ..model };
        assert_eq!(pooled(&hidden(Pooling::Mean), 0, 2, &cut), [1.0]);
    }

    #[test]
    fn a_vector_without_length_stays_zero() {
        for mut vector in [vec![0.0, 0.0], vec![f32::NAN, 1.0], vec![f32::INFINITY, 1.0]] {
            normalize(&mut vector);
            assert_eq!(vector, [0.0, 0.0]);
        }
    }
}
