//! The Model Context Protocol server.
//!
//! Owns the tools, resources and prompts, their wire types, the text a model reads, and the transports: stdio here, HTTP in [`http`]. Roots
//! are fixed when a [`Server`] is made; no argument of a tool widens them. Everything is asked of
//! [`crate::engine`], always on a blocking thread. Nothing but JSON-RPC goes to stdout, and a bad
//! call is an answer the model can read, never the end of the server.
//! Several clients may be served by one process: see `share`.
//! The only module that imports `rmcp` and `schemars`. Must never import: anything of this crate
//! but `engine`, `config` and `types`.

mod answer;
mod calls;
mod cursor;
mod device;
mod find_references;
mod find_similar;
mod find_symbol;
mod follow;
#[cfg(test)]
mod fuzz;
pub mod http;
mod index_project;
mod index_status;
mod lines;
mod outline;
mod parent;
mod prompts;
mod read_code;
mod render;
mod resources;
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
    /// The address cannot be listened at.
    #[error("cannot listen at {address}: {source}; give another address to --http, or end what listens there")]
    Listen { address: std::net::SocketAddr, source: std::io::Error },
    /// Everybody on the network could read the code.
    #[error(
        "{0} is open to other machines, and there is no token; give a secret in a file with --token-file or in CODESCRY_TOKEN, or listen at 127.0.0.1"
    )]
    NoToken(std::net::SocketAddr),
    /// The token protects nothing.
    #[error(
        "the token is too weak: give at least {least} letters, digits and signs without spaces, such as `openssl rand -hex 32` prints"
    )]
    WeakToken { least: usize },
    /// The client did not begin the way the protocol wants.
    #[error("the MCP client could not be greeted: {0}; check the client's log and its protocol version")]
    Greeting(String),
    /// A bug: the loop that reads requests ended by itself.
    #[error("the MCP server stopped: {0}; please report this")]
    Stopped(String),
}
