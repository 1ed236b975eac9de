//! Published indexes as the beginning of a folder's index: fetched into the cache, and cloned from there.

#[cfg(feature = "locations")]
pub(crate) mod checkout;

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::EngineError;
use crate::state::Engine;
use config::Settings;
use platform::cancel::CancelToken;
use platform::clock::now_ms;

/// Name of the file in an index folder that describes the published index that the index began as a copy of.
const ORIGIN_FILE: &str = "published-base.json";

/// The published index that an index began as a copy of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BaseOrigin {
    /// The address of the location.
    pub location: String,
    pub project: String,
    /// The commit of git whose files were indexed, if it is known.
    pub commit: Option<String>,
    /// Whether the indexed files differed from the commit.
    pub is_modified: bool,
    /// Time in milliseconds since 1970.
    pub published_at_ms: u64,
    pub model_id: String,
}

impl BaseOrigin {
    /// Describes the index for a message, such as `the index of commit 0123456789ab, published 3 hours ago at s3://b`.
    pub fn describe(&self) -> String {
        let of = match &self.commit {
            Some(commit) => format!("commit {}", commit.get(..12).unwrap_or(commit)),
            None => self.project.clone(),
        };
        let changes = if self.is_modified { " with uncommitted changes" } else { "" };
        format!("the index of {of}{changes}, published {} ago at {}", self.describe_age(), self.location)
    }

    fn describe_age(&self) -> String {
        let minutes = now_ms().saturating_sub(self.published_at_ms) / 60_000;
        let (count, unit) = match minutes {
            0..120 => (minutes, "minute"),
            120..2_880 => (minutes / 60, "hour"),
            _ => (minutes / 1_440, "day"),
        };
        format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
    }

    /// Records the origin of the index in `from` for a copy of that index in `to`. A failure is logged.
    #[cfg(feature = "lance")]
    pub(crate) fn copy(from: &Path, to: &Path) {
        match fs::copy(from.join(ORIGIN_FILE), to.join(ORIGIN_FILE)) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                tracing::warn!("cannot record in {} that its index was published: {error}", to.display());
            }
            _ => {}
        }
    }

    /// Forgets the origin of the index in `index_dir`, which was built again from its files. A failure is logged.
    pub(crate) fn forget(index_dir: &Path) {
        if let Err(error) = fs::remove_file(index_dir.join(ORIGIN_FILE))
            && error.kind() != ErrorKind::NotFound
        {
            tracing::warn!("cannot remove {ORIGIN_FILE} in {}: {error}", index_dir.display());
        }
    }

    /// Reads the origin of the index in `index_dir`; `None` if it is no copy of a published index, or the record
    /// cannot be read.
    fn read(index_dir: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(index_dir.join(ORIGIN_FILE)).ok()?).ok()
    }
}

/// The progress of a transfer, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TransferState {
    pub done_bytes: u64,
    pub bytes: u64,
}

/// The report on a published index that was copied.
#[derive(Clone, Debug)]
pub struct BaseReport {
    pub origin: BaseOrigin,
    /// Bytes that came over the network; the rest was in the cache.
    pub fetched_bytes: u64,
    /// The reason why the location could not be read, so that an index that was fetched before is used.
    pub offline: Option<String>,
}

impl BaseReport {
    /// Describes where the index came from, or why an older one is used.
    pub fn describe(&self) -> String {
        let base = self.origin.describe();
        match &self.offline {
            Some(problem) => format!("{problem}; going on with {base}"),
            None => format!("starting from {base}; {:.1} MB fetched", self.fetched_bytes as f64 / 1e6),
        }
    }
}

impl Engine {
    /// Returns the published index that this index began as a copy of; `None` if there is none.
    pub fn base_origin(&self) -> Option<BaseOrigin> {
        BaseOrigin::read(&self.settings.index_dir)
    }

    /// Returns the location at which index runs publish, if there is one.
    pub fn publish_location(&self) -> Option<std::ffi::OsString> {
        self.settings.base.as_ref().filter(|base| base.publishes).map(|base| base.location.clone())
    }

    /// Returns whether answers come from the published index alone, without the files.
    pub fn trusts_base(&self) -> bool {
        self.settings.base.as_ref().is_some_and(|base| base.is_trusted)
    }

    /// Returns why answers about a base are without vectors: its model is not on this machine. `None` if it is, or if
    /// the index has no base.
    pub fn missing_base_model(&self) -> Option<String> {
        // Most models are there, and only then does a search read no file for this.
        let error = self.models.check_available().err()?;
        let origin = self.base_origin()?;
        let remedy = match error {
            EngineError::IndexModel(problem) => problem.to_string(),
            other => other.to_string(),
        };
        Some(format!("answered by words only, because the vectors need the model {}: {remedy}", origin.model_id))
    }
}

