//! The arguments of `codescry bench`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::values::parse_positive;
use engine::BenchKind;

/// The arguments of `codescry bench`.
#[derive(Debug, Args)]
pub struct BenchArguments {
    #[command(subcommand)]
    pub command: BenchCommand,
}

/// The measurements of `codescry bench`.
#[derive(Debug, Subcommand)]
pub enum BenchCommand {
    /// Index a folder with different pipeline settings, and compare their speed
    Pipeline(PipelineBenchArguments),
    /// Print the passages that are embedded for a folder, one JSON string per line
    Passages {
        /// The folder [default: the working folder]
        path: Option<PathBuf>,
    },
    /// Run one measurement; `bench pipeline` starts these as processes
    #[command(hide = true)]
    Once(BenchRunArguments),
}

/// The variants that `codescry bench pipeline` compares.
const VARIANTS_HELP: &str = "\
Variants, for --only:
  tree-sitter alone, walk, read, parse alone, pipeline, … workers renewed per batch, … one parse worker, \
… one embed worker, … queue depth 2, … file batch 1, … file batch 64, … 1 producer, … 4 producers, \
… everything parsed first, … embed batch 16, … embed batch 256, one batch after another
Those with … are the pipeline with one setting changed. The row \"… without walk and reads\" below \
\"tree-sitter alone\" is the time that its threads were in tree-sitter, without the listing and the \
reading of the files.";

/// The arguments of `codescry bench pipeline`.
#[derive(Debug, Args)]
#[command(after_help = VARIANTS_HELP)]
pub struct PipelineBenchArguments {
    /// The folder to index; its existing index is not touched [default: the working folder]
    pub path: Option<PathBuf>,
    /// Repeat all runs this many times, and report the medians
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = parse_positive::<usize>)]
    pub rounds: usize,
    /// Only the variants whose name contains this text (listed below), and always the first one
    #[arg(long, value_name = "TEXT")]
    pub only: Option<String>,
    /// Print one JSON object with every run instead of a table
    #[arg(long)]
    pub json: bool,
}

/// The arguments of a single run, which is a separate process so that its memory can be measured.
#[derive(Debug, Args)]
pub struct BenchRunArguments {
    pub path: PathBuf,
    #[arg(long, value_enum)]
    pub kind: BenchKindName,
}

/// The choices of `--kind`; see [`BenchKind`].
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum BenchKindName {
    Pipeline,
    RenewedParsers,
    ParseAlone,
    TreeSitterAlone,
    SerialBatches,
}

impl From<BenchKindName> for BenchKind {
    fn from(name: BenchKindName) -> Self {
        match name {
            BenchKindName::Pipeline => Self::Pipeline,
            BenchKindName::RenewedParsers => Self::RenewedParsers,
            BenchKindName::ParseAlone => Self::ParseAlone,
            BenchKindName::TreeSitterAlone => Self::TreeSitterAlone,
            BenchKindName::SerialBatches => Self::SerialBatches,
        }
    }
}
