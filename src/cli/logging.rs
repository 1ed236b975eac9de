//! Logs, on standard error.
//!
//! Owns the one subscriber of the process. `RUST_LOG` is read here, by `tracing-subscriber` itself,
//! because it belongs to that library; every variable of codescry's own is read by `config`.
//! Must never import: anything of this crate.

use std::io::{self, IsTerminal as _};

use tracing_subscriber::EnvFilter;

use super::arguments::Shared;

/// Begins to log: warnings, or what `--verbose`, `--quiet` or `RUST_LOG` say.
pub fn begin(shared: &Shared) {
    let filter =
        EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(directives(shared.verbose, shared.quiet)));
    let plain = shared.no_color.as_ref().is_some_and(|value| !value.is_empty());
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    // A second subscriber cannot be set; the first one goes on.
    _ = log.with_ansi(!plain && io::stderr().is_terminal()).try_init();
}

fn directives(verbose: u8, quiet: bool) -> &'static str {
    match (quiet, verbose) {
        // What LanceDB and rmcp warn of is for their developers; a failure reaches the user as an error.
        (true, _) => "error",
        (_, 0) => "error,codescry=warn",
        (_, 1) => "error,codescry=info",
        (_, 2) => "warn,codescry=debug",
        _ => "info,codescry=trace",
    }
}
