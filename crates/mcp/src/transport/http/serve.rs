//! Starts and stops the HTTP server.

use std::net::SocketAddr;
use std::sync::Arc;

use engine::Engine;
use rmcp::ServerHandler;
use tokio::net::TcpListener;

use super::connections;
use super::options::HttpOptions;
use super::router::RequestRouter;
use crate::error::McpError;
use crate::roots::registry::FolderAccess;
use crate::server::McpServer;
use crate::transport::lifecycle::{RUN_STOP_TIMEOUT, THREAD_STOP_TIMEOUT, build_runtime, listen_for_stop_signal};

/// Serves `engines` and the folders that `access` adds over HTTP until SIGTERM or Ctrl-C, then answers the requests in
/// flight and returns.
///
/// Indexes in the background at the start and, with `watch`, whenever a file changes. Calls `announce` with
/// the bound address once the server listens.
///
/// # Errors
/// When there is neither an engine nor a folder that calls may name, the address needs a token, or the server cannot
/// listen or start its threads. Client input is never an error.
pub fn serve_http(
    engines: Vec<Arc<Engine>>,
    access: FolderAccess,
    watch: bool,
    options: &HttpOptions,
    announce: impl FnOnce(SocketAddr),
) -> Result<(), McpError> {
    if engines.is_empty() && access.within.is_empty() {
        return Err(McpError::NoRoots);
    }
    let runtime = build_runtime()?;
    let ended = runtime.block_on(async {
        let stop = listen_for_stop_signal();
        let (listener, address) = bind_listener(options).await?;
        let server = McpServer::new(engines, access).with_form(options.form);
        server.start_background_work();
        let watchers = watch.then(|| server.watch_folders());
        announce(address);
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
/// When the address needs a token, or the server cannot listen or start its threads.
pub fn serve_service<S>(service: S, options: &HttpOptions, announce: impl FnOnce(SocketAddr)) -> Result<(), McpError>
where
    S: ServerHandler + Clone,
{
    let runtime = build_runtime()?;
    runtime.block_on(async {
        let stop = listen_for_stop_signal();
        let (listener, address) = bind_listener(options).await?;
        announce(address);
        connections::serve_connections(listener, RequestRouter::new(service, None, options), options.limits, stop)
            .await;
        Ok(())
    })
}

/// Binds the listener; returns it with its address, whose port the system may have chosen.
///
/// # Errors
/// When the options are invalid or the address cannot be bound.
async fn bind_listener(options: &HttpOptions) -> Result<(TcpListener, SocketAddr), McpError> {
    options.validate()?;
    let failed = |source| McpError::Listen { address: options.address, source };
    let listener = TcpListener::bind(options.address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}
