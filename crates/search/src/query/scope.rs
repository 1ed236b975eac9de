//! The scope of a search: which of the indexed files it covers, and why it leaves out others.

use super::error::QueryError;
use super::file_filter::FileFilter;
use super::filters::QueryFilters;
use super::path_pattern::{PathPattern, find_nearest_path};
use super::request::{Filter, FolderScope};
use crate::snapshot::Snapshot;

/// The files that a search covers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SearchScope {
    /// Number of indexed files that pass the filters.
    pub searched: usize,
    /// Number of indexed files.
    pub indexed: usize,
    /// Path filters that match no indexed file.
    pub unmatched_paths: Vec<UnmatchedPath>,
    /// Descriptions of the filters other than included paths, such as `only rust`.
    pub limits: Vec<String>,
}

/// A path filter that matches no indexed file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnmatchedPath {
    pub pattern: String,
    /// The nearest path of an indexed file or of a folder; `None` if no path is near.
    pub nearest: Option<String>,
}

/// Describes which files of the snapshot pass a request's filter and the filters in its query text. `folders` are the
/// folders of the projects in these filters, and the folder that the search is narrowed to.
///
/// # Errors
/// If a filter is invalid.
pub fn describe_scope(
    snapshot: &Snapshot,
    filter: &Filter,
    query_filters: &QueryFilters,
    folders: &FolderScope,
) -> Result<SearchScope, QueryError> {
    let compiled = FileFilter::with_query_filters(filter, query_filters)?.in_folders(folders).for_snapshot(snapshot);
    let searched = compiled.allowed_files(snapshot).into_iter().filter(|allowed| *allowed).count();
    let matches_below_base = |pattern: &PathPattern| {
        let below = snapshot.files.iter().filter_map(|file| folders.path_below_base(file.path.as_str()));
        !folders.base.is_empty() && below.into_iter().any(|path| pattern.matches(path))
    };
    let is_unmatched = |pattern: &&PathPattern| !pattern.matches_any(snapshot) && !matches_below_base(pattern);
    let unmatched = compiled.path_patterns().filter(is_unmatched);
    let unmatched_paths = unmatched.map(|pattern| UnmatchedPath {
        pattern: pattern.text().to_owned(),
        nearest: find_nearest_path(snapshot, pattern.text()),
    });
    let unmatched_paths = unmatched_paths.collect();
    let mut limits = compiled.describe_limits(snapshot);
    if !folders.base.is_empty() {
        limits.push(format!("only files below {}", folders.base));
    }
    let projects = filter.project.iter().chain(&query_filters.include.projects);
    limits.extend(projects.map(|project| format!("only project {project}")));
    limits.extend(query_filters.exclude.projects.iter().map(|project| format!("no project {project}")));
    for (label, names) in [
        ("only files named", &query_filters.include.files),
        ("no files named", &query_filters.exclude.files),
        ("no files below", &query_filters.exclude.paths),
        ("no", &query_filters.exclude.kinds),
        ("no repository", &query_filters.exclude.repositories),
    ] {
        limits.extend((!names.is_empty()).then(|| format!("{label} {}", names.join(" or "))));
    }
    let repositories = &query_filters.include.repositories;
    limits.extend((!repositories.is_empty()).then(|| format!("only repository {}", repositories.join(" and "))));
    limits.extend(query_filters.phrases.iter().map(|phrase| format!("only chunks with {phrase:?}")));
    Ok(SearchScope { searched, indexed: snapshot.files.len(), unmatched_paths, limits })
}
