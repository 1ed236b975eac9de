//! Reads git's ignore rules, index and worktrees.
//!
//! [`GitPatterns`] matches the patterns of an ignore file exactly as git does, [`GitFiles`] finds the files in which
//! git keeps its rules and its index, and [`Repository`] knows which paths git tracks. [`TreeObjects`] knows the
//! contents of files from their object ids, and [`GitProject`] which folders are working trees of one project.
//!
//! Git's patterns are not matched by the crate `gix-ignore` 0.24: it differs from git in some 500 of 20,000 cases of
//! the differential test (`a**/b`, byte order marks, zero bytes, a carriage return at the end of a file), and its time
//! doubles with each `**/` of a pattern, so that one line could stop a walk. It would also add ten crates.

mod conversions;
mod files;
mod index;
mod objects;
mod patterns;
mod project;
mod repository;
mod wildcard;

pub use files::GitFiles;
pub use objects::{ObjectId, TreeObjects};
pub use patterns::{GitMatch, GitPatterns};
pub use project::{GitProject, ProjectRelation};
pub use repository::{Repository, TrackedState, is_worktree_of_another, read_tracked_state};
