//! Training of the built-in embedding's table, on pairs of texts found in repositories: a doc comment and its
//! definition, a name and its body, a heading and its section.
//!
//! [`pairs`] finds the pairs, [`table`] is the table in training, [`optimizer`] changes it, and [`evaluate`] scores
//! each epoch. [`train_model`] makes the built-in model, [`tune`] adapts it to one folder. Equal pairs, options and
//! initial models give equal bytes, for any number of threads.
//!
//! ```text
//! folder ─▶ pairs ─▶ examples ─▶ optimizer ⇄ evaluate ─▶ artifact
//!           text      tokens      epochs       held-out repositories, or held-out definitions of one
//! ```

pub mod evaluate;
mod examples;
mod math;
mod optimizer;
pub mod pairs;
mod table;
mod training;
pub mod tune;
mod vocabulary;

#[cfg(test)]
mod tests;

pub use optimizer::TrainingOptions;
pub use pairs::{PairKind, TextPair, TrainingRepository, commits};
pub use table::{MODEL_VERSION, TrainingTable};
pub use training::{EpochResult, TrainedModel, TrainingSplit, train_model};
