//! How large a batch should be: measured once for each device and model, and kept.
//!
//! Must never import anything of this crate.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// The probe takes no longer than this; the largest size tried so far then stays untried.
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

/// The size of the best rate. `call` runs a batch of so many tokens and says how long it took;
/// `None` ends the search, for larger ones would fail too.
pub fn best(sizes: &[usize], mut call: impl FnMut(usize) -> Option<Duration>) -> Option<usize> {
    let begun = Instant::now();
    let mut best: Option<(usize, f64)> = None;
    let mut worse = 0;
    for size in sizes {
        let mut rate = 0.0_f64;
        for _ in 0..2 {
            let Some(took) = call(*size) else { return best.map(|(size, _)| size) };
            rate = rate.max(*size as f64 / took.as_secs_f64().max(1e-9));
            if begun.elapsed() > TIME {
                break;
            }
        }
        let is_better = best.is_none_or(|(_, least)| rate > least * GAIN);
        worse = if is_better { 0 } else { worse + 1 };
        if is_better {
            best = Some((*size, rate));
        }
        if worse == 2 || begun.elapsed() > TIME {
            break;
        }
    }
    best.map(|(size, _)| size)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZES: [usize; 6] = [512, 1_024, 2_048, 4_096, 8_192, 16_384];

    /// For a device that takes `call_us` for a call, `token_us` for a token, and so many at most.
    fn found(call_us: f64, token_us: f64, most: usize) -> Option<usize> {
        best(&SIZES, |size| (size <= most).then(|| Duration::from_secs_f64((call_us + token_us * size as f64) / 1e6)))
    }

    #[test]
    fn calls_that_cost_much_get_many_tokens_and_memory_ends_the_search() {
        assert_eq!(found(0.0, 100.0, usize::MAX), Some(512));
        assert_eq!(found(1e6, 1.0, usize::MAX), Some(16_384));
        assert_eq!(found(1e6, 1.0, 2_048), Some(2_048));
        assert_eq!(found(1e6, 1.0, 0), None);
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
