//! The arguments of `codescry completions` and `codescry man`.

use clap::Args;
use clap_complete::Shell;

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
