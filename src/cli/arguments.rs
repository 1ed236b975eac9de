//! The command line arguments: their names, defaults and help texts.
//!
//! Usage errors end the process with exit code 2.

mod bench;
mod eval;
mod http;
mod models;
mod names;
mod setup;
mod tune;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::error::ErrorKind;
use clap::{Args, CommandFactory as _, Parser, Subcommand, ValueEnum};

use super::text;
pub use bench::{BenchArguments, BenchCommand, BenchRunArguments, PipelineBenchArguments};
pub use eval::{EvalArguments, EvalBaseline, EvalSetting};
pub use http::HttpArguments;
pub use models::{ModelsArguments, ModelsCommand};
pub use names::{NameFilterArguments, ReferencesArguments, SymbolArguments};
pub use setup::{
    ClientSelectionArguments, CompletionsArguments, DoctorArguments, InstallArguments, ManArguments, UninstallArguments,
};

pub use tune::TuneArguments;

use config::{
    self, ConfigError, DeviceChoice, EmbedBatch, EmbedderChoice, ModelOptions, ModelSettings, Options, PipelineOptions,
    Settings,
};
use engine::{ContentFilter, MAX_LIMIT, RetrievalMode};

const EXIT_CODES: &str = "Exit codes: 0 found or done, 1 nothing found, 2 error, 130 interrupted.";

/// The usage line: a command, or the short form by which clients start the server.
const USAGE: &str = "codescry [OPTIONS] COMMAND\n       codescry --stdio [PATH]...";

/// Finds code by meaning
///
/// Indexes a folder once, keeps the index up to date, and answers queries about the code in it:
/// on the command line, and to coding assistants over the Model Context Protocol.
#[derive(Debug, Parser)]
#[command(name = "codescry", version, after_help = EXIT_CODES, override_usage = USAGE)]
#[command(arg_required_else_help = true)]
pub struct CliArguments {
    #[command(subcommand)]
    pub command: Option<CliCommand>,
    /// Serve the Model Context Protocol over standard input and output: short for `codescry serve`
    #[arg(long)]
    pub stdio: bool,
    /// With --stdio: the folders to serve [default: the working folder]
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    #[command(flatten)]
    pub shared: SharedArguments,
}

/// The commands with their arguments.
#[derive(Debug, Subcommand)]
pub enum CliCommand {
    /// Find code by meaning, by words or by name
    Search(SearchArguments),
    /// Find where a name is defined
    Symbol(SymbolArguments),
    /// List where a name is used
    References(ReferencesArguments),
    /// Create or update the index of a folder
    Index(IndexArguments),
    /// Show the state of the index
    Status(StatusArguments),
    /// Serve the Model Context Protocol over standard input and output, or over HTTP
    Serve(ServeArguments),
    /// Watch a folder and keep its index up to date, until Ctrl-C
    Watch(WatchArguments),
    /// Measure search quality on your own questions with known answers
    Eval(EvalArguments),
    /// Fine-tune the built-in model on a folder, and keep the result if search improves
    Tune(TuneArguments),
    /// Measure the speed of indexing on a folder
    Bench(BenchArguments),
    /// List, install, verify, add and remove embedding models
    Models(ModelsArguments),
    /// Add this server to the configurations of the MCP clients on this machine
    Install(InstallArguments),
    /// Remove this server from the configurations of the MCP clients
    Uninstall(UninstallArguments),
    /// Check the program, the clients, the index and the server, and suggest remedies
    Doctor(DoctorArguments),
    /// Print a completion script for a shell
    Completions(CompletionsArguments),
    /// Print a manual page
    Man(ManArguments),
}

/// The arguments of `codescry search`.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub struct SearchArguments {
    /// The query: words, a name, a path, a stack trace or code; may contain filters such as lang:go,
    /// path:src/**, kind:function or -test (with --batch: the folder to search)
    #[arg(required_unless_present = "batch")]
    pub query: Option<OsString>,
    /// The folder to search [default: the working folder]
    pub path: Option<PathBuf>,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
    /// Maximum number of results
    #[arg(long, short = 'n', value_name = "N", default_value_t = 10, value_parser = parse_limit)]
    pub limit: usize,
    /// The retrieval mode
    #[arg(long, value_enum, default_value_t = ModeName::Hybrid)]
    pub mode: ModeName,
    /// Only files in this language; may be repeated, or a list separated by commas
    #[arg(long = "lang", value_name = "NAME", value_delimiter = ',')]
    pub languages: Vec<String>,
    /// Only files whose path inside the folder matches, such as `src/**/*.rs`, a folder or a file name
    #[arg(long = "path", value_name = "GLOB")]
    pub glob: Option<String>,
    /// Only this project, by the name in its manifest or by its folder; `codescry status` lists projects
    #[arg(long, value_name = "NAME")]
    pub project: Option<String>,
    /// Only files of this kind [default: code and docs]
    #[arg(long, value_enum)]
    pub content: Option<ContentName>,
    /// Show the terms of each result's score
    #[arg(long)]
    pub explain: bool,
    /// Rank chunks; by default files are ranked, and each is shown by its best chunk
    #[arg(long)]
    pub per_chunk: bool,
    /// Answer many queries: read one JSON object per line ({"query": …, "limit": …}) from standard
    /// input, and write one answer per line
    #[arg(long)]
    pub batch: bool,
    /// Search the existing index without updating it first
    #[arg(long)]
    pub no_index: bool,
}

