//! The arguments of `codescry indexes`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// The arguments of `codescry indexes`.
#[derive(Debug, Args)]
pub struct IndexesArguments {
    #[command(subcommand)]
    pub command: IndexesCommand,
}

/// The subcommands of `codescry indexes`.
#[derive(Debug, Subcommand)]
pub enum IndexesCommand {
    /// List the indexes in the data folder, with their folders, sizes and ages
    List {
        /// Print one JSON object instead of text
        #[arg(long)]
        json: bool,
    },
    /// Remove the indexes of these folders
    Remove {
        /// The indexed folders, or the names of indexes as `list` shows them
        #[arg(value_name = "FOLDER|NAME", required = true)]
        indexes: Vec<PathBuf>,
        /// List the indexes to remove, and remove none
        #[arg(long)]
        dry_run: bool,
    },
    /// Remove the indexes of folders that no longer exist, and replaced tables of the others
    Prune {
        /// List the indexes to remove, and remove none
        #[arg(long)]
        dry_run: bool,
    },
}
