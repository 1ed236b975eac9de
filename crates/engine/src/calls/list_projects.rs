//! Lists the projects in the folder.

use crate::error::EngineError;
use crate::state::Engine;
use types::Project;

impl Engine {
    /// Returns the projects that contain indexed files, those with the most files first, then by folder. A manifest
    /// added after the last commit may be missed until the next commit.
    ///
    /// # Errors
    /// [`EngineError::NotIndexed`], or an error of the store.
    pub fn projects(&self) -> Result<Vec<Project>, EngineError> {
        let view = self.require_view()?;
        if view.manifest().is_unconfirmed_copy() {
            return Err(EngineError::NotIndexed { root: self.root().to_owned() });
        }
        let records = view.files()?;
        Ok(self.projects_of(view.generation(), records.iter()).to_vec())
    }
}
