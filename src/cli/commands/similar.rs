//! `codescry similar`: finds code like a line of an indexed file, or like a piece of code.

use std::ffi::OsStr;
use std::io::{self, Read as _};

use anyhow::Context as _;

use engine::{EngineError, Filter, PathError, SimilarQuery, SimilarTarget};

use super::result_page::{ResultPage, describe_page_beyond, show_hit_paths};
use crate::cli::arguments::{SharedArguments, SimilarArguments, is_class_filter, is_filter, split_folder};
use crate::cli::exit::CommandExit;
use crate::cli::index_run::{OpenedFolder, call_with_repair, open_updated_folder};
use crate::cli::json_output::search::SearchJson;
use crate::cli::printer::{self, Printer};
use crate::cli::text_output::hits::{self, HitView};
use crate::cli::text_output::palette::Palette;

/// Maximum length of the code that is read from standard input, in bytes; the rest is ignored.
const MAX_CODE_BYTES: u64 = 1 << 20;

/// Runs `codescry similar`.
///
/// # Errors
/// If the folder, the index or the place is invalid, or the index cannot be updated.
pub fn run_similar(shared: &SharedArguments, arguments: &SimilarArguments) -> anyhow::Result<CommandExit> {
    let (words, folder) = split_folder(&arguments.words, &arguments.folders);
    let folders = arguments.folders.choose(folder)?;
    let page = ResultPage::new(arguments.limit, arguments.offset)?;
    let (filters, words) = split_filters(&words)?;
    let text = words.join(" ").trim().to_owned();
    let text = if text == "-" { read_code_from_stdin()? } else { text };
    anyhow::ensure!(!text.trim().is_empty(), "no code was given; give a line such as src/a.rs:10, or code");
    let OpenedFolder { searched, paths, interrupts } = open_updated_folder(shared, &folders, arguments.no_index)?;
    let (languages, path) = (arguments.languages.clone(), arguments.glob.clone());
    let filter = Filter { languages, path, ..Filter::default() };
    let is_folder = |path: &str| paths.read(path, |path| searched.is_folder(path));
    if let [place, _, ..] = words.as_slice() {
        refuse_words_after_place(place, &words[1..], &is_folder)?;
    }
    let location = parse_location(&text, &is_folder)?;
    let find = |target: SimilarTarget| {
        let (filter, written_filters) = (filter.clone(), filters.clone());
        let query = SimilarQuery { target, limit: page.ranked(), filter, written_filters };
        searched.find_similar(&query, &engine::CancelToken::default())
    };
    let search = || match location {
        Some((path, line)) => paths.read(path, |path| find(SimilarTarget::Location { path: path.to_owned(), line })),
        None => find(SimilarTarget::Snippet(text.clone())),
    };
    let mut answer = call_with_repair(&searched, &interrupts, shared, arguments.no_index, search)?;
    let ranked = answer.hits.len();
    let more = page.cut(&mut answer.hits);
    if arguments.json {
        searched.set_projects(&mut answer.hits);
        show_hit_paths(&mut answer, &paths);
        let mut printer = Printer::new();
        printer.json(&SearchJson::new(&text, &answer, &searched.list_repositories()))?;
        printer.finish()?;
    } else {
        let view =
            HitView { searched: &searched, paths: &paths, full: arguments.full, context_lines: arguments.context };
        hits::print_hits(Palette::for_stdout(shared), &view, "", &answer)?;
    }
    if !shared.quiet {
        if answer.hits.is_empty() && ranked > 0 {
            printer::print_note(&describe_page_beyond(ranked, "result"));
        }
        answer.notes.iter().for_each(|note| printer::print_note(note));
        page.print_more(more, arguments.json);
    }
    Ok(if answer.hits.is_empty() { CommandExit::NothingFound } else { CommandExit::Done })
}

/// Splits the arguments into filters, joined by spaces, and the words of a place or of code. A single argument is no filter.
///
/// # Errors
/// If an argument is not UTF-8.
fn split_filters<'a>(arguments: &[&'a OsStr]) -> anyhow::Result<(String, Vec<&'a str>)> {
    let words = arguments.iter().map(|word| word.to_str().context("the code is not UTF-8; give it in UTF-8"));
    let words: Vec<&str> = words.collect::<Result<_, _>>()?;
    let (filters, words): (Vec<&str>, Vec<&str>) =
        words.into_iter().partition(|word| arguments.len() > 1 && (is_filter(word) || is_class_filter(word)));
    Ok((filters.iter().map(|filter| filter.trim()).collect::<Vec<_>>().join(" "), words))
}

/// Checks that the first of several words is no place in the code; the others are then no part of it.
///
/// # Errors
/// If it is a file or a line of one.
fn refuse_words_after_place(
    place: &str,
    others: &[&str],
    is_folder: &dyn Fn(&str) -> Result<bool, EngineError>,
) -> anyhow::Result<()> {
    let path = super::read::split_lines(place).map_or(place, |(path, _)| path);
    if super::read::looks_like_path(path) && matches!(is_folder(path), Ok(false)) {
        anyhow::bail!(
            "{:?} after the place {place} is no filter; give one place with filters such as lang:go, path:src or -test, \
             or code as one quoted argument",
            others.join(" ")
        );
    }
    Ok(())
}

