//! Trains a model further on one folder, and says whether that helped.
//!
//! Every tenth definition is held back to pick the best epoch, and another tenth, which nothing is
//! picked by, for the verdict. Invariant: what is said of the result was measured on the latter alone.

use std::collections::HashSet;

use super::examples::{Examples, HeldOut};
use super::measure::{self, Measure};
use super::model::{Table, as_f64};
use super::optimize::{Options, Trainer};
use super::pairs::{Pair, PairKind, Repository};
use super::{MODEL_VERSION, vocabulary};
use crate::embed::static_model::{ModelError, StaticModel};

/// One definition in so many is held back, for each of two purposes.
const HELD_BACK_EVERY: u64 = 10;

/// Fewest documented definitions for each of them: with fewer, chance decides.
pub const MIN_QUESTIONS: usize = 15;

/// A gain counts above so many standard errors: chance alone gets there once in twenty times.
const MARGIN: f64 = 1.645;

/// What is learned from, as the built-in model did. A container's comment above its members would put the
/// questions of the verdict into the training.
pub const KINDS: [PairKind; 3] = [PairKind::Doc, PairKind::Name, PairKind::Definition];

/// Where tuning is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// So many of so many files are read.
    Reading { done: usize, files: usize },
    /// In this epoch, so many of so many batches are done.
    Training { epoch: usize, epochs: usize, done: usize, batches: usize },
}

/// What tuning came to.
#[derive(Clone, Debug)]
pub struct Tuned {
    /// The tuned model; see [`crate::embed::static_model`].
    pub artifact: Vec<u8>,
    /// Pairs that were trained with.
    pub pairs: usize,
    /// Definitions that the held-out ones were looked for among.
    pub definitions: usize,
    /// Words that became tokens.
    pub words: usize,
    /// The epoch that was best on the first part held back; 0 when none was better than the start.
    pub epoch: usize,
    /// The given model on the second part held back, and the tuned one.
    pub before: Measure,
    pub after: Measure,
    /// The standard error of the difference of their MRR.
    pub error: f64,
}

impl Tuned {
    /// Whether the tuned model is better by more than chance makes likely.
    pub fn is_better(&self) -> bool {
        self.epoch > 0 && self.gain() > MARGIN * self.error
    }

    /// What MRR on the held-out pairs rose by.
    pub fn gain(&self) -> f64 {
        self.after.mrr - self.before.mrr
    }
}

/// Why nothing was tuned.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum TuneError {
    /// There is too little to measure with.
    #[error(
        "too few doc comments to tune with: {documented} definitions are documented, and of the comments held back {questions} can be asked for, where {least} are needed; tune a folder that holds more of your code",
        least = MIN_QUESTIONS
    )]
    TooFew { documented: usize, questions: usize },
    #[error(transparent)]
    Model(#[from] ModelError),
    /// `watch` said to stop.
    #[error("tuning was stopped; nothing was changed")]
    Stopped,
}

/// How a single folder is trained on. Only words that occur in it move, and few steps are made, so that
/// what the table knows of other code stays: benches/runs/2026-11-23-tune.md has what that comes to.
pub fn options(threads: usize) -> Options {
    Options {
        epochs: 6,
        decay_epochs: None,
        threads,
        batch_repositories: 2,
        epoch_pairs: 6_000,
        learning_rate: 3e-3,
        ..Options::default()
    }
}

/// The pairs in their three parts.
struct Parts {
    train: Vec<Repository>,
    choice: Vec<Repository>,
    verdict: Vec<Repository>,
    definitions: usize,
}

