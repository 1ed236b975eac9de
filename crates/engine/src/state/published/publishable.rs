//! The files and the manifest by which an index is published.

use std::path::Path;

use crate::error::EngineError;
use store::lance::{IndexParts, LanceStore};

/// A complete index, as it is published.
pub struct PublishableIndex {
    pub parts: IndexParts,
    /// The files by their paths with slashes, and their sizes in bytes.
    pub files: Vec<(String, u64)>,
    /// The text of a `manifest.json` for a folder with these files.
    pub manifest_text: String,
}

impl PublishableIndex {
    /// Lists the files of the last commit of the index in `dir`. Its manifest names `location` as the indexed folder; a
    /// message names `root`.
    ///
    /// # Errors
    /// [`EngineError::Unpublishable`] when the index is not complete or its files are not known; otherwise when its
    /// manifest cannot be read, or a file is missing.
    pub fn list(dir: &Path, root: &Path, location: &str) -> Result<Self, EngineError> {
        let parts = LanceStore::list_parts(dir)?.filter(|parts| parts.manifest.complete);
        let parts = parts.ok_or_else(|| EngineError::Unpublishable { root: root.to_owned() })?;
        let files = parts.files.iter().map(|part| (part.path.clone(), part.size_bytes)).collect();
        let manifest = parts.manifest_file(Path::new(location))?;
        let manifest_text = String::from_utf8_lossy(&manifest).into_owned();
        Ok(Self { parts, files, manifest_text })
    }
}
