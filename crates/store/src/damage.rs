//! The damage that a complete check of a store finds.

use std::collections::BTreeSet;

use types::RepoPath;

/// The damage that a complete check of a store has found. The default is no damage.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreDamage {
    /// Files with damaged texts. If `whole` is `None`, all other rows are intact, so it is enough to index these files
    /// again.
    pub files: BTreeSet<RepoPath>,
    /// The reason why the whole index must be built again; `None` if that is not necessary.
    pub whole: Option<String>,
    /// Whether the manifest is damaged and its copy is used. The next commit replaces both.
    pub is_manifest_damaged: bool,
}

impl StoreDamage {
    /// Returns whether nothing is damaged.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Describes the worst damage in a few words, such as `the stored texts of 2 files are damaged`; `None` if there is
    /// none.
    pub fn describe(&self) -> Option<String> {
        if let Some(reason) = &self.whole {
            return Some(reason.clone());
        }
        match self.files.len() {
            0 => self.is_manifest_damaged.then(|| "manifest.json is damaged; its copy is used".to_owned()),
            1 => Some("the stored text of one file is damaged".to_owned()),
            files => Some(format!("the stored texts of {files} files are damaged")),
        }
    }
}
