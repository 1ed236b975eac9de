//! The output of `codescry eval --json`, which `--against` reads back.

use serde::{Deserialize, Serialize};

/// The output of `codescry eval --json`.
#[derive(Serialize)]
pub struct EvalJson<'a> {
    #[serde(flatten)]
    pub ours: &'a EvaluationJson,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub against: Option<&'a ComparisonJson>,
}

/// The results of one setting.
#[derive(Serialize, Deserialize)]
pub struct EvaluationJson {
    pub setting: String,
    pub questions: usize,
    pub ndcg_at_10: f64,
    pub mrr: f64,
    pub recall_at_10: f64,
    pub per_query: Vec<JudgedQueryJson>,
}

/// The results of one question.
#[derive(Serialize, Deserialize)]
pub struct JudgedQueryJson {
    pub query: String,
    /// The relevant locations, as the task file names them; empty in the output of older versions.
    #[serde(default)]
    pub relevant: Vec<String>,
    pub ndcg_at_10: f64,
    pub reciprocal_rank: f64,
    pub recall_at_10: f64,
    /// The reason why the search failed, if it did; the question then scores zero.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// The changes of nDCG@10 between two evaluations, over the questions in both.
#[derive(Serialize)]
pub struct ComparisonJson {
    /// The setting of the other evaluation; its metrics follow.
    pub setting: String,
    pub ndcg_at_10: f64,
    pub mrr: f64,
    pub recall_at_10: f64,
    /// The number of questions in both evaluations; the changes are over these.
    pub questions: usize,
    pub better: usize,
    pub worse: usize,
    pub same: usize,
    pub mean_change: f64,
    /// The 95 % confidence interval of the mean change, by a paired bootstrap over the questions.
    pub interval_95: [f64; 2],
    /// The number of questions in only one of the two evaluations.
    pub only_ours: usize,
    pub only_theirs: usize,
    /// The number of questions in both whose recorded relevant locations differ.
    pub relabelled: usize,
    pub per_query: Vec<QueryChangeJson>,
}

/// The nDCG@10 of one question in both evaluations.
#[derive(Serialize)]
pub struct QueryChangeJson {
    pub query: String,
    pub before: f64,
    pub after: f64,
    pub change: f64,
}
