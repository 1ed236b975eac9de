//! Runs the blocking work of calls on at most as many threads as there are cores, but on at least two, so that many
//! calls do not slow each other down.

use std::sync::LazyLock;
use std::thread;

use tokio::sync::Semaphore;

use super::result::ToolError;

/// Permits for blocking work, one per core but at least two, granted in order of request.
static BLOCKING_PERMITS: LazyLock<Semaphore> =
    LazyLock::new(|| Semaphore::new(thread::available_parallelism().map_or(2, |cores| cores.get().max(2))));

/// Runs `work` on a blocking thread, after waiting for one of the permits.
///
/// Dropping the future drops work that has not begun. Work that has begun keeps its permit until it ends; to end it
/// early, cancel the token passed to it.
///
/// # Errors
/// When `work` panics.
pub async fn run_blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, ToolError> {
    // Acquiring fails only for a closed semaphore, and this one is never closed.
    let permit = BLOCKING_PERMITS.acquire().await.ok();
    let task = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        work()
    });
    task.await.map_err(|error| report_panic(&error))
}

/// Logs the panic of a call's task, and returns the error for the model.
pub fn report_panic(error: &tokio::task::JoinError) -> ToolError {
    tracing::error!("a tool call failed: {error}");
    ToolError(
        "this call failed inside codescry, but the server keeps running; try a different call, and please report this"
            .to_owned(),
    )
}
