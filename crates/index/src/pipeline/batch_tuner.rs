//! Chooses the number of chunks per call of the embedder, from the first calls of a run.
//!
//! Sizes are doubled as long as that raises the rate. The rate is measured in bytes of text, so that long
//! chunks do not make a call look slow.

use std::time::Duration;

use config::EmbedBatch;

/// First batch size tried, in chunks.
const MIN_CHUNKS: usize = 16;

/// Largest batch size tried, in chunks.
const MAX_CHUNKS: usize = 1_024;

/// Minimum number of calls that measure a batch size.
const MIN_CALLS: u32 = 3;

/// Minimum total time of the calls that measure a batch size.
const MIN_TIME: Duration = Duration::from_millis(20);

/// The rate of a larger size must exceed the old rate by this factor to justify its memory.
const MIN_GAIN: f64 = 1.03;

/// Calls shorter than this have an overhead for waking threads that the rate does not show, so a larger size is chosen
/// even if it is slightly slower.
const SHORT_CALL: Duration = Duration::from_millis(25);

/// Tries batch sizes and keeps the best.
pub(crate) struct BatchTuner {
    size: usize,
    /// The best size so far with its rate in bytes per second; `None` when the choice is final.
    trying: Option<(usize, f64)>,
    calls: u32,
    bytes: u64,
    time: Duration,
}

impl BatchTuner {
    /// Creates a tuner that tries sizes, or one with a fixed size.
    pub fn new(setting: EmbedBatch) -> Self {
        let (size, trying) = match setting {
            EmbedBatch::Auto => (MIN_CHUNKS, Some((MIN_CHUNKS, 0.0))),
            EmbedBatch::Chunks(size) => (size.max(1), None),
        };
        Self { size, trying, calls: 0, bytes: 0, time: Duration::ZERO }
    }

    /// Returns the number of chunks for the next call.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Records the time of a call. Ignores calls with another number of chunks than the current size, and all calls
    /// once the choice is final.
    pub fn record_call(&mut self, chunks: usize, bytes: u64, time: Duration) {
        let Some((best, best_rate)) = self.trying.filter(|_| chunks == self.size) else { return };
        self.calls += 1;
        self.bytes += bytes;
        self.time += time;
        if self.calls < MIN_CALLS || self.time < MIN_TIME {
            return;
        }
        let rate = self.bytes as f64 / self.time.as_secs_f64();
        let is_short_call = self.time < SHORT_CALL * self.calls;
        let is_better = rate > best_rate * if is_short_call { MIN_GAIN.recip() } else { MIN_GAIN };
        let best_so_far = if is_better { (self.size, rate) } else { (best, best_rate) };
        (self.calls, self.bytes, self.time) = (0, 0, Duration::ZERO);
        if is_better && self.size < MAX_CHUNKS {
            self.size *= 2;
            self.trying = Some(best_so_far);
        } else {
            self.size = best_so_far.0;
            self.trying = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the size chosen for a device that takes `call_ms` per call and `chunk_ms` per chunk.
    fn chosen_size(call_ms: f64, chunk_ms: f64) -> usize {
        let mut tuner = BatchTuner::new(EmbedBatch::Auto);
        for _ in 0..1_000 {
            let size = tuner.size();
            let ms = size as f64 * chunk_ms + call_ms;
            tuner.record_call(size, 1_000 * size as u64, Duration::from_secs_f64(ms / 1_000.0));
        }
        tuner.size()
    }

    #[test]
    fn expensive_calls_get_many_chunks_and_cheap_calls_few() {
        assert_eq!(chosen_size(0.0, 1.0), MIN_CHUNKS);
        assert_eq!(chosen_size(50.0, 0.1), MAX_CHUNKS);
        assert_eq!(chosen_size(0.0, 0.01), MAX_CHUNKS);
        assert!((128..=512).contains(&chosen_size(8.0, 1.0)), "{}", chosen_size(8.0, 1.0));
    }

    #[test]
    fn a_fixed_size_is_kept_and_incomplete_calls_are_ignored() {
        let mut tuner = BatchTuner::new(EmbedBatch::Chunks(48));
        tuner.record_call(48, 1, Duration::from_secs(1));
        assert_eq!(tuner.size(), 48);
        let mut tuner = BatchTuner::new(EmbedBatch::Auto);
        (0..100).for_each(|_| tuner.record_call(MIN_CHUNKS - 1, 1, Duration::from_secs(1)));
        assert_eq!(tuner.size(), MIN_CHUNKS);
    }
}
