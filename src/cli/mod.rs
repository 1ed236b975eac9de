//! The command line interface.
//!
//! Parses the arguments, runs one command per file through [`engine`] or [`mcp`],
//! prints the answer as text or JSON, and sets the exit code. Standard output carries only the
//! answer, and only [`printer`] writes to it. Text from indexed files is escaped before it
//! reaches a terminal.

mod arguments;
mod batch;
mod bench;
mod completions;
mod diff;
mod doctor;
mod dry_run;
mod eval;
mod highlight;
mod hits;
mod index;
mod install;
mod interrupts;
mod logging;
mod models;
mod names;
mod palette;
mod printer;
mod progress;
mod report;
mod search;
mod serve;
mod snippet;
mod status;
mod text;
mod tune;
mod update;
mod watch;
mod wire;

use std::io;
use std::process::ExitCode;

pub use arguments::{CliArguments, parse_command_line};

use arguments::{CliCommand, ServeArguments};
use engine::{EngineError, IndexError};

/// The outcome of a command, which determines the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommandExit {
    /// The command succeeded; a search found something.
    Done,
    /// A search found no hit, or an installation found no client.
    NothingFound,
    /// A check of `codescry doctor` failed.
    CheckFailed,
    /// The command failed, or its arguments are invalid.
    Failed,
    /// Ctrl-C interrupted the command.
    Interrupted,
}

impl From<CommandExit> for ExitCode {
    fn from(exit: CommandExit) -> Self {
        Self::from(match exit {
            CommandExit::Done => 0,
            CommandExit::NothingFound | CommandExit::CheckFailed => 1,
            CommandExit::Failed => 2,
            CommandExit::Interrupted => INTERRUPTED,
        })
    }
}

/// The exit code that shells report for a process killed by SIGINT.
const INTERRUPTED: u8 = 130;

/// Runs the command named in the arguments.
///
/// # Errors
/// If the command fails; see [`report_failure`].
pub fn run_command(arguments: &CliArguments) -> anyhow::Result<CommandExit> {
    let shared = &arguments.shared;
    logging::init_logging(shared);
    match &arguments.command {
        Some(CliCommand::Search(arguments)) => search::run_search(shared, arguments),
        Some(CliCommand::Symbol(arguments)) => names::run_symbol(shared, arguments),
        Some(CliCommand::References(arguments)) => names::run_references(shared, arguments),
        Some(CliCommand::Index(arguments)) => index::run_index(shared, arguments),
        Some(CliCommand::Status(arguments)) => status::run_status(shared, arguments),
        Some(CliCommand::Serve(arguments)) => serve::run_serve(shared, arguments),
        Some(CliCommand::Watch(arguments)) => watch::run_watch(shared, arguments),
        Some(CliCommand::Eval(arguments)) => eval::run_eval(shared, arguments),
        Some(CliCommand::Tune(arguments)) => tune::run_tune(shared, arguments),
        Some(CliCommand::Bench(arguments)) => bench::run_bench(shared, &arguments.command),
        Some(CliCommand::Models(arguments)) => models::run_models(shared, &arguments.command),
        Some(CliCommand::Install(arguments)) => install::run_install(shared, arguments),
        Some(CliCommand::Uninstall(arguments)) => install::run_uninstall(shared, arguments),
        Some(CliCommand::Doctor(arguments)) => doctor::run_doctor(shared, arguments),
        Some(CliCommand::Completions(arguments)) => completions::print_completions(arguments.shell),
        Some(CliCommand::Man(arguments)) => completions::print_man_page(arguments.command.as_deref()),
        None => {
            serve::run_serve(shared, &ServeArguments { paths: arguments.paths.clone(), ..ServeArguments::default() })
        }
    }
}

/// Prints the reason of a failure on standard error, and returns the matching outcome.
pub fn report_failure(error: &anyhow::Error) -> CommandExit {
    if let Some(io) = error.downcast_ref::<io::Error>()
        && io.kind() == io::ErrorKind::BrokenPipe
    {
        // The reader closed the pipe, such as `head` after its last line: not a failure.
        return CommandExit::Done;
    }
    if let Some(EngineError::Index(cancelled @ IndexError::Cancelled { .. })) = error.downcast_ref() {
        printer::print_note(&cancelled.to_string());
        return CommandExit::Interrupted;
    }
    // Error messages include their cause, so the source chain is not printed.
    printer::print_note(&format!("error: {error}"));
    CommandExit::Failed
}
