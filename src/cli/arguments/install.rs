//! The arguments of `codescry install` and `codescry uninstall`.

use std::path::PathBuf;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser as _};

use clients::{Extra, MCP_CLIENTS};

/// The arguments of `codescry install`.
#[derive(Debug, Args)]
#[command(after_help = list_project_files(MORE_INSTALLED))]
pub struct InstallArguments {
    /// The folder to serve, or with --project the folder of the project [default: the folder the
    /// client works in, or the working folder if the client does not pass it]
    pub path: Option<PathBuf>,
    #[command(flatten)]
    pub selection: ClientSelectionArguments,
    /// Write this command for the server [default: the path of this program]
    #[arg(long, value_name = "PROGRAM")]
    pub command: Option<PathBuf>,
    /// Also add files that guide the agent: a marked block of instructions, a sub-agent and a skill
    /// that use the command line, hooks that add places from the index to the result of a grep; a
    /// list separated by commas
    #[arg(long = "with", value_name = "PARTS", value_delimiter = ',', value_parser = PossibleValuesParser::new(Extra::ALL.map(|(name, _)| name)).map(parse_extra))]
    pub extras: Vec<Extra>,
}

/// The arguments of `codescry uninstall`.
#[derive(Debug, Args)]
#[command(after_help = list_project_files(MORE_REMOVED))]
pub struct UninstallArguments {
    /// With --project: the folder of the project [default: the working folder]
    #[arg(requires = "project")]
    pub path: Option<PathBuf>,
    #[command(flatten)]
    pub selection: ClientSelectionArguments,
}

/// What the help of `codescry install` says of other files.
const MORE_INSTALLED: &str = "--with adds more files, which `codescry install --project --dry-run --with ...` shows.";

/// What the help of `codescry uninstall` says of other files.
const MORE_REMOVED: &str =
    "The instructions, sub-agents, skills and hooks that `codescry install` added are removed, too.";

/// Lists the files that `--project` may write for each client, and then `more`.
fn list_project_files(more: &str) -> String {
    let mut lines = vec!["Files with --project (the first one that exists, otherwise the first one):".to_owned()];
    for client in MCP_CLIENTS.iter().filter(|client| !client.project_files.is_empty()) {
        lines.push(format!("  {:<18}  {}", client.name, client.project_files.join(", ")));
    }
    lines.push(more.to_owned());
    lines.join("\n")
}

/// Returns the extra with a name that clap has checked.
fn parse_extra(name: String) -> Extra {
    let known = Extra::ALL.into_iter().find(|(known, _)| *known == name);
    known.map_or(Extra::Instructions, |(_, extra)| extra)
}

/// The arguments that select client configurations, and how they are written.
#[derive(Debug, Args)]
pub struct ClientSelectionArguments {
    /// Only this client, even if it is not found; may be repeated [default: all clients found]
    #[arg(long = "client", value_name = "NAME", value_parser = PossibleValuesParser::new(MCP_CLIENTS.iter().map(|client| client.name)))]
    pub clients: Vec<String>,
    /// Use the files in a project, which are listed below, instead of the user's; they hold no path of this machine
    #[arg(long)]
    pub project: bool,
    /// Write without asking for confirmation
    #[arg(long, short)]
    pub yes: bool,
    /// Show the changes without writing them
    #[arg(long, conflicts_with = "yes")]
    pub dry_run: bool,
}
