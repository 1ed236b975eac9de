//! The arguments of `codescry tune`.

use std::path::PathBuf;

use clap::Args;

const ABOUT: &str = "Tuning learns from the code itself: doc comments and the code they document, names and their \
    definitions, definitions and their bodies. A fifth of the definitions is held out to \
    measure the result, so the folder needs at least about 150 documented definitions. Nothing leaves this machine; the \
    tuned model is stored beside the index and is used for this folder only.\n\nTuning takes seconds for a small folder \
    and a few minutes for thousands of files; a progress bar shows how far it is. Ctrl-C ends it and keeps the present model.";

/// The arguments of `codescry tune`.
#[derive(Debug, Args)]
#[command(after_help = ABOUT)]
pub struct TuneArguments {
    /// The folder to learn from [default: the working folder]
    pub path: Option<PathBuf>,
    /// Return to the built-in model
    #[arg(long, conflicts_with = "dry_run")]
    pub undo: bool,
    /// Measure the result without keeping it
    #[arg(long)]
    pub dry_run: bool,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
}
