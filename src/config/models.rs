//! The settings of embedding models: which device runs them, where they are kept, which hub has
//! them, and where ONNX Runtime's library may be.
//!
//! Must never import: anything but `config`.

use std::env;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use super::{ConfigError, Surroundings, pipeline, user_folder};

/// The hub that models come from, where `HF_ENDPOINT` names no other.
const HUB: &str = "https://huggingface.co";

/// Without a byte for this long a download is given up: 30 s.
const DEFAULT_HUB_TIME_LIMIT_MS: u64 = 30_000;

/// What was asked for. `None` is "not said".
#[derive(Clone, Debug, Default)]
pub struct ModelOptions {
    /// `--device`, `CODESCRY_DEVICE`.
    pub device: Option<DeviceChoice>,
    /// `--models-dir`, `CODESCRY_MODELS_DIR`.
    pub models_dir: Option<PathBuf>,
}

/// What holds for models.
#[derive(Clone, Debug)]
pub struct ModelSettings {
    /// What runs them.
    pub device: DeviceChoice,
    /// Where installed models are: one folder a model.
    pub models_dir: PathBuf,
    /// Where programs of the hub's own keep what they download.
    pub hub_cache: PathBuf,
    /// `HF_ENDPOINT`, or the public hub.
    pub hub: String,
    /// `HF_TOKEN`: sent to the hub alone.
    pub hub_token: Option<String>,
    /// `HF_HUB_OFFLINE`: nothing is asked of the hub.
    pub is_offline: bool,
    /// `CODESCRY_HUB_TIME_LIMIT_MS`: a hub that is silent for so long is given up.
    pub hub_time_limit: Duration,
    /// Where ONNX Runtime may be.
    pub library: LibraryPlaces,
    /// `CUDA_VISIBLE_DEVICES`: the GPUs that CUDA shows this process.
    pub visible_gpus: Option<String>,
    /// Where the best batch sizes are kept.
    pub probes_dir: PathBuf,
}

/// Where ONNX Runtime's library may be, in the order it is looked for.
#[derive(Clone, Debug, Default)]
pub struct LibraryPlaces {
    /// `CODESCRY_ORT_LIB`: a file or a folder. Nothing else is looked at then.
    pub named: Option<PathBuf>,
    /// The folder of this program.
    pub program: Option<PathBuf>,
    /// `$LD_LIBRARY_PATH` or its counterpart, and the system's own folders.
    pub system: Vec<PathBuf>,
    /// Folders that hold Python's packages.
    pub python: Vec<PathBuf>,
}

/// What can run a model.
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
    /// All of them, those that `auto` tries first at the front.
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

    /// As `--device` takes it.
    pub fn word(self) -> &'static str {
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

/// What is to run a model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum DeviceChoice {
    /// The best there is; the CPU where there is no other.
    #[default]
    Auto,
    /// These devices of a provider, and nothing else.
    Named { provider: Provider, ids: Vec<u32> },
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Named { provider, ids } = self else { return f.write_str("auto") };
        f.write_str(provider.word())?;
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
            let names: Vec<&str> = Provider::ALL.iter().map(|provider| provider.word()).collect();
            format!("give auto, {} or one of these with the numbers of devices, such as cuda:0,1", names.join(", "))
        };
        let word = word.trim().to_ascii_lowercase();
        if word == "auto" {
            return Ok(Self::Auto);
        }
        let (name, ids) = word.split_once(':').map_or((word.as_str(), None), |(name, ids)| (name, Some(ids)));
        let provider = Provider::ALL.into_iter().find(|provider| provider.word() == name).ok_or_else(usage)?;
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
    /// See [`crate::config::Options::or_environment`].
    ///
    /// # Errors
    /// When `CODESCRY_DEVICE` names no device.
    pub fn or_environment(mut self) -> Result<Self, ConfigError> {
        self.device = pipeline::value(self.device, "CODESCRY_DEVICE", str::parse)?;
        self.models_dir = self.models_dir.or_else(|| folder("CODESCRY_MODELS_DIR"));
        Ok(self)
    }
}

