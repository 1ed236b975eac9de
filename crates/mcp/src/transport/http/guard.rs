//! Checks a request's `Host`, `Origin` and bearer token.
//!
//! A web page can make its own domain name resolve to 127.0.0.1 (DNS rebinding) and so reach a server that
//! listens there. Its requests carry that name as `Host` and the page's origin as `Origin`, so both are
//! checked. An IP address as `Host` cannot be a rebound name.

use std::net::IpAddr;
use std::sync::Arc;

use http::header::{AUTHORIZATION, HOST, ORIGIN};
use http::uri::Authority;
use http::{HeaderMap, HeaderName, Uri};

use super::options::{BearerToken, ClientTokens, HttpOptions};

/// The client that sent a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestClient {
    /// A client with a token of [`HttpOptions::clients`], by its name.
    Named(Arc<str>),
    /// A client with the common token, or any client of a server without tokens.
    Unnamed,
}

/// The reason why a request with another host is refused.
const OTHER_HOST: &str = "the Host header does not name this server; start it with --host NAME for each further name or \
    address by which clients reach it";

/// The access rules of one server.
pub struct RequestGuard {
    token: Option<BearerToken>,
    clients: Option<ClientTokens>,
    /// Accepted host names and IP addresses, in the form of [`normalize_host`].
    host_names: Vec<String>,
    loopback_only: bool,
}

impl RequestGuard {
    /// Creates the rules for a server with these options.
    pub fn new(options: &HttpOptions) -> Self {
        Self {
            token: options.token.clone(),
            clients: options.clients.clone(),
            host_names: options.hosts.iter().map(|name| normalize_host(name)).collect(),
            loopback_only: options.address.ip().is_loopback(),
        }
    }

    /// Checks that `Host` names this server, that the URL does not name another host, and that `Origin`, if present, is
    /// this server.
    ///
    /// # Errors
    /// The reason, as text for the response.
    pub fn check_host_and_origin(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), &'static str> {
        let host = single_header(headers, &HOST).and_then(|host| host.parse::<Authority>().ok());
        let host = host.filter(|host| self.accepts_host(host)).ok_or(OTHER_HOST)?;
        if uri.authority().is_some_and(|authority| *authority != host) {
            return Err("the request URL and the Host header do not agree");
        }
        if headers.contains_key(ORIGIN)
            && !single_header(headers, &ORIGIN).is_some_and(|origin| self.is_own_origin(origin, &host))
        {
            return Err("pages of other origins may not use this server");
        }
        Ok(())
    }

    /// Returns the client of a request that carries a valid token, or to a server that needs none; `None` for another
    /// request.
    pub fn authorize(&self, headers: &HeaderMap) -> Option<RequestClient> {
        if self.token.is_none() && self.clients.is_none() {
            return Some(RequestClient::Unnamed);
        }
        let given = single_header(headers, &AUTHORIZATION).and_then(|value| value.split_once(' '));
        let (_, secret) = given.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))?;
        let secret = secret.trim_start_matches(' ').as_bytes();
        let named = self.clients.as_ref().and_then(|clients| clients.find_client(secret));
        let is_common = self.token.as_ref().is_some_and(|token| token.matches(secret));
        named.map(RequestClient::Named).or_else(|| is_common.then_some(RequestClient::Unnamed))
    }

    /// Returns whether `authority` names this server: a listed name or address, `localhost`, or a loopback address; any
    /// other IP address too, unless the server listens on a loopback address.
    fn accepts_host(&self, authority: &Authority) -> bool {
        let host = normalize_host(authority.host());
        if authority.as_str().contains('@') {
            return false;
        }
        let is_own_address = |address: IpAddr| address.is_loopback() || !self.loopback_only;
        host == "localhost" || self.host_names.contains(&host) || host.parse().is_ok_and(is_own_address)
    }

    /// Returns whether `origin` is this server under any of its names, with the port of `host`.
    fn is_own_origin(&self, origin: &str, host: &Authority) -> bool {
        let Ok(origin) = origin.parse::<Uri>() else { return false };
        let default_port = match origin.scheme_str() {
            Some("http") => 80,
            Some("https") => 443,
            _ => return false,
        };
        let port = |authority: &Authority| authority.port_u16().unwrap_or(default_port);
        origin.authority().is_some_and(|from| self.accepts_host(from) && port(from) == port(host))
    }
}

