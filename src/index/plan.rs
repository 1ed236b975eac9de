//! What an earlier run left behind, and how much of it is still good.

use std::collections::HashMap;
use std::sync::Arc;

use crate::config::Settings;
use crate::embed::Embedder;
use crate::parse::CHUNKER_VERSION;
use crate::store::{Recipe, SCHEMA_VERSION, StoreError, StoreView};
use crate::types::{FileRecord, Outcome, RepoPath};
use crate::walk::WalkEntry;

/// The recipe of rows written now.
pub fn recipe(settings: &Settings, embedder: &dyn Embedder) -> Recipe {
    Recipe {
        schema_version: SCHEMA_VERSION,
        chunker_version: CHUNKER_VERSION,
        model_id: embedder.model_id().to_owned(),
        dimensions: u32::try_from(embedder.dimensions()).unwrap_or(u32::MAX),
        settings: format!(
            "max_file_bytes={} parse_time_limit_ms={}",
            settings.max_file_bytes,
            settings.parse_time_limit.as_millis()
        ),
    }
}

/// How a run goes on from the last one.
pub(super) struct Plan {
    /// Records whose files need no work while they stay the same.
    pub known: HashMap<RepoPath, FileRecord>,
    /// Every file the store has.
    pub stored: Vec<RepoPath>,
    /// Whether nothing that is stored can be kept.
    pub fresh: bool,
    /// Whether what is stored stays searchable until this run is complete: only its model is another.
    pub keeps_old: bool,
    /// Why work is done again, in words.
    pub because: Option<String>,
}

impl Plan {
    /// Whether a file is known, by its size and time: it needs no reading.
    pub fn knows(&self, entry: &WalkEntry) -> bool {
        let known = self.known.get(&entry.path);
        known.is_some_and(|known| (known.size_bytes, known.mtime_ns) == (entry.size_bytes, entry.mtime_ns))
    }
}

/// Compares the recipe of `view` with the one of this run.
pub(super) fn plan(view: Option<&Arc<dyn StoreView>>, recipe: &Recipe, rebuild: bool) -> Result<Plan, StoreError> {
    let mut plan = Plan { known: HashMap::new(), stored: Vec::new(), fresh: rebuild, keeps_old: false, because: None };
    let Some(view) = view else {
        return Ok(plan);
    };
    let because = redo_all(&view.manifest().recipe, recipe);
    if rebuild || because.is_some() {
        plan.fresh = true;
        plan.keeps_old =
            !rebuild && view.manifest().complete && differs_by_model_alone(&view.manifest().recipe, recipe);
        plan.because = because.or_else(|| Some("a rebuild was asked for".to_owned()));
        return Ok(plan);
    }
    let files = view.files()?;
    plan.stored = files.iter().map(|file| file.path.clone()).collect();
    let settings_changed = view.manifest().recipe.settings != recipe.settings;
    let redo =
        |file: &FileRecord| settings_changed && matches!(&file.outcome, Outcome::Indexed { problem: Some(_), .. });
    if settings_changed {
        let (old, new) = (&view.manifest().recipe.settings, &recipe.settings);
        plan.because = Some(format!("the settings changed from {old} to {new}: the files they affect are done again"));
    }
    plan.known = files.into_iter().filter(|file| !redo(file)).map(|file| (file.path.clone(), file)).collect();
    Ok(plan)
}

/// Whether rows could be kept but for their vectors.
fn differs_by_model_alone(stored: &Recipe, now: &Recipe) -> bool {
    let with_its_model = Recipe { model_id: stored.model_id.clone(), dimensions: stored.dimensions, ..now.clone() };
    redo_all(stored, now).is_some() && redo_all(stored, &with_its_model).is_none()
}

/// Why no stored row can be kept, or `None` when they can.
pub fn redo_all(stored: &Recipe, now: &Recipe) -> Option<String> {
    if stored.schema_version != now.schema_version {
        Some(format!("the index layout changed from version {} to {}", stored.schema_version, now.schema_version))
    } else if stored.chunker_version != now.chunker_version {
        Some(format!("the chunker changed from version {} to {}", stored.chunker_version, now.chunker_version))
    } else if (&stored.model_id, stored.dimensions) != (&now.model_id, now.dimensions) {
        Some(format!("the embedding model changed from {} to {}", stored.model_id, now.model_id))
    } else {
        None
    }
}
