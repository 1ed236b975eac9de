//! The runtime on which the asynchronous calls of `object_store` run.

use std::future::Future;
use std::sync::LazyLock;

use tokio::runtime::Runtime;

use crate::error::LocationError;
use platform::cancel::CancelToken;
use platform::threads::check_threads;

/// The runtime of all locations of the process. Never dropped, because dropping a runtime inside another one panics.
static RUNTIME: LazyLock<std::io::Result<Runtime>> = LazyLock::new(|| {
    // Tokio panics when a thread cannot be started.
    check_threads(WORKERS + MAX_REQUESTS)?;
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .max_blocking_threads(MAX_REQUESTS)
        .thread_name("location")
        .enable_all()
        .build()
});

/// Number of threads that run asynchronous work.
const WORKERS: usize = 2;

/// Maximum number of requests at once; each takes a thread.
const MAX_REQUESTS: usize = 32;

/// Runs `work` on the runtime of all locations, to its end even if nothing waits for it. Can be called on any thread.
///
/// # Errors
/// [`LocationError::Io`] if the threads cannot be started.
pub fn spawn<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> Result<tokio::task::JoinHandle<T>, LocationError> {
    Ok(find_runtime()?.spawn(work))
}

fn find_runtime() -> Result<&'static Runtime, LocationError> {
    RUNTIME.as_ref().map_err(|error| LocationError::Io {
        operation: "start threads for",
        path: "transfers".into(),
        source: std::io::Error::new(error.kind(), error.to_string()),
    })
}

/// Runs `work` to its end, or until `cancel` is cancelled.
///
/// # Errors
/// [`LocationError::Io`] if the threads cannot be started, [`LocationError::Stopped`] if `cancel` is cancelled,
/// otherwise the error of `work`.
pub fn run_until<T>(
    cancel: &CancelToken,
    work: impl Future<Output = Result<T, LocationError>>,
) -> Result<T, LocationError> {
    let runtime = find_runtime()?;
    let (sender, stopped) = tokio::sync::oneshot::channel();
    // Sends nothing if the work has ended.
    let _listener = cancel.on_cancel(move || _ = sender.send(()));
    runtime.block_on(async {
        tokio::select! {
            biased;
            Ok(()) = stopped => Err(LocationError::Stopped),
            done = Box::pin(work) => done,
        }
    })
}
