//! The options of an index run.

use types::{PathSet, RepoPath};

/// Options of an index run.
#[derive(Clone, Debug, Default)]
pub struct IndexRequest {
    /// Whether to discard the stored index and start again.
    pub rebuild: bool,
    /// The part of the folder to update. An index that is incomplete, damaged or built with other settings is always
    /// updated as a whole.
    pub scope: IndexScope,
    /// Whether to read the whole index and repair its damage. Otherwise, the run only repairs damage that it meets.
    pub verify: bool,
}

/// The part of a folder that a run updates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum IndexScope {
    /// The whole folder.
    #[default]
    All,
    /// These files, and everything below these folders.
    Paths(Vec<RepoPath>),
}

impl IndexScope {
    /// Returns the paths of a partial scope; `None` for the whole folder.
    pub fn paths(&self) -> Option<&[RepoPath]> {
        match self {
            Self::All => None,
            Self::Paths(paths) => Some(paths),
        }
    }

    /// Returns the scope that covers both scopes.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        match (self, other) {
            (Self::Paths(one), Self::Paths(other)) => {
                let both: PathSet = one.into_iter().chain(other).collect();
                Self::Paths(both.into_iter().collect())
            }
            _ => Self::All,
        }
    }

    /// Returns the paths as a set, to test many files; `None` for the whole folder.
    pub fn path_set(&self) -> Option<PathSet> {
        self.paths().map(|paths| paths.iter().cloned().collect())
    }
}
