//! Publishes the index of an engine's folder, and removes unused parts from locations.

use std::ffi::OsStr;
use std::time::Duration;

use serde::Serialize;

use crate::error::EngineError;
use crate::state::Engine;
use crate::state::published::TransferState;
use config::LocationSettings;
use platform::cancel::CancelToken;
use text::display::{format_bytes, pluralize};

/// A published index, and its output as JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PublishedBase {
    /// The address of the location.
    pub location: String,
    pub project: String,
    pub commit: Option<String>,
    /// Whether tracked files differ from the commit; false without a commit, `None` if git could not tell.
    pub is_modified: Option<bool>,
    pub model_id: String,
    pub parts: u64,
    pub bytes: u64,
    pub uploaded_parts: u64,
    pub uploaded_bytes: u64,
    /// Whether this index, or one of the same contents, was the newest one there already.
    pub was_there: bool,
    /// Number of failed attempts to replace the list of indexes, usually because another publisher was faster.
    pub rebases: u32,
}

/// The report on a removal of unused parts from a location, and its output as JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CollectedLocation {
    /// The address of the location.
    pub location: String,
    pub removed_parts: u64,
    pub removed_bases: u64,
    pub removed_bytes: u64,
    pub kept_parts: u64,
    pub kept_bases: u64,
    pub kept_bytes: u64,
    /// Number of unused objects that are too young to be removed.
    pub young_objects: u64,
}

impl PublishedBase {
    /// Describes the published index in two lines, such as `app at commit 0123456789ab published at s3://bucket`.
    pub fn describe(&self) -> [String; 2] {
        let of = match &self.commit {
            Some(commit) => format!("{} at commit {}", self.project, commit.get(..12).unwrap_or(commit)),
            None => format!("{}, which is in no git repository,", self.project),
        };
        let state = if self.was_there { "is there already:" } else { "published at" };
        let rebased = if self.rebases > 0 { ", beside others who published at the same time" } else { "" };
        let (parts, size) = (pluralize(self.parts, "part"), format_bytes(self.bytes));
        let (new, new_size) = (self.uploaded_parts, format_bytes(self.uploaded_bytes));
        [
            format!("{of} {state} {}{rebased}", self.location),
            format!("{parts} with {size}, of these {new} new with {new_size}; model {}", self.model_id),
        ]
    }
}

impl CollectedLocation {
    /// Describes in two lines the objects that were removed, or would be in a dry run.
    pub fn describe(&self, dry_run: bool) -> [String; 2] {
        let removed = if dry_run { "would remove" } else { "removed" };
        let (parts, bases) = (pluralize(self.removed_parts, "part"), pluralize(self.removed_bases, "manifest"));
        let (kept_parts, kept_bases) = (pluralize(self.kept_parts, "part"), pluralize(self.kept_bases, "manifest"));
        let (size, kept) = (format_bytes(self.removed_bytes), format_bytes(self.kept_bytes));
        let young = pluralize(self.young_objects, "unused object");
        let is_young = if self.young_objects == 1 { "is" } else { "are" };
        [
            format!("{removed} {parts} and {bases} with {size} from {}", self.location),
            format!("{kept_parts} and {kept_bases} with {kept} are in use; {young} {is_young} too young"),
        ]
    }
}

