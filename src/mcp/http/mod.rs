//! The server over HTTP: streamable HTTP at `/mcp`, and the older pair of `/sse` and `/messages`.
//!
//! Owns the runtime, the order of the end (take no more, let what is under way finish, end the
//! streams, cancel the index runs), and one file a concern: who may ask ([`guard`]), how often
//! ([`rate`]), how many connections ([`connections`]) and sessions ([`sessions`]), what answers
//! ([`site`]). All sessions share one [`Server`]. Invariants: nothing of a body is read before the
//! guard has let its request in; nothing a client sends is held without a limit.
//! Must never import: anything of this crate but `engine`.

mod body;
mod busy;
mod connections;
mod guard;
mod metrics;
mod older;
mod options;
mod rate;
mod sessions;
mod site;

use std::net::SocketAddr;
use std::sync::Arc;

use rmcp::ServerHandler;
use tokio::net::TcpListener;

use super::stdio::{CLOSE_PATIENCE, THREAD_PATIENCE, runtime, stop_signal};
use super::{McpError, Server};
use crate::engine::Engine;
pub use options::{HttpOptions, Limits, Token};
use site::Site;

/// Serves `engines` over HTTP; indexes them in the background meanwhile and, with `follow`, whenever
/// one of their files changes. Calls `announce` with the address as soon as it listens. Returns on
/// SIGTERM or ctrl-c, when the requests under way are answered.
///
/// # Errors
/// When the server may not or cannot listen; nothing a client sends is an error.
pub fn serve_http(
    engines: Vec<Arc<Engine>>,
    follow: bool,
    options: &HttpOptions,
    announce: impl FnOnce(SocketAddr),
) -> Result<(), McpError> {
    if engines.is_empty() {
        return Err(McpError::NoRoots);
    }
    let runtime = runtime()?;
    let ended = runtime.block_on(async {
        let stop = stop_signal();
        let listener = listen(options).await?;
        let server = Server::new(engines);
        server.begin();
        let followers = follow.then(|| server.follow());
        announce(address(&listener, options));
        let site = Site::new(server.clone(), Some(server.clone()), options);
        let closing = server.clone();
        let stop = async {
            stop.await;
            // Calls that wait for an index run are answered when it ends.
            tokio::spawn(async move { closing.close(CLOSE_PATIENCE).await });
        };
        connections::serve(listener, site, options.limits, stop).await;
        server.close(CLOSE_PATIENCE).await;
        drop(followers);
        Ok(())
    });
    runtime.shutdown_timeout(THREAD_PATIENCE);
    ended
}

/// Serves any other MCP service with the same transports, guards and limits, until ctrl-c. For
/// checking them with services that use what codescry does not.
///
/// # Errors
/// As [`serve_http`].
pub fn serve_service<S>(service: S, options: &HttpOptions, announce: impl FnOnce(SocketAddr)) -> Result<(), McpError>
where
    S: ServerHandler + Clone,
{
    let runtime = runtime()?;
    runtime.block_on(async {
        let stop = stop_signal();
        let listener = listen(options).await?;
        announce(address(&listener, options));
        connections::serve(listener, Site::new(service, None, options), options.limits, stop).await;
        Ok(())
    })
}

async fn listen(options: &HttpOptions) -> Result<TcpListener, McpError> {
    options.check()?;
    let listener = TcpListener::bind(options.address).await;
    listener.map_err(|source| McpError::Listen { address: options.address, source })
}

/// Where it listens: the port may have been left to the system.
fn address(listener: &TcpListener, options: &HttpOptions) -> SocketAddr {
    listener.local_addr().unwrap_or(options.address)
}
