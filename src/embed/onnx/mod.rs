//! Transformers on ONNX Runtime.
//!
//! Owns the [`OnnxEmbedder`], one concern a file: `library` finds and loads ONNX Runtime, `device`
//! opens sessions on what was asked for, `tokens` makes tokens, `batches` says which texts go
//! together, `session` runs them and `team` has several of those, `pool` makes one vector of many, `probe` finds the best size of a
//! batch, `meter` and `gauge` say how the time went. Types of ort never leave it.
//!
//! Invariants: nothing is loaded before the first text or question; what runs is what is reported;
//! a batch is bounded by its tokens and its memory, whatever the texts are. Must never import:
//! anything of this crate but `config` and `embed`.

mod batches;
mod device;
mod gauge;
mod halving;
mod lanes;
pub mod library;
mod meter;
mod pool;
mod probe;
mod session;
mod team;
mod tokens;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::models::Installed;
use super::{DeviceReport, EmbedError, Embedder};
use crate::config::{DeviceChoice, LibraryPlaces, Provider};
use device::{Opened, Opening};
use gauge::Gauge;
use lanes::{Lanes, Work};
use meter::Meter;
use tokens::Splitter;

pub use pool::normalize;

/// What an embedder needs to know beside its model.
#[derive(Clone, Debug)]
pub struct OnnxOptions {
    pub device: DeviceChoice,
    pub library: LibraryPlaces,
    pub probes_dir: PathBuf,
    /// Of the whole process.
    pub max_memory_bytes: u64,
    /// Tokens with padding in a batch, instead of what a probe finds.
    pub batch_tokens: Option<usize>,
}

/// A model that is opened when it is first needed.
pub struct OnnxEmbedder {
    model: Installed,
    options: OnnxOptions,
    running: Mutex<Option<Arc<Running>>>,
    meter: Meter,
    gauge: Gauge,
}

fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get)
}

/// A model that is open.
struct Running {
    splitter: Splitter,
    lanes: Lanes,
    passed_over: Vec<String>,
    library: String,
}

impl OnnxEmbedder {
    /// Nothing is loaded yet.
    pub fn new(model: Installed, options: OnnxOptions) -> Self {
        Self { model, options, running: Mutex::default(), meter: Meter::default(), gauge: Gauge::new() }
    }

    /// The open model, opened now if it was not. A failure is not kept.
    fn running(&self) -> Result<Arc<Running>, EmbedError> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = running.as_ref() {
            return Ok(Arc::clone(running));
        }
        Ok(Arc::clone(running.insert(Arc::new(self.open()?))))
    }

    fn open(&self) -> Result<Running, EmbedError> {
        let (model, path) = (&self.model.description, self.model.file());
        let library = library::load(&self.options.library, &model.name)?;
        let splitter = Splitter::read(&self.model.tokenizer(), model.max_tokens)?;
        let threads = threads();
        let id = match &self.options.device {
            DeviceChoice::Named { ids, .. } => ids.first().copied().unwrap_or(0),
            DeviceChoice::Auto => 0,
        };
        let free = self.gauge.free_bytes(id).and_then(|free| usize::try_from(free / 10 * 9).ok());
        let max_memory_bytes = self.options.max_memory_bytes;
        let opening = Opening { library, model, path: &path, threads, max_memory_bytes, device_bytes: free };
        let Opened { teams, passed_over } = opening.open(&self.options.device)?;
        if !passed_over.is_empty() {
            tracing::warn!("{} runs on the CPU: {}", model.name, passed_over.join("; "));
        }
        let is_cpu = teams.iter().all(|(device, _)| device.provider == Provider::Cpu);
        let on_cpu = if is_cpu { None } else { Some(opening.on_cpu()?) };
        let library = format!("{} {}", library.path.display(), library.version).trim().to_owned();
        let key = format!("{} {} {library} {threads}", self.model.id(), self.gauge.name(id).unwrap_or_default());
        let lanes = Lanes::new(teams, on_cpu, &self.options, &key, model);
        let running = Running { splitter, lanes, passed_over, library };
        self.try_out(&running)?;
        Ok(running)
    }

    /// Runs the tokenizer's last token through the model: one that has no row for it is of another
    /// tokenizer. Tells also whether vectors come out at all.
    fn try_out(&self, running: &Running) -> Result<(), EmbedError> {
        let last = running.splitter.last_token();
        let misfit = |problem: &str| {
            running.splitter.bad(format!(
                "its last token is {last}, which the model {} does not know ({problem})",
                self.model.file().display()
            ))
        };
        if let Some(size) = self.model.vocabulary_size()
            && u64::from(last) >= size
        {
            return Err(misfit(&format!("config.json says {size} tokens")));
        }
        match running.lanes.query(&[last]) {
            Ok(_) => Ok(()),
            Err(EmbedError::Run { problem, .. })
                if problem.contains("out of data bounds") || problem.contains("idx=") =>
            {
                Err(misfit(&problem))
            }
            Err(error) => Err(error),
        }
    }
}

