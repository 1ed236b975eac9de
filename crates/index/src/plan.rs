//! Compares the stored index with the current settings and decides how much of it can be kept.

pub(crate) mod saved_tree;

use std::collections::HashMap;
use std::sync::Arc;

use crate::known_objects::SharedContents;
use config::Settings;
use embed::Embedder;
use source::language::LanguageChoices;
use source::parse::CHUNKER_VERSION;
use source::walk::WalkEntry;
use store::{IndexFingerprint, SCHEMA_VERSION, StoreDamage, StoreError, StoreView};
use types::{FileOutcome, FileRecord, PathSet, RepoPath};

/// Returns the fingerprint of an index that is written with these settings and this embedder, without the choices of
/// languages.
pub fn index_fingerprint(settings: &Settings, embedder: &dyn Embedder) -> IndexFingerprint {
    IndexFingerprint {
        schema_version: SCHEMA_VERSION,
        chunker_version: CHUNKER_VERSION,
        model_id: embedder.model_id().to_owned(),
        dimensions: u32::try_from(embedder.dimensions()).expect("a vector has fewer than 2^32 dimensions"),
        settings: format!(
            "max_file_bytes={} parse_time_limit_ms={}",
            settings.max_file_bytes,
            settings.parse_time_limit.as_millis()
        ),
        model_checksum: None,
    }
}

/// The parts of the stored index that a run can reuse.
pub(crate) struct RunPlan {
    /// Records of files that are processed only if they have changed.
    pub known: HashMap<RepoPath, FileRecord>,
    /// The contents of files that git's index knows; `None` unless the index began as a copy of another folder's and no
    /// run has compared it with this folder yet.
    pub shared: Option<SharedContents>,
    /// Files that are read although their metadata matches their record, because they were seen to change.
    pub reread: PathSet,
    /// The languages that the user and the project choose.
    pub languages: LanguageChoices,
    /// Every file in the store; empty if the run starts with an empty index.
    pub stored: Vec<RepoPath>,
    /// Whether the run starts with an empty index.
    pub fresh: bool,
    /// Whether the old index stays searchable until this run completes. This is true for a complete index if no rebuild
    /// was requested, and the index is only damaged, or only the model, the layout or the chunker has changed.
    pub keeps_old_index: bool,
    /// The reason why stored data is discarded, in words for users; `None` if all of it is kept.
    pub redo_reason: Option<String>,
    /// Damage that this run repairs without a rebuild.
    pub repaired: StoreDamage,
}

impl RunPlan {
    /// Returns whether a file need not be read: its metadata matches its record, or git knows that it has the content
    /// of its record, and it is not in [`RunPlan::reread`].
    pub fn is_unchanged(&self, entry: &WalkEntry) -> bool {
        let known = self.known.get(&entry.path).filter(|_| !self.reread.has_entry(&entry.path));
        known.is_some_and(|known| {
            known.stat == entry.stat || self.shared.as_ref().is_some_and(|shared| shared.has_content(known, entry))
        })
    }

    /// Returns whether nothing about a file remains to be done: it is unchanged, its record has its metadata, and it was
    /// not left out for being too large. `largest_bytes` is the size above which it is left out now.
    pub fn is_settled(&self, entry: &WalkEntry, largest_bytes: u64) -> bool {
        let known = self.known.get(&entry.path).filter(|known| known.stat == entry.stat);
        known.is_some_and(|known| {
            entry.stat.size_bytes <= largest_bytes && !known.is_too_large() && !self.reread.has_entry(&entry.path)
        })
    }

    /// Makes the run repair `damage`, which does not concern the whole index: the damaged files are indexed again.
    pub fn repair(&mut self, damage: StoreDamage) {
        damage.files.iter().for_each(|path| _ = self.known.remove(path));
        self.repaired = damage;
    }
}

/// Plans a run that updates the stored index `view`, or starts with an empty one if `view` is `None`. `fingerprint` is
/// that of this run. `damage` describes damage that only a rebuild repairs; `None` without such damage.
///
/// # Errors
/// When the file records of `view` cannot be read.
pub(crate) fn plan_run(
    view: Option<&Arc<dyn StoreView>>,
    fingerprint: &IndexFingerprint,
    rebuild: bool,
    damage: Option<&str>,
) -> Result<RunPlan, StoreError> {
    let mut plan = RunPlan {
        known: HashMap::new(),
        shared: None,
        reread: PathSet::default(),
        languages: LanguageChoices::default(),
        stored: Vec::new(),
        fresh: rebuild || damage.is_some(),
        keeps_old_index: false,
        redo_reason: damage.map(|damage| format!("the index was damaged ({damage})")),
        repaired: StoreDamage::default(),
    };
    let Some(view) = view else {
        return Ok(plan);
    };
    let stored = &view.manifest().fingerprint;
    let redo_reason = rebuild_reason(stored, fingerprint);
    if rebuild || redo_reason.is_some() || damage.is_some() {
        plan.fresh = true;
        // A damaged index answers too, without its damaged parts.
        let is_only_damaged = damage.is_some() && redo_reason.is_none() && stored.settings == fingerprint.settings;
        plan.keeps_old_index =
            !rebuild && view.manifest().complete && (is_only_damaged || keeps_answering(stored, fingerprint));
        if plan.redo_reason.is_some() {
            return Ok(plan);
        }
        plan.redo_reason = redo_reason.or_else(|| Some("a rebuild was requested".to_owned()));
        return Ok(plan);
    }
    let files = view.files()?;
    let settings_changed = stored.settings != fingerprint.settings;
    plan.stored = files.iter().map(|file| file.path.clone()).collect();
    let languages = [stored, fingerprint].map(|one| LanguageChoices::from_setting(&one.settings));
    let redo = |file: &FileRecord| {
        let has_problem = matches!(&file.content.outcome, FileOutcome::Indexed { problem: Some(_), .. });
        settings_changed && (has_problem || languages[0].find(&file.path) != languages[1].find(&file.path))
    };
    if settings_changed {
        let (old, new) = (&stored.settings, &fingerprint.settings);
        plan.redo_reason =
            Some(format!("the settings changed from {old} to {new}: the affected files are indexed again"));
    }
    plan.known = files.into_iter().filter(|file| !redo(file)).map(|file| (file.path.clone(), file)).collect();
    Ok(plan)
}

/// Returns whether stored rows that must be replaced can still answer searches. They can if they differ only in
/// the model of their vectors, in an older layout that is still readable, or in chunks of an older version.
fn keeps_answering(stored: &IndexFingerprint, now: &IndexFingerprint) -> bool {
    let with_its_chunks = IndexFingerprint {
        schema_version: stored.schema_version,
        chunker_version: now.chunker_version.min(stored.chunker_version),
        model_id: stored.model_id.clone(),
        dimensions: stored.dimensions,
        ..now.clone()
    };
    stored.is_readable() && rebuild_reason(stored, now).is_some() && rebuild_reason(stored, &with_its_chunks).is_none()
}

/// Returns the reason why stored rows cannot be reused, or `None` if they can.
pub fn rebuild_reason(stored: &IndexFingerprint, now: &IndexFingerprint) -> Option<String> {
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
