//! Ignore rules: the files that hold them, and the meaning of their patterns.
//!
//! [`FolderRules`] holds the rules from the top of the repository down to a folder. Files of git are matched exactly as
//! git does, `.ignore` and `.codescryignore` as the crate `ignore` does.
//!
//! Git's patterns are not matched by the crate `gix-ignore` 0.24: it differs from git in some 500 of 20,000 cases of the
//! differential test (`a**/b`, byte order marks, zero bytes, a carriage return at the end of a file), and its time
//! doubles with each `**/` of a pattern, so that one line could stop a walk. It would also add ten crates.

#[cfg(all(test, unix))]
mod differential;
mod folder_rules;
mod git_files;
mod git_index;
mod git_patterns;
mod repository;
mod wildcard;

pub(super) use folder_rules::{FolderRules, IGNORE_FILES, IgnoreVerdict};
pub use repository::TrackedState;
