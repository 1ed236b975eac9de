//! An embedder with meaningless vectors and a set speed, which simulates a device in benchmarks.
//!
//! A call uses almost no processor time: it sleeps, like a thread that waits for a device.

use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::embedder::Embedder;
use crate::error::EmbedError;

/// Number of dimensions, the same as that of the built-in model.
const DIMENSIONS: usize = 256;

/// An embedder that processes chunks in sequence at a fixed rate.
pub struct SyntheticEmbedder {
    chunks_per_second: f64,
    call_time: Duration,
    /// The time at which the simulated device, which runs one call at a time, finishes all calls made so far.
    busy_until: Mutex<Option<Instant>>,
}

impl SyntheticEmbedder {
    /// The model id of the vectors.
    pub const MODEL_ID: &str = "synthetic-v1";

    /// Creates an embedder that takes `call_time` to start each call and then processes `chunks_per_second` chunks per
    /// second.
    pub fn new(chunks_per_second: f64, call_time: Duration) -> Self {
        Self { chunks_per_second, call_time, busy_until: Mutex::new(None) }
    }

    /// Queues work of this duration; returns the time at which it will be finished.
    fn queue_work(&self, work: Duration) -> Instant {
        let mut busy_until = self.busy_until.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let end = busy_until.map_or(now, |until| until.max(now)) + work;
        *busy_until = Some(end);
        end
    }
}

impl Embedder for SyntheticEmbedder {
    fn model_id(&self) -> &'static str {
        Self::MODEL_ID
    }

    fn dimensions(&self) -> usize {
        DIMENSIONS
    }

    fn runs_on_device(&self) -> bool {
        true
    }

    fn embed_passages(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EmbedError> {
        #[expect(clippy::cast_precision_loss, reason = "a batch is small")]
        let seconds = texts.len() as f64 / self.chunks_per_second;
        let end = self.queue_work(self.call_time + Duration::from_secs_f64(seconds));
        let vectors = texts.iter().map(|text| hash_to_vector(text)).collect();
        thread::sleep(end.saturating_duration_since(Instant::now()));
        Ok(vectors)
    }

    /// Returns without delay, since a path has only a few words and a chunk has hundreds.
    fn embed_paths(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EmbedError> {
        Ok(texts.iter().map(|text| hash_to_vector(text)).collect())
    }

    /// Returns without delay, since the rate applies to passages only.
    fn embed_query(&self, text: &str) -> Result<Vec<f32>, EmbedError> {
        Ok(hash_to_vector(text))
    }
}

/// Returns a unit vector with sixteen values of equal magnitude, whose positions and signs come from the text's hash,
/// and zeros elsewhere.
fn hash_to_vector(text: &str) -> Vec<f32> {
    let mut vector = vec![0.0; DIMENSIONS];
    for (part, byte) in blake3::hash(text.as_bytes()).as_bytes()[..16].iter().enumerate() {
        let at = part * 16 + usize::from(byte & 15);
        vector[at] = if byte & 16 == 0 { 0.25 } else { -0.25 };
    }
    vector
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_takes_as_long_as_its_device_and_returns_unit_vectors() {
        let device = SyntheticEmbedder::new(1_000.0, Duration::from_millis(5));
        let begun = Instant::now();
        let vectors = device.embed_passages(&["a"; 20]).expect("vectors");
        assert!(begun.elapsed() >= Duration::from_millis(25));
        assert_eq!(vectors[0], device.embed_query("a").expect("a vector"));
        assert!((vectors[0].iter().map(|value| value * value).sum::<f32>() - 1.0).abs() < 1e-6);
        assert_ne!(vectors[0], device.embed_query("b").expect("a vector"));
    }
}
