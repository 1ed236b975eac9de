//! Options of the HTTP server: address, token, host names and limits.

mod tokens;

use std::net::SocketAddr;
use std::time::Duration;

use answer::AnswerForm;

use crate::error::McpError;

pub use tokens::{BearerToken, ClientTokens};

/// The options of the HTTP server.
#[derive(Clone, Debug)]
pub struct HttpOptions {
    /// The address to listen on; with port 0, the system chooses one.
    pub address: SocketAddr,
    /// The secret that requests other than for `/healthz` must carry, unless they carry a token of
    /// [`HttpOptions::clients`]. A server without any token, which only a loopback address allows, accepts all
    /// requests.
    pub token: Option<BearerToken>,
    /// The tokens of several clients. A request with one of them need not carry [`HttpOptions::token`].
    pub clients: Option<ClientTokens>,
    /// Names that the `Host` header may hold besides IP addresses and `localhost`.
    pub hosts: Vec<String>,
    /// The forms of answers.
    pub form: AnswerForm,
    pub limits: HttpLimits,
}

/// The limits of the HTTP server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpLimits {
    /// Maximum number of open connections; at the limit, a new one replaces the one idle longest, or is refused if none
    /// is idle.
    pub connections: usize,
    /// Maximum number of sessions of both transports; at the limit, a new one replaces the session of streamable HTTP
    /// idle longest, or is refused if none is idle.
    pub sessions: usize,
    /// Maximum number of requests per second from one client address, with bursts of twice that; more are refused. The
    /// limit is lower for requests without the required token.
    pub requests_per_second: u32,
    /// Maximum size of a request body, in bytes.
    pub max_body_bytes: usize,
    /// Maximum total size of the request bodies in memory, in bytes; a request beyond it is refused.
    pub max_total_body_bytes: usize,
    /// Time that the server waits for the head of a request, and for the next request of a connection.
    pub head_timeout: Duration,
    /// Time that the server waits for the body of a request.
    pub body_timeout: Duration,
    /// Time without a message after which a session of streamable HTTP ends.
    pub session_timeout: Duration,
    /// Time that a shutdown waits, at most, for requests in flight.
    pub close_timeout: Duration,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            connections: 4_096,
            sessions: 512,
            requests_per_second: 1_000,
            max_body_bytes: 4 << 20,
            max_total_body_bytes: 64 << 20,
            head_timeout: Duration::from_secs(30),
            body_timeout: Duration::from_secs(30),
            session_timeout: Duration::from_secs(30 * 60),
            close_timeout: Duration::from_secs(10),
        }
    }
}

impl HttpOptions {
    /// Returns options for `address`, with default limits and without a token.
    pub fn new(address: SocketAddr) -> Self {
        let (form, limits) = (AnswerForm::default(), HttpLimits::default());
        Self { address, token: None, clients: None, hosts: Vec::new(), form, limits }
    }

    /// Checks that a server that other machines can reach has a token.
    ///
    /// # Errors
    /// When the address is not a loopback address and there is no token.
    pub fn validate(&self) -> Result<(), McpError> {
        if self.token.is_none() && self.clients.is_none() && !self.address.ip().is_loopback() {
            return Err(McpError::NoToken(self.address));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_matches_its_secret_and_debug_output_hides_it() {
        let token = BearerToken::new("0123456789abcdef").expect("long enough");
        assert!(token.matches(b"0123456789abcdef"));
        assert!(!token.matches(b"0123456789abcdeF") && !token.matches(b"") && !token.matches(b"0123456789abcdef0"));
        assert!(!format!("{token:?}").contains("0123"));
        assert!(
            BearerToken::new("short").is_err()
                && BearerToken::new("0123456789 abcdef").is_err()
                && BearerToken::new("").is_err()
        );
    }

    #[test]
    fn only_a_loopback_address_needs_no_token() {
        let check = |address: &str| HttpOptions::new(address.parse().expect("an address")).validate();
        assert!(check("127.0.0.1:0").is_ok() && check("[::1]:0").is_ok() && check("127.8.8.8:0").is_ok());
        for public in ["0.0.0.0:0", "[::]:0", "192.168.1.2:80", "[::ffff:127.0.0.1]:0"] {
            let message = check(public).expect_err("open to the network").to_string();
            assert!(message.contains("--token-file"), "{message}");
        }
    }
}
