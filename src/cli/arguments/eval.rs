//! The arguments of `codescry eval`.

use std::path::PathBuf;

use clap::Args;

use super::{ContentName, ModeName};
use crate::engine::{ContentFilter, Mode};

const TASKS: &str = "A question and its answers:\n  {\"query\": \"where is a request tried again\", \"relevant\": \
    [\"src/retry.rs\", {\"path\": \"src/http.rs\", \"start_line\": 10, \"end_line\": 40}]}\nOne object a line, or a JSON \
    list of them. A path may be the end of one.";

/// `codescry eval`.
#[derive(Debug, Args)]
#[command(after_help = TASKS)]
pub struct EvalArguments {
    /// A file of questions and the places that answer them
    pub tasks: PathBuf,
    /// The folder they are about [default: the working folder]
    pub path: Option<PathBuf>,
    /// Which retrieval answers
    #[arg(long, value_enum, default_value_t = ModeName::Hybrid)]
    pub mode: ModeName,
    /// Only this sort of file [default: code and docs]
    #[arg(long, value_enum)]
    pub content: Option<ContentName>,
    /// Rank chunks one by one instead of files with their best chunk
    #[arg(long)]
    pub per_chunk: bool,
    /// Compare with what an earlier run printed with --json
    #[arg(long, value_name = "FILE", conflicts_with = "json")]
    pub against: Option<PathBuf>,
    /// Show each question
    #[arg(long)]
    pub per_query: bool,
    /// Print one JSON object instead of text: keep it for --against
    #[arg(long)]
    pub json: bool,
    /// Ask the index as it is
    #[arg(long)]
    pub no_index: bool,
}

impl EvalArguments {
    /// The sort of files that are searched.
    pub fn content_filter(&self) -> ContentFilter {
        self.content.map_or(ContentFilter::default(), ContentFilter::from)
    }
}

impl std::fmt::Display for ModeName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match Mode::from(*self) {
            Mode::Hybrid => "hybrid",
            Mode::Dense => "dense",
            Mode::Lexical => "lexical",
        })
    }
}
