//! Ignore rules: the files that hold them, and the meaning of their patterns.
//!
//! [`FolderRules`] holds the rules from the top of the repository down to a folder. Files of git are matched exactly as
//! git does, `.ignore` and `.codescryignore` as the crate `ignore` does.
//!
//! Git's patterns are not matched by the crate `gix-ignore`, because it differs from git in some of the cases of the
//! differential test (`a**/b`, a carriage return at the end of the file, other byte order marks), and because
//! `**/**/**/…` takes it time exponential in the number of folders: one line would stop a walk.

#[cfg(all(test, unix))]
mod differential;
mod folder_rules;
mod git_files;
mod git_patterns;
mod wildcard;

pub(super) use folder_rules::{FolderRules, IGNORE_FILES, IgnoreVerdict};
