//! Changes the table so that queries come closer to their passages than to others.

mod gradient;
mod hard_negatives;
mod options;
mod trainer;

pub use options::TrainingOptions;
pub use trainer::Trainer;

#[cfg(test)]
pub(crate) use gradient::{TrainingBatch, compute_gradient};
