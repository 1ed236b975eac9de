//! The result of a dry run.

use types::{Language, RepoPath, SkipReason};

/// The files that an index run would include and exclude.
#[derive(Clone, Debug, Default)]
pub struct DryRun {
    /// Files to index, sorted by path, with their languages.
    pub included: Vec<(RepoPath, Language)>,
    /// Files and folders to skip: the path, whether it is a folder, and the reason.
    pub excluded: Vec<(RepoPath, bool, SkipReason)>,
    /// Credentials that are masked in the included files: the file, the line (1-based) and the rule that found each.
    pub masked: Vec<(RepoPath, u32, &'static str)>,
    /// Included files that cannot be decoded without losses, each with a message.
    pub problems: Vec<(RepoPath, String)>,
}
