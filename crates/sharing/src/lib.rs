//! Shares one server process among many clients.
//!
//! Every `codescry serve --stdio` process runs a [`relay`] between its client and a server. The first process
//! with a given sharing [`key`] takes the lock of the [`rendezvous`] and becomes the owner: it runs the
//! [`shared_server`] with the engines and listens on a [`socket`]. The other processes forward messages to
//! it and load nothing.
//!
//! When the owner ends, even if it is killed, its lock is released. One of the other processes becomes the
//! owner, the rest connect to it, and every relay repeats its unanswered requests. So an owner whose client
//! disconnects simply ends. Where sharing is not possible, or the owner does not respond, a process runs its
//! own server until the owner responds again or has ended.

mod key;
mod relay;
mod rendezvous;
mod replay;
mod shared_server;
mod socket;

use std::time::Duration;

use rmcp::transport::io::stdio_pipes;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use engine::{Engine, Settings};
use mcp::{McpError, parent, stdio};
use relay::{ConversationEnd, Relay};
use rendezvous::{OwnerLock, Rendezvous};
use shared_server::SharedServer;
use socket::PeerStream;

/// Longest attempt to join a server in another process before this process runs its own.
const JOIN_TIMEOUT: Duration = Duration::from_secs(4);

/// Pause between two attempts to join.
const JOIN_RETRY_DELAY: Duration = Duration::from_millis(15);

/// Time between two checks whether a spare server is still needed.
const REJOIN_INTERVAL: Duration = Duration::from_secs(5);

/// Serves folders over standard input and output, sharing one process with servers of the same folders.
///
/// Joins a running server with the same sharing key, or runs one that others can join. Where sharing is not
/// possible, acts as [`super::serve_stdio`].
///
/// # Errors
/// When there is no folder or the server cannot be started. Client input is never an error.
pub fn serve_shared(settings: Vec<Settings>, watch: bool) -> Result<(), McpError> {
    if settings.is_empty() {
        return Err(McpError::NoRoots);
    }
    let Some(rendezvous) = create_rendezvous(&settings, watch) else {
        let open = |settings| Engine::open(settings).map(std::sync::Arc::new);
        let engines = settings.into_iter().map(open).collect::<Result<_, _>>()?;
        return stdio::serve_stdio(engines, watch);
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(McpError::Runtime)?;
    let mut servers = ServerFinder { settings, watch, rendezvous, own_server: None, is_spare: false };
    let ended = runtime.block_on(async {
        let (reader, writer) = stdio_pipes();
        tokio::select! {
            ended = relay_client(reader, writer, &mut servers) => ended,
            () = stdio::listen_for_stop_signal() => Ok(()),
            () = parent::wait_for_parent_exit() => Ok(()),
        }
    });
    if let Some(server) = servers.own_server {
        server.close();
    }
    // A thread may be blocked on standard input, so the runtime must not wait for it.
    runtime.shutdown_background();
    ended
}

/// Returns the id of the process that serves these folders to others, if one does.
pub fn shared_server_pid(settings: &[Settings], watch: bool) -> Option<u32> {
    Rendezvous::locate(key::sharing_key(settings, watch)?).owner_pid()
}

/// Creates the rendezvous for a server of these folders; `None` where sharing is not possible.
fn create_rendezvous(settings: &[Settings], watch: bool) -> Option<Rendezvous> {
    if cfg!(not(unix)) {
        return None;
    }
    let rendezvous = Rendezvous::create(key::sharing_key(settings, watch)?);
    rendezvous.inspect_err(|error| tracing::warn!("cannot share this server with other clients: {error}")).ok()
}

/// Relays messages between the client and one server after another, until the client ends.
async fn relay_client<R, W>(reader: R, writer: W, servers: &mut ServerFinder) -> Result<(), McpError>
where
    R: AsyncRead + Send + Unpin + 'static,
    W: AsyncWrite + Send + Unpin + 'static,
{
    let mut relay = Relay::new(reader, writer);
    loop {
        let stream = servers.connect_next().await?;
        match relay.converse(stream, servers.own_server.is_none(), servers.wait_for_better()).await {
            ConversationEnd::ClientDone => return Ok(()),
            ConversationEnd::ServerEnded => {}
            ConversationEnd::ServerHung => drop(servers.start_spare().await?),
            ConversationEnd::BetterServer => servers.stop_spare().await?,
        }
    }
}

/// Finds a server to relay to: this process's own, or one in another process.
struct ServerFinder {
    settings: Vec<Settings>,
    watch: bool,
    rendezvous: Rendezvous,
    /// The server that runs in this process, if any.
    own_server: Option<SharedServer>,
    /// Whether `own_server` runs only because the owner did not respond.
    is_spare: bool,
}

impl ServerFinder {
    /// Connects to this process's server or to the owner; starts a server if there is neither.
    async fn connect_next(&mut self) -> Result<PeerStream, McpError> {
        if let Some(server) = &self.own_server {
            return Ok(server.connect());
        }
        let deadline = Instant::now() + JOIN_TIMEOUT;
        loop {
            match self.rendezvous.try_own() {
                Ok(Some(lock)) => return self.start_own(Some(lock)).await,
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!("cannot share this server with other clients: {error}");
                    return self.start_own(None).await;
                }
            }
            let socket = self.rendezvous.socket_path();
            let joined = socket::connect_to_owner(&socket, self.rendezvous.key());
            match tokio::time::timeout_at(deadline, joined).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => tracing::debug!("cannot join the owner yet: {error}"),
                Err(_) => return self.start_spare().await,
            }
            tokio::time::sleep(JOIN_RETRY_DELAY).await;
        }
    }

    /// Starts a spare server in this process, because the owner does not respond.
    async fn start_spare(&mut self) -> Result<PeerStream, McpError> {
        tracing::warn!("the process that serves this folder does not respond; this process serves it too");
        self.is_spare = true;
        self.start_own(None).await
    }

    /// Resolves when this process runs a spare server and the owner responds again or has ended.
    async fn wait_for_better(&self) {
        if !self.is_spare {
            std::future::pending::<()>().await;
        }
        loop {
            tokio::time::sleep(REJOIN_INTERVAL).await;
            let socket = self.rendezvous.socket_path();
            let joined = socket::connect_to_owner(&socket, self.rendezvous.key());
            let joined = tokio::time::timeout(REJOIN_INTERVAL, joined);
            if self.rendezvous.owner_pid().is_none() || matches!(joined.await, Ok(Ok(_))) {
                return;
            }
        }
    }

    /// Stops the spare server, so that this process can join the owner or become it.
    async fn stop_spare(&mut self) -> Result<(), McpError> {
        self.is_spare = false;
        let Some(server) = self.own_server.take() else { return Ok(()) };
        tracing::info!("the process that serves this folder responds again or has ended");
        tokio::task::spawn_blocking(|| server.close()).await.map_err(|error| McpError::Stopped(error.to_string()))
    }

    /// Starts a server in this process and connects to it; with a lock, other processes can join it.
    async fn start_own(&mut self, lock: Option<OwnerLock>) -> Result<PeerStream, McpError> {
        let (settings, watch) = (self.settings.clone(), self.watch);
        let owned = lock.map(|lock| (self.rendezvous.clone(), lock));
        let start = move || SharedServer::start(&settings, watch, owned);
        let server =
            tokio::task::spawn_blocking(start).await.map_err(|error| McpError::Stopped(error.to_string()))??;
        Ok(self.own_server.insert(server).connect())
    }
}
