//! The heavy half: the engines and everything around them, for one client or many.
//!
//! Owns a runtime of its own, apart from the relay's. Every client has a connection of its own; one
//! that reads slowly holds up nobody else. Must never import: anything of this crate but `engine`.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::task::{JoinHandle, JoinSet};

use super::place::{Ownership, Place};
use super::socket::{self, Cut, Link, Listener};
use crate::engine::{Engine, Settings};
use crate::mcp::follow::Followers;
use crate::mcp::lines::Lines;
use crate::mcp::{McpError, Server, stdio};

/// Bytes on their way between this process's own client and the server.
const PIPE_BYTES: usize = 1 << 16;

/// How long to wait when no further connection can be accepted.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// A server with everything it needs, until [`Hub::close`].
pub struct Hub {
    runtime: Runtime,
    server: Server,
    followers: Option<Followers>,
    door: Option<Door>,
}

/// What makes a hub open to others.
struct Door {
    place: Place,
    accepting: JoinHandle<()>,
    guests: Guests,
    /// Given back last.
    ownership: Ownership,
}

/// How to end the connections there are.
type Guests = Arc<Mutex<JoinedCuts>>;

#[derive(Default)]
struct JoinedCuts {
    next: u64,
    cuts: Vec<(u64, Cut)>,
}

impl Hub {
    /// Opens the engines and begins to index, to follow and, as the owner of a place, to listen
    /// there. Blocks for a moment; must not be called where that is not allowed.
    ///
    /// # Errors
    /// When an engine cannot be opened, or the threads cannot be started.
    pub fn start(settings: &[Settings], follow: bool, owned: Option<(Place, Ownership)>) -> Result<Self, McpError> {
        let runtime = stdio::runtime()?;
        let inside = runtime.enter();
        // Whoever joins waits from now on, instead of trying again.
        let door = owned.and_then(|(place, ownership)| match socket::listen(&place.socket()) {
            Ok(listener) => Some((place, ownership, listener)),
            Err(error) => {
                tracing::warn!("this server cannot be shared: {error}");
                None
            }
        });
        let open = |settings: &Settings| Engine::open(settings.clone()).map(Arc::new);
        let engines = settings.iter().map(open).collect::<Result<Vec<_>, _>>()?;
        let server = Server::new(engines);
        server.begin();
        let followers = follow.then(|| server.follow());
        let door = door.map(|(place, ownership, listener)| {
            let guests = Guests::default();
            let welcome = accept(listener, place.key().to_owned(), server.clone(), Arc::clone(&guests));
            Door { place, accepting: tokio::spawn(welcome), guests, ownership }
        });
        drop(inside);
        Ok(Self { runtime, server, followers, door })
    }

    /// A new conversation with the server, for this process's own client.
    pub fn connect(&self) -> Link {
        let (here, there) = tokio::io::duplex(PIPE_BYTES);
        let (reader, writer) = tokio::io::split(there);
        self.runtime.spawn(converse(self.server.clone(), Link::new(reader, writer)));
        let (reader, writer) = tokio::io::split(here);
        Link::new(reader, writer)
    }

    /// Sends the others away, so that one of them becomes the owner as soon as what is under way
    /// here has ended. Blocks; must not be called inside of a runtime.
    pub fn close(self) {
        let ownership = self.door.map(|door| {
            // Before anything is stopped: a call that is must not be answered with that. It is asked again
            // of the next owner.
            cut(&door.guests);
            door.accepting.abort();
            // Without it nobody tries to connect; left, the next owner removes it.
            _ = door.place.clear();
            // And who came meanwhile.
            cut(&door.guests);
            door.ownership
        });
        stdio::end(self.runtime, &self.server, self.followers);
        drop(ownership);
    }
}

/// Ends the connections there are.
fn cut(guests: &Guests) {
    let mut guests = guests.lock().unwrap_or_else(PoisonError::into_inner);
    guests.cuts.drain(..).for_each(|(_, cut)| cut.now());
}

/// Lets in whoever knows the key, for as long as the task lives.
async fn accept(listener: Listener, key: String, server: Server, guests: Guests) {
    let key: Arc<str> = key.into();
    let mut conversations = JoinSet::new();
    loop {
        while conversations.try_join_next().is_some() {}
        let (waiting, cut) = match socket::accept(&listener).await {
            Ok(accepted) => accepted,
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => continue,
            Err(error) => {
                tracing::warn!("cannot let another client in: {error}");
                tokio::time::sleep(ACCEPT_RETRY).await;
                continue;
            }
        };
        let number = {
            let mut guests = guests.lock().unwrap_or_else(PoisonError::into_inner);
            guests.next += 1;
            let number = guests.next;
            guests.cuts.push((number, cut));
            number
        };
        let (key, server, guests) = (Arc::clone(&key), server.clone(), Arc::clone(&guests));
        conversations.spawn(async move {
            match waiting.welcome(&key).await {
                Ok(link) => converse(server, link).await,
                Err(error) => tracing::debug!("another process was not let in: {error}"),
            }
            guests.lock().unwrap_or_else(PoisonError::into_inner).cuts.retain(|(guest, _)| *guest != number);
        });
    }
}

/// Serves one client until it goes.
async fn converse(server: Server, link: Link) {
    if let Err(error) = stdio::converse(&server, Lines::new(link.reader, link.writer)).await {
        tracing::warn!("a client was lost: {error}");
    }
}
