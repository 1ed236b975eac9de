//! Vectors without meaning, made at a set speed: stands in for a device in benchmarks.
//!
//! A call takes the processor no time: it sleeps, as a thread that waits for a device does.
//! Must never import anything of this crate but `embed`.

use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::Embedder;

/// Width of the vectors: that of the built-in model.
const DIMENSIONS: usize = 256;

/// A device that works off chunks one after another at a set rate.
pub struct Synthetic {
    chunks_per_second: f64,
    call: Duration,
    /// When the device will have done all it was given: it does one call at a time, in order.
    busy_until: Mutex<Option<Instant>>,
}

impl Synthetic {
    /// A device that takes `call` to begin, and then does so many chunks a second.
    pub fn new(chunks_per_second: f64, call: Duration) -> Self {
        Self { chunks_per_second, call, busy_until: Mutex::new(None) }
    }
}

impl Synthetic {
    /// Gives the device work of that length; when it will have done it.
    fn queue(&self, work: Duration) -> Instant {
        let mut busy_until = self.busy_until.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let end = busy_until.map_or(now, |until| until.max(now)) + work;
        *busy_until = Some(end);
        end
    }
}

impl Embedder for Synthetic {
    fn model_id(&self) -> &'static str {
        "synthetic-v1"
    }

    fn dimensions(&self) -> usize {
        DIMENSIONS
    }

    fn embed_passages(&self, texts: &[&str]) -> Vec<Vec<f32>> {
        #[expect(clippy::cast_precision_loss, reason = "a batch is small")]
        let seconds = texts.len() as f64 / self.chunks_per_second;
        let end = self.queue(self.call + Duration::from_secs_f64(seconds));
        let vectors = texts.iter().map(|text| vector(text)).collect();
        thread::sleep(end.saturating_duration_since(Instant::now()));
        vectors
    }

    /// At once: a path is a few words beside a chunk's hundreds.
    fn embed_paths(&self, texts: &[&str]) -> Vec<Vec<f32>> {
        texts.iter().map(|text| vector(text)).collect()
    }

    /// At once: a rate is about passages.
    fn embed_query(&self, text: &str) -> Vec<f32> {
        vector(text)
    }
}

/// Sixteen values of one size, their places and signs from the text's hash: unit length.
fn vector(text: &str) -> Vec<f32> {
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
    fn a_call_takes_as_long_as_its_device_and_gives_unit_vectors() {
        let device = Synthetic::new(1_000.0, Duration::from_millis(5));
        let begun = Instant::now();
        let vectors = device.embed_passages(&["a"; 20]);
        assert!(begun.elapsed() >= Duration::from_millis(25));
        assert_eq!(vectors[0], device.embed_query("a"));
        assert!((vectors[0].iter().map(|value| value * value).sum::<f32>() - 1.0).abs() < 1e-6);
        assert_ne!(vectors[0], device.embed_query("b"));
    }
}
