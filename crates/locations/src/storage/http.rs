//! The HTTP client of object stores: the requests of `object_store`, sent by `ureq`.
//!
//! A request runs on a thread for blocking calls, which then passes the body on, piece by piece, as it is read. Proxies
//! and certificates are those of all other downloads of this program.

use std::future::Future;
use std::io::Read as _;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body::Frame;
use http_body_util::BodyExt as _;
use object_store::ClientOptions;
use object_store::client::{
    ClientConfigKey, HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody,
    HttpService,
};
use tokio::sync::{mpsc, oneshot};
use ureq::Agent;

/// Size of a piece of a response, in bytes.
const PIECE_BYTES: usize = 128 << 10;

/// Maximum number of pieces of a response that wait for the reader.
const PIECES: usize = 4;

/// The addresses at which machines in a cloud get their credentials. They cannot be reached through a proxy, and
/// outside of a cloud nothing answers there.
const METADATA_HOSTS: [&str; 3] = ["169.254.169.254", "169.254.170.2", "metadata.google.internal"];

/// Time without an answer after which a metadata service counts as absent.
const METADATA_TIME_LIMIT: Duration = Duration::from_secs(1);

/// Makes clients that wait for a connection and for each further byte for `time_limit` at most.
#[derive(Debug)]
pub struct UreqConnector {
    pub time_limit: Duration,
}

impl HttpConnector for UreqConnector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let allows_http = options.get_config_value(&ClientConfigKey::AllowHttp).is_some_and(|value| value == "true");
        let build = |limit: Duration, is_metadata: bool| {
            let config = Agent::config_builder()
                .http_status_as_error(false)
                .https_only(!allows_http && !is_metadata)
                // A signature holds for one address, so object_store handles redirects.
                .max_redirects(0)
                .max_redirects_will_error(false)
                .timeout_resolve(Some(limit))
                .timeout_connect(Some(limit))
                .timeout_send_request(Some(limit))
                .timeout_recv_response(Some(limit))
                .timeout_per_read(Some(limit))
                .timeout_per_write(Some(limit))
                .user_agent(concat!("codescry/", env!("CARGO_PKG_VERSION")));
            let config = if is_metadata { config.proxy(None) } else { config };
            Agent::new_with_config(config.build())
        };
        let metadata_limit = METADATA_TIME_LIMIT.min(self.time_limit);
        Ok(HttpClient::new(UreqService {
            agent: build(self.time_limit, false),
            metadata_agent: build(metadata_limit, true),
        }))
    }
}

#[derive(Debug)]
struct UreqService {
    agent: Agent,
    metadata_agent: Agent,
}

impl HttpService for UreqService {
    fn call<'s, 'f>(
        &'s self,
        request: HttpRequest,
    ) -> Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'f>>
    where
        's: 'f,
        Self: 'f,
    {
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let body = body.collect().await?.to_bytes();
            let is_metadata = parts.uri.host().is_some_and(|host| METADATA_HOSTS.contains(&host));
            let agent = if is_metadata { self.metadata_agent.clone() } else { self.agent.clone() };
            let (head_sender, head) = oneshot::channel();
            let request = Request::from_parts(parts, body);
            tokio::task::spawn_blocking(move || exchange(&agent, request, head_sender));
            let ended = |_| HttpError::new(HttpErrorKind::Unknown, std::io::Error::other("the request ended early"));
            head.await.map_err(ended)?
        })
    }
}

/// Sends a request, answers with the head of the response, and passes its body on until its end or until its reader is
/// gone.
fn exchange(agent: &Agent, request: Request<Bytes>, head: oneshot::Sender<Result<HttpResponse, HttpError>>) {
    let response = match send(agent, request) {
        Ok(response) => response,
        Err(error) => {
            _ = head.send(Err(to_http_error(error)));
            return;
        }
    };
    let (parts, body) = response.into_parts();
    let (sender, receiver) = mpsc::channel(PIECES);
    let response = Response::from_parts(parts, HttpResponseBody::new(PieceBody(receiver)));
    if head.send(Ok(response)).is_err() {
        return;
    }
    let mut reader = body.into_with_config().limit(u64::MAX).reader();
    loop {
        let mut piece = vec![0; PIECE_BYTES];
        let read = match reader.read(&mut piece) {
            Ok(0) => return,
            Ok(read) => read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => {
                _ = sender.blocking_send(Err(to_http_error(error.into())));
                return;
            }
        };
        piece.truncate(read);
        if sender.blocking_send(Ok(piece.into())).is_err() {
            return;
        }
    }
}

fn send(agent: &Agent, request: Request<Bytes>) -> Result<Response<ureq::Body>, ureq::Error> {
    let (mut parts, body) = request.into_parts();
    let takes_body = !matches!(parts.method, Method::GET | Method::HEAD | Method::DELETE);
    if body.is_empty() && !takes_body {
        // ureq sends no body with these methods, and a length would announce one.
        parts.headers.remove(http::header::CONTENT_LENGTH);
        return agent.run(Request::from_parts(parts, ()));
    }
    agent.run(Request::from_parts(parts, body.as_ref()))
}

/// Classifies an error, which decides whether object_store repeats the request.
fn to_http_error(error: ureq::Error) -> HttpError {
    use std::io::ErrorKind;
    // An error of the body is wrapped into one of the reader.
    let error = match error {
        ureq::Error::Io(io) if io.get_ref().is_some_and(|inner| inner.is::<ureq::Error>()) => io
            .into_inner()
            .and_then(|inner| inner.downcast::<ureq::Error>().ok())
            .map_or(ureq::Error::ConnectionFailed, |inner| *inner),
        other => other,
    };
    let kind = match &error {
        ureq::Error::Timeout(ureq::Timeout::Connect | ureq::Timeout::Resolve)
        | ureq::Error::HostNotFound
        | ureq::Error::ConnectionFailed => HttpErrorKind::Connect,
        ureq::Error::Timeout(_) => HttpErrorKind::Timeout,
        ureq::Error::Io(io) => match io.kind() {
            ErrorKind::ConnectionRefused
            | ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
            | ErrorKind::AddrNotAvailable
            | ErrorKind::NotFound => HttpErrorKind::Connect,
            ErrorKind::TimedOut | ErrorKind::WouldBlock => HttpErrorKind::Timeout,
            _ => HttpErrorKind::Interrupted,
        },
        ureq::Error::Protocol(_) => HttpErrorKind::Interrupted,
        _ => HttpErrorKind::Unknown,
    };
    HttpError::new(kind, error)
}

/// The body of a response, which a thread reads.
struct PieceBody(mpsc::Receiver<Result<Bytes, HttpError>>);

impl http_body::Body for PieceBody {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        self.0.poll_recv(context).map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }
}
