//! Logging on standard error.
//!
//! `tracing-subscriber` reads `RUST_LOG`, a variable of that library; `config` reads all `CODESCRY_…`
//! variables.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::{self, IsTerminal as _};
use std::panic::{self, PanicHookInfo};

use text::code_locations::strip_code_locations;
use tracing_subscriber::EnvFilter;

use super::arguments::SharedArguments;

/// Installs the log subscriber of the process: warnings, or the level that `--verbose`, `--quiet` or `RUST_LOG` set.
/// Panics are logged too.
pub fn init_logging(shared: &SharedArguments) {
    let filter = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| EnvFilter::new(log_directives(shared.verbose, shared.quiet)));
    let plain = shared.no_color.as_ref().is_some_and(|value| !value.is_empty());
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    // Fails if a subscriber is already installed, which then stays in use.
    _ = log.with_ansi(!plain && io::stderr().is_terminal()).try_init();
    panic::set_hook(Box::new(log_panic));
}

/// Logs a panic without the folders of the machine that built the program. `RUST_BACKTRACE=1` adds a backtrace.
fn log_panic(info: &PanicHookInfo<'_>) {
    let location = info.location().map(|at| format!("{}:{}", source_name(at.file()), at.line())).unwrap_or_default();
    let thread = std::thread::current();
    let (name, reason) = (thread.name().unwrap_or("unnamed"), info.payload_as_str().unwrap_or("unknown reason"));
    let backtrace = Backtrace::capture();
    let backtrace = match backtrace.status() {
        BacktraceStatus::Captured => format!("\n{backtrace}"),
        _ => String::new(),
    };
    let reason = strip_code_locations(reason);
    tracing::error!(target: "codescry", "the thread {name} panicked at {location}: {reason}{backtrace}");
}

/// Returns the part of a source file's path that is the same on every machine: from the folder of its package on.
fn source_name(path: &str) -> &str {
    let folders = ["/registry/src/", "/git/checkouts/", "/rustc/"];
    let after = folders.iter().find_map(|folder| Some(path.split_once(folder)?.1.split_once('/')?.1));
    after.unwrap_or(path)
}

/// Returns the filter directives for the given verbosity.
fn log_directives(verbose: u8, quiet: bool) -> &'static str {
    match (quiet, verbose) {
        // Warnings of LanceDB and rmcp address their developers; failures reach the user as errors.
        (true, _) => "error",
        (_, 0) => "error,codescry=warn",
        (_, 1) => "error,codescry=info",
        (_, 2) => "warn,codescry=debug",
        _ => "info,codescry=trace",
    }
}
