//! The outline of a folder: its files with the names they define, as deep as the token budget allows.
//!
//! Files are grouped below their folder, so that each path is written once.

use answer::caveats::format_caveats;
use answer::{AnswerError, RenderedAnswer, TokenBudget, find_largest};
use engine::{FolderEntry, FolderOutline, FolderQuery, GroupRepository};
use mcp_schema::outline::{FolderOutput, OutlineOutput, OutlinedFileOutput, RepositoryOutput};
use text::display::{escape_name_to_length, pluralize, sanitize_to_length};

use crate::call::blocking::run_blocking;
use crate::call::context::CallContext;
use crate::call::cursor::PageCursor;
use crate::call::result::{ToolResult, to_tool_result};
use crate::render::coverage::render_not_indexed;
use crate::roots::query::{QueryOutcome, query_engine};
use crate::roots::served::{CallTarget, ServedRoots};

/// Maximum length of the name of a file or a definition in an answer, in characters.
const MAX_NAME_CHARS: usize = 100;

/// Maximum number of names listed per file.
const MAX_NAMES: usize = 24;

/// Minimum number of names listed per file; if the budget has no room for them, the depth is reduced, or files are left
/// for the next page.
const MIN_NAMES: usize = 4;

/// Estimated minimum number of tokens per file.
const MIN_FILE_TOKENS: usize = 12;

/// Maximum length of a folder's path in an answer, in characters.
const MAX_PATH_CHARS: usize = 200;

/// Maximum length of the reason why a root is not searched, in characters.
const MAX_REASON_CHARS: usize = 200;

/// A request for a page of a folder's outline.
pub struct FolderPage {
    /// The folder; `None` for the whole root, or for all roots if the call is about all.
    pub path: Option<String>,
    /// Number of folder levels; `None` for as many as fit.
    pub depth: Option<usize>,
    pub cursor: PageCursor,
    pub budget: TokenBudget,
}

/// Answers a call of `outline` for a folder.
pub async fn answer_folder_outline(
    roots: &ServedRoots,
    target: CallTarget<'_>,
    context: &CallContext,
    page: FolderPage,
) -> ToolResult {
    let FolderPage { path, depth, cursor, budget } = page;
    let shown = path.clone().unwrap_or_else(|| ".".to_owned());
    // Every page has the depth of the first one, which its cursor holds.
    let depth = depth.or(Some(cursor.start[1]).filter(|depth| *depth > 0));
    let outcome = query_engine(roots, target, context, move |engine, cancel| {
        let limit = (budget.max_tokens / MIN_FILE_TOKENS).max(1);
        let query = FolderQuery { path: path.clone(), depth, offset: cursor.start[0], limit };
        let mut map = engine.outline_folder(&query, cancel)?;
        // An outline with a given depth is split into pages; otherwise the depth is reduced until one page has room.
        // An error is reported when the page is rendered.
        let has_no_room = |map: &FolderOutline| matches!(fit_all_entries(map, &cursor, None, budget), Ok(None));
        while depth.is_none() && map.depth > 1 && has_no_room(&map) {
            let depth = Some(map.depth - 1);
            map = engine.outline_folder(&FolderQuery { depth, ..query.clone() }, cancel)?;
        }
        Ok(map)
    });
    match outcome.await? {
        QueryOutcome::Answer(map, mut note) => {
            cursor.note_index_change(map.generation, &mut note);
            let render = move || render_folder(&map, &cursor, note.as_deref(), budget);
            to_tool_result(run_blocking(render).await??, budget.form)
        }
        // The wire type of an outline has no coverage.
        QueryOutcome::NotIndexedYet(text) => to_tool_result(
            render_not_indexed(text, |note, _| OutlineOutput { path: shown, note, ..OutlineOutput::default() }),
            budget.form,
        ),
    }
}

/// Renders the entries of a page, or as many of them as fit into the budget.
fn render_folder(
    map: &FolderOutline,
    cursor: &PageCursor,
    note: Option<&str>,
    budget: TokenBudget,
) -> Result<RenderedAnswer<OutlineOutput>, AnswerError> {
    if let Some(all) = fit_all_entries(map, cursor, note, budget)? {
        return Ok(all);
    }
    let fit = |count| render_first_entries(map, cursor, note, count, MIN_NAMES).within(budget);
    let some = find_largest(map.entries.len(), fit)?;
    Ok(some.unwrap_or_else(|| render_first_entries(map, cursor, note, 0, 0)))
}

