//! Outlines a folder: lists its indexed files with the names they define.
//!
//! All data comes from the index, so files that are not indexed do not appear.

use crate::answer::IndexCoverage;
use crate::error::{EngineError, PathError, fail_if_cancelled};
use crate::query_source::{GroupRepository, LocatedPath, QuerySource};
use platform::cancel::CancelToken;
use retrieval::{PartRequest, load_part};
use search::Snapshot;
use std::collections::BTreeSet;
use types::{RepoPath, Symbol, SymbolKind, qualified_name};

/// Maximum number of names listed for a file; further names are only counted.
const MAX_NAMES: usize = 24;

/// The folder to outline, and the part of the outline to return.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FolderQuery {
    /// Path of the folder relative to the root; `None` for the root itself.
    pub path: Option<String>,
    /// Number of folder levels to expand, at least 1. Files at most this deep are listed one by one, deeper files are
    /// summed up by folder; 1 lists the folder's direct files and its subfolders. `None` expands as many levels as
    /// `limit` allows, at least one.
    pub depth: Option<usize>,
    /// Number of entries to skip.
    pub offset: usize,
    /// Maximum number of entries to return.
    pub limit: usize,
}

/// The entries of a folder: of each folder first its files, then its subfolders, both sorted by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FolderOutline {
    /// Path of the folder relative to the root; empty for the root itself.
    pub path: String,
    /// Number of files with chunks in the folder and its subfolders.
    pub files: usize,
    /// Number of folder levels that are expanded.
    pub depth: usize,
    pub entries: Vec<FolderEntry>,
    /// Number of entries on all pages.
    pub total: usize,
    /// The entries after those of this page.
    pub rest: EntryCounts,
    /// The repositories of a group, in the outline of the whole group; otherwise empty.
    pub repositories: Vec<GroupRepository>,
    pub coverage: IndexCoverage,
    /// Hash of the commit; see [`crate::SearchAnswer::generation`].
    pub generation: u64,
}

/// The numbers of entries of an outline, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EntryCounts {
    /// Number of files that are entries of their own.
    pub files: usize,
    /// Number of folders that are summed up in one entry.
    pub folders: usize,
    /// Number of files in these folders.
    pub files_in_folders: usize,
}

/// A file or a folder in an outline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FolderEntry {
    File {
        path: RepoPath,
        /// Names of the top-level definitions, in source order, at most 24. If all of them are modules, those of the
        /// definitions in them.
        names: Vec<String>,
        /// Number of further names that are not listed.
        more_names: usize,
    },
    /// A folder whose files are below the expanded levels.
    Folder { path: String, files: usize },
}

impl FolderEntry {
    /// Returns the folder of a file entry, or the folder itself.
    pub fn folder(&self) -> &str {
        match self {
            Self::File { path, .. } => path.folder(),
            Self::Folder { path, .. } => path,
        }
    }
}

/// Consecutive files of the snapshot that make up one entry.
struct OutlineRow {
    first: usize,
    files: usize,
    /// Length in bytes of the folder's path; `None` for a file.
    folder: Option<usize>,
}

/// Returns whether the path is a folder.
///
/// # Errors
/// Fails like [`QueryCalls::is_folder`](crate::QueryCalls::is_folder).
pub(crate) fn is_folder_in<S: QuerySource + ?Sized>(source: &S, path: &str) -> Result<bool, EngineError> {
    if is_whole(path) {
        return Ok(true);
    }
    let LocatedPath { engine, path, .. } = source.locate(path)?;
    let resolved = engine.resolve_path(&path)?;
    if engine.reads_stored_texts() && resolved.under(engine.root()).symlink_metadata().is_err() {
        return Ok(engine.has_stored_folder(&engine.current_snapshot()?, resolved.as_str()));
    }
    Ok(resolved.under(engine.root()).is_dir())
}

/// Returns whether a path stands for the whole folder or group.
fn is_whole(path: &str) -> bool {
    matches!(path.trim_end_matches('/'), "" | ".") && !path.starts_with('/')
}

