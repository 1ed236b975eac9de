//! The arguments, as they are written on the command line.
//!
//! Owns names, defaults and help texts; usage errors end the process with code 2. What an argument
//! means is up to the commands. Must never import: anything of this crate but `config` and `engine`.

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
pub use bench::{BenchArguments, BenchCommand, OnceArguments, PipelineBenchArguments};
pub use eval::{Against, EvalArguments, EvalSetting};
pub use http::HttpArguments;
pub use models::{ModelsArguments, ModelsCommand};
pub use names::{Narrow, ReferencesArguments, SymbolArguments};
pub use setup::{
    CompletionsArguments, DoctorArguments, InstallArguments, ManArguments, UninstallArguments, WhichClients,
};

pub use tune::TuneArguments;

use crate::config::{
    self, ConfigError, DeviceChoice, EmbedBatch, EmbedderChoice, ModelOptions, ModelSettings, Options, PipelineOptions,
    Settings,
};
use crate::engine::{ContentFilter, MAX_LIMIT, Mode};

const EXIT_CODES: &str = "Exit codes: 0 found or done, 1 nothing found, 2 error, 130 interrupted.";

/// How the program is called: a command, or the server as clients start it.
const USAGE: &str = "codescry [OPTIONS] COMMAND\n       codescry --stdio [PATH]...";

/// Finds code by meaning
///
/// Indexes a folder once, keeps the index up to date, and answers questions about the code in it:
/// on the command line, and to coding assistants over the Model Context Protocol.
#[derive(Debug, Parser)]
#[command(name = "codescry", version, after_help = EXIT_CODES, override_usage = USAGE)]
#[command(arg_required_else_help = true)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Serve the Model Context Protocol over standard input and output: short for `codescry serve`
    #[arg(long)]
    pub stdio: bool,
    /// With --stdio: the folders to serve [default: the working folder]
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    #[command(flatten)]
    pub shared: Shared,
}

/// A command and its own arguments.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Find code by meaning, by words or by name
    Search(SearchArguments),
    /// Find where a name is defined
    Symbol(SymbolArguments),
    /// List where a name is used
    References(ReferencesArguments),
    /// Bring the index of a folder up to date
    Index(IndexArguments),
    /// Show what is indexed
    Status(StatusArguments),
    /// Serve the Model Context Protocol over standard input and output, or over HTTP
    Serve(ServeArguments),
    /// Keep the index of a folder up to date while its files change, until Ctrl-C
    Watch(WatchArguments),
    /// Measure retrieval on questions of yours whose answers are known
    Eval(EvalArguments),
    /// Train the built-in model further on a folder of yours, and keep that if answers get better
    Tune(TuneArguments),
    /// Measure the program on a folder of yours
    Bench(BenchArguments),
    /// List, fetch, check and remove embedding models
    Models(ModelsArguments),
    /// Write this server into the configurations of the MCP clients on this machine
    Install(InstallArguments),
    /// Take it out of them again
    Uninstall(UninstallArguments),
    /// Check the program, the clients, the index and the server, and say what to do
    Doctor(DoctorArguments),
    /// Print the completions of a shell
    Completions(CompletionsArguments),
    /// Print a manual page
    Man(ManArguments),
}

/// `codescry search`.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub struct SearchArguments {
    /// What to look for: words, a name, a path, a stack trace or code, with filters such as lang:go,
    /// path:src/**, kind:function or -test among them (with --batch: the folder)
    #[arg(required_unless_present = "batch")]
    pub query: Option<OsString>,
    /// The folder to search [default: the working folder]
    pub path: Option<PathBuf>,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
    /// At most this many results
    #[arg(long, short = 'n', value_name = "N", default_value_t = 10, value_parser = limit)]
    pub limit: usize,
    /// Which retrieval answers
    #[arg(long, value_enum, default_value_t = ModeName::Hybrid)]
    pub mode: ModeName,
    /// Only files in this language; may be given again, or several with commas
    #[arg(long = "lang", value_name = "NAME", value_delimiter = ',')]
    pub languages: Vec<String>,
    /// Only files whose path inside the folder matches, such as `src/**/*.rs`, a folder or a file name
    #[arg(long = "path", value_name = "GLOB")]
    pub glob: Option<String>,
    /// Only this project: the name in its manifest, or its folder; `codescry status` lists them
    #[arg(long, value_name = "NAME")]
    pub project: Option<String>,
    /// Only this sort of file [default: code and docs]
    #[arg(long, value_enum)]
    pub content: Option<ContentName>,
    /// Show how each result came to its score
    #[arg(long)]
    pub explain: bool,
    /// Rank chunks one by one instead of files with their best chunk
    #[arg(long)]
    pub per_chunk: bool,
    /// Answer many queries: reads a JSON object a line ({"query": …, "limit": …}) from standard
    /// input, writes one a line
    #[arg(long)]
    pub batch: bool,
    /// Search what is indexed, without looking for changes first
    #[arg(long)]
    pub no_index: bool,
}

