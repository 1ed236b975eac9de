//! Takes bug reports and feature requests apart: title, prose, code, logs and traces.
//!
//! A report is not one question. Its title names the fault, its prose uses the words of a user, its code shows which
//! interface was called, and its traces name places. Each part is searched for on its own.

mod parts;
mod written_locations;

use std::collections::HashSet;

use crate::query::terms::stack_trace::{QueryLocation, parse_trace};
use crate::query::terms::{IndexLookup, QueryKind, QueryTerms};
use parts::ReportParts;
use text::code::snippet::find_snippet_names;
use text::code::written_names::{WrittenName, find_names};
use written_locations::find_written_locations;

/// Minimum number of words of prose, besides the title, in a report of several lines without Markdown.
const MIN_PROSE_WORDS: usize = 12;

/// Minimum length of a single line that is a report, in words.
const MIN_LINE_WORDS: usize = 45;

/// Maximum number of words of the prose that are searched for.
const MAX_PROSE_WORDS: usize = 160;

/// Maximum number of names that are searched for.
const MAX_NAMES: usize = 30;

/// Maximum number of messages that are searched for.
const MAX_MESSAGES: usize = 4;
/// Minimum number of words of a message.
const MIN_MESSAGE_WORDS: usize = 4;
/// Maximum number of words of a message.
const MAX_MESSAGE_WORDS: usize = 50;

/// A report, taken apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Report {
    /// The first line, or the first sentence of a report of one line.
    pub title: String,
    /// The first words after the title, without code, logs, traces, comments and descriptions of the environment.
    pub prose: String,
    /// The distinct names in the title, in the prose, in traces and in code, in this order; names of up to two bytes
    /// are left out.
    pub names: Vec<WrittenName>,
    /// The locations in traces, innermost first, then those in the title and the prose.
    pub locations: Vec<QueryLocation>,
    /// Quoted texts, error messages, and the title, as [`find_messages`] returns them.
    pub messages: Vec<String>,
}

impl Report {
    /// Returns the parts of a report that are searched for: its title with all locations, its title with its prose, and
    /// its title with the names that occur in the index.
    pub fn to_terms(&self, known: &dyn IndexLookup) -> [QueryTerms; 3] {
        let Self { title, prose, names, locations, .. } = self;
        let known_names: Vec<&WrittenName> =
            names.iter().filter(|name| known.mentions(&name.text)).take(MAX_NAMES).collect();
        let defined = known_names.iter().filter(|name| known.defines(&name.text));
        let defined: Vec<WrittenName> = defined.map(|name| (*name).clone()).collect();
        let in_title = |name: &&WrittenName| title.contains(&name.text);
        let with_title = |text: &str| QueryTerms::from_words(&format!("{title}\n{text}"));
        let written = known_names.iter().map(|name| name.text.as_str()).collect::<Vec<_>>().join(" ");
        let kind = QueryKind::Report;
        [
            QueryTerms {
                kind,
                names: defined.iter().filter(in_title).cloned().collect(),
                locations: locations.clone(),
                ..QueryTerms::from_words(title)
            },
            QueryTerms { kind, ..with_title(prose) },
            QueryTerms { kind, names: defined, ..with_title(&written) },
        ]
    }
}

