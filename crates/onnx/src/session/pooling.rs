//! Pooling: reduces the vectors of a text's tokens to one vector.

use embed::vector::normalize;
use hub::{ModelDescription, Pooling};

/// The model's output for a batch: `[rows, tokens, width]`, or with [`Pooling::None`] `[rows, width]`,
/// row-major.
pub struct HiddenStates<'a> {
    pub values: &'a [f32],
    /// The number of tokens per row, including padding.
    pub row_tokens: usize,
    pub width: usize,
    pub pooling: Pooling,
}

/// Returns the vector of row `row`, whose first `tokens` tokens are not padding. Truncates and normalizes the vector
/// according to the model's description.
pub fn pool_row(hidden: &HiddenStates<'_>, row: usize, tokens: usize, model: &ModelDescription) -> Vec<f32> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_is_ignored_and_truncation_precedes_normalization() {
        let values = [3.0, 0.0, 0.0, 4.0, 9.0, 9.0, 1.0, 0.0, 2.0, 2.0, 9.0, 9.0];
        let model = ModelDescription { dimensions: 2, normalize: false, ..ModelDescription::default() };
        let hidden = |pooling| HiddenStates { values: &values, row_tokens: 3, width: 2, pooling };
        assert_eq!(pool_row(&hidden(Pooling::Mean), 0, 2, &model), [1.5, 2.0]);
        assert_eq!(pool_row(&hidden(Pooling::Cls), 1, 2, &model), [1.0, 0.0]);
        assert_eq!(pool_row(&hidden(Pooling::Last), 0, 2, &model), [0.0, 4.0]);
        assert_eq!(pool_row(&hidden(Pooling::None), 2, 2, &model), [9.0, 9.0]);
        let cut = ModelDescription { truncate_to: Some(1), normalize: true, ..model };
        assert_eq!(pool_row(&hidden(Pooling::Mean), 0, 2, &cut), [1.0]);
    }
}
