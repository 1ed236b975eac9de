//! Searches the index.

use crate::answer::SearchAnswer;
use crate::error::EngineError;
use crate::state::Engine;
use platform::cancel::CancelToken;
use search::{CheckedQuery, RankingWeights, SearchContext, SearchQuery, check_query, search};

impl Engine {
    /// Parses the filters of a query and checks that the query is valid, without searching.
    ///
    /// # Errors
    /// [`EngineError::Request`] if the query is invalid.
    pub fn check_query(&self, query: &SearchQuery) -> Result<CheckedQuery, EngineError> {
        Ok(check_query(query)?)
    }

    /// Searches the last commit of any process. While another search loads that commit, or an index run of this process
    /// refreshes the snapshot, the loaded snapshot is searched.
    ///
    /// # Errors
    /// [`EngineError::NotIndexed`], [`EngineError::Request`], [`EngineError::Cancelled`], or an error of the
    /// store or the model.
    pub fn search(&self, query: &SearchQuery, cancel: &CancelToken) -> Result<SearchAnswer, EngineError> {
        self.search_with_weights(query, RankingWeights::default(), cancel)
    }

    /// Searches like [`Engine::search`], with other ranking weights.
    ///
    /// # Errors
    /// Fails like [`Engine::search`].
    pub fn search_with_weights(
        &self,
        query: &SearchQuery,
        weights: RankingWeights,
        cancel: &CancelToken,
    ) -> Result<SearchAnswer, EngineError> {
        self.track_damage(self.search_snapshot(query, &weights, cancel))
    }

    fn search_snapshot(
        &self,
        query: &SearchQuery,
        weights: &RankingWeights,
        cancel: &CancelToken,
    ) -> Result<SearchAnswer, EngineError> {
        let query = check_query(query)?;
        let snapshot = self.snapshot()?;
        let model = self.model_of_snapshot(&snapshot)?;
        let folders = self.resolve_folder_scope(&snapshot, &query.filter, &query.query_filters)?;
        let embedder = model.embedder.as_ref();
        let context = SearchContext { snapshot: &snapshot, embedder, weights, cancel };
        let (filter, query_filters) = (query.filter.clone(), query.query_filters.clone());
        let mut results = search(&context, query, &folders)?;
        if results.hits.is_empty() {
            results.notes.extend(self.explain_empty(&snapshot, &filter, &query_filters, &folders)?);
        }
        self.build_answer(&snapshot, results, cancel)
    }
}
