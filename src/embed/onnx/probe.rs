//! How large a batch should be: measured once for each device and model, and kept.
//!
//! It is measured with the first chunks of a run, whose vectors are used.
//!
//! Must never import anything of this crate.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The search takes no longer than this; larger sizes then stay untried.
const TIME: Duration = Duration::from_secs(3);

/// A larger size must be this much faster to be worth its memory.
const GAIN: f64 = 1.03;

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Found {
    /// Tokens with padding in a batch.
    #[serde(default)]
    pub batch_tokens: Option<usize>,
    /// Whether a question is encoded faster on the CPU.
    #[serde(default)]
    pub queries_on_cpu: Option<bool>,
}

/// The file of one device and model.
pub struct ProbeFile(PathBuf);

impl ProbeFile {
    /// `key` says everything that the result depends on.
    pub fn new(folder: &Path, key: &str) -> Self {
        let name = blake3::hash(key.as_bytes()).to_hex();
        Self(folder.join(format!("{}.json", &name[..24])))
    }

    /// What was found earlier. A file that cannot be read is as if it were not there.
    pub fn read(&self) -> Found {
        fs::read(&self.0).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
    }

    /// Keeps what was found. That it cannot be written costs the next process its probe, no more.
    pub fn write(&self, change: impl FnOnce(&mut Found)) {
        let mut found = self.read();
        change(&mut found);
        let write = || {
            fs::create_dir_all(self.0.parent().unwrap_or(Path::new(".")))?;
            let fresh = self.0.with_extension(format!("{}.new", std::process::id()));
            fs::write(&fresh, serde_json::to_vec(&found)?)?;
            fs::rename(&fresh, &self.0)
        };
        if let Err(error) = write() {
            tracing::debug!("cannot keep {}: {error}", self.0.display());
        }
    }
}

/// The size of the best rate, looked for with batches that have to be run anyway: from small to
/// large, each size twice, until two sizes were no better.
pub struct Search {
    sizes: &'static [usize],
    /// Calls so far: none is measured the first time, for the first call of a session is slower.
    calls: usize,
    /// Of this size.
    rate: f64,
    best: Option<(usize, f64)>,
    worse: usize,
    spent: Duration,
    is_over: bool,
}

impl Search {
    /// For sizes from small to large.
    pub fn new(sizes: &'static [usize]) -> Self {
        Self { sizes, calls: 0, rate: 0.0, best: None, worse: 0, spent: Duration::ZERO, is_over: sizes.is_empty() }
    }

    /// Tokens to measure next; `None` when it is over.
    pub fn next(&self) -> Option<usize> {
        if self.is_over { None } else { Some(self.sizes[self.calls.saturating_sub(1) / 2]) }
    }

    /// Takes note of a batch of so many tokens with padding.
    pub fn measured(&mut self, padded: usize, took: Duration) {
        self.calls += 1;
        if self.calls == 1 {
            return;
        }
        self.spent += took;
        self.rate = self.rate.max(padded as f64 / took.as_secs_f64().max(1e-9));
        let at = (self.calls - 2) / 2;
        let is_twice = self.calls % 2 == 1;
        if is_twice || self.spent > TIME {
            let is_better = self.best.is_none_or(|(_, least)| self.rate > least * GAIN);
            self.worse = if is_better { 0 } else { self.worse + 1 };
            if is_better {
                self.best = Some((self.sizes[at], self.rate));
            }
            self.rate = 0.0;
        }
        self.is_over = self.spent > TIME || self.worse == 2 || (is_twice && at + 1 == self.sizes.len());
    }

    /// Larger ones do not go.
    pub fn end(&mut self) {
        self.is_over = true;
    }

    /// What was best so far.
    pub fn best(&self) -> Option<usize> {
        self.best.map(|(size, _)| size)
    }

    /// Whether nothing is left to measure.
    pub fn is_over(&self) -> bool {
        self.is_over
    }
}