/// Copies the published index that `settings` name to a folder that has no index yet. Returns `None` if they name none,
/// there is an index, even one that cannot be read, or nothing is published yet where index runs will publish.
///
/// The index is not complete until an index run has compared it with the folder.
///
/// # Errors
/// When the address or the model is invalid, the location has no fitting index, cannot be read and nothing was fetched
/// from it before, the call is cancelled, or the index cannot be written.
#[cfg(feature = "locations")]
pub fn fetch_base(
    settings: &Settings,
    cancel: &CancelToken,
    observe: &(dyn Fn(TransferState) + Send + Sync),
) -> Result<Option<BaseReport>, EngineError> {
    use crate::models::IndexModels;
    use locations::{FetchRequest, LocationError, LocationUrl};
    use platform::atomic_file::{Durability, replace_with_bytes};
    use store::Manifest;
    use store::lance::LanceStore;

    let Some(base) = &settings.base else { return Ok(None) };
    let url = LocationUrl::parse(&base.location)?;
    // An index that cannot be read is reported when it is opened.
    let Ok(stored) = LanceStore::read_manifest(&settings.index_dir) else { return Ok(None) };
    if let Some(manifest) = &stored {
        // A copy without its origin was interrupted before the origin was recorded.
        let is_interrupted = manifest.is_unconfirmed_copy() && BaseOrigin::read(&settings.index_dir).is_none();
        if !is_interrupted {
            return Ok(None);
        }
    }
    let checkout = checkout::Checkout::find(settings.root.as_path());
    let model_id = match &settings.pipeline.embedder {
        Some(_) => Some(IndexModels::open(settings, None)?.current().embedder.model_id().to_owned()),
        None => None,
    };
    let request = FetchRequest {
        cache_dir: &settings.cache_dir,
        project: &checkout.project,
        commit: checkout.commit.as_deref(),
        model_id: model_id.as_deref(),
    };
    let seen = |progress: &locations::TransferProgress| {
        observe(TransferState { done_bytes: progress.done_bytes, bytes: progress.bytes });
    };
    let fetched = match locations::fetch(&url, &settings.locations, &request, cancel, &seen) {
        Err(LocationError::Nothing { .. } | LocationError::NoProject { .. }) if base.publishes => return Ok(None),
        fetched => fetched?,
    };
    let origin_root = |manifest: Manifest| manifest.origin.map(|origin| origin.root);
    if let Some(origin) = stored.and_then(origin_root)
        && LanceStore::read_manifest(&fetched.dir)?.is_none_or(|base| base.root != origin)
    {
        return Ok(None);
    }
    LanceStore::clone_index(&fetched.dir, &settings.index_dir, settings.root.as_path())?;
    let origin = BaseOrigin {
        location: url.to_string(),
        project: fetched.base.project,
        commit: fetched.base.commit,
        is_modified: fetched.base.is_modified,
        published_at_ms: fetched.base.published_at_ms,
        model_id: fetched.base.model_id,
    };
    let path = settings.index_dir.join(ORIGIN_FILE);
    let text = serde_json::to_vec_pretty(&origin).expect("names and numbers are valid JSON");
    replace_with_bytes(&path, Durability::Unsynced, &text).map_err(|source| LocationError::Io {
        operation: "write",
        path,
        source,
    })?;
    let offline = fetched.offline.map(|error| error.to_string());
    Ok(Some(BaseReport { origin, fetched_bytes: fetched.fetched_bytes, offline }))
}

/// Refuses a base: this program cannot read locations.
///
/// # Errors
/// [`EngineError::NoLocations`] if `settings` name a base.
#[cfg(not(feature = "locations"))]
pub fn fetch_base(
    settings: &Settings,
    _: &CancelToken,
    _: &(dyn Fn(TransferState) + Send + Sync),
) -> Result<Option<BaseReport>, EngineError> {
    match settings.base {
        Some(_) => Err(EngineError::NoLocations { option: "--base" }),
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_is_described_by_its_commit_and_age() {
        let origin = |commit: Option<&str>, minutes: u64| BaseOrigin {
            location: "s3://bucket".to_owned(),
            project: "app".to_owned(),
            commit: commit.map(str::to_owned),
            is_modified: commit.is_none(),
            published_at_ms: now_ms() - minutes * 60_000,
            model_id: "m".to_owned(),
        };
        let described = origin(Some("0123456789abcdef"), 180).describe();
        assert_eq!(described, "the index of commit 0123456789ab, published 3 hours ago at s3://bucket");
        let described = origin(None, 1).describe();
        assert_eq!(described, "the index of app with uncommitted changes, published 1 minute ago at s3://bucket");
    }
}
