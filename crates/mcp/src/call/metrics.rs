//! Counts and times the calls of each tool.

use std::time::Instant;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use rmcp::model::CallToolResult;

/// Upper bounds of the latency histogram, in seconds.
const BUCKET_BOUNDS_SECONDS: [f64; 12] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    tool: String,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ToolLabel {
    tool: String,
}

/// The Prometheus metrics of tool calls.
pub struct CallMetrics {
    finished: Family<OutcomeLabels, Counter>,
    seconds: Family<ToolLabel, Histogram>,
    in_progress: Gauge,
}

/// The timer of a call. On drop, it records the duration and the outcome: `given_up` unless `finish` was called.
pub struct CallTimer<'c> {
    metrics: &'c CallMetrics,
    tool: &'c str,
    started_at: Instant,
    outcome: &'static str,
}

impl Default for CallMetrics {
    fn default() -> Self {
        let histogram: fn() -> Histogram = || Histogram::new(BUCKET_BOUNDS_SECONDS);
        let seconds = Family::new_with_constructor(histogram);
        Self { finished: Family::default(), seconds, in_progress: Gauge::default() }
    }
}

impl CallMetrics {
    /// Adds the metrics to `registry`.
    pub fn register(&self, registry: &mut Registry) {
        registry.register("tool_calls", "Finished tool calls by tool and outcome", self.finished.clone());
        registry.register("tool_seconds", "Duration of tool calls", self.seconds.clone());
        registry.register("tool_calls_under_way", "Tool calls in progress", self.in_progress.clone());
    }

    /// Starts the timer of a call.
    pub fn start_call<'c>(&'c self, tool: &'c str) -> CallTimer<'c> {
        self.in_progress.inc();
        CallTimer { metrics: self, tool, started_at: Instant::now(), outcome: "given_up" }
    }
}

impl CallTimer<'_> {
    /// Records the result of the call: `refused` for an error, otherwise `answered`.
    pub fn finish(mut self, result: &CallToolResult) {
        self.outcome = if result.is_error == Some(true) { "refused" } else { "answered" };
    }
}

impl Drop for CallTimer<'_> {
    fn drop(&mut self) {
        let tool = self.tool.to_owned();
        self.metrics.in_progress.dec();
        self.metrics
            .seconds
            .get_or_create(&ToolLabel { tool: tool.clone() })
            .observe(self.started_at.elapsed().as_secs_f64());
        self.metrics.finished.get_or_create(&OutcomeLabels { tool, outcome: self.outcome }).inc();
    }
}
