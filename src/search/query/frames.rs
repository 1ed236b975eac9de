//! Places that a question names: stack frames and compiler messages as they are pasted, paths with a
//! line, names of files.
//!
//! One rule reads the frames of all languages: a line of a trace holds a path with an extension and,
//! after it, a line number, in one of a few notations; the function stands on the same line, or on
//! the one above (Go, Rust).

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

/// What begins the message of a trace and says nothing.
const FRAMING: &[&str] = &[
    "Traceback (most recent call last)",
    "The above exception was the direct cause",
    "During handling of the above exception",
    "note: run with `RUST_BACKTRACE",
    "note: Some details are omitted",
    "stack backtrace:",
    "Stack trace:",
    "goroutine ",
    "exit status ",
    "... ",
];

/// Reads a pasted trace, or `None` where the text is none.
pub(super) fn trace(text: &str) -> Option<Trace> {
    if !text.trim().contains(char::is_whitespace) {
        return None; // a path
    }
    let mut innermost_last = false;
    let mut places: Vec<Place> = Vec::new();
    // Where the frames of the last cause go: before those of what it caused.
    let mut at = 0;
    let mut above = "";
    let mut message: Vec<&str> = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if line.starts_with("Caused by:") {
            at = 0;
        }
        innermost_last |= line.starts_with("Traceback (most recent call last)") || line.starts_with("File \"");
        match frame(line, above) {
            Some(place) => {
                message.extend(said(line));
                places.insert(at, place);
                at += 1;
            }
            None if FRAMING.iter().any(|framing| line.starts_with(framing)) || is_callee(line) => {}
            None => message.push(line),
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

/// Whether a text with so many places in it is a trace rather than prose or code about a place.
fn is_trace(text: &str, places: usize) -> bool {
    places > 1
        || text.contains("panicked at")
        || text.lines().any(|line| starts_frame(line.trim()))
        || text.trim().lines().count() > 1 && text.lines().count() <= places + 4
        || text.contains("rror")
}

/// What a line with a place in it says beside it: `a.c:4:2: error: no such name`.
fn said(line: &str) -> Option<&str> {
    if line.contains("panicked at") || !starts_frame(line) {
        return Some(line);
    }
    let (place, rest) = line.split_once(char::is_whitespace)?;
    place_in(place).map(|_| rest)
}

/// Whether a line is the function of a frame that Rust prints: `12: app::session::open`.
fn is_callee(line: &str) -> bool {
    line.split_once(": ").is_some_and(|(number, _)| number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Whether a line begins as the frames of some language do, or with a path and a line.
fn starts_frame(line: &str) -> bool {
    let begins = ["at ", "File \"", "from ", "#", "in "].iter().any(|start| line.starts_with(start));
    begins
        || line.split_whitespace().next().is_some_and(|token| place_in(token).is_some_and(|place| place.line.is_some()))
}

/// The frame on a line, whose function may stand on the line `above`.
fn frame(line: &str, above: &str) -> Option<Place> {
    if let Some(place) = java(line).or_else(|| quoted(line)) {
        return place.line.is_some().then_some(place);
    }
    let tokens = line.split([' ', '\t', '(', ')', '\'', '"', '`']).filter(|token| !token.is_empty());
    let mut places = tokens.filter_map(place_in);
    let numbered = places.clone().find(|place| place.line.is_some());
    let mut place = numbered.or_else(|| places.next().filter(|_| starts_frame(line)))?;
    place.line = Some(place.line.or_else(|| number_after(line, &["line ", "("]))?);
    place.traced = true;
    place.function = function(line).or_else(|| function_above(line, above)).unwrap_or_default();
    Some(place)
}

/// `at org.app.Session.open(Session.java:12)`: the path is made of the package.
fn java(line: &str) -> Option<Place> {
    let (callee, rest) = line.strip_prefix("at ")?.split_once('(')?;
    let (file, number) = rest.split_once(')')?.0.split_once(':')?;
    if !is_file_name(file) || file.contains('/') || callee.contains(' ') || callee.contains('/') {
        return None;
    }
    let mut parts: Vec<&str> = callee.split('.').collect();
    let function = parts.pop()?.to_owned();
    parts.pop(); // the class, which the file may not be named after
    parts.push(file);
    let function = if matches!(function.as_str(), "<init>" | "<clinit>" | "invoke" | "invokeSuspend") {
        String::new()
    } else {
        function
    };
    Some(Place { path: parts.join("/"), line: number.parse().ok(), function, traced: true })
}

/// `File "app/main.py", line 12, in run`
fn quoted(line: &str) -> Option<Place> {
    let (path, rest) = line.strip_prefix("File \"")?.split_once('"')?;
    let function = rest.split_once(", in ").map_or("", |(_, function)| function.trim());
    let function = function.rsplit('.').next().unwrap_or_default().trim_matches(|c| c == '<' || c == '>');
    let function = if function == "module" { "" } else { function };
    Some(Place { path: plain(path), line: number_after(rest, &["line "]), function: function.to_owned(), traced: true })
}

/// `src/search/snapshot.rs:120:7`, `Program.cs:line`, `snapshot.rs`; nothing for what is no path.
pub(super) fn place_in(token: &str) -> Option<Place> {
    let token =
        token.trim_matches(|c: char| matches!(c, '"' | '\'' | '`' | ',' | ';' | '(' | ')' | '[' | ']' | '<' | '>'));
    let token = token.trim_end_matches(['.', ':', '?', '!']);
    let schemes = ["file:///", "file://", "webpack-internal:///", "webpack:///"];
    let token = schemes.iter().find_map(|scheme| token.strip_prefix(scheme)).unwrap_or(token);
    if token.contains("://") {
        return None;
    }
    let drive = token.as_bytes().get(1) == Some(&b':') && token.as_bytes()[0].is_ascii_alphabetic();
    let body = if drive { &token[2..] } else { token };
    let (path, rest) = body.split_once(':').unwrap_or((body, ""));
    let path = plain(path);
    let number = rest.split([':', '-']).next().and_then(|number| number.trim_start_matches('L').parse().ok());
    let with_number = |path: &str| path.split_once("#L").map(|(path, number)| (path.to_owned(), number.parse().ok()));
    let (path, line) = with_number(&path).unwrap_or((path, number));
    is_file_name(&path).then(|| Place { path, line, ..Place::default() })
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
    let path = path.replace('\\', "/");
    path.trim_start_matches("./").to_owned()
}

fn number_after(line: &str, marks: &[&str]) -> Option<u32> {
    marks.iter().find_map(|mark| {
        let rest = &line[line.find(mark)? + mark.len()..];
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        rest[..digits].parse().ok()
    })
}

/// The function on a frame's own line: `at Session.open (…)`, `at App.Session.Open(…) in …`,
/// ``:in `open'``, `#0 path(12): Session->open()`.
fn function(line: &str) -> Option<String> {
    if let Some((_, rest)) = line.split_once(":in ") {
        let quoted = rest.strip_prefix(['`', '\'']).and_then(|rest| rest.split('\'').next());
        return last_name(quoted.unwrap_or(rest));
    }
    if let Some(rest) = line.strip_prefix("at ") {
        let rest = rest.strip_prefix("async ").or_else(|| rest.strip_prefix("new ")).unwrap_or(rest);
        let (callee, _) = rest.split_once(['(', '['])?;
        return if callee.contains('/') { None } else { last_name(callee) };
    }
    if line.starts_with('#') {
        let (_, callee) = line.split_once("): ")?;
        return last_name(callee);
    }
    None
}

/// The function on the line above: `main.(*Server).Serve(0xc00)`, `12: app::session::open`.
fn function_above(line: &str, above: &str) -> Option<String> {
    if above.contains(' ') && !above.contains("::") && !above.contains('(') {
        return None;
    }
    let go = line.contains(".go:") && above.contains('(');
    let rust = line.starts_with("at ") && above.contains("::");
    if go {
        // The receiver stands in brackets, too.
        let callee = above[..above.rfind('(')?].trim_end_matches("...");
        return callee.rsplit('.').next().and_then(last_name);
    }
    let callee = above.split_once(": ").map_or(above, |(_, callee)| callee);
    // `app::open::{{closure}}` and `app::open::h0123456789abcdef` are of `open`.
    let is_hash = |part: &str| part.len() == 17 && part.starts_with('h');
    let named = |part: &&str| !part.starts_with('{') && !is_hash(part);
    if rust { callee.split("::").filter(named).last().and_then(last_name) } else { None }
}

fn last_name(callee: &str) -> Option<String> {
    let callee = callee.trim().split(['(', '[', '`']).next().unwrap_or_default();
    let name = callee.rsplit(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$')).find(|part| !part.is_empty())?;
    Some(name.to_owned())
}

#[cfg(test)]
mod tests;
