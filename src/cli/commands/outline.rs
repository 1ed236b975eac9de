//! `codescry outline`: lists the definitions of a file, or the files of a folder with the names they define.

use std::io;

use anyhow::Context as _;

use answer::location::format_lines;
use engine::{CancelToken, EntryCounts, FileOutline, FolderEntry, FolderOutline, FolderQuery, RepoPath, Symbol};
use text::display::escape_name;

use crate::cli::arguments::{OutlineArguments, SharedArguments};
use crate::cli::exit::CommandExit;
use crate::cli::index_run::command_folder::ShownPaths;
use crate::cli::index_run::searched::{Searched, open_to_read};
use crate::cli::index_run::update_searched;
use crate::cli::interrupts::Interrupts;
use crate::cli::json_output::outline::{FileOutlineJson, FolderOutlineJson};
use crate::cli::printer::{self, Printer};
use crate::cli::text_output::palette::{Palette, TextRole};

/// Runs `codescry outline`.
///
/// # Errors
/// If the folder, the index or a path is invalid, or the index cannot be updated or read.
pub fn run_outline(shared: &SharedArguments, arguments: &OutlineArguments) -> anyhow::Result<CommandExit> {
    let (searched, paths, broad) = open_to_read(shared, &arguments.folders.choose(None)?)?;
    let mut targets = Vec::new();
    for path in &arguments.paths {
        let path = path.to_str().context("the path is not UTF-8; name it as `codescry search` shows it")?;
        targets.push(path);
    }
    if targets.is_empty() {
        targets.push("");
    }
    let is_folder = |path: &str| Ok::<_, engine::EngineError>((path.to_owned(), searched.is_folder(path)?));
    let resolved: Vec<(String, bool)> =
        targets.iter().map(|path| paths.read(path, is_folder)).collect::<Result<_, _>>()?;
    if resolved.iter().any(|(_, is_folder)| *is_folder) {
        broad.map_err(anyhow::Error::msg)?;
        if !arguments.no_index {
            update_searched(&searched, &Interrupts::listen()?, shared)?;
        }
    }
    let palette = Palette::for_stdout(shared);
    let mut printer = Printer::new();
    for (at, (path, is_folder)) in resolved.into_iter().enumerate() {
        if at > 0 && !arguments.json {
            printer.line("")?;
        }
        match is_folder {
            true => outline_folder(&mut printer, &searched, &paths, arguments, path, palette)?,
            false => outline_file(&mut printer, &searched, &paths, arguments, &path, palette)?,
        }
    }
    printer.finish()?;
    Ok(CommandExit::Done)
}

fn outline_file(
    printer: &mut Printer,
    searched: &Searched,
    paths: &ShownPaths,
    arguments: &OutlineArguments,
    path: &str,
    palette: Palette,
) -> anyhow::Result<()> {
    let mut outline = searched.outline(path)?;
    outline.path = paths.show(&outline.path);
    if arguments.json {
        return Ok(printer.json(&FileOutlineJson::new(&outline))?);
    }
    print_file(printer, &outline, palette)?;
    Ok(())
}

fn print_file(printer: &mut Printer, outline: &FileOutline, palette: Palette) -> io::Result<()> {
    let path = palette.paint(TextRole::Path, &escape_name(outline.path.as_str()));
    let lines = terminal_text::pluralize(u64::from(outline.lines), "line");
    let definitions = terminal_text::pluralize(outline.symbols.len() as u64, "definition");
    printer.line(&format!("{path}  {lines}, {definitions}"))?;
    let width = outline.symbols.iter().map(|symbol| format_lines(symbol.span).len()).max().unwrap_or(0);
    for symbol in &outline.symbols {
        printer.line(&symbol_line(symbol, width, palette))?;
    }
    if let Some(problem) = &outline.problem {
        printer.line(&palette.paint(TextRole::Warning, problem))?;
    }
    Ok(())
}

/// Formats a definition as `10-20  fn name(&self)  [method]`, indented by its nesting.
fn symbol_line(symbol: &Symbol, width: usize, palette: Palette) -> String {
    let depth = symbol.container.split('.').filter(|name| !name.is_empty()).count();
    let lines = palette.paint(TextRole::Dim, &format!("{:>width$}", format_lines(symbol.span)));
    let text = if symbol.signature.is_empty() { &symbol.name } else { &symbol.signature };
    let (text, kind) =
        (terminal_text::escape_controls(text), palette.paint(TextRole::Dim, &format!("[{}]", symbol.kind)));
    format!("  {lines}  {}{text}  {kind}", "  ".repeat(depth))
}

