//! What the tests share: the program in a project of its own, and a client of its server.

pub mod cli;
pub mod http;
pub mod mcp;