/// Parses a report; returns `None` if the text is no report, such as a question, a name, code or a trace alone.
pub(super) fn parse_report(text: &str) -> Option<Report> {
    let parts = ReportParts::split(text);
    if !is_report(text, &parts) {
        return None;
    }
    let mut title = parts.title.clone();
    let mut prose = parts.prose.join("\n");
    if prose.is_empty() && parts.code.is_empty() && parts.logs.is_empty() {
        // One long line: its first sentence is the title.
        let end = title.find(". ").map_or(title.len(), |end| end + 1);
        prose = title.split_off(end).trim().to_owned();
    }
    let mut names = find_written_names(&title);
    names.extend(find_written_names(&prose));
    let mut locations = Vec::new();
    for log in &parts.logs {
        if let Some(trace) = parse_trace(log) {
            let functions = trace.locations.iter().map(|location| location.function.as_str());
            let functions = functions.filter(|function| !function.is_empty());
            names.extend(functions.map(|text| WrittenName { text: text.to_owned(), ..WrittenName::default() }));
            locations.extend(trace.locations);
        }
    }
    locations.extend([&title, &prose].into_iter().flat_map(|text| find_written_locations(text)));
    for code in parts.code.iter().chain(&parts.logs) {
        names.extend(find_snippet_names(code));
    }
    let mut seen = HashSet::new();
    names.retain(|name| name.text.len() > 2 && seen.insert(name.text.clone()));
    let words: Vec<&str> = prose.split_whitespace().take(MAX_PROSE_WORDS).collect();
    let messages = find_messages(&parts, &title, &prose);
    Some(Report { title, prose: words.join(" "), names, locations, messages })
}

/// Returns at most [`MAX_MESSAGES`] texts that may occur in the code: quoted texts, lines of logs and code that mention
/// an error but do not raise it, and the title; without very short and very long ones.
fn find_messages(parts: &ReportParts, title: &str, prose: &str) -> Vec<String> {
    let is_long = |text: &&str| (MIN_MESSAGE_WORDS..=MAX_MESSAGE_WORDS).contains(&text.split_whitespace().count());
    let lines = parts.logs.iter().chain(&parts.code).flat_map(|log| log.lines()).map(str::trim);
    let tells = |line: &&str| {
        ["rror", "xception", "arning", "anic", "ailed", "annot", "nvalid"].iter().any(|mark| line.contains(mark))
    };
    let logged = lines.filter(tells).filter(|line| !line.starts_with("raise ") && !line.starts_with("throw "));
    let quoted = [title, prose].into_iter().flat_map(|text| {
        ['`', '"', '“']
            .into_iter()
            .flat_map(move |quote| text.split([quote, if quote == '“' { '”' } else { quote }]).skip(1).step_by(2))
    });
    let mut messages: Vec<String> = Vec::new();
    for text in quoted.chain(logged).chain([title]).filter(is_long) {
        // `ValueError: ` and the like are no part of the text in the code.
        let text = text.split_once(": ").filter(|(kind, _)| !kind.contains(' ')).map_or(text, |(_, text)| text);
        if !messages.iter().any(|message| message == text) && messages.len() < MAX_MESSAGES {
            messages.push(text.to_owned());
        }
    }
    messages
}

/// Returns whether the parts make up a report.
fn is_report(text: &str, parts: &ReportParts) -> bool {
    let words = |line: &String| line.split_whitespace().count();
    let title_words = words(&parts.title);
    let prose_words: usize = parts.prose.iter().map(words).sum();
    let other_lines: usize = parts.code.iter().chain(&parts.logs).map(|block| block.lines().count()).sum();
    if text.trim().lines().nth(1).is_none() {
        return title_words >= MIN_LINE_WORDS && !parts.title_is_code;
    }
    let has_title = title_words >= 2 && !parts.title_is_code;
    if parts.has_markdown && title_words >= 2 {
        return prose_words + title_words >= 4;
    }
    has_title && prose_words >= MIN_PROSE_WORDS && parts.prose.len() * 2 >= other_lines.min(20)
}

