//! Stand-ins for systems without Unix domain sockets, where every server has its own process.

use std::io;
use std::path::Path;

use mcp::AnswerForm;

use crate::folders::ServedTree;
use crate::peer_stream::PeerStream;

/// A listener, which cannot be created on this system.
pub enum ShareListener {}

/// A handle that closes a connection, which cannot be created on this system.
pub enum ConnectionCloser {}

impl ConnectionCloser {
    /// Closes the connection.
    pub fn close(self) {
        match self {}
    }
}

/// A joining process, which cannot connect on this system.
pub enum UnverifiedPeer {}

impl UnverifiedPeer {
    /// Reads the key of the process.
    pub async fn verify_key(self, _: &str) -> io::Result<VerifiedPeer> {
        match self {}
    }
}

/// A process that waits to be let in, which cannot connect on this system.
pub struct VerifiedPeer {
    pub form: AnswerForm,
    pub tree: Option<ServedTree>,
    never: UnverifiedPeer,
}

impl VerifiedPeer {
    /// Lets the process in.
    pub async fn welcome(self) -> io::Result<PeerStream> {
        match self.never {}
    }
}

/// Returns `Unsupported`.
pub fn bind_socket(_: &Path) -> io::Result<ShareListener> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Waits for the next process that joins.
pub async fn accept_peer(listener: &ShareListener) -> io::Result<(UnverifiedPeer, ConnectionCloser)> {
    match *listener {}
}

/// Returns `Unsupported`.
pub async fn connect_to_owner(_: &Path, _: &str, _: AnswerForm, _: Option<&ServedTree>) -> io::Result<PeerStream> {
    Err(io::ErrorKind::Unsupported.into())
}
