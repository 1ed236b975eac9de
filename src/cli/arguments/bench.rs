//! The arguments of `codescry bench`.
//!
//! Must never import: anything of this crate but `engine`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::positive;
use crate::engine::BenchKind;

/// `codescry bench`.
#[derive(Debug, Args)]
pub struct BenchArguments {
    #[command(subcommand)]
    pub what: BenchCommand,
}

/// What `codescry bench` measures.
#[derive(Debug, Subcommand)]
pub enum BenchCommand {
    /// Index a folder in many ways, and tell what each setting of the pipeline is worth there
    Pipeline(PipelineBenchArguments),
    /// Print what the embedder is given for a folder, one JSON string a line
    Passages {
        /// The folder
        path: PathBuf,
    },
    /// One of the runs that the others are made of
    #[command(hide = true)]
    Once(OnceArguments),
}

/// `codescry bench pipeline`.
#[derive(Debug, Args)]
pub struct PipelineBenchArguments {
    /// The folder to index; its own index is left alone [default: the working folder]
    pub path: Option<PathBuf>,
    /// Do everything so many times in turn, and tell the median
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = positive::<usize>)]
    pub rounds: usize,
    /// Only the ways whose name has this in it (the first one always)
    #[arg(long, value_name = "TEXT")]
    pub only: Option<String>,
    /// Print one JSON object with every run instead of a table
    #[arg(long)]
    pub json: bool,
}

/// One run, in a process of its own so that its memory is its own.
#[derive(Debug, Args)]
pub struct OnceArguments {
    pub path: PathBuf,
    #[arg(long, value_enum)]
    pub kind: KindName,
}

/// [`BenchKind`] on the command line.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum KindName {
    Pipeline,
    RenewedParsers,
    ParseAlone,
    TreeSitterAlone,
    SerialBatches,
}

impl From<KindName> for BenchKind {
    fn from(name: KindName) -> Self {
        match name {
            KindName::Pipeline => Self::Pipeline,
            KindName::RenewedParsers => Self::RenewedParsers,
            KindName::ParseAlone => Self::ParseAlone,
            KindName::TreeSitterAlone => Self::TreeSitterAlone,
            KindName::SerialBatches => Self::SerialBatches,
        }
    }
}
