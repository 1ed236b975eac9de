//! Lists the indexed files at the top of the folder.

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

impl Engine {
    /// Returns at most `limit` indexed files that are directly in the root, sorted by path; none of an index that is
    /// not held in memory.
    ///
    /// # Errors
    /// [`EngineError::NotIndexed`], or an error of the store.
    pub fn top_files(&self, limit: usize) -> Result<Vec<IndexedFile>, EngineError> {
        let snapshot = self.confirmed_snapshot()?;
        let at_top = snapshot.files.iter().filter(|file| file.path.folder().is_empty()).take(limit);
        let files = at_top.map(|file| IndexedFile {
            path: file.path.clone(),
            language: file.language,
            size_bytes: snapshot.record(&file.path).map(|record| record.stat.size_bytes),
        });
        Ok(files.collect())
    }
}
