//! The store of a collection: the combined index that was fetched last, by any process.
//!
//! The fetched index is never changed. A newer one is fetched into a folder of its own, and the record in the index
//! folder then names that folder.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::in_place::open_collection;
use crate::error::EngineError;
use config::Settings;
use platform::atomic_file::{Durability, replace_with_bytes};
use store::lance::LanceStore;
use store::{ChunkStore, IndexFingerprint, StoreError, StoreView, StoreWriter};
use types::Generation;

/// Name of the file in the index folder of a collection that holds a [`FetchedCollection`].
const FETCHED_FILE: &str = "combined-index.json";

/// The combined index that was fetched last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FetchedCollection {
    /// The folder of the index, in the cache.
    pub dir: PathBuf,
    /// The names of the repositories, sorted. The paths of a repository's files begin with its name.
    pub repositories: Vec<String>,
}

impl FetchedCollection {
    /// Reads the record in `index_dir`; `None` if nothing was fetched, or the record cannot be read.
    pub fn read(index_dir: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(index_dir.join(FETCHED_FILE)).ok()?).ok()
    }

    /// Replaces the record in `index_dir`, which is created if it is missing.
    ///
    /// # Errors
    /// When the folder or the file cannot be written; the path is that of the file.
    pub fn record_in(&self, index_dir: &Path) -> Result<(), (PathBuf, io::Error)> {
        let path = index_dir.join(FETCHED_FILE);
        let text = serde_json::to_vec_pretty(self).expect("paths and names are valid JSON");
        let written =
            fs::create_dir_all(index_dir).and_then(|()| replace_with_bytes(&path, Durability::Unsynced, &text));
        written.map_err(|error| (path, error))
    }
}

/// The store of a collection. It cannot be written.
pub struct CollectionStore {
    settings: Settings,
    /// The store of the combined index that was read last, with its folder.
    current: Mutex<Option<(PathBuf, Arc<LanceStore>)>>,
}

impl CollectionStore {
    /// Returns the store of the collection that `settings` name, without reading a file.
    pub fn new(settings: &Settings) -> Self {
        Self { settings: settings.clone(), current: Mutex::default() }
    }

    /// Returns the store of the combined index that was fetched last; `None` if none was fetched.
    fn current(&self) -> Result<Option<Arc<LanceStore>>, StoreError> {
        let Some(fetched) = FetchedCollection::read(&self.settings.index_dir) else { return Ok(None) };
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, store)) = current.as_ref().filter(|(dir, _)| *dir == fetched.dir) {
            return Ok(Some(Arc::clone(store)));
        }
        let (dir, store) = match self.settings.base.as_ref().filter(|base| base.is_in_place) {
            Some(base) => open_collection(&self.settings, base).map_err(|error| self.cannot_open(&error))?,
            None => {
                let store = LanceStore::open(&fetched.dir, self.settings.root.as_path())?;
                (fetched.dir, store.with_resident_limit(self.settings.pipeline.resident_chunks))
            }
        };
        let store = Arc::new(store);
        *current = Some((dir, Arc::clone(&store)));
        Ok(Some(store))
    }
}

impl CollectionStore {
    /// Returns the error of a combined index that cannot be read at its location.
    fn cannot_open(&self, error: &EngineError) -> StoreError {
        let source = io::Error::other(error.to_string());
        StoreError::Io { operation: "open", path: self.settings.index_dir.clone(), source }
    }
}

impl ChunkStore for CollectionStore {
    fn generation(&self) -> Result<Option<Generation>, StoreError> {
        self.current()?.map_or(Ok(None), |store| store.generation())
    }

    fn view(&self) -> Result<Option<Arc<dyn StoreView>>, StoreError> {
        self.current()?.map_or(Ok(None), |store| store.view())
    }

    fn release_view(&self) {
        if let Ok(Some(store)) = self.current() {
            store.release_view();
        }
    }

    fn writer(&self, _: &IndexFingerprint, _: bool) -> Result<Box<dyn StoreWriter>, StoreError> {
        let source = io::Error::new(io::ErrorKind::ReadOnlyFilesystem, "the index of a collection is only read here");
        Err(StoreError::Io { operation: "write", path: self.settings.index_dir.clone(), source })
    }

    fn size_bytes(&self) -> u64 {
        FetchedCollection::read(&self.settings.index_dir).map_or(0, |fetched| LanceStore::measure(&fetched.dir))
    }
}
