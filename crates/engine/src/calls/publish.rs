//! Publishes the index of an engine's folder, and removes what nothing published needs any more.

use std::ffi::OsStr;
use std::time::Duration;

use super::base::TransferState;
use crate::error::EngineError;
use crate::state::Engine;
use config::LocationSettings;
use platform::cancel::CancelToken;

/// A published index.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PublishedBase {
    /// The address of the location.
    pub location: String,
    pub project: String,
    pub commit: Option<String>,
    /// Whether tracked files differ from the commit; `None` if git could not tell.
    pub is_modified: Option<bool>,
    pub model_id: String,
    pub parts: u64,
    pub bytes: u64,
    pub uploaded_parts: u64,
    pub uploaded_bytes: u64,
    /// Whether exactly this index was the newest one there already.
    pub was_there: bool,
    /// Number of times that another publisher was faster, and this one added its entry to the other's list.
    pub rebases: u32,
}

/// What was removed from a location, or would be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CollectedLocation {
    /// The address of the location.
    pub location: String,
    pub removed_parts: u64,
    pub removed_bases: u64,
    pub removed_bytes: u64,
    pub kept_parts: u64,
    pub kept_bases: u64,
    pub kept_bytes: u64,
    /// Objects that nothing names, and that are too young to be removed.
    pub young_objects: u64,
}

impl Engine {
    /// Publishes the last commit of the index at a location.
    ///
    /// # Errors
    /// When the index is missing or not complete, or the location refuses or fails.
    #[cfg(feature = "locations")]
    pub fn publish(
        &self,
        location: &OsStr,
        cancel: &CancelToken,
        observe: &(dyn Fn(TransferState) + Send + Sync),
    ) -> Result<PublishedBase, EngineError> {
        use super::base::checkout::{Checkout, has_changes};
        use locations::{LocationUrl, PublishRequest};
        use store::lance::LanceStore;

        let url = LocationUrl::parse(location)?;
        let root = self.settings.root.as_path();
        let manifest = self.require_view()?.manifest().clone();
        let parts = LanceStore::list_parts(&self.settings.index_dir)?
            .filter(|parts| parts.manifest.complete && manifest.complete)
            .ok_or_else(|| EngineError::Unpublishable { root: root.to_owned() })?;
        let checkout = Checkout::find(root);
        let project = url.project.clone().unwrap_or(checkout.project);
        let is_modified = if checkout.commit.is_some() { has_changes(root) } else { Some(false) };
        let files: Vec<(String, u64)> = parts.files.iter().map(|part| (part.path.clone(), part.size_bytes)).collect();
        let index = parts.manifest_file(std::path::Path::new(&url.to_string()))?;
        let request = PublishRequest {
            dir: &self.settings.index_dir,
            files: &files,
            index: String::from_utf8_lossy(&index).into_owned(),
            project: &locations::project_name(&project),
            commit: checkout.commit.as_deref(),
            is_modified: is_modified.unwrap_or(true),
            model_id: &parts.manifest.fingerprint.model_id,
        };
        let seen = |progress: &locations::TransferProgress| {
            observe(TransferState { done_bytes: progress.done_bytes, bytes: progress.bytes });
        };
        let done = locations::publish(&url, &self.settings.locations, &request, cancel, &seen)?;
        Ok(PublishedBase {
            location: url.to_string(),
            project: done.project,
            commit: done.commit,
            is_modified,
            model_id: done.model_id,
            parts: done.parts,
            bytes: done.bytes,
            uploaded_parts: done.uploaded_parts,
            uploaded_bytes: done.uploaded_bytes,
            was_there: done.was_there,
            rebases: done.rebases,
        })
    }

    /// Refuses: this program cannot write locations.
    ///
    /// # Errors
    /// [`EngineError::NoLocations`].
    #[cfg(not(feature = "locations"))]
    pub fn publish(
        &self,
        _: &OsStr,
        _: &CancelToken,
        _: &(dyn Fn(TransferState) + Send + Sync),
    ) -> Result<PublishedBase, EngineError> {
        Err(EngineError::NoLocations { option: "`publish`" })
    }
}

/// Removes the parts and manifests of a location that no published index needs and that are older than `grace`; counts
/// them only with `dry_run`.
///
/// # Errors
/// When the location refuses or fails; nothing is removed if a list or manifest cannot be read.
#[cfg(feature = "locations")]
pub fn collect_location(
    location: &OsStr,
    settings: &LocationSettings,
    grace: Duration,
    dry_run: bool,
    cancel: &CancelToken,
) -> Result<CollectedLocation, EngineError> {
    let url = locations::LocationUrl::parse(location)?;
    let done = locations::collect_garbage(&url, settings, grace, dry_run, cancel)?;
    Ok(CollectedLocation {
        location: url.to_string(),
        removed_parts: done.removed_parts,
        removed_bases: done.removed_bases,
        removed_bytes: done.removed_bytes,
        kept_parts: done.kept_parts,
        kept_bases: done.kept_bases,
        kept_bytes: done.kept_bytes,
        young_objects: done.young_objects,
    })
}

/// Refuses: this program cannot read locations.
///
/// # Errors
/// [`EngineError::NoLocations`].
#[cfg(not(feature = "locations"))]
pub fn collect_location(
    _: &OsStr,
    _: &LocationSettings,
    _: Duration,
    _: bool,
    _: &CancelToken,
) -> Result<CollectedLocation, EngineError> {
    Err(EngineError::NoLocations { option: "the location" })
}
