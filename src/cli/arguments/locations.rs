//! The arguments of the commands that write locations: publish, gc.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

const PUBLISH_HELP: &str = "\
A location is a folder or a URL: file:///folder, s3://bucket/folder, gs://bucket/folder, az://container/folder. Addresses \
and credentials come from the variables of these stores, such as AWS_ACCESS_KEY_ID and AWS_ENDPOINT_URL; profiles and \
single sign-on are not read. Whoever can read the location can read the indexed code. docs/sharing.md says more.";

/// The arguments of `codescry publish`.
#[derive(Debug, Args)]
#[command(after_help = PUBLISH_HELP)]
pub struct PublishArguments {
    /// The location to publish at
    pub location: OsString,
    /// The folder whose index to publish [default: the working folder]
    pub path: Option<PathBuf>,
    /// Upload all parts again, to repair a location with damaged parts
    #[arg(long)]
    pub again: bool,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

/// The arguments of `codescry gc`.
#[derive(Debug, Args)]
pub struct GcArguments {
    /// The location to clean [default: the indexes on this machine]
    pub location: Option<OsString>,
    /// Keep objects of the location that were written less than this ago, such as 90m, 12h or 7d; a publisher that is
    /// slower loses parts
    #[arg(long, value_name = "AGE", default_value = "7d", requires = "location", value_parser = config::parse_age)]
    pub grace: Duration,
    /// Show what would be removed, and remove nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Print one JSON object instead of text
    #[arg(long, requires = "location")]
    pub json: bool,
}
