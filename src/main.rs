//! Parses the arguments, runs the command, sets the exit code.

use std::process::ExitCode;

use codescry::cli;

/// Many threads allocate, and few of them free: with the C library's allocator a server that indexes
/// anew again and again grew to a gigabyte, most of it free.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = cli::arguments();
    match cli::run(&arguments) {
        Ok(exit) => exit.into(),
        Err(error) => cli::failed(&error).into(),
    }
}