/// `codescry index`.
#[derive(Debug, Args)]
pub struct IndexArguments {
    /// The folder to index [default: the working folder]
    pub path: Option<PathBuf>,
    /// Do everything again, whatever is indexed
    #[arg(long, conflicts_with = "dry_run")]
    pub rebuild: bool,
    /// List what would be indexed, and which rule left out what; writes nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

/// `codescry status`.
#[derive(Debug, Args)]
pub struct StatusArguments {
    /// The folder whose index to show [default: the working folder]
    pub path: Option<PathBuf>,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

/// `codescry serve`.
#[derive(Debug, Default, Args)]
pub struct ServeArguments {
    /// The folders to serve; nothing outside of them is read [default: the working folder]
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Serve over standard input and output, which is the default
    #[arg(long)]
    pub stdio: bool,
    /// Do not follow the folders: a search looks for changes instead, at most every two seconds
    #[arg(long)]
    pub no_watch: bool,
    /// Have a process of its own, even where another one serves the same folders with the same
    /// settings [also: CODESCRY_NO_SHARE=1]
    #[arg(long)]
    pub no_share: bool,
    /// Serve the home folder, or one around it, if that is what PATH or the working folder is
    #[arg(long)]
    pub allow_home: bool,
    #[command(flatten)]
    pub http: HttpArguments,
}

/// `codescry watch`.
#[derive(Debug, Args)]
pub struct WatchArguments {
    /// The folder to follow [default: the working folder]
    pub path: Option<PathBuf>,
}

/// What every command takes.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Global options")]
pub struct Shared {
    /// Keep the index in this folder [default: one a project in the user's data folder]
    #[arg(long, global = true, value_name = "DIR")]
    pub index_dir: Option<PathBuf>,
    /// Leave larger files out, such as 524288, 512KiB or 2MiB [default: 1MiB]
    #[arg(long, global = true, value_name = "N", value_parser = config::parse_bytes)]
    pub max_file_bytes: Option<u64>,
    /// Split a file by lines when its parser has not ended after this time [default: 2000]
    #[arg(long, global = true, value_name = "N", value_parser = positive::<u64>)]
    pub parse_time_limit_ms: Option<u64>,
    /// Keep the vectors of all projects in this folder [default: the user's cache folder]
    #[arg(long, global = true, value_name = "DIR")]
    pub cache_dir: Option<PathBuf>,
    /// At most so many bytes of them, 0 for none [default: 2GiB]
    #[arg(long, global = true, value_name = "N", value_parser = config::parse_bytes_or_none)]
    pub max_cache_bytes: Option<u64>,
    #[command(flatten)]
    pub pipeline: PipelineArguments,
    /// When to use colours
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value_t)]
    pub color: ColorChoice,
    /// Say more on standard error; twice for even more
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// No progress and no notes on standard error, only errors
    #[arg(long, short, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Set and not empty: no colours, as <https://no-color.org> wants it
    #[arg(long, global = true, hide = true, env = "NO_COLOR", require_equals = true)]
    pub no_color: Option<OsString>,
    /// Width of the terminal, where the shell exports it; anything but a number is as if not set
    #[arg(long, global = true, hide = true, env = "COLUMNS", require_equals = true)]
    pub columns: Option<OsString>,
}

/// How an index run goes about its work; `codescry bench pipeline` shows what each is worth.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Index pipeline")]
pub struct PipelineArguments {
    /// Ceiling for the memory of an index run, such as 512MiB [default: a quarter of the machine]
    #[arg(long, global = true, value_name = "N", value_parser = config::parse_bytes)]
    pub max_memory: Option<u64>,
    /// Parser threads [default: one a core]
    #[arg(long, global = true, value_name = "N", value_parser = positive::<usize>)]
    pub parse_workers: Option<usize>,
    /// Threads that read and hash files [default: one for every eight cores]
    #[arg(long, global = true, value_name = "N", value_parser = positive::<usize>)]
    pub producers: Option<usize>,
    /// Batches a queue between two stages holds [default: 32]
    #[arg(long, global = true, value_name = "N", value_parser = positive::<usize>)]
    pub queue_depth: Option<usize>,
    /// Files handed from stage to stage at once [default: 8]
    #[arg(long, global = true, value_name = "N", value_parser = positive::<usize>)]
    pub file_batch: Option<usize>,
    /// Parse every file before the first chunk is embedded, to batch chunks of one length
    #[arg(long, global = true)]
    pub preparse: bool,
    /// Threads that call the embedder [default: 2]
    #[arg(long, global = true, value_name = "N", value_parser = positive::<usize>)]
    pub embed_workers: Option<usize>,
    /// Chunks in a call of the embedder, or auto: the size with the best rate [default: auto]
    #[arg(long, global = true, value_name = "N")]
    pub embed_batch: Option<EmbedBatch>,
    /// builtin, a model's name or folder (see `codescry models`), or
    /// synthetic:CHUNKS_PER_SECOND[:CALL_MS], a device of that speed without meaning [default: what
    /// the index was made with, or builtin]
    #[arg(long, global = true, value_name = "NAME")]
    pub embedder: Option<EmbedderChoice>,
    /// What runs a model: auto, cpu, cuda, tensorrt, rocm, migraphx, directml, coreml or openvino;
    /// with the numbers of devices, such as cuda:0,1 [default: auto]
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

/// When output is coloured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ColorChoice {
    /// On a terminal
    #[default]
    Auto,
    Always,
    Never,
}

