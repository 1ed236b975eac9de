//! Published indexes as the beginning of a folder's index: fetched into the cache, and cloned from there.

#[cfg(feature = "locations")]
pub(crate) mod checkout;
#[cfg(feature = "locations")]
pub(crate) mod in_place;

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::EngineError;
use crate::state::Engine;
use config::Settings;
use platform::cancel::CancelToken;
use platform::clock::now_ms;
use text::display::format_age;

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
        let age = format_age(Duration::from_millis(now_ms().saturating_sub(self.published_at_ms)));
        if self.is_collection() {
            return format!("the collection at {}, as of {age} ago", self.location);
        }
        let of = match &self.commit {
            Some(commit) => format!("commit {}", commit.get(..12).unwrap_or(commit)),
            None => self.project.clone(),
        };
        let changes = if self.is_modified { " with uncommitted changes" } else { "" };
        format!("the index of {of}{changes}, published {age} ago at {}", self.location)
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

    /// Returns the origin of a copy of a published index.
    #[cfg(feature = "locations")]
    fn of_base(url: &locations::LocationUrl, base: &locations::BaseManifest) -> Self {
        Self {
            location: url.to_string(),
            project: base.project.clone(),
            commit: base.commit.clone(),
            is_modified: base.is_modified,
            published_at_ms: base.published_at_ms,
            model_id: base.model_id.clone(),
        }
    }

    /// Records the origin of the index in `index_dir`.
    #[cfg(feature = "locations")]
    fn save(&self, index_dir: &Path) -> Result<(), EngineError> {
        use platform::atomic_file::{Durability, replace_with_bytes};

        let path = index_dir.join(ORIGIN_FILE);
        let text = serde_json::to_vec_pretty(self).expect("names and numbers are valid JSON");
        replace_with_bytes(&path, Durability::Unsynced, &text)
            .map_err(|source| EngineError::Location(locations::LocationError::Io { operation: "write", path, source }))
    }

    /// Returns whether the index is the combined one of a collection.
    #[cfg(feature = "locations")]
    fn is_collection(&self) -> bool {
        self.project == locations::COMBINED
    }

    #[cfg(not(feature = "locations"))]
    fn is_collection(&self) -> bool {
        false
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

#[cfg(feature = "locations")]
impl From<&locations::TransferProgress> for TransferState {
    fn from(progress: &locations::TransferProgress) -> Self {
        Self { done_bytes: progress.done_bytes, bytes: progress.bytes }
    }
}

/// The report on a published index that was copied.
#[derive(Clone, Debug)]
pub struct BaseReport {
    pub origin: BaseOrigin,
    /// Bytes that came over the network; the rest was in the cache.
    pub fetched_bytes: u64,
    /// The reason why the location could not be read, so that an index that was fetched before is used.
    pub offline: Option<String>,
    /// Whether the index is read at its location.
    pub is_in_place: bool,
}

impl BaseReport {
    /// Describes where the index came from, or why an older one is used.
    pub fn describe(&self) -> String {
        let base = self.origin.describe();
        match &self.offline {
            Some(problem) => format!("{problem}; going on with {base}"),
            None => {
                let verb = if self.is_in_place { "reading" } else { "starting from" };
                format!("{verb} {base}; {:.1} MB fetched", self.fetched_bytes as f64 / 1e6)
            }
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
/// there is an index, even one that cannot be read, or nothing is published yet where index runs will publish. For a
/// collection, fetches its combined index, and returns `None` if it was here already. An index that is read in place is
/// not copied; only what must be here is brought into the cache, for [`Engine::open`].
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
    use locations::{LocationError, LocationUrl};
    use store::Manifest;
    use store::lance::LanceStore;

    let Some(base) = &settings.base else { return Ok(None) };
    if base.is_collection {
        let report = fetch_collection(settings, false, cancel, observe)?;
        return Ok(Some(report).filter(|report| report.fetched_bytes > 0 || report.offline.is_some()));
    }
    if base.is_in_place {
        return in_place::open_in_place(settings, base, cancel, observe).map(|opened| Some(opened.report));
    }
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
    let wanted = WantedBase::find(settings)?;
    let fetched = match locations::fetch(
        &url,
        &settings.locations,
        &wanted.request(settings),
        cancel,
        &observe_transfer(observe),
    ) {
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
    let origin = BaseOrigin::of_base(&url, &fetched.base);
    origin.save(&settings.index_dir)?;
    let offline = fetched.offline.map(|error| error.to_string());
    Ok(Some(BaseReport { origin, fetched_bytes: fetched.fetched_bytes, offline, is_in_place: false }))
}

/// The published index that fits a folder best.
#[cfg(feature = "locations")]
struct WantedBase {
    checkout: checkout::Checkout,
    /// The model that was chosen; `None` if the index decides.
    model_id: Option<String>,
}

#[cfg(feature = "locations")]
impl WantedBase {
    fn find(settings: &Settings) -> Result<Self, EngineError> {
        let models = settings.pipeline.embedder.as_ref().map(|_| crate::models::IndexModels::open(settings, None));
        let model_id = models.transpose()?.map(|models| models.current().embedder.model_id().to_owned());
        Ok(Self { checkout: checkout::Checkout::find(settings.root.as_path()), model_id })
    }

    fn request<'r>(&'r self, settings: &'r Settings) -> locations::FetchRequest<'r> {
        locations::FetchRequest {
            cache_dir: &settings.cache_dir,
            project: &self.checkout.project,
            commit: self.checkout.commit.as_deref(),
            model_id: self.model_id.as_deref(),
        }
    }
}

#[cfg(feature = "locations")]
fn observe_transfer(
    observe: &(dyn Fn(TransferState) + Send + Sync),
) -> impl Fn(&locations::TransferProgress) + Send + Sync {
    |progress| observe(TransferState::from(progress))
}

/// Brings the combined index of the collection that `settings` name into the cache, unless the newest one is there. With
/// `again`, fetches it again although it is there, because it is damaged.
///
/// # Errors
/// When the address is invalid, the collection has no combined index, the location cannot be read and nothing was
/// fetched from it before, the call is cancelled, or the cache cannot be written.
#[cfg(feature = "locations")]
pub(crate) fn fetch_collection(
    settings: &Settings,
    again: bool,
    cancel: &CancelToken,
    observe: &(dyn Fn(TransferState) + Send + Sync),
) -> Result<BaseReport, EngineError> {
    use crate::collection_store::FetchedCollection;
    use locations::{COMBINED, LocationError, LocationUrl};

    let Some(base) = &settings.base else { return Err(EngineError::NoLocations { option: "--collection" }) };
    let url = LocationUrl::parse(&base.location)?.with_project(COMBINED);
    if again && let Some(fetched) = FetchedCollection::read(&settings.index_dir) {
        locations::forget_fetched(&fetched.dir);
    }
    let request = collection_request(settings);
    let brought = match base.is_in_place {
        true => in_place::bring_in_place(settings, &url, &request, cancel, observe).map(|opened| opened.base),
        false => locations::fetch(&url, &settings.locations, &request, cancel, &observe_transfer(observe)),
    };
    let fetched = match brought {
        Err(LocationError::NoProject { location, .. }) => return Err(EngineError::NotCompacted { location }),
        brought => brought?,
    };
    let origin = BaseOrigin::of_base(&url, &fetched.base);
    let repositories = fetched.base.members.into_iter().map(|member| member.project).collect();
    let current = FetchedCollection { dir: fetched.dir, repositories };
    if FetchedCollection::read(&settings.index_dir).as_ref() != Some(&current) {
        current.save(&settings.index_dir).map_err(|(path, source)| LocationError::Io {
            operation: "write",
            path,
            source,
        })?;
        origin.save(&settings.index_dir)?;
    }
    let offline = fetched.offline.map(|error| error.to_string());
    Ok(BaseReport { origin, fetched_bytes: fetched.fetched_bytes, offline, is_in_place: base.is_in_place })
}

/// Returns the request for the combined index of a collection.
#[cfg(feature = "locations")]
fn collection_request(settings: &Settings) -> locations::FetchRequest<'_> {
    let cache_dir = &settings.cache_dir;
    locations::FetchRequest { cache_dir, project: locations::COMBINED, commit: None, model_id: None }
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