impl Parts {
    fn of(repository: Repository) -> Self {
        let all: Vec<Pair> = repository.pairs.iter().filter(|pair| pair.is_definition()).map(Pair::unasked).collect();
        let mut parts = [Vec::new(), Vec::new(), Vec::new()];
        for pair in repository.pairs {
            let part = match pair.target % HELD_BACK_EVERY {
                0 => 0,
                1 => 1,
                _ => 2,
            };
            parts[part].push(pair);
        }
        let named = |pairs| vec![Repository { name: repository.name.clone(), pairs }];
        let [mut choice, mut verdict, train] = parts;
        // A sentence that is trained on, above another definition, would only have to be remembered.
        let trained: HashSet<&str> = train.iter().map(|pair| pair.query.as_str()).collect();
        for part in [&mut choice, &mut verdict] {
            part.retain(|pair| pair.kind == PairKind::Doc && !trained.contains(pair.query.as_str()));
        }
        let definitions = all.len();
        choice.extend(all.iter().cloned());
        verdict.extend(all);
        Self { train: named(train), choice: named(choice), verdict: named(verdict), definitions }
    }
}

/// Trains `start` on the pairs of a folder. `watch` says whether to go on.
///
/// # Errors
///
/// When there are too few pairs, or `watch` said to stop.
pub fn tune(
    start: &StaticModel,
    repository: Repository,
    options: &Options,
    watch: &mut dyn FnMut(Step) -> bool,
) -> Result<Tuned, TuneError> {
    let documented = repository.pairs.iter().filter(|pair| pair.kind == PairKind::Doc).count();
    let parts = Parts::of(repository);
    let asked = |held_out: &HeldOut| held_out.groups.iter().map(|group| group.answers.len()).sum::<usize>();
    let verdict = HeldOut::of(&parts.verdict, start);
    let questions = asked(&verdict).min(asked(&HeldOut::of(&parts.choice, start)));
    if questions < MIN_QUESTIONS {
        return Err(TuneError::TooFew { documented, questions });
    }
    let ranks = measure::ranks(&Table::of(start), &verdict, options.threads);
    let (own, words) = vocabulary::extended(start, &parts.train, MODEL_VERSION)?;
    let examples = Examples::of(&parts.train, &own);
    let (epoch, artifact) = best_epoch(&own, &examples, &HeldOut::of(&parts.choice, &own), options, watch)?;
    let tuned = StaticModel::from_bytes(artifact.clone())?;
    let tuned_ranks = measure::ranks(&Table::of(&tuned), &HeldOut::of(&parts.verdict, &tuned), options.threads);
    Ok(Tuned {
        artifact,
        pairs: examples.groups.iter().map(|group| group.examples.len()).sum(),
        definitions: parts.definitions,
        words,
        epoch,
        before: measure::of_ranks(&ranks),
        after: measure::of_ranks(&tuned_ranks),
        error: standard_error(&ranks, &tuned_ranks),
    })
}

/// Trains, and keeps the epoch that is best on the part held back for this choice.
fn best_epoch(
    start: &StaticModel,
    examples: &Examples,
    choice: &HeldOut,
    options: &Options,
    watch: &mut dyn FnMut(Step) -> bool,
) -> Result<(usize, Vec<u8>), TuneError> {
    let mut table = Table::of(start);
    let mrr = |table: &Table| measure::measure(table, choice, options.threads).mrr;
    let (mut best, mut epoch, mut taken) = (mrr(&table), 0, table.clone());
    let mut trainer = Trainer::new(examples, options);
    for number in 1..=options.epochs {
        let mut told = |done, batches| watch(Step::Training { epoch: number, epochs: options.epochs, done, batches });
        trainer.epoch(&mut table, &mut told).ok_or(TuneError::Stopped)?;
        let found = mrr(&table);
        if found > best {
            (best, epoch, taken) = (found, number, table.clone());
        }
    }
    Ok((epoch, taken.artifact(MODEL_VERSION)?))
}

/// The standard error of the mean difference of 1 / rank, question by question.
fn standard_error(before: &[f64], after: &[f64]) -> f64 {
    let by: Vec<f64> = before.iter().zip(after).map(|(before, after)| after.recip() - before.recip()).collect();
    let count = as_f64(by.len().max(2));
    let mean = by.iter().sum::<f64>() / count;
    let variance = by.iter().map(|by| (by - mean) * (by - mean)).sum::<f64>() / (count - 1.0);
    (variance / count).sqrt()
}
