//! The condition of a filter that a store tests itself.

use std::collections::BTreeSet;

use super::FileFilter;
use crate::query::request::ContentFilter;
use crate::snapshot::file_chunks::FileChunks;
use source::language;
use store::{RowFilter, StoreError};
use types::{Language, RepoPath};

/// Maximum number of paths in a condition. If more files pass, the condition has folders, which may contain others.
const MAX_PATHS: usize = 400;

impl FileFilter {
    /// Returns a condition that holds for every file that passes, and rarely for others. `for_each_path` calls its argument
    /// with the path of every file of the index; it is called only if the filter depends on paths.
    ///
    /// # Errors
    /// If `for_each_path` fails.
    pub fn to_row_filter(
        &self,
        for_each_path: impl FnOnce(&mut dyn FnMut(&str)) -> Result<(), StoreError>,
    ) -> Result<RowFilter, StoreError> {
        // Most languages pass the other filters, so testing each row would take longer than it saves.
        let is_narrow = matches!(self.content, ContentFilter::Docs | ContentFilter::Config);
        let languages = (is_narrow || !self.languages.is_empty()).then(|| {
            let all = language::all_languages().map(|row| Language(row.name));
            all.filter(|language| self.has_language(*language)).collect::<Vec<Language>>()
        });
        let mut filter = RowFilter { languages, below: self.folders.inside.clone() };
        let only_folders = self.folders.outside.is_empty()
            && self.paths.is_empty()
            && self.files.is_empty()
            && self.exclusions.paths.iter().all(globset::GlobSet::is_empty)
            && !(self.no_tests || self.no_examples || self.no_vendored);
        if !only_folders {
            let mut paths = BTreeSet::new();
            for_each_path(&mut |path| {
                let file = FileChunks::without_chunks(RepoPath::new(path));
                if self.matches_path(&file) {
                    paths.insert(path.to_owned());
                }
            })?;
            filter.below.push(enclosing_paths(&paths));
        }
        Ok(filter)
    }

    /// Returns the condition without its languages, for files that a query names.
    pub fn without_languages(filter: &RowFilter) -> RowFilter {
        RowFilter { languages: None, ..filter.clone() }
    }
}

/// Returns at most [`MAX_PATHS`] files and folders that contain all `paths`: the files themselves, or their deepest folders
/// of which there are few enough.
fn enclosing_paths(paths: &BTreeSet<String>) -> Vec<String> {
    if paths.len() <= MAX_PATHS {
        return paths.iter().cloned().collect();
    }
    let mut enclosing = Vec::new();
    for depth in 1.. {
        let cut = |path: &String| {
            let end = path.match_indices('/').nth(depth - 1).map_or(path.len(), |(at, _)| at);
            path[..end].to_owned()
        };
        let folders: BTreeSet<String> = paths.iter().map(cut).collect();
        if folders.len() > MAX_PATHS || enclosing.len() == folders.len() {
            break;
        }
        enclosing = folders.into_iter().collect();
    }
    // Even the top folders are too many: the condition would exclude little.
    if enclosing.is_empty() { vec![String::new()] } else { enclosing }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_files_are_described_by_their_folders() {
        let paths: BTreeSet<String> = (0..2_000).map(|at| format!("top/{}/{at}/a.rs", at % 7)).collect();
        assert_eq!(enclosing_paths(&paths).len(), 7);
        assert_eq!(enclosing_paths(&paths)[0], "top/0");
        let few: BTreeSet<String> = ["b/a.rs".to_owned()].into();
        assert_eq!(enclosing_paths(&few), ["b/a.rs"]);
    }
}
