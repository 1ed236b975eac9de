//! `codescry similar`: finds code like a line of an indexed file, or like a piece of code.

use std::ffi::OsStr;
use std::io::{self, Read as _};

use anyhow::Context as _;

use engine::{Engine, EngineError, Filter, SimilarTarget};

use super::result_page::{ResultPage, show_hit_paths};
use crate::cli::arguments::{SharedArguments, SimilarArguments, split_folder};
use crate::cli::exit::CommandExit;
use crate::cli::index_run::command_folder::ShownPaths;
use crate::cli::index_run::{OpenedFolder, call_with_repair, open_updated_folder};
use crate::cli::json_output::search::SearchJson;
use crate::cli::printer::{self, Printer};
use crate::cli::text_output::hits::{self, HitView};
use crate::cli::text_output::palette::Palette;

/// Maximum length of the code on standard input, in bytes.
const MAX_CODE_BYTES: u64 = 1 << 20;

/// Runs `codescry similar`.
///
/// # Errors
/// If the folder, the index or the place is invalid.
pub fn run_similar(shared: &SharedArguments, arguments: &SimilarArguments) -> anyhow::Result<CommandExit> {
    let (words, folder) = split_folder(&arguments.words, arguments.folder.as_deref());
    let page = ResultPage::new(arguments.limit, arguments.offset)?;
    let text = words.join(OsStr::new(" "));
    let text = text.to_str().context("the code is not UTF-8; give it in UTF-8")?.trim().to_owned();
    let text = if text == "-" { read_code_from_stdin()? } else { text };
    anyhow::ensure!(!text.trim().is_empty(), "no code was given; give a line such as src/a.rs:10, or code");
    let OpenedFolder { engine, paths, interrupts } = open_updated_folder(shared, folder, arguments.no_index)?;
    let (languages, path) = (arguments.languages.clone(), arguments.glob.clone());
    let filter = Filter { languages, path, ..Filter::default() };
    let find =
        |target: &SimilarTarget| engine.find_similar(target, page.ranked(), &filter, &engine::CancelToken::default());
    let search = || match parse_location(&engine, &paths, &text) {
        Some((path, line)) => paths.read(&path, |path| find(&SimilarTarget::Location { path: path.to_owned(), line })),
        None => find(&SimilarTarget::Snippet(text.clone())),
    };
    let mut answer = call_with_repair(&engine, &interrupts, shared, arguments.no_index, search)?;
    let more = page.cut(&mut answer.hits);
    if arguments.json {
        show_hit_paths(&mut answer, &paths);
        let mut printer = Printer::new();
        printer.json(&SearchJson::new(&text, &answer))?;
        printer.finish()?;
    } else {
        let view = HitView { engine: &engine, paths: &paths, full: arguments.full, context_lines: arguments.context };
        hits::print_hits(Palette::for_stdout(shared), &view, "", &answer)?;
    }
    if !shared.quiet {
        answer.notes.iter().for_each(|note| printer::print_note(note));
        page.print_more(more, arguments.json);
    }
    Ok(if answer.hits.is_empty() { CommandExit::NothingFound } else { CommandExit::Done })
}

/// Returns the file and the line of a text such as `src/a.rs:10`, if there is such a file.
fn parse_location(engine: &Engine, paths: &ShownPaths, text: &str) -> Option<(String, u32)> {
    let (path, (line, _)) = super::read::split_lines(text)?;
    let is_file = |path: &str| engine.is_folder(path).map(|is_folder| !is_folder);
    matches!(paths.read(path, is_file), Ok::<bool, EngineError>(true)).then(|| (path.to_owned(), line))
}

fn read_code_from_stdin() -> anyhow::Result<String> {
    let mut code = String::new();
    let read = io::stdin().lock().take(MAX_CODE_BYTES).read_to_string(&mut code);
    read.context("cannot read the code from standard input; give it in UTF-8")?;
    Ok(code)
}
