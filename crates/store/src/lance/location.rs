//! The folders of a store, and the runtime on which LanceDB's asynchronous calls are run.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use tokio::runtime::Runtime;

use crate::error::StoreError;
use platform::cancel::CancelToken;

/// The runtime of all stores of the process. Never dropped, because dropping a runtime inside another one panics.
static RUNTIME: LazyLock<std::io::Result<Runtime>> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).thread_name("lance").enable_all().build()
});

/// Location of a store: the index folder and the indexed folder. Errors name the index folder.
#[derive(Clone, Debug)]
pub(super) struct IndexLocation {
    pub dir: PathBuf,
    pub root: PathBuf,
}

impl IndexLocation {
    /// Returns the location of a store, after the runtime has started.
    ///
    /// # Errors
    /// When the runtime cannot be started.
    pub fn new(dir: &Path, root: &Path) -> Result<Self, StoreError> {
        let location = Self { dir: dir.to_owned(), root: root.to_owned() };
        match &*RUNTIME {
            Ok(_) => Ok(location),
            Err(error) => Err(location.engine_error("start the runtime", error)),
        }
    }

    /// Returns the folder of the tables.
    pub fn data_dir(&self) -> PathBuf {
        self.dir.join("data")
    }

    /// Returns the error of a failed LanceDB call, or of a damaged file.
    pub fn engine_error(&self, operation: &'static str, error: &dyn std::fmt::Display) -> StoreError {
        StoreError::Engine { operation, dir: self.dir.clone(), message: error.to_string() }
    }

    /// Returns the error of a failed operation on the file `name` of the store.
    pub fn io_error(&self, operation: &'static str, name: &str, source: std::io::Error) -> StoreError {
        StoreError::Io { operation, path: self.dir.join(name), source }
    }

    /// Runs `work` to completion on this module's runtime.
    pub fn block_on<T, E: std::fmt::Display>(
        &self,
        operation: &'static str,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, StoreError> {
        match &*RUNTIME {
            Ok(runtime) => runtime.block_on(Box::pin(work)).map_err(|error| self.engine_error(operation, &error)),
            Err(error) => Err(self.engine_error(operation, error)),
        }
    }

    /// Runs `work` like [`IndexLocation::block_on`], but stops it when `cancel` is cancelled.
    pub fn block_on_until<T, E: std::fmt::Display>(
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
