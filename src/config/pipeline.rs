//! The settings of the index pipeline: how many threads, how deep the queues, how large the
//! batches, how much memory.
//!
//! Each has a flag and a `CODESCRY_…` variable of the same name, and a default that
//! `codescry bench pipeline` can be asked about. Must never import: anything but `config`.

use std::env;
use std::fmt;
use std::num::NonZeroUsize;
use std::str::FromStr;
use std::time::Duration;

use super::{ConfigError, machine, number};

/// The least that `--max-memory` may say: 128 MiB.
pub const MIN_MAX_MEMORY_BYTES: u64 = 128 << 20;

/// What the program itself, its model and the store's engine take of `--max-memory`; never more
/// than half of it. The rest is for files on their way through the stages.
const RESERVED_BYTES: u64 = 384 << 20;

/// `--max-memory` where the machine does not tell how much it has: 1 GiB.
const FALLBACK_MEMORY_BYTES: u64 = 1 << 30;

/// What was asked for. `None` is "not said".
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
    /// `--max-memory`, `CODESCRY_MAX_MEMORY`: bytes.
    pub max_memory_bytes: Option<u64>,
    /// `--embedder`, `CODESCRY_EMBEDDER`.
    pub embedder: Option<EmbedderChoice>,
}

/// What holds for a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Pipeline {
    /// Parser threads; each lives as long as the run and loads a grammar once.
    pub parse_workers: usize,
    /// Threads that read and hash files.
    pub producers: usize,
    /// Batches each queue between two stages holds before the stage in front of it waits.
    pub queue_depth: usize,
    /// Files handed from stage to stage at once.
    pub file_batch: usize,
    /// Whether every file is parsed before the first chunk is embedded, so that all chunks can be
    /// batched by length.
    pub preparse: bool,
    /// Threads that call the embedder. With two, a device has its next call waiting while it works
    /// on one: it is never idle because this program wakes late or prepares what follows.
    /// `None` for as many as the embedder wants.
    pub embed_workers: Option<usize>,
    /// Chunks in one call of the embedder.
    pub embed_batch: EmbedBatch,
    /// Ceiling for the memory of an index run, in bytes.
    pub max_memory_bytes: u64,
    /// What turns chunks into vectors; `None` for what the index was made with, or the built-in model.
    pub embedder: Option<EmbedderChoice>,
}

/// Chunks in one call of the embedder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EmbedBatch {
    /// The size with the best rate, found in the first calls of a run.
    #[default]
    Auto,
    /// So many.
    Chunks(usize),
}

/// What turns chunks into vectors.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum EmbedderChoice {
    /// The static model inside the program.
    #[default]
    BuiltIn,
    /// Vectors without meaning at a set speed: stands in for a device in benchmarks.
    Synthetic {
        /// Chunks a second once a call has begun.
        chunks_per_second: f64,
        /// What a call takes before its first chunk.
        call: Duration,
    },
    /// A model by its name or its folder; see `codescry models`.
    Model(String),
}

impl PipelineOptions {
    /// See [`crate::config::Options::or_environment`].
    pub(super) fn or_environment(mut self) -> Result<Self, ConfigError> {
        self.parse_workers = number(self.parse_workers, "CODESCRY_PARSE_WORKERS")?;
        self.producers = number(self.producers, "CODESCRY_PRODUCERS")?;
        self.queue_depth = number(self.queue_depth, "CODESCRY_QUEUE_DEPTH")?;
        self.file_batch = number(self.file_batch, "CODESCRY_FILE_BATCH")?;
        self.preparse = value(self.preparse, "CODESCRY_PREPARSE", yes_or_no)?;
        self.embed_workers = number(self.embed_workers, "CODESCRY_EMBED_WORKERS")?;
        self.embed_batch = value(self.embed_batch, "CODESCRY_EMBED_BATCH", str::parse)?;
        self.max_memory_bytes = value(self.max_memory_bytes, "CODESCRY_MAX_MEMORY", parse_bytes)?;
        self.embedder = value(self.embedder, "CODESCRY_EMBEDDER", str::parse)?;
        Ok(self)
    }
}

