//! The data that ranking weights are learned from and evaluated on.

use retrieval::{PartRequest, load_part};
use std::sync::Arc;

use crate::error::EngineError;
use crate::state::Engine;
use platform::cancel::CancelToken;
use search::{QueryFeatures, RankingWeights, SearchContext, SearchQuery, Snapshot, check_query, measure_query};
use types::RepoPath;

/// A defined name and the file that defines it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DefinedName {
    pub name: String,
    /// Names of the definitions around the chunk with the definition, outermost first, joined with `.`.
    pub container: String,
    pub path: RepoPath,
}

impl Engine {
    /// Returns the features of every candidate file; [`RankingWeights`] are learned from them.
    ///
    /// # Errors
    /// Fails like [`QueryCalls::search`](crate::QueryCalls::search).
    pub fn measure_features(&self, query: &SearchQuery) -> Result<QueryFeatures, EngineError> {
        let query = check_query(query)?;
        let snapshot = self.confirmed_snapshot()?;
        let model = self.model_of_snapshot(&snapshot)?;
        let folders = self.resolve_folder_scope(&snapshot, &query.filter, &query.query_filters)?;
        let (embedder, weights, cancel) =
            (model.embedder.as_ref(), &RankingWeights::default(), &CancelToken::default());
        let snapshot = load_part(&snapshot, &PartRequest::Query { query: &query, folders: &folders, embedder })?;
        Ok(measure_query(&SearchContext { snapshot: &snapshot, embedder, weights, cancel }, query, &folders)?)
    }

    /// Returns every name that the index defines, sorted by name, container and path, without duplicates.
    ///
    /// # Errors
    /// Fails like [`QueryCalls::search`](crate::QueryCalls::search).
    pub fn defined_names(&self) -> Result<Vec<DefinedName>, EngineError> {
        let snapshot = self.confirmed_snapshot()?;
        let snapshot = if snapshot.is_part() { Arc::new(Snapshot::load(self.require_view()?)?) } else { snapshot };
        let mut defined = Vec::new();
        for file in snapshot.files.iter() {
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
