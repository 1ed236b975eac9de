//! Lists the indexed files: those at the top of the folder, or all paths.

use crate::error::EngineError;
use crate::state::Engine;
use retrieval::{PartRequest, load_part};
use types::{Language, RepoPath};

/// Maximum number of files that are loaded to find those with chunks.
const MAX_LOADED: usize = 1_000;

/// A file that has chunks in the index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexedFile {
    pub path: RepoPath,
    pub language: Language,
    /// Size when the file was indexed, in bytes; `None` if the index has no record of the file.
    pub size_bytes: Option<u64>,
}

impl Engine {
    /// Returns at most `limit` indexed files that are directly in the root, sorted by path.
    ///
    /// # Errors
    /// [`EngineError::NotIndexed`], or an error of the store.
    pub fn top_files(&self, limit: usize) -> Result<Vec<IndexedFile>, EngineError> {
        let snapshot = self.confirmed_snapshot()?;
        // The files of an index that is not held in memory are loaded by their paths.
        let on_disk = if snapshot.is_part() { self.list_root(MAX_LOADED) } else { Vec::new() };
        let snapshot = load_part(&snapshot, &PartRequest::Files(&on_disk))?;
        let at_top = snapshot.files.iter().filter(|file| file.path.folder().is_empty()).take(limit);
        let files = at_top.map(|file| IndexedFile {
            path: file.path.clone(),
            language: file.language,
            size_bytes: snapshot.record(&file.path).map(|record| record.stat.size_bytes),
        });
        Ok(files.collect())
    }

    /// Returns the paths of all files with chunks, sorted; `None` for an index that is not held in memory.
    ///
    /// # Errors
    /// [`EngineError::NotIndexed`], or an error of the store.
    pub fn indexed_paths(&self) -> Result<Option<Vec<RepoPath>>, EngineError> {
        let snapshot = self.confirmed_snapshot()?;
        Ok((!snapshot.is_part()).then(|| snapshot.files.iter().map(|file| file.path.clone()).collect()))
    }

    /// Returns the paths of at most `limit` files that are in the root now, sorted; none if it cannot be read.
    fn list_root(&self, limit: usize) -> Vec<RepoPath> {
        let Ok(entries) = std::fs::read_dir(self.root()) else { return Vec::new() };
        let files = entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()));
        let mut paths: Vec<RepoPath> = files.filter_map(|file| RepoPath::below(self.root(), &file.path())).collect();
        paths.sort_unstable();
        paths.truncate(limit);
        paths
    }
}
