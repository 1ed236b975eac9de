//! The condition of a filter that a store tests itself.

use std::collections::BTreeSet;

use super::{FileFilter, any_path_of};
use crate::query::path_pattern::PathPattern;
use crate::query::request::ContentFilter;
use crate::snapshot::file_chunks::FileChunks;
use source::language;
use store::{RowFilter, StoreError};
use types::{Language, RepoPath, is_below};

/// Maximum number of files in a condition. If more pass, the condition lists their folders, which may contain others.
const MAX_FILES: usize = 1_000;

/// Maximum number of folders in a condition.
const MAX_FOLDERS: usize = 48;

/// Maximum depth of a folder in a condition.
const MAX_DEPTH: usize = 32;

impl FileFilter {
    /// Returns a condition that holds for every file that passes, and may hold for others. `for_each_path` calls its
    /// argument with the path of every file of the index; it is called only if the filter restricts paths by more than
    /// [`FolderScope::inside`](crate::FolderScope::inside), and twice if a pattern is a name.
    ///
    /// # Errors
    /// If `for_each_path` fails.
    pub fn to_row_filter(
        &self,
        for_each_path: impl Fn(&mut dyn FnMut(&str)) -> Result<(), StoreError>,
    ) -> Result<RowFilter, StoreError> {
        // Most languages pass the other filters, so testing each row would take longer than it saves.
        let is_narrow = matches!(self.content, ContentFilter::Docs | ContentFilter::Config);
        let languages = (is_narrow || !self.languages.is_empty()).then(|| {
            let all = language::all_languages().map(|row| Language(row.name));
            all.filter(|language| self.has_language(*language)).collect::<Vec<Language>>()
        });
        let mut filter = RowFilter { languages, files: None, below: self.folders.inside.clone() };
        let only_folders = self.folders.outside.is_empty()
            && self.paths.is_empty()
            && self.files.is_empty()
            && self.exclusions.paths.iter().all(globset::GlobSet::is_empty)
            && !(self.no_tests || self.no_examples || self.no_vendored);
        if !only_folders {
            let adapted = self.adapted_to_paths(&for_each_path)?;
            let mut paths = BTreeSet::new();
            for_each_path(&mut |path| {
                if adapted.matches_path(&FileChunks::without_chunks(RepoPath::new(path))) {
                    paths.insert(path.to_owned());
                }
            })?;
            if paths.len() <= MAX_FILES {
                filter.files = Some(paths.into_iter().collect());
            } else {
                filter.below.extend(enclosing_folders(&paths));
            }
        }
        Ok(filter)
    }

    /// Adapts the included path patterns to the paths of an index, as [`FileFilter::for_snapshot`] does to those of a snapshot.
    fn adapted_to_paths(
        &self,
        for_each_path: impl Fn(&mut dyn FnMut(&str)) -> Result<(), StoreError>,
    ) -> Result<Self, StoreError> {
        let names: BTreeSet<&str> = self.paths.iter().flatten().filter_map(PathPattern::bare_name).collect();
        let mut at_top: BTreeSet<&str> = BTreeSet::new();
        if !names.is_empty() {
            for_each_path(&mut |path| {
                let file = FileChunks::without_chunks(RepoPath::new(path));
                let is_there = |name: &&&str| any_path_of(&file, &self.folders, &|path| is_below(path, name));
                if self.folders.contains_folder(file.path.folder()) {
                    at_top.extend(names.iter().filter(is_there));
                }
            })?;
        }
        let mut adapted = self.clone();
        let patterns = adapted.paths.iter_mut().flatten();
        patterns.for_each(|pattern| pattern.adapt(|is_match| at_top.iter().copied().any(is_match)));
        Ok(adapted)
    }

    /// Returns the condition without its languages, for files that a query names.
    pub fn without_languages(filter: &RowFilter) -> RowFilter {
        RowFilter { languages: None, ..filter.clone() }
    }
}

/// Returns the deepest folders that together contain all `paths`, at most [`MAX_FOLDERS`]; a file above that depth
/// stands for itself. `None` if there are more at the top.
fn enclosing_folders(paths: &BTreeSet<String>) -> Option<Vec<String>> {
    let mut enclosing: Option<Vec<String>> = None;
    for depth in 0.. {
        let cut = |path: &String| {
            let end = path.match_indices('/').nth(depth).map_or(path.len(), |(at, _)| at);
            path[..end].to_owned()
        };
        let folders: BTreeSet<String> = paths.iter().map(cut).collect();
        if folders.len() > MAX_FOLDERS || depth > MAX_DEPTH {
            break;
        }
        enclosing = Some(folders.into_iter().collect());
    }
    enclosing
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::filters::QueryFilters;
    use crate::query::request::Filter;

    #[test]
    fn a_name_at_the_top_of_a_large_index_means_that_one() {
        let files_of = |filter: &str, paths: &[&str]| {
            let (query_filters, _) = QueryFilters::parse(filter);
            let filter = FileFilter::with_query_filters(&Filter::default(), &query_filters).expect("a filter");
            let condition = filter.to_row_filter(|each| {
                paths.iter().for_each(|path| each(path));
                Ok(())
            });
            condition.expect("a condition").files.expect("few files")
        };
        let (both, nested) = (["src/a.rs", "web/src/b.rs"], ["web/src/b.rs", "web/c.rs"]);
        assert_eq!(files_of("path:src x", &both), ["src/a.rs"]);
        assert_eq!(files_of("path:src x", &nested), ["web/src/b.rs"]);
        assert_eq!(files_of("-path:src x", &["lib/a.rs", "src/a.rs", "web/src/b.rs"]), ["lib/a.rs"], "at any depth");
        assert_eq!(files_of("-path:src x", &nested), ["web/c.rs"]);
    }

    #[test]
    fn many_files_are_described_by_their_folders() {
        let paths: BTreeSet<String> = (0..2_000).map(|at| format!("top/{}/{at}/a.rs", at % 7)).collect();
        let folders = enclosing_folders(&paths).expect("few folders");
        assert_eq!((folders.len(), folders[0].as_str()), (7, "top/0"));
        let flat: BTreeSet<String> = (0..2_000).map(|at| format!("{at}.rs")).collect();
        assert_eq!(enclosing_folders(&flat), None);
    }
}
