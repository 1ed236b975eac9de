//! The arguments of the commands that start from a place in the code: read, outline, similar.

use std::ffi::OsString;

use clap::Args;

use super::folders::FolderArguments;
use super::values::{EXIT_CODES, parse_limit};

/// Examples of places to read.
const READ_EXAMPLES: &str = "\
Places:\n  src/a.rs          the whole file\n  src/a.rs:10-40    lines, also as src/a.rs:10 or src/a.rs#L10-L40\n  \
    Config::load      a definition, by its name\n  src/a.rs load     a definition in this file\n\n\
On a terminal, long lines are cut at its width; `codescry read PLACE | less` shows them whole.\n\n\
Exit codes: 0 found or done, 1 nothing found or only some places read, 2 error, 130 interrupted.";

/// The arguments of `codescry read`.
#[derive(Debug, Args)]
#[command(after_help = READ_EXAMPLES)]
pub struct ReadArguments {
    /// What to read: files with or without lines, or names of definitions; a file and a name that is no file
    /// stand for the definition in this file
    #[arg(value_name = "PLACE", required = true)]
    pub places: Vec<OsString>,
    #[command(flatten)]
    pub folders: FolderArguments,
    /// Show N more lines before and after each place
    #[arg(long, short = 'C', value_name = "N", default_value_t = 0)]
    pub context: u32,
    /// Print one JSON object for each place instead of text
    #[arg(long)]
    pub json: bool,
    /// Look names up in the existing index without updating it first
    #[arg(long)]
    pub no_index: bool,
}

/// The arguments of `codescry outline`.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub struct OutlineArguments {
    /// The files and folders to outline: of a file its definitions, of a folder its files with the names they
    /// define [default: the working folder]
    #[arg(value_name = "PATH")]
    pub paths: Vec<OsString>,
    #[command(flatten)]
    pub folders: FolderArguments,
    /// Maximum number of files of a folder that are listed
    #[arg(long, short = 'n', value_name = "N", default_value_t = 200, value_parser = super::values::parse_positive::<usize>)]
    pub limit: usize,
    /// Print one JSON object for each path instead of text
    #[arg(long)]
    pub json: bool,
    /// Outline folders from the existing index without updating it first
    #[arg(long)]
    pub no_index: bool,
}

/// The arguments of `codescry similar`.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub struct SimilarArguments {
    /// The code to start from: a line of an indexed file, such as src/a.rs:10, or code; `-` reads code from
    /// standard input. Filters such as lang:go, 'path:src/**' or -test may follow. Exactly two arguments of which the
    /// second is a folder are the code and the folder to search
    #[arg(value_name = "PLACE|CODE", required = true)]
    pub words: Vec<OsString>,
    #[command(flatten)]
    pub folders: FolderArguments,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
    /// Maximum number of results, from 1 to 200 [default: 5 on a terminal, otherwise 10]
    #[arg(long, short = 'n', value_name = "N", value_parser = parse_limit)]
    pub limit: Option<usize>,
    /// Leave out the first N results, which an earlier page showed
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub offset: usize,
    /// Show every line of each result
    #[arg(long)]
    pub full: bool,
    /// Show N more lines of the file before and after each result
    #[arg(long, short = 'C', value_name = "N", default_value_t = 0)]
    pub context: u32,
    /// Only files in this language; may be repeated, or a list separated by commas
    #[arg(long = "lang", value_name = "NAME", value_delimiter = ',')]
    pub languages: Vec<String>,
    /// Only files whose path inside the folder matches, such as 'src/**/*.rs', a folder or a file name; a name that is
    /// not at the top of the folder matches at any depth
    #[arg(long = "path", value_name = "GLOB")]
    pub glob: Option<String>,
    /// Search the existing index without updating it first
    #[arg(long)]
    pub no_index: bool,
}
