//! Batches, Adam and the pull towards the start.
//!
//! A batch is runs of pairs of several repositories: most of what is wrong for a question comes from
//! its own code base. Adam (Kingma, Ba 2015) moves the rows of the tokens that occur in the batch;
//! each is also drawn to the row it began with, apart from Adam's scaling (as Loshchilov, Hutter 2019).

use std::collections::HashMap;

use super::dense::add_scaled;
use super::examples::{Example, Examples, Group};
use super::gradient::{Batch, Gradient, gradient};
use super::mining::{self, Negatives};
use super::model::{Bag, Table, as_f32, as_f64};
use super::pairs::PairKind;
use super::random::Random;

/// How training goes. The defaults are what the built-in embedding was trained with.
#[derive(Clone, Debug)]
pub struct Options {
    pub epochs: usize,
    /// Epochs over which the optimizer's step falls to nothing, if not over all: training that is
    /// stopped early.
    pub decay_epochs: Option<usize>,
    pub seed: u64,
    pub threads: usize,
    /// Repositories in a batch, and pairs of each.
    pub batch_repositories: usize,
    pub batch_pairs: usize,
    /// Most pairs of one kind and one repository in an epoch; others are drawn for the next.
    pub epoch_pairs: usize,
    pub temperature: f32,
    /// Adam's step at the beginning; it falls to nothing along a straight line.
    pub learning_rate: f32,
    /// Share of the way back to the start that a step of size 1 would go.
    pub pull: f32,
    /// Share of pairs whose passage comes with its path.
    pub path_share: f32,
    /// Nearest wrong passages beside each question's own; 0 for none.
    pub hard_negatives: usize,
    /// Epochs between two searches for them.
    pub mining_epochs: usize,
    /// Share of the way from the start to the trained table at which the model is taken.
    pub kept_share: f32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            epochs: 2,
            decay_epochs: Some(3),
            seed: 1,
            threads: 2,
            batch_repositories: 8,
            batch_pairs: 256,
            epoch_pairs: 1_500,
            temperature: 0.1,
            learning_rate: 1e-3,
            pull: 0.0,
            path_share: 0.5,
            hard_negatives: 0,
            mining_epochs: 2,
            kept_share: 1.0,
        }
    }
}

const BETA_1: f32 = 0.9;
const BETA_2: f32 = 0.999;
const EPSILON: f32 = 1e-8;

/// A run of pairs of one repository.
type Run = (usize, Vec<usize>);

/// Goes through the examples epoch by epoch.
pub struct Trainer<'e> {
    examples: &'e Examples,
    options: Options,
    adam: Adam,
    negatives: Negatives,
    epochs_done: usize,
    steps_done: usize,
}

impl<'e> Trainer<'e> {
    pub fn new(examples: &'e Examples, options: &Options) -> Self {
        let (adam, negatives) = (Adam::default(), Negatives::default());
        Self { examples, options: options.clone(), adam, negatives, epochs_done: 0, steps_done: 0 }
    }

    /// One pass; returns the mean loss of its batches. After each of them `watch` is told how many of
    /// how many are done, and says whether to go on; `None` when it said no.
    pub fn epoch(&mut self, table: &mut Table, watch: &mut dyn FnMut(usize, usize) -> bool) -> Option<f64> {
        let options = self.options.clone();
        if options.hard_negatives > 0 && self.epochs_done.is_multiple_of(options.mining_epochs.max(1)) {
            self.negatives = mining::mine(table, self.examples, options.hard_negatives, options.threads);
        }
        let mut random = Random::new(options.seed, self.epochs_done as u64 + 1);
        let runs = self.runs(&mut random);
        let batches: Vec<&[Run]> = runs.chunks(options.batch_repositories.max(1)).collect();
        let steps = as_f64(batches.len() * options.decay_epochs.unwrap_or(options.epochs).max(1));
        let mut losses = 0.0;
        for (done, runs) in (1..).zip(&batches) {
            let batch = self.batch(runs, &mut random);
            let gradient = gradient(table, &batch, options.temperature, options.threads);
            losses += gradient.loss;
            let left = as_f32((1.0 - as_f64(self.steps_done) / steps).max(0.0));
            self.steps_done += 1;
            let step = Step { size: options.learning_rate * left, pull: options.pull, number: self.steps_done };
            self.adam.step(table, &batch, &gradient, &step, options.threads);
            if !watch(done, batches.len()) {
                return None;
            }
        }
        self.epochs_done += 1;
        Some(losses / as_f64(batches.len().max(1)))
    }

    /// The epoch's pairs in runs, in random order.
    fn runs(&self, random: &mut Random) -> Vec<Run> {
        let mut runs = Vec::new();
        for (at, group) in self.examples.groups.iter().enumerate() {
            let mut order: Vec<usize> = (0..group.examples.len()).collect();
            random.shuffle(&mut order);
            let mut left = PairKind::ALL.map(|_| self.options.epoch_pairs);
            order.retain(|at| take_one(&mut left[group.examples[*at].kind as usize]));
            runs.extend(order.chunks(self.options.batch_pairs.max(2)).map(|run| (at, run.to_vec())));
        }
        random.shuffle(&mut runs);
        runs
    }

