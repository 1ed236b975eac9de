//! `codescry completions`: completion scripts for shells.

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::cli::arguments::CliArguments;
use crate::cli::exit::CommandExit;
use crate::cli::printer::print_bytes;

/// The name under which shells complete the program.
const PROGRAM: &str = "codescry";

/// Prints a completion script for a shell.
///
/// # Errors
/// If standard output cannot be written.
pub fn print_completions(shell: Shell) -> anyhow::Result<CommandExit> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut CliArguments::command(), PROGRAM, &mut script);
    print_bytes(&script)?;
    Ok(CommandExit::Done)
}