/// The arguments of `codescry index`.
#[derive(Debug, Args)]
pub struct IndexArguments {
    /// The folder to index [default: the working folder]
    pub path: Option<PathBuf>,
    /// Index all files again, including unchanged ones
    #[arg(long, conflicts_with = "dry_run")]
    pub rebuild: bool,
    /// List the files that would be indexed, and the rule that excludes each of the others; write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

/// The arguments of `codescry status`.
#[derive(Debug, Args)]
pub struct StatusArguments {
    /// The folder whose index to show [default: the working folder]
    pub path: Option<PathBuf>,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

/// The arguments of `codescry serve`.
#[derive(Debug, Default, Args)]
pub struct ServeArguments {
    /// The folders to serve; files outside are never read [default: the working folder]
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Serve over standard input and output; this is the default
    #[arg(long)]
    pub stdio: bool,
    /// Do not watch the folders; searches check for changes instead, at most every two seconds
    #[arg(long)]
    pub no_watch: bool,
    /// Use a separate process, even if another one serves the same folders with the same
    /// settings [also: CODESCRY_NO_SHARE=1]
    #[arg(long)]
    pub no_share: bool,
    /// Allow serving the home folder, or a folder that contains it
    #[arg(long)]
    pub allow_home: bool,
    #[command(flatten)]
    pub http: HttpArguments,
}

/// The arguments of `codescry watch`.
#[derive(Debug, Args)]
pub struct WatchArguments {
    /// The folder to watch [default: the working folder]
    pub path: Option<PathBuf>,
}

/// The arguments that every command takes.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Global options")]
pub struct SharedArguments {
    /// Keep the index in this folder [default: one per project in the user's data folder]
    #[arg(long, global = true, value_name = "DIR")]
    pub index_dir: Option<PathBuf>,
    /// Exclude files larger than this, such as 524288, 512KiB or 2MiB [default: 1MiB]
    #[arg(long, global = true, value_name = "N", value_parser = config::parse_bytes)]
    pub max_file_bytes: Option<u64>,
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
    /// When to use colours
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value_t)]
    pub color: ColorChoice,
    /// Print more on standard error; repeat for even more
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Print only errors on standard error, no progress and no notes
    #[arg(long, short, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Disables colours if set and not empty; see <https://no-color.org>
    #[arg(long, global = true, hide = true, env = "NO_COLOR", require_equals = true)]
    pub no_color: Option<OsString>,
    /// Width of the terminal, if the shell exports it; values other than numbers are ignored
    #[arg(long, global = true, hide = true, env = "COLUMNS", require_equals = true)]
    pub columns: Option<OsString>,
}

/// The settings of the index pipeline; `codescry bench pipeline` measures the effect of each.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Index pipeline")]
pub struct PipelineArguments {
    /// Memory limit of an index run, such as 512MiB [default: a quarter of the machine's memory]
    #[arg(long, global = true, value_name = "N", value_parser = config::parse_bytes)]
    pub max_memory: Option<u64>,
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
            embedder: self.embedder.clone(),
        }
    }
}

/// The choices of `--color`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ColorChoice {
    /// Only on a terminal
    #[default]
    Auto,
    Always,
    Never,
}

/// The choices of `--mode`; see [`RetrievalMode`].
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum ModeName {
    /// Meaning and words, ranked together
    Hybrid,
    /// Meaning alone
    Dense,
    /// Words alone
    Lexical,
}

impl From<ModeName> for RetrievalMode {
    fn from(name: ModeName) -> Self {
        match name {
            ModeName::Hybrid => Self::Hybrid,
            ModeName::Dense => Self::Dense,
            ModeName::Lexical => Self::Lexical,
        }
    }
}

/// The choices of `--content`; see [`ContentFilter`].
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum ContentName {
    /// Source code
    Code,
    /// Documentation
    Docs,
    /// Configuration and build files
    Config,
    /// All files
    All,
}

impl From<ContentName> for ContentFilter {
    fn from(name: ContentName) -> Self {
        match name {
            ContentName::Code => Self::Code,
            ContentName::Docs => Self::Docs,
            ContentName::Config => Self::Config,
            ContentName::All => Self::All,
        }
    }
}

impl SharedArguments {
    /// Returns the settings of a command on `path`, or on the working folder if `None`.
    ///
    /// # Errors
    /// If the folder does not exist or a `CODESCRY_…` variable is invalid.
    pub fn settings(&self, path: Option<&Path>) -> Result<Settings, ConfigError> {
        Settings::resolve(&self.options(path).with_environment()?)
    }

    /// Returns the model settings, which do not depend on a folder.
    ///
    /// # Errors
    /// If a `CODESCRY_…` variable is invalid.
    pub fn model_settings(&self) -> Result<ModelSettings, ConfigError> {
        let options = self.options(None).with_environment()?;
        ModelSettings::resolve(&options.models, options.cache_dir.as_ref())
    }

