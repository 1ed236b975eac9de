//! The MCP server over HTTP: streamable HTTP at `/mcp`, and legacy SSE at `/sse` and `/messages`.
//!
//! Each concern has its file: access checks ([`guard`]), request rates ([`rate`]), connections
//! ([`connections`]), sessions ([`sessions`]) and routing ([`router`]). All sessions share one
//! [`McpServer`]. Shutdown stops accepting connections, waits for requests in flight, ends the streams and
//! cancels index runs. Invariants: no byte of a body is read before its request has passed the checks;
//! everything a client sends is held within a limit.

pub(super) mod body;
mod connections;
mod guard;
pub(super) mod in_flight;
mod metrics;
mod options;
mod rate;
mod router;
mod serve;
pub(super) mod sessions;

pub use options::{BearerToken, ClientTokens, HttpLimits, HttpOptions};
pub use serve::{serve_http, serve_service};
