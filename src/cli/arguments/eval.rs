//! The arguments of `codescry eval`.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, ValueEnum as _};

use super::values::{ContentName, ModeName};
use engine::ContentFilter;

const TASKS: &str = "A question with its answers:\n  {\"query\": \"where is a request tried again\", \"relevant\": \
    [\"src/retry.rs\", {\"path\": \"src/http.rs\", \"start_line\": 10, \"end_line\": 40}]}\nGive one object per line, or a \
    JSON list of objects.\n\nFields:\n  query      the question\n  relevant   the places that answer it: paths, or objects with path, start_line and \
    end_line\n  secondary  further places, which count like those of relevant\nOther fields are ignored. A path may omit leading \
    folders. A question without places is left out, with a note.\n\nMeasures, over the first ten results: nDCG@10, mean \
    reciprocal rank, recall@10.";

/// The arguments of `codescry eval`.
#[derive(Debug, Args)]
#[command(after_help = TASKS)]
pub struct EvalArguments {
    /// A file of questions and the locations that answer them
    pub tasks: PathBuf,
    /// The folder to search [default: the working folder]
    pub path: Option<PathBuf>,
    /// The retrieval mode
    #[arg(long, value_enum, default_value_t = ModeName::Hybrid)]
    pub mode: ModeName,
    /// Only files of this kind [default: code and docs]
    #[arg(long, value_enum)]
    pub content: Option<ContentName>,
    /// Compare with another setting (hybrid, dense or lexical), or with a file that holds the output of an earlier run
    /// with --json
    #[arg(long, value_name = "SETTING|FILE")]
    pub against: Option<EvalBaseline>,
    /// Show every question, including unchanged ones
    #[arg(long)]
    pub per_query: bool,
    /// Print one JSON object instead of text; --against reads it from a file
    #[arg(long)]
    pub json: bool,
    /// Search the existing index without updating it first
    #[arg(long)]
    pub no_index: bool,
}

/// A retrieval setting to evaluate.
#[derive(Clone, Copy, Debug)]
pub struct EvalSetting {
    pub mode: ModeName,
}

/// The evaluation to compare with: another setting, or a recorded run.
#[derive(Clone, Debug)]
pub enum EvalBaseline {
    Setting(EvalSetting),
    File(PathBuf),
}

impl FromStr for EvalBaseline {
    type Err = std::convert::Infallible;

    /// Parses the name of a setting; any other text is the path of a file.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let setting = ModeName::from_str(text, true).map(|mode| Self::Setting(EvalSetting { mode }));
        Ok(setting.unwrap_or_else(|_| Self::File(text.into())))
    }
}

impl std::fmt::Display for EvalSetting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.mode.fmt(f)
    }
}

impl EvalArguments {
    /// Returns the setting that is evaluated.
    pub fn setting(&self) -> EvalSetting {
        EvalSetting { mode: self.mode }
    }

    /// Returns the filter on the kind of files.
    pub fn content_filter(&self) -> ContentFilter {
        self.content.map_or(ContentFilter::default(), ContentFilter::from)
    }
}
