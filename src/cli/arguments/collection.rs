//! The arguments of `codescry collection`.

use std::ffi::OsString;

use clap::{Args, Subcommand};

const COLLECTION_HELP: &str = "\
A collection is a location at which many repositories are published: `codescry publish LOCATION` in each, from any number \
of machines at once. `codescry collection compact LOCATION` makes one combined index of them, which `--collection LOCATION` \
searches, such as in `codescry search --collection s3://bucket/team retry policy` and `codescry serve --http \
127.0.0.1:7979 --collection s3://bucket/team`. docs/scale.md says more.";

/// The arguments of `codescry collection`.
#[derive(Debug, Args)]
#[command(after_help = COLLECTION_HELP)]
pub struct CollectionArguments {
    #[command(subcommand)]
    pub command: CollectionCommand,
}

/// The subcommands of `codescry collection`.
#[derive(Debug, Subcommand)]
pub enum CollectionCommand {
    /// List the repositories of a collection, with their commits, sizes and ages
    List {
        /// The location of the collection, such as s3://bucket/folder
        location: OsString,
        /// Print one JSON object instead of text
        #[arg(long)]
        json: bool,
    },
    /// Check that every part of every published index is there
    Verify {
        /// The location of the collection, such as s3://bucket/folder
        location: OsString,
        /// Read all parts and compare their checksums
        #[arg(long)]
        full: bool,
        /// Print one JSON object instead of text
        #[arg(long)]
        json: bool,
    },
    /// Bring the combined index up to date with the published indexes of the repositories
    Compact {
        /// The location of the collection, such as s3://bucket/folder
        location: OsString,
        /// Make the combined index from all repositories again, with the model that most of them have
        #[arg(long)]
        rebuild: bool,
        /// Print one JSON object instead of text
        #[arg(long)]
        json: bool,
    },
    /// Remove repositories; `compact` then removes them from the combined index, and `codescry gc` what only they need
    Remove {
        /// The location of the collection, such as s3://bucket/folder
        location: OsString,
        /// The names of the repositories, as `list` shows them
        #[arg(value_name = "NAME", required = true)]
        names: Vec<String>,
    },
}
