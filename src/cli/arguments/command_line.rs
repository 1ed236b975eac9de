//! The commands, and the rules that apply to several of their arguments together.
//!
//! Usage errors end the process with exit code 2.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{Command, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use console::Term;
use text::edit_distance::count_edits_within;

use super::bench::BenchArguments;
#[cfg(feature = "locations")]
use super::collection::CollectionArguments;
use super::completions::{CompletionsArguments, ManArguments};
use super::doctor::DoctorArguments;
use super::eval::EvalArguments;
use super::help::{rewrite_help_of_help, shape_help, suggest_filter};
use super::index::{IndexArguments, StatusArguments, WatchArguments};
use super::indexes::IndexesArguments;
use super::install::{InstallArguments, UninstallArguments};
use super::locations::{GcArguments, PublishArguments};
use super::models::ModelsArguments;
use super::names::{ReferencesArguments, SymbolArguments};
use super::reading::{OutlineArguments, ReadArguments, SimilarArguments};
use super::reference::REFERENCE;
use super::search::SearchArguments;
use super::serve::ServeArguments;
use super::shared::SharedArguments;
use super::tune::TuneArguments;
use super::values::EXIT_CODES;
use super::words::mark_dash_filters;
use crate::cli::printer;
use crate::cli::text_output::palette::find_columns;

/// The usage line: a command, or the short form by which clients start the server.
const USAGE: &str = "codescry [OPTIONS] COMMAND\n       codescry --stdio [PATH]...";

/// Width of a terminal, in columns, below which the help puts the description of an argument below its name instead of
/// beside it.
const NARROW_COLUMNS: usize = 90;

/// Finds code by meaning
///
/// Indexes a folder once, keeps the index up to date, and answers queries about the code in it:
/// on the command line, and to coding assistants over the Model Context Protocol.
#[derive(Debug, Parser)]
#[command(name = "codescry", version, after_help = EXIT_CODES, after_long_help = REFERENCE, override_usage = USAGE)]
#[command(arg_required_else_help = true)]
pub struct CliArguments {
    #[command(subcommand)]
    pub command: Option<CliCommand>,
    /// Serve the Model Context Protocol over standard input and output: short for `codescry serve`
    #[arg(long)]
    pub stdio: bool,
    /// With --stdio: the folders to serve, as for `codescry serve`
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    #[command(flatten)]
    pub shared: SharedArguments,
}

impl CliArguments {
    /// Returns whether the arguments start a server.
    pub fn starts_server(&self) -> bool {
        matches!(self.command, None | Some(CliCommand::Serve(_)))
    }
}

/// The commands with their arguments.
#[derive(Debug, Subcommand)]
pub enum CliCommand {
    /// Find code by meaning, by words or by name
    Search(SearchArguments),
    /// Find where a name is defined
    Symbol(SymbolArguments),
    /// List where a name is used
    References(ReferencesArguments),
    /// Show lines of files, or whole definitions, as they are on disk now
    Read(ReadArguments),
    /// List the definitions of a file, or the files of a folder with the names they define
    Outline(OutlineArguments),
    /// Find code like a line of a file, or like a piece of code
    Similar(SimilarArguments),
    /// Create or update the index of a folder
    Index(IndexArguments),
    /// Show the state of the index
    Status(StatusArguments),
    /// List, remove and prune the indexes of all folders
    Indexes(IndexesArguments),
    /// Index a folder and publish its index at a location, for other machines to start from
    Publish(PublishArguments),
    /// List, verify and compact the repositories that are published at one location
    #[cfg(feature = "locations")]
    Collection(CollectionArguments),
    /// Remove the indexes of deleted folders and worktrees, and what other indexes no longer need; or unused parts from
    /// a location
    Gc(GcArguments),
    /// Serve the Model Context Protocol over standard input and output, or over HTTP
    Serve(ServeArguments),
    /// Watch a folder and keep its index up to date, until Ctrl-C
    Watch(WatchArguments),
    /// Measure search quality on your own questions with known answers
    Eval(EvalArguments),
    /// Fine-tune the built-in model on a folder, and keep the result if search improves
    Tune(TuneArguments),
    /// Measure the speed of indexing on a folder
    Bench(BenchArguments),
    /// List, install, verify, add and remove embedding models
    Models(ModelsArguments),
    /// Add this server to the configurations of the MCP clients on this machine
    Install(InstallArguments),
    /// Remove this server from the configurations of the MCP clients
    Uninstall(UninstallArguments),
    /// Check the program, the clients, the index and the server, and suggest remedies
    Doctor(DoctorArguments),
    /// Add places from an existing index to the result of a client's grep (`install --with hooks`)
    #[command(hide = true)]
    Hook,
    /// Print a completion script for a shell
    Completions(CompletionsArguments),
    /// Print a manual page
    Man(ManArguments),
}

