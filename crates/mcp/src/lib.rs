//! Serves searches to AI assistants over the Model Context Protocol (MCP).
//!
//! [`McpServer`] answers the requests of every client: [`tools`] has one file a tool and their one table,
//! [`resources`] and [`prompts`] the rest. A call is parsed and cancelled with the help of [`call`], asks the engine of
//! one of the [`roots`] on a blocking thread, and is rendered ([`render`]) to the types of [`wire`]. [`transport`] has
//! the ways that messages come and go: standard input and output here, HTTP with the feature `http`.
//!
//! Roots are fixed when a server is created; no tool argument can add one. Only JSON-RPC messages are written to
//! stdout. An invalid call gets an error result that the model can read; it never ends the server. One process can
//! serve the clients of others: see the crate `sharing`.

mod call;
mod error;
mod prompts;
mod render;
mod resources;
mod roots;
mod server;
mod tools;
pub mod transport;
mod wire;

pub use error::McpError;
pub use roots::watchers::FolderWatchers;
pub use server::McpServer;
#[cfg(feature = "http")]
pub use transport::http;
pub use transport::stdio::serve_stdio;
