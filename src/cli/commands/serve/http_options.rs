//! The options of the HTTP server.

use std::net::SocketAddr;

use mcp::http::{BearerToken, ClientTokens, HttpOptions};
use platform::process;

use crate::cli::arguments::HttpArguments;

/// Number of file descriptors reserved for indexes, pipes and the runtime; connections may use the rest.
const OTHER_FILES: u64 = 256;

/// Builds and checks the options of a server at `address`.
///
/// # Errors
/// If a token or the file of client tokens cannot be read or is invalid, or other machines can reach the address and
/// there is no token.
pub fn build_http_options(address: SocketAddr, arguments: &HttpArguments) -> anyhow::Result<HttpOptions> {
    let mut options = HttpOptions::new(address);
    options.token =
        config::read_http_token(arguments.token_file.as_deref())?.map(|token| BearerToken::new(&token)).transpose()?;
    options.clients = arguments.client_tokens.as_deref().map(ClientTokens::read).transpose()?;
    options.hosts.clone_from(&arguments.hosts);
    let limits = &mut options.limits;
    limits.sessions = arguments.max_sessions.unwrap_or(limits.sessions);
    limits.requests_per_second = arguments.max_requests.unwrap_or(limits.requests_per_second);
    if let Some(files) = process::raise_open_file_limit() {
        let left = usize::try_from(files.saturating_sub(OTHER_FILES)).unwrap_or(usize::MAX);
        limits.connections = limits.connections.min(left).max(1);
    }
    options.validate()?;
    Ok(options)
}
