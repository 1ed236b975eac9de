//! Turns options into settings.
//!
//! [`Options`] holds the values of flags and variables, unchecked. [`Settings`] is resolved and checked once,
//! then passed down. Only this module reads the environment and the working folder.

mod http;
mod models;
mod pipeline;
mod sharing;
mod user;

use std::env;
use std::path::{Path, PathBuf};
use std::time::Duration;

use types::{AbsPath, ContentHash};

pub use http::read_http_token;
pub use models::{DeviceChoice, LibrarySearchPaths, ModelOptions, ModelSettings, Provider};
pub use pipeline::{
    DEFAULT_EMBED_WORKERS, EmbedBatch, EmbedderChoice, PipelineOptions, PipelineSettings, parse_bytes,
    parse_bytes_or_zero,
};
pub use sharing::{is_sharing_enabled, runtime_dir};
pub use user::{OperatingSystem, UserEnvironment};

/// Files larger than this are not indexed: 1 MiB.
pub const DEFAULT_MAX_FILE_BYTES: u64 = 1 << 20;

/// Parsing a file stops after this time, 2 s, and the file is split by lines instead.
pub const DEFAULT_PARSE_TIME_LIMIT_MS: u64 = 2_000;

/// Size limit of the vector cache of each model: 2 GiB, about four million chunks.
pub const DEFAULT_MAX_CACHE_BYTES: u64 = 2 << 30;

/// Options of codescry, before resolution. `None` means that the option was not given.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The folder to index; by default, the working folder.
    pub path: Option<PathBuf>,
    /// `--index-dir`, `CODESCRY_INDEX_DIR`: the folder that holds this project's index.
    pub index_dir: Option<PathBuf>,
    /// `--max-file-bytes`, `CODESCRY_MAX_FILE_BYTES`.
    pub max_file_bytes: Option<u64>,
    /// `--parse-time-limit-ms`, `CODESCRY_PARSE_TIME_LIMIT_MS`.
    pub parse_time_limit_ms: Option<u64>,
    /// `--cache-dir`, `CODESCRY_CACHE_DIR`: the folder of the vector cache, shared by all projects.
    pub cache_dir: Option<PathBuf>,
    /// `--max-cache-bytes`, `CODESCRY_MAX_CACHE_BYTES`; 0 disables the cache.
    pub max_cache_bytes: Option<u64>,
    /// Options of the index pipeline.
    pub pipeline: PipelineOptions,
    /// Options of embedding models.
    pub models: ModelOptions,
}

/// The settings of one indexed folder.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The indexed folder.
    pub root: AbsPath,
    /// The folder of this project's index.
    pub index_dir: PathBuf,
    /// Files larger than this, in bytes, are counted but not indexed.
    pub max_file_bytes: u64,
    /// Time after which parsing a file stops, and the file is split by lines instead.
    pub parse_time_limit: Duration,
    /// The folder of the vector cache, shared by all projects.
    pub cache_dir: PathBuf,
    /// Size limit of the vector cache per model, in bytes. Above it, the least recently used vectors are dropped;
    /// 0 disables the cache.
    pub max_cache_bytes: u64,
    /// Settings of the index pipeline.
    pub pipeline: PipelineSettings,
    /// Settings of embedding models.
    pub models: ModelSettings,
}

