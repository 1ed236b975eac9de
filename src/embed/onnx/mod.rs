//! Transformers on ONNX Runtime.
//!
//! Owns the [`OnnxEmbedder`], one concern a file: `library` finds and loads ONNX Runtime, `device`
//! chooses what was asked for, `opening` makes its sessions (`cuda` loads what those of CUDA need),
//! `tokens` makes tokens, `batches` says which texts go together, `inputs` and `session` run them and
//! `team` has several of those, `pool` makes one vector of many (`pooler` does on a GPU), `lane` takes windows of texts through a
//! device and `lanes` has several, `probe` finds the best size of a batch, `meter` and `gauge` say how
//! the time went. Types of ort never leave it.
//!
//! Invariants: nothing is loaded before the first text or question; what runs is what is reported;
//! a batch is bounded by its tokens and its memory, whatever the texts are. Must never import:
//! anything of this crate but `config` and `embed`.

mod batches;
mod cuda;
pub mod device;
#[cfg(test)]
mod fake;
pub mod gauge;
mod halving;
mod inputs;
mod lane;
mod lanes;
pub mod library;
mod meter;
mod opening;
mod pool;
mod pooler;
mod probe;
mod session;
mod team;
mod tokens;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::models::{Installed, Precision};
use super::{DeviceReport, EmbedError, Embedder};
use crate::config::{DeviceChoice, LibraryPlaces, Provider};
use device::{Candidates, Opened};
use gauge::{Gauge, Visible};
use lane::Work;
use lanes::{Known, Lanes};
use meter::Meter;
use opening::Opening;
use tokens::Splitter;

pub use opening::works;
pub use pool::normalize;