/// Returns a host name in lower case without a port, or an IP address in its usual form without brackets.
fn normalize_host(host: &str) -> String {
    let bare = |host: &str| host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
    let without_port = || host.parse::<Authority>().map_or_else(|_| bare(host), |authority| bare(authority.host()));
    let host = if bare(host).parse::<IpAddr>().is_ok() { bare(host) } else { without_port() };
    host.parse::<IpAddr>().map_or(host, |address| address.to_string())
}

/// Returns the value of a header that is present exactly once; `None` for another header, or a value that is not text.
fn single_header<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().filter(|_| values.next().is_none())?;
    value.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(address: &str, host_names: &[&str]) -> RequestGuard {
        let mut options = HttpOptions::new(address.parse().expect("an address"));
        options.hosts = host_names.iter().map(|name| (*name).to_owned()).collect();
        options.token = Some(BearerToken::new("0123456789abcdef").expect("long enough"));
        RequestGuard::new(&options)
    }

    fn headers(list: &[(HeaderName, &str)]) -> HeaderMap {
        list.iter().map(|(name, value)| (name.clone(), value.parse().expect("a value"))).collect()
    }

    fn passes(guard: &RequestGuard, list: &[(HeaderName, &str)]) -> bool {
        guard.check_host_and_origin(&Uri::from_static("/mcp"), &headers(list)).is_ok()
    }

    #[test]
    fn host_must_be_an_address_or_a_listed_name() {
        let local = guard("127.0.0.1:7979", &["Code.Example"]);
        for host in ["localhost", "LOCALHOST:7979", "127.0.0.1:7979", "[::1]:7979", "code.example", "127.0.0.1:1"] {
            assert!(passes(&local, &[(HOST, host)]), "{host}");
        }
        for host in
            ["evil.example", "localhost.evil.example", "192.168.1.2", "user@localhost", "127.0.0.1.evil.example"]
        {
            assert!(!passes(&local, &[(HOST, host)]), "{host}");
        }
        assert!(!passes(&local, &[]));
        for host in ["192.168.1.2", "192.168.1.2:7979", "[fd00::2]:7979", "proxy.example:8443"] {
            for name in ["192.168.1.2", "[FD00:0::2]", "Proxy.Example:443"] {
                let listed = guard("127.0.0.1:7979", &[name]);
                let is_same = normalize_host(host) == normalize_host(name);
                assert_eq!(passes(&listed, &[(HOST, host)]), is_same, "{host} {name}");
            }
        }
        let mut twice = headers(&[(HOST, "localhost")]);
        twice.append(HOST, "localhost".parse().expect("a value"));
        assert!(local.check_host_and_origin(&Uri::from_static("/mcp"), &twice).is_err());
        let other = Uri::from_static("http://evil.example/mcp");
        assert!(local.check_host_and_origin(&other, &headers(&[(HOST, "localhost")])).is_err());
        let open = guard("0.0.0.0:7979", &[]);
        assert!(passes(&open, &[(HOST, "192.168.1.2:7979")]) && !passes(&open, &[(HOST, "evil.example")]));
    }

    #[test]
    fn origin_must_be_this_server_or_absent() {
        let local = guard("127.0.0.1:7979", &["code.example"]);
        let from = |host: &str, origin: &str| passes(&local, &[(HOST, host), (ORIGIN, origin)]);
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
    fn the_token_is_accepted_only_as_a_bearer_token() {
        let local = guard("127.0.0.1:7979", &[]);
        let accepts =
            |value: &str| local.authorize(&headers(&[(AUTHORIZATION, value)])) == Some(RequestClient::Unnamed);
        assert!(accepts("Bearer 0123456789abcdef") && accepts("bearer 0123456789abcdef"));
        for wrong in ["Bearer 0123456789abcdeg", "Basic 0123456789abcdef", "0123456789abcdef", "Bearer", "Bearer "] {
            assert!(!accepts(wrong), "{wrong}");
        }
        assert_eq!(local.authorize(&HeaderMap::new()), None);
    }
}
