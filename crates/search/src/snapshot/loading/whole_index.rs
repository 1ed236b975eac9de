//! Lookups in a whole index of which only some files are loaded.

use std::any::Any;
use std::collections::HashSet;

use store::StoreError;
use store::inverted_index::SegmentError;

/// An index whose chunks are not all held in memory, as a snapshot of some of its files sees it. A lookup of a name or
/// a folder that cannot read the index finds nothing; [`WholeIndex::check_lookups`] returns its error.
pub trait WholeIndex: Any + Send + Sync {
    /// Returns whether a file with this name is indexed, ignoring case unless `is_exact`.
    fn has_file(&self, name: &str, is_exact: bool) -> bool;

    /// Returns whether a definition has this name, ignoring case and separators.
    fn has_definition(&self, name: &str) -> bool;

    /// Returns the root folders of projects: all folders with a manifest or a readme.
    fn project_folders(&self) -> &HashSet<String>;

    /// Returns the number of chunks that contain the term with this hash, including deleted ones.
    ///
    /// # Errors
    /// If the inverted index cannot be read.
    fn document_frequency(&self, hash: u64) -> Result<u32, SegmentError>;

    /// Fails with the error of the first lookup that could not read the index since the last call.
    ///
    /// # Errors
    /// If there is one.
    fn check_lookups(&self) -> Result<(), StoreError>;
}
