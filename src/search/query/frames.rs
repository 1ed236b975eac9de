//! Places that a question names: stack frames and compiler messages as they are pasted, paths with a
//! line, names of files.
//!
//! One rule reads the frames of all languages: a line of a trace holds a path with an extension and,
//! after it, a line number, in one of a few notations; the function stands on the same line, on the
//! one above (Go, Rust) or on the one below (Haskell, Perl).

mod callee;

use crate::language;
use crate::types::RepoPath;

/// A place that a question names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::search) struct Place {
    /// As written, with `/` between components.
    pub path: String,
    pub line: Option<u32>,
    /// The function that a frame is of; empty where it does not say.
    pub function: String,
    /// Whether it is out of a trace, where most paths are of other programs.
    pub traced: bool,
    /// Whether it is the whole question.
    pub alone: bool,
}

/// A question with frames in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trace {
    /// The innermost first.
    pub places: Vec<Place>,
    /// The lines without a frame: what went wrong, in words.
    pub message: String,
}

/// Most places that are looked up.
const MAX_PLACES: usize = 40;

/// What begins lines of a trace that say nothing.
const FRAMING: &[&str] = &[
    "Traceback (most recent call last)",
    "The above exception was the direct cause",
    "During handling of the above exception",
    "note: run with `RUST_BACKTRACE",
    "note: Some details are omitted",
    "stack backtrace:",
    "stack traceback:",
    "Stack trace:",
    "CallStack (from HasCallStack)",
    "goroutine ",
    "created by ",
    "exit status ",
    "[C]: in ",
    "... ",
];

/// How the frames of some languages begin.
const BEGINNINGS: &[&str] = &["at ", "by 0x", "File \"", "File ", "from ", "#", "in ", "frame #", "* frame #"];

/// Reads a pasted trace, or `None` where the text is none.
pub(super) fn trace(text: &str) -> Option<Trace> {
    if !text.trim().contains(char::is_whitespace) {
        return None; // a path
    }
    let mut innermost_last = false;
    let mut places: Vec<Place> = Vec::new();
    // Where the frames of the last cause go: before those of what it caused.
    let mut at = 0_usize;
    let mut above = "";
    let mut message: Vec<String> = Vec::new();
    for line in text.lines().map(bare).filter(|line| !line.is_empty()) {
        if line.starts_with("Caused by:") {
            at = 0;
        }
        innermost_last |= line.starts_with("Traceback (most recent call last)") || line.starts_with("File \"");
        match frame(line, above) {
            Some(place) => {
                if let Some(name) = callee::called_there(line)
                    && let Some(before) = at.checked_sub(1).and_then(|before| places.get_mut(before))
                    && before.function.is_empty()
                {
                    before.function = name;
                }
                if place.function.is_empty() || places.is_empty() {
                    message.extend(said(line));
                }
                places.insert(at, place);
                at += 1;
            }
            None if is_framing(line) => {}
            None => message.push(line.to_owned()),
        }
        above = line;
    }
    if places.is_empty() || !is_trace(text, places.len()) {
        return None;
    }
    if innermost_last {
        places.reverse();
    }
    places.dedup();
    places.truncate(MAX_PLACES);
    Some(Trace { places, message: message.join("\n") })
}

/// A line without what stands around it: the margin of exception groups and of rustc's excerpts
/// (`42 |`), what tells a process or a severity.
fn bare(line: &str) -> &str {
    let line = line.trim();
    let line = line.strip_prefix("==").and_then(|line| line.split_once("== ")).map_or(line, |(_, line)| line.trim());
    let severities = ["[ERROR] ", "[error] ", "e: "]; // Maven, sbt, Kotlin
    let line = severities.iter().find_map(|severity| line.strip_prefix(severity)).unwrap_or(line);
    let after_number = line.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start();
    let line = if after_number.starts_with('|') { after_number } else { line };
    let line = line.trim_start_matches(['|', ' ']);
    // What only underlines the line above.
    if line.bytes().all(|byte| matches!(byte, b'^' | b'~' | b'-' | b' ' | b'|' | b'+')) { "" } else { line }
}

