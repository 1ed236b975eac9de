//! `cargo xtask conformance-server`: the service that the MCP conformance suite calls, over codescry's HTTP transports.
//!
//! The suite uses special tools, prompts and resources to check that every kind of message passes the transport.
//! codescry itself does not have them; this service does. `tests/clients/run` starts it.

mod calls;
mod inputs;
mod listeners;
mod service;
mod tools;
mod wire;

use std::io::Write as _;
use std::net::SocketAddr;

use mcp::http::{HttpOptions, serve_service};

use service::ConformanceService;

/// Serves the MCP conformance suite's own tools, prompts and resources over HTTP
#[derive(clap::Args)]
pub struct ConformanceServerArguments {
    /// The address to listen on; with port 0, the system chooses one
    #[arg(default_value = "127.0.0.1:7980")]
    address: SocketAddr,
}

/// Serves until Ctrl-C or SIGTERM.
///
/// # Errors
/// If the server cannot listen at the address.
pub fn run_conformance_server(arguments: &ConformanceServerArguments) -> anyhow::Result<()> {
    serve_service(ConformanceService::default(), &HttpOptions::new(arguments.address), |address| {
        // `tests/clients/run` waits for this line. Errors are ignored: the reader may have closed the pipe.
        _ = writeln!(std::io::stderr(), "serving MCP at http://{address}/mcp until Ctrl-C");
    })?;
    Ok(())
}
