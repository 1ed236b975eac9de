//! Learns the weights of the ranking from questions with known answers.
//!
//! Pairwise logistic regression (RankNet with a linear model: Burges et al., "Learning to Rank using
//! Gradient Descent", ICML 2005): for each pair of a right and a wrong file of one question, the loss is
//! ln(1 + e^−(score of the right one − score of the wrong one)), weighed by what exchanging the two would
//! change of nDCG (LambdaRank: Burges, Ragno, Le, NIPS 2006). The same input gives the same weights.
//! Must never import: anything above `search`.

use std::collections::HashSet;

use super::features::{Evidence, FEATURES, Feature, Features};
use super::ranking::Vector;

/// A question: for each file that may answer, its features and which of the right answers it is.
#[derive(Clone, Debug, Default)]
pub struct Question {
    pub candidates: Vec<(Features, Option<usize>)>,
    /// Right answers, those that were not retrieved included.
    pub right: usize,
}

/// How to learn.
#[derive(Clone, Copy, Debug)]
pub struct Learning {
    /// Rounds over all questions.
    pub rounds: usize,
    /// Of each weight, at the first round; falls to nothing over the rounds.
    pub step: f32,
    /// Pulls weights to zero, each round.
    pub decay: f32,
    /// The features that may weigh something.
    pub only: [bool; FEATURES],
    /// Whether a weight has the sign of what its feature is evidence for.
    pub signed: bool,
}

impl Default for Learning {
    fn default() -> Self {
        Self { rounds: 400, step: 0.3, decay: 0.002, only: [true; FEATURES], signed: true }
    }
}

/// The weights that rank the right files of `questions` first. Normalized features are learned on, so
/// that one step and one decay fit all; the weights are for the features as they are.
pub fn learn(questions: &[Question], learning: &Learning) -> Vector {
    let scale = deviations(questions);
    let mut weights = [0.0_f32; FEATURES];
    let mut squares = [1e-8_f32; FEATURES];
    for round in 0..learning.rounds {
        let gradient = gradient(questions, &weights, &scale);
        let step = learning.step * (1.0 - as_f32(round) / as_f32(learning.rounds));
        for at in (0..FEATURES).filter(|at| learning.only[*at]) {
            // Adagrad (Duchi, Hazan, Singer 2011) without its ever falling rate: a running mean.
            let slope = gradient[at] + learning.decay * weights[at];
            squares[at] = squares[at] * 0.95 + slope * slope * 0.05;
            weights[at] -= step * slope / squares[at].sqrt() * 0.1;
            weights[at] = match Feature::ALL[at].evidence() {
                Evidence::For if learning.signed => weights[at].max(0.0),
                Evidence::Against if learning.signed => weights[at].min(0.0),
                _ => weights[at],
            };
        }
    }
    for (weight, scale) in weights.iter_mut().zip(scale) {
        *weight *= scale;
    }
    Vector(weights)
}

/// The mean slope of the loss by each (normalized) weight.
fn gradient(questions: &[Question], weights: &[f32; FEATURES], scale: &[f32; FEATURES]) -> [f32; FEATURES] {
    let mut sum = [0.0_f32; FEATURES];
    for question in questions {
        let scores: Vec<f32> = question.candidates.iter().map(|(features, _)| dot(features, weights, scale)).collect();
        let mut order: Vec<usize> = (0..scores.len()).collect();
        order.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]).then(a.cmp(b)));
        let mut ranks = vec![0; scores.len()];
        order.iter().enumerate().for_each(|(rank, at)| ranks[*at] = rank);
        let ideal = ideal_gain(question.right);
        // What each candidate's score should move by.
        let mut moves = vec![0.0_f32; scores.len()];
        for (right, _) in question.candidates.iter().enumerate().filter(|(_, (_, target))| target.is_some()) {
            for (wrong, _) in question.candidates.iter().enumerate().filter(|(_, (_, target))| target.is_none()) {
                let worth = (discount(ranks[right]) - discount(ranks[wrong])).abs() / ideal;
                let move_by = worth / (1.0 + (scores[right] - scores[wrong]).exp());
                moves[right] += move_by;
                moves[wrong] -= move_by;
            }
        }
        for ((features, _), move_by) in question.candidates.iter().zip(moves).filter(|(_, move_by)| *move_by != 0.0) {
            for ((sum, value), scale) in sum.iter_mut().zip(&features.0).zip(scale) {
                *sum -= move_by * value * scale;
            }
        }
    }
    sum.map(|sum| sum / as_f32(questions.len().max(1)))
}