/// Returns the outline of a folder.
///
/// # Errors
/// Fails like [`QueryCalls::outline_folder`](crate::QueryCalls::outline_folder).
pub(crate) fn outline_folder_in<S: QuerySource + ?Sized>(
    source: &S,
    query: &FolderQuery,
    cancel: &CancelToken,
) -> Result<FolderOutline, EngineError> {
    let path = match query.path.as_deref().filter(|path| !is_whole(path)) {
        Some(path) => {
            let located = source.locate(path)?;
            located.to_group_path(&located.engine.resolve_path(&located.path)?).to_string()
        }
        None => String::new(),
    };
    let snapshot = load_part(&source.snapshot()?, &PartRequest::Folder(&path))?;
    let trusts_base = source.engines().iter().any(|engine| engine.trusts_base());
    if snapshot.manifest().is_unconfirmed_copy() && !trusts_base {
        return Err(EngineError::NotIndexed { root: snapshot.manifest().root.clone() });
    }
    let start = if path.is_empty() { String::new() } else { format!("{path}/") };
    let from = snapshot.files.partition_point(|file| file.path.as_str() < start.as_str());
    let below = snapshot.files[from..].iter().take_while(|file| file.path.as_str().starts_with(&start)).count();
    if below == 0 && !path.is_empty() {
        return Err(PathError::NothingIndexed { path }.into());
    }
    let files = from..from + below;
    let (depth, mut rows) = match query.depth {
        Some(depth) => (depth, group_files(&snapshot, files, start.len(), depth)),
        None => expand_within_limit(&snapshot, &files, start.len(), query.limit),
    };
    rows.sort_by_cached_key(|row| order_of(&snapshot, row, start.len()));
    let shown = rows.iter().skip(query.offset).take(query.limit);
    let rest = count_entries(rows.iter().skip(query.offset.saturating_add(query.limit)));
    let outline = |row: &OutlineRow| {
        fail_if_cancelled(cancel)?;
        outline_entry(&snapshot, row)
    };
    let entries = shown.map(outline).collect::<Result<_, _>>()?;
    let (coverage, generation) = (IndexCoverage::of_snapshot(&snapshot), snapshot.generation().stable_hash());
    let repositories = if path.is_empty() { source.list_repositories() } else { Vec::new() };
    let (files, total) = (below, rows.len());
    Ok(FolderOutline { path, files, depth, entries, total, rest, repositories, coverage, generation })
}

/// Returns a key that sorts the files of a folder before its subfolders: the parts of the row's path after the first
/// `start` bytes, each with whether it is a folder.
fn order_of(snapshot: &Snapshot, row: &OutlineRow, start: usize) -> Vec<(bool, String)> {
    let path = snapshot.files[row.first].path.as_str();
    let mut parts = path[start..row.folder.unwrap_or(path.len())].split('/').peekable();
    let mut order = Vec::new();
    while let Some(part) = parts.next() {
        order.push((parts.peek().is_some() || row.folder.is_some(), part.to_owned()));
    }
    order
}

/// Counts rows by what they stand for.
fn count_entries<'r>(rows: impl Iterator<Item = &'r OutlineRow>) -> EntryCounts {
    rows.fold(EntryCounts::default(), |counts, row| match row.folder {
        None => EntryCounts { files: counts.files + 1, ..counts },
        Some(_) => {
            EntryCounts { folders: counts.folders + 1, files_in_folders: counts.files_in_folders + row.files, ..counts }
        }
    })
}

/// Expands as many levels as fit in `limit` rows, at least one. Returns the depth and the rows.
fn expand_within_limit(
    snapshot: &Snapshot,
    files: &std::ops::Range<usize>,
    start: usize,
    limit: usize,
) -> (usize, Vec<OutlineRow>) {
    let levels = |file: usize| snapshot.files[file].path.as_str()[start..].matches('/').count() + 1;
    let most = files.clone().map(levels).max().unwrap_or(1);
    let mut best = (1, group_files(snapshot, files.clone(), start, 1));
    for depth in 2..=most {
        let deeper = group_files(snapshot, files.clone(), start, depth);
        if deeper.len() > limit {
            break;
        }
        best = (depth, deeper);
    }
    best
}

/// Groups files into rows: one row for each file at most `depth` levels deep, one for each deeper folder.
/// Files of one folder are consecutive, because files are sorted by path.
fn group_files(snapshot: &Snapshot, files: std::ops::Range<usize>, start: usize, depth: usize) -> Vec<OutlineRow> {
    let mut rows: Vec<OutlineRow> = Vec::new();
    for index in files {
        let path = snapshot.files[index].path.as_str();
        let folder = path[start..].match_indices('/').nth(depth.saturating_sub(1)).map(|(at, _)| start + at);
        if let (Some(end), Some(last)) = (folder, rows.last_mut())
            && last.folder == folder
            && snapshot.files[last.first].path.as_str()[..=end] == path[..=end]
        {
            last.files += 1;
            continue;
        }
        rows.push(OutlineRow { first: index, files: 1, folder });
    }
    rows
}

