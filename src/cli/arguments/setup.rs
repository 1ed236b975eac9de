//! The arguments of the setup commands: install, uninstall, doctor, completions, man.

use std::path::PathBuf;

use clap::Args;
use clap::builder::PossibleValuesParser;
use clap_complete::Shell;

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

/// The arguments of `codescry doctor`.
#[derive(Debug, Args)]
pub struct DoctorArguments {
    /// The folder whose index to check [default: the working folder]
    pub path: Option<PathBuf>,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

/// The arguments of `codescry completions`.
#[derive(Debug, Args)]
pub struct CompletionsArguments {
    /// The shell to complete for
    #[arg(value_enum)]
    pub shell: Shell,
}

/// The arguments of `codescry man`.
#[derive(Debug, Args)]
pub struct ManArguments {
    /// The command to describe [default: the program as a whole]
    pub command: Option<String>,
}
