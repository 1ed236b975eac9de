//! Routes a request: rate limit, access checks, then the endpoint of its path.

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

use super::body::{self, BodyBudget, BodyWithGuard, ResponseBody};
use super::guard::{RequestClient, RequestGuard};
use super::in_flight::InFlightRequests;

use super::metrics::HttpMetrics;
use super::options::{HttpLimits, HttpOptions};
use super::rate::RateLimiter;
use super::sessions::HttpSessions;
use crate::server::McpServer;
use crate::transport::json_lines;
use crate::transport::legacy_sse::LegacySse;

/// The delay after which clients reconnect a broken stream.
const SSE_RETRY: Duration = Duration::from_secs(1);

/// All endpoints of a server, with the checks that a request must pass first.
pub struct RequestRouter<S> {
    guard: RequestGuard,
    rate_limiter: RateLimiter,
    limits: HttpLimits,
    body_budget: BodyBudget,
    streamable: StreamableHttpService<S, HttpSessions>,
    sessions: Arc<HttpSessions>,
    legacy_sse: LegacySse<S>,
    pub metrics: HttpMetrics,
    pub in_flight: InFlightRequests,
    /// Token that ends every stream and session when it is cancelled.
    pub shutdown: CancellationToken,
}

impl<S: ServerHandler + Clone> RequestRouter<S> {
    /// Creates the routes for `service`; `/metrics` also reports on `server`, if given.
    pub fn new(service: S, server: Option<McpServer>, options: &HttpOptions) -> Self {
        let (shutdown, in_flight) = (CancellationToken::new(), InFlightRequests::default());
        let sessions = Arc::new(HttpSessions::new(&options.limits, SSE_RETRY));
        // The guard checks the host names.
        let config = StreamableHttpServerConfig::default()
            .disable_allowed_hosts()
            .with_sse_retry(Some(SSE_RETRY))
            .with_max_request_body_bytes(options.limits.max_body_bytes)
            .with_cancellation_token(shutdown.clone());
        let shared = service.clone();
        Self {
            guard: RequestGuard::new(options),
            rate_limiter: RateLimiter::new(options.limits.requests_per_second),
            limits: options.limits,
            body_budget: BodyBudget::new(options.limits.max_total_body_bytes),
            streamable: StreamableHttpService::new(move || Ok(shared.clone()), Arc::clone(&sessions), config),
            legacy_sse: LegacySse::new(service, Arc::clone(&sessions), shutdown.clone(), in_flight.clone()),
            metrics: HttpMetrics::new(server, Arc::clone(&sessions)),
            sessions,
            in_flight,
            shutdown,
        }
    }

    /// Answers one request of a client at `from`.
    pub async fn respond(&self, request: Request<Incoming>, from: IpAddr) -> Response<ResponseBody> {
        let (parts, body) = request.into_parts();
        let client = self.guard.authorize(&parts.headers);
        let (method, path) = (parts.method.clone(), parts.uri.path().to_owned());
        let response = match self.rejection(&parts, from, client.is_some()) {
            Some(rejection) => rejection,
            None => self.route(parts, body).await,
        };
        let status = response.status();
        self.metrics.count_response(status);
        if let Some(RequestClient::Named(name)) = client {
            self.metrics.count_request(&name, status);
            tracing::info!(client = %name, "{method} {path}: {}", status.as_u16());
        }
        response
    }

    /// Returns the response to a request that fails a check, or `None` if it may proceed.
    fn rejection(&self, parts: &Parts, from: IpAddr, is_authorized: bool) -> Option<Response<ResponseBody>> {
        if !self.rate_limiter.try_acquire(from, is_authorized, Instant::now()) {
            let mut response =
                body::text_response(StatusCode::TOO_MANY_REQUESTS, "too many requests; try again in a second");
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
            return Some(close_after(response));
        }
        if let Err(reason) = self.guard.check_host_and_origin(&parts.uri, &parts.headers) {
            return Some(close_after(body::text_response(StatusCode::FORBIDDEN, reason)));
        }
        if !is_authorized && parts.uri.path() != "/healthz" {
            let mut response = body::text_response(
                StatusCode::UNAUTHORIZED,
                "the token is missing or wrong; send it as Authorization: Bearer TOKEN",
            );
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            return Some(close_after(response));
        }
        if self.shutdown.is_cancelled() {
            return Some(close_after(body::text_response(StatusCode::SERVICE_UNAVAILABLE, "the server is closing")));
        }
        None
    }

