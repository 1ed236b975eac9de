//! Transformer models, which ONNX Runtime runs. A program built without the feature `onnx` has
//! `transformers_absent` in place of this module.

use std::path::PathBuf;
use std::sync::Arc;

use config::{DeviceChoice, EmbedBatch, ModelSettings, Provider, Settings};
use embed::{EmbedError, Embedder};
use hub::InstalledModel;
pub use onnx::LibraryLocation;
use onnx::{OnnxEmbedder, OnnxOptions, VisibleGpus};

/// Number of tokens in an average chunk; converts `--embed-batch` for models that count tokens.
const CHUNK_TOKENS: usize = 128;

/// Opens a transformer. Its sessions are created on first use.
pub(crate) fn open_transformer(settings: &Settings, model: InstalledModel) -> Result<Arc<dyn Embedder>, EmbedError> {
    let options = OnnxOptions {
        device: settings.models.device.clone(),
        library: settings.models.library.clone(),
        visible_gpus: visible_gpus(&settings.models),
        probes_dir: settings.models.probes_dir.clone(),
        max_memory_bytes: settings.pipeline.max_memory_bytes,
        batch_tokens: match settings.pipeline.embed_batch {
            EmbedBatch::Auto => None,
            EmbedBatch::Chunks(chunks) => Some(chunks.saturating_mul(CHUNK_TOKENS)),
        },
    };
    Ok(Arc::new(OnnxEmbedder::new(model, options)))
}

/// Predicts the provider that models will run on, without loading ONNX Runtime.
pub(crate) fn predict_provider(settings: &ModelSettings) -> Provider {
    onnx::expected_provider(&settings.device, &settings.library, &visible_gpus(settings))
}

/// Returns the locations where the library is searched for the requested device, in order.
pub fn library_locations(settings: &ModelSettings) -> Vec<LibraryLocation> {
    onnx::preferred_locations(&settings.library, requested_provider(settings))
}

/// Returns the name of the first visible NVIDIA GPU, if there is one.
pub fn first_visible_gpu(settings: &ModelSettings) -> Option<String> {
    onnx::first_gpu_name(&visible_gpus(settings))
}

/// Tests whether each requested device can compute; for `auto`, tests the device that would be chosen. Returns an empty
/// list unless the library is loaded.
pub fn try_devices(settings: &ModelSettings) -> Vec<(DeviceChoice, Result<(), String>)> {
    let Some(library) = onnx::loaded_library() else { return Vec::new() };
    let (provider, ids) = match &settings.device {
        DeviceChoice::Named { provider, ids } => (*provider, ids.clone()),
        DeviceChoice::Auto => (predict_provider(settings), vec![0]),
    };
    let try_device = |id: u32| {
        let worked = onnx::check_device_computes(library, provider, id);
        (DeviceChoice::Named { provider, ids: vec![id] }, worked)
    };
    ids.into_iter().map(try_device).collect()
}

/// Loads the ONNX Runtime library if this process has not done so yet. Returns its file, its version and its
/// execution providers.
///
/// # Errors
/// When no usable library is found.
pub fn load_library(settings: &ModelSettings) -> Result<(PathBuf, String, Vec<Provider>), EmbedError> {
    let library = onnx::load_ort_library(&settings.library, requested_provider(settings), "in use")?;
    Ok((library.path.clone(), library.version.clone(), library.providers.clone()))
}

fn requested_provider(settings: &ModelSettings) -> Option<Provider> {
    onnx::wanted_provider(&settings.device, &visible_gpus(settings))
}

/// Returns the GPUs that `CUDA_VISIBLE_DEVICES` exposes.
fn visible_gpus(settings: &ModelSettings) -> VisibleGpus {
    VisibleGpus::parse(settings.visible_gpus.as_deref())
}