/// What an embedder needs to know beside its model.
#[derive(Clone, Debug)]
pub struct OnnxOptions {
    pub device: DeviceChoice,
    pub library: LibraryPlaces,
    /// The GPUs that CUDA shows.
    pub visible: Visible,
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
        let gauge = Gauge::new(options.visible.clone());
        Self { model, options, running: Mutex::default(), meter: Meter::default(), gauge }
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
        let (model, path, options) = (&self.model.description, self.model.file(), &self.options);
        let (weights_bytes, max_memory_bytes) = (self.model.weights_bytes(), options.max_memory_bytes);
        if weights_bytes > max_memory_bytes {
            let model = model.name.clone();
            return Err(EmbedError::TooLarge { model, path, weights_bytes, max_memory_bytes });
        }
        let wanted = device::wanted(&options.device, &options.visible);
        let library = library::load(&options.library, wanted, &model.name)?;
        let splitter = Splitter::read(&self.model.tokenizer(), model.max_tokens)?;
        let last_token = self.last_token(&splitter)?;
        let device_bytes = |provider: Provider, id: u32| {
            let is_known = matches!(provider, Provider::Cuda | Provider::TensorRt);
            let free = if is_known { self.gauge.free_bytes(id) } else { None };
            free.and_then(|free| usize::try_from(free / 10 * 9).ok())
        };
        let threads = threads();
        let opening = Opening {
            library,
            model,
            path: &path,
            weights_bytes,
            threads,
            max_memory_bytes,
            wants_cuda: wanted == Some(Provider::Cuda) || wanted == Some(Provider::TensorRt),
            device_bytes: &device_bytes,
        };
        let misfit = |problem: &str| self.misfit(&splitter, last_token, problem);
        let gpu = gauge::first(&options.visible);
        let candidates =
            Candidates { opens: &opening, model, gpu, library: &library.path, last_token, misfit: &misfit };
        let Opened { teams, on_cpu, mut passed_over } = candidates.open(&options.device)?;
        if let (Some(last), Some(hint)) = (passed_over.last_mut(), self.better_on_cpu(&teams)) {
            last.push_str(&hint);
        }
        let library = format!("{} {}", library.path.display(), library.version).trim().to_owned();
        let known = |device: &device::Device| {
            let is_nvidia = matches!(device.provider, Provider::Cuda | Provider::TensorRt);
            let name = self.gauge.name(device.id).filter(|_| is_nvidia).unwrap_or_default();
            let key = format!("{} {name} {library} {threads} {}", self.model.id(), device.provider);
            Known { key, free_bytes: self.gauge.free_bytes(device.id).filter(|_| is_nvidia) }
        };
        let lanes = Lanes::new(teams, on_cpu, options, &known, model);
        if !passed_over.is_empty() {
            tracing::warn!("{} runs on {}: {}", model.name, lanes.devices().join(" and "), passed_over.join("; "));
        }
        Ok(Running { splitter, lanes, passed_over, library })
    }

    /// The tokenizer's last token, which the model must have a row for: one that has none is of another
    /// tokenizer.
    fn last_token(&self, splitter: &Splitter) -> Result<u32, EmbedError> {
        let last = splitter.last_token();
        match self.model.vocabulary_size() {
            Some(size) if u64::from(last) >= size => {
                Err(self.misfit(splitter, last, &format!("config.json says {size} tokens")))
            }
            _ => Ok(last),
        }
    }

    fn misfit(&self, splitter: &Splitter, last: u32, problem: &str) -> EmbedError {
        let path = self.model.file();
        let path = path.display();
        splitter.bad(format!("its last token is {last}, which the model {path} does not know ({problem})"))
    }

    /// What to say where the CPU runs a file that is meant for a GPU, and one that is meant for the CPU is here.
    fn better_on_cpu(&self, teams: &[(device::Device, team::Team)]) -> Option<String> {
        let Installed { description, folder, precision, .. } = &self.model;
        let is_on_cpu = teams.iter().all(|(device, _)| device.provider == Provider::Cpu);
        let is_here =
            description.files.contains_key(&Precision::Int8) && description.missing(folder, Precision::Int8).is_empty();
        let is_wrong = is_on_cpu && *precision == Precision::Fp16 && is_here;
        is_wrong.then(|| {
            " (its int8 file is faster there: `:int8` behind the model's name, and all is embedded anew)".into()
        })
    }

    fn running_now(&self) -> Option<Arc<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).clone()
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
        let tokenized = (begun, Instant::now());
        self.meter.tokenized(tokenized);
        running.lanes.run(&mut Work { tokens: &tokens, tokenized, each, meter: &self.meter })
    }

    fn workers(&self) -> Option<usize> {
        // While a device has its windows, one more thread makes the tokens of the next. Asked before
        // anything is open, too.
        let devices = self.running_now().map_or_else(
            || match &self.options.device {
                DeviceChoice::Named { ids, .. } => ids.len(),
                DeviceChoice::Auto => 1,
            },
            |running| running.lanes.count(),
        );
        Some(devices * lanes::WINDOWS + 1)
    }

    fn window_chunks(&self) -> Option<usize> {
        let OnnxOptions { device, library, visible, .. } = &self.options;
        let is_cpu = self.running_now().map_or_else(
            || device::expected(device, library, visible) == Provider::Cpu,
            |running| running.lanes.is_cpu(),
        );
        // On a GPU a batch may be a whole window of the usual size.
        (!is_cpu).then_some(8_192)
    }

    fn memory_bytes(&self) -> u64 {
        let weights = self.model.weights_bytes();
        let sessions = opening::sessions(weights, self.options.max_memory_bytes, threads());
        // Once more while it is loaded.
        weights * (sessions as u64 + 1) + lanes::batch_bytes(self.options.max_memory_bytes)
    }

    fn begin(&self) {
        self.meter.reset();
        self.gauge.reset();
        if let Some(running) = self.running_now() {
            running.lanes.begin();
        }
    }

    fn sample(&self) {
        if let Some(running) = self.running_now() {
            self.gauge.sample(&running.lanes.gpus());
        }
    }

    fn report(&self) -> Option<DeviceReport> {
        let running = self.running_now();
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