/// Whether a text with so many places in it is a trace rather than prose or code about a place.
fn is_trace(text: &str, places: usize) -> bool {
    places > 1
        || text.contains("panicked at")
        || text.lines().any(|line| starts_frame(bare(line)))
        || text.trim().lines().count() > 1 && text.lines().count() <= places + 4
        || text.contains("rror")
}

/// What a line with a place in it says beside it: `a.c:4:2: error: no such name`.
fn said(line: &str) -> Option<String> {
    if BEGINNINGS.iter().any(|start| line.starts_with(start)) || line.ends_with("in main chunk") {
        return None;
    }
    let words: Vec<&str> = line.split_whitespace().filter(|token| place_in(token).is_none()).collect();
    Some(words.join(" ")).filter(|said| said.contains(char::is_alphanumeric))
}

/// Whether a line without a place belongs to a trace and says nothing: the function of a frame that Rust
/// prints (`12: app::session::open`), a frame in what has no source.
fn is_framing(line: &str) -> bool {
    let numbered = |(number, _): (&str, &str)| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let sourceless = (line.starts_with("at ") || line.starts_with("by 0x"))
        && line.ends_with(|c: char| c == ')' || c.is_ascii_digit())
        || line.strip_prefix('#').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    FRAMING.iter().any(|framing| line.starts_with(framing)) || line.split_once(": ").is_some_and(numbered) || sourceless
}

/// Whether a line begins as the frames of some language do, or with a path and a line.
fn starts_frame(line: &str) -> bool {
    let place = line.split_whitespace().next().and_then(place_in);
    BEGINNINGS.iter().any(|start| line.starts_with(start))
        || place.is_some_and(|place| place.line.is_some() || line.contains(": line "))
}

/// The frame on a line, whose function may stand on the line `above`.
fn frame(line: &str, above: &str) -> Option<Place> {
    if let Some(place) = java(line).or_else(|| quoted(line)) {
        return place.line.is_some().then_some(place);
    }
    let tokens = line.split([' ', '\t', '(', ')', '\'', '"', '`']).filter(|token| !token.is_empty());
    let mut places = tokens.filter_map(place_in);
    let numbered = places.clone().find(|place| place.line.is_some());
    let named_line = |_: &Place| starts_frame(line) || line.contains(" line ");
    let mut place = numbered.or_else(|| places.next().filter(named_line))?;
    place.line = Some(place.line.or_else(|| number_after(line, &["line ", "("]))?);
    place.traced = true;
    if place.function.is_empty() {
        place.function = callee::of(line, above).unwrap_or_default();
    }
    Some(place)
}

/// `at org.app.Session.open(Session.java:12)`: the path is made of the package.
fn java(line: &str) -> Option<Place> {
    let (callee, rest) = line.strip_prefix("at ")?.split_once('(')?;
    let (file, number) = rest.split_once(')')?.0.split_once(':')?;
    // What loaded the class may stand before it: `java.base/java.util.List.of(List.java:7)`.
    let (loader, callee) = callee.rsplit_once('/').unwrap_or(("", callee));
    if !is_file_name(file) || file.contains('/') || callee.contains(' ') || loader.contains(' ') {
        return None;
    }
    let mut parts: Vec<&str> = callee.split('.').collect();
    let function = callee::name(parts.pop()?).unwrap_or_default();
    parts.pop(); // the class, which the file may not be named after
    parts.push(file);
    parts.splice(0..0, loader.split('/').filter(|part| !part.is_empty()));
    Some(Place { path: parts.join("/"), line: number.parse().ok(), function, traced: true, alone: false })
}

/// `File "app/main.py", line 12, in run`
fn quoted(line: &str) -> Option<Place> {
    let (path, rest) = line.strip_prefix("File \"")?.split_once('"')?;
    let function = rest.split_once(", in ").and_then(|(_, function)| callee::name(function)).unwrap_or_default();
    Some(Place { path: plain(path), line: number_after(rest, &["line "]), function, traced: true, alone: false })
}

