//! Serves searches to AI assistants over the Model Context Protocol (MCP).
//!
//! [`McpServer`] answers the requests of every client. The tools are in [`tools`], one file each; resources and prompts
//! are in [`resources`] and [`prompts`]. [`call`] parses the arguments of a call and handles its cancellation. The call
//! then queries the engine of one of the [`roots`] on a blocking thread, and [`render`] converts the answer to text
//! and, for connections with structured content, to the types of [`mcp_schema`]. [`transport`] carries messages over
//! standard input and output, or over HTTP with the feature `http`.
//!
//! Roots are fixed when a server is created, unless its [`FolderAccess`] lets calls or the client add some. Only
//! JSON-RPC messages are written to stdout. An invalid call gets an error result that the model can read; it never ends
//! the server. The crate `sharing` lets one server process serve the clients of several processes.

mod call;
mod error;
mod prompts;
mod render;
mod resources;
mod roots;
mod server;
mod tools;
pub mod transport;

pub use answer::AnswerForm;
pub use error::McpError;
pub use roots::registry::{FolderAccess, ResolveFolder};
pub use roots::watchers::FolderWatchers;
pub use server::McpServer;
#[cfg(fuzzing)]
pub use transport::fuzzing;
#[cfg(feature = "http")]
pub use transport::http;
pub use transport::stdio::serve_stdio;
