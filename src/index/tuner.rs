//! How many chunks a call of the embedder takes: found in the first calls of a run.
//!
//! Sizes are tried from small to large, each for a few calls, as long as a larger one is faster.
//! The rate is in bytes of text, for a call with long chunks is not a slow one.
//! Must never import: anything of this crate but `index` and `config`.

use std::time::Duration;

use crate::config::EmbedBatch;

/// The first size tried.
const SMALLEST: usize = 16;

/// The last one.
const LARGEST: usize = 1_024;

/// Calls of one size, and…
const CALLS: u32 = 3;

/// … the time in them, before it is judged.
const TIME: Duration = Duration::from_millis(20);

/// A larger size must be this much faster to be worth its memory.
const GAIN: f64 = 1.03;

/// Calls shorter than this cost the threads' waking up, which no rate shows: a larger size is taken
/// while it is not slower.
const SHORT_CALL: Duration = Duration::from_millis(25);

/// Tries sizes, then keeps the best.
pub(super) struct BatchTuner {
    size: usize,
    /// The best size so far, with its rate in bytes a second; `None` once settled.
    trying: Option<(usize, f64)>,
    calls: u32,
    bytes: u64,
    time: Duration,
}

impl BatchTuner {
    /// A tuner that tries sizes, or one that keeps to a size.
    pub fn new(setting: EmbedBatch) -> Self {
        let (size, trying) = match setting {
            EmbedBatch::Auto => (SMALLEST, Some((SMALLEST, 0.0))),
            EmbedBatch::Chunks(size) => (size.max(1), None),
        };
        Self { size, trying, calls: 0, bytes: 0, time: Duration::ZERO }
    }

    /// Chunks for the next call.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Takes note of a call. Only full ones count.
    pub fn called(&mut self, chunks: usize, bytes: u64, time: Duration) {
        let Some((best, best_rate)) = self.trying.filter(|_| chunks == self.size) else { return };
        self.calls += 1;
        self.bytes += bytes;
        self.time += time;
        if self.calls < CALLS || self.time < TIME {
            return;
        }
        let rate = self.bytes as f64 / self.time.as_secs_f64();
        let is_short = self.time < SHORT_CALL * self.calls;
        let is_better = rate > best_rate * if is_short { GAIN.recip() } else { GAIN };
        let found = if is_better { (self.size, rate) } else { (best, best_rate) };
        (self.calls, self.bytes, self.time) = (0, 0, Duration::ZERO);
        if is_better && self.size < LARGEST {
            self.size *= 2;
            self.trying = Some(found);
        } else {
            self.size = found.0;
            self.trying = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The size chosen for a device that takes `call_ms` for a call and `chunk_ms` for a chunk.
    fn chosen(call_ms: f64, chunk_ms: f64) -> usize {
        let mut tuner = BatchTuner::new(EmbedBatch::Auto);
        for _ in 0..1_000 {
            let size = tuner.size();
            let ms = size as f64 * chunk_ms + call_ms;
            tuner.called(size, 1_000 * size as u64, Duration::from_secs_f64(ms / 1_000.0));
        }
        tuner.size()
    }

    #[test]
    fn calls_that_cost_much_get_many_chunks_and_calls_that_cost_nothing_few() {
        assert_eq!(chosen(0.0, 1.0), SMALLEST);
        assert_eq!(chosen(50.0, 0.1), LARGEST);
        assert_eq!(chosen(0.0, 0.01), LARGEST);
        assert!((128..=512).contains(&chosen(8.0, 1.0)), "{}", chosen(8.0, 1.0));
    }

    #[test]
    fn a_given_size_is_kept_and_the_rest_of_a_batch_says_nothing() {
        let mut tuner = BatchTuner::new(EmbedBatch::Chunks(48));
        tuner.called(48, 1, Duration::from_secs(1));
        assert_eq!(tuner.size(), 48);
        let mut tuner = BatchTuner::new(EmbedBatch::Auto);
        (0..100).for_each(|_| tuner.called(SMALLEST - 1, 1, Duration::from_secs(1)));
        assert_eq!(tuner.size(), SMALLEST);
    }
}
