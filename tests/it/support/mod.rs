//! Helpers shared by the tests: temporary projects, and clients of the server.

pub mod cli;
pub mod http;
pub mod mcp;
pub mod random;
