//! Lists indexed files, a page at a time.

use crate::error::EngineError;
use crate::state::Engine;
use types::{Language, RepoPath};

/// A file that has chunks in the index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexedFile {
    pub path: RepoPath,
    pub language: Language,
    /// Size when the file was indexed, in bytes; `None` if the index has no record of the file.
    pub size_bytes: Option<u64>,
}

/// A page of the indexed files, sorted by path.
#[derive(Clone, Debug, Default)]
pub struct FilePage {
    pub files: Vec<IndexedFile>,
    /// Number of indexed files on all pages.
    pub total: usize,
    /// Hash of the commit; see [`crate::SearchAnswer::generation`].
    pub generation: u64,
}

impl Engine {
    /// Returns at most `limit` indexed files, skipping the first `offset`.
    ///
    /// # Errors
    /// [`EngineError::NotIndexed`], or an error of the store.
    pub fn indexed_files(&self, offset: usize, limit: usize) -> Result<FilePage, EngineError> {
        let snapshot = self.snapshot()?;
        let files = snapshot.files.iter().skip(offset).take(limit).map(|file| IndexedFile {
            path: file.path.clone(),
            language: file.language,
            size_bytes: snapshot.record(&file.path).map(|record| record.stat.size_bytes),
        });
        Ok(FilePage {
            files: files.collect(),
            total: snapshot.files.len(),
            generation: snapshot.view.generation().stable_hash(),
        })
    }
}
