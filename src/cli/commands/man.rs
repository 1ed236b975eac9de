//! `codescry man`: manual pages.

use std::io::{self, IsTerminal as _};

use anyhow::Context as _;
use clap::{Command, CommandFactory as _};

use crate::cli::arguments::CliArguments;
use crate::cli::exit::CommandExit;
use crate::cli::printer::{self, print_bytes};

/// Prints the manual page of the program, or of one of its commands.
///
/// # Errors
/// If there is no such command, or standard output cannot be written.
pub fn print_man_page(command: &[String]) -> anyhow::Result<CommandExit> {
    let mut program = CliArguments::command();
    // Sets the full name of each command, such as `codescry search`.
    program.build();
    let mut page = program;
    for name in command.iter().flat_map(|words| words.split_whitespace()) {
        page = find_command(&page, name)?;
    }
    if io::stdout().is_terminal() {
        let command = command.iter().map(|word| format!(" {word}")).collect::<String>();
        printer::print_note(&format!("to read this page: codescry man{command} | man -l -"));
    }
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
    let unknown = || match known() {
        known if known.is_empty() => format!("`{}` has no command {name}", program.get_bin_name().unwrap_or_default()),
        known => format!("there is no command {name}; the commands are: {known}"),
    };
    Ok(found.with_context(unknown)?.clone())
}
