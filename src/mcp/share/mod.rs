//! One heavy process, many clients.
//!
//! Every `codescry serve --stdio` is a [`relay`] between its client and a server. The first one with
//! a given [`key`] takes the lock of its [`place`] and is the owner: it has the [`hub`], with the
//! engines, in its own process and listens on a [`socket`]. The others pass messages on to it and
//! load nothing. When the owner ends, for whatever reason, the lock is free: one of the others becomes
//! the owner, the rest find it, and each repeats what has no answer yet. So an owner whose client
//! goes ends like any other server, and hands over by ending.
//! Where sharing is not possible, or the owner does not answer, a server has a process of its own: until the
//! owner answers again, or is no more.
//! Must never import: anything of this crate but `config`, `engine` and `types`.

mod hub;
mod key;
mod memory;
mod place;
mod relay;
mod socket;

use std::time::Duration;

use rmcp::transport::io::stdio_pipes;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use super::{McpError, parent, stdio};
use crate::engine::{Engine, Settings};
use hub::Hub;
use place::{Ownership, Place};
use relay::{End, Relay};
use socket::Link;

/// How long to look for a server in another process before making one in this.
const JOIN_PATIENCE: Duration = Duration::from_secs(4);

/// How long to wait between two looks.
const LOOK: Duration = Duration::from_millis(15);

/// How often a process that had to make a server of its own looks whether it is still needed.
const REJOIN: Duration = Duration::from_secs(5);

/// Serves these folders over standard input and output, in the process of another server of the same
/// folders with the same settings if there is one. Otherwise as [`super::serve_stdio`].
///
/// # Errors
/// When the server cannot be started; nothing a client sends is an error.
pub fn serve_shared(settings: Vec<Settings>, follow: bool) -> Result<(), McpError> {
    if settings.is_empty() {
        return Err(McpError::NoRoots);
    }
    let Some(place) = place(&settings, follow) else {
        let open = |settings| Engine::open(settings).map(std::sync::Arc::new);
        let engines = settings.into_iter().map(open).collect::<Result<_, _>>()?;
        return stdio::serve_stdio(engines, follow);
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(McpError::Runtime)?;
    let mut servers = Servers { settings, follow, place, hub: None, is_spare: false };
    let ended = runtime.block_on(async {
        let (reader, writer) = stdio_pipes();
        tokio::select! {
            ended = relay(reader, writer, &mut servers) => ended,
            () = stdio::stop_signal() => Ok(()),
            () = parent::gone() => Ok(()),
        }
    });
    if let Some(hub) = servers.hub {
        hub.close();
    }
    // A thread may be waiting for input that nobody sends.
    runtime.shutdown_background();
    ended
}

/// The process that serves these folders to those who join, if there is one.
pub fn owner(settings: &[Settings], follow: bool) -> Option<u32> {
    Place::to_look_at(key::of(settings, follow)?).owner()
}

/// Where servers like this one meet; `None` where they cannot.
fn place(settings: &[Settings], follow: bool) -> Option<Place> {
    if cfg!(not(unix)) {
        return None;
    }
    let place = Place::of(key::of(settings, follow)?);
    place.inspect_err(|error| tracing::warn!("this server is not shared with others: {error}")).ok()
}

/// Passes messages between a client and one server after another.
async fn relay<R, W>(reader: R, writer: W, servers: &mut Servers) -> Result<(), McpError>
where
    R: AsyncRead + Send + Unpin + 'static,
    W: AsyncWrite + Send + Unpin + 'static,
{
    let mut relay = Relay::new(reader, writer);
    loop {
        let link = servers.next().await?;
        match relay.converse(link, servers.hub.is_none(), servers.better()).await {
            End::Client => return Ok(()),
            End::Server => {}
            End::Hung => drop(servers.leave().await?),
            End::Moved => servers.rejoin().await?,
        }
    }
}

/// Where to find a server.
struct Servers {
    settings: Vec<Settings>,
    follow: bool,
    place: Place,
    /// The server of this process, once there is one.
    hub: Option<Hub>,
    /// Whether it is here only because the one that others join did not answer.
    is_spare: bool,
}

impl Servers {
    /// A new conversation: with this process's server, with another's, or with one made for it.
    async fn next(&mut self) -> Result<Link, McpError> {
        if let Some(hub) = &self.hub {
            return Ok(hub.connect());
        }
        let until = Instant::now() + JOIN_PATIENCE;
        loop {
            match self.place.own() {
                Ok(Some(ownership)) => return self.own(Some(ownership)).await,
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!("this server is not shared with others: {error}");
                    return self.own(None).await;
                }
            }
            let socket = self.place.socket();
            let joined = socket::connect(&socket, self.place.key());
            match tokio::time::timeout_at(until, joined).await {
                Ok(Ok(link)) => return Ok(link),
                Ok(Err(error)) => tracing::debug!("cannot join yet: {error}"),
                Err(_) => return self.leave().await,
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Gives up a server in another process that hangs.
    async fn leave(&mut self) -> Result<Link, McpError> {
        tracing::warn!("the process that serves this folder does not answer; this one serves it too");
        self.is_spare = true;
        self.own(None).await
    }

    /// Resolves when this process has a server only for want of one to join, and that is over.
    async fn better(&self) {
        if !self.is_spare {
            std::future::pending::<()>().await;
        }
        loop {
            tokio::time::sleep(REJOIN).await;
            let socket = self.place.socket();
            let joined = tokio::time::timeout(REJOIN, socket::connect(&socket, self.place.key()));
            if self.place.owner().is_none() || matches!(joined.await, Ok(Ok(_))) {
                return;
            }
        }
    }

    /// Ends the server of this process, to join another one or to begin as one that others can join.
    async fn rejoin(&mut self) -> Result<(), McpError> {
        self.is_spare = false;
        let Some(hub) = self.hub.take() else { return Ok(()) };
        tracing::info!("the process that serves this folder answers again");
        tokio::task::spawn_blocking(|| hub.close()).await.map_err(|error| McpError::Stopped(error.to_string()))
    }

    /// Makes a server in this process, open to others with the right to be.
    async fn own(&mut self, ownership: Option<Ownership>) -> Result<Link, McpError> {
        let (settings, follow) = (self.settings.clone(), self.follow);
        let owned = ownership.map(|ownership| (self.place.clone(), ownership));
        let start = move || Hub::start(&settings, follow, owned);
        let hub = tokio::task::spawn_blocking(start).await.map_err(|error| McpError::Stopped(error.to_string()))??;
        Ok(self.hub.insert(hub).connect())
    }
}