impl Engine {
    /// Publishes the last commit of the index at a location. `again` uploads parts although they are there, which
    /// repairs damaged ones.
    ///
    /// # Errors
    /// When the index is missing or not complete, or the location refuses or fails.
    #[cfg(feature = "locations")]
    pub fn publish(
        &self,
        location: &OsStr,
        again: bool,
        cancel: &CancelToken,
        observe: &(dyn Fn(TransferState) + Send + Sync),
    ) -> Result<PublishedBase, EngineError> {
        use crate::state::published::checkout::{Checkout, has_changes};
        use crate::state::published::{PublishableIndex, observe_transfer};
        use locations::{LocationUrl, PublishRequest};

        let url = LocationUrl::parse(location)?;
        let root = self.settings.root.as_path();
        let view = self.require_view()?;
        if !view.manifest().complete {
            return Err(EngineError::Unpublishable { root: root.to_owned() });
        }
        let PublishableIndex { parts, files, manifest_text } =
            PublishableIndex::list(&self.settings.index_dir, root, &url.to_string())?;
        let checkout = Checkout::find(root);
        let project = url.project.clone().unwrap_or(checkout.project);
        let is_modified = if checkout.commit.is_some() { has_changes(root) } else { Some(false) };
        let request = PublishRequest {
            dir: &self.settings.index_dir,
            files: &files,
            index: manifest_text,
            project: &locations::project_name(&project),
            commit: checkout.commit.as_deref(),
            is_modified: is_modified.unwrap_or(true),
            model_id: &parts.manifest.fingerprint.model_id,
            // Also with `again`: later publishers compare it.
            content: Some(hash_contents(view.as_ref(), &parts)?),
            again,
            combined: None,
        };
        let done = locations::publish(&url, &self.settings.locations, &request, cancel, &observe_transfer(observe))?;
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
        _: bool,
        _: &CancelToken,
        _: &(dyn Fn(TransferState) + Send + Sync),
    ) -> Result<PublishedBase, EngineError> {
        Err(EngineError::NoLocations { option: "`publish`" })
    }
}

/// Returns a checksum, in hexadecimal, of everything in an index that answers or later index runs depend on: the
/// settings and versions, the numbers of skipped files, the contents of the files, and which search indexes and
/// optional files there are. The metadata of the indexed files is left out: it differs between copies of a tree, and
/// between a run right after a change and the next one.
#[cfg(feature = "locations")]
fn hash_contents(view: &dyn store::StoreView, parts: &store::lance::IndexParts) -> Result<String, EngineError> {
    use store::lance::IndexPart;

    let manifest = &parts.manifest;
    let optional: Vec<&str> =
        parts.files.iter().map(|part| part.path.as_str()).filter(|path| IndexPart::is_optional(path)).collect();
    let head = (&manifest.fingerprint, &manifest.skipped, view.lacks_search_indexes()?, optional);
    let mut hasher = blake3::Hasher::new();
    hasher.update(serde_json::to_string(&head).expect("a fingerprint is valid JSON").as_bytes());
    for file in view.files()? {
        let content = &file.content;
        let line = (content.encoding.as_str(), content.language.0, &content.outcome);
        hasher.update(format!("{:?} {} {line:?}\n", file.path.as_str(), content.hash).as_bytes());
    }
    Ok(hasher.finalize().to_hex().to_string())
}

/// Removes the parts and manifests of a location that no published index needs and that are older than `grace`. With
/// `dry_run`, only counts them.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_sizes_are_shown_in_their_own_unit_and_single_things_as_such() {
        let published = PublishedBase {
            location: "/srv/indexes".to_owned(),
            project: "app".to_owned(),
            model_id: "m".to_owned(),
            parts: 12,
            bytes: 48_300,
            uploaded_parts: 1,
            uploaded_bytes: 900,
            ..PublishedBase::default()
        };
        assert_eq!(published.describe()[1], "12 parts with 47.2 KiB, of these 1 new with 900 B; model m");
        let collected = CollectedLocation {
            location: "/srv/indexes".to_owned(),
            removed_parts: 1,
            removed_bytes: 2_048,
            kept_parts: 12,
            kept_bases: 1,
            kept_bytes: 48_300,
            young_objects: 1,
            ..CollectedLocation::default()
        };
        assert_eq!(
            collected.describe(false),
            [
                "removed 1 part and 0 manifests with 2.0 KiB from /srv/indexes",
                "12 parts and 1 manifest with 47.2 KiB are in use; 1 unused object is too young",
            ]
        );
    }
}
