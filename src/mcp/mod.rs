//! The Model Context Protocol server.
//!
//! Owns the five tools, their wire types, the text a model reads, and the stdio transport. Roots
//! are fixed when a [`Server`] is made; no argument of a tool widens them. Everything is asked of
//! [`crate::engine`], always on a blocking thread. Nothing but JSON-RPC goes to stdout, and a bad
//! call is an answer the model can read, never the end of the server.
//! Several clients may be served by one process: see `share`.
//! The only module that imports `rmcp` and `schemars`. Must never import: anything of this crate
//! but `engine`, `config` and `types`.

mod answer;
mod find_similar;
mod follow;
mod index_project;
mod index_status;
mod lines;
mod outline;
mod parent;
mod render;
mod roots;
mod runs;
mod schema;
mod search_code;
mod server;
mod share;
mod stdio;
mod tokens;
mod wire;

pub use server::Server;
pub use share::{owner, serve_shared};
pub use stdio::serve_stdio;

use crate::engine::EngineError;

/// Why the server could not be started or had to end.
#[derive(Debug, thiserror::Error)]
pub enum McpError {
    /// There is nothing to serve.
    #[error("no folder to serve; give at least one")]
    NoRoots,
    /// A folder's index cannot be opened.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The threads of the server could not be started.
    #[error("cannot start the server's threads: {0}; free some memory or raise the limit on threads")]
    Runtime(std::io::Error),
    /// The client did not begin the way the protocol wants.
    #[error("the MCP client could not be greeted: {0}; check the client's log and its protocol version")]
    Greeting(String),
    /// A bug: the loop that reads requests ended by itself.
    #[error("the MCP server stopped: {0}; please report this")]
    Stopped(String),
}
