//! The help texts: the options that each command lists, the help of `help`, and tips about options that are filters.

use std::ffi::OsString;

use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command};

use super::values::EXIT_CODES;
use super::words::{filter_of_option, find_misspelled_filter};

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

/// Replaces the tip of an error about an unknown option that is a filter of the query, such as `--kind` of `search`, a
/// misspelled filter, such as `-tset`, or a negative number, such as that in `--offset -1`.
pub fn suggest_filter(mut error: clap::Error, arguments: &[OsString]) -> clap::Error {
    let option = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(option)) => Some(option.clone()),
        _ => None,
    };
    let Some(option) = option.filter(|_| error.kind() == ErrorKind::UnknownArgument) else { return error };
    if let Some((word, filter)) = find_misspelled_filter(&option, arguments) {
        error.insert(ContextKind::InvalidArg, ContextValue::String(word.to_owned()));
        suggest(&mut error, format!("did you mean the filter {filter}?"));
        return error;
    }
    if let Some(before) = find_option_before_negative(&option, arguments) {
        suggest(&mut error, format!("{before} takes no negative number"));
        return error;
    }
    let commands = [("search", "QUERY"), ("symbol", "NAME"), ("references", "NAME")];
    let command = commands.iter().find(|(command, _)| arguments.iter().any(|argument| argument == *command));
    let filter = filter_of_option(&option, arguments);
    if let Some(((command, words), filter)) = command.zip(filter) {
        let tip = format!("`{command}` takes it as a filter among the words: codescry {command} {words} {filter}");
        error.remove(ContextKind::SuggestedArg);
        // The usage would have the similar option that is no longer suggested.
        error.remove(ContextKind::Usage);
        suggest(&mut error, tip);
    }
    error
}

/// Replaces the tips of an error.
fn suggest(error: &mut clap::Error, tip: String) {
    error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![StyledStr::from(tip)]));
}

/// Returns the option before a negative number that an error calls the unknown option `number`, such as `-1`.
fn find_option_before_negative<'a>(number: &str, arguments: &'a [OsString]) -> Option<&'a str> {
    let is_negative = |word: &str| word.starts_with(number) && word.parse::<i64>().is_ok_and(|number| number < 0);
    let mut pairs = arguments.windows(2).filter_map(|pair| Some((pair[0].to_str()?, pair[1].to_str()?)));
    let is_value = |(option, word): &(&str, &str)| option.starts_with('-') && *option != "--" && is_negative(word);
    pairs.find(is_value).map(|(option, _)| option)
}
