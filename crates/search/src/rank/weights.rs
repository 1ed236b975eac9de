//! The learned weights of the ranking.

use std::sync::LazyLock;

use super::chunk_features::ChunkFeature;
use super::features::{FEATURE_COUNT, Feature, Features};
use crate::query::terms::{QueryKind, QueryTerms};

/// Number of parts of a report that are searched for: title, prose and names.
pub const REPORT_PARTS: usize = 3;

/// The number of features of a chunk.
pub const CHUNK_FEATURE_COUNT: usize = ChunkFeature::ALL.len();

/// The weight of each feature of a file, indexed by [`Feature`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FeatureWeights(pub [f32; FEATURE_COUNT]);

/// Weights for each class of queries. A report has weights for each of its parts.
///
/// Queries for a name need other weights than words, because the file that defines the exact name is right wherever it
/// lies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClassWeights<const COUNT: usize> {
    /// The weights for queries that are a name or a path.
    pub names: [f32; COUNT],
    pub words: [f32; COUNT],
    /// The weights for the title, the prose and the names of a report.
    pub report: [[f32; COUNT]; REPORT_PARTS],
}

/// For each class of queries, a weight with which the scores of files and chunks are combined.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PlaceWeights {
    pub names: f32,
    pub words: f32,
    pub report: f32,
}

/// The weights of the ranking.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RankingWeights {
    pub files: ClassWeights<FEATURE_COUNT>,
    pub chunks: ClassWeights<CHUNK_FEATURE_COUNT>,
    /// The penalty on a place for each place of the same file that ranks above it.
    pub repeat_cost: PlaceWeights,
    /// The factor of the gap between the score of a place's chunk and that of the file's best chunk; the product is a
    /// penalty on the place.
    pub repeat_slope: PlaceWeights,
    /// The factor of the evidence in a file's best chunk; the product is added to the score of each place of the file.
    pub chunk_share: PlaceWeights,
}

/// The weights for one query. `files` and `chunks` have one entry for each part of the query.
pub(crate) struct PartWeights<'w> {
    pub files: &'w [[f32; FEATURE_COUNT]],
    pub chunks: &'w [[f32; CHUNK_FEATURE_COUNT]],
    pub repeat_cost: f32,
    pub repeat_slope: f32,
    pub chunk_share: f32,
}

/// The error for an invalid line of a weights file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{line:?} is not a feature name and five weights")]
pub struct InvalidWeights {
    pub line: String,
}

impl FeatureWeights {
    /// Returns the score of a file with these features.
    pub fn score(&self, features: &Features) -> f32 {
        self.0.iter().zip(&features.0).map(|(weight, value)| weight * value).sum()
    }
}

impl<const COUNT: usize> ClassWeights<COUNT> {
    const ZERO: Self = Self { names: [0.0; COUNT], words: [0.0; COUNT], report: [[0.0; COUNT]; REPORT_PARTS] };

    fn set(&mut self, at: usize, columns: [f32; 5]) {
        let [names, words, report @ ..] = columns;
        (self.names[at], self.words[at]) = (names, words);
        self.report.iter_mut().zip(report).for_each(|(weights, weight)| weights[at] = weight);
    }

    fn columns(&self, at: usize) -> [f32; 5] {
        let [title, prose, names] = self.report.map(|weights| weights[at]);
        [self.names[at], self.words[at], title, prose, names]
    }
}

impl PlaceWeights {
    const ZERO: Self = Self { names: 0.0, words: 0.0, report: 0.0 };

    fn of_columns([names, words, report, ..]: [f32; 5]) -> Self {
        Self { names, words, report }
    }
}

