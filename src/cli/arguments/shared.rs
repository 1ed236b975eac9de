//! The arguments that every command takes, and their conversion to settings.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::Args;

use config::{
    ConfigError, DeviceChoice, EmbedBatch, EmbedderChoice, ModelOptions, ModelSettings, Options, ParserProgram,
    PipelineOptions, Settings,
};

use super::values::{ColorChoice, parse_positive};

/// The arguments that every command takes.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Global options")]
pub struct SharedArguments {
    /// Keep the index in this folder [default: one per project in the user's data folder]; a URL such as
    /// s3://bucket/folder is a location that a new index starts from, and where `codescry index` publishes it
    #[arg(long, global = true, value_name = "DIR|URL")]
    pub index_dir: Option<PathBuf>,
    /// Start a new index from the one published at this location: a folder, or a URL such as s3://bucket/folder#project
    #[arg(long, global = true, value_name = "LOCATION")]
    pub base: Option<OsString>,
    /// Answer from the published index of --base alone, in a folder without its files
    #[arg(long, global = true)]
    pub trust_base: bool,
    /// Answer from the combined index of the repositories that are published at this location, without a folder; see
    /// `codescry collection`
    #[arg(long, global = true, value_name = "LOCATION", conflicts_with_all = ["index_dir", "base", "trust_base"])]
    pub collection: Option<OsString>,
    /// With --trust-base or --collection: read the chunks from the location as answers need them, instead of
    /// downloading the index
    #[arg(long, global = true)]
    pub in_place: bool,
    /// Exclude files larger than this, such as 524288, 512KiB or 2MiB [default: 1MiB]
    #[arg(long, global = true, value_name = "N", value_parser = config::parse_bytes)]
    pub max_file_bytes: Option<u64>,
    /// Index folders on other file systems than the folder's own, such as mounts
    #[arg(long, global = true)]
    pub cross_file_systems: bool,
    /// Split a file by lines if parsing takes longer than this many milliseconds [default: 2000]
    #[arg(long, global = true, value_name = "N", value_parser = parse_positive::<u64>)]
    pub parse_time_limit_ms: Option<u64>,
    /// Keep the vector cache of all projects in this folder [default: the user's cache folder]
    #[arg(long, global = true, value_name = "DIR")]
    pub cache_dir: Option<PathBuf>,
    /// Limit the size of the vector cache; 0 disables it [default: 2GiB]
    #[arg(long, global = true, value_name = "N", value_parser = config::parse_bytes_or_zero)]
    pub max_cache_bytes: Option<u64>,
    #[command(flatten)]
    pub pipeline: PipelineArguments,
    /// Allow indexing and serving the home folder, a folder that contains it, or the root of a file system
    #[arg(long, global = true)]
    pub allow_home: bool,
    /// When to use colours
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value_t)]
    pub color: ColorChoice,
    /// Print more on standard error; repeat for even more
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Print only answers and errors: no progress, no notes and no report of an index run
    #[arg(long, short, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Disables colours if set and not empty; see <https://no-color.org>
    #[arg(long, global = true, hide = true, env = "NO_COLOR", require_equals = true)]
    pub no_color: Option<OsString>,
}

/// The settings of the index pipeline; `codescry bench pipeline` measures the effect of each.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Index pipeline")]
pub struct PipelineArguments {
    /// Memory limit of an index run, such as 512MiB [default: a quarter of the machine's memory]
    #[arg(long, global = true, value_name = "N", value_parser = config::parse_bytes)]
    pub max_memory: Option<u64>,
    /// Hold an index of up to this many chunks in memory; build search indexes for a larger one, and search by them
    /// [default: what --max-memory holds at 1280 bytes a chunk]
    #[arg(long, global = true, value_name = "CHUNKS")]
    pub resident_limit: Option<u64>,
    /// Threads that parse files [default: one per core]
    #[arg(long, global = true, value_name = "N", value_parser = parse_positive::<usize>)]
    pub parse_workers: Option<usize>,
    /// Threads that read and hash files [default: one per eight cores]
    #[arg(long, global = true, value_name = "N", value_parser = parse_positive::<usize>)]
    pub producers: Option<usize>,
    /// Capacity of each queue between two stages, in batches [default: 32]
    #[arg(long, global = true, value_name = "N", value_parser = parse_positive::<usize>)]
    pub queue_depth: Option<usize>,
    /// Files that one stage hands to the next in one batch [default: 8]
    #[arg(long, global = true, value_name = "N", value_parser = parse_positive::<usize>)]
    pub file_batch: Option<usize>,
    /// Parse all files before embedding the first chunk, so that batches hold chunks of similar length
    #[arg(long, global = true)]
    pub preparse: bool,
    /// Threads that call the embedder [default: 2]
    #[arg(long, global = true, value_name = "N", value_parser = parse_positive::<usize>)]
    pub embed_workers: Option<usize>,
    /// Chunks per call of the embedder, or auto to measure the fastest size [default: auto]
    #[arg(long, global = true, value_name = "N")]
    pub embed_batch: Option<EmbedBatch>,
    /// The embedding model: builtin, the name or folder of a model (see `codescry models`), or
    /// synthetic:CHUNKS_PER_SECOND[:CALL_MS], which simulates a device of that speed with vectors
    /// that carry no meaning [default: the model of the index, or builtin]
    #[arg(long, global = true, value_name = "NAME")]
    pub embedder: Option<EmbedderChoice>,
    /// The device that runs the model: auto, cpu, cuda, tensorrt, rocm, migraphx, directml, coreml
    /// or openvino, optionally with device numbers such as cuda:0,1 [default: auto]
    #[arg(long, global = true, value_name = "NAME")]
    pub device: Option<DeviceChoice>,
}

