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
    /// Cannot be called, because there is no connection.
    pub fn close(self) {
        match self {}
    }
}

/// A joining process, which cannot connect on this system.
pub enum UnverifiedPeer {}

impl UnverifiedPeer {
    /// Cannot be called, because no process can connect.
    ///
    /// # Errors
    /// Never.
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
    /// Cannot be called, because no process can connect.
    ///
    /// # Errors
    /// Never.
    pub async fn welcome(self) -> io::Result<PeerStream> {
        match self.never {}
    }
}

/// Fails, because this system has no Unix domain sockets.
///
/// # Errors
/// Always `Unsupported`.
pub fn bind_socket(_: &Path) -> io::Result<ShareListener> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Cannot be called, because there is no listener.
///
/// # Errors
/// Never.
pub async fn accept_peer(listener: &ShareListener) -> io::Result<(UnverifiedPeer, ConnectionCloser)> {
    match *listener {}
}

/// Fails, because this system has no Unix domain sockets.
///
/// # Errors
/// Always `Unsupported`.
pub async fn connect_to_owner(_: &Path, _: &str, _: AnswerForm, _: Option<&ServedTree>) -> io::Result<PeerStream> {
    Err(io::ErrorKind::Unsupported.into())
}
