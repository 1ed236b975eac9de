//! The outputs of `codescry publish --json` and `codescry gc --json`.

use serde::Serialize;

use engine::{CollectedLocation, PublishedBase};

/// The output of `codescry publish --json`.
#[derive(Serialize)]
pub struct PublishJson<'p> {
    location: &'p str,
    project: &'p str,
    commit: Option<&'p str>,
    /// Whether tracked files differ from the commit; absent if it is unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    is_modified: Option<bool>,
    model_id: &'p str,
    parts: u64,
    bytes: u64,
    uploaded_parts: u64,
    uploaded_bytes: u64,
    was_there: bool,
    rebases: u32,
}

impl<'p> PublishJson<'p> {
    /// Converts what was published.
    pub fn new(done: &'p PublishedBase) -> Self {
        Self {
            location: &done.location,
            project: &done.project,
            commit: done.commit.as_deref(),
            is_modified: done.is_modified,
            model_id: &done.model_id,
            parts: done.parts,
            bytes: done.bytes,
            uploaded_parts: done.uploaded_parts,
            uploaded_bytes: done.uploaded_bytes,
            was_there: done.was_there,
            rebases: done.rebases,
        }
    }
}

/// The output of `codescry gc --json`.
#[derive(Serialize)]
pub struct GcJson<'g> {
    location: &'g str,
    dry_run: bool,
    removed_parts: u64,
    removed_indexes: u64,
    removed_bytes: u64,
    kept_parts: u64,
    kept_indexes: u64,
    kept_bytes: u64,
    young_objects: u64,
}

impl<'g> GcJson<'g> {
    /// Converts what was removed.
    pub fn new(done: &'g CollectedLocation, dry_run: bool) -> Self {
        Self {
            location: &done.location,
            dry_run,
            removed_parts: done.removed_parts,
            removed_indexes: done.removed_bases,
            removed_bytes: done.removed_bytes,
            kept_parts: done.kept_parts,
            kept_indexes: done.kept_bases,
            kept_bytes: done.kept_bytes,
            young_objects: done.young_objects,
        }
    }
}
