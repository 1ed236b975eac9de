//! Parses the arguments, runs the command, sets the exit code.

use std::process::ExitCode;

use codescry::cli;

fn main() -> ExitCode {
    let arguments = cli::arguments();
    match cli::run(&arguments) {
        Ok(exit) => exit.into(),
        Err(error) => cli::failed(&error).into(),
    }
}
