//! Stands in for crates.io's `reqwest` 0.12, an HTTP client.
//!
//! `lance-namespace-reqwest-client` compiles it for catalogs behind a REST service. codescry opens folders, and uses of
//! that crate only the types of its messages. No request can be made here, so there are no responses.

use std::fmt;

use serde::Serialize;

/// A client that refuses every request.
#[derive(Clone, Debug, Default)]
pub struct Client;

impl Client {
    /// Creates a client.
    pub fn new() -> Self {
        Self
    }

    /// Creates a builder; ignores the method and the address.
    pub fn request(&self, _method: Method, _url: &str) -> RequestBuilder {
        RequestBuilder
    }

    /// Sends a request. Cannot be called, because [`Request`] has no values.
    ///
    /// # Errors
    /// Never.
    pub async fn execute(&self, request: Request) -> Result<Response, Error> {
        match request {}
    }
}

/// The method of a request.
pub enum Method {
    Get,
    Post,
}

impl Method {
    pub const GET: Self = Self::Get;
    pub const POST: Self = Self::Post;
}

/// A builder of a request. It ignores all parts of the request.
pub struct RequestBuilder;

impl RequestBuilder {
    /// Ignores the parameters of the address.
    pub fn query<T: Serialize + ?Sized>(self, _parameters: &T) -> Self {
        self
    }

    /// Ignores the header.
    pub fn header<K, V>(self, _name: K, _value: V) -> Self {
        self
    }

    /// Ignores the bearer token.
    pub fn bearer_auth<T: fmt::Display>(self, _token: T) -> Self {
        self
    }

    /// Ignores the body.
    pub fn body<T>(self, _body: T) -> Self {
        self
    }

    /// Ignores the value of the body.
    pub fn json<T: Serialize + ?Sized>(self, _value: &T) -> Self {
        self
    }

    /// Refuses the request.
    ///
    /// # Errors
    /// Always.
    pub fn build(self) -> Result<Request, Error> {
        Err(Error)
    }
}

/// A request. The type has no values.
pub enum Request {}

/// A response. The type has no values.
pub enum Response {}

impl Response {
    pub fn status(&self) -> StatusCode {
        match *self {}
    }

    pub fn headers(&self) -> &HeaderMap {
        match *self {}
    }

    /// Reads the body. Cannot be called, because [`Response`] has no values.
    ///
    /// # Errors
    /// Never.
    pub async fn text(self) -> Result<String, Error> {
        match self {}
    }

    /// Reads the body. Cannot be called, because [`Response`] has no values.
    ///
    /// # Errors
    /// Never.
    pub async fn bytes(self) -> Result<Vec<u8>, Error> {
        match self {}
    }
}

/// The status of a response. The type has no values.
#[derive(Clone, Copy, Debug)]
pub enum StatusCode {}

impl StatusCode {
    pub fn is_client_error(&self) -> bool {
        match *self {}
    }

    pub fn is_server_error(&self) -> bool {
        match *self {}
    }
}

impl fmt::Display for StatusCode {
    fn fmt(&self, _formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {}
    }
}

/// The headers of a response. The type has no values.
pub enum HeaderMap {}

impl HeaderMap {
    pub fn get(&self, _name: &str) -> Option<&HeaderValue> {
        match *self {}
    }
}

/// The value of a header. The type has no values.
pub enum HeaderValue {}

impl HeaderValue {
    /// Returns the value as text. Cannot be called, because [`HeaderValue`] has no values.
    ///
    /// # Errors
    /// Never.
    pub fn to_str(&self) -> Result<&str, Error> {
        match *self {}
    }
}

pub mod header {
    pub const USER_AGENT: &str = "user-agent";
}

/// The reason why a request is refused.
#[derive(Debug)]
pub struct Error;

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("this program was built without an HTTP client for LanceDB's remote catalogs")
    }
}

impl std::error::Error for Error {}