impl PipelineArguments {
    fn options(&self) -> PipelineOptions {
        PipelineOptions {
            parse_workers: self.parse_workers,
            embed_workers: self.embed_workers,
            producers: self.producers,
            queue_depth: self.queue_depth,
            file_batch: self.file_batch,
            preparse: self.preparse.then_some(true),
            embed_batch: self.embed_batch,
            max_memory_bytes: self.max_memory,
            resident_chunks: self.resident_limit,
            embedder: self.embedder.clone(),
            parser_program: None,
        }
    }

    /// Returns these arguments as flags of a child process.
    fn flags(&self) -> Vec<String> {
        let mut flags: Vec<String> = Vec::new();
        let mut flag = |name: &str, value: Option<String>| flags.extend(value.map(|value| format!("--{name}={value}")));
        flag("max-memory", self.max_memory.map(|bytes| bytes.to_string()));
        flag("resident-limit", self.resident_limit.map(|n| n.to_string()));
        flag("parse-workers", self.parse_workers.map(|n| n.to_string()));
        flag("embed-workers", self.embed_workers.map(|n| n.to_string()));
        flag("producers", self.producers.map(|n| n.to_string()));
        flag("queue-depth", self.queue_depth.map(|n| n.to_string()));
        flag("file-batch", self.file_batch.map(|n| n.to_string()));
        flag("embed-batch", self.embed_batch.map(|batch| batch.to_string()));
        flag("embedder", self.embedder.as_ref().map(ToString::to_string));
        flag("device", self.device.as_ref().map(ToString::to_string));
        flags.extend(self.preparse.then(|| "--preparse".to_owned()));
        flags
    }
}

impl SharedArguments {
    /// Returns the settings of a command on `path`, or on the working folder if `None`.
    ///
    /// # Errors
    /// If the folder does not exist, a setting or a `CODESCRY_…` variable is invalid, or the user's folders cannot be
    /// determined.
    pub fn settings(&self, path: Option<&Path>) -> Result<Settings, ConfigError> {
        let mut options = self.options(path).with_environment()?;
        options.pipeline.parser_program.get_or_insert(ParserProgram::Own);
        Settings::resolve(&options)
    }

    /// Returns the absolute path of the index folder that `--index-dir` or `CODESCRY_INDEX_DIR` names; `None` if
    /// neither is set, or if it is a URL.
    ///
    /// # Errors
    /// If a `CODESCRY_…` variable is invalid, or the working folder cannot be determined.
    pub fn given_index_dir(&self) -> Result<Option<PathBuf>, ConfigError> {
        let given = self.options(None).with_environment()?.index_dir;
        let given = given.filter(|dir| !dir.to_string_lossy().contains("://"));
        given.map(|dir| std::path::absolute(dir).map_err(ConfigError::WorkingFolder)).transpose()
    }

    /// Returns the model settings, which do not depend on a folder.
    ///
    /// # Errors
    /// If a `CODESCRY_…` variable is invalid, or the user's folders cannot be determined.
    pub fn model_settings(&self) -> Result<ModelSettings, ConfigError> {
        let options = self.options(None).with_environment()?;
        ModelSettings::resolve(&options.models, options.cache_dir.as_ref())
    }

    fn options(&self, path: Option<&Path>) -> Options {
        Options {
            path: path.map(Path::to_owned),
            index_dir: self.index_dir.clone(),
            base: self.base.clone(),
            trust_base: self.trust_base,
            collection: self.collection.clone(),
            in_place: self.in_place,
            max_file_bytes: self.max_file_bytes,
            cross_file_systems: self.cross_file_systems.then_some(true),
            parse_time_limit_ms: self.parse_time_limit_ms,
            cache_dir: self.cache_dir.clone(),
            max_cache_bytes: self.max_cache_bytes,
            pipeline: self.pipeline.options(),
            models: ModelOptions { device: self.pipeline.device.clone(), models_dir: None },
        }
    }

    /// Returns the arguments that affect an index run as flags of a child process, except the folders and the size of
    /// the vector cache.
    pub fn index_flags(&self) -> Vec<String> {
        let mut flags = self.pipeline.flags();
        flags.extend(self.max_file_bytes.map(|bytes| format!("--max-file-bytes={bytes}")));
        flags.extend(self.cross_file_systems.then(|| "--cross-file-systems".to_owned()));
        flags.extend(self.parse_time_limit_ms.map(|limit| format!("--parse-time-limit-ms={limit}")));
        flags
    }
}
