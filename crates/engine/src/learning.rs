//! Access to the data that ranking weights are learned from and evaluated on.

use super::{Engine, EngineError, SearchAnswer};
use search::{QueryFeatures, RankingWeights, SearchQuery, Searcher};
use types::RepoPath;

/// A defined name and the file that defines it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DefinedName {
    pub name: String,
    /// Names of the enclosing definitions, outermost first, joined with `.`.
    pub container: String,
    pub path: RepoPath,
}

impl Engine {
    /// Searches with other ranking weights, for evaluations.
    ///
    /// # Errors
    /// As [`Engine::search`].
    pub fn search_with_weights(
        &self,
        query: &SearchQuery,
        weights: RankingWeights,
    ) -> Result<SearchAnswer, EngineError> {
        let snapshot = self.snapshot()?;
        let (query, model) = (query.with_parsed_filters(), self.model_of_snapshot(&snapshot)?);
        let searcher = Searcher { weights, ..self.new_searcher(&snapshot, &model, &query.filter)? };
        let results = searcher.search(&query)?;
        Ok(self.build_answer(&snapshot, results))
    }

    /// Returns the features of every candidate file; [`RankingWeights`] are learned from them.
    ///
    /// # Errors
    /// As [`Engine::search`].
    pub fn measure_features(&self, query: &SearchQuery) -> Result<QueryFeatures, EngineError> {
        let snapshot = self.snapshot()?;
        let (query, model) = (query.with_parsed_filters(), self.model_of_snapshot(&snapshot)?);
        Ok(self.new_searcher(&snapshot, &model, &query.filter)?.measure(&query)?)
    }

    /// Returns every name that the index defines, sorted.
    ///
    /// # Errors
    /// As [`Engine::search`].
    pub fn defined_names(&self) -> Result<Vec<DefinedName>, EngineError> {
        let snapshot = self.snapshot()?;
        let mut defined = Vec::new();
        for file in &snapshot.files {
            for chunk in file.chunks() {
                defined.extend(chunk.defines().map(|name| DefinedName {
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
