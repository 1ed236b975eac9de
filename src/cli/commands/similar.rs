//! `codescry similar`: finds code like a line of an indexed file, or like a piece of code.

use std::ffi::OsStr;
use std::io::{self, Read as _};

use anyhow::Context as _;

use engine::{EngineError, Filter, SimilarTarget};

use super::result_page::{ResultPage, describe_page_beyond, show_hit_paths};
use crate::cli::arguments::{SharedArguments, SimilarArguments, split_folder};
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
    let text = words.join(OsStr::new(" "));
    let text = text.to_str().context("the code is not UTF-8; give it in UTF-8")?.trim().to_owned();
    let text = if text == "-" { read_code_from_stdin()? } else { text };
    anyhow::ensure!(!text.trim().is_empty(), "no code was given; give a line such as src/a.rs:10, or code");
    let OpenedFolder { searched, paths, interrupts } = open_updated_folder(shared, &folders, arguments.no_index)?;
    let (languages, path) = (arguments.languages.clone(), arguments.glob.clone());
    let filter = Filter { languages, path, ..Filter::default() };
    let location = parse_location(&text, &|path| paths.read(path, |path| searched.is_folder(path)))?;
    let find =
        |target: &SimilarTarget| searched.find_similar(target, page.ranked(), &filter, &engine::CancelToken::default());
    let search = || match location {
        Some((path, line)) => paths.read(path, |path| find(&SimilarTarget::Location { path: path.to_owned(), line })),
        None => find(&SimilarTarget::Snippet(text.clone())),
    };
    let mut answer = call_with_repair(&searched, &interrupts, shared, arguments.no_index, search)?;
    let ranked = answer.hits.len();
    let more = page.cut(&mut answer.hits);
    if arguments.json {
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
        (Ok(true), _) if is_path || path.ends_with(['/', '\\']) => {
            anyhow::bail!("{path} is a folder; give a line of a file, such as src/a.rs:10, or code")
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
    use engine::PathError;

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
        ] {
            let error = parse(text).expect_err(text);
            assert!(error.contains(message), "{text}: {error}");
        }
    }
}
