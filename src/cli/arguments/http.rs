//! The HTTP arguments of `codescry serve`.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use clap::Args;

use super::values::parse_positive;

/// The arguments of `codescry serve --http`.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Over HTTP")]
pub struct HttpArguments {
    /// Serve over HTTP at this address, such as 127.0.0.1:7979: MCP at /mcp and, for older clients,
    /// at /sse; health at /healthz, metrics at /metrics
    #[arg(long, hide = !cfg!(feature = "http"), value_name = "ADDRESS", conflicts_with = "stdio", value_parser = parse_address)]
    pub http: Option<SocketAddr>,
    /// Require clients to send the secret in this file [default: CODESCRY_TOKEN]; mandatory for
    /// addresses that other machines can reach
    #[arg(long, hide = !cfg!(feature = "http"), value_name = "FILE", requires = "http")]
    pub token_file: Option<PathBuf>,
    /// Require clients to send one of the secrets in this file; each line has the name of a client and its secret. The
    /// file is read again when it changes; metrics and logs name the client
    #[arg(long, hide = !cfg!(feature = "http"), value_name = "FILE", requires = "http")]
    pub client_tokens: Option<PathBuf>,
    /// Another name of this server that clients may send in the Host header; may be repeated
    #[arg(long = "host", hide = !cfg!(feature = "http"), value_name = "NAME", requires = "http")]
    pub hosts: Vec<String>,
    /// Maximum number of sessions at once [default: 512]
    #[arg(long, hide = !cfg!(feature = "http"), value_name = "N", requires = "http", value_parser = parse_positive::<usize>)]
    pub max_sessions: Option<usize>,
    /// Maximum number of requests per second from one address [default: 1000]
    #[arg(long, hide = !cfg!(feature = "http"), value_name = "N", requires = "http", value_parser = parse_positive::<u32>)]
    pub max_requests: Option<u32>,
}

/// Parses `127.0.0.1:7979`, `[::1]:7979`, `localhost:7979` or `7979`; the last two mean 127.0.0.1.
fn parse_address(word: &str) -> Result<SocketAddr, String> {
    if let Ok(port) = word.strip_prefix("localhost:").unwrap_or(word).parse() {
        return Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    }
    word.parse().map_err(|_| "give an address and a port, such as 127.0.0.1:7979".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_people_write_them() {
        for (word, read) in [
            ("127.0.0.1:7979", "127.0.0.1:7979"),
            ("localhost:80", "127.0.0.1:80"),
            ("8080", "127.0.0.1:8080"),
            ("[::1]:1", "[::1]:1"),
            ("0.0.0.0:0", "0.0.0.0:0"),
        ] {
            assert_eq!(parse_address(word).map(|address| address.to_string()), Ok(read.to_owned()));
        }
        for word in ["", "example.com:80", "127.0.0.1", "65536", "http://127.0.0.1:80", "/repo"] {
            assert!(parse_address(word).is_err(), "{word}");
        }
    }
}
