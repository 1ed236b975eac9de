//! `codescry man`: manual pages.

use std::io::{self, IsTerminal as _};

use anyhow::Context as _;
use clap::{ArgAction, Command, CommandFactory as _};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use crate::cli::arguments::CliArguments;
use crate::cli::exit::CommandExit;
use crate::cli::printer::{self, print_bytes};

/// The definition of the apostrophe, with which each section begins.
const PREAMBLE: &str = ".ie \\n(.g .ds Aq \\(aq\n.el .ds Aq '\n";

/// Requests that turn off hyphenation and justification: words of options and variables are long, and `troff` warns
/// about lines that it cannot justify.
const LAYOUT: &[u8] = b".nh\n.ad l\n";

/// Indentation from which a line of notes continues the description before it.
const DESCRIPTION_INDENT: usize = 8;

/// Where the options are that the pages of the commands leave out.
const SHARED_OPTIONS: &str =
    "codescry(1) lists the options that every command takes, such as --index-dir, --embedder and --quiet.";

/// Prints the manual page of the program, or of one of its commands.
///
/// # Errors
/// If there is no such command, or standard output cannot be written.
pub fn print_man_page(command: &[String]) -> anyhow::Result<CommandExit> {
    let page = format_man_page(command)?;
    if io::stdout().is_terminal() {
        let command = command.iter().map(|word| format!(" {word}")).collect::<String>();
        printer::print_note(&format!("to read this page: codescry man{command} | man -l -"));
    }
    print_bytes(page.as_bytes())?;
    Ok(CommandExit::Done)
}

/// Returns the manual page of the program, or of one of its commands, in ASCII.
fn format_man_page(command: &[String]) -> anyhow::Result<String> {
    let mut page = CliArguments::command();
    // Sets the full name of each command, such as `codescry search`.
    page.build();
    for name in command.iter().flat_map(|words| words.split_whitespace()) {
        page = find_command(&page, name)?;
    }
    if !command.is_empty() {
        // The page of the program describes them.
        page = page.mut_args(|arg| if arg.is_global_set() { arg.hide(true) } else { arg });
    }
    let roff = render_sections(&page).context("cannot write the manual page")?;
    let page = to_ascii(&String::from_utf8_lossy(&roff));
    Ok(format!("{PREAMBLE}{}", page.replace(PREAMBLE, "")))
}

/// Renders the sections of a page.
///
/// # Errors
/// If a section cannot be written to memory.
fn render_sections(page: &Command) -> io::Result<Vec<u8>> {
    // The quotes are an empty argument, in place of a date.
    let source = concat!("codescry ", env!("CARGO_PKG_VERSION"));
    let man = Man::new(page.clone()).manual("codescry").source(source).date("\"\"");
    let mut out = Vec::new();
    man.render_title(&mut out)?;
    out.extend_from_slice(LAYOUT);
    man.render_name_section(&mut out)?;
    let mut synopsis = Vec::new();
    man.render_synopsis_section(&mut synopsis)?;
    out.extend_from_slice(mark_repeated(page, &String::from_utf8_lossy(&synopsis)).as_bytes());
    man.render_description_section(&mut out)?;
    man.render_options_section(&mut out)?;
    if page.get_subcommands().any(|command| !command.is_hide_set()) {
        man.render_subcommands_section(&mut out)?;
    }
    let notes = page.get_after_long_help().or_else(|| page.get_after_help()).map(ToString::to_string);
    let is_program = page.get_version().is_some();
    let notes: Vec<String> = notes.into_iter().chain((!is_program).then(|| SHARED_OPTIONS.to_owned())).collect();
    if !notes.is_empty() {
        format_notes(&notes.join("\n\n")).to_writer(&mut out)?;
    }
    if page.get_version().is_some() {
        man.render_version_section(&mut out)?;
    }
    Ok(out)
}

/// Adds `...` to the arguments of a synopsis that may be given several times.
fn mark_repeated(page: &Command, synopsis: &str) -> String {
    let mut marked = synopsis.to_owned();
    for arg in page.get_positionals().filter(|arg| matches!(arg.get_action(), ArgAction::Append)) {
        let name = arg.get_value_names().map_or_else(|| arg.get_id().as_str().to_owned(), |names| names.join(" "));
        for (open, close) in [("[", "]"), ("<", ">")] {
            let shown = format!("{open}\\fI{name}\\fR{close}");
            marked = marked.replace(&shown, &format!("{shown}..."));
        }
    }
    marked
}

