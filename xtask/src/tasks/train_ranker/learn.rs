//! Learns ranking weights from queries with known answers.
//!
//! The method is pairwise logistic regression: RankNet with a linear model (Burges et al., "Learning to Rank using
//! Gradient Descent", ICML 2005). For each pair of a relevant and an irrelevant file of one query, the loss is ln(1 +
//! e^−(score of the relevant file − score of the irrelevant one)), weighted by the change of nDCG when the two files
//! are exchanged (LambdaRank: Burges, Ragno and Le, NIPS 2006). For equal input, the weights are always the same.

use std::collections::HashSet;

use search::{FEATURE_COUNT, Feature, FeatureWeights, Features, WeightSign};

/// The candidates of one query with their features. A relevant candidate also has the index of its target.
#[derive(Clone, Debug, Default)]
pub struct TrainingQuery {
    pub candidates: Vec<(Features, Option<usize>)>,
    /// The number of targets, including targets that were not retrieved.
    pub target_count: usize,
}

/// Settings of the learner.
#[derive(Clone, Copy, Debug)]
pub struct LearningOptions {
    /// Number of passes over all queries.
    pub rounds: usize,
    /// Step size in the first round; it falls linearly to zero.
    pub step: f32,
    /// Strength of L2 regularization.
    pub decay: f32,
    /// For each feature, whether its weight may be nonzero.
    pub active: [bool; FEATURE_COUNT],
    /// Whether weights are restricted to [`Feature::weight_sign`].
    pub signed: bool,
}

impl Default for LearningOptions {
    fn default() -> Self {
        Self { rounds: 400, step: 0.3, decay: 0.002, active: [true; FEATURE_COUNT], signed: true }
    }
}

/// Learns weights that rank the relevant files of `queries` first.
///
/// Features are normalized during learning, so that one step size and one decay fit all. The returned weights
/// apply to unnormalized features.
pub fn learn_weights(queries: &[TrainingQuery], options: &LearningOptions) -> FeatureWeights {
    let scale = inverse_deviations(queries);
    let mut weights = [0.0_f32; FEATURE_COUNT];
    let mut mean_squares = [1e-8_f32; FEATURE_COUNT];
    for round in 0..options.rounds {
        let gradient = loss_gradient(queries, &weights, &scale);
        let step = options.step * (1.0 - count_as_f32(round) / count_as_f32(options.rounds));
        for at in (0..FEATURE_COUNT).filter(|at| options.active[*at]) {
            // This is AdaGrad (Duchi, Hazan and Singer 2011) with a running mean of squares, so that the rate does not
            // decay to zero.
            let slope = gradient[at] + options.decay * weights[at];
            mean_squares[at] = mean_squares[at] * 0.95 + slope * slope * 0.05;
            weights[at] -= step * slope / mean_squares[at].sqrt() * 0.1;
            weights[at] = match Feature::ALL[at].weight_sign() {
                WeightSign::For if options.signed => weights[at].max(0.0),
                WeightSign::Against if options.signed => weights[at].min(0.0),
                _ => weights[at],
            };
        }
    }
    for (weight, scale) in weights.iter_mut().zip(scale) {
        *weight *= scale;
    }
    FeatureWeights(weights)
}

/// Returns the mean gradient of the loss with respect to the normalized weights.
fn loss_gradient(
    queries: &[TrainingQuery],
    weights: &[f32; FEATURE_COUNT],
    scale: &[f32; FEATURE_COUNT],
) -> [f32; FEATURE_COUNT] {
    let mut sum = [0.0_f32; FEATURE_COUNT];
    for query in queries {
        let scores: Vec<f32> =
            query.candidates.iter().map(|(features, _)| weighted_score(features, weights, scale)).collect();
        let mut order: Vec<usize> = (0..scores.len()).collect();
        order.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]).then(a.cmp(b)));
        let mut ranks = vec![0; scores.len()];
        order.iter().enumerate().for_each(|(rank, at)| ranks[*at] = rank);
        let ideal = ideal_gain(query.target_count);
        // The negative gradient with respect to each candidate's score.
        let mut moves = vec![0.0_f32; scores.len()];
        for (relevant, _) in query.candidates.iter().enumerate().filter(|(_, (_, target))| target.is_some()) {
            for (irrelevant, _) in query.candidates.iter().enumerate().filter(|(_, (_, target))| target.is_none()) {
                let worth = (discount(ranks[relevant]) - discount(ranks[irrelevant])).abs() / ideal;
                let move_by = worth / (1.0 + (scores[relevant] - scores[irrelevant]).exp());
                moves[relevant] += move_by;
                moves[irrelevant] -= move_by;
            }
        }
        for ((features, _), move_by) in query.candidates.iter().zip(moves).filter(|(_, move_by)| *move_by != 0.0) {
            for ((sum, value), scale) in sum.iter_mut().zip(&features.0).zip(scale) {
                *sum -= move_by * value * scale;
            }
        }
    }
    sum.map(|sum| sum / count_as_f32(queries.len().max(1)))
}

