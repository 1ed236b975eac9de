//! The output of `codescry tune --json`.

use serde::Serialize;

use engine::TuneResult;

/// The output of `codescry tune --json`.
#[derive(Serialize)]
pub struct TuneJson {
    /// The outcome: `kept`, `not_better`, `dry_run`, `undone` or `not_tuned`.
    pub outcome: &'static str,
    pub model_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub measured: Option<TuneMeasurementsJson>,
    pub elapsed_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vectors_computed: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vectors_reused: Option<u64>,
}

/// The amounts that a tuning run learned from, and its measurements on held-out doc comments.
#[derive(Serialize)]
pub struct TuneMeasurementsJson {
    is_better: bool,
    pairs: usize,
    questions: usize,
    definitions: usize,
    new_words: usize,
    mrr_before: f64,
    mrr_after: f64,
    /// The standard error of the difference in MRR.
    standard_error: f64,
    recall_at_10_before: f64,
    recall_at_10_after: f64,
}

impl TuneMeasurementsJson {
    /// Converts the measurements of a tuning run.
    pub fn new(tuned: &TuneResult) -> Self {
        Self {
            is_better: tuned.is_better(),
            pairs: tuned.pairs,
            questions: tuned.after.questions,
            definitions: tuned.definitions,
            new_words: tuned.words,
            mrr_before: tuned.before.mrr,
            mrr_after: tuned.after.mrr,
            standard_error: tuned.error,
            recall_at_10_before: tuned.before.recall_at_10,
            recall_at_10_after: tuned.after.recall_at_10,
        }
    }
}
