//! The life of a server: its async runtime, its clients, the signals that stop it, and its shutdown.
//!
//! A shutdown cancels the index runs, and waits a limited time for the threads.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rmcp::ServiceExt as _;
use rmcp::service::{QuitReason, ServerInitializeError};
use tokio::io::AsyncWrite;
use tokio::runtime::Runtime;

use super::json_lines::JsonLinesTransport;
use platform::threads::check_threads;

use crate::error::McpError;
use crate::roots::watchers::FolderWatchers;
use crate::server::McpServer;

/// Time that a shutdown waits, at most, for the index runs to stop.
pub(crate) const RUN_STOP_TIMEOUT: Duration = Duration::from_millis(1_200);

/// Time that a shutdown waits, at most, for blocking threads, such as those of abandoned reads or searches.
pub(crate) const THREAD_STOP_TIMEOUT: Duration = Duration::from_millis(200);

/// Time that calls in progress have to be answered after the client has closed its input; the others get an error.
const LAST_ANSWERS_TIME: Duration = Duration::from_secs(4);

/// Builds the async runtime of a server.
///
/// # Errors
/// When the threads of the runtime cannot be started.
pub fn build_runtime() -> Result<Runtime, McpError> {
    let workers = 2;
    // Tokio panics when it cannot start a thread: check for the workers, and for some threads of blocking calls.
    check_threads(2 * workers).map_err(McpError::Runtime)?;
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(workers).thread_name("codescry-mcp").enable_all().build().map_err(McpError::Runtime)
}

/// Shuts a server down: cancels its index runs, and waits a bounded time for its threads.
pub fn shut_down_server(runtime: Runtime, server: &McpServer, watchers: Option<FolderWatchers>) {
    runtime.block_on(server.close(RUN_STOP_TIMEOUT));
    // Dropping the watchers joins their threads, which may be reading the disk.
    let (ended, wait) = mpsc::channel();
    // If the thread cannot be started, the watchers are dropped here.
    _ = thread::Builder::new().name("stop watchers".to_owned()).spawn(move || {
        drop(watchers);
        // The receiver is gone after the timeout.
        _ = ended.send(());
    });
    if wait.recv_timeout(THREAD_STOP_TIMEOUT).is_err() {
        tracing::debug!("the folder watchers did not stop in time");
    }
    runtime.shutdown_timeout(THREAD_STOP_TIMEOUT);
}

/// Serves one client until it disconnects, and then waits a few seconds for the calls in progress to be answered. Every
/// request that was read gets an answer or an error.
///
/// # Errors
/// When the handshake fails, or the serving task ends unexpectedly.
pub async fn serve_client<W>(server: &McpServer, transport: JsonLinesTransport<W>) -> Result<(), McpError>
where
    W: AsyncWrite + Unpin + Send + 'static,
{
    let (transport, given_up) = transport.answer_all_within(LAST_ANSWERS_TIME);
    let running = match server.clone().serve(transport).await {
        Ok(running) => running,
        // The client disconnected before the handshake.
        Err(ServerInitializeError::ConnectionClosed(_)) => return Ok(()),
        Err(error) => return Err(McpError::Handshake(error.to_string())),
    };
    let ended = tokio::select! {
        ended = running.waiting() => ended,
        // The calls in progress have got errors.
        Ok(()) = given_up => return Ok(()),
    };
    match ended {
        Ok(QuitReason::JoinError(error)) | Err(error) => Err(McpError::Stopped(error.to_string())),
        Ok(_) => Ok(()),
    }
}

/// Returns a future that resolves on SIGTERM or ctrl-c. From this call on, these signals no longer kill the process.
#[cfg(unix)]
pub fn listen_for_stop_signal() -> impl Future<Output = ()> {
    use tokio::signal::unix::{SignalKind, signal};
    let [mut terminate, mut interrupt] =
        [SignalKind::terminate(), SignalKind::interrupt()].map(|kind| signal(kind).ok());
    async move {
        // A signal whose listener could not be installed never resolves.
        tokio::select! {
            Some(()) = async { terminate.as_mut()?.recv().await } => {}
            Some(()) = async { interrupt.as_mut()?.recv().await } => {}
            else => std::future::pending().await,
        }
    }
}

/// Waits for Ctrl-C; forever if the process cannot listen for it.
#[cfg(not(unix))]
pub async fn listen_for_stop_signal() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