fn outline_entry(snapshot: &Snapshot, row: &OutlineRow) -> Result<FolderEntry, EngineError> {
    let path = snapshot.files[row.first].path.clone();
    if let Some(end) = row.folder {
        return Ok(FolderEntry::Folder { path: path.as_str()[..end].to_owned(), files: row.files });
    }
    let mut names = match names_in_modules(snapshot, row.first)? {
        names if names.is_empty() => top_level_names(snapshot, row.first)?,
        names => names,
    };
    let more_names = names.len().saturating_sub(MAX_NAMES);
    names.truncate(MAX_NAMES);
    Ok(FolderEntry::File { path, names, more_names })
}

/// Returns the qualified names of the definitions in the modules and namespaces of a file that defines nothing else at
/// its top level; otherwise none. Modules of Ruby and Elixir have the role of classes, so their functions are not
/// listed.
fn names_in_modules(snapshot: &Snapshot, index: usize) -> Result<Vec<String>, EngineError> {
    let numbers: Vec<u32> = snapshot.chunks_of_file(index).collect();
    let is_outermost = |chunk: &search::ChunkMeta<'_>| chunk.container.is_empty() && !chunk.symbol.is_empty();
    let outermost = numbers.iter().map(|number| snapshot.chunk(*number)).filter(is_outermost);
    let mut kinds = outermost.map(|chunk| chunk.kind).peekable();
    if kinds.peek().is_none() || kinds.any(|kind| kind != SymbolKind::Module) {
        return Ok(Vec::new());
    }
    let texts = snapshot.read_texts(&numbers)?;
    let is_class_like = ["ruby", "elixir"].contains(&snapshot.files[index].language.0);
    let is_type = |kind: SymbolKind| kind.is_container() || kind == SymbolKind::Type;
    let definitions: Vec<&Symbol> = texts.iter().flat_map(|text| &text.definitions).collect();
    if definitions.iter().any(|symbol| symbol.container.is_empty() && symbol.kind != SymbolKind::Module) {
        return Ok(Vec::new());
    }
    let modules = definitions.iter().filter(|symbol| symbol.kind == SymbolKind::Module);
    let modules: BTreeSet<String> = modules.map(|symbol| qualified_name(&symbol.container, &symbol.name)).collect();
    let members = || definitions.iter().filter(|symbol| is_type(symbol.kind) || !is_class_like);
    let has_members = |module: &str| {
        members().any(|symbol| {
            let rest = symbol.container.strip_prefix(module);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
    };
    let mut names: Vec<String> = Vec::new();
    for symbol in members() {
        let name = qualified_name(&symbol.container, &symbol.name);
        let is_listed = match symbol.kind {
            SymbolKind::Module => !has_members(&name),
            _ => modules.contains(&symbol.container),
        };
        if is_listed && !names.contains(&name) {
            names.push(name);
        }
    }
    Ok(names)
}

/// Returns the names that a file defines at its top level, without duplicates.
fn top_level_names(snapshot: &Snapshot, index: usize) -> Result<Vec<String>, EngineError> {
    let top: Vec<_> = snapshot
        .chunks_of_file(index)
        .map(|number| (number, snapshot.chunk(number)))
        .filter(|(_, chunk)| chunk.container.is_empty() && chunk.defines().next().is_some())
        .collect();
    // A chunk also lists the names of the members of its containers.
    let is_mixed = |chunk: &search::ChunkMeta<'_>| chunk.defines().nth(1).is_some();
    let mixed: Vec<u32> = top.iter().filter(|(_, chunk)| is_mixed(chunk)).map(|(number, _)| *number).collect();
    let mut texts = snapshot.read_texts(&mixed)?.into_iter();
    let mut names: Vec<String> = Vec::new();
    for (_, chunk) in &top {
        let mut found: Vec<String> = chunk.defines().map(str::to_owned).collect();
        if is_mixed(chunk) {
            // An index of schema 3 stores only the names.
            let stored = texts.next().expect("the store returns one text per row").definitions;
            let is_outer = |name: &String| stored.iter().any(|one| one.container.is_empty() && one.name == *name);
            found.retain(|name| stored.is_empty() || is_outer(name));
        }
        if found.is_empty() {
            found.extend(Some(chunk.symbol.to_owned()).filter(|name| !name.is_empty()));
        }
        for name in found {
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    Ok(names)
}
