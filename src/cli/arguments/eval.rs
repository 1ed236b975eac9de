//! The arguments of `codescry eval`.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, ValueEnum as _};

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
    /// Compare with another setting (hybrid, dense, lexical, per-chunk, or `dense,per-chunk`), or with the file
    /// of what an earlier run printed with --json
    #[arg(long, value_name = "SETTING|FILE")]
    pub against: Option<Against>,
    /// Show each question, also what did not change
    #[arg(long)]
    pub per_query: bool,
    /// Print one JSON object instead of text: keep it for --against
    #[arg(long)]
    pub json: bool,
    /// Ask the index as it is
    #[arg(long)]
    pub no_index: bool,
}

/// What answers.
#[derive(Clone, Copy, Debug)]
pub struct EvalSetting {
    pub mode: ModeName,
    pub per_chunk: bool,
}

/// What an evaluation is compared with.
#[derive(Clone, Debug)]
pub enum Against {
    Setting(EvalSetting),
    File(PathBuf),
}

impl FromStr for Against {
    type Err = std::convert::Infallible;

    /// Names of settings; what is none is a file.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut setting = EvalSetting { mode: ModeName::Hybrid, per_chunk: false };
        for word in text.split(',') {
            match ModeName::from_str(word, true) {
                Ok(mode) => setting.mode = mode,
                Err(_) if word == "per-chunk" => setting.per_chunk = true,
                Err(_) => return Ok(Self::File(text.into())),
            }
        }
        Ok(Self::Setting(setting))
    }
}

impl std::fmt::Display for EvalSetting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", self.mode, if self.per_chunk { ", per chunk" } else { "" })
    }
}

impl EvalArguments {
    /// What is measured.
    pub fn setting(&self) -> EvalSetting {
        EvalSetting { mode: self.mode, per_chunk: self.per_chunk }
    }

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
