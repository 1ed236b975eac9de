//! The server that relays talk to: the engines, for one client or many.
//!
//! The server has a Tokio runtime that is separate from the relay's. Every client has its own connection, and a slow
//! client delays no other.

mod tree_servers;

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use engine::{Engine, Settings};
use mcp::transport::json_lines::JsonLinesTransport;
use mcp::transport::lifecycle::{build_runtime, serve_client, shut_down_server};
use mcp::{AnswerForm, FolderWatchers, McpError, McpServer};
use tokio::runtime::Runtime;
use tokio::task::{JoinHandle, JoinSet};

use crate::folders::SharedFolders;
use crate::peer_stream::PeerStream;
use crate::rendezvous::{OwnerLock, Rendezvous};
use crate::socket::{self, ConnectionCloser, ShareListener, VerifiedPeer};
use tree_servers::TreeServers;

/// Capacity of the pipe between this process's relay and the server, in bytes per direction.
const PIPE_BYTES: usize = 1 << 16;

/// Time between a failed accept and the next one.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A server with its runtime, file watchers and, if this process is the owner, its socket.
pub struct SharedServer {
    runtime: Runtime,
    server: McpServer,
    trees: TreeServers,
    watchers: Option<FolderWatchers>,
    endpoint: Option<SharedEndpoint>,
}

/// The socket of an owner and the connections that came over it.
struct SharedEndpoint {
    rendezvous: Rendezvous,
    accept_task: JoinHandle<()>,
    connections: JoinedConnections,
    /// The lock of the owner, released after the other fields are closed.
    lock: OwnerLock,
}

/// The open connections of other processes, shared with the tasks that serve them.
type JoinedConnections = Arc<Mutex<ConnectionClosers>>;

/// The handles that close the open connections, by number.
#[derive(Default)]
struct ConnectionClosers {
    next: u64,
    closers: Vec<(u64, ConnectionCloser)>,
}

impl SharedServer {
    /// Opens the engines and starts to index; with `watch`, also to watch the folders; with `owned`, also to accept
    /// other processes, unless the socket cannot be bound.
    ///
    /// Blocks while the engines are opened, so it must not run on a thread that runs futures.
    ///
    /// # Errors
    /// When an engine cannot be opened, or the threads cannot be started.
    pub fn start(
        folders: &SharedFolders,
        watch: bool,
        owned: Option<(Rendezvous, OwnerLock)>,
    ) -> Result<Self, McpError> {
        let runtime = build_runtime()?;
        let inside = runtime.enter();
        // Listening before the engines are open lets joining processes wait instead of trying again.
        let bound = owned.and_then(|(rendezvous, lock)| match socket::bind_socket(&rendezvous.socket_path()) {
            Ok(listener) => Some((rendezvous, lock, listener)),
            Err(error) => {
                tracing::warn!("cannot share this server with other clients: {error}");
                None
            }
        });
        let open = |settings: &Settings| Engine::open(settings.clone()).map(Arc::new);
        let engines = folders.served.iter().map(open).collect::<Result<Vec<_>, _>>()?;
        let server = McpServer::new(engines, folders.access.clone());
        server.start_background_work();
        let watchers = watch.then(|| server.watch_folders());
        let trees = TreeServers::new(server.clone(), folders, watch);
        let endpoint = bound.map(|(rendezvous, lock, listener)| {
            let connections = JoinedConnections::default();
            let key = rendezvous.key().to_owned();
            let accept = accept_clients(listener, key, trees.clone(), Arc::clone(&connections));
            SharedEndpoint { rendezvous, accept_task: tokio::spawn(accept), connections, lock }
        });
        drop(inside);
        Ok(Self { runtime, server, trees, watchers, endpoint })
    }

    /// Opens a connection to the server for this process's own client, with answers of this form.
    pub fn connect(&self, form: AnswerForm) -> PeerStream {
        let (here, there) = tokio::io::duplex(PIPE_BYTES);
        let (reader, writer) = tokio::io::split(there);
        self.runtime.spawn(serve_connection(self.server.with_form(form), PeerStream::new(reader, writer)));
        let (reader, writer) = tokio::io::split(here);
        PeerStream::new(reader, writer)
    }

    /// Closes the connections of other processes, stops the server and releases the lock, so that one of them
    /// becomes the owner.
    ///
    /// Blocks, so it must not be called inside a runtime.
    pub fn close(self) {
        let lock = self.endpoint.map(|endpoint| {
            // The connections are closed before the calls are cancelled: a client must not see the
            // cancellation, because its relay repeats the call to the next owner.
            close_connections(&endpoint.connections);
            endpoint.accept_task.abort();
            // The next owner removes the socket if this fails.
            _ = endpoint.rendezvous.remove_socket();
            // Closes connections that were accepted meanwhile.
            close_connections(&endpoint.connections);
            endpoint.lock
        });
        self.runtime.block_on(self.trees.close_others());
        shut_down_server(self.runtime, &self.server, self.watchers);
        drop(lock);
    }
}

/// Closes all open connections.
fn close_connections(connections: &JoinedConnections) {
    let mut connections = connections.lock().unwrap_or_else(PoisonError::into_inner);
    connections.closers.drain(..).for_each(|(_, closer)| closer.close());
}

/// Accepts and serves processes that send `key`, until the task is aborted.
async fn accept_clients(listener: ShareListener, key: String, trees: TreeServers, connections: JoinedConnections) {
    let key: Arc<str> = key.into();
    let mut tasks = JoinSet::new();
    loop {
        while tasks.try_join_next().is_some() {}
        let (peer, closer) = match socket::accept_peer(&listener).await {
            Ok(accepted) => accepted,
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => continue,
            Err(error) => {
                tracing::warn!("cannot accept another client: {error}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let number = {
            let mut connections = connections.lock().unwrap_or_else(PoisonError::into_inner);
            connections.next += 1;
            let number = connections.next;
            connections.closers.push((number, closer));
            number
        };
        let (key, trees, connections) = (Arc::clone(&key), trees.clone(), Arc::clone(&connections));
        tasks.spawn(async move {
            match peer.verify_key(&key).await {
                Ok(peer) => serve_peer(&trees, peer).await,
                Err(error) => tracing::debug!("refused another process: {error}"),
            }
            let mut connections = connections.lock().unwrap_or_else(PoisonError::into_inner);
            connections.closers.retain(|(other, _)| *other != number);
        });
    }
}

/// Serves the requested tree to a process that has the key, until the process disconnects.
async fn serve_peer(trees: &TreeServers, peer: VerifiedPeer) {
    let (form, tree) = (peer.form, peer.tree.clone());
    match trees.open_tree(tree.as_ref()).await {
        Ok(server) => {
            match peer.welcome().await {
                Ok(stream) => serve_connection(server.with_form(form), stream).await,
                Err(error) => tracing::debug!("another process is gone: {error}"),
            }
            drop(server);
            trees.leave_tree(tree.as_ref()).await;
        }
        // It serves its tree itself.
        Err(error) => tracing::debug!("cannot serve another tree: {error}"),
    }
}

/// Serves one client until it disconnects.
async fn serve_connection(server: McpServer, stream: PeerStream) {
    if let Err(error) = serve_client(&server, JsonLinesTransport::new(stream.reader, stream.writer)).await {
        tracing::warn!("lost a client: {error}");
    }
}