/// Takes texts for batches from the middle of a window, where their lengths differ least: from
/// above what was taken, then from below.
pub struct Picker {
    done: Range<usize>,
    is_above: bool,
}

impl Picker {
    /// For texts whose lengths rise.
    pub fn new(lengths: &[usize]) -> Self {
        let middle = lengths.len() / 2;
        Self { done: middle..middle, is_above: true }
    }

    /// Texts for a batch of so many tokens with padding, if enough are left.
    pub fn pick(&self, lengths: &[usize], size: usize, row_tokens: Option<usize>) -> Option<Range<usize>> {
        let rows = |longest: usize| (size / row_tokens.unwrap_or(longest).max(1)).max(1);
        let batch = if self.is_above {
            // The longest is the last: fewer rows than by the first.
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
        // Half a batch would tell of half its size.
        (batch.len() * longest >= size / 4 * 3).then_some(batch)
    }

    /// Takes note that a batch is done.
    pub fn took(&mut self, batch: &Range<usize>) {
        self.done = self.done.start.min(batch.start)..self.done.end.max(batch.end);
        self.is_above = !self.is_above;
    }

    /// What is done: one stretch of the window.
    pub fn done(&self) -> Range<usize> {
        self.done.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZES: &[usize] = &[512, 1_024, 2_048, 4_096, 8_192, 16_384];

    /// For a device that takes `call_us` for a call, `token_us` for a token, and so many at most.
    fn found(call_us: f64, token_us: f64, most: usize) -> Option<usize> {
        let mut search = Search::new(SIZES);
        while let Some(size) = search.next() {
            if size > most {
                search.end();
                break;
            }
            search.measured(size, Duration::from_secs_f64((call_us + token_us * size as f64) / 1e6));
        }
        assert!(search.is_over());
        search.best()
    }

    #[test]
    fn calls_that_cost_much_get_many_tokens_and_memory_ends_the_search() {
        assert_eq!(found(0.0, 100.0, usize::MAX), Some(512));
        assert_eq!(found(1e5, 1.0, usize::MAX), Some(16_384));
        assert_eq!(found(1e5, 1.0, 2_048), Some(2_048));
        assert_eq!(found(1e5, 1.0, 0), None);
        assert_eq!(found(1e6, 1.0, usize::MAX), Some(1_024), "what takes too long is not gone on with");
    }

    #[test]
    fn batches_to_measure_with_are_of_one_length_and_leave_one_stretch() {
        let lengths: Vec<usize> = (0..1_000).map(|at| 20 + at / 5).collect();
        let (mut picker, mut rows) = (Picker::new(&lengths), 0);
        for size in [512, 512, 1_024, 1_024, 4_096, 4_096] {
            let batch = picker.pick(&lengths, size, None).expect("there are enough");
            let longest = lengths[batch.end - 1];
            assert!(batch.len() * longest <= size && batch.len() * longest > size / 4 * 3, "{batch:?}");
            assert!(longest - lengths[batch.start] <= 8, "of about one length: {batch:?}");
            rows += batch.len();
            picker.took(&batch);
        }
        assert_eq!(picker.done().len(), rows, "each once");
        assert!(picker.pick(&lengths, 1 << 20, None).is_none(), "not enough are left");
    }

    #[test]
    fn what_was_found_is_kept_by_its_key_and_a_torn_file_is_none() {
        let folder = tempfile::tempdir().expect("a folder");
        let (one, other) = (ProbeFile::new(folder.path(), "a"), ProbeFile::new(folder.path(), "b"));
        one.write(|found| found.batch_tokens = Some(7));
        one.write(|found| found.queries_on_cpu = Some(true));
        assert_eq!(one.read(), Found { batch_tokens: Some(7), queries_on_cpu: Some(true) });
        assert_eq!(other.read(), Found::default());
        fs::write(&one.0, "{").expect("written");
        assert_eq!(one.read(), Found::default());
    }
}
