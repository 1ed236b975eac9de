//! The projects of a root: found once a generation, and what a search over one of them means.
//!
//! What lies where is read from the disk, since manifests are often data that is not indexed.

use std::sync::{Arc, PoisonError};

use super::{Engine, EngineError};
use crate::search::{Filter, Folders, Hit, QueryError, Snapshot, project_folders};
use crate::types::{FileRecord, Outcome, Project};
use crate::walk;

/// The projects of a generation of the store.
pub(super) struct Found {
    generation: u64,
    projects: Arc<Vec<Project>>,
}

impl Engine {
    /// The projects that hold the indexed files: those with the most files first, then by folder. A
    /// manifest written since the last commit is seen after the next one.
    ///
    /// # Errors
    /// [`EngineError::NotIndexed`], or a failing store.
    pub fn projects(&self) -> Result<Vec<Project>, EngineError> {
        let view = self.view()?.ok_or_else(|| EngineError::NotIndexed { root: self.root().to_owned() })?;
        let records = view.files()?;
        Ok(self.projects_of(view.manifest().generation, records.iter()).to_vec())
    }

    /// The projects of these records, which are those of `generation`.
    pub(super) fn projects_of<'r>(
        &self,
        generation: u64,
        records: impl Iterator<Item = &'r FileRecord>,
    ) -> Arc<Vec<Project>> {
        let mut held = self.projects.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = held.as_ref().filter(|found| found.generation == generation) {
            return Arc::clone(&found.projects);
        }
        let indexed = records.filter(|record| matches!(record.outcome, Outcome::Indexed { .. }));
        let projects = Arc::new(walk::projects(self.root(), indexed.map(|record| record.path.folder())));
        *held = Some(Found { generation, projects: Arc::clone(&projects) });
        projects
    }

    /// The folders that a filter's projects stand for.
    pub(super) fn folders(&self, snapshot: &Snapshot, filter: &Filter) -> Result<Folders, EngineError> {
        let (only, without) = (&filter.asked.only.projects, &filter.asked.without.projects);
        let mut folders = Folders::default();
        if filter.project.is_none() && only.is_empty() && without.is_empty() {
            return Ok(folders);
        }
        let manifest = snapshot.view.manifest();
        let projects = self.projects_of(manifest.generation, snapshot.records().iter());
        let find = |asked: &String| {
            project_folders(&projects, asked).map_err(|error| match error {
                QueryError::Project { name, known } if !manifest.complete => {
                    let known = format!("{known}; the index is not complete yet, so there may be others");
                    QueryError::Project { name, known }
                }
                other => other,
            })
        };
        let all = |asked: &[String]| -> Result<Vec<String>, QueryError> {
            let found: Vec<Vec<String>> = asked.iter().map(find).collect::<Result<_, _>>()?;
            Ok(found.concat())
        };
        if let Some(asked) = &filter.project {
            folders.inside.push(find(asked)?);
        }
        if !only.is_empty() {
            folders.inside.push(all(only)?);
        }
        folders.outside = all(without)?;
        Ok(folders)
    }

    /// Names the project of each hit. Only the folders of the hits and those above them are looked
    /// at, since most searches ask for no project.
    pub(super) fn name_projects(&self, hits: &mut [Hit]) {
        let projects = walk::projects(self.root(), hits.iter().map(|hit| hit.path.folder()));
        for hit in hits {
            let holding = projects.iter().filter(|project| project.holds(hit.path.folder()));
            hit.project = holding.max_by_key(|project| project.folder.len()).map(|project| project.name.clone());
        }
    }
}
