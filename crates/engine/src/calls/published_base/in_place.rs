//! Published indexes that are read at their location: the small files are brought into the cache, ranges of the others are
//! read when a call needs them.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use super::{BaseOrigin, BaseReport, TransferState, WantedBase, observe_transfer};
use crate::error::EngineError;
use config::{BaseSettings, Settings};
use locations::{LocationUrl, RemoteParts};
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

/// Opens the published index that fits the folder of `settings` best, without copying it. What must be here is brought
/// into the cache, unless it is there; if the location cannot be reached, the index that was brought last is opened.
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
    let opened = locations::open_in_place(
        &url,
        &settings.locations,
        &wanted.request(settings),
        |path| !IndexPart::is_left_in_place(path),
        cancel,
        &observe_transfer(observe),
    )?;
    let brought = opened.base;
    let store = LanceStore::open(&brought.dir, settings.root.as_path())?;
    let store = store.with_remote_files(Arc::new(PublishedParts(opened.parts)));
    let origin = BaseOrigin::write(&brought.dir, &url, brought.base)?;
    let offline = brought.offline.map(|error| error.to_string());
    let report = BaseReport { origin, fetched_bytes: brought.fetched_bytes, offline, is_in_place: true };
    Ok(InPlaceIndex { store, dir: brought.dir, report })
}

/// The parts of a published index that are left at their location.
struct PublishedParts(RemoteParts);

impl RemoteFiles for PublishedParts {
    fn place(&self) -> String {
        self.0.shown().to_owned()
    }

    fn size_bytes(&self, path: &str) -> Option<u64> {
        self.0.size_bytes(path)
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
