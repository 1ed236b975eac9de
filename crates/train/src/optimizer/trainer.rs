//! The optimizer: batches, Adam, and the pull towards the initial table.
//!
//! A batch consists of runs of pairs, each from one repository, so many negatives of a query come from its own code
//! base. Adam (Kingma, Ba 2015) moves the rows of the tokens in the batch. Each of them is also pulled towards its
//! initial row, independently of Adam's scaling (as in Loshchilov, Hutter 2019).

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::gradient::{BatchGradient, TrainingBatch, compute_gradient};
use super::hard_negatives::{self, HardNegatives};
use super::options::TrainingOptions;
use crate::examples::{ExampleGroup, TrainingExample, TrainingExamples};
use crate::math::{RandomStream, add_scaled, as_f64, round_to_f32};
use crate::pairs::PairKind;
use crate::table::{TokenWeights, TrainingTable};
use platform::cancel::CancelToken;
use platform::threads::run_on_threads;

const BETA_1: f32 = 0.9;
const BETA_2: f32 = 0.999;
const EPSILON: f32 = 1e-8;

/// A run of pairs from one repository: the index of its group, and the indices of the examples in the group.
type PairRun = (usize, Vec<usize>);

/// The trainer of a table, which runs one epoch at a time.
pub struct Trainer<'e> {
    examples: &'e TrainingExamples,
    options: TrainingOptions,
    adam: Adam,
    negatives: HardNegatives,
    epochs_done: usize,
    steps_done: usize,
}

impl<'e> Trainer<'e> {
    pub fn new(examples: &'e TrainingExamples, options: &TrainingOptions) -> Self {
        let (adam, negatives) = (Adam::default(), HardNegatives::default());
        Self { examples, options: options.clone(), adam, negatives, epochs_done: 0, steps_done: 0 }
    }

    /// Trains one epoch; returns the mean loss of its batches. After each batch, calls `observe` with the
    /// number of finished batches and of all batches. Returns `None` when cancelled.
    pub fn run_epoch(
        &mut self,
        table: &mut TrainingTable,
        cancel: &CancelToken,
        observe: &mut dyn FnMut(usize, usize),
    ) -> Option<f64> {
        let options = self.options.clone();
        if options.hard_negatives > 0 && self.epochs_done.is_multiple_of(options.mining_epochs.max(1)) {
            self.negatives =
                hard_negatives::mine_negatives(table, self.examples, options.hard_negatives, options.threads);
        }
        let mut random = RandomStream::new(options.seed, self.epochs_done as u64 + 1);
        let runs = self.draw_runs(&mut random);
        let batches: Vec<&[PairRun]> = runs.chunks(options.batch_repositories.max(1)).collect();
        let steps = as_f64(batches.len() * options.decay_epochs.unwrap_or(options.epochs).max(1));
        let mut losses = 0.0;
        for (done, runs) in (1..).zip(&batches) {
            let batch = self.build_batch(runs, &mut random);
            let gradient = compute_gradient(table, &batch, options.temperature, options.threads);
            losses += gradient.loss;
            let left = round_to_f32((1.0 - as_f64(self.steps_done) / steps).max(0.0));
            self.steps_done += 1;
            let step =
                OptimizerStep { size: options.learning_rate * left, pull: options.pull, number: self.steps_done };
            self.adam.apply_step(table, &batch, &gradient, &step, options.threads);
            observe(done, batches.len());
            if cancel.is_cancelled() {
                return None;
            }
        }
        self.epochs_done += 1;
        Some(losses / as_f64(batches.len().max(1)))
    }

    /// Returns the epoch's pairs in runs, in random order.
    fn draw_runs(&self, random: &mut RandomStream) -> Vec<PairRun> {
        let mut runs = Vec::new();
        for (at, group) in self.examples.groups.iter().enumerate() {
            let mut order: Vec<usize> = (0..group.examples.len()).collect();
            random.shuffle(&mut order);
            let mut left = PairKind::ALL.map(|_| self.options.epoch_pairs);
            order.retain(|at| take_from_budget(&mut left[group.examples[*at].kind as usize]));
            runs.extend(order.chunks(self.options.batch_pairs.max(2)).map(|run| (at, run.to_vec())));
        }
        random.shuffle(&mut runs);
        runs
    }

    fn build_batch(&self, runs: &[PairRun], random: &mut RandomStream) -> TrainingBatch<'e> {
        let examples = self.examples;
        let mut members: Vec<(&'e ExampleGroup, usize)> = Vec::new();
        for (group, run) in runs {
            members.extend(run.iter().map(|at| (&examples.groups[*group], *at)));
        }
        let queries: Vec<&TokenWeights> = members.iter().map(|(group, at)| group.queries.get(*at)).collect();
        let wrong = runs.iter().flat_map(|(group, run)| {
            let found = self.negatives.groups.get(*group);
            run.iter().flat_map(move |at| {
                found.map_or(&[] as &[usize], |found| &found[*at]).iter().map(move |at| (&examples.groups[*group], *at))
            })
        });
        let wrong: Vec<(&ExampleGroup, usize)> = wrong.collect();
        members.extend(wrong);
        let passages = members.iter().map(|(group, at)| {
            let path: &TokenWeights =
                if random.draw_bool(self.options.path_share) { group.paths.get(*at) } else { &[] };
            (group.passages.get(*at), path)
        });
        let passages = passages.collect();
        let keys: Vec<&TrainingExample> = members.iter().map(|(group, at)| &group.examples[*at]).collect();
        let masked = mask_related(&keys, queries.len());
        TrainingBatch { queries, passages, masked }
    }
}

