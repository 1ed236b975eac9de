//! Checks that start servers and talk to them as clients do.

pub mod handshakes;
mod mcp_client;
pub mod own_server;
mod sample_folder;