impl Pipeline {
    /// Fills in what was not said, after what the machine has.
    pub(super) fn resolve(options: &PipelineOptions) -> Result<Self, ConfigError> {
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let max_memory_bytes = options.max_memory_bytes.unwrap_or_else(quarter_of_memory);
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
            embedder: options.embedder.clone(),
        })
    }

    /// Bytes that files may take on their way through the stages, see `RESERVED_BYTES`.
    pub fn in_flight_bytes(&self) -> u64 {
        self.max_memory_bytes - RESERVED_BYTES.min(self.max_memory_bytes / 2)
    }
}

/// See [`Pipeline::queue_depth`].
const DEFAULT_QUEUE_DEPTH: usize = 32;

/// See [`Pipeline::embed_workers`].
pub const DEFAULT_EMBED_WORKERS: usize = 2;

/// See [`Pipeline::file_batch`].
const DEFAULT_FILE_BATCH: usize = 8;

fn quarter_of_memory() -> u64 {
    machine::memory_bytes().map_or(FALLBACK_MEMORY_BYTES, |total| (total / 4).max(MIN_MAX_MEMORY_BYTES))
}

/// `given`, or the variable's value as `parse` reads it.
pub(super) fn value<T, E: ToString>(
    given: Option<T>,
    name: &'static str,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Result<Option<T>, ConfigError> {
    if given.is_some() {
        return Ok(given);
    }
    let Some(value) = env::var_os(name).filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    let value = value.to_string_lossy().into_owned();
    match parse(value.trim()) {
        Ok(parsed) => Ok(Some(parsed)),
        Err(problem) => Err(ConfigError::Value { name, value, problem: problem.to_string() }),
    }
}

pub(super) fn yes_or_no(word: &str) -> Result<bool, &'static str> {
    match word.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" => Ok(true),
        "0" | "false" | "no" => Ok(false),
        _ => Err("give true or false"),
    }
}

/// `524288`, `512KiB`, `2M`, `1 GB`: a number of bytes above zero.
///
/// # Errors
/// What to give instead.
pub fn parse_bytes(word: &str) -> Result<u64, String> {
    let refuse = || "give a number of bytes above zero, such as 524288, 512KiB or 2MiB".to_owned();
    let digits = word.trim().trim_end_matches(|c: char| !c.is_ascii_digit());
    let unit: u64 = match word.trim()[digits.len()..].trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        _ => return Err(refuse()),
    };
    let number = digits.parse::<u64>().ok().filter(|number| *number > 0);
    number.and_then(|number| number.checked_mul(unit)).ok_or_else(refuse)
}

/// As [`parse_bytes`], or 0.
///
/// # Errors
/// What to give instead.
pub fn parse_bytes_or_none(word: &str) -> Result<u64, String> {
    if word.trim() == "0" { Ok(0) } else { parse_bytes(word) }
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

impl FromStr for EmbedderChoice {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let usage = || "give builtin, a model's name or folder, or synthetic:CHUNKS_PER_SECOND[:CALL_MS]".to_owned();
        if word == "builtin" {
            return Ok(Self::BuiltIn);
        }
        let Some(synthetic) = word.strip_prefix("synthetic:") else {
            // Which models there are is known where they are opened.
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
    fn embedders_and_batches_are_read_as_documented() {
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
    fn bytes_are_read_as_people_write_them() {
        let read = |word| parse_bytes(word).ok();
        assert_eq!(
            [read("524288"), read("512KiB"), read("2 MiB"), read("1m")],
            [524_288, 524_288, 2 << 20, 1 << 20].map(Some)
        );
        assert_eq!(read("3kb"), Some(3_000));
        assert_eq!([read("0"), read(""), read("MiB"), read("-1"), read("1.5M"), read("1 parsec")], [None; 6]);
        assert_eq!(read("99999999999GiB"), None);
    }

    #[test]
    fn a_ceiling_too_low_to_work_in_is_refused_and_half_of_a_low_one_is_for_files() {
        let with = |bytes| Pipeline::resolve(&PipelineOptions { max_memory_bytes: Some(bytes), ..Default::default() });
        assert!(with(1 << 20).expect_err("too little").to_string().contains("at least"));
        assert_eq!(with(128 << 20).expect("enough").in_flight_bytes(), 64 << 20);
        assert_eq!(with(1 << 30).expect("enough").in_flight_bytes(), 640 << 20);
    }
}
