//! Training from start to end: split, train, evaluate, and keep the best epoch.

use crate::evaluate::{RetrievalScores, measure_table};
use crate::examples::{HeldOut, TrainingExamples};
use crate::optimizer::{Trainer, TrainingOptions};
use crate::pairs::{TextPair, TrainingRepository};
use crate::table::{MODEL_VERSION, TrainingTable};
use embed::static_model::{StaticModel, StaticModelError};
use platform::cancel::CancelToken;

/// Pairs for training and pairs for evaluation.
pub struct TrainingSplit {
    pub train: Vec<TrainingRepository>,
    pub held_out: Vec<TrainingRepository>,
}

impl TrainingSplit {
    /// Holds out the repositories for which `is_held_out` returns true.
    pub fn by_repository(repositories: Vec<TrainingRepository>, is_held_out: impl Fn(&str) -> bool) -> Self {
        let (held_out, train) = repositories.into_iter().partition(|repository| is_held_out(&repository.name));
        Self { train, held_out }
    }

    /// Holds out all pairs of about one out of `every` definitions in each repository, chosen by their keys. Held-out
    /// queries are searched among all definitions.
    pub fn by_definition(repositories: Vec<TrainingRepository>, every: u64) -> Self {
        let (mut train, mut held_out) = (Vec::new(), Vec::new());
        for repository in repositories {
            let (mut held_back, kept): (Vec<TextPair>, Vec<TextPair>) =
                repository.pairs.into_iter().partition(|pair| pair.target % every.max(1) == 0);
            held_back.extend(kept.iter().filter(|pair| pair.is_definition()).map(TextPair::without_query));
            train.push(TrainingRepository { name: repository.name.clone(), pairs: kept });
            held_out.push(TrainingRepository { name: repository.name, pairs: held_back });
        }
        Self { train, held_out }
    }
}

/// The result of a training epoch.
#[derive(Clone, Copy, Debug)]
pub struct EpochResult {
    /// The number of the epoch; 0 for the initial table.
    pub number: usize,
    /// Mean loss of the epoch's batches; 0 for the initial table.
    pub loss: f64,
    pub measure: RetrievalScores,
}

/// A trained model with its evaluation.
pub struct TrainedModel {
    /// The artifact of the best epoch, or of the initial table if no epoch is better; see [`embed::static_model`].
    pub artifact: Vec<u8>,
    /// The epoch with the highest MRR; number 0 for the initial table.
    pub best: EpochResult,
    /// The evaluation of the initial table.
    pub before: EpochResult,
}

/// Trains from `start`, evaluates after every epoch and keeps the best one. Calls `each` with the result and the table
/// of each epoch, and first with those of the initial table.
///
/// # Errors
///
/// Fails if the table does not fit the artifact's format.
pub fn train_model(
    start: &StaticModel,
    split: &TrainingSplit,
    options: &TrainingOptions,
    each: &mut dyn FnMut(&EpochResult, &TrainingTable),
) -> Result<TrainedModel, StaticModelError> {
    let mut table = TrainingTable::from_model(start);
    let examples = TrainingExamples::tokenize(&split.train, start);
    let held_out = HeldOut::tokenize(&split.held_out, start);
    let measured = |table: &TrainingTable| measure_table(table, &held_out, options.threads);
    let before = EpochResult { number: 0, loss: 0.0, measure: measured(&table) };
    each(&before, &table);
    let (mut best, mut artifact) = (before, table.encode_artifact(MODEL_VERSION)?);
    let mut trainer = Trainer::new(&examples, options);
    for number in 1..=options.epochs {
        let Some(loss) = trainer.run_epoch(&mut table, &CancelToken::default(), &mut |_, _| ()) else { break };
        let evaluated = table.interpolate(options.kept_share);
        let epoch = EpochResult { number, loss, measure: measured(&evaluated) };
        each(&epoch, &evaluated);
        if epoch.measure.mrr > best.measure.mrr {
            (best, artifact) = (epoch, evaluated.encode_artifact(MODEL_VERSION)?);
        }
    }
    Ok(TrainedModel { artifact, best, before })
}