/// Formats the notes at the end of a help text as a section. An indented line is a label with its description, after
/// at least two spaces or on the next line, or an example.
fn format_notes(text: &str) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["NOTES"]);
    let indent_of = |line: &str| line.len() - line.trim_start().len();
    let mut is_after_row = false;
    let mut is_after_text = false;
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let words = line.trim();
        let is_described_below = lines.peek().is_some_and(|next| indent_of(next) >= DESCRIPTION_INDENT);
        match (indent_of(line), words.split_once("  ")) {
            _ if words.is_empty() => _ = roff.control("PP", []),
            (0, _) => {
                if is_after_row || is_after_text {
                    roff.control(if is_after_row { "PP" } else { "br" }, []);
                }
                roff.text([roman(words)]);
            }
            (DESCRIPTION_INDENT.., _) => _ = roff.text([roman(words)]),
            (_, Some((label, description))) => {
                roff.control("TP", []).text([bold(label)]).text([roman(description.trim_start())]);
            }
            (_, None) if is_described_below => _ = roff.control("TP", []).text([bold(words)]),
            (_, None) => _ = roff.control("RS", ["4"]).text([roman(words)]).control("RE", []),
        }
        is_after_row = !words.is_empty() && indent_of(line) > 0;
        is_after_text = !words.is_empty() && indent_of(line) == 0;
    }
    roff
}

/// Replaces characters by escapes of `troff`: quotation marks and others that it would show as different characters, and
/// all outside of ASCII. An ellipsis becomes periods, because an ASCII terminal has none.
fn to_ascii(page: &str) -> String {
    let mut ascii = String::with_capacity(page.len());
    for line in page.split_inclusive('\n') {
        // A period at the beginning of a line would be a request.
        ascii.push_str(if line.starts_with('…') { "\\&" } else { "" });
        for c in line.chars() {
            match c {
                '…' => ascii.push_str("..."),
                '`' => ascii.push_str("\\[ga]"),
                '~' => ascii.push_str("\\[ti]"),
                '^' => ascii.push_str("\\[ha]"),
                c if c.is_ascii() => ascii.push(c),
                c => ascii.push_str(&format!("\\[u{:04X}]", u32::from(c))),
            }
        }
    }
    ascii
}

fn find_command(program: &Command, name: &str) -> anyhow::Result<Command> {
    let shown = || program.get_subcommands().filter(|command| !command.is_hide_set() && command.get_name() != "help");
    let known = || shown().map(Command::get_name).collect::<Vec<_>>().join(", ");
    let found = shown().find(|command| command.get_name() == name);
    let unknown = || match known() {
        known if known.is_empty() => format!("`{}` has no command {name}", program.get_bin_name().unwrap_or_default()),
        known => format!("there is no command {name}; the commands are: {known}"),
    };
    Ok(found.with_context(unknown)?.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The requests and macros in the pages.
    const REQUESTS: [&str; 13] =
        [".ie", ".el", ".TH", ".SH", ".SS", ".PP", ".TP", ".RS", ".RE", ".IP", ".br", ".nh", ".ad"];

    #[test]
    fn every_page_has_only_known_requests_and_ascii() {
        let mut program = CliArguments::command();
        program.build();
        let mut names = vec![Vec::new()];
        for command in program.get_subcommands().filter(|command| !command.is_hide_set()) {
            let name = command.get_name().to_owned();
            if name == "help" {
                continue;
            }
            let below = command.get_subcommands().filter(|below| !below.is_hide_set() && below.get_name() != "help");
            names.extend(below.map(|below| vec![name.clone(), below.get_name().to_owned()]));
            names.push(vec![name]);
        }
        assert!(names.len() > 20, "{names:?}");
        for name in names {
            let page = format_man_page(&name).expect("a page");
            assert!(page.is_ascii() && page.contains("\n.ad l\n"), "{name:?}");
            for line in page.lines().filter(|line| line.starts_with(['.', '\''])) {
                let request = line.split(' ').next().unwrap_or_default();
                assert!(REQUESTS.contains(&request), "{name:?}: {line}");
            }
            for once in [".TH ", ".ie "] {
                assert_eq!(page.lines().filter(|line| line.starts_with(once)).count(), 1, "{name:?}");
            }
        }
    }

    #[test]
    fn the_page_of_a_command_has_its_own_options_and_says_what_may_be_repeated() {
        let page = |words: &[&str]| format_man_page(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
        let search = page(&["search"]).expect("a page");
        assert!(search.contains("\\-\\-explain") && !search.contains("\\-\\-parse\\-workers"), "{search}");
        assert!(search.contains("[\\fIQUERY\\fR]...") && search.contains("codescry(1)"), "{search}");
        assert!(page(&["symbol"]).expect("a page").contains("<\\fINAME\\fR>..."));
        assert!(page(&[]).expect("a page").contains("\\-\\-parse\\-workers"));
    }

    #[test]
    fn notes_are_paragraphs_labels_with_descriptions_and_examples() {
        let notes = "Limits:\n  files   1 MiB each\n  LONG_NAME\n                 a folder\nAn example:\n  {\"a\": 1}\n\n\
                     The end.";
        let roff = format_notes(notes).to_roff();
        let expected = ".SH NOTES\nLimits:\n.TP\n\\fBfiles\\fR\n1 MiB each\n.TP\n\\fBLONG_NAME\\fR\na folder\n.PP\nAn \
                        example:\n.RS 4\n{\"a\": 1}\n.RE\n.PP\nThe end.\n";
        assert_eq!(roff, expected);
        assert_eq!(to_ascii("a … é `~`\n… b"), "a ... \\[u00E9] \\[ga]\\[ti]\\[ga]\n\\&... b");
    }
}
