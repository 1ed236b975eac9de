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
use http_body_util::{BodyExt as _, Full};
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

/// How many times the limit is read and thrown away: who is still sending does not read the answer.
const PATIENCE: usize = 4;

/// Reads a request's body; the answer to give where that is too much or too slow.
pub async fn read(headers: &HeaderMap, body: Incoming, limits: &Limits) -> Result<Bytes, Box<Response<Answer>>> {
    let most = limits.body_bytes;
    let told = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    let is_hopeless = told.is_some_and(|bytes| bytes > (most * PATIENCE) as u64);
    let read = async { if is_hopeless { Ok(None) } else { collect(body, most).await } };
    match tokio::time::timeout(limits.body, read).await {
        Ok(Ok(Some(bytes))) => Ok(bytes),
        Ok(Ok(None)) => {
            let message = format!("the body has more than {most} bytes");
            Err(Box::new(error(StatusCode::PAYLOAD_TOO_LARGE, &Value::Null, ErrorCode::INVALID_REQUEST, &message)))
        }
        Ok(Err(_)) => Err(Box::new(text(StatusCode::BAD_REQUEST, "the body did not come to its end"))),
        Err(_) => Err(Box::new(text(StatusCode::REQUEST_TIMEOUT, "the body took too long"))),
    }
}

/// The bytes of a body; none where there are more than `most`.
async fn collect(mut body: Incoming, most: usize) -> Result<Option<Bytes>, hyper::Error> {
    let (mut kept, mut came) = (Vec::new(), 0);
    while came <= most * PATIENCE {
        let Some(frame) = body.frame().await else {
            return Ok((came <= most).then(|| kept.into()));
        };
        let Ok(data) = frame?.into_data() else { continue };
        came += data.len();
        if came <= most {
            kept.extend_from_slice(&data);
        } else {
            kept = Vec::new();
        }
    }
    Ok(None)
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
