//! Finds the folders that are working trees of one project: worktrees of a repository, and clones of it.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::files::GitFiles;

/// The repository that a folder is in, as far as it identifies the project. It is recorded beside an index, so that it
/// is known when the folder is gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GitProject {
    /// The top of the working tree.
    pub top: PathBuf,
    /// The folder relative to the top, with slashes; empty for the top itself.
    pub part: String,
    /// Git's folder that all worktrees share.
    pub common_folder: PathBuf,
    /// Git's folder for this worktree; equal to [`GitProject::common_folder`] for the main one.
    pub own_folder: PathBuf,
    /// The address of the origin, in a form in which addresses of one repository are equal; `None` without an origin.
    pub origin: Option<String>,
    /// The commit that is checked out, in hexadecimal; `None` if it cannot be found.
    pub commit: Option<String>,
}

/// The way in which two folders belong to one project; a closer one is greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProjectRelation {
    /// Both have the same origin, or one is the origin of the other, or both have the same commit checked out.
    Clone,
    /// Both are worktrees of one repository.
    Worktree,
}

impl GitProject {
    /// Finds the repository that a folder is in; `None` if there is none, or if it cannot be read.
    pub fn find(folder: &Path) -> Option<Self> {
        let (top, part) = find_top(folder)?;
        let files = GitFiles::find(&top).ok()??;
        Some(Self {
            part,
            common_folder: files.common_folder().to_owned(),
            own_folder: files.own_folder().to_owned(),
            origin: files.origin(&top),
            commit: files.head_commit(),
            top,
        })
    }

    /// Returns how another folder is the same part of the same project; `None` if it is not.
    pub fn relation(&self, other: &Self) -> Option<ProjectRelation> {
        if self.part != other.part {
            return None;
        }
        if self.common_folder == other.common_folder {
            return Some(ProjectRelation::Worktree);
        }
        let is_origin_of = |one: &Self, other: &Self| {
            other.origin.as_ref().is_some_and(|origin| {
                let origin = Path::new(origin);
                origin == one.top || origin == one.common_folder
            })
        };
        let is_same = (self.origin.is_some() && self.origin == other.origin)
            || (self.commit.is_some() && self.commit == other.commit)
            || is_origin_of(self, other)
            || is_origin_of(other, self);
        is_same.then_some(ProjectRelation::Clone)
    }

    /// Returns whether the folder is in a linked worktree rather than in the main working tree.
    pub fn is_linked_worktree(&self) -> bool {
        self.own_folder != self.common_folder && self.own_folder.starts_with(&self.common_folder)
    }
}

/// Returns the top of the working tree that a folder is in, and the folder relative to it, with slashes. `None` if
/// there is no working tree, or if the relative path is not UTF-8.
pub fn find_top(folder: &Path) -> Option<(PathBuf, String)> {
    let top = folder.ancestors().find(|above| above.join(".git").symlink_metadata().is_ok())?;
    let part = folder.strip_prefix(top).ok()?.to_str()?;
    Some((top.to_owned(), if cfg!(windows) { part.replace('\\', "/") } else { part.to_owned() }))
}
