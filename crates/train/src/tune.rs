//! Trains a model further on one folder, and evaluates whether that helped.
//!
//! About a tenth of the definitions is held back to select the best epoch, and another tenth for the verdict. The
//! result is evaluated on the queries of the verdict only, which influenced neither training nor selection.

use std::collections::HashSet;

use crate::evaluate::{self, RetrievalScores};
use crate::examples::{HeldOut, TrainingExamples};
use crate::math::as_f64;
use crate::optimizer::{Trainer, TrainingOptions};
use crate::pairs::{PairKind, TextPair, TrainingRepository};
use crate::table::{MODEL_VERSION, TrainingTable};
use crate::vocabulary;
use embed::static_model::{StaticModel, StaticModelError};
use platform::cancel::CancelToken;

/// Number of definitions of which one is held back for the selection and another one for the verdict.
const HELD_BACK_EVERY: u64 = 10;

/// Minimum number of queries for the selection and for the verdict; with fewer, the result would be random.
pub const MIN_QUESTIONS: usize = 15;

/// Number of standard errors that a gain must exceed: a one-sided test at the 5 % level.
const MIN_STANDARD_ERRORS: f64 = 1.645;

/// The kinds of pairs to train with, the same as for the built-in model. With [`PairKind::Member`], the queries
/// of the verdict could become part of the training.
pub const TUNED_PAIR_KINDS: [PairKind; 3] = [PairKind::Doc, PairKind::Name, PairKind::Definition];

/// The progress of tuning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TuneStep {
    /// `done` of `files` files are read.
    Reading { done: usize, files: usize },
    /// In this epoch, `done` of `batches` batches are finished.
    Training { epoch: usize, epochs: usize, done: usize, batches: usize },
}

/// The result of tuning.
#[derive(Clone, Debug)]
pub struct TuneResult {
    /// The tuned model; see [`embed::static_model`].
    pub artifact: Vec<u8>,
    /// Number of pairs used in training.
    pub pairs: usize,
    /// Number of definitions among which each held-out query searches for its own.
    pub definitions: usize,
    /// Number of words that became tokens.
    pub words: usize,
    /// The epoch that scored best in the selection, from 1; `None` if none was better than the initial model.
    pub epoch: Option<usize>,
    /// The scores of the initial model in the verdict.
    pub before: RetrievalScores,
    /// The scores of the tuned model in the verdict.
    pub after: RetrievalScores,
    /// The standard error of the difference of the two MRR.
    pub error: f64,
}

impl TuneResult {
    /// Returns whether the tuned model is better by more than chance explains.
    pub fn is_better(&self) -> bool {
        self.epoch.is_some() && self.gain() > MIN_STANDARD_ERRORS * self.error
    }

    /// Returns the increase of the MRR in the verdict.
    pub fn gain(&self) -> f64 {
        self.after.mrr - self.before.mrr
    }
}

/// An error of tuning.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum TuneError {
    /// The folder has too few doc comments to evaluate a model with.
    #[error(
        "too few doc comments to tune with: {documented} definitions are documented, which leaves {questions} held-out comments, and {least} are needed; tune a folder that holds more of your code",
        least = MIN_QUESTIONS
    )]
    TooFew { documented: usize, questions: usize },
    #[error(transparent)]
    Model(#[from] StaticModelError),
    /// Tuning was cancelled.
    #[error("tuning was stopped; nothing was changed")]
    Stopped,
}

/// Returns the options for training on a single folder. Training changes only the rows of words that occur in the
/// folder, in a small number of steps, so the model keeps its knowledge of other code (measured in
/// benches/runs/2026-11-23-tune.md).
pub fn tune_options(threads: usize) -> TrainingOptions {
    TrainingOptions {
        epochs: 6,
        decay_epochs: None,
        threads,
        batch_repositories: 2,
        epoch_pairs: 6_000,
        learning_rate: 3e-3,
        ..TrainingOptions::default()
    }
}

/// The pairs, divided into training, selection and verdict.
struct TuneParts {
    train: Vec<TrainingRepository>,
    choice: Vec<TrainingRepository>,
    verdict: Vec<TrainingRepository>,
    definitions: usize,
}

