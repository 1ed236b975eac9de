//! Searches the index.

use crate::answer::SearchAnswer;
use crate::error::EngineError;
use crate::state::Engine;
use platform::cancel::CancelToken;
use search::{CheckedQuery, RankingWeights, RetrievalMode, SearchContext, SearchQuery, check_query, search};

impl Engine {
    /// Parses the filters of a query and checks that the query is valid, without searching.
    ///
    /// # Errors
    /// [`EngineError::Request`] if the query is invalid.
    pub fn check_query(&self, query: &SearchQuery) -> Result<CheckedQuery, EngineError> {
        Ok(check_query(query)?)
    }

    /// Searches the last commit of any process. While another search is loading that commit, the one before it
    /// is searched.
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
        let missing_model = self.missing_base_model();
        let mode = if missing_model.is_some() { RetrievalMode::Lexical } else { query.mode };
        let query = check_query(&SearchQuery { mode, ..query.clone() })?;
        let snapshot = self.snapshot()?;
        // Retrieval by words needs no vectors of the base's model.
        let model = match missing_model {
            Some(_) => self.models.current(),
            None => self.model_of_snapshot(&snapshot)?,
        };
        let folders = self.resolve_folder_scope(&snapshot, &query.filter, &query.query_filters)?;
        let embedder = model.embedder.as_ref();
        let context = SearchContext { snapshot: &snapshot, embedder, weights, cancel };
        let (filter, query_filters) = (query.filter.clone(), query.query_filters.clone());
        let mut results = search(&context, query, &folders)?;
        if results.hits.is_empty() {
            results.notes.extend(self.explain_empty(&snapshot, &filter, &query_filters, &folders)?);
        }
        results.notes.extend(missing_model);
        self.build_answer(&snapshot, results, cancel)
    }
}
