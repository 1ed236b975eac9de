//! `codescry completions` and `codescry man`: what a shell and `man` know of the program.
//!
//! Must never import: anything of this crate.

use anyhow::Context as _;
use clap::{Command, CommandFactory as _};
use clap_complete::Shell;

use super::Exit;
use super::arguments::Arguments;
use super::printer::Printer;

const PROGRAM: &str = "codescry";

/// Prints the completions of a shell.
///
/// # Errors
/// When standard output cannot be written.
pub fn completions(shell: Shell) -> anyhow::Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), PROGRAM, &mut script);
    print(&script)
}

/// Prints the manual page of the program, or of one of its commands.
///
/// # Errors
/// When there is no such command, or standard output cannot be written.
pub fn man(command: Option<&str>) -> anyhow::Result<Exit> {
    let mut program = Arguments::command();
    // Tells each command its whole name.
    program.build();
    let page = match command {
        None => program,
        Some(name) => page_of(&program, name)?,
    };
    let mut roff = Vec::new();
    let source = concat!("codescry ", env!("CARGO_PKG_VERSION"));
    clap_mangen::Man::new(page)
        .manual("codescry")
        .source(source)
        .render(&mut roff)
        .context("cannot write the manual page")?;
    print(&roff)
}

fn page_of(program: &Command, name: &str) -> anyhow::Result<Command> {
    let shown = || program.get_subcommands().filter(|command| !command.is_hide_set() && command.get_name() != "help");
    let known = || shown().map(Command::get_name).collect::<Vec<_>>().join(", ");
    let found = shown().find(|command| command.get_name() == name);
    Ok(found.with_context(|| format!("there is no command {name}; the commands are: {}", known()))?.clone())
}

fn print(bytes: &[u8]) -> anyhow::Result<Exit> {
    let mut printer = Printer::new();
    printer.bytes(bytes)?;
    printer.finish()?;
    Ok(Exit::Done)
}
