//! Where to listen, for whom, and how much of everything.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use subtle::ConstantTimeEq as _;

use super::McpError;

/// Shortest token that is taken: shorter ones can be guessed.
const MIN_TOKEN_CHARS: usize = 16;

/// How to serve.
#[derive(Clone, Debug)]
pub struct HttpOptions {
    /// Where to listen.
    pub address: SocketAddr,
    /// What every request must carry; not needed on a loopback address.
    pub token: Option<Token>,
    /// Names of this server in `Host`, besides addresses.
    pub hosts: Vec<String>,
    pub limits: Limits,
}

/// How much of everything there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Open connections; above it, the one that was idle for longest is closed.
    pub connections: usize,
    /// Sessions of both transports; above it, a new one is refused.
    pub sessions: usize,
    /// Requests a second from one address, and twice that at once; above it, they are refused.
    pub requests_per_second: u32,
    /// Bytes of a request's body.
    pub body_bytes: usize,
    /// Bytes of all bodies that are being read or worked on; above it, a request is refused.
    pub bodies_bytes: usize,
    /// For the head of a request, and between two requests of a connection.
    pub head: Duration,
    /// For the body of a request.
    pub body: Duration,
    /// Without a message, after which a session ends.
    pub session: Duration,
    /// For what is under way when the server is asked to end.
    pub close: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 4_096,
            sessions: 512,
            requests_per_second: 1_000,
            body_bytes: 4 << 20,
            bodies_bytes: 64 << 20,
            head: Duration::from_secs(30),
            body: Duration::from_secs(30),
            session: Duration::from_secs(30 * 60),
            close: Duration::from_secs(10),
        }
    }
}

impl HttpOptions {
    /// On this address, without a token.
    pub fn at(address: SocketAddr) -> Self {
        Self { address, token: None, hosts: Vec::new(), limits: Limits::default() }
    }

    /// Refuses to be open to the network without a token.
    pub fn check(&self) -> Result<(), McpError> {
        if self.token.is_none() && !self.address.ip().is_loopback() {
            return Err(McpError::NoToken(self.address));
        }
        Ok(())
    }
}

/// A secret, kept as its hash.
#[derive(Clone)]
pub struct Token(blake3::Hash);

impl Token {
    /// Takes a secret.
    ///
    /// # Errors
    /// When it is easy to guess or cannot stand in a header.
    pub fn new(secret: &str) -> Result<Self, McpError> {
        let printable = secret.chars().all(|c| c.is_ascii_graphic());
        if secret.len() < MIN_TOKEN_CHARS || !printable {
            return Err(McpError::WeakToken { least: MIN_TOKEN_CHARS });
        }
        Ok(Self(blake3::hash(secret.as_bytes())))
    }

    /// Whether this is it; takes as long for any secret of that length.
    pub fn is(&self, secret: &[u8]) -> bool {
        self.0.as_bytes().ct_eq(blake3::hash(secret).as_bytes()).into()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_known_and_never_shown() {
        let token = Token::new("0123456789abcdef").expect("long enough");
        assert!(token.is(b"0123456789abcdef"));
        assert!(!token.is(b"0123456789abcdeF") && !token.is(b"") && !token.is(b"0123456789abcdef0"));
        assert!(!format!("{token:?}").contains("0123"));
        assert!(Token::new("short").is_err() && Token::new("0123456789 abcdef").is_err() && Token::new("").is_err());
    }

    #[test]
    fn only_a_loopback_address_needs_no_token() {
        let check = |address: &str| HttpOptions::at(address.parse().expect("an address")).check();
        assert!(check("127.0.0.1:0").is_ok() && check("[::1]:0").is_ok() && check("127.8.8.8:0").is_ok());
        for open in ["0.0.0.0:0", "[::]:0", "192.168.1.2:80", "[::ffff:127.0.0.1]:0"] {
            let message = check(open).expect_err("open to others").to_string();
            assert!(message.contains("--token-file"), "{message}");
        }
    }
}
