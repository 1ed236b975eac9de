//! How many calls there were of each tool, how they ended, and how long they took.
//!
//! Must never import: anything of this crate.

use std::time::Instant;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use rmcp::model::CallToolResult;

/// Upper bounds of the latency histogram, in seconds.
const BOUNDS: [f64; 12] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Ended {
    tool: String,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Of {
    tool: String,
}

/// The counts.
pub struct Calls {
    ended: Family<Ended, Counter>,
    seconds: Family<Of, Histogram>,
    under_way: Gauge,
}

/// A call under way; dropped before its end, it was given up.
pub struct Call<'c> {
    calls: &'c Calls,
    tool: &'c str,
    begun: Instant,
    outcome: &'static str,
}

impl Default for Calls {
    fn default() -> Self {
        let histogram: fn() -> Histogram = || Histogram::new(BOUNDS);
        let seconds = Family::new_with_constructor(histogram);
        Self { ended: Family::default(), seconds, under_way: Gauge::default() }
    }
}

impl Calls {
    /// Adds them to what is measured.
    pub fn register(&self, registry: &mut Registry) {
        registry.register("tool_calls", "Ended calls by tool and outcome", self.ended.clone());
        registry.register("tool_seconds", "How long calls took", self.seconds.clone());
        registry.register("tool_calls_under_way", "Calls under way", self.under_way.clone());
    }

    /// Notes that a call begins.
    pub fn begin<'c>(&'c self, tool: &'c str) -> Call<'c> {
        self.under_way.inc();
        Call { calls: self, tool, begun: Instant::now(), outcome: "given_up" }
    }
}

impl Call<'_> {
    /// Notes how it ended.
    pub fn end(mut self, result: &CallToolResult) {
        self.outcome = if result.is_error == Some(true) { "refused" } else { "answered" };
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        let tool = self.tool.to_owned();
        self.calls.under_way.dec();
        self.calls.seconds.get_or_create(&Of { tool: tool.clone() }).observe(self.begun.elapsed().as_secs_f64());
        self.calls.ended.get_or_create(&Ended { tool, outcome: self.outcome }).inc();
    }
}
