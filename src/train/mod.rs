//! Trains the table of the built-in embedding on pairs of texts that repositories themselves make:
//! a doc comment and what it documents, a name and its body, a heading and its section.
//!
//! Owns what a pair is and how it is found ([`pairs`]), the table in training
//! ([`model`]), the optimizer ([`optimize`]) and the measure that picks the best epoch ([`measure`]).
//! Invariant: equal pairs, options and start give equal bytes, whatever the number of threads.
//! Must never import: the store, the index, the search, anything above them, nor a mathematics crate.
//!
//! ```text
//! folder ─▶ pairs ─▶ examples ─▶ optimize ⇄ measure ─▶ artifact
//!           text      tokens      epochs      held-out repositories, or held-out definitions of one
//! ```

pub mod comments;
pub mod commits;
mod dense;
pub mod examples;
mod gradient;
pub mod measure;
pub mod mining;
pub mod model;
pub mod optimize;
pub mod pairs;
mod random;
pub mod tune;
mod vocabulary;

#[cfg(test)]
mod tests;

use crate::embed::static_model::{ModelError, StaticModel};
use examples::{Examples, HeldOut};
use measure::Measure;
use model::Table;
pub use optimize::Options;
use optimize::Trainer;
pub use pairs::{Pair, PairKind, Repository};

/// The version of every model that training makes.
pub const MODEL_VERSION: u32 = 2;

/// Pairs to train with, and pairs to measure with.
pub struct Split {
    pub train: Vec<Repository>,
    pub held_out: Vec<Repository>,
}

impl Split {
    /// Holds whole repositories back: those that `is_held_out` names.
    pub fn by_repository(repositories: Vec<Repository>, is_held_out: impl Fn(&str) -> bool) -> Self {
        let (held_out, train) = repositories.into_iter().partition(|repository| is_held_out(&repository.name));
        Self { train, held_out }
    }

    /// Holds back every pair of one definition in `every`, of each repository: the split for a single one.
    /// What is held back is looked for among all definitions.
    pub fn by_definition(repositories: Vec<Repository>, every: u64) -> Self {
        let (mut train, mut held_out) = (Vec::new(), Vec::new());
        for repository in repositories {
            let (mut back, kept): (Vec<Pair>, Vec<Pair>) =
                repository.pairs.into_iter().partition(|pair| pair.target % every.max(1) == 0);
            back.extend(kept.iter().filter(|pair| pair.is_definition()).map(Pair::unasked));
            train.push(Repository { name: repository.name.clone(), pairs: kept });
            held_out.push(Repository { name: repository.name, pairs: back });
        }
        Self { train, held_out }
    }
}

/// What one epoch came to.
#[derive(Clone, Copy, Debug)]
pub struct Epoch {
    /// 0 is the table that training began with.
    pub number: usize,
    /// Mean loss of its batches; 0 before the first.
    pub loss: f64,
    pub measure: Measure,
}

/// A trained model and how it came to be.
pub struct Trained {
    /// The artifact of the best epoch; see [`crate::embed::static_model`].
    pub artifact: Vec<u8>,
    /// The best of the epochs, by its measure.
    pub best: Epoch,
    /// The table that training began with.
    pub before: Epoch,
}

/// Trains from `start`, measures after every epoch and keeps the best. `each` is told of every epoch,
/// with the artifact it would make.
///
/// # Errors
///
/// When the table does not fit the artifact's format.
pub fn train(
    start: &StaticModel,
    split: &Split,
    options: &Options,
    each: &mut dyn FnMut(&Epoch, &Table),
) -> Result<Trained, ModelError> {
    let mut table = Table::of(start);
    let examples = Examples::of(&split.train, start);
    let held_out = HeldOut::of(&split.held_out, start);
    let measured = |table: &Table| measure::measure(table, &held_out, options.threads);
    let before = Epoch { number: 0, loss: 0.0, measure: measured(&table) };
    each(&before, &table);
    let (mut best, mut artifact) = (before, table.artifact(MODEL_VERSION)?);
    let mut trainer = Trainer::new(&examples, options);
    for number in 1..=options.epochs {
        let Some(loss) = trainer.epoch(&mut table, &mut |_, _| true) else { break };
        let shown = table.between(options.kept_share);
        let epoch = Epoch { number, loss, measure: measured(&shown) };
        each(&epoch, &shown);
        if epoch.measure.mrr > best.measure.mrr {
            (best, artifact) = (epoch, shown.artifact(MODEL_VERSION)?);
        }
    }
    Ok(Trained { artifact, best, before })
}
