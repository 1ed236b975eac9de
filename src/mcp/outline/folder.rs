//! A folder's files with the names they define, as deep as there is room for.
//!
//! Files of one folder stand below it, so that its path is said once. Must never import: anything of
//! this crate but `engine`.

use rmcp::model::CallToolResult;

use crate::engine::{FolderEntry, FolderOutline, FolderQuery};
use crate::mcp::answer::{Answer, Refusal, aside, clean, clip};
use crate::mcp::cursor::Cursor;
use crate::mcp::render::{self, json, largest};
use crate::mcp::roots::Root;
use crate::mcp::search_code::{Found, search, tell_moved_on};
use crate::mcp::tokens;
use crate::mcp::wire::{FolderOutput, OutlineOutput, OutlinedFileOutput};

use super::MAX_NAME_CHARS;

/// Names of a file when there is room; and where there is little, before less of the folder is shown.
const MOST_NAMES: usize = 24;
const LEAST_NAMES: usize = 4;

/// A file with its name takes about so many tokens at least.
const FILE_TOKENS: usize = 12;

/// Longest path of a folder shown, in characters.
const MAX_PATH_CHARS: usize = 200;

/// Answers a call for a folder; `None` is the root.
pub async fn call(
    root: &Root,
    path: Option<String>,
    depth: Option<usize>,
    cursor: Cursor,
    max_tokens: usize,
) -> Result<CallToolResult, Refusal> {
    let shown = path.clone().unwrap_or_else(|| ".".to_owned());
    // A further page is as deep as the one before.
    let depth = depth.or(Some(cursor.at[1]).filter(|depth| *depth > 0));
    let found = search(root, move |engine| {
        let limit = (max_tokens / FILE_TOKENS).max(1);
        let query = FolderQuery { path: path.clone(), depth, offset: cursor.at[0], limit };
        let mut map = engine.outline_folder(&query)?;
        // Who has said how deep gets pages of that; otherwise less deep is better than in parts.
        while depth.is_none() && map.depth > 1 && fitted(&map, &cursor, None, max_tokens).is_none() {
            let depth = Some(map.depth - 1);
            map = engine.outline_folder(&FolderQuery { depth, ..query.clone() })?;
        }
        Ok(map)
    });
    match found.await? {
        Found::Begun(text) => {
            let structured = OutlineOutput { path: shown, note: Some(text.clone()), ..OutlineOutput::default() };
            Answer { text, structured }.into_result()
        }
        Found::Answer(map, mut note) => {
            tell_moved_on(&cursor, map.edition, &mut note);
            aside(move || render(&map, &cursor, note.as_deref(), max_tokens)).await?.into_result()
        }
    }
}

fn render(map: &FolderOutline, cursor: &Cursor, note: Option<&str>, max_tokens: usize) -> Answer<OutlineOutput> {
    fitted(map, cursor, note, max_tokens).unwrap_or_else(|| {
        let fitting = |count| fits(first(map, cursor, note, count, LEAST_NAMES), max_tokens);
        largest(map.entries.len(), fitting).unwrap_or_else(|| first(map, cursor, note, 0, 0))
    })
}

/// All entries with as many names of each as fit, if that is enough of them.
fn fitted(
    map: &FolderOutline,
    cursor: &Cursor,
    note: Option<&str>,
    max_tokens: usize,
) -> Option<Answer<OutlineOutput>> {
    let with = |names| fits(first(map, cursor, note, map.entries.len(), names), max_tokens);
    with(MOST_NAMES).or_else(|| {
        let least = with(LEAST_NAMES)?;
        largest(MOST_NAMES - LEAST_NAMES - 1, |more| with(LEAST_NAMES + more)).or(Some(least))
    })
}

fn fits(answer: Answer<OutlineOutput>, max_tokens: usize) -> Option<Answer<OutlineOutput>> {
    let fits = tokens::fits(&answer.text, max_tokens) && tokens::fits(&json(&answer.structured), max_tokens);
    fits.then_some(answer)
}

/// The first entries of a page, with so many names of each file.
fn first(
    map: &FolderOutline,
    cursor: &Cursor,
    note: Option<&str>,
    count: usize,
    names: usize,
) -> Answer<OutlineOutput> {
    let path = if map.path.is_empty() { ".".to_owned() } else { clip(&clean(&map.path), MAX_PATH_CHARS) };
    let mut text = format!("{path}  indexed files: {}", map.files);
    text.push_str(&render::about(&map.coverage, 0, note));
    let mut folders: Vec<FolderOutput> = Vec::new();
    for entry in &map.entries[..count] {
        let folder = clip(&clean(entry.folder()), MAX_PATH_CHARS);
        let folder = if folder.is_empty() { ".".to_owned() } else { folder };
        match entry {
            FolderEntry::Folder { files, .. } => {
                text.push_str(&format!("\n{folder}/  files: {files}"));
                folders.push(FolderOutput { folder, files: Vec::new(), not_listed: Some(*files) });
            }
            FolderEntry::File { path, names: all, more_names } => {
                if folders.last().is_none_or(|last| last.folder != folder || last.not_listed.is_some()) {
                    text.push_str(&format!("\n{folder}/"));
                    folders.push(FolderOutput { folder, files: Vec::new(), not_listed: None });
                }
                let file = file(path.file_name(), all, *more_names, names);
                text.push_str(&line(&file));
                folders.last_mut().into_iter().for_each(|last| last.files.push(file.clone()));
            }
        }
    }
    let next = cursor.at[0] + count;
    let next_cursor = (next < map.total && count > 0).then(|| cursor.next(map.edition, [next, map.depth]));
    if let Some(cursor) = &next_cursor {
        text.push_str(&format!("\nmore: cursor {cursor}"));
    }
    let (files, note) = (Some(map.files), note.map(str::to_owned));
    Answer { text, structured: OutlineOutput { path, files, folders, next_cursor, note, ..OutlineOutput::default() } }
}

fn file(name: &str, all: &[String], more_names: usize, names: usize) -> OutlinedFileOutput {
    let shown = &all[..all.len().min(names)];
    let more = all.len() - shown.len() + more_names;
    OutlinedFileOutput {
        name: clip(&clean(name), MAX_NAME_CHARS),
        defines: shown.iter().map(|name| clip(&clean(name), MAX_NAME_CHARS)).collect(),
        more: (more > 0).then_some(more),
    }
}

/// `  config.rs  Config, load, 3 more`
fn line(file: &OutlinedFileOutput) -> String {
    let mut names = file.defines.join(", ");
    if let Some(more) = file.more {
        names.push_str(&format!("{}{more} more", if names.is_empty() { "" } else { ", " }));
    }
    let gap = if names.is_empty() { "" } else { "  " };
    format!("\n  {}{gap}{names}", file.name)
}