/// Parses the arguments of this process.
///
/// For `--help` and `--version`, prints the text and ends the process with exit code 0. For invalid arguments, prints a
/// message and ends it with exit code 2.
pub fn parse_command_line() -> CliArguments {
    parse_arguments(config::program_arguments()).unwrap_or_else(|error| {
        let is_coloured = if error.use_stderr() { console::colors_enabled_stderr() } else { console::colors_enabled() };
        let text = if is_coloured { error.render().ansi().to_string() } else { error.render().to_string() };
        // The reader may have closed the pipe, which is no failure.
        _ = printer::print_usage(&text, error.use_stderr());
        std::process::exit(error.exit_code())
    })
}

/// Parses arguments, the first of which names the program.
fn parse_arguments(arguments: impl IntoIterator<Item = OsString>) -> Result<CliArguments, clap::Error> {
    let is_narrow = find_columns(&Term::stdout()).is_some_and(|columns| columns < NARROW_COLUMNS);
    let mut command = shape_help(CliArguments::command(), is_narrow);
    let arguments = rewrite_help_of_help(mark_dash_filters(arguments), &command);
    let matches = command.try_get_matches_from_mut(&arguments).map_err(|error| suggest_filter(error, &arguments))?;
    let arguments = CliArguments::from_arg_matches(&matches)?;
    check_arguments(&arguments, &mut command).map(|()| arguments)
}

/// Checks the rules that clap's attributes cannot express.
fn check_arguments(arguments: &CliArguments, command: &mut Command) -> Result<(), clap::Error> {
    let mut refuse = |kind, message: String| Err(command.error(kind, message));
    match (&arguments.command, arguments.stdio, arguments.paths.first()) {
        (Some(CliCommand::Search(search)), false, _)
            if search.batch && search.words.len() + usize::from(search.folders.are_given()) > 1 =>
        {
            let message = "--batch reads the queries from standard input; give only the folder";
            refuse(ErrorKind::ArgumentConflict, message.to_owned())
        }
        (Some(CliCommand::Serve(_)), _, None) | (Some(_), false, None) | (None, true, _) => Ok(()),
        (Some(_), true, _) => {
            refuse(ErrorKind::ArgumentConflict, "--stdio applies to `codescry serve` only".to_owned())
        }
        (_, _, Some(word)) => {
            let word = terminal_text::escape_controls(&word.to_string_lossy());
            let likely = match find_similar_command(&CliArguments::command(), &word) {
                Some(similar) => format!("did you mean `codescry {similar}`? To"),
                None => "to".to_owned(),
            };
            let message = format!("unknown command `{word}`; {likely} search for it, run `codescry search {word}`");
            refuse(ErrorKind::InvalidSubcommand, message)
        }
        (None, false, None) => {
            let help = command.render_help().to_string();
            Err(command.error(ErrorKind::MissingSubcommand, format!("give a command\n\n{help}")))
        }
    }
}