    /// Passes a request that has passed the checks to the endpoint of its path.
    async fn route(&self, parts: Parts, body: Incoming) -> Response<ResponseBody> {
        match (&parts.method, parts.uri.path()) {
            (&Method::GET, "/healthz") => body::text_response(StatusCode::OK, "ok\n"),
            (&Method::GET, "/metrics") => self.metrics.respond().await,
            (&Method::GET, "/sse") => self.legacy_sse.open_session().await,
            (&Method::POST, "/messages") => match self.body_budget.read(&parts.headers, body, &self.limits).await {
                Ok((bytes, permit)) => match Self::parse_message(&bytes) {
                    Ok(message) => {
                        let limit = self.limits.body_timeout;
                        self.legacy_sse.post_message(parts.uri.query(), (message, permit), limit).await
                    }
                    Err(rejection) => *rejection,
                },
                Err(rejection) => close_after(*rejection),
            },
            (&Method::POST, "/mcp") => {
                let in_flight = self.in_flight.start_request();
                match self.body_budget.read(&parts.headers, body, &self.limits).await {
                    // The permit is kept until the response is sent: the body stays in memory until then.
                    Ok((bytes, permit)) => {
                        self.post_mcp(parts, bytes).await.map(|body| BodyWithGuard::boxed(body, (in_flight, permit)))
                    }
                    Err(rejection) => close_after(*rejection),
                }
            }
            (method, "/mcp") => {
                let is_delete = *method == Method::DELETE;
                let mut response = self.streamable.handle(Request::from_parts(parts, Full::<Bytes>::default())).await;
                // The session has ended when this is sent, so nothing is left to accept; some clients take 202 for an
                // error.
                if is_delete && response.status() == StatusCode::ACCEPTED {
                    *response.status_mut() = StatusCode::NO_CONTENT;
                }
                response
            }
            (_, "/healthz" | "/metrics" | "/sse") => method_not_allowed("GET"),
            (_, "/messages") => method_not_allowed("POST"),
            _ => body::text_response(StatusCode::NOT_FOUND, "no such path; use /mcp, /sse, /healthz or /metrics"),
        }
    }

    /// Answers `POST /mcp`.
    async fn post_mcp(&self, parts: Parts, bytes: Bytes) -> Response<ResponseBody> {
        let bytes = json_lines::repair_message(&bytes).map_or(bytes, Bytes::from);
        match Self::parse_message(&bytes) {
            Ok(ClientJsonRpcMessage::Request(request))
                if matches!(request.request, ClientRequest::InitializeRequest(_))
                    && !self.sessions.make_room().await =>
            {
                let id = request.id.into_json_value();
                let message = "too many sessions; close some, or try again later";
                body::json_rpc_error(StatusCode::SERVICE_UNAVAILABLE, &id, ErrorCode::INTERNAL_ERROR, message)
            }
            Ok(_) => self.streamable.handle(Request::from_parts(parts, Full::new(bytes))).await,
            Err(rejection) => *rejection,
        }
    }

    /// Parses the JSON-RPC message of a body.
    ///
    /// # Errors
    /// The response to send when the body holds no message, or an unknown notification.
    fn parse_message(bytes: &[u8]) -> Result<ClientJsonRpcMessage, Box<Response<ResponseBody>>> {
        match json_lines::parse_message(bytes) {
            Ok(Some(message)) => Ok(message),
            // Unknown notifications are accepted and ignored.
            Ok(None) if !bytes.trim_ascii().is_empty() => Err(Box::new(body::text_response(StatusCode::ACCEPTED, ""))),
            Ok(None) => {
                let message = "the body is empty; post one JSON-RPC message";
                Err(Box::new(body::json_rpc_error(
                    StatusCode::BAD_REQUEST,
                    &Value::Null,
                    ErrorCode::PARSE_ERROR,
                    message,
                )))
            }
            Err((id, code, message)) => {
                Err(Box::new(body::json_rpc_error(StatusCode::BAD_REQUEST, &id, code, &message)))
            }
        }
    }
}

/// Returns 405 for a path that only supports `allowed`.
fn method_not_allowed(allowed: &'static str) -> Response<ResponseBody> {
    let mut response = body::text_response(StatusCode::METHOD_NOT_ALLOWED, "method not allowed; see the Allow header");
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    close_after(response)
}

/// Marks a response as the last on its connection, so that the rest of its request need not be read.
fn close_after(mut response: Response<ResponseBody>) -> Response<ResponseBody> {
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}
