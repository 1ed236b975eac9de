//! Finds the projects that a filter names and the projects that hits belong to.

pub(crate) mod named_projects;

use std::collections::HashMap;
use std::sync::Arc;

use self::named_projects::resolve_project_folders;
use crate::error::EngineError;
use crate::state::Engine;
use search::{Filter, FilterValues, FolderScope, Hit, QueryError, QueryFilters, Snapshot};
use source::walk;
use types::{FileOutcome, FileRecord, Generation, Project, RepoPath};

impl Engine {
    /// Returns the projects that contain the files of `records`, which belong to `generation`.
    pub(crate) fn projects_of<'r>(
        &self,
        generation: Generation,
        records: impl Iterator<Item = &'r FileRecord>,
    ) -> Arc<Vec<Project>> {
        if let Some(names) = self.list_collection_repositories() {
            return Arc::new(list_collection_projects(names, records));
        }
        self.projects.find(self.root(), generation, records)
    }

    /// Returns the folders of the projects that a filter and the filters of a query text name, and the folder that the
    /// engine is narrowed to.
    ///
    /// # Errors
    /// If a project is unknown, or the file records cannot be read.
    pub(crate) fn resolve_folder_scope(
        &self,
        snapshot: &Snapshot,
        filter: &Filter,
        query_filters: &QueryFilters,
    ) -> Result<FolderScope, EngineError> {
        // Outside of a group, a repository is a project of the folder.
        let named = |values: &FilterValues| [values.projects.clone(), values.repositories.clone()].concat();
        let (only, without) = (&query_filters.include.projects, named(&query_filters.exclude));
        let only_repositories = &query_filters.include.repositories;
        let mut folders = FolderScope::default();
        if let Some(part) = &self.part {
            folders.base = part.as_str().to_owned();
            folders.inside.push(vec![part.as_str().to_owned()]);
        }
        if filter.project.is_none() && only.is_empty() && only_repositories.is_empty() && without.is_empty() {
            return Ok(folders);
        }
        let manifest = snapshot.manifest();
        // The projects of a collection are known without its files.
        let reads_all = snapshot.is_part() && !self.is_collection();
        let all = if reads_all { self.require_view()?.files()? } else { Vec::new() };
        let records = if snapshot.is_part() { &all } else { snapshot.records() };
        let projects = self.projects_of(snapshot.generation(), records.iter());
        let resolve = |name: &String| {
            resolve_project_folders(&projects, name).map_err(|error| match error {
                QueryError::UnknownProject { name, known } if !manifest.complete => {
                    let known = format!("{known}; the index is not complete yet, so there may be others");
                    QueryError::UnknownProject { name, known }
                }
                other => other,
            })
        };
        let resolve_all = |names: &[String]| -> Result<Vec<String>, QueryError> {
            let folders_of_each: Vec<Vec<String>> = names.iter().map(resolve).collect::<Result<_, _>>()?;
            Ok(folders_of_each.concat())
        };
        if let Some(name) = &filter.project {
            folders.inside.push(resolve(name)?);
        }
        if !only.is_empty() {
            folders.inside.push(resolve_all(only)?);
        }
        if !only_repositories.is_empty() {
            folders.inside.push(resolve_all(only_repositories)?);
        }
        folders.outside = resolve_all(&without)?;
        Ok(folders)
    }

    /// Sets the project of each hit; `path_of` returns the path below the root for that of a hit. Examines only the
    /// folders of the hits and their ancestors, because most searches have no project filter.
    pub(crate) fn set_project_names(&self, hits: &mut [&mut Hit], path_of: impl Fn(&RepoPath) -> RepoPath) {
        if self.is_collection() {
            for hit in hits.iter_mut() {
                hit.project = path_of(&hit.path).as_str().split('/').next().map(str::to_owned);
            }
            return;
        }
        let paths: Vec<RepoPath> = hits.iter().map(|hit| path_of(&hit.path)).collect();
        let projects = walk::find_projects(self.root(), paths.iter().map(RepoPath::folder));
        for (hit, path) in hits.iter_mut().zip(&paths) {
            let holding = projects.iter().filter(|project| project.contains_folder(path.folder()));
            hit.project = holding.max_by_key(|project| project.folder.len()).map(|project| project.name.clone());
        }
    }
}

/// Returns the repositories of a collection as projects, with the numbers of their indexed files among `records`.
fn list_collection_projects<'r>(names: Vec<String>, records: impl Iterator<Item = &'r FileRecord>) -> Vec<Project> {
    let mut files: HashMap<&str, u64> = HashMap::new();
    for record in records.filter(|record| matches!(record.content.outcome, FileOutcome::Indexed { .. })) {
        *files.entry(record.path.as_str().split('/').next().unwrap_or_default()).or_default() += 1;
    }
    let project = |name: String| {
        let count = files.get(name.as_str()).copied().unwrap_or(0);
        Project { folder: name.clone(), kind: "repository", files: count, name }
    };
    names.into_iter().map(project).collect()
}