impl RankingWeights {
    /// Parses weights: lines with a feature's name and its weights for names, for words, and for the title, the prose
    /// and the names of a report. The names of a chunk's features begin with `chunk.`; `repeat.cost`,
    /// `repeat.slope` and `place.share` have one weight for a report, the third.
    ///
    /// A feature without a line weighs 0; blank lines and lines that start with `#` are ignored.
    ///
    /// # Errors
    /// If another line is not a known name and five finite numbers.
    pub fn parse(text: &str) -> Result<Self, InvalidWeights> {
        let mut weights = Self {
            files: ClassWeights::ZERO,
            chunks: ClassWeights::ZERO,
            repeat_cost: PlaceWeights::ZERO,
            repeat_slope: PlaceWeights::ZERO,
            chunk_share: PlaceWeights::ZERO,
        };
        for line in text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty()) {
            let invalid = || InvalidWeights { line: line.to_owned() };
            let mut columns = line.split_whitespace();
            let name = columns.next().ok_or_else(invalid)?;
            let numbers: Vec<f32> = columns.map(str::parse).collect::<Result<_, _>>().map_err(|_| invalid())?;
            let numbers: [f32; 5] = numbers.try_into().map_err(|_| invalid())?;
            if !numbers.iter().all(|weight| weight.is_finite()) {
                return Err(invalid());
            }
            match name.split_once('.') {
                Some(("chunk", name)) => {
                    let feature = ChunkFeature::ALL.iter().find(|feature| feature.name() == name);
                    weights.chunks.set(*feature.ok_or_else(invalid)? as usize, numbers);
                }
                Some(("place", "share")) => weights.chunk_share = PlaceWeights::of_columns(numbers),
                Some(("repeat", "cost")) => weights.repeat_cost = PlaceWeights::of_columns(numbers),
                Some(("repeat", "slope")) => weights.repeat_slope = PlaceWeights::of_columns(numbers),
                _ => {
                    let feature = Feature::ALL.iter().find(|feature| feature.name() == name);
                    weights.files.set(*feature.ok_or_else(invalid)? as usize, numbers);
                }
            }
        }
        Ok(weights)
    }

    /// Formats the weights, rounded to four decimals, as [`RankingWeights::parse`] reads them.
    pub fn to_text(&self) -> String {
        let line = |name: String, columns: [f32; 5]| {
            let [names, words, title, prose, identifiers] = columns;
            format!("{name} {names:.4} {words:.4} {title:.4} {prose:.4} {identifiers:.4}\n")
        };
        let of_repeat = |weights: PlaceWeights| [weights.names, weights.words, weights.report, 0.0, 0.0];
        let files = Feature::ALL.iter().map(|one| line(one.name().to_owned(), self.files.columns(*one as usize)));
        let chunks = ChunkFeature::ALL
            .iter()
            .map(|one| line(format!("chunk.{}", one.name()), self.chunks.columns(*one as usize)));
        let repeat = [
            line("repeat.cost".to_owned(), of_repeat(self.repeat_cost)),
            line("repeat.slope".to_owned(), of_repeat(self.repeat_slope)),
            line("place.share".to_owned(), of_repeat(self.chunk_share)),
        ];
        files.chain(chunks).chain(repeat).collect()
    }

    /// Returns the weights for a query.
    pub(crate) fn for_query(&self, terms: &QueryTerms) -> PartWeights<'_> {
        let Self { files, chunks, repeat_cost: cost, repeat_slope: slope, chunk_share: share } = self;
        let (files, chunks, [repeat_cost, repeat_slope, chunk_share]) = if terms.kind == QueryKind::Report {
            (files.report.as_slice(), chunks.report.as_slice(), [cost, slope, share].map(|weights| weights.report))
        } else if terms.is_name() {
            (
                std::slice::from_ref(&files.names),
                std::slice::from_ref(&chunks.names),
                [cost, slope, share].map(|weights| weights.names),
            )
        } else {
            (
                std::slice::from_ref(&files.words),
                std::slice::from_ref(&chunks.words),
                [cost, slope, share].map(|weights| weights.words),
            )
        };
        PartWeights { files, chunks, repeat_cost, repeat_slope, chunk_share }
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
        let text = weights.to_text();
        let again = RankingWeights::parse(&text).expect("written weights");
        assert_eq!(again.to_text(), text);
        for vector in [weights.files.names, weights.files.words, weights.files.report[0]] {
            assert!(vector.iter().any(|weight| *weight > 0.0));
        }
        for bad in
            ["Nothing 1 1 1 1 1", "Size 1 1 1 1 x", "Size inf 1 1 1 1", "Size", "Size 1 1", "chunk.Size 1 1 1 1 1"]
        {
            assert!(RankingWeights::parse(bad).is_err(), "{bad}");
        }
    }
}
