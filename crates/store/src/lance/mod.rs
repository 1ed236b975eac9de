//! The store on LanceDB: one folder per project, no server.
//!
//! ```text
//! INDEX_DIR/manifest.json   the commit point, replaced by a rename
//!           lock            held by the writer; writer.txt names the holder
//!           data/           LanceDB tables chunks_N and files_N
//!           words/          segments of the inverted index
//! ```
//!
//! Arrow and LanceDB types stay inside this module. The manifest names the exact versions of both
//! tables that belong together, and readers open exactly these; the next writer rolls back later
//! versions that a crash left behind. A replaced commit stays readable for ten minutes, until the next
//! run ends; after a rebuild, this is the whole old index. LanceDB does not sync its files to disk:
//! after a power loss the last commits may be lost, and `index --rebuild` builds them again.
//! Calls block on this module's own runtime; never call them from asynchronous code.

mod lock;
mod maintenance;
mod manifest;
mod reader;
mod rows;
mod segments;
mod tables;
mod writer;

#[cfg(test)]
mod tests;

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use tokio::runtime::Runtime;

use super::{ChunkStore, Generation, IndexFingerprint, StoreError, StoreView, StoreWriter};
use maintenance::MaintenanceLimits;
use manifest::CommitRecord;
use platform::cancel::CancelToken;
use reader::LanceView;
use writer::LanceWriter;

/// The runtime of all stores of the process. Never dropped, because a runtime must not end inside another.
static RUNTIME: LazyLock<std::io::Result<Runtime>> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).thread_name("lance").enable_all().build()
});

/// A store in a folder, which the first writer creates.
pub struct LanceStore {
    location: IndexLocation,
    /// The view of the generation that was last read.
    view: Mutex<Option<Arc<LanceView>>>,
    limits: MaintenanceLimits,
}

/// Location of a store: the index folder and the indexed folder. Errors name the index folder.
#[derive(Clone, Debug)]
struct IndexLocation {
    dir: PathBuf,
    root: PathBuf,
}

impl LanceStore {
    /// Returns the store in `dir` for the indexed folder `root`, without reading or creating a file.
    ///
    /// # Errors
    /// When the asynchronous runtime cannot be started.
    pub fn open(dir: &Path, root: &Path) -> Result<Self, StoreError> {
        let location = IndexLocation { dir: dir.to_owned(), root: root.to_owned() };
        if let Err(error) = &*RUNTIME {
            return Err(location.engine_error("start the runtime", error));
        }
        Ok(Self { location, view: Mutex::new(None), limits: MaintenanceLimits::default() })
    }
}

impl ChunkStore for LanceStore {
    fn generation(&self) -> Result<Option<Generation>, StoreError> {
        let generation = |committed: CommitRecord| Generation {
            number: committed.manifest.generation,
            rows_generation: committed.rows_generation,
            committed_at_ms: committed.manifest.committed_at_ms,
        };
        Ok(manifest::read_manifest(&self.location)?.map(generation))
    }

    fn view(&self) -> Result<Option<Arc<dyn StoreView>>, StoreError> {
        let Some(committed) = manifest::read_manifest(&self.location)? else {
            return Ok(None);
        };
        let mut held = self.view.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(view) = held.as_ref().filter(|view| view.shows(&committed)) {
            return Ok(Some(Arc::clone(view) as Arc<dyn StoreView>));
        }
        let view = Arc::new(LanceView::open(self.location.clone(), committed, held.as_deref())?);
        *held = Some(Arc::clone(&view));
        Ok(Some(view))
    }

    fn writer(&self, fingerprint: &IndexFingerprint, fresh: bool) -> Result<Box<dyn StoreWriter>, StoreError> {
        Ok(Box::new(LanceWriter::open(self.location.clone(), fingerprint.clone(), self.limits, fresh)?))
    }

    fn size_bytes(&self) -> u64 {
        folder_size_bytes(&self.location.dir)
    }
}

impl IndexLocation {
    fn data_dir(&self) -> PathBuf {
        self.dir.join("data")
    }

    fn engine_error(&self, operation: &'static str, error: &dyn std::fmt::Display) -> StoreError {
        StoreError::Engine { operation, dir: self.dir.clone(), message: error.to_string() }
    }

    fn io_error(&self, operation: &'static str, name: &str, source: std::io::Error) -> StoreError {
        StoreError::Io { operation, path: self.dir.join(name), source }
    }

    /// Runs `work` to completion on this module's runtime.
    fn block_on<T, E: std::fmt::Display>(
        &self,
        operation: &'static str,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, StoreError> {
        match &*RUNTIME {
            Ok(runtime) => runtime.block_on(Box::pin(work)).map_err(|error| self.engine_error(operation, &error)),
            Err(error) => Err(self.engine_error(operation, error)),
        }
    }

    /// Runs `work` like [`IndexLocation::block_on`], but abandons it when `cancel` is cancelled.
    fn block_on_until<T, E: std::fmt::Display>(
        &self,
        operation: &'static str,
        cancel: &CancelToken,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, StoreError> {
        let (sender, stopped) = tokio::sync::oneshot::channel();
        // Sends nothing if the work has ended.
        let _listener = cancel.on_cancel(move || _ = sender.send(()));
        let either = async {
            tokio::select! {
                biased;
                Ok(()) = stopped => Err(StoreError::Stopped { dir: self.dir.clone() }),
                done = Box::pin(work) => done.map_err(|error| self.engine_error(operation, &error)),
            }
        };
        match &*RUNTIME {
            Ok(runtime) => runtime.block_on(either),
            Err(error) => Err(self.engine_error(operation, error)),
        }
    }
}

/// Returns the total size of the files below `folder`, in bytes.
fn folder_size_bytes(folder: &Path) -> u64 {
    let mut total = 0;
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.metadata() {
                Ok(metadata) if metadata.is_dir() => folders.push(entry.path()),
                Ok(metadata) => total += metadata.len(),
                Err(_) => {}
            }
        }
    }
    total
}
