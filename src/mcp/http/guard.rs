//! Who may ask: the names a request may call this server by, the pages it may come from, the token.
//!
//! A page in a browser can make its own name mean 127.0.0.1 (DNS rebinding) and so reach a server
//! that listens there; its requests carry that name as `Host` and the page's origin as `Origin`. An
//! address as `Host` cannot be such a name. Must never import: anything of this crate.

use std::net::IpAddr;

use http::header::{AUTHORIZATION, HOST, ORIGIN};
use http::uri::Authority;
use http::{HeaderMap, HeaderName, Uri};

use super::options::{HttpOptions, Token};

/// The rules for one server.
pub struct Guard {
    token: Option<Token>,
    /// In lower case.
    names: Vec<String>,
    loopback_only: bool,
}

impl Guard {
    pub fn new(options: &HttpOptions) -> Self {
        Self {
            token: options.token.clone(),
            names: options.hosts.iter().map(|name| name.to_ascii_lowercase()).collect(),
            loopback_only: options.address.ip().is_loopback(),
        }
    }

    /// Refuses requests that go to another name or come from another page; says why.
    pub fn is_ours(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), &'static str> {
        let host = one(headers, &HOST).and_then(|host| host.parse::<Authority>().ok());
        let host = host.filter(|host| self.has_name(host)).ok_or("the Host header does not name this server")?;
        if uri.authority().is_some_and(|asked| *asked != host) {
            return Err("the address and the Host header do not agree");
        }
        if headers.contains_key(ORIGIN) && !one(headers, &ORIGIN).is_some_and(|origin| self.is_from(origin, &host)) {
            return Err("pages of other origins may not ask this server");
        }
        Ok(())
    }

    /// Whether a request carries the token, or needs none.
    pub fn knows(&self, headers: &HeaderMap) -> bool {
        let Some(token) = &self.token else { return true };
        let given = one(headers, &AUTHORIZATION).and_then(|value| value.split_once(' '));
        given.is_some_and(|(scheme, secret)| {
            scheme.eq_ignore_ascii_case("bearer") && token.is(secret.trim_start_matches(' ').as_bytes())
        })
    }

    fn has_name(&self, authority: &Authority) -> bool {
        let host = authority.host().to_ascii_lowercase();
        if authority.as_str().contains('@') {
            return false;
        }
        match host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
            Ok(address) => address.is_loopback() || !self.loopback_only,
            Err(_) => host == "localhost" || self.names.contains(&host),
        }
    }

    /// Whether an origin is this server's own, under any of its names.
    fn is_from(&self, origin: &str, host: &Authority) -> bool {
        let Ok(origin) = origin.parse::<Uri>() else { return false };
        let default = match origin.scheme_str() {
            Some("http") => 80,
            Some("https") => 443,
            _ => return false,
        };
        let port = |authority: &Authority| authority.port_u16().unwrap_or(default);
        origin.authority().is_some_and(|from| self.has_name(from) && port(from) == port(host))
    }
}

/// The value of a header that is there exactly once.
fn one<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().filter(|_| values.next().is_none())?;
    value.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(address: &str, names: &[&str]) -> Guard {
        let mut options = HttpOptions::at(address.parse().expect("an address"));
        options.hosts = names.iter().map(|name| (*name).to_owned()).collect();
        options.token = Some(Token::new("0123456789abcdef").expect("long enough"));
        Guard::new(&options)
    }

    fn headers(list: &[(HeaderName, &str)]) -> HeaderMap {
        list.iter().map(|(name, value)| (name.clone(), value.parse().expect("a value"))).collect()
    }

    fn ours(guard: &Guard, list: &[(HeaderName, &str)]) -> bool {
        guard.is_ours(&Uri::from_static("/mcp"), &headers(list)).is_ok()
    }

    #[test]
    fn a_host_is_an_address_or_a_known_name() {
        let local = guard("127.0.0.1:7979", &["Code.Example"]);
        for host in ["localhost", "LOCALHOST:7979", "127.0.0.1:7979", "[::1]:7979", "code.example", "127.0.0.1:1"] {
            assert!(ours(&local, &[(HOST, host)]), "{host}");
        }
        for host in
            ["evil.example", "localhost.evil.example", "192.168.1.2", "user@localhost", "127.0.0.1.evil.example"]
        {
            assert!(!ours(&local, &[(HOST, host)]), "{host}");
        }
        assert!(!ours(&local, &[]));
        let mut twice = headers(&[(HOST, "localhost")]);
        twice.append(HOST, "localhost".parse().expect("a value"));
        assert!(local.is_ours(&Uri::from_static("/mcp"), &twice).is_err());
        let other = Uri::from_static("http://evil.example/mcp");
        assert!(local.is_ours(&other, &headers(&[(HOST, "localhost")])).is_err());
        let open = guard("0.0.0.0:7979", &[]);
        assert!(ours(&open, &[(HOST, "192.168.1.2:7979")]) && !ours(&open, &[(HOST, "evil.example")]));
    }

    #[test]
    fn an_origin_is_this_server_or_none() {
        let local = guard("127.0.0.1:7979", &["code.example"]);
        let from = |host: &str, origin: &str| ours(&local, &[(HOST, host), (ORIGIN, origin)]);
        assert!(from("127.0.0.1:7979", "http://127.0.0.1:7979") && from("127.0.0.1:7979", "http://localhost:7979"));
        assert!(from("code.example", "https://code.example"));
        for origin in [
            "http://evil.example",
            "null",
            "http://localhost:3000",
            "file://",
            "",
            "http://localhost",
            "https://code.example",
        ] {
            assert!(!from("localhost:7979", origin), "{origin}");
        }
    }

    #[test]
    fn the_token_comes_in_its_header_alone() {
        let local = guard("127.0.0.1:7979", &[]);
        let knows = |value: &str| local.knows(&headers(&[(AUTHORIZATION, value)]));
        assert!(knows("Bearer 0123456789abcdef") && knows("bearer 0123456789abcdef"));
        for wrong in ["Bearer 0123456789abcdeg", "Basic 0123456789abcdef", "0123456789abcdef", "Bearer", "Bearer "] {
            assert!(!knows(wrong), "{wrong}");
        }
        assert!(!local.knows(&HeaderMap::new()));
    }
}
