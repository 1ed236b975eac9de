//! Settings of the index pipeline: threads, queues, batches and memory.
//!
//! Each setting has a `CODESCRY_…` variable, and each but the parser program a flag of the same name.
//! `codescry bench pipeline` measures their effect.

use std::fmt;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use platform::process;

use super::error::ConfigError;
use super::variables::{number_or_environment, parse_bool, parse_bytes, value_or_environment};

/// Minimum value of `--max-memory`: 128 MiB.
const MIN_MAX_MEMORY_BYTES: u64 = 128 << 20;

/// The part of `--max-memory` that is reserved for the program, its model and the store, in bytes; at most half of the
/// limit. The rest is the upper bound for files in flight; [`PipelineSettings::parser_memory_bytes`] is not subtracted
/// from it.
const RESERVED_BYTES: u64 = 384 << 20;

/// Memory that a chunk takes in an index that is held in memory, in bytes, rounded up from a measurement: 392 MiB for
/// 330,000 chunks.
const RESIDENT_CHUNK_BYTES: u64 = 1_280;

/// The default of `--max-memory` if the machine's memory is unknown: 1 GiB.
const FALLBACK_MEMORY_BYTES: u64 = 1 << 30;

/// Options of the index pipeline, before resolution. `None` means that the option was not given.
#[derive(Clone, Debug, Default)]
pub struct PipelineOptions {
    /// `--parse-workers`, `CODESCRY_PARSE_WORKERS`.
    pub parse_workers: Option<usize>,
    /// `--producers`, `CODESCRY_PRODUCERS`.
    pub producers: Option<usize>,
    /// `--queue-depth`, `CODESCRY_QUEUE_DEPTH`.
    pub queue_depth: Option<usize>,
    /// `--file-batch`, `CODESCRY_FILE_BATCH`.
    pub file_batch: Option<usize>,
    /// `--preparse`, `CODESCRY_PREPARSE`.
    pub preparse: Option<bool>,
    /// `--embed-workers`, `CODESCRY_EMBED_WORKERS`.
    pub embed_workers: Option<usize>,
    /// `--embed-batch`, `CODESCRY_EMBED_BATCH`.
    pub embed_batch: Option<EmbedBatch>,
    /// `--max-memory`, `CODESCRY_MAX_MEMORY`, in bytes.
    pub max_memory_bytes: Option<u64>,
    /// `--resident-limit`, `CODESCRY_RESIDENT_LIMIT`, in chunks.
    pub resident_chunks: Option<u64>,
    /// `--embedder`, `CODESCRY_EMBEDDER`.
    pub embedder: Option<EmbedderChoice>,
    /// `CODESCRY_PARSER`: the program whose processes parse.
    pub parser_program: Option<ParserProgram>,
}

/// The settings of an index run.
#[derive(Clone, Debug, PartialEq)]
pub struct PipelineSettings {
    /// Maximum number of threads that parse, each with a parser process of its own unless this process parses.
    pub parse_workers: usize,
    /// Number of threads that read and hash files.
    pub producers: usize,
    /// Capacity of the queue between two stages, in batches. A stage waits while its output queue is full.
    pub queue_depth: usize,
    /// Number of files per batch between stages.
    pub file_batch: usize,
    /// Whether all files are parsed before the first chunk is embedded, so that all chunks can be batched by
    /// length.
    pub preparse: bool,
    /// Number of threads that call the embedder; `None` lets the embedder choose. With two, a call is
    /// ready when the previous one ends, so the device is never idle between calls.
    pub embed_workers: Option<usize>,
    /// Number of chunks per call of the embedder.
    pub embed_batch: EmbedBatch,
    /// Memory limit of an index run, in bytes.
    pub max_memory_bytes: u64,
    /// Number of chunks up to which an index is held in memory. A larger one is searched by the indexes of the storage
    /// engine.
    pub resident_chunks: u64,
    /// The embedder; `None` for the one that the index was built with, or else the built-in model.
    pub embedder: Option<EmbedderChoice>,
    /// The program whose processes parse.
    pub parser_program: ParserProgram,
}

/// The program whose processes parse, with the command `parse-worker`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ParserProgram {
    /// No program: files are parsed in this process, and a file on which a grammar crashes ends the process. This is
    /// the default of the library, because another program may not have the command.
    #[default]
    InProcess,
    /// This program.
    Own,
    /// The program at this path, of the same version.
    Program(PathBuf),
}

