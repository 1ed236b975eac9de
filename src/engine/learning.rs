//! What the ranking's weights are learned from and judged by.

use super::{Engine, EngineError, SearchAnswer};
use crate::search::{Measured, SearchQuery, Searcher, Weights};
use crate::types::RepoPath;

/// A name and where it is defined.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Defined {
    pub name: String,
    /// Names of what it stands in, outermost first, joined with `.`.
    pub container: String,
    pub path: RepoPath,
}

impl Engine {
    /// As [`Engine::search`] with other weights: for evaluations.
    ///
    /// # Errors
    /// As [`Engine::search`].
    pub fn search_weighted(&self, query: &SearchQuery, weights: Weights) -> Result<SearchAnswer, EngineError> {
        let snapshot = self.snapshot()?;
        let (query, model) = (query.understood(), self.model_of(&snapshot)?);
        let searcher = Searcher { weights, ..self.searcher(&snapshot, &model, &query.filter)? };
        let answered = searcher.search(&query)?;
        Ok(self.answer(&snapshot, answered))
    }

    /// What is measured of every file that may answer: what [`Weights`] are learned from.
    ///
    /// # Errors
    /// As [`Engine::search`].
    pub fn measure(&self, query: &SearchQuery) -> Result<Measured, EngineError> {
        let snapshot = self.snapshot()?;
        let (query, model) = (query.understood(), self.model_of(&snapshot)?);
        Ok(self.searcher(&snapshot, &model, &query.filter)?.measure(&query)?)
    }

    /// Every name that is defined in the index, sorted.
    ///
    /// # Errors
    /// As [`Engine::search`].
    pub fn defined(&self) -> Result<Vec<Defined>, EngineError> {
        let snapshot = self.snapshot()?;
        let mut defined = Vec::new();
        for file in &snapshot.files {
            for chunk in file.chunks() {
                defined.extend(chunk.defines().map(|name| Defined {
                    name: name.to_owned(),
                    container: chunk.container.to_owned(),
                    path: file.path.clone(),
                }));
            }
        }
        defined.sort();
        defined.dedup();
        Ok(defined)
    }
}
