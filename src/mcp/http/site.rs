//! What answers a request: the guard, the rate, the address, and then whoever it is for.
//!
//! Must never import: anything of this crate.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{ALLOW, CONNECTION, RETRY_AFTER, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use rmcp::ServerHandler;
use rmcp::model::{ClientJsonRpcMessage, ClientRequest, ErrorCode};
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::super::{Server, lines};
use super::body::{self, Answer, Bodies, Holding};
use super::busy::Busy;
use super::guard::Guard;
use super::metrics::Metrics;
use super::older::Older;
use super::options::{HttpOptions, Limits};
use super::rate::Rates;
use super::sessions::Sessions;

/// How soon a client whose stream broke off is told to come back.
const RETRY: Duration = Duration::from_secs(1);

/// Everything that is served at one address.
pub struct Site<S> {
    guard: Guard,
    rates: Rates,
    limits: Limits,
    bodies: Bodies,
    streamable: StreamableHttpService<S, Sessions>,
    sessions: Arc<Sessions>,
    older: Older<S>,
    pub metrics: Metrics,
    pub busy: Busy,
    /// Cancelled, every stream and session ends.
    pub ending: CancellationToken,
}

impl<S: ServerHandler + Clone> Site<S> {
    /// A site for `service`; `server`, if it is one, is measured.
    pub fn new(service: S, server: Option<Server>, options: &HttpOptions) -> Self {
        let (ending, busy) = (CancellationToken::new(), Busy::default());
        let sessions = Arc::new(Sessions::new(&options.limits, RETRY));
        // The guard has checked the names already.
        let config = StreamableHttpServerConfig::default()
            .disable_allowed_hosts()
            .with_sse_retry(Some(RETRY))
            .with_max_request_body_bytes(options.limits.body_bytes)
            .with_cancellation_token(ending.clone());
        let one = service.clone();
        Self {
            guard: Guard::new(options),
            rates: Rates::new(options.limits.requests_per_second),
            limits: options.limits,
            bodies: Bodies::new(options.limits.bodies_bytes),
            streamable: StreamableHttpService::new(move || Ok(one.clone()), Arc::clone(&sessions), config),
            older: Older::new(service, Arc::clone(&sessions), ending.clone(), busy.clone()),
            metrics: Metrics::new(server, Arc::clone(&sessions)),
            sessions,
            busy,
            ending,
        }
    }

    /// Answers.
    pub async fn answer(&self, request: Request<Incoming>, from: IpAddr) -> Response<Answer> {
        let (parts, body) = request.into_parts();
        let answer = match self.refused(&parts, from) {
            Some(refused) => refused,
            None => self.route(parts, body).await,
        };
        self.metrics.answered(answer.status());
        answer
    }

    /// The answer to a request that may not be made.
    fn refused(&self, parts: &Parts, from: IpAddr) -> Option<Response<Answer>> {
        let known = self.guard.knows(&parts.headers);
        if !self.rates.take(from, known, Instant::now()) {
            let mut response = body::text(StatusCode::TOO_MANY_REQUESTS, "too many requests; come back in a second");
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
            return Some(last(response));
        }
        if let Err(why) = self.guard.is_ours(&parts.uri, &parts.headers) {
            return Some(last(body::text(StatusCode::FORBIDDEN, why)));
        }
        if !known && parts.uri.path() != "/healthz" {
            let mut response = body::text(StatusCode::UNAUTHORIZED, "give the token: Authorization: Bearer TOKEN");
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            return Some(last(response));
        }
        if self.ending.is_cancelled() {
            return Some(last(body::text(StatusCode::SERVICE_UNAVAILABLE, "the server is closing")));
        }
        None
    }

    async fn route(&self, parts: Parts, body: Incoming) -> Response<Answer> {
        match (&parts.method, parts.uri.path()) {
            (&Method::GET, "/healthz") => body::text(StatusCode::OK, "ok\n"),
            (&Method::GET, "/metrics") => self.metrics.text().await,
            (&Method::GET, "/sse") => self.older.open().await,
            (&Method::POST, "/messages") => match self.bodies.read(&parts.headers, body, &self.limits).await {
                Ok((bytes, held)) => match self.message(&bytes).await {
                    Ok(message) => self.older.take(parts.uri.query(), (message, held), self.limits.body).await,
                    Err(refused) => *refused,
                },
                Err(refused) => last(*refused),
            },
            (&Method::POST, "/mcp") => {
                let working = self.busy.begin();
                match self.bodies.read(&parts.headers, body, &self.limits).await {
                    // What was asked is held as long as it is worked on.
                    Ok((bytes, held)) => {
                        self.streamed(parts, bytes).await.map(|body| Holding::boxed(body, (working, held)))
                    }
                    Err(refused) => last(*refused),
                }
            }
            (_, "/mcp") => self.streamable.handle(Request::from_parts(parts, Full::<Bytes>::default())).await,
            (_, "/healthz" | "/metrics" | "/sse") => wrong_method("GET"),
            (_, "/messages") => wrong_method("POST"),
            _ => body::text(StatusCode::NOT_FOUND, "there is /mcp, /sse, /healthz and /metrics"),
        }
    }

    /// A message posted to `/mcp`.
    async fn streamed(&self, parts: Parts, bytes: Bytes) -> Response<Answer> {
        match self.message(&bytes).await {
            Ok(ClientJsonRpcMessage::Request(request))
                if matches!(request.request, ClientRequest::InitializeRequest(_))
                    && !self.sessions.make_room().await =>
            {
                let id = serde_json::to_value(&request.id).unwrap_or_default();
                let message = "too many sessions; close some, or come back later";
                body::error(StatusCode::SERVICE_UNAVAILABLE, &id, ErrorCode::INTERNAL_ERROR, message)
            }
            Ok(_) => self.streamable.handle(Request::from_parts(parts, Full::new(bytes))).await,
            Err(refused) => *refused,
        }
    }

    /// The message of a body, or the answer to one that holds none.
    async fn message(&self, bytes: &[u8]) -> Result<ClientJsonRpcMessage, Box<Response<Answer>>> {
        match lines::message(bytes) {
            Ok(Some(message)) => Ok(message),
            // A notification nobody knows.
            Ok(None) if !bytes.trim_ascii().is_empty() => Err(Box::new(body::text(StatusCode::ACCEPTED, ""))),
            Ok(None) => {
                let message = "the body is empty; post one JSON-RPC message";
                Err(Box::new(body::error(StatusCode::BAD_REQUEST, &Value::Null, ErrorCode::PARSE_ERROR, message)))
            }
            Err((id, code, message)) => Err(Box::new(body::error(StatusCode::BAD_REQUEST, &id, code, &message))),
        }
    }
}

fn wrong_method(right: &'static str) -> Response<Answer> {
    let mut response = body::text(StatusCode::METHOD_NOT_ALLOWED, "wrong method");
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(right));
    last(response)
}

/// The last answer on its connection: what else is sent there is not waited for.
fn last(mut response: Response<Answer>) -> Response<Answer> {
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}
