//! Finds the server that a relay talks to.

use std::time::Duration;

use mcp::{AnswerForm, McpError};
use tokio::time::Instant;

use crate::folders::SharedFolders;
use crate::peer_stream::PeerStream;
use crate::rendezvous::{OwnerLock, Rendezvous};
use crate::shared_server::SharedServer;
use crate::socket;

/// Time that a process tries to join the server of another process before it runs a server itself.
const JOIN_TIMEOUT: Duration = Duration::from_secs(4);

/// Time between two attempts to join. The owner holds the lock before it listens; neither the release of the lock nor
/// the start of listening sends an event.
const JOIN_RETRY_DELAY: Duration = Duration::from_millis(15);

/// Time between two checks whether a spare server is still needed. A process that responds again sends no event.
const REJOIN_INTERVAL: Duration = Duration::from_secs(5);

/// The finder of a server to relay to, in this process or in another one.
pub struct ServerFinder {
    folders: SharedFolders,
    watch: bool,
    /// The form of the answers to this process's client.
    form: AnswerForm,
    rendezvous: Rendezvous,
    /// The server that runs in this process, if any.
    own_server: Option<SharedServer>,
    /// Whether `own_server` runs only because the owner did not respond.
    is_spare: bool,
}

impl ServerFinder {
    /// Creates a finder for servers of these folders, without starting a server.
    pub fn new(folders: SharedFolders, watch: bool, form: AnswerForm, rendezvous: Rendezvous) -> Self {
        Self { folders, watch, form, rendezvous, own_server: None, is_spare: false }
    }

    /// Returns whether no server runs in this process, so that the connected server is in another one.
    pub fn is_remote(&self) -> bool {
        self.own_server.is_none()
    }

    /// Stops the server in this process, if there is one.
    ///
    /// Blocks, so it must not be called inside a runtime.
    pub fn close(self) {
        if let Some(server) = self.own_server {
            server.close();
        }
    }

    /// Connects to this process's server or to the owner. Starts a server in this process if there is neither, if the
    /// owner does not respond within [`JOIN_TIMEOUT`], or if the lock cannot be used.
    ///
    /// # Errors
    /// When a server cannot be started.
    pub async fn connect_next(&mut self) -> Result<PeerStream, McpError> {
        if let Some(server) = &self.own_server {
            return Ok(server.connect(self.form));
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
            let (socket, tree) = (self.rendezvous.socket_path(), self.folders.only_tree());
            let joined = socket::connect_to_owner(&socket, self.rendezvous.key(), self.form, tree.as_ref());
            match tokio::time::timeout_at(deadline, joined).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => tracing::debug!("cannot join the owner yet: {error}"),
                Err(_) => return self.start_spare().await,
            }
            tokio::time::sleep(JOIN_RETRY_DELAY).await;
        }
    }

    /// Starts a spare server in this process, because the owner does not respond.
    ///
    /// # Errors
    /// When the server cannot be started.
    pub async fn start_spare(&mut self) -> Result<PeerStream, McpError> {
        tracing::warn!("the process that serves this folder does not respond; this process serves it too");
        self.is_spare = true;
        self.start_own(None).await
    }

    /// Resolves when this process runs a spare server and the owner responds again or has ended.
    pub async fn wait_for_better(&self) {
        if !self.is_spare {
            std::future::pending::<()>().await;
        }
        loop {
            tokio::time::sleep(REJOIN_INTERVAL).await;
            let (socket, tree) = (self.rendezvous.socket_path(), self.folders.only_tree());
            let joined = socket::connect_to_owner(&socket, self.rendezvous.key(), self.form, tree.as_ref());
            let joined = tokio::time::timeout(REJOIN_INTERVAL, joined);
            if self.rendezvous.owner_pid().is_none() || matches!(joined.await, Ok(Ok(_))) {
                return;
            }
        }
    }

    /// Stops the spare server, so that this process can join the owner or become it.
    ///
    /// # Errors
    /// When the server cannot be stopped.
    pub async fn stop_spare(&mut self) -> Result<(), McpError> {
        self.is_spare = false;
        let Some(server) = self.own_server.take() else { return Ok(()) };
        tracing::info!("the process that serves this folder responds again or has ended");
        tokio::task::spawn_blocking(|| server.close()).await.map_err(|error| McpError::Stopped(error.to_string()))
    }

    /// Starts a server in this process and connects to it; with a lock, other processes can join it.
    async fn start_own(&mut self, lock: Option<OwnerLock>) -> Result<PeerStream, McpError> {
        let (folders, watch, form) = (self.folders.clone(), self.watch, self.form);
        let owned = lock.map(|lock| (self.rendezvous.clone(), lock));
        let start = move || SharedServer::start(&folders, watch, owned);
        let server =
            tokio::task::spawn_blocking(start).await.map_err(|error| McpError::Stopped(error.to_string()))??;
        Ok(self.own_server.insert(server).connect(form))
    }
}
