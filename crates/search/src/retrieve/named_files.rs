//! Finds the indexed files, and lines in them, that are named in a query.

use std::collections::HashMap;

use crate::query::terms::QueryTerms;
use crate::query::terms::stack_trace::QueryLocation;
use crate::snapshot::Snapshot;
use text::display::escape_name;
use text::unicode::is_same_ignoring_ascii_case;

/// Folders of installed software. A path that contains such a folder rarely refers to indexed code.
const INSTALLED_FOLDERS: &[&str] = &[
    "site-packages",
    "dist-packages",
    "node_modules",
    "rustc",
    "registry",
    "mod",
    "gems",
    "usr",
    "lib",
    "internal",
    "java.base",
    "jdk",
    "node:internal",
];

/// An indexed file that the query names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NamedFile {
    /// The position of the location in the query; 0 is the most important.
    pub rank: u16,
    pub line: Option<u32>,
    /// The lines of further locations in the file, such as other frames of a trace.
    pub further_lines: Vec<u32>,
    /// The function of a stack frame; empty if unknown.
    pub function: String,
    /// Whether the query means this file, rather than one of many with the same name.
    pub is_certain: bool,
}

impl NamedFile {
    /// Returns the chunk that the query means: the chunk that contains the line, otherwise the chunk that defines the
    /// function, otherwise the first chunk of the file.
    pub fn find_chunk(&self, snapshot: &Snapshot, file: usize) -> u32 {
        let chunks = snapshot.chunks_of_file(file);
        let best = chunks.clone().find(|chunk| self.has_line(snapshot, *chunk));
        let best = best.or_else(|| chunks.clone().find(|chunk| self.chunk_fit(snapshot, *chunk) > 0.0));
        best.unwrap_or(chunks.start)
    }

    /// Returns a value from 0 to 1 for how likely it is that the query means `chunk`.
    pub fn chunk_fit(&self, snapshot: &Snapshot, chunk: u32) -> f32 {
        let defines = || snapshot.chunk(chunk).defines().any(|name| name == self.function);
        if self.has_line(snapshot, chunk) {
            1.0
        } else if !self.function.is_empty() && defines() {
            0.5
        } else {
            0.0
        }
    }

    /// Returns the named lines, the most important first.
    pub fn named_lines(&self) -> impl Iterator<Item = u32> {
        self.line.into_iter().chain(self.further_lines.iter().copied())
    }

    fn has_line(&self, snapshot: &Snapshot, chunk: u32) -> bool {
        self.line.is_some_and(|line| snapshot.chunk(chunk).span.contains(line))
    }
}

/// Maximum number of files with the same name for which the name alone, in prose, means all of them.
const MAX_CERTAIN_FILES: usize = 2;

/// Maximum number of files per location. If there are more, the least deeply nested files are used.
const MAX_FILES_PER_LOCATION: usize = 200;

/// Finds the files that the locations in a query refer to, by file index.
///
/// If several locations refer to one file, the first counts. A location refers to the files that share the most
/// trailing components with its path among those that pass `is_allowed`, at most [`MAX_FILES_PER_LOCATION`].
pub(crate) fn find_named_files(
    snapshot: &Snapshot,
    terms: &QueryTerms,
    is_allowed: impl Fn(usize) -> bool,
) -> HashMap<usize, NamedFile> {
    let mut named = HashMap::new();
    for (rank, location) in (0_u16..).zip(&terms.locations) {
        // The largest number of matching components, and the files that reach it.
        let (mut best, mut files) = (1, Vec::new());
        for file in snapshot.files_named(location.path.rsplit('/').next().unwrap_or_default()) {
            let (path, inner) = (snapshot.files[file].path.as_str(), snapshot.files[file].path_in_repository());
            let matching = matching_components(location, path, inner);
            if matching >= best && is_allowed(file) {
                if matching > best {
                    files.clear();
                }
                best = matching;
                files.push(file);
            }
        }
        let is_certain = location.line.is_some()
            || location.from_trace
            || location.is_whole_query
            || files.len() <= MAX_CERTAIN_FILES;
        if files.len() > MAX_FILES_PER_LOCATION {
            files.sort_by_key(|file| (snapshot.files[*file].path.as_str().matches('/').count(), *file));
            files.truncate(MAX_FILES_PER_LOCATION);
        }
        for file in files {
            let (line, function) = (location.line, location.function.clone());
            let further = |named: &mut NamedFile| named.further_lines.extend(line);
            let new_file = || NamedFile { rank, line, further_lines: Vec::new(), function, is_certain };
            named.entry(file).and_modify(further).or_insert_with(new_file);
        }
    }
    named
}

/// Returns a note that the file of the first location in a query ends before the line that the location names; `None`
/// if it does not, or if several files may be meant.
pub(crate) fn note_missing_line(snapshot: &Snapshot, named: &HashMap<usize, NamedFile>) -> Option<String> {
    let mut first = named.iter().filter(|(_, named)| named.rank == 0);
    let (file, named) = first.next().filter(|_| first.next().is_none())?;
    let line = named.line?;
    let last = snapshot.chunks_of_file(*file).map(|chunk| snapshot.chunk(chunk).span.end_line).max()?;
    let path = escape_name(snapshot.files[*file].path.as_str());
    (line > last).then(|| format!("{path} has no line {line} in the index; its last one is {last}"))
}

/// Returns the number of trailing components that two paths share, ignoring ASCII case; 0 if they are too few. `inner`
/// is the part of `path` in its repository.
///
/// A path in a stack trace may belong to another program, so two components must match, or all components of the path
/// in the trace, or all of `inner` unless the path in the trace contains a folder of installed software.
fn matching_components(location: &QueryLocation, path: &str, inner: &str) -> usize {
    let matching =
        location.path.rsplit('/').zip(path.rsplit('/')).take_while(|(a, b)| is_same_ignoring_ascii_case(a, b)).count();
    let all_of = |path: &str| matching >= path.split('/').filter(|part| !part.is_empty()).count();
    let is_installed = location.path.split('/').any(|part| INSTALLED_FOLDERS.contains(&part));
    if !location.from_trace || matching >= 2 || all_of(&location.path) || (all_of(inner) && !is_installed) {
        matching
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_matched_from_the_end() {
        let from_trace =
            |path: &str| QueryLocation { path: path.to_owned(), from_trace: true, ..QueryLocation::default() };
        for (location, path, matching) in [
            ("src/pool.rs", "src/pool.rs", 2),
            ("/home/me/app/src/pool.rs", "src/pool.rs", 2),
            ("src/pool.rs", "server/src/pool.rs", 2),
            ("/home/me/app/main.py", "main.py", 1),
            ("main.py", "tools/main.py", 1),
            ("/usr/lib/python3/json/main.py", "main.py", 0),
            ("/home/me/app/net/pool.rs", "src/pool.rs", 0),
            ("/x/site-packages/requests/models.py", "src/requests/models.py", 2),
        ] {
            assert_eq!(matching_components(&from_trace(location), path, path), matching, "{location} {path}");
        }
        let typed = QueryLocation { path: "net/pool.rs".to_owned(), ..QueryLocation::default() };
        let components = |location, path, inner| matching_components(location, path, inner);
        assert_eq!(components(&typed, "src/pool.rs", "src/pool.rs"), 1, "the folder of a typed path may be wrong");
        let whole = from_trace("/home/me/checkout/main.py");
        assert_eq!(components(&whole, "app/main.py", "main.py"), 1, "the whole path in a repository of a group");
    }
}
