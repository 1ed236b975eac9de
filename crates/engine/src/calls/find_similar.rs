//! Finds code that is similar to a given piece of code.

use super::read_code::ReadRequest;
use crate::answer::SearchAnswer;
use crate::error::{EngineError, PathError, fail_if_cancelled};
use crate::state::Engine;
use platform::cancel::CancelToken;
use search::{Filter, QueryError, QueryFilters, Snapshot, find_nearest_chunks};
use types::RepoPath;

/// The code that a similarity search starts from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SimilarTarget {
    /// The chunk at this line (1-based) of an indexed file; the definition itself is not among the hits.
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
                let chunk = chunk.map_or_else(|| self.find_last_chunk(&snapshot, path, *line, cancel), Ok)?;
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

    /// Returns the last chunk of a file, for a line after it.
    ///
    /// # Errors
    /// If the file is not indexed or has no such line.
    fn find_last_chunk(
        &self,
        snapshot: &Snapshot,
        path: RepoPath,
        line: u32,
        cancel: &CancelToken,
    ) -> Result<u32, EngineError> {
        let file = snapshot.file_index(path.as_str());
        let Some(last) = file.and_then(|file| snapshot.chunks_of_file(file).next_back()) else {
            return Err(PathError::NotIndexed { path, line }.into());
        };
        let path = Some(path.as_str().to_owned());
        self.read_code(&ReadRequest { path, lines: Some((line, line)), ..ReadRequest::default() }, cancel)?;
        Ok(last)
    }
}
