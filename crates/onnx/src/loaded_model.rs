//! A model with its library, tokenizer and sessions.

use std::path::Path;

use config::Provider;
use embed::{EmbedError, check_model_files};
use hub::{InstalledModel, Precision};

use crate::devices::device::Device;
use crate::devices::ort_opener::OrtSessionOpener;
use crate::devices::providers;
use crate::devices::selector::{DeviceSelector, OpenedDevices};
use crate::gpus::{self, GpuSampler};
use crate::options::OnnxOptions;
use crate::queue::device_queues::{DeviceFacts, DeviceQueues, QueueSettings};
use crate::runtime::library::{self, OrtLibrary};
use crate::session::pool::SessionPool;
use crate::tokenizer::ModelTokenizer;

/// A model whose sessions are open.
pub struct LoadedModel {
    pub tokenizer: ModelTokenizer,
    pub queues: DeviceQueues,
    /// Reasons why `auto` passed over preferred devices.
    pub passed_over: Vec<String>,
    /// The file and the version of the ONNX Runtime library.
    pub library: String,
}

/// Returns the number of CPU threads that sessions may use.
pub fn cpu_threads() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get)
}

impl LoadedModel {
    /// Loads the library and the tokenizer, then opens sessions on the requested devices.
    ///
    /// # Errors
    /// Fails if the weights exceed the memory limit, the library, the tokenizer or the model does not load, a device
    /// requested by name is not available, no device works, or the model contradicts its description or its tokenizer.
    pub fn open(model: &InstalledModel, options: &OnnxOptions, sampler: &GpuSampler) -> Result<Self, EmbedError> {
        let path = model.weights_path();
        let weights_bytes = weights_within_limit(model, &path, options.max_memory_bytes)?;
        let wanted = providers::wanted_provider(&options.device, &options.visible_gpus);
        let library = library::load_ort_library(&options.library, wanted, &model.description.name)?;
        check_model_files(model)?;
        let tokenizer = ModelTokenizer::load(&model.tokenizer_path(), model.description.max_tokens)?;
        let last_token = checked_last_token(model, &tokenizer)?;
        let threads = cpu_threads();
        // A tenth of a GPU's free memory is left to other programs.
        let arena_limit_bytes = |provider: Provider, id: u32| {
            let free_bytes = sampler.free_bytes(id).filter(|_| provider.is_nvidia())?;
            usize::try_from(free_bytes / 10 * 9).ok()
        };
        let opener = OrtSessionOpener {
            library,
            model: &model.description,
            path: &path,
            weights_bytes,
            threads,
            max_memory_bytes: options.max_memory_bytes,
            wants_cuda: wanted.is_some_and(Provider::is_nvidia),
            arena_limit_bytes: &arena_limit_bytes,
        };
        let misfit = |problem: &str| tokenizer_misfit(model, &tokenizer, last_token, problem);
        let selector = DeviceSelector {
            opener: &opener,
            model: &model.description,
            gpu: gpus::first_gpu_name(&options.visible_gpus),
            library: &library.path,
            last_token,
            misfit: &misfit,
        };
        let OpenedDevices { devices, query_pool, mut passed_over } = selector.open_devices(&options.device)?;
        if let (Some(last), Some(hint)) = (passed_over.last_mut(), int8_hint(model, &devices)) {
            last.push_str(hint);
        }
        let library = describe_library(library);
        let device_facts = |device: &Device| {
            let is_nvidia = device.provider.is_nvidia();
            let name = sampler.gpu_name(device.id).filter(|_| is_nvidia).unwrap_or_default();
            let key = format!("{} {name} {library} {threads} {}", model.id(), device.provider);
            DeviceFacts { probe_key: key, free_bytes: sampler.free_bytes(device.id).filter(|_| is_nvidia) }
        };
        let settings = QueueSettings {
            probes_dir: &options.probes_dir,
            max_memory_bytes: options.max_memory_bytes,
            batch_tokens: options.batch_tokens,
        };
        let queues = DeviceQueues::new(devices, query_pool, settings, &device_facts, &model.description);
        if !passed_over.is_empty() {
            let (name, devices) = (&model.description.name, queues.device_names().join(" and "));
            tracing::warn!("{name} runs on {devices}: {}", passed_over.join("; "));
        }
        Ok(Self { tokenizer, queues, passed_over, library })
    }
}

/// Returns the size of the weights in bytes.
///
/// # Errors
/// Fails if the weights alone exceed the memory limit of the process.
fn weights_within_limit(model: &InstalledModel, path: &Path, max_memory_bytes: u64) -> Result<u64, EmbedError> {
    let weights_bytes = model.weights_bytes();
    if weights_bytes > max_memory_bytes {
        let (model, path) = (model.description.name.clone(), path.to_owned());
        return Err(EmbedError::TooLarge { model, path, weights_bytes, max_memory_bytes });
    }
    Ok(weights_bytes)
}

fn describe_library(library: &OrtLibrary) -> String {
    format!("{} {}", library.path.display(), library.version).trim().to_owned()
}

/// Returns the tokenizer's largest token ID.
///
/// # Errors
/// Fails if the ID is not below the vocabulary size in `config.json`: the tokenizer belongs to another model.
fn checked_last_token(model: &InstalledModel, tokenizer: &ModelTokenizer) -> Result<u32, EmbedError> {
    let last = tokenizer.last_token_id();
    match model.vocabulary_size() {
        Some(size) if u64::from(last) >= size => {
            Err(tokenizer_misfit(model, tokenizer, last, &format!("config.json says {size} tokens")))
        }
        _ => Ok(last),
    }
}

/// Returns the error for a tokenizer whose largest token ID the model does not know.
fn tokenizer_misfit(model: &InstalledModel, tokenizer: &ModelTokenizer, last: u32, problem: &str) -> EmbedError {
    let path = model.weights_path();
    let path = path.display();
    tokenizer.misfit_error(format!("its largest token ID is {last}, which the model {path} does not know ({problem})"))
}

/// Returns a hint to use int8 weights, if the CPU runs fp16 weights although int8 ones are installed.
fn int8_hint(model: &InstalledModel, devices: &[(Device, SessionPool)]) -> Option<&'static str> {
    let InstalledModel { description, folder, precision, .. } = model;
    let is_on_cpu = devices.iter().all(|(device, _)| device.provider == Provider::Cpu);
    let has_int8 = description.files.contains_key(&Precision::Int8)
        && description.missing_files(folder, Precision::Int8).is_empty();
    (is_on_cpu && *precision == Precision::Fp16 && has_int8).then_some(
        " (the int8 weights are faster there: append `:int8` to the model's name; this embeds everything again)",
    )
}
