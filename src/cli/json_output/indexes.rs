//! The output of `codescry indexes list --json`.

use serde::Serialize;

use engine::StoredIndex;

/// The output of `codescry indexes list --json`.
#[derive(Serialize)]
pub struct IndexesJson<'a> {
    indexes: Vec<StoredIndexJson<'a>>,
}

/// One index.
#[derive(Serialize)]
struct StoredIndexJson<'a> {
    name: String,
    index_dir: String,
    /// The indexed folder; `null` if it is unknown.
    folder: Option<String>,
    folder_exists: bool,
    size_bytes: u64,
    model_id: &'a str,
    committed_at_ms: u64,
    complete: bool,
    problem: Option<&'a str>,
}

impl<'a> IndexesJson<'a> {
    /// Converts the indexes.
    pub fn new(indexes: &'a [StoredIndex]) -> Self {
        let convert = |index: &'a StoredIndex| StoredIndexJson {
            name: index.name(),
            index_dir: index.dir.display().to_string(),
            folder: index.root.as_ref().map(|root| root.display().to_string()),
            folder_exists: index.root.is_some() && !index.is_orphan(),
            size_bytes: index.size_bytes,
            model_id: &index.model_id,
            committed_at_ms: index.committed_at_ms,
            complete: index.complete,
            problem: index.problem.as_deref(),
        };
        Self { indexes: indexes.iter().map(convert).collect() }
    }
}
