//! Ignore rules: the files that hold them, and the meaning of their patterns.
//!
//! [`FolderRules`] holds the rules from the top of the repository down to a folder. Files of git are matched exactly as
//! git does (`git_rules`), `.ignore` and `.codescryignore` as the crate `ignore` does.

#[cfg(all(test, unix))]
mod differential;
mod fault_log;
mod folder_rules;

pub use fault_log::FaultLog;
pub(super) use folder_rules::{FolderRules, IGNORE_FILES, IgnoreVerdict};
pub use git_rules::TrackedState;