impl ModelSettings {
    /// Fills in what was not said from the environment and the user's folders.
    ///
    /// # Errors
    /// When the user's folders cannot be told, or a variable does not hold.
    pub fn resolve(options: &ModelOptions, cache_dir: Option<&PathBuf>) -> Result<Self, ConfigError> {
        let models_dir = match &options.models_dir {
            Some(dir) => std::path::absolute(dir).map_err(ConfigError::WorkingFolder)?,
            None => user_folder(etcetera::BaseStrategy::data_dir)?.join("models"),
        };
        let cache_dir = match cache_dir {
            Some(dir) => dir.clone(),
            None => user_folder(etcetera::BaseStrategy::cache_dir)?,
        };
        let user = Surroundings::of_this_process()?;
        let hub_cache =
            folder("HF_HUB_CACHE").or_else(|| folder("HF_HOME").map(|home| home.join("hub"))).unwrap_or_else(|| {
                let cache = folder("XDG_CACHE_HOME").unwrap_or_else(|| user.home.join(".cache"));
                cache.join("huggingface").join("hub")
            });
        let word = |name| env::var(name).ok().map(|word| word.trim().to_owned()).filter(|word| !word.is_empty());
        let is_yes = |word: String| matches!(word.to_ascii_lowercase().as_str(), "1" | "true" | "yes" | "on");
        let time_limit = super::number::<u64>(None, "CODESCRY_HUB_TIME_LIMIT_MS")?.unwrap_or(DEFAULT_HUB_TIME_LIMIT_MS);
        Ok(Self {
            device: options.device.clone().unwrap_or_default(),
            models_dir,
            hub_cache,
            hub: word("HF_ENDPOINT").unwrap_or_else(|| HUB.to_owned()).trim_end_matches('/').to_owned(),
            hub_token: word("HF_TOKEN"),
            is_offline: word("HF_HUB_OFFLINE").is_some_and(is_yes),
            hub_time_limit: Duration::from_millis(time_limit),
            library: LibraryPlaces::of(&user),
            visible_gpus: env::var("CUDA_VISIBLE_DEVICES").ok(),
            probes_dir: cache_dir.join("probes"),
        })
    }
}

impl LibraryPlaces {
    /// The places on this machine.
    fn of(user: &Surroundings) -> Self {
        let program = user.program.canonicalize().unwrap_or_else(|_| user.program.clone());
        Self {
            named: folder("CODESCRY_ORT_LIB"),
            program: program.parent().map(PathBuf::from),
            system: system_folders(),
            python: python_folders(user),
        }
    }
}

/// Where the system's loader looks.
fn system_folders() -> Vec<PathBuf> {
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
    unique(named.chain(folders.iter().map(PathBuf::from)))
}

/// Folders with Python's packages: of the active environment, of the pythons on `$PATH`, the
/// user's, the system's. Those that are there.
fn python_folders(user: &Surroundings) -> Vec<PathBuf> {
    let mut prefixes: Vec<PathBuf> = ["VIRTUAL_ENV", "CONDA_PREFIX"].into_iter().filter_map(folder).collect();
    for name in ["python3", "python"] {
        let found = user.on_path(name);
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
    unique(folders.into_iter().filter(|folder| folder.is_dir()))
}

fn unique(folders: impl Iterator<Item = PathBuf>) -> Vec<PathBuf> {
    let mut seen = std::collections::HashSet::new();
    folders.filter(|folder| seen.insert(folder.canonicalize().unwrap_or_else(|_| folder.clone()))).collect()
}

fn folder(name: &str) -> Option<PathBuf> {
    env::var_os(name).filter(|dir| !dir.is_empty()).map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_read_as_documented() {
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
