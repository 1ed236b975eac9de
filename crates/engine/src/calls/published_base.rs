//! Published indexes as the beginning of a folder's index: fetched into the cache, and cloned from there.

use crate::error::EngineError;
use crate::state::Engine;
use crate::state::published::{BaseOrigin, BaseReport, TransferState};
use config::Settings;
use platform::cancel::CancelToken;

impl Engine {
    /// Returns the published index that this index began as a copy of, or that answers come from; `None` if none is
    /// recorded.
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

/// Copies the published index that `settings` name to a folder that has no index yet, or one without files. Returns
/// `None` if they name none, there is an index, even one that cannot be read, or nothing is published yet where index
/// runs will publish. For a collection, fetches its combined index, and returns `None` if the newest one was here
/// already. An index that is read in place is not copied; only its small files are brought into the cache, for
/// [`Engine::open`].
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
    use crate::state::published::{WantedBase, observe_transfer, open_in_place};
    use locations::{LocationError, LocationUrl};
    use store::Manifest;
    use store::lance::LanceStore;

    let Some(base) = &settings.base else { return Ok(None) };
    if base.is_collection {
        let report = fetch_collection(settings, false, cancel, observe)?;
        return Ok(Some(report).filter(|report| report.fetched_bytes > 0 || report.offline.is_some()));
    }
    if base.is_in_place {
        return open_in_place(settings, base, cancel, observe).map(|opened| Some(opened.report));
    }
    let url = LocationUrl::parse(&base.location)?;
    // An index that cannot be read is reported when it is opened.
    let Ok(stored) = LanceStore::read_manifest(&settings.index_dir) else { return Ok(None) };
    // A search in a folder without files leaves an index, which has nothing to lose.
    let is_without_files = stored.as_ref().is_some_and(|manifest| {
        let is_empty = manifest.complete && manifest.is_empty && manifest.files_found == 0;
        is_empty && manifest.origin.is_none() && manifest.root == settings.root.as_path()
    });
    if let Some(manifest) = stored.as_ref().filter(|_| !is_without_files) {
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
    if is_without_files {
        LanceStore::remove(&settings.index_dir)?;
    }
    LanceStore::clone_index(&fetched.dir, &settings.index_dir, settings.root.as_path())?;
    let origin = BaseOrigin::of_base(&url, &fetched.base);
    origin.record_in(&settings.index_dir)?;
    let offline = fetched.offline.map(|error| error.to_string());
    Ok(Some(BaseReport { origin, fetched_bytes: fetched.fetched_bytes, offline, is_in_place: false }))
}

/// Returns why the published index that `settings` name is not used, with the remedy: the folder has an index already
/// that did not begin as a copy of one from there. `None` if it did, if there is no index that can be read, or if the
/// settings name no published index, a collection, one that is read in place, or the location where index runs publish.
#[cfg(feature = "locations")]
pub fn explain_unused_base(settings: &Settings) -> Option<String> {
    use locations::LocationUrl;
    use store::lance::LanceStore;

    let base = settings.base.as_ref().filter(|base| !base.publishes && !base.is_collection && !base.is_in_place)?;
    let manifest = LanceStore::read_manifest(&settings.index_dir).ok()??;
    let (root, url) = (settings.root.as_path(), LocationUrl::parse(&base.location).ok()?);
    let made = match (BaseOrigin::read(&settings.index_dir), &manifest.origin) {
        (Some(origin), _) => {
            let has_project = url.project.as_ref().is_none_or(|project| *project == origin.project);
            if has_project && origin.location == url.to_string() {
                return None;
            }
            format!("started from {}", origin.describe())
        }
        (None, Some(copied)) => format!("started from the index of {}", copied.root.display()),
        (None, None) => "was made here".to_owned(),
    };
    let state = if manifest.complete { "index runs keep it up to date" } else { "it is not complete yet" };
    let is_in_data_folder = config::data_folder().is_ok_and(|data| settings.index_dir.parent() == Some(data.as_path()));
    let index_dir = match is_in_data_folder {
        true => String::new(),
        false => format!(" --index-dir {}", settings.index_dir.display()),
    };
    (manifest.root == root).then(|| {
        format!(
            "the published index of --base (CODESCRY_BASE) is not used: {root} has an index that {made}, and {state}; \
             to start from the published one, remove that first: codescry indexes remove {root}{index_dir}",
            root = root.display()
        )
    })
}

/// Returns nothing: this program cannot read locations.
#[cfg(not(feature = "locations"))]
pub fn explain_unused_base(_: &Settings) -> Option<String> {
    None
}

/// Brings the combined index of the collection that `settings` name into the cache, unless the newest one is there.
/// With `again`, fetches it again although it is there, because it is damaged.
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
    use crate::state::published::{FetchedCollection, bring_in_place, collection_request, observe_transfer};
    use locations::{COMBINED, LocationError, LocationUrl};

    let Some(base) = &settings.base else { return Err(EngineError::NoLocations { option: "--collection" }) };
    let url = LocationUrl::parse(&base.location)?.with_project(COMBINED);
    if again && let Some(fetched) = FetchedCollection::read(&settings.index_dir) {
        locations::forget_fetched(&fetched.dir);
    }
    let request = collection_request(settings);
    let brought = match base.is_in_place {
        true => bring_in_place(settings, &url, &request, cancel, observe).map(|opened| opened.base),
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
        current.record_in(&settings.index_dir).map_err(|(path, source)| LocationError::Io {
            operation: "write",
            path,
            source,
        })?;
        origin.record_in(&settings.index_dir)?;
    }
    let offline = fetched.offline.map(|error| error.to_string());
    Ok(BaseReport { origin, fetched_bytes: fetched.fetched_bytes, offline, is_in_place: base.is_in_place })
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
