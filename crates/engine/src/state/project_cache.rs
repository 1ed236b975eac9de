//! The projects of a root, found once per commit of the store.
//!
//! Projects are found on disk, because their manifests are often data files that are not indexed.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use source::walk;
use types::{FileOutcome, FileRecord, Generation, Project};

/// The projects of the generation that was examined last.
#[derive(Default)]
pub(crate) struct ProjectCache(Mutex<Option<GenerationProjects>>);

/// The projects of one generation of the store.
struct GenerationProjects {
    generation: Generation,
    projects: Arc<Vec<Project>>,
}

impl ProjectCache {
    /// Returns the projects below `root` that contain the indexed files among these records of `generation`.
    pub fn find<'r>(
        &self,
        root: &Path,
        generation: Generation,
        records: impl Iterator<Item = &'r FileRecord>,
    ) -> Arc<Vec<Project>> {
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cached) = slot.as_ref().filter(|cached| cached.generation == generation) {
            return Arc::clone(&cached.projects);
        }
        let indexed = records.filter(|record| matches!(record.content.outcome, FileOutcome::Indexed { .. }));
        let projects = Arc::new(walk::find_projects(root, indexed.map(|record| record.path.folder())));
        *slot = Some(GenerationProjects { generation, projects: Arc::clone(&projects) });
        projects
    }
}