/// nDCG@10 of one question under `weights`, gains being 1 or 0 (Järvelin, Kekäläinen 2002).
pub fn ndcg_at_10(question: &Question, weights: &Vector) -> f32 {
    let mut order: Vec<usize> = (0..question.candidates.len()).collect();
    let score = |at: usize| weights.score(&question.candidates[at].0);
    order.sort_by(|a, b| score(*b).total_cmp(&score(*a)).then(a.cmp(b)));
    let mut seen = HashSet::new(); // an answer that two files are counts once
    let gain = |(rank, at): (usize, &usize)| {
        let is_new = question.candidates[*at].1.is_some_and(|target| seen.insert(target));
        if is_new { discount(rank) } else { 0.0 }
    };
    let found: f32 = order.iter().take(10).enumerate().map(gain).sum();
    found / ideal_gain(question.right)
}

fn ideal_gain(right: usize) -> f32 {
    (0..right.clamp(1, 10)).map(discount).sum()
}

/// What a right answer at this rank, from 0, is worth.
fn discount(rank: usize) -> f32 {
    (as_f32(rank) + 2.0).log2().recip()
}

fn dot(features: &Features, weights: &[f32; FEATURES], scale: &[f32; FEATURES]) -> f32 {
    features.0.iter().zip(weights).zip(scale).map(|((value, weight), scale)| value * weight * scale).sum()
}

/// One over the standard deviation of each feature among the candidates of a question, on average.
fn deviations(questions: &[Question]) -> [f32; FEATURES] {
    let mut variance = [0.0_f32; FEATURES];
    let mut counted = 0;
    for question in questions.iter().filter(|question| !question.candidates.is_empty()) {
        counted += 1;
        let count = as_f32(question.candidates.len());
        for (at, variance) in variance.iter_mut().enumerate() {
            let values = || question.candidates.iter().map(|(features, _)| features.0[at]);
            let mean = values().sum::<f32>() / count;
            *variance += values().map(|value| (value - mean).powi(2)).sum::<f32>() / count;
        }
    }
    variance.map(|sum| {
        let deviation = (sum / as_f32(counted.max(1))).sqrt();
        if deviation > 1e-6 { deviation.recip() } else { 0.0 }
    })
}

#[expect(clippy::cast_precision_loss, reason = "small counts")]
fn as_f32(count: usize) -> f32 {
    count as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::Feature;

    /// Questions whose right file is told by one feature, another one being noise.
    fn questions() -> Vec<Question> {
        let candidate = |question: u32, at: u32| {
            let mut features = Features::default();
            features.0[Feature::Exact as usize] = if at == question % 5 { 1.0 } else { 0.0 };
            features.0[Feature::Size as usize] = ((question * 31 + at * 17) % 7) as f32 / 7.0;
            (features, (at == question % 5).then_some(0))
        };
        let question = |number| Question { candidates: (0..5).map(|at| candidate(number, at)).collect(), right: 1 };
        (0..40).map(question).collect()
    }

    #[test]
    fn what_tells_right_from_wrong_gets_the_weight() {
        let weights = learn(&questions(), &Learning::default());
        let (exact, size) = (weights.0[Feature::Exact as usize], weights.0[Feature::Size as usize]);
        assert!(exact > 1.0 && size.abs() < exact / 3.0, "{exact} {size}");
        assert!(questions().iter().all(|question| ndcg_at_10(question, &weights) > 0.999));
        assert_eq!(weights, learn(&questions(), &Learning::default()));
    }

    #[test]
    fn the_measure_is_that_of_its_definition() {
        let mut question = questions()[1].clone();
        question.right = 2; // one was not retrieved
        let mut weights = Vector([0.0; FEATURES]);
        weights.0[Feature::Exact as usize] = 1.0;
        let ideal = 1.0 + 1.0 / 3.0_f32.log2();
        assert!((ndcg_at_10(&question, &weights) - 1.0 / ideal).abs() < 1e-6);
        weights.0[Feature::Exact as usize] = -1.0;
        assert!((ndcg_at_10(&question, &weights) - 1.0 / 6.0_f32.log2() / ideal).abs() < 1e-6);
    }
}
