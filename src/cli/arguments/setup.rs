//! The arguments of what is asked once: install, uninstall, doctor, completions, man.
//!
//! Must never import: anything of this crate but `clients`.

use std::path::PathBuf;

use clap::Args;
use clap::builder::PossibleValuesParser;
use clap_complete::Shell;

use crate::clients::CLIENTS;

/// `codescry install`.
#[derive(Debug, Args)]
pub struct InstallArguments {
    /// The folder to serve, or with --project the one to write in [default: the one the client works
    /// in; where it does not say, the working folder]
    pub path: Option<PathBuf>,
    #[command(flatten)]
    pub which: WhichClients,
    /// Write this as the program [default: the path of this one]
    #[arg(long, value_name = "PROGRAM")]
    pub command: Option<PathBuf>,
}

/// `codescry uninstall`.
#[derive(Debug, Args)]
pub struct UninstallArguments {
    /// With --project: the folder of the project [default: the working folder]
    #[arg(requires = "project")]
    pub path: Option<PathBuf>,
    #[command(flatten)]
    pub which: WhichClients,
}

/// Which configurations, and how.
#[derive(Debug, Args)]
pub struct WhichClients {
    /// Only this client, found or not; may be given again [default: those found on this machine]
    #[arg(long = "client", value_name = "NAME", value_parser = PossibleValuesParser::new(CLIENTS.iter().map(|client| client.name)))]
    pub clients: Vec<String>,
    /// The files in a project (.mcp.json, .cursor/mcp.json, .vscode/mcp.json) instead of the user's
    #[arg(long)]
    pub project: bool,
    /// Write without asking
    #[arg(long, short)]
    pub yes: bool,
    /// Show what would be written, and write nothing
    #[arg(long, conflicts_with = "yes")]
    pub dry_run: bool,
}

/// `codescry doctor`.
#[derive(Debug, Args)]
pub struct DoctorArguments {
    /// The folder whose index to check [default: the working folder]
    pub path: Option<PathBuf>,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

/// `codescry completions`.
#[derive(Debug, Args)]
pub struct CompletionsArguments {
    /// The shell that is to read it
    #[arg(value_enum)]
    pub shell: Shell,
}

/// `codescry man`.
#[derive(Debug, Args)]
pub struct ManArguments {
    /// The page of this command [default: the one of the program]
    pub command: Option<String>,
}
