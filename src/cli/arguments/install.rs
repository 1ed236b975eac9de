//! The arguments of `codescry install` and `codescry uninstall`.

use std::path::PathBuf;

use clap::Args;
use clap::builder::PossibleValuesParser;

use clients::MCP_CLIENTS;

/// The arguments of `codescry install`.
#[derive(Debug, Args)]
pub struct InstallArguments {
    /// The folder to serve, or with --project the folder of the project [default: the folder the
    /// client works in, or the working folder if the client does not pass it]
    pub path: Option<PathBuf>,
    #[command(flatten)]
    pub selection: ClientSelectionArguments,
    /// Write this command for the server [default: the path of this program]
    #[arg(long, value_name = "PROGRAM")]
    pub command: Option<PathBuf>,
}

/// The arguments of `codescry uninstall`.
#[derive(Debug, Args)]
pub struct UninstallArguments {
    /// With --project: the folder of the project [default: the working folder]
    #[arg(requires = "project")]
    pub path: Option<PathBuf>,
    #[command(flatten)]
    pub selection: ClientSelectionArguments,
}

/// The arguments that select client configurations, and how they are written.
#[derive(Debug, Args)]
pub struct ClientSelectionArguments {
    /// Only this client, even if it is not found; may be repeated [default: all clients found]
    #[arg(long = "client", value_name = "NAME", value_parser = PossibleValuesParser::new(MCP_CLIENTS.iter().map(|client| client.name)))]
    pub clients: Vec<String>,
    /// Use the files in a project (.mcp.json, .cursor/mcp.json, .vscode/mcp.json) instead of the user's
    #[arg(long)]
    pub project: bool,
    /// Write without asking for confirmation
    #[arg(long, short)]
    pub yes: bool,
    /// Show the changes without writing them
    #[arg(long, conflicts_with = "yes")]
    pub dry_run: bool,
}