/// [`Mode`] on the command line.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum ModeName {
    /// Meaning and words, ranked together
    Hybrid,
    /// Meaning alone
    Dense,
    /// Words alone
    Lexical,
}

impl From<ModeName> for Mode {
    fn from(name: ModeName) -> Self {
        match name {
            ModeName::Hybrid => Self::Hybrid,
            ModeName::Dense => Self::Dense,
            ModeName::Lexical => Self::Lexical,
        }
    }
}

/// [`ContentFilter`] on the command line.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum ContentName {
    /// Programs
    Code,
    /// Prose
    Docs,
    /// Settings and build files
    Config,
    /// Everything
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

impl Shared {
    /// What holds for a command on `path` (the working folder if not said).
    ///
    /// # Errors
    /// When the folder is not there or a `CODESCRY_…` variable does not hold.
    pub fn settings(&self, path: Option<&Path>) -> Result<Settings, ConfigError> {
        Settings::resolve(&self.options(path).or_environment()?)
    }

    /// What holds for models, of no folder.
    ///
    /// # Errors
    /// When a `CODESCRY_…` variable does not hold.
    pub fn models(&self) -> Result<ModelSettings, ConfigError> {
        let options = self.options(None).or_environment()?;
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

/// The arguments of this process. Ends it with a message and code 2 when they do not hold.
pub fn arguments() -> Arguments {
    let arguments = Arguments::parse();
    if let Err(error) = check(&arguments) {
        error.exit();
    }
    arguments
}

/// What clap cannot tell by itself.
fn check(arguments: &Arguments) -> Result<(), clap::Error> {
    let mut command = Arguments::command();
    let mut refuse = |kind, message: String| Err(command.error(kind, message));
    match (&arguments.command, arguments.stdio, arguments.paths.first()) {
        (Some(Command::Search(search)), false, _) if search.batch && search.path.is_some() => {
            let message = "with --batch the queries come from standard input; give the folder alone";
            refuse(ErrorKind::ArgumentConflict, message.to_owned())
        }
        (Some(Command::Serve(_)), _, None) | (Some(_), false, None) | (None, true, _) => Ok(()),
        (Some(_), true, _) => refuse(ErrorKind::ArgumentConflict, "--stdio belongs to `codescry serve`".to_owned()),
        (_, _, Some(word)) => {
            let word = text::visible(&word.to_string_lossy());
            let message = format!("there is no command `{word}`; to look for it, run `codescry search {word:?}`");
            refuse(ErrorKind::InvalidSubcommand, message)
        }
        (None, false, None) => {
            let help = command.render_help().to_string();
            Err(Arguments::command().error(ErrorKind::MissingSubcommand, format!("give a command\n\n{help}")))
        }
    }
}

fn limit(word: &str) -> Result<usize, String> {
    let limit = positive::<usize>(word)?;
    if limit > MAX_LIMIT { Err(format!("give 1 to {MAX_LIMIT}")) } else { Ok(limit) }
}

fn positive<N: std::str::FromStr + PartialOrd + From<u8>>(word: &str) -> Result<N, String> {
    let number = word.parse::<N>().ok().filter(|number| *number > N::from(0));
    number.ok_or_else(|| "give a whole number above zero".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Arguments, clap::Error> {
        let arguments = Arguments::try_parse_from(std::iter::once(&"codescry").chain(words))?;
        check(&arguments).map(|()| arguments)
    }

    #[test]
    fn the_declaration_holds() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_batch_takes_a_folder_and_no_query() {
        let Ok(Arguments { command: Some(Command::Search(search)), .. }) =
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
    fn a_word_that_is_no_command_is_named_with_what_to_do() {
        let message = parse(&["where is retry"]).map(|_| ()).expect_err("no such command").to_string();
        assert!(message.contains("where is retry") && message.contains("codescry search"), "{message}");
    }

    #[test]
    fn flags_that_every_command_takes_stand_before_or_behind_it() {
        let given = parse(&["search", "q", "--max-file-bytes", "2MiB", "-vv"]).expect("a search");
        assert_eq!((given.shared.max_file_bytes, given.shared.verbose), (Some(2 << 20), 2));
        let given = parse(&["--parse-workers", "3", "index"]).expect("an index run");
        assert_eq!(given.shared.pipeline.parse_workers, Some(3));
    }

    #[test]
    fn numbers_out_of_range_are_refused() {
        for words in [["--limit", "0"], ["--limit", "201"], ["--parse-workers", "0"], ["--max-file-bytes", "0"]] {
            assert!(parse(&["search", "q", words[0], words[1]]).is_err(), "{words:?}");
        }
    }
}
