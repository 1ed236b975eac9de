//! Serves one client over standard input and output, until the input ends.
//!
//! Owns the runtime, the signals and the order of the end: answer what is under way, cancel the
//! index runs, return. Must never import: anything of this crate but `engine`.

use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use rmcp::ServiceExt as _;
use rmcp::service::{QuitReason, ServerInitializeError};
use rmcp::transport::io::stdio_pipes;
use tokio::io::AsyncWrite;
use tokio::runtime::Runtime;

use super::follow::Followers;
use super::lines::Lines;
use super::{McpError, Server, parent};
use crate::engine::Engine;

/// How long the end waits for an index run to stop.
pub(super) const CLOSE_PATIENCE: Duration = Duration::from_millis(1_200);

/// How long the end waits for a blocked read or a search that nobody needs any more.
pub(super) const THREAD_PATIENCE: Duration = Duration::from_millis(200);

/// Serves `engines` over standard input and output; indexes them in the background meanwhile and,
/// with `follow`, whenever one of their files changes. Returns when the input ends, when the process
/// that started this one does, or on SIGTERM or ctrl-c.
///
/// # Errors
/// When the server cannot be started; nothing a client sends is an error.
pub fn serve_stdio(engines: Vec<Arc<Engine>>, follow: bool) -> Result<(), McpError> {
    if engines.is_empty() {
        return Err(McpError::NoRoots);
    }
    let runtime = runtime()?;
    let inside = runtime.enter();
    let server = Server::new(engines);
    server.begin();
    let followers = follow.then(|| server.follow());
    drop(inside);
    let ended = runtime.block_on(async {
        let (reader, writer) = stdio_pipes();
        tokio::select! {
            ended = converse(&server, Lines::new(reader, writer)) => ended,
            () = stop_signal() => Ok(()),
            () = parent::gone() => Ok(()),
        }
    });
    end(runtime, &server, followers);
    ended
}

/// The threads of a server.
pub(super) fn runtime() -> Result<Runtime, McpError> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(2).thread_name("codescry-mcp").enable_all().build().map_err(McpError::Runtime)
}

/// Ends a server: cancels its index runs, and waits for what ends soon.
pub(super) fn end(runtime: Runtime, server: &Server, followers: Option<Followers>) {
    runtime.block_on(server.close(CLOSE_PATIENCE));
    // It waits for threads that may be amid a look at the disk.
    let (ended, wait) = mpsc::channel();
    thread::spawn(move || {
        drop(followers);
        // Nobody may be waiting any more.
        _ = ended.send(());
    });
    if wait.recv_timeout(THREAD_PATIENCE).is_err() {
        tracing::debug!("the folders are still being followed");
    }
    runtime.shutdown_timeout(THREAD_PATIENCE);
}

/// Answers one client until it has gone and has been answered.
pub(super) async fn converse<W>(server: &Server, lines: Lines<W>) -> Result<(), McpError>
where
    W: AsyncWrite + Unpin + Send + 'static,
{
    let running = match server.clone().serve(lines).await {
        Ok(running) => running,
        // The client went away without a word.
        Err(ServerInitializeError::ConnectionClosed(_)) => return Ok(()),
        Err(error) => return Err(McpError::Greeting(error.to_string())),
    };
    match running.waiting().await {
        Ok(QuitReason::JoinError(error)) | Err(error) => Err(McpError::Stopped(error.to_string())),
        Ok(_) => Ok(()),
    }
}

/// Resolves when the process is asked to end; from this call on, that does not kill it.
#[cfg(unix)]
pub(super) fn stop_signal() -> impl Future<Output = ()> {
    use tokio::signal::unix::{SignalKind, signal};
    let [mut terminate, mut interrupt] =
        [SignalKind::terminate(), SignalKind::interrupt()].map(|kind| signal(kind).ok());
    async move {
        // One that cannot be listened to is never heard.
        tokio::select! {
            Some(()) = async { terminate.as_mut()?.recv().await } => {}
            Some(()) = async { interrupt.as_mut()?.recv().await } => {}
            else => std::future::pending().await,
        }
    }
}

/// Resolves when the process is asked to end.
#[cfg(not(unix))]
pub(super) async fn stop_signal() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
