//! `codescry read`: shows lines of files, or whole definitions, as they are on disk now.

use std::ffi::OsStr;
use std::path::Path;

use anyhow::Context as _;

use answer::location::format_location;
use engine::{CancelToken, CodeExcerpt, EngineError, PathError, ReadRequest, RequestError};

use crate::cli::arguments::{ReadArguments, SharedArguments};
use crate::cli::exit::CommandExit;
use crate::cli::index_run::command_folder::ShownPaths;
use crate::cli::index_run::searched::{Searched, open_to_read};
use crate::cli::index_run::update_searched;
use crate::cli::interrupts::Interrupts;
use crate::cli::json_output::read::ExcerptJson;
use crate::cli::printer::{self, Printer};
use crate::cli::text_output::hits;
use crate::cli::text_output::palette::{Palette, TextRole};

/// Runs `codescry read`.
///
/// # Errors
/// If the folder is invalid, the only place cannot be read, none of several can, or the index cannot be updated. A name
/// without a definition is not an error.
pub fn run_read(shared: &SharedArguments, arguments: &ReadArguments) -> anyhow::Result<CommandExit> {
    let (searched, paths, broad) = open_to_read(shared, &arguments.folders.choose(None)?)?;
    let requests = parse_places(&searched, &paths, arguments)?;
    let has_names = requests.iter().any(|request| request.path.is_none());
    let may_be_missing = |name: &str| matches!(is_missing(&searched, &paths, name), Ok(true));
    let may_have_names = has_names || requests.iter().filter_map(name_in_place_of).any(may_be_missing);
    if has_names {
        broad.clone().map_err(anyhow::Error::msg)?;
    }
    if may_have_names && broad.is_ok() && !arguments.no_index {
        update_searched(&searched, &Interrupts::listen()?, shared)?;
    }
    let palette = Palette::for_stdout(shared);
    let mut printer = Printer::new();
    let mut exit = CommandExit::Done;
    let (mut shown, mut failed) = (0, 0);
    for request in &requests {
        let excerpt = match read_place_or_name(&searched, &paths, request) {
            Err(EngineError::Request(error @ (RequestError::UnknownName { .. } | RequestError::NoMember { .. }))) => {
                printer.flush()?;
                printer::print_note(&error.to_string());
                exit = CommandExit::NothingFound;
                continue;
            }
            // The other places are read.
            Err(error @ (EngineError::Request(_) | EngineError::Path(_))) if requests.len() > 1 => {
                printer.flush()?;
                printer::print_note(&format!("error: {error}"));
                failed += 1;
                continue;
            }
            read => read?,
        };
        shown += 1;
        if let Some(note) = request.symbol.as_deref().and_then(|name| excerpt.name_note(name)).filter(|_| !shared.quiet)
        {
            printer.flush()?;
            printer::print_note(&note);
        }
        if arguments.json {
            printer.json(&ExcerptJson::new(&excerpt))?;
            continue;
        }
        if shown > 1 {
            printer.line("")?;
        }
        printer.line(&header_line(&excerpt, palette))?;
        let lines = hits::numbered_lines(&searched, excerpt.language, &excerpt.text, excerpt.span.start_line, palette);
        lines.iter().try_for_each(|line| printer.line(line))?;
        if !shared.quiet && !excerpt.also.is_empty() {
            printer.flush()?;
            let also = excerpt.also.iter().map(|hit| format_location(paths.show(&hit.path).as_str(), hit.symbol.span));
            printer::print_note(&format!("also defined at {}", also.collect::<Vec<_>>().join(", ")));
        }
    }
    printer.finish()?;
    Ok(match (failed, shown) {
        (0, _) => exit,
        (_, 0) => CommandExit::Failed,
        _ => CommandExit::NothingFound,
    })
}

