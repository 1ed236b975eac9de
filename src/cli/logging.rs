//! Logging on standard error: plain messages for the user of a command, log lines for servers and developers.
//!
//! `tracing-subscriber` reads `RUST_LOG`, a variable of that library; `config` reads all `CODESCRY_…`
//! variables.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::fmt;
use std::io::{self, IsTerminal as _};
use std::panic::{self, PanicHookInfo};

use text::code::locations::strip_code_locations;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use super::arguments::SharedArguments;
use super::printer::format_note;

/// Installs the log subscriber of the process: warnings, or the level that `--verbose`, `--quiet` or `RUST_LOG` set.
/// Panics are logged too. Lines have a time and a module in a server, and if `RUST_LOG` or `-vv` is given; otherwise
/// they are messages such as `warning: …`.
pub fn init_logging(shared: &SharedArguments, is_server: bool) {
    let named = EnvFilter::try_from_default_env().ok();
    let is_log = is_server || named.is_some() || shared.verbose > 1;
    let filter = named.unwrap_or_else(|| EnvFilter::new(log_directives(shared.verbose, shared.quiet)));
    let plain = shared.no_color.as_ref().is_some_and(|value| !value.is_empty());
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    let log = log.with_ansi(!plain && io::stderr().is_terminal());
    // Fails if a subscriber is already installed, which then stays in use.
    _ = if is_log { log.try_init() } else { log.event_format(MessageFormat).try_init() };
    panic::set_hook(Box::new(log_panic));
}

/// Formats an event as a message for the user of a command.
struct MessageFormat;

impl<S, N> FormatEvent<S, N> for MessageFormat
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut message = format!("{}: ", level_label(event.metadata().level()));
        context.field_format().format_fields(Writer::new(&mut message), event)?;
        writeln!(writer, "{}", format_note(&message))
    }
}

/// Returns the beginning of a message of a level.
fn level_label(level: &Level) -> &'static str {
    match *level {
        Level::ERROR => "error",
        Level::WARN => "warning",
        _ => "note",
    }
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
