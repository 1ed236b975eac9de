//! Transformers on ONNX Runtime.
//!
//! [`OnnxEmbedder`] is the entry point. The work is divided among these modules:
//!
//! - `library` finds and loads ONNX Runtime; `cuda` preloads the libraries of its CUDA provider.
//! - `device` selects devices; `session_opener` opens sessions on them.
//! - `tokenizer` turns texts into token IDs; `batches` groups them; `inputs` builds the input tensors.
//! - `session` runs one model session; `session_pool` runs several sessions as one.
//! - `pooling` reduces token vectors to one vector per text; `device_pooling` does so on a GPU.
//! - `device_queue` schedules batches on one device, `device_queues` on several; `backoff` halves
//!   batches that do not fit in memory; `probe` measures the best batch size.
//! - `timing` counts where time is spent; `gauge` samples GPU utilization.
//!
//! Nothing is loaded before the first text or query. Every batch is bounded by its token count and its
//! memory. Types of the `ort` crate stay inside this module.

mod backoff;
mod batches;
mod cuda;
pub mod device;
mod device_pooling;
mod device_queue;
mod device_queues;
#[cfg(test)]
mod fake_session;
pub mod gauge;
mod inputs;
pub mod library;
mod pooling;
mod probe;
mod session;
mod session_opener;
mod session_pool;
mod timing;
mod tokenizer;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use config::{DeviceChoice, LibrarySearchPaths, Provider};
use device::{DeviceSelector, OpenedDevices};
use device_queue::EmbedWindow;
use device_queues::{DeviceFacts, DeviceQueues};
use embed::{DeviceReport, EmbedError, Embedder};
use gauge::{GpuSampler, VisibleGpus};
use hub::{InstalledModel, Precision};
use session_opener::OrtSessionOpener;
use timing::DeviceTiming;
use tokenizer::ModelTokenizer;

pub use session_opener::check_device_computes;

/// Settings of an [`OnnxEmbedder`], apart from its model.
#[derive(Clone, Debug)]
pub struct OnnxOptions {
    pub device: DeviceChoice,
    pub library: LibrarySearchPaths,
    /// The GPUs that CUDA exposes to this process.
    pub visible: VisibleGpus,
    /// The folder in which measured batch sizes are stored.
    pub probes_dir: PathBuf,
    /// The memory limit of the whole process.
    pub max_memory_bytes: u64,
    /// The number of tokens per batch, including padding. `None` measures the best size.
    pub batch_tokens: Option<usize>,
}

/// An embedder that runs a transformer on ONNX Runtime. The model is loaded on first use.
pub struct OnnxEmbedder {
    model: InstalledModel,
    options: OnnxOptions,
    loaded: Mutex<Option<Arc<LoadedModel>>>,
    timing: DeviceTiming,
    sampler: GpuSampler,
}

fn cpu_threads() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get)
}

/// A model whose sessions are open.
struct LoadedModel {
    tokenizer: ModelTokenizer,
    queues: DeviceQueues,
    passed_over: Vec<String>,
    library: String,
}

impl OnnxEmbedder {
    /// Creates an embedder without loading anything.
    pub fn new(model: InstalledModel, options: OnnxOptions) -> Self {
        let sampler = GpuSampler::new(options.visible.clone());
        Self { model, options, loaded: Mutex::default(), timing: DeviceTiming::default(), sampler }
    }

    /// Returns the loaded model, loading it first if necessary. A failure is not remembered: the next
    /// call tries again.
    fn loaded_model(&self) -> Result<Arc<LoadedModel>, EmbedError> {
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(model) = loaded.as_ref() {
            return Ok(Arc::clone(model));
        }
        Ok(Arc::clone(loaded.insert(Arc::new(self.load_model()?))))
    }