impl TuneParts {
    fn divide(repository: TrainingRepository) -> Self {
        let all: Vec<TextPair> =
            repository.pairs.iter().filter(|pair| pair.is_definition()).map(TextPair::without_query).collect();
        let mut parts = [Vec::new(), Vec::new(), Vec::new()];
        for pair in repository.pairs {
            let part = match pair.target % HELD_BACK_EVERY {
                0 => 0,
                1 => 1,
                _ => 2,
            };
            parts[part].push(pair);
        }
        let named = |pairs| vec![TrainingRepository { name: repository.name.clone(), pairs }];
        let [mut choice, mut verdict, train] = parts;
        // Drop queries that are also in the training part, for another definition: they would test memorization only.
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

/// Trains `start` on the pairs of a folder. Calls `observe` after each batch.
///
/// # Errors
///
/// Fails if too few definitions are documented, if the table does not fit the artifact's format, or if tuning is
/// cancelled.
pub fn tune_model(
    start: &StaticModel,
    repository: TrainingRepository,
    options: &TrainingOptions,
    cancel: &CancelToken,
    observe: &mut dyn FnMut(TuneStep),
) -> Result<TuneResult, TuneError> {
    let documented = repository.pairs.iter().filter(|pair| pair.kind == PairKind::Doc).count();
    let parts = TuneParts::divide(repository);
    let count_queries = |held_out: &HeldOut| held_out.groups.iter().map(|group| group.answers.len()).sum::<usize>();
    let verdict = HeldOut::tokenize(&parts.verdict, start);
    let questions = count_queries(&verdict).min(count_queries(&HeldOut::tokenize(&parts.choice, start)));
    if questions < MIN_QUESTIONS {
        return Err(TuneError::TooFew { documented, questions });
    }
    let ranks = evaluate::answer_ranks(&TrainingTable::from_model(start), &verdict, options.threads);
    let (extended, words) = vocabulary::extend_vocabulary(start, &parts.train, MODEL_VERSION)?;
    let examples = TrainingExamples::tokenize(&parts.train, &extended);
    let (epoch, artifact) =
        find_best_epoch(&extended, &examples, &HeldOut::tokenize(&parts.choice, &extended), options, cancel, observe)?;
    let tuned = StaticModel::from_bytes(artifact.clone())?;
    let tuned_ranks = evaluate::answer_ranks(
        &TrainingTable::from_model(&tuned),
        &HeldOut::tokenize(&parts.verdict, &tuned),
        options.threads,
    );
    Ok(TuneResult {
        artifact,
        pairs: examples.groups.iter().map(|group| group.examples.len()).sum(),
        definitions: parts.definitions,
        words,
        epoch,
        before: evaluate::scores_from_ranks(&ranks),
        after: evaluate::scores_from_ranks(&tuned_ranks),
        error: standard_error(&ranks, &tuned_ranks),
    })
}

/// Trains, and returns the number and the artifact of the epoch that scores best in the selection. If no epoch is
/// better than `start`, returns `None` and the artifact of `start`.
fn find_best_epoch(
    start: &StaticModel,
    examples: &TrainingExamples,
    choice: &HeldOut,
    options: &TrainingOptions,
    cancel: &CancelToken,
    observe: &mut dyn FnMut(TuneStep),
) -> Result<(Option<usize>, Vec<u8>), TuneError> {
    let mut table = TrainingTable::from_model(start);
    let mrr = |table: &TrainingTable| evaluate::measure_table(table, choice, options.threads).mrr;
    let (mut best, mut epoch, mut best_table) = (mrr(&table), None, table.clone());
    let mut trainer = Trainer::new(examples, options);
    for number in 1..=options.epochs {
        let mut report =
            |done, batches| observe(TuneStep::Training { epoch: number, epochs: options.epochs, done, batches });
        trainer.run_epoch(&mut table, cancel, &mut report).ok_or(TuneError::Stopped)?;
        let score = mrr(&table);
        if score > best {
            (best, epoch, best_table) = (score, Some(number), table.clone());
        }
    }
    Ok((epoch, best_table.encode_artifact(MODEL_VERSION)?))
}

/// Returns the standard error of the mean difference of 1 / rank, over queries.
fn standard_error(before: &[f64], after: &[f64]) -> f64 {
    let differences: Vec<f64> =
        before.iter().zip(after).map(|(before, after)| after.recip() - before.recip()).collect();
    let count = as_f64(differences.len().max(2));
    let mean = differences.iter().sum::<f64>() / count;
    let variance =
        differences.iter().map(|difference| (difference - mean) * (difference - mean)).sum::<f64>() / (count - 1.0);
    (variance / count).sqrt()
}
