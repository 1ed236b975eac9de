//! The help texts: the options that each command lists, the help of `help`, and tips about options that are filters.

use std::ffi::OsString;

use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command};

use super::values::EXIT_CODES;
use super::words::filter_of_option;

/// The layout of the help of a command: that of clap, and where the options of every command are described.
const COMMAND_LAYOUT: &str = "\
{before-help}{about-with-newline}
{usage-heading} {usage}

{all-args}

`codescry --help` lists the options that every command takes, such as --index-dir, --embedder, --color and --quiet.\
{after-help}";

/// The end of `codescry -h`, before the exit codes.
const SHORT_HELP_END: &str =
    "`codescry --help` also lists the options that every command takes, the environment variables and the limits.";

/// Shapes the help of the program and its commands: each command lists its own options, and `codescry --help` those that
/// every command takes. If `is_narrow` is set, the description of an argument is below its name instead of beside it.
pub fn shape_help(program: Command, is_narrow: bool) -> Command {
    let shared: Vec<Arg> =
        program.get_arguments().filter(|arg| arg.is_global_set()).map(|arg| arg.clone().hide(true)).collect();
    // A command has hidden copies of these options; otherwise, clap would add visible ones.
    let program = program
        .mut_args(|arg| if arg.is_global_set() { arg.hide_short_help(true) } else { arg })
        .mut_subcommands(|command| lay_out_command(command.args(shared.iter().cloned())))
        .after_help(format!("{SHORT_HELP_END}\n\n{EXIT_CODES}"));
    if is_narrow { describe_on_next_line(program) } else { program }
}

fn lay_out_command(command: Command) -> Command {
    command.help_template(COMMAND_LAYOUT).mut_subcommands(lay_out_command)
}

/// Makes the help of a command and its subcommands put the description of each argument below its name.
fn describe_on_next_line(command: Command) -> Command {
    command.next_line_help(true).mut_subcommands(describe_on_next_line)
}

/// Rewrites `help --help` as `help help`, and `help NAME --help` as `help NAME`, because clap takes an option after
/// `help` for the name of a command. Other arguments stay as they are.
pub fn rewrite_help_of_help(mut arguments: Vec<OsString>, program: &Command) -> Vec<OsString> {
    let mut command = program;
    for at in 1..arguments.len() {
        if arguments[at] == "help" && command.has_subcommands() {
            let topics = arguments.split_off(at + 1);
            let is_name = |argument: &OsString| argument != "--help" && argument != "-h";
            let asks_for_help = !topics.iter().all(is_name);
            let names: Vec<OsString> = topics.into_iter().filter(is_name).collect();
            arguments.extend((asks_for_help && names.is_empty()).then(|| OsString::from("help")));
            arguments.extend(names);
            return arguments;
        }
        match command.find_subcommand(&arguments[at]) {
            Some(named) => command = named,
            None => return arguments,
        }
    }
    arguments
}

/// Replaces the tip of an error about an unknown option that is a filter of the query, such as `--kind` of `search`.
pub fn suggest_filter(mut error: clap::Error, arguments: &[OsString]) -> clap::Error {
    let option = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(option)) => Some(option.clone()),
        _ => None,
    };
    let Some(option) = option.filter(|_| error.kind() == ErrorKind::UnknownArgument) else { return error };
    let commands = [("search", "QUERY"), ("symbol", "NAME"), ("references", "NAME")];
    let command = commands.iter().find(|(command, _)| arguments.iter().any(|argument| argument == *command));
    let filter = filter_of_option(&option, arguments);
    if let Some(((command, words), filter)) = command.zip(filter) {
        let tip = format!("`{command}` takes it as a filter among the words: codescry {command} {words} {filter}");
        error.remove(ContextKind::SuggestedArg);
        // The usage would have the similar option that is no longer suggested.
        error.remove(ContextKind::Usage);
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![StyledStr::from(tip)]));
    }
    error
}
