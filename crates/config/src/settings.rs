//! The options of codescry, and the settings of one folder that they resolve to.

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Duration;

use types::{AbsPath, ContentHash};

use super::environment::{LocationSettings, user_folder};
use super::error::ConfigError;
use super::models::{ModelOptions, ModelSettings};
use super::pipeline::{PipelineOptions, PipelineSettings};
use super::variables::{
    number_or_environment, parse_bool, parse_bytes, parse_bytes_or_zero, value_or_environment, variable_path,
};

/// Default of [`Settings::max_file_bytes`]: 1 MiB.
const DEFAULT_MAX_FILE_BYTES: u64 = 1 << 20;

/// Default of [`Settings::parse_time_limit`], in milliseconds.
const DEFAULT_PARSE_TIME_LIMIT_MS: u64 = 2_000;

/// Default of [`Settings::max_cache_bytes`]: 2 GiB, about four million vectors of 256 dimensions.
const DEFAULT_MAX_CACHE_BYTES: u64 = 2 << 30;

/// Options of codescry, before resolution. `None` means that the option was not given.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The folder to index; by default, the working folder.
    pub path: Option<PathBuf>,
    /// `--index-dir`, `CODESCRY_INDEX_DIR`: the folder that holds this project's index, or the URL where it is
    /// published.
    pub index_dir: Option<PathBuf>,
    /// `--base`, `CODESCRY_BASE`: the location whose published index a new index starts from.
    pub base: Option<OsString>,
    /// `--trust-base`: answer from the published index although its files are not here.
    pub trust_base: bool,
    /// `--collection`: answer from the combined index of this collection, without a folder.
    pub collection: Option<OsString>,
    /// `--in-place`: with `trust_base` or `collection`, reads the published index at its location instead of fetching all of it.
    pub in_place: bool,
    /// `--max-file-bytes`, `CODESCRY_MAX_FILE_BYTES`.
    pub max_file_bytes: Option<u64>,
    /// `--cross-file-systems`, `CODESCRY_CROSS_FILE_SYSTEMS`: index folders on other file systems than the root's.
    pub cross_file_systems: Option<bool>,
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
    /// The published index that a new index starts from.
    pub base: Option<BaseSettings>,
    /// The variables of object stores, and time limits of locations.
    pub locations: LocationSettings,
    /// Maximum size of an indexed file, in bytes; larger files are counted but not indexed.
    pub max_file_bytes: u64,
    /// Whether folders on other file systems than the root's are indexed.
    pub cross_file_systems: bool,
    /// Processor time after which the parsing of a file stops; the file is then split by lines.
    pub parse_time_limit: Duration,
    /// The folder of the vector cache, shared by all projects.
    pub cache_dir: PathBuf,
    /// The user's `languages.toml`, which may not exist.
    pub languages_file: PathBuf,
    /// Size limit of the vector cache per model, in bytes. Above it, the least recently used vectors are dropped;
    /// 0 disables the cache.
    pub max_cache_bytes: u64,
    /// Settings of the index pipeline.
    pub pipeline: PipelineSettings,
    /// Settings of embedding models.
    pub models: ModelSettings,
}

/// The published index that a new index starts from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseSettings {
    /// The location: an absolute folder or a URL.
    pub location: OsString,
    /// Whether `codescry index` publishes at the location, because `--index-dir` is a URL.
    pub publishes: bool,
    /// Whether answers come from the published index although its files are not here.
    pub is_trusted: bool,
    /// Whether the location is a collection: answers come from the combined index of all its repositories, which is
    /// never changed here, only replaced by a newer one.
    pub is_collection: bool,
    /// Whether the published index is read at its location, and only its small files are fetched. It is then trusted.
    pub is_in_place: bool,
}

