//! The output of `codescry bench pipeline --json`, and of the runs that it starts.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A variant with the reports of its runs.
#[derive(Serialize)]
pub struct VariantRunsJson {
    pub name: &'static str,
    /// The reports, as `index --json` prints them, or as [`RefusedRunJson`] if the variant cannot run.
    pub runs: Vec<Value>,
}

/// The output of a run that the pipeline refuses because its settings do not fit the machine.
#[derive(Serialize, Deserialize)]
pub struct RefusedRunJson {
    /// The reason and the remedy.
    pub refused: String,
}
