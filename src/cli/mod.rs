//! The command line.
//!
//! Owns the arguments, one file per command, what a person or a script reads on standard output,
//! and the exit codes. Everything is asked of [`crate::engine`]; the server is [`crate::mcp`].
//! Standard output carries the answer and nothing else; only [`printer`] writes there. No byte of
//! an indexed file reaches a terminal unless it is printable.
//! The only module that imports `clap` and `indicatif`. Must never import: anything of this crate
//! but `clients`, `config`, `engine` and `mcp`.

mod arguments;
mod batch;
mod bench;
mod completions;
mod diff;
mod doctor;
mod dry_run;
mod eval;
mod highlight;
mod index;
mod install;
mod interrupts;
mod logging;
mod models;
mod names;
mod page;
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

pub use arguments::{Arguments, arguments};

use crate::engine::{EngineError, IndexError};
use arguments::{Command, ServeArguments};

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done; a search found something.
    Done,
    /// A search found nothing, or an installation no client.
    NothingFound,
    /// A check of the doctor failed.
    Unwell,
    /// The command failed, or could not be understood.
    Failed,
    /// Ctrl-C.
    Interrupted,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::NothingFound | Exit::Unwell => 1,
            Exit::Failed => 2,
            Exit::Interrupted => INTERRUPTED,
        })
    }
}

/// As a shell reports a process that SIGINT ended.
const INTERRUPTED: u8 = 130;

/// Runs the command that was asked for.
///
/// # Errors
/// When it cannot be done; see [`failed`].
pub fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    let shared = &arguments.shared;
    logging::begin(shared);
    match &arguments.command {
        Some(Command::Search(given)) => search::run(shared, given),
        Some(Command::Symbol(given)) => names::symbol(shared, given),
        Some(Command::References(given)) => names::references(shared, given),
        Some(Command::Index(given)) => index::run(shared, given),
        Some(Command::Status(given)) => status::run(shared, given),
        Some(Command::Serve(given)) => serve::run(shared, given),
        Some(Command::Watch(given)) => watch::run(shared, given),
        Some(Command::Eval(given)) => eval::run(shared, given),
        Some(Command::Tune(given)) => tune::run(shared, given),
        Some(Command::Bench(given)) => bench::run(shared, &given.what),
        Some(Command::Models(given)) => models::run(shared, &given.what),
        Some(Command::Install(given)) => install::install(shared, given),
        Some(Command::Uninstall(given)) => install::uninstall(shared, given),
        Some(Command::Doctor(given)) => doctor::run(shared, given),
        Some(Command::Completions(given)) => completions::completions(given.shell),
        Some(Command::Man(given)) => completions::man(given.command.as_deref()),
        None => serve::run(shared, &ServeArguments { paths: arguments.paths.clone(), ..ServeArguments::default() }),
    }
}

/// Tells on standard error why a command failed.
pub fn failed(error: &anyhow::Error) -> Exit {
    if let Some(io) = error.downcast_ref::<io::Error>()
        && io.kind() == io::ErrorKind::BrokenPipe
    {
        // Whoever read the answer has seen enough.
        return Exit::Done;
    }
    if let Some(EngineError::Index(cancelled @ IndexError::Cancelled { .. })) = error.downcast_ref() {
        printer::note(&cancelled.to_string());
        return Exit::Interrupted;
    }
    // The messages of every module name their cause themselves.
    printer::note(&format!("error: {error}"));
    Exit::Failed
}