/// Returns the names that a text writes as code: in backticks, with underscores, inner capitals, separators or `()`, in
/// capitals only, or with capitals and digits.
fn find_written_names(text: &str) -> Vec<WrittenName> {
    let mut names = Vec::new();
    for (at, part) in text.split('`').enumerate() {
        if at % 2 == 1 && part.len() < 200 {
            names.extend(find_snippet_names(part));
            let words = part.split(|c: char| !(c.is_alphanumeric() || c == '_'));
            let words = words.filter(|word| word.chars().next().is_some_and(|c| c.is_alphabetic() || c == '_'));
            names.extend(words.map(|word| WrittenName { text: word.to_owned(), ..WrittenName::default() }));
        }
    }
    let is_code_number = |word: &str| {
        word.chars().any(|c| c.is_ascii_uppercase())
            && word.chars().any(|c| c.is_ascii_digit())
            && word.chars().all(|c| c.is_ascii_alphanumeric())
            || word.len() > 2 && word.chars().all(|c| c.is_ascii_uppercase())
    };
    let written = text.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|word| is_code_number(word));
    names.extend(written.map(|word| WrittenName { text: word.to_owned(), ..WrittenName::default() }));
    let is_prose = |token: &str| !token.contains("://") && !token.starts_with("www.");
    let found = find_names(text, |token| is_prose(token));
    for name in found {
        if !name.container.is_empty() {
            names.push(WrittenName { text: name.container.clone(), ..WrittenName::default() });
        }
        names.push(name);
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    const ISSUE: &str = "Session.close() leaks sockets\n<!-- Please search first -->\n### Description\nWhen a \
        `ConnectionPool` is dropped, the socket stays open and nothing else is told about it.\n\n```python\nfrom app \
        import net\nnet.open_session('x').close()\n```\n\n```\nTraceback (most recent call last):\n  File \
        \"/srv/app/net/pool.py\", line 9, in release_all\n    raise PoolError('busy')\nPoolError: busy\n```\n\n### \
        Environment\nPython 3.8, Linux 5.4, somelib 2.2\n";

    #[test]
    fn a_report_is_taken_apart() {
        let report = parse_report(ISSUE).expect("a report");
        assert_eq!(report.title, "Session.close() leaks sockets");
        assert!(report.prose.starts_with("When a `ConnectionPool` is dropped"), "{}", report.prose);
        assert!(!report.prose.contains("search first") && !report.prose.contains("Linux"), "{}", report.prose);
        let names: Vec<&str> = report.names.iter().map(|name| name.text.as_str()).collect();
        for wanted in ["close", "Session", "ConnectionPool", "release_all", "open_session"] {
            assert!(names.contains(&wanted), "{wanted}: {names:?}");
        }
        assert_eq!(report.locations.len(), 1);
        assert_eq!((report.locations[0].path.as_str(), report.locations[0].line), ("/srv/app/net/pool.py", Some(9)));
    }

    #[test]
    fn a_block_of_a_terminal_is_read_like_a_log() {
        let report = |block: &str| {
            let text = format!("The build of the pool stops\nIt did so for each of us since Monday.\n\n{block}\n");
            parse_report(&text).expect("a report")
        };
        let output = "$ cargo build\nerror[E0308]: mismatched types of two connections\n  --> src/net/pool.rs:42:5";
        for (open, close) in [("```console", "```"), ("~~~shell-session", "~~~"), ("``` Console title=\"x\"", "```")] {
            let found = report(&format!("{open}\n{output}\n{close}"));
            let [place] = found.locations.as_slice() else { panic!("{open}: {:?}", found.locations) };
            assert_eq!((place.path.as_str(), place.line), ("src/net/pool.rs", Some(42)), "{open}");
            let message = "mismatched types of two connections";
            assert!(found.messages.iter().any(|other| other == message), "{open}: {:?}", found.messages);
        }
        let environment = report(&format!("### Environment\n```console\n{output}\n```"));
        assert_eq!(environment.locations, []);
    }

    #[test]
    fn other_texts_are_no_reports() {
        for text in [
            "where are retries handled",
            "Session.close",
            "def close(self):\n    self.pool.close()\n    return None",
            "Traceback (most recent call last):\n  File \"a.py\", line 3, in run\n    go()\nValueError: no way out of it",
            "thread 'main' panicked at src/pool.rs:2:5:\nno connection is free",
            "# Opens a session.\ndef open(name):\n    return Session(name)\n",
            "how does the pool decide which of the idle connections it closes first when there are too many",
        ] {
            assert_eq!(parse_report(text), None, "{text}");
        }
    }
}
