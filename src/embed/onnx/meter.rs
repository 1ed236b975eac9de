//! How the time of devices goes.
//!
//! Must never import: anything of this crate but `embed`.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use crate::embed::DeviceReport;

/// Counts since the run began.
#[derive(Default)]
pub struct Meter {
    pub texts: AtomicU64,
    pub batches: AtomicU64,
    pub tokens: AtomicU64,
    pub padded: AtomicU64,
    pub out_of_memory: AtomicU64,
    busy_ns: AtomicU64,
    no_chunks_ns: AtomicU64,
    no_tokens_ns: AtomicU64,
    output_ns: AtomicU64,
    tokenizing_ns: AtomicU64,
}

/// What a device waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Idle {
    /// Those who make chunks.
    Chunks,
    /// The tokenizer.
    Tokens,
    /// Those who take vectors.
    Output,
}

impl Meter {
    /// Begins anew.
    pub fn reset(&self) {
        let all = [
            &self.texts,
            &self.batches,
            &self.tokens,
            &self.padded,
            &self.out_of_memory,
            &self.busy_ns,
            &self.no_chunks_ns,
            &self.no_tokens_ns,
            &self.output_ns,
            &self.tokenizing_ns,
        ];
        all.into_iter().for_each(|counter| counter.store(0, Relaxed));
    }

    /// Takes note of a call.
    pub fn called(&self, rows: usize, tokens: usize, padded: usize, took: Duration) {
        self.texts.fetch_add(rows as u64, Relaxed);
        self.batches.fetch_add(1, Relaxed);
        self.tokens.fetch_add(tokens as u64, Relaxed);
        self.padded.fetch_add(padded as u64, Relaxed);
        self.busy_ns.fetch_add(nanos(took), Relaxed);
    }

    /// Takes note of a device that waited.
    pub fn waited(&self, what: Idle, time: Duration) {
        let counter = match what {
            Idle::Chunks => &self.no_chunks_ns,
            Idle::Tokens => &self.no_tokens_ns,
            Idle::Output => &self.output_ns,
        };
        counter.fetch_add(nanos(time), Relaxed);
    }

    /// Takes note of tokens made.
    pub fn tokenized(&self, (begun, ended): (Instant, Instant)) {
        self.tokenizing_ns.fetch_add(nanos(ended.saturating_duration_since(begun)), Relaxed);
    }

    /// The counts in a report.
    pub fn report(&self) -> DeviceReport {
        let count = |counter: &AtomicU64| counter.load(Relaxed);
        let seconds = |counter: &AtomicU64| Duration::from_nanos(count(counter)).as_secs_f64();
        let (tokens, padded) = (count(&self.tokens), count(&self.padded));
        DeviceReport {
            texts: count(&self.texts),
            batches: count(&self.batches),
            tokens,
            padding: if padded > 0 { 1.0 - tokens as f64 / padded as f64 } else { 0.0 },
            busy_seconds: seconds(&self.busy_ns),
            waits_for_chunks_seconds: seconds(&self.no_chunks_ns),
            waits_for_tokens_seconds: seconds(&self.no_tokens_ns),
            waits_for_output_seconds: seconds(&self.output_ns),
            tokenizing_seconds: seconds(&self.tokenizing_ns),
            out_of_memory: count(&self.out_of_memory),
            ..DeviceReport::default()
        }
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