/// Decrements `left` unless it is 0; returns whether it was not 0.
fn take_from_budget(left: &mut usize) -> bool {
    let had_one = *left > 0;
    *left = left.saturating_sub(1);
    had_one
}

/// Returns, for each of the first `count` examples, the other examples that share a key with it.
fn mask_related(keys: &[&TrainingExample], count: usize) -> Vec<Vec<usize>> {
    let mut by_key: HashMap<(usize, u64), Vec<usize>> = HashMap::new();
    for (at, example) in keys.iter().enumerate() {
        for key in example.identity.iter().copied().enumerate() {
            by_key.entry(key).or_default().push(at);
        }
    }
    let of = |at: usize| {
        let shared = keys[at].identity.iter().copied().enumerate().flat_map(|key| &by_key[&key]);
        let mut others: Vec<usize> = shared.copied().filter(|other| *other != at).collect();
        others.sort_unstable();
        others.dedup();
        others
    };
    (0..count).map(of).collect()
}

/// The parameters of an optimizer step.
struct OptimizerStep {
    size: f32,
    pull: f32,
    number: usize,
}

/// The first and second moments of the gradients of all rows.
#[derive(Default)]
struct Adam {
    first: Vec<f32>,
    second: Vec<f32>,
}

/// A range of rows that one thread updates, with their moments and initial values.
struct TableShard<'t> {
    from: usize,
    rows: &'t mut [f32],
    first: &'t mut [f32],
    second: &'t mut [f32],
    start: &'t [f32],
}

impl Adam {
    fn apply_step(
        &mut self,
        table: &mut TrainingTable,
        batch: &TrainingBatch<'_>,
        gradient: &BatchGradient,
        step: &OptimizerStep,
        threads: usize,
    ) {
        let (size, width) = (table.rows.len(), table.dimensions);
        self.first.resize(size, 0.0);
        self.second.resize(size, 0.0);
        let share = (size / width).div_ceil(threads.max(1)) * width;
        let parts = table.rows.chunks_mut(share).zip(self.first.chunks_mut(share));
        let parts = parts.zip(self.second.chunks_mut(share)).zip(table.start.chunks(share));
        let parts = Mutex::new(parts.enumerate());
        let take = || parts.lock().unwrap_or_else(PoisonError::into_inner).next();
        run_on_threads("train", threads, || {
            while let Some((index, (((rows, first), second), start))) = take() {
                let shard = TableShard { from: index * share / width, rows, first, second, start };
                shard.apply_step(batch, gradient, step, width);
            }
        });
    }
}

impl TableShard<'_> {
    fn apply_step(mut self, batch: &TrainingBatch<'_>, gradient: &BatchGradient, step: &OptimizerStep, width: usize) {
        let mut sums = GradientSums {
            from: self.from,
            sum_index: vec![usize::MAX; self.rows.len() / width],
            tokens: Vec::new(),
            values: Vec::new(),
        };
        for (at, bag) in batch.queries.iter().enumerate() {
            sums.add(bag, gradient.queries.row(at));
        }
        for (at, (passage, path)) in batch.passages.iter().enumerate() {
            sums.add(passage, gradient.passages.row(at));
            sums.add(path, gradient.paths.row(at));
        }
        let power = i32::try_from(step.number).expect("training takes fewer than 2^31 steps");
        let (bias_1, bias_2) = (1.0 - BETA_1.powi(power), 1.0 - BETA_2.powi(power));
        for (token, sum) in sums.tokens.iter().zip(sums.values.chunks_exact(width)) {
            self.update_row(*token * width, sum, step, (bias_1, bias_2));
        }
    }

    fn update_row(&mut self, at: usize, sum: &[f32], step: &OptimizerStep, bias: (f32, f32)) {
        let range = at..at + sum.len();
        let (rows, start) = (&mut self.rows[range.clone()], &self.start[range.clone()]);
        let moments = self.first[range.clone()].iter_mut().zip(&mut self.second[range]);
        for (((row, start), (first, second)), value) in rows.iter_mut().zip(start).zip(moments).zip(sum) {
            *first = BETA_1 * *first + (1.0 - BETA_1) * value;
            *second = BETA_2 * *second + (1.0 - BETA_2) * value * value;
            let move_by = (*first / bias.0) / ((*second / bias.1).sqrt() + EPSILON);
            *row -= step.size * (move_by + step.pull * (*row - start));
        }
    }
}

/// Sums of gradients for the tokens of a shard that begins with token `from`, in the order of their first occurrence.
struct GradientSums {
    from: usize,
    sum_index: Vec<usize>,
    tokens: Vec<usize>,
    values: Vec<f32>,
}

impl GradientSums {
    fn add(&mut self, bag: &TokenWeights, gradient: &[f32]) {
        for &(token, weight) in bag {
            let Some(token) = (token as usize).checked_sub(self.from).filter(|token| *token < self.sum_index.len())
            else {
                continue;
            };
            if self.sum_index[token] == usize::MAX {
                self.sum_index[token] = self.tokens.len();
                self.tokens.push(token);
                self.values.resize(self.values.len() + gradient.len(), 0.0);
            }
            let start = self.sum_index[token] * gradient.len();
            add_scaled(&mut self.values[start..start + gradient.len()], weight, gradient);
        }
    }
}
