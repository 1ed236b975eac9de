//! The learned weights of the ranking.

use std::sync::LazyLock;

use super::features::{FEATURE_COUNT, Feature, Features};
use crate::query::terms::QueryTerms;

/// The weight of each feature, indexed by [`Feature`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FeatureWeights(pub [f32; FEATURE_COUNT]);

/// The weights of the ranking, for two classes of queries.
///
/// Queries for a name need other weights, because the file that defines the exact name is right wherever it lies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RankingWeights {
    /// The weights for queries that are a name or a path.
    pub names: FeatureWeights,
    pub words: FeatureWeights,
}

/// The error for a line of a weights file that has another form.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{line:?} is not a feature name and two weights")]
pub struct InvalidWeights {
    pub line: String,
}

impl FeatureWeights {
    /// Returns the score of a file with these features.
    pub fn score(&self, features: &Features) -> f32 {
        self.0.iter().zip(&features.0).map(|(weight, value)| weight * value).sum()
    }
}

impl RankingWeights {
    /// Parses weights: lines with a feature's name, its weight for names and its weight for words.
    ///
    /// A feature without a line weighs 0; lines that start with `#` are comments.
    ///
    /// # Errors
    /// If a line has another form.
    pub fn parse(text: &str) -> Result<Self, InvalidWeights> {
        let mut weights =
            Self { names: FeatureWeights([0.0; FEATURE_COUNT]), words: FeatureWeights([0.0; FEATURE_COUNT]) };
        for line in text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty()) {
            let invalid = || InvalidWeights { line: line.to_owned() };
            let columns: Vec<&str> = line.split_whitespace().collect();
            let [name, names, words] = columns.as_slice() else { return Err(invalid()) };
            let feature = Feature::ALL.iter().find(|feature| feature.name() == *name).ok_or_else(invalid)?;
            let number = |text: &str| text.parse().ok().filter(|weight: &f32| weight.is_finite()).ok_or_else(invalid);
            weights.names.0[*feature as usize] = number(names)?;
            weights.words.0[*feature as usize] = number(words)?;
        }
        Ok(weights)
    }

    /// Formats the weights as [`RankingWeights::parse`] reads them.
    pub fn to_text(&self) -> String {
        let line = |feature: &Feature| {
            let at = *feature as usize;
            format!("{} {:.4} {:.4}\n", feature.name(), self.names.0[at], self.words.0[at])
        };
        Feature::ALL.iter().map(line).collect()
    }

    /// Returns the weights for a query.
    pub(crate) fn for_query(&self, terms: &QueryTerms) -> &FeatureWeights {
        if terms.is_name() { &self.names } else { &self.words }
    }
}

/// The learned weights.
static LEARNED_WEIGHTS: LazyLock<RankingWeights> = LazyLock::new(|| {
    RankingWeights::parse(include_str!("../../assets/ranker.txt")).expect("assets/ranker.txt is checked by the tests")
});

impl Default for RankingWeights {
    fn default() -> Self {
        *LEARNED_WEIGHTS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_learned_weights_are_read_and_written() {
        let weights = RankingWeights::default();
        let again = RankingWeights::parse(&weights.to_text()).expect("written weights");
        for (vector, again) in [(weights.names, again.names), (weights.words, again.words)] {
            assert!(vector.0.iter().any(|weight| *weight > 0.0));
            assert!(again.0.iter().zip(vector.0).all(|(again, weight)| (again - weight).abs() < 1e-3));
        }
        for bad in ["Nothing 1 1", "Size 1 x", "Size inf 1", "Size", "Size 1"] {
            assert!(RankingWeights::parse(bad).is_err(), "{bad}");
        }
    }
}
