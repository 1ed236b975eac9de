//! Errors that prevent the server from starting, or end it.

use engine::EngineError;
use platform::threads::describe_thread_limits;

/// An error that prevents the server from starting, or ends it.
#[derive(Debug, thiserror::Error)]
pub enum McpError {
    /// The list of folders to serve is empty.
    #[error("no folder to serve; give at least one")]
    NoRoots,
    /// A folder's index cannot be opened.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The async runtime could not be started.
    #[error("cannot start the server's threads: {0}; {limits}", limits = describe_thread_limits())]
    Runtime(std::io::Error),
    /// The address cannot be bound.
    #[cfg(feature = "http")]
    #[error("cannot listen on {address}: {source}; give another address to --http, or stop the program that uses it")]
    Listen { address: std::net::SocketAddr, source: std::io::Error },
    /// The address is reachable from other machines, and no token protects it.
    #[cfg(feature = "http")]
    #[error(
        "other machines can reach {0}, but the server has no token; give one token for all clients (--token-file FILE or CODESCRY_TOKEN) or one for each client (--client-tokens FILE), or listen on 127.0.0.1"
    )]
    NoToken(std::net::SocketAddr),
    /// The token is too short or has characters that a header cannot carry.
    #[cfg(feature = "http")]
    #[error(
        "the token is too weak: give at least {least} letters, digits and signs without spaces, such as `openssl rand -hex 32` prints"
    )]
    WeakToken { least: usize },
    /// The client did not complete the MCP handshake.
    #[error("the MCP handshake failed: {0}; check the client's log and its protocol version")]
    Handshake(String),
    /// The task that serves requests ended unexpectedly, which is a bug.
    #[error("the MCP server stopped: {0}; please report this")]
    Stopped(String),
    /// The file of `--client-tokens` cannot be read or is malformed.
    #[error("{}: line {line}: {problem}", .path.display())]
    TokensFile { path: std::path::PathBuf, line: usize, problem: String },
}