/// Parses the places: files with or without lines, and names of definitions. A name after a file without lines stands
/// for the definition in that file.
fn parse_places(
    searched: &Searched,
    paths: &ShownPaths,
    arguments: &ReadArguments,
) -> anyhow::Result<Vec<ReadRequest>> {
    let mut requests: Vec<ReadRequest> = Vec::new();
    let request = ReadRequest { context_lines: arguments.context, ..ReadRequest::default() };
    for place in &arguments.places {
        let text = place_text(place)?;
        let is_there = |path: &str| !matches!(is_missing(searched, paths, path), Ok(true));
        let (path, lines) = match split_lines(text) {
            // A file may have such a name.
            Some((path, lines)) if !matches!(is_missing(searched, paths, text), Ok(false)) => (path, Some(lines)),
            _ => (text, None),
        };
        let is_path =
            lines.is_some() || is_there(path) || looks_like_path(path) || has_bad_lines(searched, paths, path);
        let last =
            requests.last_mut().filter(|last| last.path.is_some() && last.lines.is_none() && last.symbol.is_none());
        match last {
            _ if is_path => requests.push(ReadRequest { path: Some(path.to_owned()), lines, ..request.clone() }),
            Some(file) if is_line_range(text) => {
                let file = file.path.as_deref().unwrap_or_default();
                anyhow::bail!("{text} is no name; lines follow the file after a colon: codescry read {file}:{text}")
            }
            Some(file) => file.symbol = Some(text.to_owned()),
            None if is_line_range(text) => {
                anyhow::bail!("{text} is no name; lines follow a file after a colon: codescry read FILE:{text}")
            }
            None => requests.push(ReadRequest { symbol: Some(text.to_owned()), ..request.clone() }),
        }
    }
    Ok(requests)
}

fn place_text(place: &OsStr) -> anyhow::Result<&str> {
    place.to_str().context("the place is not UTF-8; name the file as `codescry search` shows it")
}

/// Returns whether there is no file or folder of this path.
fn is_missing(searched: &Searched, paths: &ShownPaths, path: &str) -> Result<bool, EngineError> {
    match paths.read(path, |path| searched.is_folder(path)) {
        Ok(_) => Ok(false),
        Err(EngineError::Path(error)) if error.is_missing() => Ok(true),
        Err(error) => Err(error),
    }
}

/// Returns whether a text after a colon or `#` is no range of lines of the file before it.
fn has_bad_lines(searched: &Searched, paths: &ShownPaths, place: &str) -> bool {
    let read = paths.read(place, |path| searched.is_folder(path));
    matches!(read, Err(EngineError::Path(PathError::NotLines { .. })))
}

/// Returns whether a text that names no file was meant as one: it has a separator, or the name of a source file with an
/// extension.
pub(super) fn looks_like_path(text: &str) -> bool {
    let has_separator = text.contains(['/', '\\']);
    has_separator || (Path::new(text).extension().is_some() && engine::is_source_name(text))
}

/// Returns whether a text is a line number or a range of lines, such as `10`, `10-20` or `L10-L20`.
fn is_line_range(text: &str) -> bool {
    split_lines(&format!("file:{text}")).is_some_and(|(file, _)| file == "file")
}

/// Splits the lines off a place: `a.rs:10-40`, `a.rs:10`, `a.rs:10:7` with a column, `a.rs#L10-L40`. `None` if no line
/// number follows a path.
pub(super) fn split_lines(place: &str) -> Option<(&str, (u32, u32))> {
    let number = |text: &str| text.trim_start_matches(['L', 'l']).parse::<u32>().ok().filter(|line| *line > 0);
    let range = |text: &str| match text.split_once('-') {
        Some((from, to)) => Some((number(from)?, number(to)?)),
        None => number(text).map(|line| (line, line)),
    };
    let (path, lines) = place.rsplit_once(['#', ':'])?;
    let lines = range(lines)?;
    match path.rsplit_once(':').and_then(|(path, line)| Some((path, range(line)?))) {
        Some((path, line)) if !path.is_empty() => Some((path, line)),
        _ => Some((path, lines)).filter(|(path, _)| !path.is_empty()),
    }
}

/// Reads a place. If it looks like a file, such as `Big.go` or `Http\Kernel`, but there is no such file, reads the
/// definition of that name, such as of a method `go`; if there is none either, returns the error about the file.
fn read_place_or_name(
    searched: &Searched,
    paths: &ShownPaths,
    request: &ReadRequest,
) -> Result<CodeExcerpt, EngineError> {
    match (read_place(searched, paths, request), name_in_place_of(request)) {
        (Err(EngineError::Path(missing)), Some(name)) if missing.is_missing() => {
            let named = ReadRequest { path: None, symbol: Some(name.to_owned()), ..request.clone() };
            // A definition of a similar name is no answer to a missing file.
            let last = name.rsplit(['.', '\\', '#', ':']).next().unwrap_or(name);
            let is_meant = |read: &CodeExcerpt| {
                read.is_qualified && read.symbol.as_ref().is_some_and(|symbol| symbol.name.eq_ignore_ascii_case(last))
            };
            read_place(searched, paths, &named).ok().filter(is_meant).ok_or_else(|| missing.into())
        }
        (read, _) => read,
    }
}

