//! The served folders: their engines, their index runs, and queries to them.
//!
//! The [`registry`] holds the folders of a server and decides which others a call or a client may add; a call works on
//! the [`served`] folders of the moment when it starts.

pub mod client_roots;
pub mod query;
pub mod registry;
pub mod runs;
pub mod served;
pub mod watchers;
