//! The folders of a store, and the runtime on which LanceDB's asynchronous calls are run.

pub mod remote;

use std::any::Any;
use std::future::Future;
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use tokio::runtime::Runtime;

use self::remote::RemoteReads;
use crate::error::StoreError;
use platform::cancel::CancelToken;
use platform::threads::check_threads;
use text::code::locations::strip_code_locations;

/// The runtime of all stores of the process. Never dropped, because dropping a runtime inside another one panics.
static RUNTIME: LazyLock<std::io::Result<Runtime>> = LazyLock::new(|| {
    let workers = 2;
    // Tokio and LanceDB panic when a thread cannot be started. LanceDB has a runtime of its own with a thread per core.
    check_threads(workers + std::thread::available_parallelism().map_or(1, NonZero::get) + SPARE_THREADS)?;
    tokio::runtime::Builder::new_multi_thread().worker_threads(workers).thread_name("lance").enable_all().build()
});

/// Number of threads for blocking calls that must be available in addition to the threads of the runtimes.
const SPARE_THREADS: usize = 4;

/// Name of the file of the snapshot cache ([`crate::StoreView::snapshot_cache_path`]), which is replaced by a rename.
pub(super) const SNAPSHOT_CACHE: &str = "resident";

/// Location of a store: the index folder and the indexed folder. Errors name the index folder, not the indexed one.
#[derive(Clone, Debug)]
pub(super) struct IndexLocation {
    pub dir: PathBuf,
    pub root: PathBuf,
    /// The files of the index that are not in its folder; `None` if all are.
    pub remote: Option<Arc<RemoteReads>>,
}

impl IndexLocation {
    /// Starts the runtime if it does not run yet, and returns the location of a store.
    ///
    /// # Errors
    /// When the runtime cannot be started.
    pub fn new(dir: &Path, root: &Path) -> Result<Self, StoreError> {
        let location = Self { dir: dir.to_owned(), root: root.to_owned(), remote: None };
        match &*RUNTIME {
            Ok(_) => Ok(location),
            Err(error) => Err(threads_error(error)),
        }
    }

    /// Returns the location of a store whose indexed folder does not matter.
    pub fn of_any_root(dir: &Path) -> Self {
        Self { dir: dir.to_owned(), root: dir.to_owned(), remote: None }
    }

    /// Returns the folder of the tables.
    pub fn data_dir(&self) -> PathBuf {
        self.dir.join("data")
    }

    /// Returns the folder of the table `name`.
    pub fn table_folder(&self, name: &str) -> PathBuf {
        self.data_dir().join(format!("{name}.lance"))
    }

    /// Returns the error of a failed LanceDB call.
    pub fn engine_error(&self, operation: &'static str, error: &dyn std::fmt::Display) -> StoreError {
        let message = strip_code_locations(&error.to_string());
        StoreError::Engine { operation, dir: self.dir.clone(), message }
    }

    /// Returns the error of stored data that could not be read or decoded; see [`StoreError::into_damage`].
    pub fn damage_error(&self, operation: &'static str, error: &dyn std::fmt::Display) -> StoreError {
        self.engine_error(operation, error).into_damage()
    }

    /// Returns the error of a failed operation on the file `name` of the store.
    pub fn io_error(&self, operation: &'static str, name: &str, source: std::io::Error) -> StoreError {
        StoreError::Io { operation, path: self.dir.join(name), source }
    }

    /// Runs `work` to completion on this module's runtime. A panic of `work` is an error: damaged files can make
    /// LanceDB panic.
    pub fn block_on<T, E: std::fmt::Display>(
        &self,
        operation: &'static str,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, StoreError> {
        let work = Box::pin(work);
        self.run(operation, async { work.await.map_err(|error| self.engine_error(operation, &error)) })
    }

    /// Runs `work`, which only reads stored data, like [`IndexLocation::block_on`].
    ///
    /// # Errors
    /// [`StoreError::Damaged`] unless the operating system or a remote location refused to read.
    pub fn block_on_read<T, E: std::fmt::Display>(
        &self,
        operation: &'static str,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, StoreError> {
        self.block_on(operation, work).map_err(StoreError::into_damage)
    }

    /// Returns whether the file `name` is not in the folder of the store. The name has slashes.
    pub fn is_remote(&self, name: &str) -> bool {
        self.remote.as_ref().is_some_and(|remote| remote.has_remote_file(name))
    }

    /// Runs `work` on this module's runtime. A panic of `work` is an error. If a read of a remote file failed in the
    /// meantime, an error is [`StoreError::Remote`], whatever LanceDB made of it.
    fn run<T>(
        &self,
        operation: &'static str,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let runtime = RUNTIME.as_ref().map_err(threads_error)?;
        let failures = self.remote.as_ref().map_or(0, |remote| remote.count_failures());
        let done = catch_unwind(AssertUnwindSafe(|| runtime.block_on(work)))
            .unwrap_or_else(|panic| Err(self.engine_error(operation, &describe_panic(panic.as_ref()))));
        done.map_err(|error| {
            self.remote.as_ref().and_then(|remote| remote.find_failure(failures, operation)).unwrap_or(error)
        })
    }

    /// Runs `work` like [`IndexLocation::block_on`], but ends it with [`StoreError::Stopped`] when `cancel` is
    /// cancelled.
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
        self.run(operation, either)
    }
}

/// Returns the error of a runtime that could not be started.
fn threads_error(error: &std::io::Error) -> StoreError {
    let source = error.raw_os_error().map_or_else(|| error.kind().into(), std::io::Error::from_raw_os_error);
    StoreError::Threads { source }
}

/// Describes a panic inside of LanceDB.
fn describe_panic(panic: &(dyn Any + Send)) -> String {
    let message = panic.downcast_ref::<&str>().map(|message| (*message).to_owned());
    let message = message.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
    format!("LanceDB failed: {message}")
}
