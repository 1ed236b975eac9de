//! Settings of embedding models: the device, the folders, and the hub.

use std::env;
use std::path::PathBuf;
use std::time::Duration;

use super::device::DeviceChoice;
use super::environment::{UserEnvironment, user_folder};
use super::error::ConfigError;
use super::library_paths::LibrarySearchPaths;
use super::variables::{number_or_environment, value_or_environment, variable_path};

/// The hub that models are downloaded from, unless `HF_ENDPOINT` names another.
const DEFAULT_HUB: &str = "https://huggingface.co";

/// Time without a received byte after which a download fails, in milliseconds.
const DEFAULT_HUB_TIME_LIMIT_MS: u64 = 30_000;

/// Options of embedding models, before resolution. `None` means that the option was not given.
#[derive(Clone, Debug, Default)]
pub struct ModelOptions {
    /// `--device`, `CODESCRY_DEVICE`.
    pub device: Option<DeviceChoice>,
    /// `--models-dir`, `CODESCRY_MODELS_DIR`.
    pub models_dir: Option<PathBuf>,
}

/// The settings of embedding models.
#[derive(Clone, Debug)]
pub struct ModelSettings {
    /// The device that runs models.
    pub device: DeviceChoice,
    /// The folder of installed models, with one subfolder per model.
    pub models_dir: PathBuf,
    /// The cache folder of Hugging Face's own tools.
    pub hub_cache: PathBuf,
    /// The URL of the hub: `HF_ENDPOINT`, or the public hub.
    pub hub: String,
    /// `HF_TOKEN`: sent only to the hub.
    pub hub_token: Option<String>,
    /// `HF_HUB_OFFLINE`: whether requests to the hub are forbidden.
    pub is_offline: bool,
    /// `CODESCRY_HUB_TIME_LIMIT_MS`: the time without a received byte after which a download fails.
    pub hub_time_limit: Duration,
    /// The search paths of ONNX Runtime's library.
    pub library: LibrarySearchPaths,
    /// `CUDA_VISIBLE_DEVICES`: the GPUs that CUDA shows this process.
    pub visible_gpus: Option<String>,
    /// The folder in which measurements of devices are stored, such as the best batch sizes.
    pub probes_dir: PathBuf,
}

impl ModelOptions {
    /// Fills in the options that were not given, from `CODESCRY_…` variables.
    ///
    /// # Errors
    /// When `CODESCRY_DEVICE` names no device.
    pub fn with_environment(mut self) -> Result<Self, ConfigError> {
        self.device = value_or_environment(self.device, "CODESCRY_DEVICE", str::parse)?;
        self.models_dir = self.models_dir.or_else(|| variable_path("CODESCRY_MODELS_DIR"));
        Ok(self)
    }
}

impl ModelSettings {
    /// Resolves `options`, with defaults from the environment and the user's folders.
    ///
    /// # Errors
    /// When the user's folders, the working folder or the program's file cannot be determined, or a variable has an
    /// invalid value.
    pub fn resolve(options: &ModelOptions, cache_dir: Option<&PathBuf>) -> Result<Self, ConfigError> {
        let models_dir = match &options.models_dir {
            Some(dir) => std::path::absolute(dir).map_err(ConfigError::WorkingFolder)?,
            None => user_folder(etcetera::BaseStrategy::data_dir)?.join("models"),
        };
        let cache_dir = match cache_dir {
            Some(dir) => dir.clone(),
            None => user_folder(etcetera::BaseStrategy::cache_dir)?,
        };
        let user = UserEnvironment::detect()?;
        let hub_cache = variable_path("HF_HUB_CACHE")
            .or_else(|| variable_path("HF_HOME").map(|home| home.join("hub")))
            .unwrap_or_else(|| {
                let cache = variable_path("XDG_CACHE_HOME").unwrap_or_else(|| user.home.join(".cache"));
                cache.join("huggingface").join("hub")
            });
        let variable =
            |name| env::var(name).ok().map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        let is_true = |word: String| matches!(word.to_ascii_lowercase().as_str(), "1" | "true" | "yes" | "on");
        let time_limit_ms =
            number_or_environment::<u64>(None, "CODESCRY_HUB_TIME_LIMIT_MS")?.unwrap_or(DEFAULT_HUB_TIME_LIMIT_MS);
        Ok(Self {
            device: options.device.clone().unwrap_or_default(),
            models_dir,
            hub_cache,
            hub: variable("HF_ENDPOINT").unwrap_or_else(|| DEFAULT_HUB.to_owned()).trim_end_matches('/').to_owned(),
            hub_token: variable("HF_TOKEN"),
            is_offline: variable("HF_HUB_OFFLINE").is_some_and(is_true),
            hub_time_limit: Duration::from_millis(time_limit_ms),
            library: LibrarySearchPaths::detect(&user),
            visible_gpus: env::var("CUDA_VISIBLE_DEVICES").ok(),
            probes_dir: cache_dir.join("probes"),
        })
    }
}
