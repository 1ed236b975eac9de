//! The indexed files below a folder with what they define: a map of a project, or of a part of it.
//!
//! Read from the index alone, so that nothing is told of what is not in it.

use super::{Coverage, Engine, EngineError, coverage};
use crate::parse::{self, SourceFile};
use crate::search::Snapshot;
use crate::types::RepoPath;

/// Names of one file; the rest is counted.
const MAX_NAMES: usize = 24;

/// Which folder, and how much of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FolderQuery {
    /// Relative to the root; `None` for the root itself.
    pub path: Option<String>,
    /// Files so many folders below it are listed, and of deeper ones their folder alone; at 1, its own
    /// files. As deep as `limit` allows, if not said.
    pub depth: Option<usize>,
    /// Entries passed over.
    pub offset: usize,
    /// At most so many entries.
    pub limit: usize,
}

/// A folder's entries, by path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FolderOutline {
    /// Empty for the root.
    pub path: String,
    /// Indexed files below it, however deep.
    pub files: usize,
    /// How deep the entries go.
    pub depth: usize,
    pub entries: Vec<FolderEntry>,
    /// Entries before, in and after this answer.
    pub total: usize,
    pub coverage: Coverage,
    /// See [`super::SearchAnswer::edition`].
    pub edition: u64,
}

/// A line of a map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FolderEntry {
    File {
        path: RepoPath,
        /// What stands at the top of it, in its order.
        names: Vec<String>,
        /// Others there was no room for.
        more_names: usize,
    },
    /// One that is too deep to be looked into.
    Folder { path: String, files: usize },
}

impl FolderEntry {
    /// The folder that the entry lies in; of a folder, itself.
    pub fn folder(&self) -> &str {
        match self {
            Self::File { path, .. } => path.folder(),
            Self::Folder { path, .. } => path,
        }
    }
}

/// Files of the snapshot that are one entry.
struct Row {
    first: usize,
    files: usize,
    /// The length of the folder's path, where it is one.
    folder: Option<usize>,
}

impl Engine {
    /// Whether there is a folder at this path.
    ///
    /// # Errors
    /// [`EngineError::BadPath`] for what is outside of the root or missing.
    pub fn is_folder(&self, path: &str) -> Result<bool, EngineError> {
        Ok(self.inside(path)?.under(self.root()).is_dir())
    }

    /// What is indexed below a folder.
    ///
    /// # Errors
    /// [`EngineError::BadPath`] for a folder of which nothing is indexed; [`EngineError::NotIndexed`];
    /// a failing store.
    pub fn outline_folder(&self, query: &FolderQuery) -> Result<FolderOutline, EngineError> {
        let path = match &query.path {
            Some(path) => self.inside(path)?.to_string(),
            None => String::new(),
        };
        let snapshot = self.snapshot()?;
        let start = if path.is_empty() { String::new() } else { format!("{path}/") };
        let from = snapshot.files.partition_point(|file| file.path.as_str() < start.as_str());
        let below = snapshot.files[from..].iter().take_while(|file| file.path.as_str().starts_with(&start)).count();
        if below == 0 && !path.is_empty() {
            let message = format!("no file below {path} is indexed; index_status says what is left out, and why");
            return Err(EngineError::BadPath(message));
        }
        let files = from..from + below;
        let (depth, rows) = match query.depth {
            Some(depth) => (depth, rows(&snapshot, files, start.len(), depth)),
            None => deepest(&snapshot, &files, start.len(), query.limit),
        };
        let shown = rows.iter().skip(query.offset).take(query.limit);
        let entries = shown.map(|row| entry(&snapshot, row)).collect::<Result<_, _>>()?;
        let (coverage, edition) = (coverage(&snapshot), super::edition(&snapshot));
        Ok(FolderOutline { path, files: below, depth, entries, total: rows.len(), coverage, edition })
    }
}

/// The rows of the greatest depth that has at most `limit` of them, or those of depth 1.
fn deepest(snapshot: &Snapshot, files: &std::ops::Range<usize>, start: usize, limit: usize) -> (usize, Vec<Row>) {
    let levels = |file: usize| snapshot.files[file].path.as_str()[start..].matches('/').count() + 1;
    let most = files.clone().map(levels).max().unwrap_or(1);
    let mut best = (1, rows(snapshot, files.clone(), start, 1));
    for depth in 2..=most {
        let deeper = rows(snapshot, files.clone(), start, depth);
        if deeper.len() > limit {
            break;
        }
        best = (depth, deeper);
    }
    best
}

/// Files as they are, or together where they lie more than `depth` folders below. Paths that begin
/// with the same folder stand side by side.
fn rows(snapshot: &Snapshot, files: std::ops::Range<usize>, start: usize, depth: usize) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
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
        rows.push(Row { first: index, files: 1, folder });
    }
    rows
}

fn entry(snapshot: &Snapshot, row: &Row) -> Result<FolderEntry, EngineError> {
    let path = snapshot.files[row.first].path.clone();
    if let Some(end) = row.folder {
        return Ok(FolderEntry::Folder { path: path.as_str()[..end].to_owned(), files: row.files });
    }
    let mut names = top_names(snapshot, row.first)?;
    let more_names = names.len().saturating_sub(MAX_NAMES);
    names.truncate(MAX_NAMES);
    Ok(FolderEntry::File { path, names, more_names })
}

/// The names that stand at the top of a file, each once.
fn top_names(snapshot: &Snapshot, index: usize) -> Result<Vec<String>, EngineError> {
    let top: Vec<_> = snapshot
        .chunks_in(index)
        .map(|chunk| snapshot.chunk(chunk))
        .filter(|chunk| chunk.container.is_empty() && chunk.defines().next().is_some())
        .collect();
    // A chunk keeps the names of members beside those of their containers; its text tells them apart.
    let is_mixed =
        |chunk: &&crate::search::ChunkMeta<'_>| chunk.kind.is_container() && chunk.defines().nth(1).is_some();
    let rows: Vec<_> = top.iter().filter(is_mixed).map(|chunk| chunk.row).collect();
    let mut texts = snapshot.view.texts(&rows)?.into_iter();
    let file = &snapshot.files[index];
    let mut names: Vec<String> = Vec::new();
    for chunk in &top {
        let mut found: Vec<String> = chunk.defines().map(str::to_owned).collect();
        if is_mixed(&chunk) {
            let text = texts.next().map(|text| text.text).unwrap_or_default();
            let source = SourceFile { path: file.path.clone(), language: file.language, text };
            let (symbols, _) = parse::outline(&source, super::symbols::PARSE_LIMIT);
            let outer: Vec<_> = symbols.into_iter().filter(|symbol| symbol.container.is_empty()).collect();
            found.retain(|name| outer.iter().any(|symbol| symbol.name == *name));
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
