//! Finds locations in queries: stack frames, compiler messages, paths with a line, and file names.
//!
//! One rule applies to the stack frames of all languages: a line of a trace contains a path with an extension and,
//! after it, a line number, in one of a few notations. The function is on the same line, on the line above (Go, Rust)
//! or on the line below (Haskell, Perl).

mod frame_function;

use source::language;
use types::RepoPath;

/// A location in a query: a file, possibly with a line and a function.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct QueryLocation {
    /// The path of the file, with `/` as separator and without a scheme; from a Java frame, with the folders of the
    /// package.
    pub path: String,
    pub line: Option<u32>,
    /// The function in the file, such as that of a stack frame; empty if unknown.
    pub function: String,
    /// Whether the location comes from a stack trace, in which most paths belong to other programs.
    pub from_trace: bool,
    /// Whether the query consists of this location only.
    pub is_whole_query: bool,
}

/// A parsed stack trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StackTrace {
    /// The locations of the frames, innermost first.
    pub locations: Vec<QueryLocation>,
    /// The lines without a frame, such as the error message, and messages beside locations. Framing lines, such as
    /// `Stack trace:`, are left out.
    pub message: String,
}

/// Maximum number of locations in a trace.
const MAX_LOCATIONS: usize = 40;

/// Prefixes of lines in traces that contain no information.
const FRAMING_PREFIXES: &[&str] = &[
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
    "```",
];

/// Prefixes of frames in some languages.
const FRAME_PREFIXES: &[&str] = &["at ", "by 0x", "File \"", "File ", "from ", "#", "in ", "frame #", "* frame #"];

/// Parses a stack trace; returns `None` if the text is not one.
pub(crate) fn parse_trace(text: &str) -> Option<StackTrace> {
    if !text.trim().contains(char::is_whitespace) {
        return None; // A single token is a path.
    }
    let mut innermost_last = false;
    let mut locations: Vec<QueryLocation> = Vec::new();
    // The index at which the next frame is inserted. The frames of a cause come before those of the errors that it led
    // to.
    let mut at = 0_usize;
    let mut above = "";
    let mut message: Vec<String> = Vec::new();
    for line in text.lines().map(strip_margin).filter(|line| !line.is_empty()) {
        if line.starts_with("Caused by:") {
            at = 0;
        }
        innermost_last |= line.starts_with("Traceback (most recent call last)") || line.starts_with("File \"");
        match parse_frame(line, above) {
            Some(location) => {
                if let Some(name) = frame_function::find_called_function(line)
                    && let Some(before) = at.checked_sub(1).and_then(|before| locations.get_mut(before))
                    && before.function.is_empty()
                {
                    before.function = name;
                }
                if location.function.is_empty() || locations.is_empty() {
                    message.extend(message_beside_location(line));
                }
                locations.insert(at, location);
                at += 1;
            }
            None if is_framing(line) => {}
            None => message.push(line.to_owned()),
        }
        above = line;
    }
    if locations.is_empty() || !is_trace(text, locations.len()) {
        return None;
    }
    if innermost_last {
        locations.reverse();
    }
    locations.dedup();
    locations.truncate(MAX_LOCATIONS);
    Some(StackTrace { locations, message: message.join("\n") })
}

/// Removes the parts of a line that surround its content: the margin of exception groups and of rustc excerpts
/// (`42 |`), the process number of Valgrind (`==42==`), or a severity. Empty for a line that only underlines another.
fn strip_margin(line: &str) -> &str {
    let line = line.trim();
    let line = line.strip_prefix("==").and_then(|line| line.split_once("== ")).map_or(line, |(_, line)| line.trim());
    let severities = ["[ERROR] ", "[error] ", "e: "]; // Maven, sbt, Kotlin
    let line = severities.iter().find_map(|severity| line.strip_prefix(severity)).unwrap_or(line);
    let after_number = line.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start();
    let line = if after_number.starts_with('|') { after_number } else { line };
    let line = line.trim_start_matches(['|', ' ']);
    // Such a line only underlines the line above it.
    if line.bytes().all(|byte| matches!(byte, b'^' | b'~' | b'-' | b' ' | b'|' | b'+')) { "" } else { line }
}

