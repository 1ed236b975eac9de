//! `codescry man`: manual pages.

use anyhow::Context as _;
use clap::{Command, CommandFactory as _};

use crate::cli::arguments::CliArguments;
use crate::cli::exit::CommandExit;
use crate::cli::printer::print_bytes;

/// Prints the manual page of the program, or of one of its commands.
///
/// # Errors
/// If there is no such command, or standard output cannot be written.
pub fn print_man_page(command: Option<&str>) -> anyhow::Result<CommandExit> {
    let mut program = CliArguments::command();
    // Sets the full name of each command, such as `codescry search`.
    program.build();
    let page = match command {
        None => program,
        Some(name) => find_command(&program, name)?,
    };
    let mut roff = Vec::new();
    let source = concat!("codescry ", env!("CARGO_PKG_VERSION"));
    clap_mangen::Man::new(page)
        .manual("codescry")
        .source(source)
        .render(&mut roff)
        .context("cannot write the manual page")?;
    print_bytes(&roff)?;
    Ok(CommandExit::Done)
}

fn find_command(program: &Command, name: &str) -> anyhow::Result<Command> {
    let shown = || program.get_subcommands().filter(|command| !command.is_hide_set() && command.get_name() != "help");
    let known = || shown().map(Command::get_name).collect::<Vec<_>>().join(", ");
    let found = shown().find(|command| command.get_name() == name);
    Ok(found.with_context(|| format!("there is no command {name}; the commands are: {}", known()))?.clone())
}
