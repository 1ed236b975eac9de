//! The outcome of a command and its exit code.

use std::io;
use std::process::ExitCode;

use engine::{EngineError, IndexError};

use crate::cli::printer;

/// The exit code that shells report for a process killed by SIGINT.
pub const INTERRUPTED_CODE: u8 = 130;

/// The outcome of a command, which determines the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommandExit {
    /// The command succeeded; a search found something.
    Done,
    /// A search or a look-up found nothing, or an installation found no client.
    NothingFound,
    /// A check of `codescry doctor` failed, or `codescry collection verify` found a problem.
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
            CommandExit::Interrupted => INTERRUPTED_CODE,
        })
    }
}

/// Prints the reason of a failure on standard error, and returns the matching outcome. A pipe that its reader closed is
/// no failure.
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
