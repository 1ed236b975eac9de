//! What is measured, in the text form that Prometheus reads.
//!
//! Must never import: anything of this crate but `engine`.

use std::fmt;
use std::sync::Arc;

use http::{Response, StatusCode};
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::super::Server;
use super::super::answer::aside;
use super::body::{self, Answer};
use super::sessions::Sessions;

const KIND: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Status {
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Over {
    transport: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Of {
    root: String,
}

/// What is measured.
pub struct Metrics {
    registry: Registry,
    server: Option<Server>,
    open_sessions: Arc<Sessions>,
    answers: Family<Status, Counter>,
    connections: Gauge,
    sessions: Family<Over, Gauge>,
    sizes: Sizes,
}

/// Of each index.
#[derive(Clone, Default)]
struct Sizes {
    files: Family<Of, Gauge>,
    chunks: Family<Of, Gauge>,
    bytes: Family<Of, Gauge>,
}

impl Metrics {
    pub fn new(server: Option<Server>, open_sessions: Arc<Sessions>) -> Self {
        let mut registry = Registry::with_prefix("codescry");
        let (answers, connections, sessions) =
            (Family::<Status, Counter>::default(), Gauge::default(), Family::default());
        let sizes = Sizes::default();
        registry.register("http_responses", "Answers over HTTP by status", answers.clone());
        registry.register("http_connections", "Open connections", connections.clone());
        registry.register("sessions", "Open sessions by transport", sessions.clone());
        registry.register("index_files", "Files in the index", sizes.files.clone());
        registry.register("index_chunks", "Chunks in the index", sizes.chunks.clone());
        registry.register("index_bytes", "Size of the index on disk", sizes.bytes.clone());
        if let Some(server) = &server {
            server.calls().register(&mut registry);
        }
        Self { registry, server, open_sessions, answers, connections, sessions, sizes }
    }

    /// Counts an answer.
    pub fn answered(&self, status: StatusCode) {
        self.answers.get_or_create(&Status { status: status.as_u16() }).inc();
    }

    /// Notes how many connections are open.
    pub fn connections(&self, open: usize) {
        self.connections.set(gauge(open as u64));
    }

    /// `GET /metrics`.
    pub async fn text(&self) -> Response<Answer> {
        let (streamable, older) = self.open_sessions.count().await;
        for (transport, count) in [("streamable", streamable), ("sse", older)] {
            self.sessions.get_or_create(&Over { transport }).set(gauge(count as u64));
        }
        self.measure_indexes().await;
        let mut text = String::new();
        match text::encode(&mut text, &self.registry) {
            Ok(()) => body::with_type(StatusCode::OK, KIND, text),
            Err(fmt::Error) => body::text(StatusCode::INTERNAL_SERVER_ERROR, "the metrics cannot be written"),
        }
    }

    async fn measure_indexes(&self) {
        for (root, engine) in self.server.iter().flat_map(Server::engines) {
            // One that cannot be read now keeps the sizes it had.
            let Ok(Ok(status)) = aside(move || engine.status()).await else { continue };
            let of = Of { root };
            self.sizes.files.get_or_create(&of).set(gauge(status.coverage.files_indexed));
            self.sizes.chunks.get_or_create(&of).set(gauge(status.coverage.chunks));
            self.sizes.bytes.get_or_create(&of).set(gauge(status.size_bytes));
        }
    }
}

fn gauge(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
