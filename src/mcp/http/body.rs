//! Bodies: reading one within limits, and answers that hold something until they are sent.
//!
//! Must never import: anything of this crate.

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

/// Bodies are counted in pieces of so many bytes.
const PIECE_BYTES: usize = 1 << 10;

/// The room that all bodies share.
pub struct Bodies(Arc<Semaphore>);

/// The room of one body, until it is dropped.
pub type Held = Option<OwnedSemaphorePermit>;

/// Why a body was not read.
enum Unread {
    TooLong,
    NoRoom,
    Broken,
}

impl Bodies {
    /// Room for so many bytes.
    pub fn new(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new(bytes / PIECE_BYTES)))
    }

    /// Reads a request's body, and what holds its room; the answer to give where it is too much or too slow.
    pub async fn read(
        &self,
        headers: &HeaderMap,
        body: Incoming,
        limits: &Limits,
    ) -> Result<(Bytes, Held), Box<Response<Answer>>> {
        let most = limits.body_bytes;
        let told = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        let is_hopeless = told.is_some_and(|bytes| bytes > (most * PATIENCE) as u64);
        let read = async { if is_hopeless { Err(Unread::TooLong) } else { self.collect(body, most).await } };
        let refused = match tokio::time::timeout(limits.body, read).await {
            Ok(Ok(read)) => return Ok(read),
            Ok(Err(Unread::TooLong)) => {
                let message = format!("the body has more than {most} bytes");
                error(StatusCode::PAYLOAD_TOO_LARGE, &Value::Null, ErrorCode::INVALID_REQUEST, &message)
            }
            Ok(Err(Unread::NoRoom)) => {
                let mut response = text(StatusCode::SERVICE_UNAVAILABLE, "the server has too much to read; try again");
                response.headers_mut().insert(RETRY_AFTER, http::HeaderValue::from_static("1"));
                response
            }
            Ok(Err(Unread::Broken)) => text(StatusCode::BAD_REQUEST, "the body did not come to its end"),
            Err(_) => text(StatusCode::REQUEST_TIMEOUT, "the body took too long"),
        };
        Err(Box::new(refused))
    }

    /// The bytes of a body. Room is taken as they come, so that who only says that many will come takes none.
    async fn collect(&self, mut body: Incoming, most: usize) -> Result<(Bytes, Held), Unread> {
        let (mut kept, mut came, mut held) = (Vec::new(), 0, None::<OwnedSemaphorePermit>);
        while came <= most * PATIENCE {
            let Some(frame) = body.frame().await else {
                return if came <= most { Ok((kept.into(), held)) } else { Err(Unread::TooLong) };
            };
            let Ok(data) = frame.map_err(|_| Unread::Broken)?.into_data() else { continue };
            came += data.len();
            if came > most {
                (kept, held) = (Vec::new(), None);
                continue;
            }
            let missing = came.div_ceil(PIECE_BYTES) - held.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
            if let Ok(pieces @ 1..) = u32::try_from(missing) {
                let more = Arc::clone(&self.0).try_acquire_many_owned(pieces).map_err(|_| Unread::NoRoom)?;
                match &mut held {
                    Some(held) => held.merge(more),
                    None => held = Some(more),
                }
            }
            kept.extend_from_slice(&data);
        }
        Err(Unread::TooLong)
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