/// The reason why options cannot be resolved.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The folder does not exist or cannot be opened.
    #[error("cannot open {path}: {source}; give a folder that exists")]
    Root { path: PathBuf, source: std::io::Error },
    /// The folder is a file.
    #[error("{path} is not a folder; give the folder to search, and `--path` to narrow it down")]
    NotAFolder { path: PathBuf },
    /// The working folder does not exist any more.
    #[error("cannot determine the working folder: {0}; change to a folder that exists")]
    WorkingFolder(std::io::Error),
    /// There is no home folder.
    #[error("cannot determine the home folder: {0}; set HOME")]
    HomeFolder(String),
    /// The system does not report the program's file.
    #[error("cannot determine the path of this program: {0}; start it by its full path")]
    Program(std::io::Error),
    /// `--token-file` cannot be read.
    #[error("cannot read the token in {path}: {source}; give a file that contains the token")]
    TokenFile { path: PathBuf, source: std::io::Error },
    /// The file of `--token-file` is empty.
    #[error("{path} contains no token; write one into it, such as the output of `openssl rand -hex 32`")]
    NoTokenInFile { path: PathBuf },
    /// A variable is not a number above zero.
    #[error("{name}={value} is not a whole number above zero; correct or unset it")]
    Number { name: &'static str, value: String },
    /// A variable has an invalid value.
    #[error("{name}={value}: {problem}; correct or unset it")]
    Value { name: &'static str, value: String, problem: String },
    /// The memory limit is too low.
    #[error("--max-memory is too low for indexing: {given} bytes; give at least {least} bytes")]
    Memory { given: u64, least: u64 },
    /// The user's data or cache folder is unknown, and none is given.
    #[error("cannot determine the user's data and cache folders: {0}; give --index-dir and --cache-dir")]
    DataFolder(String),
}

impl Options {
    /// Fills options that were not given as flags from `CODESCRY_…` variables.
    ///
    /// # Errors
    /// When a variable has an invalid value.
    pub fn with_environment(mut self) -> Result<Self, ConfigError> {
        let folder = |name| env::var_os(name).filter(|dir| !dir.is_empty()).map(PathBuf::from);
        self.index_dir = self.index_dir.or_else(|| folder("CODESCRY_INDEX_DIR"));
        self.cache_dir = self.cache_dir.or_else(|| folder("CODESCRY_CACHE_DIR"));
        self.max_cache_bytes =
            pipeline::value_or_environment(self.max_cache_bytes, "CODESCRY_MAX_CACHE_BYTES", parse_bytes_or_zero)?;
        self.max_file_bytes = number_or_environment(self.max_file_bytes, "CODESCRY_MAX_FILE_BYTES")?;
        self.parse_time_limit_ms = number_or_environment(self.parse_time_limit_ms, "CODESCRY_PARSE_TIME_LIMIT_MS")?;
        self.pipeline = self.pipeline.with_environment()?;
        self.models = self.models.with_environment()?;
        Ok(self)
    }
}

impl Settings {
    /// Resolves `options` against the working folder and the user's data folder.
    ///
    /// # Errors
    /// When the folder to index does not exist, the folder of the index cannot be determined, or the memory limit
    /// is too low.
    pub fn resolve(options: &Options) -> Result<Self, ConfigError> {
        let path = match &options.path {
            Some(path) => path.clone(),
            None => env::current_dir().map_err(ConfigError::WorkingFolder)?,
        };
        let root = AbsPath::canonical(&path).map_err(|source| ConfigError::Root { path: path.clone(), source })?;
        if !root.as_path().is_dir() {
            return Err(ConfigError::NotAFolder { path });
        }
        let index_dir = match &options.index_dir {
            Some(dir) => std::path::absolute(dir).map_err(ConfigError::WorkingFolder)?,
            None => user_folder(etcetera::BaseStrategy::data_dir)?.join(index_folder_name(root.as_path())),
        };
        let cache_dir = match &options.cache_dir {
            Some(dir) => std::path::absolute(dir).map_err(ConfigError::WorkingFolder)?,
            None => user_folder(etcetera::BaseStrategy::cache_dir)?,
        };
        Ok(Self {
            root,
            index_dir,
            models: ModelSettings::resolve(&options.models, Some(&cache_dir))?,
            max_file_bytes: options.max_file_bytes.unwrap_or(DEFAULT_MAX_FILE_BYTES),
            parse_time_limit: Duration::from_millis(options.parse_time_limit_ms.unwrap_or(DEFAULT_PARSE_TIME_LIMIT_MS)),
            cache_dir,
            max_cache_bytes: options.max_cache_bytes.unwrap_or(DEFAULT_MAX_CACHE_BYTES),
            pipeline: PipelineSettings::resolve(&options.pipeline)?,
        })
    }
}

/// Returns `given`, or else the number above zero in an environment variable; `None` if it is unset or empty.
///
/// # Errors
/// When the variable is not a number above zero.
fn number_or_environment<N>(given: Option<N>, name: &'static str) -> Result<Option<N>, ConfigError>
where
    N: std::str::FromStr + PartialOrd + From<u8>,
{
    if given.is_some() {
        return Ok(given);
    }
    let Some(value) = env::var_os(name).filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    let value = value.to_string_lossy().into_owned();
    match value.trim().parse::<N>() {
        Ok(number) if number > N::from(0) => Ok(Some(number)),
        _ => Err(ConfigError::Number { name, value }),
    }
}

/// Returns codescry's folder in the user's data or cache folder, such as `$XDG_DATA_HOME/codescry`.
fn user_folder(which: fn(&UserFolders) -> PathBuf) -> Result<PathBuf, ConfigError> {
    let folders = etcetera::choose_base_strategy().map_err(|error| ConfigError::DataFolder(error.to_string()))?;
    Ok(which(&folders).join("codescry"))
}

/// The platform's convention for the folders of a user.
#[cfg(not(windows))]
type UserFolders = etcetera::base_strategy::Xdg;
#[cfg(windows)]
type UserFolders = etcetera::base_strategy::Windows;

/// Returns the name of an index folder: the name of the indexed folder, and a hash of its path that
/// distinguishes folders of the same name.
fn index_folder_name(root: &Path) -> String {
    let name = root.file_name().map_or_else(|| "root".into(), |name| name.to_string_lossy());
    let hash = ContentHash::of_bytes(root.as_os_str().as_encoded_bytes()).to_string();
    format!("{name}-{}", &hash[..12])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_of_the_same_name_get_different_indexes() {
        let (a, b) = (index_folder_name(Path::new("/a/app")), index_folder_name(Path::new("/b/app")));
        assert!(a.starts_with("app-") && b.starts_with("app-"));
        assert_ne!(a, b);
    }

    #[test]
    fn a_missing_folder_is_named_in_the_error() {
        let options = Options { path: Some("/no/such/folder".into()), ..Options::default() };
        let error = Settings::resolve(&options).expect_err("there is no such folder").to_string();
        assert!(error.contains("/no/such/folder") && error.contains("give a folder"), "{error}");
    }
}
