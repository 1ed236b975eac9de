//! Counters of work done and time spent by the devices of a model.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use embed::DeviceReport;

/// Work and time counters of one index run, summed over all devices. Safe to update from several threads.
#[derive(Default)]
pub struct DeviceTiming {
    pub texts: AtomicU64,
    pub batches: AtomicU64,
    /// Tokens without padding.
    pub tokens: AtomicU64,
    /// Tokens including padding.
    pub padded_tokens: AtomicU64,
    /// Batches that did not fit in memory.
    pub out_of_memory: AtomicU64,
    busy_ns: AtomicU64,
    chunk_wait_ns: AtomicU64,
    token_wait_ns: AtomicU64,
    output_wait_ns: AtomicU64,
    tokenizing_ns: AtomicU64,
}

/// The pipeline stage that a device waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdleCause {
    /// The stages that produce chunks: walking, reading and parsing files.
    Chunks,
    /// The tokenizer.
    Tokens,
    /// Pooling, and the stages that consume vectors.
    Output,
}

impl DeviceTiming {
    /// Sets all counters to zero.
    pub fn reset(&self) {
        let all = [
            &self.texts,
            &self.batches,
            &self.tokens,
            &self.padded_tokens,
            &self.out_of_memory,
            &self.busy_ns,
            &self.chunk_wait_ns,
            &self.token_wait_ns,
            &self.output_wait_ns,
            &self.tokenizing_ns,
        ];
        all.into_iter().for_each(|counter| counter.store(0, Relaxed));
    }

    /// Counts a successful model call. `tokens` excludes padding, `padded_tokens` includes it.
    pub fn record_call(&self, rows: usize, tokens: usize, padded_tokens: usize, elapsed: Duration) {
        self.texts.fetch_add(rows as u64, Relaxed);
        self.batches.fetch_add(1, Relaxed);
        self.tokens.fetch_add(tokens as u64, Relaxed);
        self.padded_tokens.fetch_add(padded_tokens as u64, Relaxed);
        self.busy_ns.fetch_add(nanos(elapsed), Relaxed);
    }

    /// Counts time during which a device was idle.
    pub fn record_wait(&self, cause: IdleCause, time: Duration) {
        let counter = match cause {
            IdleCause::Chunks => &self.chunk_wait_ns,
            IdleCause::Tokens => &self.token_wait_ns,
            IdleCause::Output => &self.output_wait_ns,
        };
        counter.fetch_add(nanos(time), Relaxed);
    }

    /// Counts the time of a tokenizer call, given its start and end.
    pub fn record_tokenizing(&self, (started, ended): (Instant, Instant)) {
        self.tokenizing_ns.fetch_add(nanos(ended.saturating_duration_since(started)), Relaxed);
    }

    /// Returns the counters as a report. All other fields of the report have their default values.
    pub fn report(&self) -> DeviceReport {
        let count = |counter: &AtomicU64| counter.load(Relaxed);
        let seconds = |counter: &AtomicU64| Duration::from_nanos(count(counter)).as_secs_f64();
        let (tokens, padded_tokens) = (count(&self.tokens), count(&self.padded_tokens));
        DeviceReport {
            texts: count(&self.texts),
            batches: count(&self.batches),
            tokens,
            padding: if padded_tokens > 0 { 1.0 - tokens as f64 / padded_tokens as f64 } else { 0.0 },
            busy_seconds: seconds(&self.busy_ns),
            waits_for_chunks_seconds: seconds(&self.chunk_wait_ns),
            waits_for_tokens_seconds: seconds(&self.token_wait_ns),
            waits_for_output_seconds: seconds(&self.output_wait_ns),
            tokenizing_seconds: seconds(&self.tokenizing_ns),
            out_of_memory: count(&self.out_of_memory),
            ..DeviceReport::default()
        }
    }
}

/// Returns a duration in nanoseconds; 64 bits suffice for 584 years.
fn nanos(duration: Duration) -> u64 {
    duration.as_nanos() as u64
}
