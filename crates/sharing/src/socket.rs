//! The local socket between the owner of a sharing key and the processes that join it.
//!
//! Both sides check that the other process runs as the same user. The joining process sends the sharing key and its
//! tree, and the owner confirms when it serves the tree. After that, both speak MCP as over standard input and output.

#[cfg(unix)]
mod unix;
#[cfg(not(unix))]
mod unsupported;

#[cfg(unix)]
pub use unix::{ConnectionCloser, ShareListener, VerifiedPeer, accept_peer, bind_socket, connect_to_owner};
#[cfg(not(unix))]
pub use unsupported::{ConnectionCloser, ShareListener, VerifiedPeer, accept_peer, bind_socket, connect_to_owner};