/// Returns whether a text with `location_count` locations is a trace, rather than prose or code about a
/// location.
fn is_trace(text: &str, location_count: usize) -> bool {
    location_count > 1
        || text.contains("panicked at")
        || text.lines().any(|line| starts_frame(strip_margin(line)))
        || text.trim().lines().count() > 1 && text.lines().count() <= location_count + 4
        || text.contains("rror")
}

/// Returns the message beside the location in a line such as `a.c:4:2: error: no such name`; `None` for a stack frame,
/// or if there is no message.
fn message_beside_location(line: &str) -> Option<String> {
    if FRAME_PREFIXES.iter().any(|start| line.starts_with(start)) || line.ends_with("in main chunk") {
        return None;
    }
    let words: Vec<&str> = line.split_whitespace().filter(|token| parse_location(token).is_none()).collect();
    Some(words.join(" ")).filter(|message| message.contains(char::is_alphanumeric))
}

/// Returns whether a line without a location belongs to the trace rather than to its message.
///
/// Such lines are headings, functions in a Rust backtrace (`12: app::session::open`), and frames without
/// source.
fn is_framing(line: &str) -> bool {
    // `404: page not found` is a message.
    let is_function = |text: &str| !text.contains(' ') || text.contains("::") || text.starts_with("0x");
    let numbered = |(number, _): (&str, &str)| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let sourceless = (line.starts_with("at ") || line.starts_with("by 0x"))
        && line.ends_with(|c: char| c == ')' || c.is_ascii_digit())
        || line.strip_prefix('#').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    FRAMING_PREFIXES.iter().any(|framing| line.starts_with(framing))
        || line.split_once(": ").is_some_and(|parts| numbered(parts) && is_function(parts.1))
        || sourceless
}

/// Returns whether a line begins like a frame of some language, or with a path and a line.
fn starts_frame(line: &str) -> bool {
    let location = line.split_whitespace().next().and_then(parse_location);
    FRAME_PREFIXES.iter().any(|start| line.starts_with(start))
        || location.is_some_and(|location| location.line.is_some() || line.contains(": line "))
}

/// Parses the frame on `line`; `None` if it is no frame. Its function may be on the line before it, `above`.
fn parse_frame(line: &str, above: &str) -> Option<QueryLocation> {
    if let Some(location) = parse_java_frame(line).or_else(|| parse_python_frame(line)) {
        return location.line.is_some().then_some(location);
    }
    let tokens = line.split([' ', '\t', '(', ')', '\'', '"', '`']).filter(|token| !token.is_empty());
    let mut locations = tokens.filter_map(parse_location);
    let numbered = locations.clone().find(|location| location.line.is_some());
    let named_line = |_: &QueryLocation| starts_frame(line) || line.contains(" line ");
    let mut location = numbered.or_else(|| locations.next().filter(named_line))?;
    location.line = Some(location.line.or_else(|| number_after(line, &["line ", "("]))?);
    location.from_trace = true;
    if location.function.is_empty() {
        location.function = frame_function::find_function(line, above).unwrap_or_default();
    }
    Some(location)
}

/// Parses a Java frame, `at org.app.Session.open(Session.java:12)`, and builds the path from the package.
fn parse_java_frame(line: &str) -> Option<QueryLocation> {
    let (callee, rest) = line.strip_prefix("at ")?.split_once('(')?;
    let (file, number) = rest.split_once(')')?.0.split_once(':')?;
    // A module or class loader may precede the class: `java.base/java.util.List.of(List.java:7)`.
    let (loader, callee) = callee.rsplit_once('/').unwrap_or(("", callee));
    if !is_file_name(file) || file.contains('/') || callee.contains(' ') || loader.contains(' ') {
        return None;
    }
    let mut parts: Vec<&str> = callee.split('.').collect();
    let function = frame_function::function_name(parts.pop()?).unwrap_or_default();
    parts.pop(); // The class, which may differ from the file name.
    parts.push(file);
    parts.splice(0..0, loader.split('/').filter(|part| !part.is_empty()));
    Some(QueryLocation {
        path: parts.join("/"),
        line: number.parse().ok(),
        function,
        from_trace: true,
        is_whole_query: false,
    })
}

