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

/// The note on how to read a manual page.
const MAN_HELP: &str = "The page is in the format of man(1). To read it: codescry man search | man -l -";

/// The arguments of `codescry man`.
#[derive(Debug, Args)]
#[command(after_help = MAN_HELP)]
pub struct ManArguments {
    /// The command to describe, such as search or models install [default: the program as a whole]
    pub command: Vec<String>,
}