/// `src/search/snapshot.rs:120:7`, `Program.cs:line`, `pool.ts(42,7)`, `tests/test_pool.py::test_get`, `snapshot.rs`;
/// nothing for what is no path.
pub(super) fn place_in(token: &str) -> Option<Place> {
    let token =
        token.trim_matches(|c: char| matches!(c, '"' | '\'' | '`' | ',' | ';' | '(' | ')' | '[' | ']' | '<' | '>'));
    let token = token.trim_end_matches(['.', ':', '?', '!', ',']);
    let (token, needs_line) = without_scheme(token)?;
    let drive = token.as_bytes().get(1) == Some(&b':') && token.as_bytes()[0].is_ascii_alphabetic();
    let body = if drive { &token[2..] } else { &token };
    let counted = |(_, rest): &(&str, &str)| rest.starts_with(|c: char| c.is_ascii_digit());
    let parts = body.split_once(':').or_else(|| body.split_once('(').filter(counted));
    let (path, rest) = parts.unwrap_or((body, ""));
    let number = rest.split([':', '-', ',']).next();
    let number = number.and_then(|number| number.trim_start_matches(['L', '[']).trim_end_matches(')').parse().ok());
    let function = rest.strip_prefix(':').and_then(|names| names.rsplit("::").next()).and_then(callee::name);
    let (path, line) = match path.split_once("#L") {
        Some((path, number)) => (path, number.split('-').next().and_then(|number| number.parse().ok())),
        None => (path, number),
    };
    let path = plain(path);
    let is_place = is_file_name(&path) && (line.is_some() || !needs_line);
    is_place.then(|| Place { path, line, function: function.unwrap_or_default(), ..Place::default() })
}

/// A token without the scheme that says where its path is read from, and whether it is a place only with
/// a line: an address is, in a trace. Nothing for what leads elsewhere.
fn without_scheme(token: &str) -> Option<(String, bool)> {
    // A Dart package's files lie in its `lib`.
    if let Some((package, path)) = token.strip_prefix("package:").and_then(|path| path.split_once('/')) {
        return Some((format!("{package}/lib/{path}"), false));
    }
    let Some((before, path)) = token.rsplit_once("://") else { return Some((token.to_owned(), false)) };
    let scheme = before.rsplit(|c: char| !(c.is_alphanumeric() || c == '-')).next().unwrap_or_default();
    match scheme {
        "file" | "webpack-internal" | "webpack" => Some((path.trim_start_matches('/').to_owned(), false)),
        "http" | "https" | "app" => {
            let path = path.split_once('/')?.1;
            // `pool.ts?t=17:42:7`, as a development server has it.
            let asked = path.split_once('?').map(|(path, asked)| (path, asked.split_once(':')));
            let path = match asked {
                Some((path, Some((_, place)))) => format!("{path}:{place}"),
                Some((path, None)) => path.to_owned(),
                None => path.to_owned(),
            };
            Some((path, true))
        }
        _ => None,
    }
}

/// Whether the last component has an extension that a language has, or stands in a folder and has any.
fn is_file_name(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    let Some((stem, extension)) = name.rsplit_once('.') else { return false };
    let short = (1..=8).contains(&extension.len()) && extension.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if stem.is_empty() || !short || path.contains("..") && !path.contains('/') || name.contains(['(', '{', '=', '*']) {
        return false;
    }
    let known = language::of_path(&RepoPath::new(name.to_lowercase()), None) != language::text()
        || matches!(extension, "txt" | "json" | "lock" | "cfg");
    known && (path.contains('/') || extension.bytes().any(|byte| byte.is_ascii_lowercase()))
}

/// With `/` between components, and without what does not tell where it is.
fn plain(path: &str) -> String {
    let path = path.replace('\\', "/").replace("/./", "/");
    path.trim_start_matches("./").to_owned()
}

fn number_after(line: &str, marks: &[&str]) -> Option<u32> {
    marks.iter().find_map(|mark| {
        let rest = &line[line.find(mark)? + mark.len()..];
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        rest[..digits].parse().ok()
    })
}

#[cfg(test)]
mod tests;
