//! Settings of embedding models: the device, the folders, the hub, and the search paths of ONNX Runtime.

use std::env;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use super::{ConfigError, UserEnvironment, pipeline, user_folder};

/// The hub that models are downloaded from, unless `HF_ENDPOINT` names another.
const DEFAULT_HUB: &str = "https://huggingface.co";

/// A download that receives no byte for this long fails: 30 s.
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
    /// `CODESCRY_HUB_TIME_LIMIT_MS`: a download that receives no byte for this long fails.
    pub hub_time_limit: Duration,
    /// The search paths of ONNX Runtime's library.
    pub library: LibrarySearchPaths,
    /// `CUDA_VISIBLE_DEVICES`: the GPUs that CUDA shows this process.
    pub visible_gpus: Option<String>,
    /// The folder of the measured best batch sizes.
    pub probes_dir: PathBuf,
}

/// The search paths of ONNX Runtime's library, in search order.
#[derive(Clone, Debug, Default)]
pub struct LibrarySearchPaths {
    /// `CODESCRY_ORT_LIB`: a file or a folder. If set, no other path is searched.
    pub named: Option<PathBuf>,
    /// The folder of this program.
    pub program: Option<PathBuf>,
    /// The folders of `$LD_LIBRARY_PATH` or its counterpart, then the system's own.
    pub system: Vec<PathBuf>,
    /// Folders of Python packages.
    pub python: Vec<PathBuf>,
}

/// An execution provider: the hardware interface that runs a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Provider {
    Cpu,
    Cuda,
    TensorRt,
    CoreMl,
    DirectMl,
    Rocm,
    MiGraphX,
    OpenVino,
}

impl Provider {
    /// All providers, in the order in which `auto` tries them.
    pub const ALL: [Self; 8] = [
        Self::Cuda,
        Self::Rocm,
        Self::MiGraphX,
        Self::DirectMl,
        Self::CoreMl,
        Self::TensorRt,
        Self::OpenVino,
        Self::Cpu,
    ];

    /// Returns whether the provider runs on NVIDIA GPUs, with the CUDA libraries.
    pub fn is_nvidia(self) -> bool {
        matches!(self, Self::Cuda | Self::TensorRt)
    }

    /// Returns the name that `--device` accepts.
    pub fn flag_value(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Cuda => "cuda",
            Self::TensorRt => "tensorrt",
            Self::CoreMl => "coreml",
            Self::DirectMl => "directml",
            Self::Rocm => "rocm",
            Self::MiGraphX => "migraphx",
            Self::OpenVino => "openvino",
        }
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cpu => "CPU",
            Self::Cuda => "CUDA",
            Self::TensorRt => "TensorRT",
            Self::CoreMl => "CoreML",
            Self::DirectMl => "DirectML",
            Self::Rocm => "ROCm",
            Self::MiGraphX => "MIGraphX",
            Self::OpenVino => "OpenVINO",
        })
    }
}

/// The choice of the device that runs a model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum DeviceChoice {
    /// The best available device, the CPU if there is no other.
    #[default]
    Auto,
    /// Only these devices of a provider, by their numbers.
    Named { provider: Provider, ids: Vec<u32> },
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Named { provider, ids } = self else { return f.write_str("auto") };
        f.write_str(provider.flag_value())?;
        if ids == &[0] {
            return Ok(());
        }
        let ids: Vec<String> = ids.iter().map(u32::to_string).collect();
        write!(f, ":{}", ids.join(","))
    }
}

impl FromStr for DeviceChoice {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let usage = || {
            let names: Vec<&str> = Provider::ALL.iter().map(|provider| provider.flag_value()).collect();
            format!("give auto, {} or one of these with device numbers, such as cuda:0,1", names.join(", "))
        };
        let word = word.trim().to_ascii_lowercase();
        if word == "auto" {
            return Ok(Self::Auto);
        }
        let (name, ids) = word.split_once(':').map_or((word.as_str(), None), |(name, ids)| (name, Some(ids)));
        let provider = Provider::ALL.into_iter().find(|provider| provider.flag_value() == name).ok_or_else(usage)?;
        let Some(ids) = ids else { return Ok(Self::Named { provider, ids: vec![0] }) };
        let ids: Vec<u32> = ids.split(',').map(str::parse).collect::<Result<_, _>>().map_err(|_| usage())?;
        let distinct: std::collections::HashSet<&u32> = ids.iter().collect();
        if distinct.len() != ids.len() || provider == Provider::Cpu {
            return Err(usage());
        }
        Ok(Self::Named { provider, ids })
    }
}

impl ModelOptions {
    /// Fills options that were not given from `CODESCRY_…` variables.
    ///
    /// # Errors
    /// When `CODESCRY_DEVICE` names no device.
    pub fn with_environment(mut self) -> Result<Self, ConfigError> {
        self.device = pipeline::value_or_environment(self.device, "CODESCRY_DEVICE", str::parse)?;
        self.models_dir = self.models_dir.or_else(|| environment_path("CODESCRY_MODELS_DIR"));
        Ok(self)
    }
}

