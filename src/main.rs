//! The `codescry` program: parses the arguments, runs the command and sets the exit code.

use std::process::ExitCode;

mod cli;

fn main() -> ExitCode {
    let arguments = cli::parse_command_line();
    match cli::run_command(&arguments) {
        Ok(exit) => exit.into(),
        Err(error) => cli::report_failure(&error).into(),
    }
}