/// Returns the visible command whose name is the fewest edits away from `word`; `None` if none is within one edit, or
/// two for a word of five or more characters.
fn find_similar_command(command: &Command, word: &str) -> Option<String> {
    let names = command.get_subcommands().filter(|subcommand| !subcommand.is_hide_set()).map(Command::get_name);
    let max_edits = if word.chars().count() < 5 { 1 } else { 2 };
    let near = names.filter_map(|name| Some((count_edits_within(word, name, max_edits)?, name)));
    near.min().map(|(_, name)| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<CliArguments, clap::Error> {
        parse_arguments(std::iter::once(&"codescry").chain(words).map(OsString::from))
    }

    #[test]
    fn a_misspelt_command_is_suggested() {
        for (word, meant) in [("serach", "search"), ("Search", "search"), ("symbl", "symbol"), ("stauts", "status")] {
            let message = parse(&[word]).map(|_| ()).expect_err("no such command").to_string();
            assert!(message.contains(&format!("did you mean `codescry {meant}`?")), "{message}");
        }
        let message = parse(&["pagination"]).map(|_| ()).expect_err("no such command").to_string();
        assert!(!message.contains("did you mean"), "{message}");
    }

    #[test]
    fn the_declaration_is_valid() {
        CliArguments::command().debug_assert();
        shape_help(CliArguments::command(), true).debug_assert();
    }

    /// Returns the text that the arguments print instead of running a command.
    fn printed(words: &[&str]) -> String {
        parse(words).map(|_| ()).expect_err("a text").to_string()
    }

    #[test]
    fn a_command_lists_its_own_options_and_where_the_others_are() {
        for words in [["search", "-h"], ["search", "--help"], ["help", "search"]] {
            let help = printed(&words);
            assert!(help.contains("--explain") && help.contains("`codescry --help` lists the options"), "{help}");
            assert!(!help.contains("--parse-workers") && !help.contains("--max-file-bytes"), "{help}");
        }
        let help = printed(&["models", "install", "--help"]);
        assert!(help.contains("`codescry --help`") && !help.contains("--parse-workers"), "{help}");
        let help = printed(&["--help"]);
        assert!(
            ["--parse-workers", "--max-file-bytes", "CODESCRY_BASE"].iter().all(|part| help.contains(part)),
            "{help}"
        );
        let help = printed(&["-h"]);
        assert!(help.contains("tune") && help.contains("Exit codes: 0") && !help.contains("--parse-workers"), "{help}");
    }

    #[test]
    fn help_has_a_help_text() {
        for words in [&["help", "--help"][..], &["help", "-h"], &["help", "help"]] {
            let help = printed(words);
            assert!(help.contains("Usage: codescry help [COMMAND]"), "{words:?}: {help}");
        }
        assert_eq!(printed(&["help", "search", "--help"]), printed(&["help", "search"]));
        assert!(printed(&["models", "help", "--help"]).contains("Usage: codescry models help [COMMAND]"));
        assert!(printed(&["search", "help", "--help"]).contains("Usage: codescry search"));
    }

    #[test]
    fn an_option_that_search_has_as_a_filter_is_suggested_as_one() {
        let message = printed(&["search", "retry", "--kind", "function"]);
        assert!(message.contains("codescry search QUERY kind:function") && !message.contains("--in"), "{message}");
        assert!(printed(&["search", "retry", "--lmit", "3"]).contains("--limit"));
    }

    #[test]
    fn a_misspelled_filter_and_a_negative_number_get_a_fitting_tip() {
        for (misspelled, filter) in [("-tset", "-test"), ("-exmaple", "-example")] {
            let message = printed(&["search", "retry", misspelled]);
            assert!(message.contains(&format!("did you mean the filter {filter}?")), "{message}");
            assert!(message.contains(&format!("'{misspelled}'")) && !message.contains("-- -"), "{message}");
        }
        let message = printed(&["search", "retry", "--offset", "-1"]);
        assert!(message.contains("--offset takes no negative number") && !message.contains("-- -1"), "{message}");
    }

    #[test]
    fn a_batch_takes_a_folder_and_no_query() {
        let Ok(CliArguments { command: Some(CliCommand::Search(search)), .. }) =
            parse(&["search", "--batch", "--json", "dir"])
        else {
            panic!("a batch with a folder");
        };
        assert_eq!(search.words, ["dir"]);
        assert!(parse(&["search", "--batch", "--json", "--limit", "10"]).is_ok());
        assert!(parse(&["search", "--batch", "a query", "dir"]).is_err());
        assert!(parse(&["search"]).is_err());
    }

    #[test]
    fn stdio_is_short_for_serve() {
        assert!(parse(&["--stdio"]).is_ok_and(|arguments| arguments.stdio && arguments.paths.is_empty()));
        assert!(parse(&["--stdio", "a", "b"]).is_ok_and(|arguments| arguments.paths.len() == 2));
        assert!(parse(&["--index-dir", "i", "serve", "--stdio", "a"]).is_ok());
        assert!(parse(&["--stdio", "search", "a"]).is_err());
    }

    #[test]
    fn an_unknown_command_is_named_with_a_remedy() {
        let message = parse(&["where is retry"]).map(|_| ()).expect_err("no such command").to_string();
        assert!(message.contains("where is retry") && message.contains("codescry search"), "{message}");
    }

    #[test]
    fn global_flags_may_precede_or_follow_the_command() {
        let arguments = parse(&["search", "q", "--max-file-bytes", "2MiB", "-vv"]).expect("a search");
        assert_eq!((arguments.shared.max_file_bytes, arguments.shared.verbose), (Some(2 << 20), 2));
        let arguments = parse(&["--parse-workers", "3", "index"]).expect("an index run");
        assert_eq!(arguments.shared.pipeline.parse_workers, Some(3));
    }

    #[test]
    fn numbers_out_of_range_are_refused() {
        for words in [["--limit", "0"], ["--limit", "201"], ["--parse-workers", "0"], ["--max-file-bytes", "0"]] {
            assert!(parse(&["search", "q", words[0], words[1]]).is_err(), "{words:?}");
        }
    }
}