impl ModelSettings {
    /// Resolves `options`, with defaults from the environment and the user's folders.
    ///
    /// # Errors
    /// When the user's folders cannot be determined, or a variable has an invalid value.
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
        let hub_cache = environment_path("HF_HUB_CACHE")
            .or_else(|| environment_path("HF_HOME").map(|home| home.join("hub")))
            .unwrap_or_else(|| {
                let cache = environment_path("XDG_CACHE_HOME").unwrap_or_else(|| user.home.join(".cache"));
                cache.join("huggingface").join("hub")
            });
        let variable =
            |name| env::var(name).ok().map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        let is_true = |word: String| matches!(word.to_ascii_lowercase().as_str(), "1" | "true" | "yes" | "on");
        let time_limit_ms = super::number_or_environment::<u64>(None, "CODESCRY_HUB_TIME_LIMIT_MS")?
            .unwrap_or(DEFAULT_HUB_TIME_LIMIT_MS);
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

impl LibrarySearchPaths {
    /// Returns the search paths of this machine.
    fn detect(user: &UserEnvironment) -> Self {
        let program = user.program.canonicalize().unwrap_or_else(|_| user.program.clone());
        Self {
            named: environment_path("CODESCRY_ORT_LIB"),
            program: program.parent().map(PathBuf::from),
            system: loader_folders(),
            python: python_package_folders(user),
        }
    }
}

/// Returns the folders that the system's loader searches.
fn loader_folders() -> Vec<PathBuf> {
    let (variable, folders): (&str, &[&str]) = if cfg!(windows) {
        ("PATH", &["C:\\Program Files\\onnxruntime\\lib"])
    } else if cfg!(target_os = "macos") {
        ("DYLD_LIBRARY_PATH", &["/opt/homebrew/lib", "/usr/local/lib", "/usr/lib"])
    } else {
        let folders = &[
            "/usr/local/lib",
            "/usr/lib/x86_64-linux-gnu",
            "/usr/lib/aarch64-linux-gnu",
            "/usr/lib64",
            "/usr/lib",
            "/opt/onnxruntime/lib",
        ];
        ("LD_LIBRARY_PATH", folders)
    };
    let named = env::var_os(variable).unwrap_or_default();
    let named = env::split_paths(&named).filter(|folder| folder.is_absolute());
    unique_folders(named.chain(folders.iter().map(PathBuf::from)))
}

/// Returns the existing folders of Python packages: of the active environment, the interpreters on `$PATH`, the
/// user and the system, in this order.
fn python_package_folders(user: &UserEnvironment) -> Vec<PathBuf> {
    let mut prefixes: Vec<PathBuf> = ["VIRTUAL_ENV", "CONDA_PREFIX"].into_iter().filter_map(environment_path).collect();
    for name in ["python3", "python"] {
        let found = user.find_on_path(name);
        prefixes.extend(found.iter().filter_map(|python| python.parent()?.parent()).map(PathBuf::from));
        let real = found.and_then(|python| python.canonicalize().ok());
        prefixes.extend(real.iter().filter_map(|python| python.parent()?.parent()).map(PathBuf::from));
    }
    prefixes.extend([user.home.join(".local"), "/usr/local".into(), "/usr".into()]);
    let mut folders = Vec::new();
    for prefix in prefixes {
        folders.push(prefix.join("Lib").join("site-packages"));
        for lib in ["lib", "lib64"] {
            let Ok(entries) = std::fs::read_dir(prefix.join(lib)) else { continue };
            let is_python =
                |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("python"));
            let mut pythons: Vec<PathBuf> =
                entries.filter_map(|entry| Some(entry.ok()?.path())).filter(is_python).collect();
            pythons.sort();
            for python in pythons.into_iter().rev() {
                folders.extend([python.join("site-packages"), python.join("dist-packages")]);
            }
        }
    }
    unique_folders(folders.into_iter().filter(|folder| folder.is_dir()))
}

/// Removes later paths to the same folder.
fn unique_folders(folders: impl Iterator<Item = PathBuf>) -> Vec<PathBuf> {
    let mut seen = std::collections::HashSet::new();
    folders.filter(|folder| seen.insert(folder.canonicalize().unwrap_or_else(|_| folder.clone()))).collect()
}

/// Returns the path in an environment variable; `None` if it is unset or empty.
fn environment_path(name: &str) -> Option<PathBuf> {
    env::var_os(name).filter(|dir| !dir.is_empty()).map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_parsed_as_documented() {
        let named = |provider, ids: &[u32]| Ok(DeviceChoice::Named { provider, ids: ids.to_vec() });
        assert_eq!("auto".parse(), Ok(DeviceChoice::Auto));
        assert_eq!("cpu".parse(), named(Provider::Cpu, &[0]));
        assert_eq!("CUDA:0,1".parse(), named(Provider::Cuda, &[0, 1]));
        assert_eq!("rocm:2".parse(), named(Provider::Rocm, &[2]));
        for word in ["", "gpu", "cuda:", "cuda:x", "cuda:1,1", "cuda:-1", "cpu:1", "auto:0"] {
            let error = word.parse::<DeviceChoice>().expect_err(word);
            assert!(error.contains("cuda:0,1"), "{error}");
        }
        for word in ["auto", "cpu", "cuda", "cuda:1", "tensorrt:0,1"] {
            assert_eq!(word.parse::<DeviceChoice>().expect("a device").to_string(), word);
        }
    }
}
