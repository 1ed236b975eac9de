//! Shares one server process among many clients.
//!
//! Every `codescry serve --stdio` process runs a `relay` between its client and a server. The first process
//! with a given sharing key takes the lock of the `rendezvous` and becomes the owner: it runs the
//! `shared_server` with the engines and listens on a `socket`. The other processes forward messages to
//! it and load nothing.
//!
//! When the owner ends, even if it is killed, its lock is released. One of the other processes becomes the owner, the
//! rest connect to it, and every relay repeats its unanswered requests. So an owner whose client disconnects simply
//! ends. Where sharing is not possible, a process runs its own server. It also does so while the owner does not
//! respond, until the owner responds again or has ended.

mod finder;
mod folders;
mod key;
mod peer_stream;
mod relay;
mod rendezvous;
mod replay;
mod serve;
mod shared_server;
mod socket;

pub use folders::SharedFolders;
pub use serve::{serve_shared, shared_server_pid};