/// The number of chunks per call of the embedder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EmbedBatch {
    /// The fastest size, measured in the first calls of a run.
    #[default]
    Auto,
    /// A fixed number.
    Chunks(usize),
}

/// The choice of the embedder, which turns chunks into vectors.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum EmbedderChoice {
    /// The static model inside the program.
    #[default]
    BuiltIn,
    /// Meaningless vectors at a fixed rate, which simulate a device in benchmarks.
    Synthetic {
        /// Chunks per second within a call.
        chunks_per_second: f64,
        /// Time between the start of a call and its first chunk.
        call: Duration,
    },
    /// A model, by its folder or by a name that `codescry models` lists.
    Model(String),
}

impl PipelineOptions {
    /// Fills in the options that were not given, from `CODESCRY_…` variables.
    ///
    /// # Errors
    /// When a variable has an invalid value.
    pub(crate) fn with_environment(mut self) -> Result<Self, ConfigError> {
        self.parse_workers = number_or_environment(self.parse_workers, "CODESCRY_PARSE_WORKERS")?;
        self.producers = number_or_environment(self.producers, "CODESCRY_PRODUCERS")?;
        self.queue_depth = number_or_environment(self.queue_depth, "CODESCRY_QUEUE_DEPTH")?;
        self.file_batch = number_or_environment(self.file_batch, "CODESCRY_FILE_BATCH")?;
        self.preparse = value_or_environment(self.preparse, "CODESCRY_PREPARSE", parse_bool)?;
        self.embed_workers = number_or_environment(self.embed_workers, "CODESCRY_EMBED_WORKERS")?;
        self.embed_batch = value_or_environment(self.embed_batch, "CODESCRY_EMBED_BATCH", str::parse)?;
        self.max_memory_bytes = value_or_environment(self.max_memory_bytes, "CODESCRY_MAX_MEMORY", parse_bytes)?;
        self.resident_chunks = value_or_environment(self.resident_chunks, "CODESCRY_RESIDENT_LIMIT", parse_chunks)?;
        self.embedder = value_or_environment(self.embedder, "CODESCRY_EMBEDDER", str::parse)?;
        self.parser_program = value_or_environment(self.parser_program, "CODESCRY_PARSER", str::parse)?;
        Ok(self)
    }
}

impl PipelineSettings {
    /// Resolves `options`; defaults depend on the machine's cores and memory.
    ///
    /// # Errors
    /// When the memory limit is too low.
    pub(crate) fn resolve(options: &PipelineOptions) -> Result<Self, ConfigError> {
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let max_memory_bytes = options.max_memory_bytes.unwrap_or_else(default_max_memory_bytes);
        if max_memory_bytes < MIN_MAX_MEMORY_BYTES {
            return Err(ConfigError::Memory { given: max_memory_bytes, least: MIN_MAX_MEMORY_BYTES });
        }
        Ok(Self {
            parse_workers: options.parse_workers.unwrap_or(cores).max(1),
            producers: options.producers.unwrap_or(cores.div_ceil(8)).max(1),
            queue_depth: options.queue_depth.unwrap_or(DEFAULT_QUEUE_DEPTH).max(1),
            file_batch: options.file_batch.unwrap_or(DEFAULT_FILE_BATCH).max(1),
            preparse: options.preparse.unwrap_or(false),
            embed_workers: options.embed_workers.map(|workers| workers.max(1)),
            embed_batch: options.embed_batch.unwrap_or_default(),
            max_memory_bytes,
            resident_chunks: options.resident_chunks.unwrap_or(max_memory_bytes / RESIDENT_CHUNK_BYTES),
            embedder: options.embedder.clone(),
            parser_program: options.parser_program.clone().unwrap_or_default(),
        })
    }

    /// Returns the memory for all parser processes together, in bytes: a quarter of the limit.
    pub fn parser_memory_bytes(&self) -> u64 {
        self.max_memory_bytes / 4
    }

    /// Returns the memory for files in flight between the stages, in bytes: the limit minus a reserve for the
    /// program, its model and the store.
    pub fn in_flight_bytes(&self) -> u64 {
        self.max_memory_bytes - RESERVED_BYTES.min(self.max_memory_bytes / 2)
    }
}

/// Default of [`PipelineSettings::queue_depth`].
const DEFAULT_QUEUE_DEPTH: usize = 32;

/// Default of [`PipelineSettings::embed_workers`] where the embedder has no preference.
pub const DEFAULT_EMBED_WORKERS: usize = 2;

/// Default of [`PipelineSettings::file_batch`].
const DEFAULT_FILE_BATCH: usize = 8;

