//! Options become settings.
//!
//! [`Options`] is low: what flags and variables said, unchecked. [`Settings`] is high: resolved,
//! checked, built once and passed down. The only reader of the environment and the working folder.
//! Must never import: anything but `types`.

mod http;
pub mod machine;
mod models;
mod pipeline;
mod sharing;
mod user;

use std::env;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::types::{AbsPath, ContentHash};

pub use http::http_token;
pub use models::{DeviceChoice, LibraryPlaces, ModelOptions, ModelSettings, Provider};
pub use pipeline::{
    DEFAULT_EMBED_WORKERS, EmbedBatch, EmbedderChoice, Pipeline, PipelineOptions, parse_bytes, parse_bytes_or_none,
};
pub use sharing::{runtime_dir, shares};
pub use user::{Surroundings, System};

/// Files above this size are left out: 1 MiB.
pub const DEFAULT_MAX_FILE_BYTES: u64 = 1 << 20;

/// A parser that has not ended after this time gives up, and the file is split by lines.
pub const DEFAULT_PARSE_TIME_LIMIT_MS: u64 = 2_000;

/// Vectors kept for later runs, of each model: 2 GiB, some four million chunks.
pub const DEFAULT_MAX_CACHE_BYTES: u64 = 2 << 30;

/// What was asked for. `None` is "not said".
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The folder to index; the working folder if not said.
    pub path: Option<PathBuf>,
    /// `--index-dir`, `CODESCRY_INDEX_DIR`: the folder that holds this project's index.
    pub index_dir: Option<PathBuf>,
    /// `--max-file-bytes`, `CODESCRY_MAX_FILE_BYTES`.
    pub max_file_bytes: Option<u64>,
    /// `--parse-time-limit-ms`, `CODESCRY_PARSE_TIME_LIMIT_MS`.
    pub parse_time_limit_ms: Option<u64>,
    /// `--cache-dir`, `CODESCRY_CACHE_DIR`: the folder that holds the vectors of all projects.
    pub cache_dir: Option<PathBuf>,
    /// `--max-cache-bytes`, `CODESCRY_MAX_CACHE_BYTES`; 0 for no cache.
    pub max_cache_bytes: Option<u64>,
    /// How an index run goes about its work.
    pub pipeline: PipelineOptions,
    /// What runs embedding models, and where they are.
    pub models: ModelOptions,
}

/// What holds for this run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The folder that is indexed.
    pub root: AbsPath,
    /// Where the index is: one folder a project.
    pub index_dir: PathBuf,
    /// Files above this size are left out, and counted.
    pub max_file_bytes: u64,
    /// See [`DEFAULT_PARSE_TIME_LIMIT_MS`].
    pub parse_time_limit: Duration,
    /// Where vectors are kept between runs and shared by projects.
    pub cache_dir: PathBuf,
    /// Above this the cache forgets what was not of use for longest; at 0 nothing is kept.
    pub max_cache_bytes: u64,
    /// How an index run goes about its work.
    pub pipeline: Pipeline,
    /// What runs embedding models, and where they are.
    pub models: ModelSettings,
}

/// An option that cannot hold.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The folder is not there.
    #[error("cannot open {path}: {source}; give a folder that exists")]
    Root { path: PathBuf, source: std::io::Error },
    /// The folder is a file.
    #[error("{path} is not a folder; give the folder to search, and `--path` to narrow it down")]
    NotAFolder { path: PathBuf },
    /// The working folder is gone.
    #[error("cannot tell the working folder: {0}; change to a folder that exists")]
    WorkingFolder(std::io::Error),
    /// No home folder.
    #[error("cannot tell the home folder: {0}; set HOME")]
    HomeFolder(String),
    /// The system does not say which file the program is.
    #[error("cannot tell this program's own file: {0}")]
    Program(std::io::Error),
    /// `--token-file` cannot be read.
    #[error("cannot read the token in {path}: {source}; give a file with the secret in it")]
    TokenFile { path: PathBuf, source: std::io::Error },
    /// `--token-file` holds nothing.
    #[error("there is no token in {path}; write one into it, such as `openssl rand -hex 32` prints")]
    NoTokenInFile { path: PathBuf },
    /// A variable is not what it should be.
    #[error("{name}={value} is not a whole number above zero; correct or unset it")]
    Number { name: &'static str, value: String },
    /// A variable names no embedder, no batch size, or neither yes nor no.
    #[error("{name}={value}: {problem}; correct or unset it")]
    Value { name: &'static str, value: String, problem: String },
    /// The memory ceiling leaves no room to work in.
    #[error("--max-memory {given} bytes is too little to index in; give at least {least} bytes")]
    Memory { given: u64, least: u64 },
    /// No home folder and no `--index-dir`.
    #[error("cannot tell the user's data and cache folders: {0}; give --index-dir and --cache-dir")]
    DataFolder(String),
}

impl Options {
    /// Fills what the flags did not say from `CODESCRY_…` variables.
    ///
    /// # Errors
    /// When a variable is not a number where one is wanted.
    pub fn or_environment(mut self) -> Result<Self, ConfigError> {
        let folder = |name| env::var_os(name).filter(|dir| !dir.is_empty()).map(PathBuf::from);
        self.index_dir = self.index_dir.or_else(|| folder("CODESCRY_INDEX_DIR"));
        self.cache_dir = self.cache_dir.or_else(|| folder("CODESCRY_CACHE_DIR"));
        self.max_cache_bytes = pipeline::value(self.max_cache_bytes, "CODESCRY_MAX_CACHE_BYTES", parse_bytes_or_none)?;
        self.max_file_bytes = number(self.max_file_bytes, "CODESCRY_MAX_FILE_BYTES")?;
        self.parse_time_limit_ms = number(self.parse_time_limit_ms, "CODESCRY_PARSE_TIME_LIMIT_MS")?;
        self.pipeline = self.pipeline.or_environment()?;
        self.models = self.models.or_environment()?;
        Ok(self)
    }
}

impl Settings {
    /// Resolves `options` against the working folder and the user's data folder.
    ///
    /// # Errors
    /// When the folder to index does not exist, no place for the index can be told, or the memory
    /// ceiling is too low.
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
            None => user_folder(etcetera::BaseStrategy::data_dir)?.join(index_name(root.as_path())),
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
            pipeline: Pipeline::resolve(&options.pipeline)?,
        })
    }
}

/// `given`, or the variable's number.
fn number<N>(given: Option<N>, name: &'static str) -> Result<Option<N>, ConfigError>
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

/// `$XDG_DATA_HOME/codescry`, `$XDG_CACHE_HOME/codescry` or the platform's counterpart.
fn user_folder(which: fn(&UserFolders) -> PathBuf) -> Result<PathBuf, ConfigError> {
    let folders = etcetera::choose_base_strategy().map_err(|error| ConfigError::DataFolder(error.to_string()))?;
    Ok(which(&folders).join("codescry"))
}

/// Where the platform wants a user's files.
#[cfg(not(windows))]
type UserFolders = etcetera::base_strategy::Xdg;
#[cfg(windows)]
type UserFolders = etcetera::base_strategy::Windows;

/// The folder's own name for people, and a hash of its whole path against namesakes.
fn index_name(root: &Path) -> String {
    let name = root.file_name().map_or_else(|| "root".into(), |name| name.to_string_lossy());
    let hash = ContentHash::of(root.as_os_str().as_encoded_bytes()).to_string();
    format!("{name}-{}", &hash[..12])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn namesakes_get_different_folders() {
        let (a, b) = (index_name(Path::new("/a/app")), index_name(Path::new("/b/app")));
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