impl Options {
    /// Fills in the options that were not given as flags, from `CODESCRY_…` variables.
    ///
    /// # Errors
    /// When a variable has an invalid value.
    pub fn with_environment(mut self) -> Result<Self, ConfigError> {
        self.index_dir = self.index_dir.or_else(|| variable_path("CODESCRY_INDEX_DIR"));
        self.base = self.base.or_else(|| variable_path("CODESCRY_BASE").map(PathBuf::into_os_string));
        self.cache_dir = self.cache_dir.or_else(|| variable_path("CODESCRY_CACHE_DIR"));
        self.max_cache_bytes =
            value_or_environment(self.max_cache_bytes, "CODESCRY_MAX_CACHE_BYTES", parse_bytes_or_zero)?;
        self.max_file_bytes = value_or_environment(self.max_file_bytes, "CODESCRY_MAX_FILE_BYTES", parse_bytes)?;
        self.cross_file_systems =
            value_or_environment(self.cross_file_systems, "CODESCRY_CROSS_FILE_SYSTEMS", parse_bool)?;
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
    /// When the folder to index does not exist or is not a folder, the user's folders, the working folder or the
    /// program's file cannot be determined, a variable has an invalid value, the memory limit is too low, or a
    /// collection is given together with a folder or gets no folder in the cache.
    pub fn resolve(options: &Options) -> Result<Self, ConfigError> {
        match &options.collection {
            Some(location) => Self::resolve_collection(options, location),
            None => Self::resolve_folder(options),
        }
    }

    fn resolve_folder(options: &Options) -> Result<Self, ConfigError> {
        let path = match &options.path {
            Some(path) => path.clone(),
            None => env::current_dir().map_err(ConfigError::WorkingFolder)?,
        };
        let root = AbsPath::canonical(&path).map_err(|source| ConfigError::Root { path: path.clone(), source })?;
        if !root.as_path().is_dir() {
            return Err(ConfigError::NotAFolder { path });
        }
        let is_url = |dir: &&PathBuf| dir.to_str().is_some_and(|dir| dir.contains("://"));
        let published = options.index_dir.as_ref().filter(is_url).map(|dir| dir.clone().into_os_string());
        let base = match published.clone().or_else(|| options.base.clone()) {
            Some(location) => Some(BaseSettings {
                publishes: published.is_some(),
                is_trusted: options.trust_base || options.in_place,
                is_collection: false,
                is_in_place: options.in_place,
                location: resolve_location(location)?,
            }),
            None => None,
        };
        if options.in_place && base.is_none() {
            return Err(ConfigError::NothingInPlace);
        }
        if options.trust_base && base.is_none() {
            return Err(ConfigError::NothingTrusted);
        }
        let index_dir = match options.index_dir.as_ref().filter(|dir| !is_url(dir)) {
            Some(dir) => std::path::absolute(dir).map_err(ConfigError::WorkingFolder)?,
            None => user_folder(etcetera::BaseStrategy::data_dir)?.join(index_folder_name(root.as_path())),
        };
        let cache_dir = resolve_cache_dir(options)?;
        Self::with_places(options, (root, index_dir, cache_dir), base)
    }

    /// Returns the settings of a collection, whose folder is an empty one in the cache.
    fn resolve_collection(options: &Options, location: &OsStr) -> Result<Self, ConfigError> {
        if let Some(path) = &options.path {
            return Err(ConfigError::CollectionFolder { path: path.clone() });
        }
        let location = resolve_location(location.to_owned())?;
        let cache_dir = resolve_cache_dir(options)?;
        let shown = location.to_string_lossy().into_owned();
        let name = shown.rsplit(['/', '\\']).find(|part| !part.is_empty()).unwrap_or("collection");
        let folder = cache_dir.join("collections").join(index_folder_name(Path::new(&location)));
        let root = folder.join(name);
        std::fs::create_dir_all(&root).map_err(|source| ConfigError::Root { path: root.clone(), source })?;
        let root = AbsPath::canonical(&root).map_err(|source| ConfigError::Root { path: root, source })?;
        let is_in_place = options.in_place;
        let base = BaseSettings { location, publishes: false, is_trusted: true, is_collection: true, is_in_place };
        Self::with_places(options, (root, folder.join("index"), cache_dir), Some(base))
    }

    /// Returns the settings of an indexed folder, its index folder and the cache folder.
    fn with_places(
        options: &Options,
        (root, index_dir, cache_dir): (AbsPath, PathBuf, PathBuf),
        base: Option<BaseSettings>,
    ) -> Result<Self, ConfigError> {
        Ok(Self {
            root,
            index_dir,
            base,
            locations: LocationSettings::detect()?,
            models: ModelSettings::resolve(&options.models, Some(&cache_dir))?,
            max_file_bytes: options.max_file_bytes.unwrap_or(DEFAULT_MAX_FILE_BYTES),
            cross_file_systems: options.cross_file_systems.unwrap_or(false),
            parse_time_limit: Duration::from_millis(options.parse_time_limit_ms.unwrap_or(DEFAULT_PARSE_TIME_LIMIT_MS)),
            cache_dir,
            languages_file: user_folder(etcetera::BaseStrategy::config_dir)?.join("languages.toml"),
            max_cache_bytes: options.max_cache_bytes.unwrap_or(DEFAULT_MAX_CACHE_BYTES),
            pipeline: PipelineSettings::resolve(&options.pipeline)?,
        })
    }
}

fn resolve_cache_dir(options: &Options) -> Result<PathBuf, ConfigError> {
    match &options.cache_dir {
        Some(dir) => std::path::absolute(dir).map_err(ConfigError::WorkingFolder),
        None => user_folder(etcetera::BaseStrategy::cache_dir),
    }
}

/// Resolves a folder against the working folder, which is another one in a process that serves several clients. Returns a
/// URL as it is.
fn resolve_location(location: OsString) -> Result<OsString, ConfigError> {
    if location.to_str().is_some_and(|location| location.contains("://")) {
        return Ok(location);
    }
    Ok(std::path::absolute(&location).map_err(ConfigError::WorkingFolder)?.into_os_string())
}

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
    fn a_relative_location_is_that_of_the_working_folder_wherever_it_is_used() {
        let dir = tempfile::tempdir().expect("a folder");
        let location = |base: &str| {
            let options = Options { path: Some(dir.path().into()), base: Some(base.into()), ..Options::default() };
            Settings::resolve(&options).expect("settings").base.expect("a base").location
        };
        let working = env::current_dir().expect("a working folder");
        assert_eq!(location("team/indexes"), working.join("team/indexes").into_os_string());
        assert_eq!(location("s3://bucket/indexes"), OsString::from("s3://bucket/indexes"));
    }

    #[test]
    fn a_missing_folder_is_named_in_the_error() {
        let options = Options { path: Some("/no/such/folder".into()), ..Options::default() };
        let error = Settings::resolve(&options).expect_err("there is no such folder").to_string();
        assert!(error.contains("/no/such/folder") && error.contains("give a folder"), "{error}");
    }
}
