//! The MCP server over HTTP: streamable HTTP at `/mcp`, and legacy SSE at `/sse` and `/messages`.
//!
//! Each concern has its file: access checks ([`guard`]), request rates ([`rate`]), connections
//! ([`connections`]), sessions ([`sessions`]) and routing ([`router`]). All sessions share one
//! [`McpServer`]. Shutdown stops accepting connections, waits for requests in flight, ends the streams and
//! cancels index runs. Invariants: no byte of a body is read before its request has passed the checks;
//! everything a client sends is held within a limit.

mod body;
mod connections;
mod guard;
mod in_flight;
mod legacy_sse;
mod metrics;
mod options;
mod rate;
mod router;
mod sessions;

use std::net::SocketAddr;
use std::sync::Arc;

use rmcp::ServerHandler;
use tokio::net::TcpListener;

use super::stdio::{RUN_STOP_TIMEOUT, THREAD_STOP_TIMEOUT, build_runtime, listen_for_stop_signal};
use super::{McpError, McpServer};
use engine::Engine;
pub use options::{BearerToken, HttpLimits, HttpOptions};
use router::RequestRouter;

/// Serves `engines` over HTTP until SIGTERM or Ctrl-C, then answers the requests in flight and returns.
///
/// Indexes in the background at the start and, with `watch`, whenever a file changes. Calls `announce` with
/// the bound address once the server listens.
///
/// # Errors
/// When there is no engine, the address needs a token, or the server cannot listen. Client input is never an
/// error.
pub fn serve_http(
    engines: Vec<Arc<Engine>>,
    watch: bool,
    options: &HttpOptions,
    announce: impl FnOnce(SocketAddr),
) -> Result<(), McpError> {
    if engines.is_empty() {
        return Err(McpError::NoRoots);
    }
    let runtime = build_runtime()?;
    let ended = runtime.block_on(async {
        let stop = listen_for_stop_signal();
        let listener = bind_listener(options).await?;
        let server = McpServer::new(engines);
        server.start_background_work();
        let watchers = watch.then(|| server.watch_folders());
        announce(bound_address(&listener, options));
        let router = RequestRouter::new(server.clone(), Some(server.clone()), options);
        let closing = server.clone();
        let stop = async {
            stop.await;
            // Ends the index runs now, so that calls waiting for one are answered.
            tokio::spawn(async move { closing.close(RUN_STOP_TIMEOUT).await });
        };
        connections::serve_connections(listener, router, options.limits, stop).await;
        server.close(RUN_STOP_TIMEOUT).await;
        drop(watchers);
        Ok(())
    });
    runtime.shutdown_timeout(THREAD_STOP_TIMEOUT);
    ended
}

/// Serves any MCP service over the same transports, checks and limits as [`serve_http`], until SIGTERM or Ctrl-C.
///
/// Lets conformance tests exercise protocol features that codescry's own server does not use.
///
/// # Errors
/// As [`serve_http`].
pub fn serve_service<S>(service: S, options: &HttpOptions, announce: impl FnOnce(SocketAddr)) -> Result<(), McpError>
where
    S: ServerHandler + Clone,
{
    let runtime = build_runtime()?;
    runtime.block_on(async {
        let stop = listen_for_stop_signal();
        let listener = bind_listener(options).await?;
        announce(bound_address(&listener, options));
        connections::serve_connections(listener, RequestRouter::new(service, None, options), options.limits, stop)
            .await;
        Ok(())
    })
}

/// Binds the listener.
///
/// # Errors
/// When the options are invalid or the address cannot be bound.
async fn bind_listener(options: &HttpOptions) -> Result<TcpListener, McpError> {
    options.validate()?;
    let listener = TcpListener::bind(options.address).await;
    listener.map_err(|source| McpError::Listen { address: options.address, source })
}

/// Returns the address that `listener` is bound to: the system may have chosen its port.
fn bound_address(listener: &TcpListener, options: &HttpOptions) -> SocketAddr {
    listener.local_addr().unwrap_or(options.address)
}
