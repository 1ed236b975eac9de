//! The result of a dry run.

use types::{Language, RepoPath, SkipReason};

/// The files that an index run would include and exclude.
#[derive(Clone, Debug, Default)]
pub struct DryRun {
    /// Files to index, sorted by path, with their languages.
    pub included: Vec<(RepoPath, Language)>,
    /// Files and folders to skip, each with whether it is a folder, and with the reason.
    pub excluded: Vec<(RepoPath, bool, SkipReason)>,
}
