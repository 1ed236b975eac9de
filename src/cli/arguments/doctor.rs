//! The arguments of `codescry doctor`.

use std::path::PathBuf;

use clap::Args;

/// The arguments of `codescry doctor`.
#[derive(Debug, Args)]
pub struct DoctorArguments {
    /// The folder whose index to check [default: the working folder]
    pub path: Option<PathBuf>,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
}