/// Returns the file and the line of a text such as `src/a.rs:10`; `None` for code. `is_folder` fails for a path that
/// does not exist.
///
/// # Errors
/// If the text names a file without a line, a folder, or a file that does not exist.
fn parse_location<'t>(
    text: &'t str,
    is_folder: &dyn Fn(&str) -> Result<bool, EngineError>,
) -> anyhow::Result<Option<(&'t str, u32)>> {
    if text.contains('\n') {
        return Ok(None);
    }
    let (path, line) = match super::read::split_lines(text) {
        Some((path, (line, _))) => (path, Some(line)),
        None => (text, None),
    };
    let is_path = !path.contains(char::is_whitespace)
        && if line.is_some() { super::read::looks_like_path(path) } else { engine::is_source_name(path) };
    match (is_folder(path), line) {
        (Ok(false), Some(line)) => Ok(Some((path, line))),
        (Ok(false), None) => anyhow::bail!("{path} is a file; add a line, such as {path}:10"),
        (Ok(true), _) => {
            anyhow::bail!("{path} is a folder; give a line of a file, such as src/a.rs:10, or code")
        }
        (Err(error @ EngineError::Path(PathError::NotLines { .. })), _) if !text.contains(char::is_whitespace) => {
            Err(error.into())
        }
        (Err(error), _) if is_path && !path.contains(['(', '{', '=', ';', '"']) => Err(error.into()),
        _ => Ok(None),
    }
}

/// Reads code from standard input, at most [`MAX_CODE_BYTES`] of it.
fn read_code_from_stdin() -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    io::stdin()
        .lock()
        .take(MAX_CODE_BYTES)
        .read_to_end(&mut bytes)
        .context("cannot read the code from standard input")?;
    match std::str::from_utf8(&bytes) {
        // The limit is inside of a character.
        Err(error) if bytes.len() as u64 == MAX_CODE_BYTES && error.error_len().is_none() => {
            bytes.truncate(error.valid_up_to());
        }
        _ => {}
    }
    String::from_utf8(bytes).context("cannot read the code from standard input; give it in UTF-8")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_told_from_code() {
        let is_folder = |path: &str| match path {
            "src/a.rs" | "Makefile" => Ok(false),
            "src" | "src/" => Ok(true),
            _ => {
                let (path, root) = (path.to_owned(), "/p".into());
                Err(EngineError::Path(PathError::Missing { path, root, nearest: Some("src/a.rs".to_owned()) }))
            }
        };
        let parse = |text| parse_location(text, &is_folder).map_err(|error| error.to_string());
        assert_eq!(parse("src/a.rs:10"), Ok(Some(("src/a.rs", 10))));
        assert_eq!(parse("src/a.rs:10-40"), Ok(Some(("src/a.rs", 10))));
        assert_eq!(parse("Makefile:3"), Ok(Some(("Makefile", 3))));
        for code in ["for x in y:", "self.items.sort()", "let a = b/c;", "a ? b : 3", "return x:10", "if a:\n  b.rs:3"]
        {
            assert_eq!(parse(code), Ok(None), "{code}");
        }
        for (text, message) in [
            ("src/a.rs", "add a line, such as src/a.rs:10"),
            ("Makefile", "add a line, such as Makefile:10"),
            ("nosuch.rs:3", "nosuch.rs does not exist in /p; the nearest path is src/a.rs"),
            ("src/nosuch.rs", "src/nosuch.rs does not exist in /p; the nearest path is src/a.rs"),
            ("src/", "src/ is a folder; give a line of a file"),
            ("src", "src is a folder; give a line of a file"),
        ] {
            let error = parse(text).expect_err(text);
            assert!(error.contains(message), "{text}: {error}");
        }
    }

    #[test]
    fn filters_are_split_from_a_place_and_other_words_refused() {
        let split = |words: &[&'static str]| {
            let words: Vec<&OsStr> = words.iter().map(|word| OsStr::new(*word)).collect();
            split_filters(&words).expect("UTF-8")
        };
        let (filters, words) = split(&["src/a.rs:10", " -path:src", "lang:go", " -test"]);
        assert_eq!((filters.as_str(), words), ("-path:src lang:go -test", vec!["src/a.rs:10"]));
        let (filters, words) = split(&["path: a"]);
        assert_eq!((filters.as_str(), words), ("", vec!["path: a"]));
        let is_folder = |path: &str| Ok(path != "src/a.rs");
        let refused = refuse_words_after_place("src/a.rs:10", &["tests", "x"], &is_folder);
        let message = refused.map_err(|error| error.to_string()).expect_err("no filters");
        assert!(message.starts_with("\"tests x\" after the place src/a.rs:10 is no filter"), "{message}");
        assert!(refuse_words_after_place("let", &["a"], &is_folder).is_ok());
    }
}
