//! The arguments of `codescry search`.

use std::ffi::OsString;

use clap::Args;

use super::folders::FolderArguments;
use super::values::{ContentName, EXIT_CODES, ModeName, parse_limit};

/// The arguments of `codescry search`.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub struct SearchArguments {
    /// The query, without quotes: words, a name, a path, a stack trace or code; may contain filters such as
    /// lang:go, 'path:src/**', kind:function or -test. Exactly two arguments of which the second is a folder are
    /// a query and the folder to search (with --batch: the folder alone)
    #[arg(value_name = "QUERY", required_unless_present = "batch")]
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
    /// The retrieval mode
    #[arg(long, value_enum, default_value_t = ModeName::Hybrid)]
    pub mode: ModeName,
    /// Only files in this language; may be repeated, or a list separated by commas
    #[arg(long = "lang", value_name = "NAME", value_delimiter = ',')]
    pub languages: Vec<String>,
    /// Only files whose path inside the folder matches, such as 'src/**/*.rs', a folder or a file name; a name that is
    /// not at the top of the folder matches at any depth
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
    /// Answer many queries: read one JSON object per line ({"query": …}) from standard input, and write one answer per
    /// line. A line may also have limit, offset, lang, path, project, content and mode, which replace these options
    #[arg(long)]
    pub batch: bool,
    /// Search the existing index without updating it first
    #[arg(long)]
    pub no_index: bool,
}
