//! Finds the projects that a filter names and the projects that hits belong to.

use std::sync::Arc;

use crate::error::EngineError;
use crate::state::Engine;
use search::{FileFilter, Filter, FolderScope, Hit, QueryError, QueryFilters, Snapshot, resolve_project_folders};
use source::walk;
use types::{FileRecord, Project};

impl Engine {
    /// Returns the projects that contain the files of `records`, which belong to `generation`.
    pub(crate) fn projects_of<'r>(
        &self,
        generation: u64,
        records: impl Iterator<Item = &'r FileRecord>,
    ) -> Arc<Vec<Project>> {
        self.projects.find(self.root(), generation, records)
    }

    /// Resolves the projects that a filter and the filters of a query text name to their folders. Adds the folder that
    /// the engine is narrowed to.
    ///
    /// # Errors
    /// If a project is unknown.
    pub(crate) fn resolve_folder_scope(
        &self,
        snapshot: &Snapshot,
        filter: &Filter,
        query_filters: &QueryFilters,
    ) -> Result<FolderScope, EngineError> {
        let (only, without) = (&query_filters.include.projects, &query_filters.exclude.projects);
        let mut folders = FolderScope::default();
        if let Some(part) = &self.part {
            folders.base = part.as_str().to_owned();
            folders.inside.push(vec![part.as_str().to_owned()]);
        }
        if filter.project.is_none() && only.is_empty() && without.is_empty() {
            return Ok(folders);
        }
        let manifest = snapshot.view.manifest();
        let projects = self.projects_of(manifest.generation, snapshot.records().iter());
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
        folders.outside = resolve_all(without)?;
        Ok(folders)
    }

    /// Compiles a filter and the filters of a query text for the files of a snapshot.
    ///
    /// # Errors
    /// If a filter is invalid or names an unknown project.
    pub(crate) fn compile_filter(
        &self,
        snapshot: &Snapshot,
        filter: &Filter,
        query_filters: &QueryFilters,
    ) -> Result<FileFilter, EngineError> {
        let folders = self.resolve_folder_scope(snapshot, filter, query_filters)?;
        Ok(FileFilter::with_query_filters(filter, query_filters)?.in_folders(&folders).for_snapshot(snapshot))
    }

    /// Sets the project of each hit. Examines only the folders of the hits and their ancestors, because most searches
    /// have no project filter.
    pub(crate) fn set_project_names(&self, hits: &mut [Hit]) {
        let projects = walk::find_projects(self.root(), hits.iter().map(|hit| hit.path.folder()));
        for hit in hits {
            let holding = projects.iter().filter(|project| project.contains_folder(hit.path.folder()));
            hit.project = holding.max_by_key(|project| project.folder.len()).map(|project| project.name.clone());
        }
    }
}