fn outline_folder(
    printer: &mut Printer,
    searched: &Searched,
    paths: &ShownPaths,
    arguments: &OutlineArguments,
    path: String,
    palette: Palette,
) -> anyhow::Result<()> {
    let path = Some(path).filter(|path| !path.is_empty());
    let query = FolderQuery { path, depth: None, offset: 0, limit: arguments.limit };
    let mut outline = searched.outline_folder(&query, &CancelToken::default())?;
    show_paths(&mut outline, paths);
    if arguments.json {
        return Ok(printer.json(&FolderOutlineJson::new(&outline))?);
    }
    print_folder(printer, &outline, palette)?;
    if outline.files == 0 {
        printer.flush()?;
        printer::print_note("there are no files to index; is this the folder with your code?");
    }
    if outline.entries.len() < outline.total {
        printer.flush()?;
        printer::print_note(&format!("{}; raise --limit, or outline a folder below", describe_rest(&outline.rest)));
    }
    Ok(())
}

/// Describes the entries that are not shown, such as `not shown: 3 files, and 2 folders with 40 files`.
fn describe_rest(rest: &EntryCounts) -> String {
    let count = |count: usize, one: &str| terminal_text::pluralize(count as u64, one);
    let folders = || format!("{} with {}", count(rest.folders, "folder"), count(rest.files_in_folders, "file"));
    match (rest.files, rest.folders) {
        (files, 0) => format!("not shown: {}", count(files, "file")),
        (0, _) => format!("not shown: {}", folders()),
        (files, _) => format!("not shown: {}, and {}", count(files, "file"), folders()),
    }
}

/// Replaces the paths of an outline by the paths that are shown to the user.
fn show_paths(outline: &mut FolderOutline, paths: &ShownPaths) {
    let show = |path: &str| paths.show(&RepoPath::new(path)).as_str().to_owned();
    outline.path = show(&outline.path);
    for entry in &mut outline.entries {
        match entry {
            FolderEntry::File { path, .. } => *path = paths.show(path),
            FolderEntry::Folder { path, .. } => *path = show(path),
        }
    }
}

fn print_folder(printer: &mut Printer, outline: &FolderOutline, palette: Palette) -> io::Result<()> {
    let name = |path: &str| if path.is_empty() { "./".to_owned() } else { format!("{}/", escape_name(path)) };
    let files = terminal_text::pluralize(outline.files as u64, "indexed file");
    printer.line(&format!("{}  {files}", palette.paint(TextRole::Path, &name(&outline.path))))?;
    for repository in &outline.repositories {
        let folder = escape_name(&repository.folder.to_string_lossy()).into_owned();
        let state = match &repository.left_out {
            Some(reason) => palette.paint(TextRole::Warning, &format!("not searched: {reason}")),
            None => terminal_text::pluralize(repository.files, "file"),
        };
        printer
            .line(&format!("{}  {folder}  {state}", palette.paint(TextRole::Name, &escape_name(&repository.name))))?;
    }
    let mut last: Option<&str> = None;
    for entry in &outline.entries {
        match entry {
            FolderEntry::Folder { path, files } => {
                last = None;
                let files = terminal_text::pluralize(*files as u64, "file");
                printer.line(&format!("{}  {files}", palette.paint(TextRole::Path, &name(path))))?;
            }
            FolderEntry::File { path, names, more_names } => {
                if last != Some(path.folder()) && (last.is_some() || path.folder() != outline.path) {
                    printer.line(&palette.paint(TextRole::Path, &name(path.folder())))?;
                }
                last = Some(path.folder());
                let mut names: Vec<String> = names.iter().map(|name| terminal_text::escape_controls(name)).collect();
                if *more_names > 0 {
                    names.push(format!("{more_names} more"));
                }
                let colon = if names.is_empty() { "" } else { ": " };
                let file = palette.paint(TextRole::Name, &escape_name(path.file_name()));
                printer.line(&format!("  {file}{colon}{}", names.join(", ")))?;
            }
        }
    }
    Ok(())
}