    fn batch(&self, runs: &[Run], random: &mut Random) -> Batch<'e> {
        let examples = self.examples;
        let mut places: Vec<(&'e Group, usize)> = Vec::new();
        for (group, run) in runs {
            places.extend(run.iter().map(|at| (&examples.groups[*group], *at)));
        }
        let queries: Vec<&Bag> = places.iter().map(|(group, at)| group.queries.get(*at)).collect();
        let wrong = runs.iter().flat_map(|(group, run)| {
            let found = self.negatives.groups.get(*group);
            run.iter().flat_map(move |at| {
                found.map_or(&[] as &[usize], |found| &found[*at]).iter().map(move |at| (&examples.groups[*group], *at))
            })
        });
        let wrong: Vec<(&Group, usize)> = wrong.collect();
        places.extend(wrong);
        let passages = places.iter().map(|(group, at)| {
            let path: &Bag = if random.chance(self.options.path_share) { group.paths.get(*at) } else { &[] };
            (group.passages.get(*at), path)
        });
        let passages = passages.collect();
        let keys: Vec<&Example> = places.iter().map(|(group, at)| &group.examples[*at]).collect();
        let masked = masked(&keys, queries.len());
        Batch { queries, passages, masked }
    }
}

/// Whether there was one left.
fn take_one(left: &mut usize) -> bool {
    let found = *left > 0;
    *left = left.saturating_sub(1);
    found
}

/// For each of the first `count`, the others that share a key with it.
fn masked(keys: &[&Example], count: usize) -> Vec<Vec<usize>> {
    let mut by_key: HashMap<(usize, u64), Vec<usize>> = HashMap::new();
    for (at, example) in keys.iter().enumerate() {
        for key in example.same.iter().copied().enumerate() {
            by_key.entry(key).or_default().push(at);
        }
    }
    let of = |at: usize| {
        let shared = keys[at].same.iter().copied().enumerate().flat_map(|key| &by_key[&key]);
        let mut others: Vec<usize> = shared.copied().filter(|other| *other != at).collect();
        others.sort_unstable();
        others.dedup();
        others
    };
    (0..count).map(of).collect()
}

/// One step of the optimizer.
struct Step {
    size: f32,
    pull: f32,
    number: usize,
}

/// The moments of each row's gradient.
#[derive(Default)]
struct Adam {
    first: Vec<f32>,
    second: Vec<f32>,
}

/// The rows of a run of tokens, and what belongs to them.
struct Shard<'t> {
    from: usize,
    rows: &'t mut [f32],
    first: &'t mut [f32],
    second: &'t mut [f32],
    start: &'t [f32],
}

impl Adam {
    fn step(&mut self, table: &mut Table, batch: &Batch<'_>, gradient: &Gradient, step: &Step, threads: usize) {
        let (size, width) = (table.rows.len(), table.dimensions);
        self.first.resize(size, 0.0);
        self.second.resize(size, 0.0);
        let share = (size / width).div_ceil(threads.max(1)) * width;
        let parts = table.rows.chunks_mut(share).zip(self.first.chunks_mut(share));
        let parts = parts.zip(self.second.chunks_mut(share)).zip(table.start.chunks(share));
        std::thread::scope(|scope| {
            for (index, (((rows, first), second), start)) in parts.enumerate() {
                let shard = Shard { from: index * share / width, rows, first, second, start };
                scope.spawn(move || shard.step(batch, gradient, step, width));
            }
        });
    }
}

impl Shard<'_> {
    fn step(mut self, batch: &Batch<'_>, gradient: &Gradient, step: &Step, width: usize) {
        let mut sums = Sums {
            from: self.from,
            place: vec![usize::MAX; self.rows.len() / width],
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
        let power = i32::try_from(step.number).unwrap_or(i32::MAX);
        let (bias_1, bias_2) = (1.0 - BETA_1.powi(power), 1.0 - BETA_2.powi(power));
        for (token, sum) in sums.tokens.iter().zip(sums.values.chunks_exact(width)) {
            self.step_row(*token * width, sum, step, (bias_1, bias_2));
        }
    }

    fn step_row(&mut self, at: usize, sum: &[f32], step: &Step, bias: (f32, f32)) {
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

/// Gradients of the tokens from `from` on, in the order in which they first occur.
struct Sums {
    from: usize,
    place: Vec<usize>,
    tokens: Vec<usize>,
    values: Vec<f32>,
}

impl Sums {
    fn add(&mut self, bag: &Bag, gradient: &[f32]) {
        for &(token, weight) in bag {
            let Some(token) = (token as usize).checked_sub(self.from).filter(|token| *token < self.place.len()) else {
                continue;
            };
            if self.place[token] == usize::MAX {
                self.place[token] = self.tokens.len();
                self.tokens.push(token);
                self.values.resize(self.values.len() + gradient.len(), 0.0);
            }
            let start = self.place[token] * gradient.len();
            add_scaled(&mut self.values[start..start + gradient.len()], weight, gradient);
        }
    }
}
