//! Published indexes that are read at their location: the small files are brought into the cache, ranges of the others
//! are read when a call needs them.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::origin::{BaseOrigin, BaseReport, TransferState};
use super::wanted::{WantedBase, collection_request, observe_transfer};
use crate::error::EngineError;
use config::{BaseSettings, Settings};
use locations::{COMBINED, FetchRequest, InPlaceBase, LocationError, LocationUrl, RemoteParts};
use platform::cancel::CancelToken;
use store::lance::{IndexPart, LanceStore};
use store::{RangeRead, RemoteFiles, RemoteReadError};

/// A published index that is read at its location.
pub struct InPlaceIndex {
    pub store: LanceStore,
    /// The folder of the cache with the files that are here.
    pub dir: PathBuf,
    pub report: BaseReport,
}

/// Opens the published index that fits the folder of `settings` best, without copying it. Its small files are brought
/// into the cache, unless they are there; if the location cannot be reached, the index that was brought last is opened.
///
/// # Errors
/// When the address or the model is invalid, the location has no fitting index, cannot be read and nothing was brought
/// from it before, the index was published by an older program, the call is cancelled, or the cache cannot be written.
pub fn open_in_place(
    settings: &Settings,
    base: &BaseSettings,
    cancel: &CancelToken,
    observe: &(dyn Fn(TransferState) + Send + Sync),
) -> Result<InPlaceIndex, EngineError> {
    let url = LocationUrl::parse(&base.location)?;
    let wanted = WantedBase::find(settings)?;
    let opened = bring_in_place(settings, &url, &wanted.request(settings), cancel, observe)?;
    let store = open_store(settings, &opened.base.dir, opened.parts)?;
    let brought = opened.base;
    let origin = BaseOrigin::of_base(&url, &brought.base);
    origin.record_in(&brought.dir)?;
    let offline = brought.offline.map(|error| error.to_string());
    let report = BaseReport { origin, fetched_bytes: brought.fetched_bytes, offline, is_in_place: true };
    Ok(InPlaceIndex { store, dir: brought.dir, report })
}

/// Opens the combined index of a collection without copying it. Returns its folder in the cache, and its store.
///
/// # Errors
/// Fails like [`open_in_place`].
pub fn open_collection(settings: &Settings, base: &BaseSettings) -> Result<(PathBuf, LanceStore), EngineError> {
    let url = LocationUrl::parse(&base.location)?.with_project(COMBINED);
    let cancel = CancelToken::default();
    let opened = bring_in_place(settings, &url, &collection_request(settings), &cancel, &|_| ())?;
    let store = open_store(settings, &opened.base.dir, opened.parts)?;
    Ok((opened.base.dir, store))
}

/// Brings the small files of a published index into the cache.
///
/// # Errors
/// When the location has no such index, or cannot be read and nothing was brought from it before, the index was
/// published by an older program, the call is cancelled, or the cache cannot be written.
pub fn bring_in_place(
    settings: &Settings,
    url: &LocationUrl,
    request: &FetchRequest<'_>,
    cancel: &CancelToken,
    observe: &(dyn Fn(TransferState) + Send + Sync),
) -> Result<InPlaceBase, LocationError> {
    let is_brought = |path: &str| !IndexPart::is_left_in_place(path);
    locations::fetch_in_place(url, &settings.locations, request, is_brought, cancel, &observe_transfer(observe))
}

fn open_store(settings: &Settings, dir: &Path, parts: RemoteParts) -> Result<LanceStore, EngineError> {
    let store = LanceStore::open(dir, settings.root.as_path())?;
    Ok(store.with_remote_files(Arc::new(PublishedParts(parts))))
}

/// The parts of a published index that are left at their location.
struct PublishedParts(RemoteParts);

impl RemoteFiles for PublishedParts {
    fn location_name(&self) -> String {
        self.0.shown().to_owned()
    }

    fn size_of(&self, path: &str) -> Option<u64> {
        self.0.size_of(path)
    }

    fn read(&self, path: &str, range: Range<u64>) -> RangeRead {
        let read = self.0.read(path, range);
        Box::pin(async move { read.await.map_err(|error| RemoteReadError { message: error.to_string() }) })
    }
}

impl Drop for PublishedParts {
    fn drop(&mut self) {
        let (bytes, requests) = self.0.count_fetched();
        tracing::debug!("{requests} requests for ranges at {} brought {bytes} bytes", self.0.shown());
    }
}