/// Returns the nDCG@10 of one query under `weights`, with gains of 1 or 0 (Järvelin and Kekäläinen 2002).
pub fn ndcg_at_10(query: &TrainingQuery, weights: &FeatureWeights) -> f32 {
    let mut order: Vec<usize> = (0..query.candidates.len()).collect();
    let score = |at: usize| weights.score(&query.candidates[at].0);
    order.sort_by(|a, b| score(*b).total_cmp(&score(*a)).then(a.cmp(b)));
    let mut seen = HashSet::new(); // A target found in two files counts once.
    let gain = |(rank, at): (usize, &usize)| {
        let is_new = query.candidates[*at].1.is_some_and(|target| seen.insert(target));
        if is_new { discount(rank) } else { 0.0 }
    };
    let found: f32 = order.iter().take(10).enumerate().map(gain).sum();
    found / ideal_gain(query.target_count)
}

fn ideal_gain(relevant: usize) -> f32 {
    (0..relevant.clamp(1, 10)).map(discount).sum()
}

/// Returns the discount of nDCG at a rank that counts from 0.
fn discount(rank: usize) -> f32 {
    (count_as_f32(rank) + 2.0).log2().recip()
}

fn weighted_score(features: &Features, weights: &[f32; FEATURE_COUNT], scale: &[f32; FEATURE_COUNT]) -> f32 {
    features.0.iter().zip(weights).zip(scale).map(|((value, weight), scale)| value * weight * scale).sum()
}

/// Returns the inverse of each feature's standard deviation among the candidates of one query; its square, the
/// variance, is averaged over queries. Returns 0 for a constant feature.
fn inverse_deviations(queries: &[TrainingQuery]) -> [f32; FEATURE_COUNT] {
    let mut variance = [0.0_f32; FEATURE_COUNT];
    let mut counted = 0;
    for query in queries.iter().filter(|query| !query.candidates.is_empty()) {
        counted += 1;
        let count = count_as_f32(query.candidates.len());
        for (at, variance) in variance.iter_mut().enumerate() {
            let values = || query.candidates.iter().map(|(features, _)| features.0[at]);
            let mean = values().sum::<f32>() / count;
            *variance += values().map(|value| (value - mean).powi(2)).sum::<f32>() / count;
        }
    }
    variance.map(|sum| {
        let deviation = (sum / count_as_f32(counted.max(1))).sqrt();
        if deviation > 1e-6 { deviation.recip() } else { 0.0 }
    })
}

#[expect(clippy::cast_precision_loss, reason = "small counts")]
fn count_as_f32(count: usize) -> f32 {
    count as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns queries whose relevant file is marked by one feature; another feature is noise.
    fn queries() -> Vec<TrainingQuery> {
        let candidate = |query: u32, at: u32| {
            let mut features = Features::default();
            features.0[Feature::Exact as usize] = if at == query % 5 { 1.0 } else { 0.0 };
            features.0[Feature::Size as usize] = ((query * 31 + at * 17) % 7) as f32 / 7.0;
            (features, (at == query % 5).then_some(0))
        };
        let query =
            |number| TrainingQuery { candidates: (0..5).map(|at| candidate(number, at)).collect(), target_count: 1 };
        (0..40).map(query).collect()
    }

    #[test]
    fn the_distinguishing_feature_gets_the_weight() {
        let weights = learn_weights(&queries(), &LearningOptions::default());
        let (exact, size) = (weights.0[Feature::Exact as usize], weights.0[Feature::Size as usize]);
        assert!(exact > 1.0 && size.abs() < exact / 3.0, "{exact} {size}");
        assert!(queries().iter().all(|query| ndcg_at_10(query, &weights) > 0.999));
        assert_eq!(weights, learn_weights(&queries(), &LearningOptions::default()));
    }

    #[test]
    fn ndcg_follows_its_definition() {
        let mut query = queries()[1].clone();
        query.target_count = 2; // one target was not retrieved
        let mut weights = FeatureWeights([0.0; FEATURE_COUNT]);
        weights.0[Feature::Exact as usize] = 1.0;
        let ideal = 1.0 + 1.0 / 3.0_f32.log2();
        assert!((ndcg_at_10(&query, &weights) - 1.0 / ideal).abs() < 1e-6);
        weights.0[Feature::Exact as usize] = -1.0;
        assert!((ndcg_at_10(&query, &weights) - 1.0 / 6.0_f32.log2() / ideal).abs() < 1e-6);
    }
}
