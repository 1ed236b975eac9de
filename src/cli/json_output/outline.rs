//! The output of `codescry outline --json`.

use serde::Serialize;

use engine::{FileOutline, FolderEntry, FolderOutline, Symbol};

/// The output of `codescry outline --json` for a file.
#[derive(Serialize)]
pub struct FileOutlineJson<'a> {
    path: &'a str,
    language: &'a str,
    lines: u32,
    symbols: Vec<OutlinedSymbolJson<'a>>,
    /// The reason why the file was parsed only in part; `null` if it was parsed completely.
    problem: Option<&'a str>,
}

/// One definition.
#[derive(Serialize)]
struct OutlinedSymbolJson<'a> {
    start_line: u32,
    end_line: u32,
    kind: &'a str,
    symbol: &'a str,
    container: &'a str,
    signature: &'a str,
}

/// The output of `codescry outline --json` for a folder.
#[derive(Serialize)]
pub struct FolderOutlineJson<'a> {
    path: &'a str,
    files: usize,
    entries: Vec<FolderEntryJson<'a>>,
    /// Number of entries, including those that `--limit` leaves out.
    total: usize,
}

/// A file with the names it defines, or a folder with the number of its files.
#[derive(Serialize)]
#[serde(untagged)]
enum FolderEntryJson<'a> {
    File { path: &'a str, defines: &'a [String], more: usize },
    Folder { path: &'a str, files: usize },
}

impl<'a> FileOutlineJson<'a> {
    /// Converts the outline of a file.
    pub fn new(outline: &'a FileOutline) -> Self {
        let convert = |symbol: &'a Symbol| OutlinedSymbolJson {
            start_line: symbol.span.start_line,
            end_line: symbol.span.end_line,
            kind: symbol.kind.as_str(),
            symbol: &symbol.name,
            container: &symbol.container,
            signature: &symbol.signature,
        };
        Self {
            path: outline.path.as_str(),
            language: &outline.language,
            lines: outline.lines,
            symbols: outline.symbols.iter().map(convert).collect(),
            problem: outline.problem.as_deref(),
        }
    }
}

impl<'a> FolderOutlineJson<'a> {
    /// Converts the outline of a folder.
    pub fn new(outline: &'a FolderOutline) -> Self {
        let convert = |entry: &'a FolderEntry| match entry {
            FolderEntry::File { path, names, more_names } => {
                FolderEntryJson::File { path: path.as_str(), defines: names, more: *more_names }
            }
            FolderEntry::Folder { path, files } => FolderEntryJson::Folder { path, files: *files },
        };
        let entries = outline.entries.iter().map(convert).collect();
        Self { path: &outline.path, files: outline.files, entries, total: outline.total }
    }
}
