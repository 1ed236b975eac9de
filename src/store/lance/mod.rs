//! The store on LanceDB: one folder a project, no server.
//!
//! ```text
//! INDEX_DIR/manifest.json   the commit point: replaced by a rename
//!           lock            held by the one writer; writer.txt says who that is
//!           data/           LanceDB: chunks_N and files_N
//!           words/          segments of the word index
//! ```
//!
//! Owns the tables' schema and every Arrow and LanceDB type. Invariants: the manifest names the
//! exact versions of both tables that belong together, and readers open exactly these; what a
//! crash left beyond them is rolled back by the next writer; what a commit replaces stays readable
//! for ten minutes (after a rebuild that is the whole old index), until the next run ends. LanceDB does not sync its files to
//! disk: after a power loss the last commits may be gone, and `index --rebuild` makes them again.
//! Calls block on a runtime of this module's own: never call them from asynchronous code.
//! Must never import: anything above `store`.

mod lock;
mod manifest;
mod reader;
mod rows;
mod tables;
mod upkeep;
mod words;
mod writer;

#[cfg(test)]
mod tests;

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::Runtime;

use super::{ChunkStore, Recipe, Stamp, Stop, StoreError, StoreView, StoreWriter};
use reader::LanceView;
use upkeep::Limits;
use writer::LanceWriter;

/// Shared by all stores of the process, and never dropped: a runtime must not end inside another.
static RUNTIME: LazyLock<std::io::Result<Runtime>> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).thread_name("lance").enable_all().build()
});

/// A folder with an index, or one where the first writer will make it.
pub struct LanceStore {
    place: Place,
    /// The view of the generation last read.
    view: Mutex<Option<Arc<LanceView>>>,
    limits: Limits,
}

/// Where a store is; says so in its errors.
#[derive(Clone, Debug)]
struct Place {
    dir: PathBuf,
    root: PathBuf,
}

impl LanceStore {
    /// The store in `dir` for the folder `root`. Reads and creates nothing yet.
    ///
    /// # Errors
    /// When the runtime that drives LanceDB cannot be started.
    pub fn open(dir: &Path, root: &Path) -> Result<Self, StoreError> {
        let place = Place { dir: dir.to_owned(), root: root.to_owned() };
        if let Err(error) = &*RUNTIME {
            return Err(place.failed("start the runtime", error));
        }
        Ok(Self { place, view: Mutex::new(None), limits: Limits::default() })
    }
}

impl ChunkStore for LanceStore {
    fn stamp(&self) -> Result<Option<Stamp>, StoreError> {
        let stamp = |committed: manifest::Committed| Stamp {
            generation: committed.manifest.generation,
            rows_epoch: committed.rows_epoch,
            committed_at_ms: committed.manifest.committed_at_ms,
        };
        Ok(manifest::read(&self.place)?.map(stamp))
    }

    fn view(&self) -> Result<Option<Arc<dyn StoreView>>, StoreError> {
        let Some(committed) = manifest::read(&self.place)? else {
            return Ok(None);
        };
        let mut held = self.view.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(view) = held.as_ref().filter(|view| view.is_of(&committed)) {
            return Ok(Some(Arc::clone(view) as Arc<dyn StoreView>));
        }
        let view = Arc::new(LanceView::open(self.place.clone(), committed, held.as_deref())?);
        *held = Some(Arc::clone(&view));
        Ok(Some(view))
    }

    fn writer(&self, recipe: &Recipe, fresh: bool) -> Result<Box<dyn StoreWriter>, StoreError> {
        Ok(Box::new(LanceWriter::start(self.place.clone(), recipe.clone(), self.limits, fresh)?))
    }

    fn size_bytes(&self) -> u64 {
        size_of(&self.place.dir)
    }
}

impl Place {
    fn data(&self) -> PathBuf {
        self.dir.join("data")
    }

    fn failed(&self, operation: &'static str, error: &dyn std::fmt::Display) -> StoreError {
        StoreError::Engine { operation, dir: self.dir.clone(), message: error.to_string() }
    }

    fn io(&self, operation: &'static str, name: &str, source: std::io::Error) -> StoreError {
        StoreError::Io { operation, path: self.dir.join(name), source }
    }

    /// Runs LanceDB's side of a call to its end on this module's runtime.
    fn block_on<T, E: std::fmt::Display>(
        &self,
        operation: &'static str,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, StoreError> {
        match &*RUNTIME {
            Ok(runtime) => runtime.block_on(Box::pin(work)).map_err(|error| self.failed(operation, &error)),
            Err(error) => Err(self.failed(operation, error)),
        }
    }

    /// As [`Place::block_on`], but given up soon after `stop` has turned true.
    fn block_on_until<T, E: std::fmt::Display>(
        &self,
        operation: &'static str,
        stop: &Stop,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, StoreError> {
        let stopped = async {
            while !stop() {
                tokio::time::sleep(STOP_POLL).await;
            }
        };
        let either = async {
            tokio::select! {
                biased;
                () = stopped => Err(StoreError::Stopped { dir: self.dir.clone() }),
                done = Box::pin(work) => done.map_err(|error| self.failed(operation, &error)),
            }
        };
        match &*RUNTIME {
            Ok(runtime) => runtime.block_on(either),
            Err(error) => Err(self.failed(operation, error)),
        }
    }
}

/// How often a running operation is asked whether it is still wanted.
const STOP_POLL: Duration = Duration::from_millis(20);

/// Bytes of the files below `folder`.
fn size_of(folder: &Path) -> u64 {
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