    fn load_model(&self) -> Result<LoadedModel, EmbedError> {
        let (model, path, options) = (&self.model.description, self.model.weights_path(), &self.options);
        let (weights_bytes, max_memory_bytes) = (self.model.weights_bytes(), options.max_memory_bytes);
        if weights_bytes > max_memory_bytes {
            let model = model.name.clone();
            return Err(EmbedError::TooLarge { model, path, weights_bytes, max_memory_bytes });
        }
        let wanted = device::wanted_provider(&options.device, &options.visible);
        let library = library::load_ort_library(&options.library, wanted, &model.name)?;
        let tokenizer = ModelTokenizer::load(&self.model.tokenizer_path(), model.max_tokens)?;
        let last_token = self.checked_last_token(&tokenizer)?;
        let arena_limit_bytes = |provider: Provider, id: u32| {
            let is_nvidia = matches!(provider, Provider::Cuda | Provider::TensorRt);
            let free = if is_nvidia { self.sampler.free_bytes(id) } else { None };
            free.and_then(|free| usize::try_from(free / 10 * 9).ok())
        };
        let threads = cpu_threads();
        let opener = OrtSessionOpener {
            library,
            model,
            path: &path,
            weights_bytes,
            threads,
            max_memory_bytes,
            wants_cuda: wanted == Some(Provider::Cuda) || wanted == Some(Provider::TensorRt),
            arena_limit_bytes: &arena_limit_bytes,
        };
        let misfit = |problem: &str| self.tokenizer_misfit(&tokenizer, last_token, problem);
        let gpu = gauge::first_gpu_name(&options.visible);
        let selector =
            DeviceSelector { opener: &opener, model, gpu, library: &library.path, last_token, misfit: &misfit };
        let OpenedDevices { devices, query_pool, mut passed_over } = selector.open_devices(&options.device)?;
        if let (Some(last), Some(hint)) = (passed_over.last_mut(), self.int8_hint(&devices)) {
            last.push_str(&hint);
        }
        let library = format!("{} {}", library.path.display(), library.version).trim().to_owned();
        let device_facts = |device: &device::Device| {
            let is_nvidia = matches!(device.provider, Provider::Cuda | Provider::TensorRt);
            let name = self.sampler.gpu_name(device.id).filter(|_| is_nvidia).unwrap_or_default();
            let key = format!("{} {name} {library} {threads} {}", self.model.id(), device.provider);
            DeviceFacts { probe_key: key, free_bytes: self.sampler.free_bytes(device.id).filter(|_| is_nvidia) }
        };
        let queues = DeviceQueues::new(devices, query_pool, options, &device_facts, model);
        if !passed_over.is_empty() {
            tracing::warn!(
                "{} runs on {}: {}",
                model.name,
                queues.device_names().join(" and "),
                passed_over.join("; ")
            );
        }
        Ok(LoadedModel { tokenizer, queues, passed_over, library })
    }

    /// Returns the tokenizer's largest token ID.
    ///
    /// # Errors
    /// When the ID exceeds the vocabulary size in `config.json`: the tokenizer belongs to another model.
    fn checked_last_token(&self, tokenizer: &ModelTokenizer) -> Result<u32, EmbedError> {
        let last = tokenizer.last_token_id();
        match self.model.vocabulary_size() {
            Some(size) if u64::from(last) >= size => {
                Err(self.tokenizer_misfit(tokenizer, last, &format!("config.json says {size} tokens")))
            }
            _ => Ok(last),
        }
    }

    /// Returns the error for a tokenizer whose largest token ID the model does not know.
    fn tokenizer_misfit(&self, tokenizer: &ModelTokenizer, last: u32, problem: &str) -> EmbedError {
        let path = self.model.weights_path();
        let path = path.display();
        tokenizer
            .misfit_error(format!("its largest token ID is {last}, which the model {path} does not know ({problem})"))
    }

    /// Returns a hint to use int8 weights, if the CPU runs fp16 weights although int8 ones are installed.
    fn int8_hint(&self, devices: &[(device::Device, session_pool::SessionPool)]) -> Option<String> {
        let InstalledModel { description, folder, precision, .. } = &self.model;
        let is_on_cpu = devices.iter().all(|(device, _)| device.provider == Provider::Cpu);
        let is_here = description.files.contains_key(&Precision::Int8)
            && description.missing_files(folder, Precision::Int8).is_empty();
        let is_wrong = is_on_cpu && *precision == Precision::Fp16 && is_here;
        is_wrong.then(|| {
            " (the int8 weights are faster there: append `:int8` to the model's name; this embeds everything again)"
                .into()
        })
    }