/// Returns the name of a definition that a request may have meant instead of a file; `None` if the request has lines or
/// a definition, or its path is not a qualified name, such as `Big.go`, `Http\Kernel` or `\Http\Kernel::handle`.
fn name_in_place_of(request: &ReadRequest) -> Option<&str> {
    let name = request.path.as_deref().filter(|_| request.lines.is_none() && request.symbol.is_none())?;
    let dotted = name.strip_prefix('\\').unwrap_or(name).replace("::", ".");
    let parts = dotted.split(['.', '\\', '#']);
    let is_qualified = parts.clone().count() > 1 && parts.clone().all(|part| !part.is_empty());
    (is_qualified && !dotted.contains(['/', ':', ' '])).then_some(name)
}

fn read_place(searched: &Searched, paths: &ShownPaths, request: &ReadRequest) -> Result<CodeExcerpt, EngineError> {
    let cancel = CancelToken::default();
    let mut excerpt = match &request.path {
        None => searched.read_code(request, &cancel)?,
        Some(path) => paths.read(path, |path| {
            searched.read_code(&ReadRequest { path: Some(path.to_owned()), ..request.clone() }, &cancel)
        })?,
    };
    excerpt.path = paths.show(&excerpt.path);
    Ok(excerpt)
}

/// Formats the header of an excerpt: its location, and the requested definition or the innermost one around the lines,
/// as in `path:10-40  Outer.name  [method]`. Outside of any definition, it has the number of lines of the file instead,
/// as in `path:10-40  [of 90 lines]`.
fn header_line(excerpt: &CodeExcerpt, palette: Palette) -> String {
    let mut parts = vec![palette.paint(TextRole::Path, &format_location(excerpt.path.as_str(), excerpt.span))];
    if let Some(symbol) = excerpt.symbol.as_ref().or_else(|| excerpt.inside.last()) {
        let dot = if symbol.container.is_empty() { "" } else { "." };
        parts.push(palette.paint(TextRole::Name, &format!("{}{dot}{}", symbol.container, symbol.name)));
        parts.push(palette.paint(TextRole::Dim, &format!("[{}]", symbol.kind)));
    } else {
        let lines = terminal_text::pluralize(u64::from(excerpt.lines), "line");
        parts.push(palette.paint(TextRole::Dim, &format!("[of {lines}]")));
    }
    parts.join("  ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_may_be_a_dotted_name() {
        let named = |path: &str, lines| {
            let request = ReadRequest { path: Some(path.to_owned()), lines, ..ReadRequest::default() };
            name_in_place_of(&request).map(str::to_owned)
        };
        for name in ["Big.go", "Http\\Kernel", "\\App\\Http\\Kernel::handle", "App\\Kernel#handle"] {
            assert_eq!(named(name, None), Some(name.to_owned()));
        }
        for path in ["src/Big.go", "Makefile", ".go", "Big.", "C:\\a.rs", "\\\\server\\share"] {
            assert_eq!(named(path, None), None, "{path}");
        }
        assert_eq!(named("Big.go", Some((1, 2))), None);
    }

    #[test]
    fn lines_are_split_off_as_tools_print_them() {
        for (place, wanted) in [
            ("a.rs:10-40", Some(("a.rs", (10, 40)))),
            ("a.rs:10", Some(("a.rs", (10, 10)))),
            ("a.rs:10:7", Some(("a.rs", (10, 10)))),
            ("a.rs#L10-L40", Some(("a.rs", (10, 40)))),
            ("C:\\a.rs:3", Some(("C:\\a.rs", (3, 3)))),
            ("Config::load", None),
            ("a.rs", None),
            ("a.rs:0", None),
            (":10", None),
        ] {
            assert_eq!(split_lines(place), wanted, "{place}");
        }
    }
}
