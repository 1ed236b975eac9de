//! The `codescry` program: parses the arguments, runs one command, and sets the exit code.

mod cli;

use std::process::ExitCode;

use cli::arguments::{CliArguments, CliCommand, ServeArguments, parse_command_line};
#[cfg(feature = "locations")]
use cli::commands::collection;
use cli::commands::{
    bench, completions, doctor, eval, gc, hook, index, indexes, install, man, models, outline, publish, read,
    references, search, serve, similar, status, symbol, tune, uninstall, watch,
};
use cli::exit::{CommandExit, report_failure};
use cli::logging;

fn main() -> ExitCode {
    // A worker starts in milliseconds, so it does nothing else.
    if config::is_parse_worker() {
        return workers::run_parse_worker(|_| ());
    }
    let arguments = parse_command_line();
    logging::init_logging(&arguments.shared, arguments.starts_server());
    run_command(&arguments).unwrap_or_else(|error| report_failure(&error)).into()
}

/// Runs the command that the arguments name.
fn run_command(arguments: &CliArguments) -> anyhow::Result<CommandExit> {
    let shared = &arguments.shared;
    match &arguments.command {
        Some(CliCommand::Search(arguments)) => search::run_search(shared, arguments),
        Some(CliCommand::Symbol(arguments)) => symbol::run_symbol(shared, arguments),
        Some(CliCommand::References(arguments)) => references::run_references(shared, arguments),
        Some(CliCommand::Read(arguments)) => read::run_read(shared, arguments),
        Some(CliCommand::Outline(arguments)) => outline::run_outline(shared, arguments),
        Some(CliCommand::Similar(arguments)) => similar::run_similar(shared, arguments),
        Some(CliCommand::Index(arguments)) => index::run_index(shared, arguments),
        Some(CliCommand::Status(arguments)) => status::run_status(shared, arguments),
        Some(CliCommand::Indexes(arguments)) => indexes::run_indexes(shared, &arguments.command),
        Some(CliCommand::Publish(arguments)) => publish::run_publish(shared, arguments),
        #[cfg(feature = "locations")]
        Some(CliCommand::Collection(arguments)) => collection::run_collection(shared, &arguments.command),
        Some(CliCommand::Gc(arguments)) => gc::run_gc(shared, arguments),
        Some(CliCommand::Serve(arguments)) => serve::run_serve(shared, arguments),
        Some(CliCommand::Watch(arguments)) => watch::run_watch(shared, arguments),
        Some(CliCommand::Eval(arguments)) => eval::run_eval(shared, arguments),
        Some(CliCommand::Tune(arguments)) => tune::run_tune(shared, arguments),
        Some(CliCommand::Bench(arguments)) => bench::run_bench(shared, &arguments.command),
        Some(CliCommand::Models(arguments)) => models::run_models(shared, &arguments.command),
        Some(CliCommand::Install(arguments)) => install::run_install(shared, arguments),
        Some(CliCommand::Uninstall(arguments)) => uninstall::run_uninstall(shared, arguments),
        Some(CliCommand::Hook) => hook::run_hook(shared),
        Some(CliCommand::Doctor(arguments)) => doctor::run_doctor(shared, arguments),
        Some(CliCommand::Completions(arguments)) => completions::print_completions(arguments.shell),
        Some(CliCommand::Man(arguments)) => man::print_man_page(&arguments.command),
        None => serve::run_serve(shared, &ServeArguments::for_paths(&arguments.paths)),
    }
}