/// Renders all entries of a page with as many names per file as fit into the budget; `None` when there is not even
/// room for [`MIN_NAMES`].
fn fit_all_entries(
    map: &FolderOutline,
    cursor: &PageCursor,
    note: Option<&str>,
    budget: TokenBudget,
) -> Result<Option<RenderedAnswer<OutlineOutput>>, AnswerError> {
    let fit = |names| render_first_entries(map, cursor, note, map.entries.len(), names).within(budget);
    if let Some(longest) = fit(MAX_NAMES)? {
        return Ok(Some(longest));
    }
    let Some(shortest) = fit(MIN_NAMES)? else { return Ok(None) };
    let longer = find_largest(MAX_NAMES - MIN_NAMES - 1, |more| fit(MIN_NAMES + more))?;
    Ok(longer.or(Some(shortest)))
}

/// Renders the first `count` entries of a page, with at most `max_names` names per file.
fn render_first_entries(
    map: &FolderOutline,
    cursor: &PageCursor,
    note: Option<&str>,
    count: usize,
    max_names: usize,
) -> RenderedAnswer<OutlineOutput> {
    let path = if map.path.is_empty() { ".".to_owned() } else { escape_name_to_length(&map.path, MAX_PATH_CHARS) };
    let mut text = format!("{path} has {}", pluralize(map.files as u64, "indexed file"));
    if let Some(caveats) = format_caveats(&map.coverage, 0, note) {
        text.push_str(&format!("; {caveats}"));
    }
    let repositories: Vec<RepositoryOutput> = map.repositories.iter().map(to_repository_output).collect();
    repositories.iter().for_each(|repository| text.push_str(&format_repository_line(repository)));
    let mut folders: Vec<FolderOutput> = Vec::new();
    for entry in &map.entries[..count] {
        let folder = escape_name_to_length(entry.folder(), MAX_PATH_CHARS);
        let folder = if folder.is_empty() { ".".to_owned() } else { folder };
        match entry {
            FolderEntry::Folder { files, .. } => {
                text.push_str(&format!("\n{folder}/ has {files} files"));
                folders.push(FolderOutput { folder, files: Vec::new(), not_listed: Some(*files) });
            }
            FolderEntry::File { path, names: all, more_names } => {
                if folders.last().is_none_or(|last| last.folder != folder || last.not_listed.is_some()) {
                    text.push_str(&format!("\n{folder}/"));
                    folders.push(FolderOutput { folder, files: Vec::new(), not_listed: None });
                }
                let file = to_file_output(path.file_name(), all, *more_names, max_names);
                text.push_str(&format_file_line(&file));
                folders.last_mut().into_iter().for_each(|last| last.files.push(file.clone()));
            }
        }
    }
    let next = cursor.start[0] + count;
    let next_cursor = (next < map.total && count > 0).then(|| cursor.format_next(map.generation, [next, map.depth]));
    if let Some(cursor) = &next_cursor {
        text.push_str(&format!("\nmore: cursor {cursor}"));
    }
    let (files, note) = (Some(map.files), note.map(str::to_owned));
    RenderedAnswer {
        text,
        structured: OutlineOutput { path, files, repositories, folders, next_cursor, note, ..OutlineOutput::default() },
    }
}

fn to_repository_output(repository: &GroupRepository) -> RepositoryOutput {
    RepositoryOutput {
        name: escape_name_to_length(&repository.name, MAX_NAME_CHARS),
        folder: escape_name_to_length(&repository.folder.to_string_lossy(), MAX_PATH_CHARS),
        files: repository.files,
        left_out: repository.left_out.as_ref().map(|reason| sanitize_to_length(reason, MAX_REASON_CHARS)),
    }
}

/// Formats a line such as `root api is /srv/api, 340 files`.
fn format_repository_line(repository: &RepositoryOutput) -> String {
    let RepositoryOutput { name, folder, files, left_out } = repository;
    match left_out {
        Some(reason) => format!("\nroot {name} is {folder}, not searched: {reason}"),
        None => format!("\nroot {name} is {folder}, {files} files"),
    }
}

fn to_file_output(name: &str, all: &[String], more_names: usize, max_names: usize) -> OutlinedFileOutput {
    let shown = &all[..all.len().min(max_names)];
    let more = all.len() - shown.len() + more_names;
    OutlinedFileOutput {
        name: escape_name_to_length(name, MAX_NAME_CHARS),
        defines: shown.iter().map(|name| escape_name_to_length(name, MAX_NAME_CHARS)).collect(),
        more: (more > 0).then_some(more),
    }
}

/// Formats a line such as ` config.rs: Config, load, 3 more`.
fn format_file_line(file: &OutlinedFileOutput) -> String {
    let mut names = file.defines.join(", ");
    if let Some(more) = file.more {
        names.push_str(&format!("{}{more} more", if names.is_empty() { "" } else { ", " }));
    }
    let colon = if names.is_empty() { "" } else { ": " };
    format!("\n {}{colon}{names}", file.name)
}
