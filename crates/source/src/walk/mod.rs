//! The walk of a folder: which files are indexed, which are skipped and why, and the projects they
//! belong to.
//!
//! Contains the ignore rules (see `ignore_rules`), the kinds of files that are never indexed, and the manifests that
//! make a folder a project. The walker of the crate `ignore` does not report skipped files and differs from git, so
//! this module walks the folders and uses only its matcher for `.ignore`. The order is by name and thus reproducible.
//! Symbolic links are not followed. An unreadable file is skipped with a reason and never an error. The first of these
//! that matches decides: secret, `.codescryignore` and `.ignore`, tracked by git, ignore rules of git, names of folders
//! of packages, hidden, symbolic links and special files and other file systems, copies of the repository, markers of
//! folders of packages, lock file, data, binary, minified name, size. In a folder that rules of git leave out, that
//! holds packages or that is hidden, tracked files are in.

mod content;
mod disk;
mod file_kinds;
mod finding;
mod generated;
mod ignore_rules;
mod package_folders;
mod partial;
mod projects;
mod walker;

#[cfg(test)]
mod tests;

pub use content::{inspect_content, inspect_published_content};
pub use disk::{Disk, DiskEntry, FileContents, FileSystem, TreeReader};
pub use finding::{SkippedPath, WalkEntry, WalkError, WalkFinding};
pub use ignore_rules::{FaultLog, TrackedState};
pub use partial::{
    IgnoreFault, affects_ignore_rules, describe_ignore_fault, enters_folder, find_ignore_faults,
    find_nested_ignore_faults, ignore_files_outside, judge_path, tracked_state, walk_folders, walk_paths, walk_scope,
};
pub use projects::find_projects;
pub use walker::{WalkOptions, max_bytes_of, walk_tree};
