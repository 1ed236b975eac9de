//! Bodies: reading one within limits, and answers that hold something until they are sent.
//!
//! Must never import: anything of this crate.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use rmcp::model::ErrorCode;
use serde_json::{Value, json};

use super::options::Limits;

/// What every answer has as its body.
pub type Answer = BoxBody<Bytes, Infallible>;

/// An answer of one text.
pub fn text(status: StatusCode, text: impl Into<Bytes>) -> Response<Answer> {
    with_type(status, "text/plain; charset=utf-8", text)
}

/// An answer of one text of some type.
pub fn with_type(status: StatusCode, kind: &'static str, text: impl Into<Bytes>) -> Response<Answer> {
    let mut response = Response::new(Full::new(text.into()).boxed());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, http::HeaderValue::from_static(kind));
    response
}

/// A JSON-RPC error as the answer to what could not be taken.
pub fn error(status: StatusCode, id: &Value, code: ErrorCode, message: &str) -> Response<Answer> {
    let body = json!({ "jsonrpc": "2.0", "id": id, "error": { "code": code.0, "message": message } });
    with_type(status, "application/json", body.to_string())
}

/// Reads a request's body; the answer to give where that is too much or too slow.
pub async fn read(headers: &HeaderMap, body: Incoming, limits: &Limits) -> Result<Bytes, Box<Response<Answer>>> {
    let most = limits.body_bytes;
    let too_large = || {
        let message = format!("the body has more than {most} bytes");
        Box::new(error(StatusCode::PAYLOAD_TOO_LARGE, &Value::Null, ErrorCode::INVALID_REQUEST, &message))
    };
    let told = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if told.is_some_and(|bytes| bytes > most as u64) {
        return Err(too_large());
    }
    match tokio::time::timeout(limits.body, Limited::new(body, most).collect()).await {
        Ok(Ok(read)) => Ok(read.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(_)) => Err(Box::new(text(StatusCode::BAD_REQUEST, "the body did not come to its end"))),
        Err(_) => Err(Box::new(text(StatusCode::REQUEST_TIMEOUT, "the body took too long"))),
    }
}

/// A body that holds something until it is sent or given up.
pub struct Holding<T> {
    inner: Answer,
    _held: T,
}

impl<T: Send + Sync + Unpin + 'static> Holding<T> {
    /// `inner`, holding `held`.
    pub fn boxed(inner: Answer, held: T) -> Answer {
        Self { inner, _held: held }.boxed()
    }
}

impl<T: Unpin> Body for Holding<T> {
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
