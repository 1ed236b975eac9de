//! The arguments of `codescry tune`.

use std::path::PathBuf;

use clap::Args;

const ABOUT: &str = "The code itself is what it learns from: doc comments and what they document, names and their \
    bodies, headings and their sections, tests and what they test. A fifth of the definitions is held back to measure. \
    Nothing leaves this machine; the tuned model lies beside the index and is used for this folder alone.";

/// `codescry tune`.
#[derive(Debug, Args)]
#[command(after_help = ABOUT)]
pub struct TuneArguments {
    /// The folder to learn from [default: the working folder]
    pub path: Option<PathBuf>,
    /// Go back to the built-in model
    #[arg(long, conflicts_with = "dry_run")]
    pub undo: bool,
    /// Only say what it would be worth
    #[arg(long)]
    pub dry_run: bool,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
}
