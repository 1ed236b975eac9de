//! Serves one client, through the server process of the same folders if there is one, otherwise in this process.

use std::sync::Arc;

use engine::{Engine, Settings};
use mcp::transport::lifecycle::listen_for_stop_signal;
use mcp::transport::parent_process::wait_for_parent_exit;
use mcp::{AnswerForm, McpError};
use rmcp::transport::io::stdio_pipes;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::finder::ServerFinder;
use crate::folders::SharedFolders;
use crate::key::sharing_key;
use crate::relay::{ConversationEnd, Relay};
use crate::rendezvous::Rendezvous;

/// Serves folders over standard input and output, sharing one process with servers of the same folders. The answers of
/// this client have the given form.
///
/// Joins a running server with the same sharing key, or runs one that others can join. Where sharing is not
/// possible, acts as [`mcp::serve_stdio`].
///
/// # Errors
/// When there is no folder, or a server cannot be started or stopped. Where sharing is not possible, also when
/// [`mcp::serve_stdio`] fails.
pub fn serve_shared(folders: SharedFolders, watch: bool, form: AnswerForm) -> Result<(), McpError> {
    if folders.served.is_empty() && folders.within.is_empty() {
        return Err(McpError::NoRoots);
    }
    let Some(rendezvous) = create_rendezvous(&folders, watch) else {
        let open = |settings| Engine::open(settings).map(Arc::new);
        let engines = folders.served.into_iter().map(open).collect::<Result<_, _>>()?;
        return mcp::serve_stdio(engines, folders.access, watch, form);
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(McpError::Runtime)?;
    let mut servers = ServerFinder::new(folders, watch, form, rendezvous);
    let ended = runtime.block_on(async {
        let (reader, writer) = stdio_pipes();
        tokio::select! {
            ended = relay_client(reader, writer, &mut servers) => ended,
            () = listen_for_stop_signal() => Ok(()),
            () = wait_for_parent_exit() => Ok(()),
        }
    });
    servers.close();
    // A thread may be blocked on standard input, so the runtime must not wait for it.
    runtime.shutdown_background();
    ended
}

/// Returns the id of the process that a server of exactly these folders, without folders for `--within`, would join;
/// `None` if there is none. For a single folder, that process may serve only other worktrees of the repository so far.
pub fn shared_server_pid(settings: &[Settings], watch: bool) -> Option<u32> {
    Rendezvous::locate(sharing_key(settings, &[], watch)?).owner_pid()
}

/// Creates the rendezvous for a server of these folders; `None` where sharing is not possible.
fn create_rendezvous(folders: &SharedFolders, watch: bool) -> Option<Rendezvous> {
    if cfg!(not(unix)) {
        return None;
    }
    let rendezvous = Rendezvous::create(sharing_key(&folders.served, &folders.within, watch)?);
    rendezvous.inspect_err(|error| tracing::warn!("cannot share this server with other clients: {error}")).ok()
}

/// Relays messages between the client and a server until the client is done. Finds the next server when one ends, hangs
/// or is replaced by a better one; fails if none can be started or stopped.
async fn relay_client<R, W>(reader: R, writer: W, servers: &mut ServerFinder) -> Result<(), McpError>
where
    R: AsyncRead + Send + Unpin + 'static,
    W: AsyncWrite + Send + Unpin + 'static,
{
    let mut relay = Relay::new(reader, writer);
    loop {
        let stream = servers.connect_next().await?;
        match relay.converse(stream, servers.is_remote(), servers.wait_for_better()).await {
            ConversationEnd::ClientDone => return Ok(()),
            ConversationEnd::ServerEnded => {}
            ConversationEnd::ServerHung => drop(servers.start_spare().await?),
            ConversationEnd::BetterServer => servers.stop_spare().await?,
        }
    }
}
