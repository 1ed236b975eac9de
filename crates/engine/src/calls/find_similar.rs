//! Finds code that is similar to a given piece of code.

use crate::answer::SearchAnswer;
use crate::error::{EngineError, PathError, fail_if_cancelled};
use crate::state::Engine;
use platform::cancel::CancelToken;
use search::{Filter, QueryError, QueryFilters, find_nearest_chunks};

/// The code that a similarity search starts from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SimilarTarget {
    /// The chunk at this line (1-based) of an indexed file; the chunk itself is not among the hits.
    Location { path: String, line: u32 },
    /// The text of a code snippet.
    Snippet(String),
}

impl Engine {
    /// Finds the chunks whose vectors are nearest to the vector of `target`.
    ///
    /// # Errors
    /// Fails like [`Engine::search`]; [`EngineError::Path`] for a location that is not indexed.
    pub fn find_similar(
        &self,
        target: &SimilarTarget,
        limit: usize,
        filter: &Filter,
        cancel: &CancelToken,
    ) -> Result<SearchAnswer, EngineError> {
        let snapshot = self.snapshot()?;
        let model = self.model_of_snapshot(&snapshot)?;
        let compiled = self.compile_filter(&snapshot, filter, &QueryFilters::default())?;
        fail_if_cancelled(cancel)?;
        let (vector, except) = match target {
            SimilarTarget::Snippet(text) if text.trim().is_empty() => return Err(QueryError::EmptyQuery.into()),
            SimilarTarget::Snippet(text) => (model.embedder.embed_query(text)?, None),
            SimilarTarget::Location { path, line } => {
                let path = self.resolve_path(path)?;
                let chunk = snapshot.chunk_at_line(path.as_str(), *line);
                let chunk = chunk.ok_or(PathError::NotIndexed { path, line: *line })?;
                (snapshot.vector(chunk), Some(chunk))
            }
        };
        let found = find_nearest_chunks(&snapshot, &vector, compiled, limit, except, cancel);
        let mut results = self.track_damage(found.map_err(EngineError::from))?;
        if results.hits.is_empty() {
            results.notes = self.explain_empty_filter(&snapshot, filter, &QueryFilters::default())?;
        }
        self.build_answer(&snapshot, results, cancel)
    }
}