/// Returns the default memory limit, in bytes: a quarter of the machine's memory, but at least
/// [`MIN_MAX_MEMORY_BYTES`]; [`FALLBACK_MEMORY_BYTES`] if the machine's memory is unknown.
fn default_max_memory_bytes() -> u64 {
    process::memory_bytes().map_or(FALLBACK_MEMORY_BYTES, |total| (total / 4).max(MIN_MAX_MEMORY_BYTES))
}

/// Parses a number of chunks.
fn parse_chunks(text: &str) -> Result<u64, std::num::ParseIntError> {
    text.trim().parse()
}

impl fmt::Display for EmbedBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Chunks(chunks) => write!(f, "{chunks}"),
        }
    }
}

impl fmt::Display for EmbedderChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuiltIn => f.write_str("builtin"),
            Self::Synthetic { chunks_per_second, call } => {
                write!(f, "synthetic:{chunks_per_second}:{}", call.as_secs_f64() * 1000.0)
            }
            Self::Model(name) => f.write_str(name),
        }
    }
}

impl FromStr for EmbedBatch {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        if word.eq_ignore_ascii_case("auto") {
            return Ok(Self::Auto);
        }
        let number = word.parse::<usize>().ok().filter(|number| *number > 0);
        number.map(Self::Chunks).ok_or_else(|| "give auto, or a whole number above zero".to_owned())
    }
}

impl FromStr for ParserProgram {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        match word {
            "in-process" => Ok(Self::InProcess),
            "own" => Ok(Self::Own),
            path if Path::new(path).is_absolute() => Ok(Self::Program(path.into())),
            _ => Err("give the absolute path of a program, own, or in-process".to_owned()),
        }
    }
}

impl FromStr for EmbedderChoice {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let usage = || "give builtin, a model's name or folder, or synthetic:CHUNKS_PER_SECOND[:CALL_MS]".to_owned();
        if word == "builtin" {
            return Ok(Self::BuiltIn);
        }
        let Some(synthetic) = word.strip_prefix("synthetic:") else {
            // Whether the model exists is checked when it is opened.
            return if word.is_empty() || word == "synthetic" {
                Err(usage())
            } else {
                Ok(Self::Model(word.to_owned()))
            };
        };
        let mut parts = synthetic.splitn(2, ':');
        let number =
            |part: Option<&str>| part.map(|part| part.parse::<f64>().ok().filter(|n| n.is_finite() && *n >= 0.0));
        let rate = number(parts.next()).flatten().filter(|rate| *rate > 0.0).ok_or_else(usage)?;
        let call_ms = number(parts.next()).unwrap_or(Some(0.0)).ok_or_else(usage)?;
        let call = Duration::try_from_secs_f64(call_ms / 1000.0).map_err(|_| usage())?;
        Ok(Self::Synthetic { chunks_per_second: rate, call })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn embedders_and_batch_sizes_are_parsed_as_documented() {
        let synthetic =
            |rate, ms| EmbedderChoice::Synthetic { chunks_per_second: rate, call: Duration::from_millis(ms) };
        assert_eq!("builtin".parse(), Ok(EmbedderChoice::BuiltIn));
        assert_eq!("synthetic:500".parse(), Ok(synthetic(500.0, 0)));
        assert_eq!("synthetic:500:20".parse(), Ok(synthetic(500.0, 20)));
        assert_eq!("potion-code-16M".parse(), Ok(EmbedderChoice::Model("potion-code-16M".to_owned())));
        for word in ["", "synthetic", "synthetic:", "synthetic:0", "synthetic:-1", "synthetic:nan", "synthetic:5:x"] {
            assert!(word.parse::<EmbedderChoice>().is_err(), "{word}");
        }
        assert_eq!(("auto".parse(), "64".parse()), (Ok(EmbedBatch::Auto), Ok(EmbedBatch::Chunks(64))));
        assert!("0".parse::<EmbedBatch>().is_err());
    }

    #[test]
    fn a_too_low_memory_limit_is_refused_and_files_get_at_least_half() {
        let with =
            |bytes| PipelineSettings::resolve(&PipelineOptions { max_memory_bytes: Some(bytes), ..Default::default() });
        assert!(with(1 << 20).expect_err("too little").to_string().contains("give at least 128MiB"));
        assert_eq!(with(128 << 20).expect("enough").in_flight_bytes(), 64 << 20);
        assert_eq!(with(1 << 30).expect("enough").in_flight_bytes(), 640 << 20);
    }
}