    fn options(&self, path: Option<&Path>) -> Options {
        Options {
            path: path.map(Path::to_owned),
            index_dir: self.index_dir.clone(),
            max_file_bytes: self.max_file_bytes,
            parse_time_limit_ms: self.parse_time_limit_ms,
            cache_dir: self.cache_dir.clone(),
            max_cache_bytes: self.max_cache_bytes,
            pipeline: self.pipeline.options(),
            models: ModelOptions { device: self.pipeline.device.clone(), models_dir: None },
        }
    }
}

/// Parses the arguments of this process.
///
/// Ends the process with a message and exit code 2 if they are invalid.
pub fn parse_command_line() -> CliArguments {
    let arguments = CliArguments::parse();
    if let Err(error) = check_arguments(&arguments) {
        error.exit();
    }
    arguments
}

/// Checks the rules that clap's attributes cannot express.
fn check_arguments(arguments: &CliArguments) -> Result<(), clap::Error> {
    let mut command = CliArguments::command();
    let mut refuse = |kind, message: String| Err(command.error(kind, message));
    match (&arguments.command, arguments.stdio, arguments.paths.first()) {
        (Some(CliCommand::Search(search)), false, _) if search.batch && search.path.is_some() => {
            let message = "--batch reads the queries from standard input; give only the folder";
            refuse(ErrorKind::ArgumentConflict, message.to_owned())
        }
        (Some(CliCommand::Serve(_)), _, None) | (Some(_), false, None) | (None, true, _) => Ok(()),
        (Some(_), true, _) => {
            refuse(ErrorKind::ArgumentConflict, "--stdio applies to `codescry serve` only".to_owned())
        }
        (_, _, Some(word)) => {
            let word = text::escape_controls(&word.to_string_lossy());
            let message = format!("unknown command `{word}`; to search for it, run `codescry search {word:?}`");
            refuse(ErrorKind::InvalidSubcommand, message)
        }
        (None, false, None) => {
            let help = command.render_help().to_string();
            Err(CliArguments::command().error(ErrorKind::MissingSubcommand, format!("give a command\n\n{help}")))
        }
    }
}

fn parse_limit(word: &str) -> Result<usize, String> {
    let limit = parse_positive::<usize>(word)?;
    if limit > MAX_LIMIT { Err(format!("give a number from 1 to {MAX_LIMIT}")) } else { Ok(limit) }
}

fn parse_positive<N: std::str::FromStr + PartialOrd + From<u8>>(word: &str) -> Result<N, String> {
    let number = word.parse::<N>().ok().filter(|number| *number > N::from(0));
    number.ok_or_else(|| "give a whole number above zero".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<CliArguments, clap::Error> {
        let arguments = CliArguments::try_parse_from(std::iter::once(&"codescry").chain(words))?;
        check_arguments(&arguments).map(|()| arguments)
    }

    #[test]
    fn the_declaration_is_valid() {
        CliArguments::command().debug_assert();
    }

    #[test]
    fn a_batch_takes_a_folder_and_no_query() {
        let Ok(CliArguments { command: Some(CliCommand::Search(search)), .. }) =
            parse(&["search", "--batch", "--json", "dir"])
        else {
            panic!("a batch with a folder");
        };
        assert_eq!(search.query, Some("dir".into()));
        assert!(parse(&["search", "--batch", "--json", "--limit", "10"]).is_ok());
        assert!(parse(&["search", "--batch", "a query", "dir"]).is_err());
        assert!(parse(&["search"]).is_err());
    }

    #[test]
    fn stdio_is_short_for_serve() {
        assert!(parse(&["--stdio"]).is_ok_and(|arguments| arguments.stdio && arguments.paths.is_empty()));
        assert!(parse(&["--stdio", "a", "b"]).is_ok_and(|arguments| arguments.paths.len() == 2));
        assert!(parse(&["--index-dir", "i", "serve", "--stdio", "a"]).is_ok());
        assert!(parse(&["--stdio", "search", "a"]).is_err());
    }

    #[test]
    fn an_unknown_command_is_named_with_a_remedy() {
        let message = parse(&["where is retry"]).map(|_| ()).expect_err("no such command").to_string();
        assert!(message.contains("where is retry") && message.contains("codescry search"), "{message}");
    }

    #[test]
    fn global_flags_may_precede_or_follow_the_command() {
        let arguments = parse(&["search", "q", "--max-file-bytes", "2MiB", "-vv"]).expect("a search");
        assert_eq!((arguments.shared.max_file_bytes, arguments.shared.verbose), (Some(2 << 20), 2));
        let arguments = parse(&["--parse-workers", "3", "index"]).expect("an index run");
        assert_eq!(arguments.shared.pipeline.parse_workers, Some(3));
    }

    #[test]
    fn numbers_out_of_range_are_refused() {
        for words in [["--limit", "0"], ["--limit", "201"], ["--parse-workers", "0"], ["--max-file-bytes", "0"]] {
            assert!(parse(&["search", "q", words[0], words[1]]).is_err(), "{words:?}");
        }
    }
}