/// Parses a Python frame: `File "app/main.py", line 12, in run`.
fn parse_python_frame(line: &str) -> Option<QueryLocation> {
    let (path, rest) = line.strip_prefix("File \"")?.split_once('"')?;
    let function =
        rest.split_once(", in ").and_then(|(_, function)| frame_function::function_name(function)).unwrap_or_default();
    Some(QueryLocation {
        path: normalize_path(path),
        line: number_after(rest, &["line "]),
        function,
        from_trace: true,
        is_whole_query: false,
    })
}

/// Parses a token that is a location; returns `None` if it is not a path of a file with a known extension, has an
/// unknown scheme, or is a web address without a line.
///
/// Examples: `src/search/snapshot.rs:120:7`, `Program.cs:line`, `pool.ts(42,7)`,
/// `tests/test_pool.py::test_get`, `snapshot.rs`.
pub(crate) fn parse_location(token: &str) -> Option<QueryLocation> {
    let token =
        token.trim_matches(|c: char| matches!(c, '"' | '\'' | '`' | ',' | ';' | '(' | ')' | '[' | ']' | '<' | '>'));
    let token = token.trim_end_matches(['.', ':', '?', '!', ',']).trim_end_matches(['`', '"', '\'']);
    let (token, needs_line) = strip_scheme(token)?;
    let drive = token.as_bytes().get(1) == Some(&b':') && token.as_bytes()[0].is_ascii_alphabetic();
    let body = if drive { &token[2..] } else { &token };
    let counted = |(_, rest): &(&str, &str)| rest.starts_with(|c: char| c.is_ascii_digit());
    let parts = body.split_once(':').or_else(|| body.split_once('(').filter(counted));
    let (path, rest) = parts.unwrap_or((body, ""));
    let number = rest.split([':', '-', ',']).next();
    let number = number.and_then(|number| number.trim_start_matches(['L', '[']).trim_end_matches(')').parse().ok());
    let function =
        rest.strip_prefix(':').and_then(|names| names.rsplit("::").next()).and_then(frame_function::function_name);
    let (path, line) = match path.split_once("#L") {
        Some((path, number)) => (path, number.split('-').next().and_then(|number| number.parse().ok())),
        None => (path, number),
    };
    let path = normalize_path(path);
    let is_place = is_file_name(&path) && (line.is_some() || !needs_line);
    is_place.then(|| QueryLocation { path, line, function: function.unwrap_or_default(), ..QueryLocation::default() })
}

/// Removes the scheme of a token, and returns whether the rest is a location only if it has a line.
///
/// Web addresses need a line. Unknown schemes yield `None`.
fn strip_scheme(token: &str) -> Option<(String, bool)> {
    // A path in a Dart package is relative to its `lib` folder.
    if let Some((package, path)) = token.strip_prefix("package:").and_then(|path| path.split_once('/')) {
        return Some((format!("{package}/lib/{path}"), false));
    }
    let Some((before, path)) = token.rsplit_once("://") else { return Some((token.to_owned(), false)) };
    let scheme = before.rsplit(|c: char| !(c.is_alphanumeric() || c == '-')).next().unwrap_or_default();
    match scheme {
        "file" | "webpack-internal" | "webpack" => Some((path.trim_start_matches('/').to_owned(), false)),
        "http" | "https" | "app" => {
            let path = path.split_once('/')?.1;
            // Development servers add a URL query to the path: `pool.ts?t=17:42:7`.
            let with_query = path.split_once('?').map(|(path, query)| (path, query.split_once(':')));
            let path = match with_query {
                Some((path, Some((_, location)))) => format!("{path}:{location}"),
                Some((path, None)) => path.to_owned(),
                None => path.to_owned(),
            };
            Some((path, true))
        }
        _ => None,
    }
}

/// Returns whether the last component of a path is a file name with the extension of a known language or data format.
fn is_file_name(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    let Some((stem, extension)) = name.rsplit_once('.') else { return false };
    let short = (1..=8).contains(&extension.len()) && extension.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if stem.is_empty() || !short || path.contains("..") && !path.contains('/') || name.contains(['(', '{', '=', '*']) {
        return false;
    }
    let known = language::detect_language(&RepoPath::new(name.to_lowercase()), None) != language::text_language()
        || matches!(extension, "txt" | "json" | "lock" | "cfg");
    known && (path.contains('/') || extension.bytes().any(|byte| byte.is_ascii_lowercase()))
}

/// Replaces `\` by `/` and removes `./`.
fn normalize_path(path: &str) -> String {
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
