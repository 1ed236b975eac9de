//! Outlines a folder: lists its indexed files with the names they define.
//!
//! All data comes from the index, so files that are not indexed do not appear.

use crate::answer::IndexCoverage;
use crate::error::{EngineError, PathError, fail_if_cancelled};
use crate::state::Engine;
use platform::cancel::CancelToken;
use search::Snapshot;
use types::RepoPath;

/// Maximum number of names listed for a file; further names are only counted.
const MAX_NAMES: usize = 24;

/// The folder to outline, and the part of the outline to return.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FolderQuery {
    /// Path of the folder relative to the root; `None` for the root itself.
    pub path: Option<String>,
    /// Number of folder levels to expand. Files at most this deep are listed one by one, deeper files are
    /// summed up by folder; 1 lists the folder's direct files only. `None` expands as many levels as `limit`
    /// allows.
    pub depth: Option<usize>,
    /// Number of entries to skip.
    pub offset: usize,
    /// Maximum number of entries to return.
    pub limit: usize,
}

/// The entries of a folder, sorted by path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FolderOutline {
    /// Path of the folder relative to the root; empty for the root itself.
    pub path: String,
    /// Number of indexed files in the folder and its subfolders.
    pub files: usize,
    /// Number of folder levels that are expanded.
    pub depth: usize,
    pub entries: Vec<FolderEntry>,
    /// Number of entries on all pages.
    pub total: usize,
    pub coverage: IndexCoverage,
    /// Hash of the commit; see [`crate::SearchAnswer::generation`].
    pub generation: u64,
}

/// A file or a folder in an outline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FolderEntry {
    File {
        path: RepoPath,
        /// Names of the top-level definitions, in source order.
        names: Vec<String>,
        /// Number of further names that are not listed.
        more_names: usize,
    },
    /// A folder below the expanded levels.
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

impl Engine {
    /// Returns whether the path is a folder.
    ///
    /// # Errors
    /// [`EngineError::Path`] if the path is missing or outside of the root.
    pub fn is_folder(&self, path: &str) -> Result<bool, EngineError> {
        Ok(self.resolve_path(path)?.under(self.root()).is_dir())
    }

    /// Returns the outline of a folder.
    ///
    /// # Errors
    /// [`EngineError::Path`] if nothing in the folder is indexed; [`EngineError::NotIndexed`];
    /// [`EngineError::Cancelled`]; an error of the store.
    pub fn outline_folder(&self, query: &FolderQuery, cancel: &CancelToken) -> Result<FolderOutline, EngineError> {
        let path = match &query.path {
            Some(path) => self.resolve_path(path)?.to_string(),
            None => String::new(),
        };
        let snapshot = self.confirmed_snapshot()?;
        let start = if path.is_empty() { String::new() } else { format!("{path}/") };
        let from = snapshot.files.partition_point(|file| file.path.as_str() < start.as_str());
        let below = snapshot.files[from..].iter().take_while(|file| file.path.as_str().starts_with(&start)).count();
        if below == 0 && !path.is_empty() {
            return Err(PathError::NothingIndexed { path }.into());
        }
        let files = from..from + below;
        let (depth, rows) = match query.depth {
            Some(depth) => (depth, group_files(&snapshot, files, start.len(), depth)),
            None => expand_within_limit(&snapshot, &files, start.len(), query.limit),
        };
        let shown = rows.iter().skip(query.offset).take(query.limit);
        let outline = |row: &OutlineRow| {
            fail_if_cancelled(cancel)?;
            outline_entry(&snapshot, row)
        };
        let entries = shown.map(outline).collect::<Result<_, _>>()?;
        let (coverage, generation) = (IndexCoverage::of_snapshot(&snapshot), snapshot.view.generation().stable_hash());
        Ok(FolderOutline { path, files: below, depth, entries, total: rows.len(), coverage, generation })
    }
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
        let folder = path[start..].match_indices('/').nth(depth - 1).map(|(at, _)| start + at);
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
    let mut names = top_level_names(snapshot, row.first)?;
    let more_names = names.len().saturating_sub(MAX_NAMES);
    names.truncate(MAX_NAMES);
    Ok(FolderEntry::File { path, names, more_names })
}

/// Returns the names that a file defines at its top level, without duplicates.
fn top_level_names(snapshot: &Snapshot, index: usize) -> Result<Vec<String>, EngineError> {
    let top: Vec<_> = snapshot
        .chunks_of_file(index)
        .map(|chunk| snapshot.chunk(chunk))
        .filter(|chunk| chunk.container.is_empty() && chunk.defines().next().is_some())
        .collect();
    // A container chunk also lists the names of its members.
    let is_mixed = |chunk: &&search::ChunkMeta<'_>| chunk.kind.is_container() && chunk.defines().nth(1).is_some();
    let rows: Vec<_> = top.iter().filter(is_mixed).map(|chunk| chunk.row).collect();
    let mut texts = snapshot.view.chunk_texts(&rows)?.into_iter();
    let mut names: Vec<String> = Vec::new();
    for chunk in &top {
        let mut found: Vec<String> = chunk.defines().map(str::to_owned).collect();
        if is_mixed(&chunk) {
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
