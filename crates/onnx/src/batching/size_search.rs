//! Measurement of the best batch size.
//!
//! The measurement uses the first chunks of an index run. Their vectors are kept, so no work is lost.

use std::ops::Range;
use std::time::Duration;

/// Total time of the measured calls after which the search ends.
const MAX_SEARCH_TIME: Duration = Duration::from_secs(3);

/// Minimum speedup (a ratio of rates) for which a larger size is preferred, since it takes more memory.
const MIN_SPEEDUP: f64 = 1.03;

/// A search for the batch size with the highest throughput, from small to large sizes.
///
/// Each size is measured twice. The search ends after two consecutive sizes without improvement, after the
/// largest size, after [`BatchSizeSearch::stop`], or when the measured calls have taken `MAX_SEARCH_TIME`.
pub struct BatchSizeSearch {
    sizes: &'static [usize],
    /// The number of calls so far. The first is not measured, because a session's first call is slower.
    calls: usize,
    /// The highest rate measured for the current size, in tokens per second.
    rate: f64,
    /// The best size so far, and its rate.
    best: Option<(usize, f64)>,
    /// The number of consecutive sizes without improvement.
    sizes_without_gain: usize,
    elapsed: Duration,
    is_over: bool,
}

impl BatchSizeSearch {
    /// Creates a search over sizes in ascending order.
    pub fn new(sizes: &'static [usize]) -> Self {
        Self {
            sizes,
            calls: 0,
            rate: 0.0,
            best: None,
            sizes_without_gain: 0,
            elapsed: Duration::ZERO,
            is_over: sizes.is_empty(),
        }
    }

    /// Returns the number of tokens to measure next; `None` when the search is over.
    pub fn next_size(&self) -> Option<usize> {
        if self.is_over { None } else { Some(self.sizes[self.calls.saturating_sub(1) / 2]) }
    }

    /// Records the time of a batch of `padded_tokens` tokens, including padding.
    pub fn record(&mut self, padded_tokens: usize, elapsed: Duration) {
        self.calls += 1;
        if self.calls == 1 {
            return;
        }
        self.elapsed += elapsed;
        self.rate = self.rate.max(padded_tokens as f64 / elapsed.as_secs_f64().max(1e-9));
        let at = (self.calls - 2) / 2;
        let is_second_run = self.calls % 2 == 1;
        if is_second_run || self.elapsed > MAX_SEARCH_TIME {
            let is_better = self.best.is_none_or(|(_, best)| self.rate > best * MIN_SPEEDUP);
            self.sizes_without_gain = if is_better { 0 } else { self.sizes_without_gain + 1 };
            if is_better {
                self.best = Some((self.sizes[at], self.rate));
            }
            self.rate = 0.0;
        }
        self.is_over = self.elapsed > MAX_SEARCH_TIME
            || self.sizes_without_gain == 2
            || (is_second_run && at + 1 == self.sizes.len());
    }

    /// Ends the search: larger sizes do not fit in memory.
    pub fn stop(&mut self) {
        self.is_over = true;
    }

    /// Returns the best size so far; `None` if none has been measured.
    pub fn best_size(&self) -> Option<usize> {
        self.best.map(|(size, _)| size)
    }

    /// Returns whether nothing is left to measure.
    pub fn is_over(&self) -> bool {
        self.is_over
    }
}

/// Selects texts of a window for measured batches.
///
/// The first batch starts in the middle of the sorted texts, where lengths of neighboring texts differ least. Later
/// batches alternate between the shorter texts on one side and the longer ones on the other.
pub struct ProbePicker {
    done: Range<usize>,
    takes_above: bool,
}

impl ProbePicker {
    /// Creates a picker for texts with the given lengths, in ascending order.
    pub fn new(lengths: &[usize]) -> Self {
        let middle = lengths.len() / 2;
        Self { done: middle..middle, takes_above: true }
    }

    /// Returns texts for a batch of about `size` tokens including padding; `None` if the side whose turn it is has too
    /// few left.
    pub fn pick(&self, lengths: &[usize], size: usize, row_tokens: Option<usize>) -> Option<Range<usize>> {
        let rows = |longest: usize| (size / row_tokens.unwrap_or(longest).max(1)).max(1);
        let batch = if self.takes_above {
            // Each further row may be longer, which lowers the number of rows that fit.
            let mut end = self.done.end + 1;
            while end < lengths.len() && end - self.done.end < rows(lengths[end]) {
                end += 1;
            }
            self.done.end..end
        } else {
            let longest = *lengths.get(self.done.start.checked_sub(1)?)?;
            self.done.start.saturating_sub(rows(longest))..self.done.start
        };
        let longest = row_tokens.unwrap_or(*lengths.get(batch.end - 1)?);
        // A batch much smaller than `size` would not measure that size.
        (batch.len() * longest >= size / 4 * 3).then_some(batch)
    }

    /// Records that a picked batch has run.
    pub fn mark_done(&mut self, batch: &Range<usize>) {
        self.done = self.done.start.min(batch.start)..self.done.end.max(batch.end);
        self.takes_above = !self.takes_above;
    }

    /// Returns the texts that have run, a contiguous range.
    pub fn done(&self) -> Range<usize> {
        self.done.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZES: &[usize] = &[512, 1_024, 2_048, 4_096, 8_192, 16_384];

    /// Searches on a simulated device with the given times per call and per token, in microseconds, and
    /// memory for `max_tokens` tokens.
    fn find_size(call_us: f64, token_us: f64, max_tokens: usize) -> Option<usize> {
        let mut search = BatchSizeSearch::new(SIZES);
        while let Some(size) = search.next_size() {
            if size > max_tokens {
                search.stop();
                break;
            }
            search.record(size, Duration::from_secs_f64((call_us + token_us * size as f64) / 1e6));
        }
        assert!(search.is_over());
        search.best_size()
    }

    #[test]
    fn expensive_calls_get_large_batches_and_lack_of_memory_ends_the_search() {
        assert_eq!(find_size(0.0, 100.0, usize::MAX), Some(512));
        assert_eq!(find_size(1e5, 1.0, usize::MAX), Some(16_384));
        assert_eq!(find_size(1e5, 1.0, 2_048), Some(2_048));
        assert_eq!(find_size(1e5, 1.0, 0), None);
        assert_eq!(find_size(1e6, 1.0, usize::MAX), Some(1_024), "the search stops when its time is over");
    }

    #[test]
    fn picked_batches_have_similar_lengths_and_form_one_range() {
        let lengths: Vec<usize> = (0..1_000).map(|at| 20 + at / 5).collect();
        let (mut picker, mut rows) = (ProbePicker::new(&lengths), 0);
        for size in [512, 512, 1_024, 1_024, 4_096, 4_096] {
            let batch = picker.pick(&lengths, size, None).expect("enough texts are left");
            let longest = lengths[batch.end - 1];
            assert!(batch.len() * longest <= size && batch.len() * longest > size / 4 * 3, "{batch:?}");
            assert!(longest - lengths[batch.start] <= 8, "lengths are similar: {batch:?}");
            rows += batch.len();
            picker.mark_done(&batch);
        }
        assert_eq!(picker.done().len(), rows, "each text once");
        assert!(picker.pick(&lengths, 1 << 20, None).is_none(), "too few texts are left");
    }
}