    fn model_if_loaded(&self) -> Option<Arc<LoadedModel>> {
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner).clone()
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
        self.try_embed_query(text).unwrap_or_else(|error| {
            tracing::warn!("{error}");
            vec![0.0; self.dimensions()]
        })
    }

    fn prepare(&self) -> Result<(), EmbedError> {
        self.loaded_model().map(drop)
    }

    fn try_embed_query(&self, text: &str) -> Result<Vec<f32>, EmbedError> {
        let loaded = self.loaded_model()?;
        let text = format!("{}{text}", self.model.description.query_prefix);
        let tokens = loaded.tokenizer.tokenize(&[&text])?;
        loaded.queues.embed_query(&tokens[0])
    }

    fn batches_internally(&self) -> bool {
        true
    }

    fn embed_each(&self, texts: &[&str], each: &mut dyn FnMut(usize, Vec<f32>) -> bool) -> Result<(), EmbedError> {
        let loaded = self.loaded_model()?;
        let prefix = &self.model.description.passage_prefix;
        let prefixed: Vec<String> =
            if prefix.is_empty() { Vec::new() } else { texts.iter().map(|text| format!("{prefix}{text}")).collect() };
        let prefixed: Vec<&str> = prefixed.iter().map(String::as_str).collect();
        let started = Instant::now();
        let tokens = loaded.tokenizer.tokenize(if prefix.is_empty() { texts } else { &prefixed })?;
        let tokenizing = (started, Instant::now());
        self.timing.record_tokenizing(tokenizing);
        loaded.queues.run_window(&mut EmbedWindow {
            tokens: &tokens,
            tokenizing,
            on_vector: each,
            timing: &self.timing,
        })
    }

    fn worker_count(&self) -> Option<usize> {
        // One more thread than there are windows tokenizes the next window. The model may not be loaded
        // yet: then the number of devices follows from the settings.
        let devices = self.model_if_loaded().map_or_else(
            || match &self.options.device {
                DeviceChoice::Named { ids, .. } => ids.len(),
                DeviceChoice::Auto => 1,
            },
            |loaded| loaded.queues.device_count(),
        );
        Some(devices * device_queues::WINDOWS_PER_DEVICE + 1)
    }

    fn window_chunks(&self) -> Option<usize> {
        let OnnxOptions { device, library, visible, .. } = &self.options;
        let is_cpu = self.model_if_loaded().map_or_else(
            || device::expected_provider(device, library, visible) == Provider::Cpu,
            |loaded| loaded.queues.is_cpu_only(),
        );
        // On a GPU, one batch may hold a whole window of the default size.
        (!is_cpu).then_some(8_192)
    }

    fn memory_bytes(&self) -> u64 {
        let weights = self.model.weights_bytes();
        let sessions = session_opener::session_count(weights, self.options.max_memory_bytes, cpu_threads());
        // Loading a session holds the weights twice for a moment.
        weights * (sessions as u64 + 1) + device_queues::cpu_batch_bytes(self.options.max_memory_bytes)
    }

    fn reset_report(&self) {
        self.timing.reset();
        self.sampler.reset();
        if let Some(loaded) = self.model_if_loaded() {
            loaded.queues.begin_run();
        }
    }

    fn sample_device(&self) {
        if let Some(loaded) = self.model_if_loaded() {
            self.sampler.sample(&loaded.queues.nvidia_ids());
        }
    }

    fn device_report(&self) -> Option<DeviceReport> {
        let loaded = self.model_if_loaded();
        let gpu_totals = self.sampler.totals();
        let report = DeviceReport {
            model: self.model.id().to_owned(),
            asked: self.options.device.to_string(),
            gpu_utilization: gpu_totals.map(|(share, _)| share),
            gpu_memory_bytes: gpu_totals.map(|(_, bytes)| bytes),
            ..self.timing.report()
        };
        let Some(loaded) = loaded else { return Some(report) };
        Some(DeviceReport {
            devices: loaded.queues.device_names(),
            passed_over: loaded.passed_over.clone(),
            library: loaded.library.clone(),
            batch_tokens: loaded.queues.batch_tokens() as u64,
            ..report
        })
    }
}

#[cfg(test)]
mod tests;
