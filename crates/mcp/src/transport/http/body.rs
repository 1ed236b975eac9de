//! Reads request bodies within limits, and builds response bodies.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use rmcp::model::ErrorCode;
use serde_json::{Value, json};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::options::HttpLimits;

/// The body of every response.
pub type ResponseBody = BoxBody<Bytes, Infallible>;

/// Returns a plain text response.
pub fn text_response(status: StatusCode, text: impl Into<Bytes>) -> Response<ResponseBody> {
    typed_response(status, "text/plain; charset=utf-8", text)
}

/// Returns a response with a body of the given content type.
pub fn typed_response(
    status: StatusCode,
    content_type: &'static str,
    text: impl Into<Bytes>,
) -> Response<ResponseBody> {
    let mut response = Response::new(Full::new(text.into()).boxed());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, http::HeaderValue::from_static(content_type));
    response
}

/// Returns a response that carries a JSON-RPC error for the request `id`.
pub fn json_rpc_error(status: StatusCode, id: &Value, code: ErrorCode, message: &str) -> Response<ResponseBody> {
    let body = json!({ "jsonrpc": "2.0", "id": id, "error": { "code": code.0, "message": message } });
    typed_response(status, "application/json", body.to_string())
}

/// Factor of the body limit up to which a body that is too long is read and discarded: many clients read no response
/// before they have sent their whole body.
const DISCARD_FACTOR: usize = 4;

/// Number of bytes per permit of the budget's semaphore.
const PERMIT_BYTES: usize = 1 << 10;

/// The memory budget that all request bodies share.
pub struct BodyBudget(Arc<Semaphore>);

/// The part of the budget that a body takes, released on drop; `None` for an empty body.
pub type BodyPermit = Option<OwnedSemaphorePermit>;

/// The reason why a body was not read.
enum BodyReadError {
    TooLong,
    /// The budget of all bodies is used up.
    NoRoom,
    /// The connection failed before the body ended.
    Broken,
}

impl BodyBudget {
    /// Creates a budget of `max_total_bytes` for all bodies together.
    pub fn new(max_total_bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new(max_total_bytes / PERMIT_BYTES)))
    }

    /// Reads a request's body; returns its bytes with the permit for their memory.
    ///
    /// # Errors
    /// The response to send when the body is too long, too slow or incomplete, or the budget is used up.
    pub async fn read(
        &self,
        headers: &HeaderMap,
        body: Incoming,
        limits: &HttpLimits,
    ) -> Result<(Bytes, BodyPermit), Box<Response<ResponseBody>>> {
        let max_bytes = limits.max_body_bytes;
        let declared = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        let is_hopeless = declared.is_some_and(|bytes| bytes > (max_bytes * DISCARD_FACTOR) as u64);
        let read =
            async { if is_hopeless { Err(BodyReadError::TooLong) } else { self.collect(body, max_bytes).await } };
        let rejection = match tokio::time::timeout(limits.body_timeout, read).await {
            Ok(Ok(read)) => return Ok(read),
            Ok(Err(BodyReadError::TooLong)) => {
                let message = format!("the body has more than {max_bytes} bytes");
                json_rpc_error(StatusCode::PAYLOAD_TOO_LARGE, &Value::Null, ErrorCode::INVALID_REQUEST, &message)
            }
            Ok(Err(BodyReadError::NoRoom)) => {
                let mut response = text_response(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "too many request bodies are in memory; try again later",
                );
                response.headers_mut().insert(RETRY_AFTER, http::HeaderValue::from_static("1"));
                response
            }
            Ok(Err(BodyReadError::Broken)) => {
                text_response(StatusCode::BAD_REQUEST, "the connection failed before the body ended")
            }
            Err(_) => text_response(StatusCode::REQUEST_TIMEOUT, "the body took too long"),
        };
        Err(Box::new(rejection))
    }

    /// Collects a body of at most `max_bytes`. Permits are taken as bytes arrive, so that a large declared length alone
    /// takes none. A longer body is discarded up to [`DISCARD_FACTOR`] times the limit before it is refused.
    async fn collect(&self, mut body: Incoming, max_bytes: usize) -> Result<(Bytes, BodyPermit), BodyReadError> {
        let (mut kept, mut received, mut held) = (Vec::new(), 0, None::<OwnedSemaphorePermit>);
        while received <= max_bytes * DISCARD_FACTOR {
            let Some(frame) = body.frame().await else {
                return if received <= max_bytes { Ok((kept.into(), held)) } else { Err(BodyReadError::TooLong) };
            };
            let Ok(data) = frame.map_err(|_| BodyReadError::Broken)?.into_data() else { continue };
            received += data.len();
            if received > max_bytes {
                (kept, held) = (Vec::new(), None);
                continue;
            }
            let missing = received.div_ceil(PERMIT_BYTES) - held.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
            if let Ok(pieces @ 1..) = u32::try_from(missing) {
                let more = Arc::clone(&self.0).try_acquire_many_owned(pieces).map_err(|_| BodyReadError::NoRoom)?;
                match &mut held {
                    Some(held) => held.merge(more),
                    None => held = Some(more),
                }
            }
            kept.extend_from_slice(&data);
        }
        Err(BodyReadError::TooLong)
    }
}

/// A response body that owns a guard until it is sent or dropped.
pub struct BodyWithGuard<T> {
    inner: ResponseBody,
    _guard: T,
}

impl<T: Send + Sync + Unpin + 'static> BodyWithGuard<T> {
    /// Wraps `inner` so that `guard` is dropped with it.
    pub fn boxed(inner: ResponseBody, guard: T) -> ResponseBody {
        Self { inner, _guard: guard }.boxed()
    }
}

impl<T: Unpin> Body for BodyWithGuard<T> {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Pin::new(&mut self.inner).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
