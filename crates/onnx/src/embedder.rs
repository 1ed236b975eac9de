//! The embedder that runs a transformer.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use config::Provider;
use embed::{DeviceReport, EmbedError, Embedder};
use hub::InstalledModel;

use crate::devices::{ort_opener, providers};
use crate::gpus::GpuSampler;
use crate::loaded_model::{self, LoadedModel};
use crate::options::OnnxOptions;
use crate::queue::device_queue::EmbedWindow;
use crate::queue::device_queues::{self, WINDOWS_PER_DEVICE};
use crate::queue::timing::DeviceTiming;

/// Number of chunks in a window for a device other than the CPU. A window of the default size could fit in a single
/// batch of a GPU.
const GPU_WINDOW_CHUNKS: usize = 8_192;

/// An embedder that runs a transformer on ONNX Runtime. The model is loaded on first use.
pub struct OnnxEmbedder {
    model: InstalledModel,
    options: OnnxOptions,
    loaded: Mutex<Option<Arc<LoadedModel>>>,
    timing: DeviceTiming,
    sampler: GpuSampler,
}

impl OnnxEmbedder {
    /// Creates an embedder without loading anything.
    pub fn new(model: InstalledModel, options: OnnxOptions) -> Self {
        let sampler = GpuSampler::new(options.visible_gpus.clone());
        Self { model, options, loaded: Mutex::default(), timing: DeviceTiming::default(), sampler }
    }

    /// Returns the loaded model, loading it first if necessary. After a failure, the next call tries again.
    fn load_model(&self) -> Result<Arc<LoadedModel>, EmbedError> {
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(model) = loaded.as_ref() {
            return Ok(Arc::clone(model));
        }
        let model = LoadedModel::open(&self.model, &self.options, &self.sampler)?;
        Ok(Arc::clone(loaded.insert(Arc::new(model))))
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

    fn runs_on_device(&self) -> bool {
        true
    }

    fn embed_passages(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EmbedError> {
        let mut vectors = vec![Vec::new(); texts.len()];
        self.embed_each(texts, &mut |at, vector| {
            vectors[at] = vector;
            true
        })?;
        Ok(vectors)
    }

    fn prepare(&self) -> Result<(), EmbedError> {
        self.load_model().map(drop)
    }

    fn embed_query(&self, text: &str) -> Result<Vec<f32>, EmbedError> {
        let loaded = self.load_model()?;
        let text = format!("{}{text}", self.model.description.query_prefix);
        let tokens = loaded.tokenizer.tokenize(&[&text])?;
        loaded.queues.embed_query(&tokens[0])
    }

    fn batches_internally(&self) -> bool {
        true
    }

    fn embed_each(&self, texts: &[&str], each: &mut dyn FnMut(usize, Vec<f32>) -> bool) -> Result<(), EmbedError> {
        let loaded = self.load_model()?;
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
            || providers::expected_device_count(&self.options.device),
            |loaded| loaded.queues.device_count(),
        );
        Some(devices * WINDOWS_PER_DEVICE + 1)
    }

    fn window_chunks(&self) -> Option<usize> {
        let OnnxOptions { device, library, visible_gpus, .. } = &self.options;
        let is_cpu = self.model_if_loaded().map_or_else(
            || providers::expected_provider(device, library, visible_gpus) == Provider::Cpu,
            |loaded| loaded.queues.is_cpu_only(),
        );
        (!is_cpu).then_some(GPU_WINDOW_CHUNKS)
    }

    fn memory_bytes(&self) -> u64 {
        let (weights, max_memory_bytes) = (self.model.weights_bytes(), self.options.max_memory_bytes);
        let sessions = ort_opener::session_count(weights, max_memory_bytes, loaded_model::cpu_threads());
        // Loading a session holds the weights twice for a moment.
        weights * (sessions as u64 + 1) + device_queues::cpu_batch_bytes(max_memory_bytes)
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
