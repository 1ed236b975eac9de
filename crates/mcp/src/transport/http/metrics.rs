//! Metrics of the HTTP server and its indexes, in the OpenMetrics text format.

use std::fmt;
use std::sync::Arc;

use http::{Response, StatusCode};
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::body::{self, ResponseBody};
use super::sessions::HttpSessions;
use crate::call::blocking::run_blocking;
use crate::call::result::ToolError;
use crate::server::McpServer;

/// The content type of the OpenMetrics text format.
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The HTTP status of a response.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StatusLabel {
    status: u16,
}

/// The client of a request, and the HTTP status of its response.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ClientLabels {
    client: String,
    status: u16,
}

/// The transport of a session: `streamable` or `sse`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TransportLabel {
    transport: &'static str,
}

/// The indexed folder that a gauge belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RootLabel {
    root: String,
}

/// All metrics that `GET /metrics` reports.
pub struct HttpMetrics {
    registry: Registry,
    server: Option<McpServer>,
    open_sessions: Arc<HttpSessions>,
    responses: Family<StatusLabel, Counter>,
    client_requests: Family<ClientLabels, Counter>,
    connections: Gauge,
    sessions: Family<TransportLabel, Gauge>,
    sizes: IndexSizeGauges,
}

/// The size of each index, by folder.
#[derive(Clone, Default)]
struct IndexSizeGauges {
    files: Family<RootLabel, Gauge>,
    chunks: Family<RootLabel, Gauge>,
    bytes: Family<RootLabel, Gauge>,
}

impl IndexSizeGauges {
    /// Removes the sizes of one index.
    fn remove(&self, label: &RootLabel) {
        for sizes in [&self.files, &self.chunks, &self.bytes] {
            sizes.remove(label);
        }
    }
}

impl HttpMetrics {
    /// Registers the metrics; the metrics of calls and indexes need a `server`.
    pub fn new(server: Option<McpServer>, open_sessions: Arc<HttpSessions>) -> Self {
        let mut registry = Registry::with_prefix("codescry");
        let (responses, connections, sessions) =
            (Family::<StatusLabel, Counter>::default(), Gauge::default(), Family::default());
        let (client_requests, sizes) = (Family::<ClientLabels, Counter>::default(), IndexSizeGauges::default());
        registry.register("client_requests", "Requests by client and status", client_requests.clone());
        registry.register("http_responses", "Answers over HTTP by status", responses.clone());
        registry.register("http_connections", "Open connections", connections.clone());
        registry.register("sessions", "Open sessions by transport", sessions.clone());
        registry.register("index_files", "Files in the index", sizes.files.clone());
        registry.register("index_chunks", "Chunks in the index", sizes.chunks.clone());
        registry.register("index_bytes", "Size of the index on disk", sizes.bytes.clone());
        if let Some(server) = &server {
            server.call_metrics().register(&mut registry);
        }
        Self { registry, server, open_sessions, responses, client_requests, connections, sessions, sizes }
    }

    /// Counts a response by its status.
    pub fn count_response(&self, status: StatusCode) {
        self.responses.get_or_create(&StatusLabel { status: status.as_u16() }).inc();
    }

    /// Counts a request of a client of [`HttpOptions::clients`](super::options::HttpOptions::clients).
    pub fn count_request(&self, client: &str, status: StatusCode) {
        let labels = ClientLabels { client: client.to_owned(), status: status.as_u16() };
        self.client_requests.get_or_create(&labels).inc();
    }

    /// Sets the number of open connections.
    pub fn set_connections(&self, open: usize) {
        self.connections.set(gauge_value(open as u64));
    }

    /// Answers `GET /metrics`.
    pub async fn respond(&self) -> Response<ResponseBody> {
        let (streamable, legacy_sse) = self.open_sessions.count_by_transport().await;
        for (transport, count) in [("streamable", streamable), ("sse", legacy_sse)] {
            self.sessions.get_or_create(&TransportLabel { transport }).set(gauge_value(count as u64));
        }
        self.update_index_sizes().await;
        let mut text = String::new();
        match text::encode(&mut text, &self.registry) {
            Ok(()) => body::typed_response(StatusCode::OK, OPENMETRICS, text),
            Err(fmt::Error) => body::text_response(StatusCode::INTERNAL_SERVER_ERROR, "cannot encode the metrics"),
        }
    }

    /// Sets the gauges to the current size of each index, and removes those of an index that cannot be read.
    async fn update_index_sizes(&self) {
        for (root, engine) in self.server.iter().flat_map(McpServer::engines_by_name) {
            let label = RootLabel { root };
            let status = match run_blocking(move || engine.status().map_err(ToolError::from)).await.flatten() {
                Ok(status) => status,
                Err(ToolError(error)) => {
                    // No size is reported for an index that cannot be read.
                    tracing::warn!("cannot read the index of {} for its metrics: {error}", label.root);
                    self.sizes.remove(&label);
                    continue;
                }
            };
            self.sizes.files.get_or_create(&label).set(gauge_value(status.coverage.files_indexed));
            self.sizes.chunks.get_or_create(&label).set(gauge_value(status.coverage.chunks));
            self.sizes.bytes.get_or_create(&label).set(gauge_value(status.size_bytes));
        }
    }
}

/// Converts a count to a gauge value; counts above `i64::MAX` become `i64::MAX`.
fn gauge_value(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
