//! The arguments of the commands that maintain an index: index, status, watch.

use std::path::PathBuf;

use clap::Args;

/// The note on how to include a file that is wrongly taken for a secret.
const SECRETS_HELP: &str = "\
Files with credentials are left out, whatever ignore files say. A file that only looks as if it held a private key is \
included if a line in it contains `codescry:allow-secret`; one that only has the name of a secret, if its name ends with \
`.example`. Tokens with known forms are masked in other files, except in a line with `codescry:allow-secret`.";

/// The exit codes of `codescry watch`, which Ctrl-C ends.
const WATCH_EXIT_CODES: &str =
    "Exit codes: 0 ended by Ctrl-C, 2 error, 130 ended by Ctrl-C before the folder was indexed for the first time.";

/// The arguments of `codescry index`.
#[derive(Debug, Args)]
#[command(after_help = SECRETS_HELP)]
pub struct IndexArguments {
    /// The folder to index [default: the working folder]
    pub path: Option<PathBuf>,
    /// Index the folders of this group, which the user's config.toml names
    #[arg(long, value_name = "NAME", conflicts_with_all = ["path", "dry_run"])]
    pub group: Option<String>,
    /// Index all files again, including unchanged ones
    #[arg(long, conflicts_with = "dry_run")]
    pub rebuild: bool,
    /// List the files that would be indexed, the credentials masked in them, and the rule that excludes each of the
    /// others; write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

/// The arguments of `codescry status`.
#[derive(Debug, Args)]
pub struct StatusArguments {
    /// The folder whose index to show [default: the working folder]
    pub path: Option<PathBuf>,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

/// The arguments of `codescry watch`.
#[derive(Debug, Args)]
#[command(after_help = WATCH_EXIT_CODES)]
pub struct WatchArguments {
    /// The folder to watch [default: the working folder]
    pub path: Option<PathBuf>,
}