impl Embedder for OnnxEmbedder {
    fn model_id(&self) -> &str {
        self.model.id()
    }

    fn dimensions(&self) -> usize {
        self.model.description.width()
    }

    fn embed_passages(&self, texts: &[&str]) -> Vec<Vec<f32>> {
        let mut vectors = vec![vec![0.0; self.dimensions()]; texts.len()];
        let embedded = self.embed_each(texts, &mut |at, vector| {
            vectors[at] = vector;
            true
        });
        if let Err(error) = embedded {
            tracing::warn!("{error}");
        }
        vectors
    }

    fn embed_query(&self, text: &str) -> Vec<f32> {
        self.try_query(text).unwrap_or_else(|error| {
            tracing::warn!("{error}");
            vec![0.0; self.dimensions()]
        })
    }

    fn ready(&self) -> Result<(), EmbedError> {
        self.running().map(drop)
    }

    fn try_query(&self, text: &str) -> Result<Vec<f32>, EmbedError> {
        let running = self.running()?;
        let text = format!("{}{text}", self.model.description.query_prefix);
        let tokens = running.splitter.split(&[&text])?;
        running.lanes.query(&tokens[0])
    }

    fn makes_batches(&self) -> bool {
        true
    }

    fn embed_each(&self, texts: &[&str], each: &mut dyn FnMut(usize, Vec<f32>) -> bool) -> Result<(), EmbedError> {
        let running = self.running()?;
        let prefix = &self.model.description.passage_prefix;
        let prefixed: Vec<String> =
            if prefix.is_empty() { Vec::new() } else { texts.iter().map(|text| format!("{prefix}{text}")).collect() };
        let prefixed: Vec<&str> = prefixed.iter().map(String::as_str).collect();
        let begun = Instant::now();
        let tokens = running.splitter.split(if prefix.is_empty() { texts } else { &prefixed })?;
        self.meter.tokenized(begun);
        running.lanes.run(&mut Work { tokens: &tokens, each, meter: &self.meter })
    }

    fn workers(&self) -> Option<usize> {
        // While each device works on a window, one more thread makes the tokens of the next.
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.as_ref().map(|running| running.lanes.count() + 1)
    }

    fn window_chunks(&self) -> Option<usize> {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        // On a GPU a batch may be a whole window of the usual size.
        running.as_ref().filter(|running| !running.lanes.is_cpu()).map(|_| 8_192)
    }

    fn memory_bytes(&self) -> u64 {
        let weights = std::fs::metadata(self.model.file()).map_or(0, |file| file.len());
        let sessions = device::sessions(weights, self.options.max_memory_bytes, threads());
        // Once more while it is loaded.
        weights * (sessions as u64 + 1) + lanes::batch_bytes(self.options.max_memory_bytes)
    }

    fn begin(&self) {
        self.meter.reset();
        self.gauge.reset();
    }

    fn sample(&self) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(running) = running {
            self.gauge.sample(&running.lanes.gpus());
        }
    }

    fn report(&self) -> Option<DeviceReport> {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let seen = self.gauge.seen();
        let report = DeviceReport {
            model: self.model.id().to_owned(),
            asked: self.options.device.to_string(),
            gpu_utilization: seen.map(|(share, _)| share),
            gpu_memory_bytes: seen.map(|(_, bytes)| bytes),
            ..self.meter.report()
        };
        let Some(running) = running else { return Some(report) };
        Some(DeviceReport {
            devices: running.lanes.devices(),
            passed_over: running.passed_over.clone(),
            library: running.library.clone(),
            batch_tokens: running.lanes.batch_tokens() as u64,
            ..report
        })
    }
}

#[cfg(test)]
mod tests;
