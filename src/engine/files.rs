//! The indexed files of an engine, a page at a time.

use super::{Engine, EngineError};
use crate::types::{Language, RepoPath};

/// A file with chunks in the index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexedFile {
    pub path: RepoPath,
    pub language: Language,
    pub size_bytes: u64,
}

/// Some of the indexed files, by path.
#[derive(Clone, Debug, Default)]
pub struct FilePage {
    pub files: Vec<IndexedFile>,
    /// Of all.
    pub total: usize,
    /// See [`super::SearchAnswer::edition`].
    pub edition: u64,
}

impl Engine {
    /// At most `limit` of the indexed files after the first `offset`.
    ///
    /// # Errors
    /// [`EngineError::NotIndexed`], or a failing store.
    pub fn indexed_files(&self, offset: usize, limit: usize) -> Result<FilePage, EngineError> {
        let snapshot = self.snapshot()?;
        let files = snapshot.files.iter().skip(offset).take(limit).map(|file| IndexedFile {
            path: file.path.clone(),
            language: file.language,
            size_bytes: snapshot.record(&file.path).map_or(0, |record| record.size_bytes),
        });
        Ok(FilePage { files: files.collect(), total: snapshot.files.len(), edition: super::edition(&snapshot) })
    }
}
