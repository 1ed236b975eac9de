//! Logging on standard error.
//!
//! `tracing-subscriber` reads `RUST_LOG`, a variable of that library; `config` reads all `CODESCRY_…`
//! variables.

use std::io::{self, IsTerminal as _};

use tracing_subscriber::EnvFilter;

use super::arguments::SharedArguments;

/// Installs the log subscriber of the process: warnings, or the level that `--verbose`, `--quiet` or
/// `RUST_LOG` set.
pub fn init_logging(shared: &SharedArguments) {
    let filter = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| EnvFilter::new(log_directives(shared.verbose, shared.quiet)));
    let plain = shared.no_color.as_ref().is_some_and(|value| !value.is_empty());
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    // Fails if a subscriber is already installed, which then stays in use.
    _ = log.with_ansi(!plain && io::stderr().is_terminal()).try_init();
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
